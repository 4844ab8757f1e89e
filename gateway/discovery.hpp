#pragma once

#include "gateway/base/log.hpp"
#include "gateway/state_store.hpp"
#include "mapping/plan.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gateway {

/// Devices that discovery rules came upon: which of them may join is decided here, by hand, by list or by the rule itself
/// (`approve:`). What was approved or refused is kept over restarts (StateStore::found); what waits is not, it is found
/// again. Knows nothing of links and loops: main's App brings what was found, and reloads when the approved ones changed.
class Discovery {
public:
    static constexpr std::size_t most_pending = 1'000;    ///< over it the one that was not seen for longest is forgotten
    static constexpr std::size_t most_refused = 10'000;   ///< likewise
    static constexpr std::size_t most_approved = 10'000;  ///< over it nothing more is approved

    Discovery(StateStore& state, base::Timers& timers) : state_(state), timers_(timers) {}

    enum class State : std::uint8_t { pending, approved, refused };
    /// One device, as the verbs show it. No secret: values that are secrets are references here too.
    struct Entry {
        std::string id;    ///< that the rule made; approve(), refuse() and forget() take it
        std::string key;   ///< what stays when it moves (serial number, MAC address); they take this too, if it is the only one
        std::string rule;  ///< its name
        std::string link;
        std::string profile;    ///< "acme/em24@3"
        adapters::Words site;   ///< where it is: {"unit", "7"}
        adapters::Words facts;  ///< what it says of itself
        State state = State::pending;
        bool running = false;  ///< approved, and part of what runs
        std::string note;      ///< the adapter's line, or why it waits or was left out
        base::WallTime first_seen{};
        base::WallTime last_seen{};  ///< zero: not since the start
    };
    /// By id; pending ones first.
    std::vector<Entry> list() const;

    /// Errc::not_found, Errc::bad_request when `which` is the key of several, Errc::too_large over most_approved.
    /// Approving by hand goes beyond a rule's limit.
    base::Result<void> approve(std::string_view which);
    /// It does not run (any more), and is not asked about again.
    base::Result<void> refuse(std::string_view which);
    /// As if it had never been seen: the next look finds it again, and its rule decides anew.
    base::Result<void> forget(std::string_view which);
    /// Pending ones that were forgotten because there were too many, since the start.
    std::uint64_t forgotten() const { return forgotten_; }

    /// From a link (Sink::found).
    void found(const mapping::Rule&, adapters::Found);
    /// After each start and reload: what of the approved runs now, and why the others do not.
    void settled(const std::function<bool(const std::string& id)>& runs, const std::map<std::string, std::string>& left_out);
    /// What was decided changed: time to save and, a little later, to reload.
    std::function<void()> on_change;

private:
    struct Key {
        std::string rule, key;
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    struct Pending {
        FoundDevice device;
        base::WallTime seen{};
        std::string why;
        std::uint64_t turn = 0;
    };
    std::optional<Key> find(std::string_view which, base::Error& why) const;
    std::string decide(const mapping::Rule&, const adapters::Found&) const;
    void keep(FoundDevice);

    StateStore& state_;
    base::Timers& timers_;
    std::map<Key, Pending> pending_;
    struct Seen {
        base::WallTime last{};
        bool running = false;
        std::string note;
    };
    std::map<Key, Seen> seen_;  // of approved and refused ones
    std::uint64_t turn_ = 0, forgotten_ = 0;
    base::Once strange_;
};

std::string_view name(Discovery::State);

}  // namespace gateway
