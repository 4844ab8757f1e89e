#pragma once

#include "lwm2m/value.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace lwm2m {

using base::Instant;

/// What one observation must keep to: its effective attributes (OMA Core 1.2 7.3.2, core digest 7.3).
struct Conditions {
    std::chrono::seconds pmin{0};
    std::optional<std::chrono::seconds> pmax, epmin, epmax;  // a pmax below pmin is left out already
    std::optional<double> gt, lt, st;
    std::optional<bool> edge;
    bool confirmable = false;
    std::optional<std::uint32_t> hqmax;  // notifications that are kept while the server is away
    friend bool operator==(const Conditions&, const Conditions&) = default;
};

/// When one observation speaks: events and a time in, decisions out; no I/O and no clock (core digest 7.4).
///
/// Two kinds. A *single* value (a single resource, a resource instance) is compared as it comes, and the value that
/// met the condition is the value that is sent. *Composed* content (object, instance, multiple resource) is only marked
/// as touched; it is read again when it may be sent, and compared as a whole by its digest.
class Observation {
public:
    enum class Kind : std::uint8_t { single, composed };
    enum class Next : std::uint8_t {
        wait,  ///< nothing until deadline() or the next event
        send,  ///< single: send sample() now, then call sent()
        read   ///< read the target now, then call one of the read_ functions; until then it is not asked again
    };
    struct Sample {
        Value value;
        std::optional<WallTime> at;
        bool stale = false;  ///< the last good value, since the device did not answer
    };
    /// Values of the instances of a multiple resource by instance id; only kept when thresholds or edges look at them.
    using Parts = std::vector<std::pair<std::uint16_t, Value>>;

    Observation(Kind kind, const Conditions& conditions) : conditions_(conditions), kind_(kind) {}

    Kind kind() const { return kind_; }
    const Conditions& conditions() const { return conditions_; }
    bool wants_parts() const { return kind_ == Kind::composed && (thresholds() || conditions_.edge.has_value()); }

    /// The answer to Observe counts as the first notification.
    void started(Value value, std::optional<WallTime> at, Instant now);  // single
    void started(std::uint64_t digest, Parts parts, Instant now);        // composed
    /// Attributes changed: evaluated anew at once.
    void change(const Conditions& conditions, Instant now);

    void offer(Value value, std::optional<WallTime> at, Instant now);  // single: a new value
    void touch();                                                      // composed: something in it is new

    Next next(Instant now);
    /// When next() may say something else without an event; Instant::max() for never.
    Instant deadline() const;

    Sample sample() const;
    void sent(Instant now);

    void read_done(Value value, std::optional<WallTime> at, Instant now);  // single; ask next() again
    /// Composed: true when it is to be sent now; then call sent().
    bool read_done(std::uint64_t digest, Parts parts, Instant now);
    /// Nothing is said about a failure, as an error code would end the observation (RFC 7641 4.2). When pmax is over, a
    /// single value is sent as last known; ask next() again (gateway digest 9).
    void read_failed(Instant now);

private:
    bool thresholds() const { return conditions_.gt || conditions_.lt || conditions_.st; }
    bool qualifies(const Value& last, const Value& value) const;
    bool qualifies(const Parts& last, const Parts& parts) const;
    void evaluate(Instant now);
    bool pending() const { return qualified_ || latched_.has_value() || overdue_; }
    Instant earliest() const { return sent_at_ + conditions_.pmin; }
    Instant beat() const { return conditions_.pmax ? beat_from_ + *conditions_.pmax : Instant::max(); }
    Instant sampling() const { return conditions_.epmax ? evaluated_at_ + *conditions_.epmax : Instant::max(); }
    Instant evaluation() const { return conditions_.epmin ? evaluated_at_ + *conditions_.epmin : Instant::min(); }

    Conditions conditions_;
    Kind kind_;
    bool fresh_ = false;      // single: an offer waits for epmin; composed: touched
    bool qualified_ = false;  // `current_` meets the condition
    bool overdue_ = false;    // pmax is over and `current_` is the newest there is
    bool stale_ = false;
    bool reading_ = false;
    std::optional<bool> latched_;  // an edge that came and may have gone inside pmin
    Instant sent_at_{}, evaluated_at_{}, beat_from_{};
    Value last_, evaluated_, current_;  // notified; at the last evaluation (for edges); newest
    std::optional<WallTime> current_at_;
    std::uint64_t last_digest_ = 0, current_digest_ = 0;
    Parts last_parts_, current_parts_;
};

}  // namespace lwm2m
