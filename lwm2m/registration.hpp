#pragma once

#include "lwm2m/object_tree.hpp"
#include "lwm2m/transport.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace lwm2m {

/// `disabled`: by /1/x/4, for a while.
enum class RegistrationState : std::uint8_t { away, registering, registered, deregistered, disabled };
std::string_view name(RegistrationState);

/// The objects and instances of our own tree as Register and Update tell them: root link with the content formats, `ver`
/// for all that is not 1.0, /25 always with it; never /0, /21, /23, a resource, or anything of a device tree (core digest
/// 3.1, gateway digest 4). `minor`: LwM2M 1.minor; 1.1 is told no format that came with 1.2.
std::string object_list(const ObjectTree& tree, int minor);

/// /1/x/17 to /1/x/20 (OMA Core 1.2 6.2.1.1). Attempt n+1 of a sequence comes timer * 2^(n-1) after attempt n.
struct Retry {
    std::optional<std::uint32_t> count, timer, pause, sequences;  ///< 5, 60 s, 86,400 s, 1 where another one is set
    bool standard() const { return count || timer || pause || sequences; }
    friend bool operator==(const Retry&, const Retry&) = default;
};

/// One registration with one server: events and a time in, the next message out (core digest 3). Does no I/O.
///
/// As long as nothing is set in Retry, every failure is retried for ever: at once or after 1 s at first, then doubling up to
/// 60 s, each pause stretched by a random factor of up to 1.5. A gateway that gave up would have nobody to call it back,
/// since there is no bootstrap server (docs/decisions/0005-lwm2m-choices.md). With anything set, the standard's schedule
/// holds, and after the last sequence it stays away.
class Registration {
public:
    struct Settings {
        std::string endpoint;
        std::chrono::seconds lifetime{300};  ///< 0: for ever
        base::Milliseconds debounce{5000};   ///< joins and leaves are collected for so long
        /// The server knows us by our key, so that a new session may go on with an old registration. Else our address
        /// is our name, and a new session means Register (core digest 3.1).
        bool secured = false;
        bool queue = false;             ///< `Q`: the server asks when it has heard from us
        std::string profile{};          ///< `pid`, as it stands in the query; the list is told when the server asks (4.09)
        bool register_on_join = false;  ///< Register instead of Update when instances came or went
        Retry retry{};
    };
    enum class Kind : std::uint8_t { register_, update, deregister, disable };
    struct Step {
        Kind kind{};
        bool fresh_session = false;  ///< the session did not answer: drop it first
        Uplink message;
    };
    using ObjectList = std::function<std::string(int minor)>;

    Registration(Settings settings, base::Random& random) : settings_(std::move(settings)), random_(random) {}

    void start(base::Instant at);
    void instances_changed(base::Instant now);
    void set_lifetime(std::chrono::seconds lifetime, base::Instant now);
    void update_now(base::Instant now);
    /// The session ended or a notification was not acknowledged: is the server there, does it know us still?
    void session_closed(base::Instant now);
    void unreachable(base::Instant now);
    /// De-registers, is away for so long, then registers again.
    void disable(std::chrono::seconds time, base::Instant now);
    void set_retry(const Retry& retry, base::Instant now);
    /// What to say when leaving, if anything; nothing is sent afterwards.
    std::optional<Step> stop();
    /// A Register is under way: the server may know us in a moment, so that one who leaves awaits the answer and then stops.
    bool asking() const { return in_flight_ == Kind::register_; }

    /// What to send now, if anything; then answered() is awaited.
    std::optional<Step> take(base::Instant now, const ObjectList& list);
    /// When to call take() again without an event; Instant::max() for never.
    base::Instant deadline() const;
    void answered(const Result<UplinkAnswer>& answer, base::Instant now);

    RegistrationState state() const { return state_; }
    int minor() const { return minor_; }
    std::chrono::seconds lifetime() const { return settings_.lifetime; }
    const std::vector<std::string>& location() const { return location_; }
    /// Why it is not registered: "no answer", "4.03".
    const std::string& trouble() const { return trouble_; }
    base::Instant retry_at() const { return retry_at_; }
    /// When the server forgets us if it hears nothing more; Instant::max() for never.
    base::Instant expiry() const;
    bool started() const { return started_; }
    bool ever_registered() const { return ever_registered_; }
    /// It is there, or has failed for long enough that others need not wait for it.
    bool settled() const {
        return ever_registered_ || gave_up_ || sequences_ > 0 || (!settings_.retry.standard() && attempts_ > 0);
    }
    /// The server was told of this instance of our own tree.
    bool has_told(const Path& instance) const { return told_list_.find('<' + instance.str() + '>') != std::string::npos; }
    bool in_flight() const { return in_flight_.has_value(); }

private:
    Step make_register(const ObjectList& list, base::Instant now);
    std::optional<Step> make_update(const ObjectList& list, base::Instant now);
    void registered(const UplinkAnswer& answer, base::Instant now);
    void refresh(base::Instant now);
    void failed(std::string why, std::optional<std::uint32_t> max_age, base::Instant now);
    void again(base::Instant at);
    base::Milliseconds pause(unsigned attempt);

    Settings settings_;
    base::Random& random_;
    RegistrationState state_ = RegistrationState::away;
    bool started_ = false;
    std::optional<Kind> in_flight_;
    int minor_ = 2;
    std::vector<std::string> location_;
    std::string trouble_;

    base::Instant retry_at_ = base::Instant::max();  // away: next Register
    unsigned attempts_ = 0;                          // since the last success, or in this sequence
    unsigned sequences_ = 0;                         // that are over
    bool gave_up_ = false, ever_registered_ = false;
    bool full_list_ = false;  // the server does not know the profile
    std::optional<std::chrono::seconds> disable_for_;
    bool fresh_session_ = false;
    base::Instant asked_at_{};                         // the message in flight
    base::Instant confirmed_at_{};                     // the server's lifetime runs from here at the earliest
    base::Instant refresh_at_ = base::Instant::max();  // registered: periodic Update
    base::Instant urgent_at_ = base::Instant::max();   // an Update that something asked for
    base::Instant list_at_ = base::Instant::max();     // instances came or went
    base::Instant list_told_at_ = base::Instant::min();
    base::Instant closed_at_ = base::Instant::min();
    unsigned closings_ = 0;  // in a row, so that an ill session is not renewed in a circle
    std::chrono::seconds told_lifetime_{0}, asked_lifetime_{0};
    std::string told_list_, asked_list_;
};

}  // namespace lwm2m
