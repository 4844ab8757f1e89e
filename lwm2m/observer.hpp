#pragma once

#include "lwm2m/access.hpp"
#include "lwm2m/attributes.hpp"
#include "lwm2m/codec/codec.hpp"
#include "lwm2m/composite.hpp"
#include "lwm2m/object_tree.hpp"
#include "lwm2m/observation.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace lwm2m {

/// Keeps the observations of all servers and sends their notifications (OMA Core 1.2 6.4, core digest 7).
///
/// A value that nobody observes costs one hash look-up; otherwise the work is proportional to the observations that
/// the changed node falls under. All deadlines share one timer.
///
/// While a server is away, what it would have been told is kept with its times, if its /1/x/6 says so, and told oldest
/// first when it is back (core digest 7.6). Kept are also the confirmable ones that it did not acknowledge. One that needs
/// no confirmation and was lost on the way before we knew is lost.
class Observer {
public:
    /// Observed paths of one server, those of its composites included; what would be over it is answered as a plain Read
    /// (RFC 7641 4.1 allows that).
    static constexpr std::size_t most_per_server = 10'000;
    /// Notifications kept for one observation: as many as hqmax says, these at most; and without hqmax.
    static constexpr std::size_t most_kept = 1'000, usually_kept = 64;
    /// Bytes kept for one server; then the oldest of all its observations goes. As many again may wait for being
    /// acknowledged; over it the oldest of the same observation is not repeated if it was lost.
    static constexpr std::size_t most_kept_bytes = 1 << 20;

    Observer(Transport&, ObjectTree&, const AttributeStore&, const AccessControl&, base::Timers&, const codec::Lookup&);
    ~Observer();
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;

    struct Asked {
        ServerId server = 0;
        ObservationId id = 0;
        Target target;
        ContentFormat format{};           ///< of every notification
        bool single = false;              ///< a single resource or a resource instance
        std::optional<Attributes> own{};  ///< from the query; attached ones are then not looked at
        std::vector<Target> paths{};      ///< of an Observe-Composite, where target is the root; else empty
    };
    /// An Observe waits for its first value: reserves a place. False: no place, answer it as a Read.
    bool expect(ServerId, ObservationId);
    /// The first value is there. False: cancelled or voided meanwhile, answer it as a Read. `payload`: as sent.
    bool start(Asked, const std::vector<Entry>& entries, ByteView payload);
    /// The first value could not be read.
    void give_up(ServerId, ObservationId);

    void cancel(ServerId, ObservationId);
    /// All of this server at or below a path: an Observe 1 with an unknown token (core digest 7.1).
    void cancel_below(ServerId, const Target&);
    /// The Observe-Composite of this server with this list of paths, when its token is unknown.
    void cancel_composite(ServerId, const std::vector<Target>& paths);
    /// A Register makes all observations void.
    void drop_all(ServerId);

    /// The server does not acknowledge: nothing is sent until resume(), then what has changed by then.
    void pause(ServerId);
    void resume(ServerId);
    void acknowledged(ServerId, ObservationId, std::uint32_t number);
    /// /1/x/6: whether it is kept what the server misses.
    void set_storing(ServerId, bool);
    std::size_t kept_bytes(ServerId) const;

    void changed(const Target&, const Value&, WallTime);
    void changed_below(const Target& at);
    /// Nodes went: observations at or below get one 4.04 each and end.
    void removed(const Target& at);
    /// Attributes of this server at `at` changed; they are inherited below.
    void attributes_changed(ServerId, const Target& at);
    /// /1/x/2 and /1/x/3; pmax 0: none.
    void set_default_periods(ServerId, std::chrono::seconds pmin, std::chrono::seconds pmax);
    /// /1/x/26: what holds where `con` says nothing.
    void set_default_confirmable(ServerId, bool);
    /// Rights changed: what may be told again is told.
    void rights_changed();

    /// How often somebody wants this resource looked at: the shortest epmax of the observations that it falls under.
    std::optional<std::chrono::seconds> wanted_every(const Target& resource) const;
    /// wanted_every() may say something else for what is at or below this node.
    std::function<void(const Target&)> on_wanted;

    std::size_t size() const { return watches_.size(); }
    std::size_t size(ServerId) const;
    /// Max-Age of its answers: until the next notification at the latest.
    std::optional<std::uint32_t> max_age(ServerId, ObservationId) const;

private:
    using Key = std::pair<ServerId, ObservationId>;
    struct KeyHash {
        std::size_t operator()(const Key& key) const noexcept {
            return static_cast<std::size_t>((key.second ^ (std::uint64_t{key.first} << 48)) * 0x9E3779B97F4A7C15ULL >> 7);
        }
    };
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };
    struct Watch;
    struct Composite;
    struct Stored;
    using Deadlines = std::multimap<Instant, Watch*>;
    using Branch = std::multimap<Path, Watch*>;
    struct Account {
        std::size_t count = 0;  // of observed paths
        bool paused = false, storing = true, confirmable = false;
        std::chrono::seconds pmin{0}, pmax{0};
        std::set<ObservationId> expected;
        std::map<std::uint64_t, ObservationId> kept;  // by the order in which they came
        std::size_t kept_bytes = 0, unacked_bytes = 0;
    };

    Conditions conditions(const Watch&, const Target& of) const;
    void renew_conditions(Watch&);
    void tell_wanted(const Watch&) const;
    std::vector<Key> keys_of(ServerId) const;
    bool may_tell(const Watch&) const;
    Watch* find(const Key&) const;
    /// Those that a change at `at` may concern: above, at and below it. Keys, as a notification may end any of them.
    std::vector<Key> concerned(const Target& at) const;
    void process(const Key&);
    void process(Watch&);
    void read(Watch&);
    void finish_read(const Key&, std::uint64_t serial, Result<std::vector<Entry>>);
    void notify(Watch&, std::vector<Entry>, bool with_time);
    void send(Watch&, Bytes payload, const std::vector<Entry>& entries);

    void start_composite(Watch&, const std::vector<Entry>&, Instant now);
    void touch_composite(Watch&, const Target&, const Value*, std::optional<WallTime>);
    void process_composite(Watch&);
    void finish_composite(const Key&, std::uint64_t serial, std::vector<Gathered>);

    bool keeps(const Watch&) const;
    std::size_t room(const Watch&) const;
    Stored stored(Watch&, std::vector<Entry>) const;
    void keep(Watch&, std::vector<Entry>);
    void drop_kept(Watch&);
    void await(Watch&, Stored);
    std::deque<Stored> take_unacked(Watch&);
    void drop_oldest(Account&, ServerId);
    void flush(ServerId);
    void send_kept(Watch&, std::vector<Entry>);
    void end_gone(const Key&);
    bool is_gone(const Watch&) const;
    void forget(const Key&, bool tell_transport);
    void schedule(Watch&, Instant when);
    void arm();
    void fire();
    static Observation::Parts parts_of(const Observation&, const std::vector<Entry>&);

    Transport& transport_;
    ObjectTree& tree_;
    const AttributeStore& attributes_;
    const AccessControl& access_;
    base::Timers& timers_;
    const codec::Lookup& lookup_;
    std::unordered_map<Key, std::unique_ptr<Watch>, KeyHash> watches_;
    std::unordered_map<std::string, Branch, TextHash, std::equal_to<>> branches_;
    std::map<ServerId, Account> accounts_;
    Deadlines deadlines_;
    base::Timer timer_;
    Instant armed_for_ = Instant::max();
    std::uint64_t serial_ = 0, order_ = 0;
    std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace lwm2m
