#include "lwm2m/observation.hpp"

#include <algorithm>
#include <cmath>

namespace lwm2m {

namespace {

// Not-a-number is one value here: a sensor that stays broken is no news.
bool differs(const Value& a, const Value& b) {
    const double* x = std::get_if<double>(&a);
    const double* y = std::get_if<double>(&b);
    if (x != nullptr && y != nullptr && std::isnan(*x) && std::isnan(*y)) return false;
    return a != b;
}

}  // namespace

void Observation::started(Value value, std::optional<WallTime> at, Instant now) {
    last_ = value;
    evaluated_ = value;
    current_ = std::move(value);
    current_at_ = at;
    sent_at_ = evaluated_at_ = beat_from_ = now;
}

void Observation::started(std::uint64_t digest, Parts parts, Instant now) {
    last_digest_ = current_digest_ = digest;
    last_parts_ = parts;
    current_parts_ = std::move(parts);
    sent_at_ = evaluated_at_ = beat_from_ = now;
}

void Observation::change(const Conditions& conditions, Instant now) {
    if (conditions == conditions_) return;
    conditions_ = conditions;
    latched_.reset();
    if (kind_ == Kind::composed) {
        fresh_ = true;  // the parts may not have been kept: look again
        return;
    }
    evaluate(now);
}

void Observation::offer(Value value, std::optional<WallTime> at, Instant now) {
    current_ = std::move(value);
    current_at_ = at;
    stale_ = false;
    if (now >= evaluation())
        evaluate(now);
    else
        fresh_ = true;
}

void Observation::touch() { fresh_ = true; }

// Core digest 7.4: thresholds compare with the value last notified, in the xor form (50 -> 45 crosses gt=45).
bool Observation::qualifies(const Value& last, const Value& value) const {
    if (thresholds()) {
        const auto v = numeric(value), l = numeric(last);
        if (!v || !l || std::isnan(*v) || std::isnan(*l)) return differs(last, value);
        const auto& c = conditions_;
        return (c.gt && ((*v > *c.gt) != (*l > *c.gt))) || (c.lt && ((*v < *c.lt) != (*l < *c.lt))) ||
               (c.st && std::abs(*v - *l) >= *c.st);
    }
    if (conditions_.edge) return false;  // an edge is seen between samples, see evaluate()
    return differs(last, value);
}

bool Observation::qualifies(const Parts& last, const Parts& parts) const {
    if (last.size() != parts.size()) return true;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (last[i].first != parts[i].first) return true;  // both are ordered by id
        if (conditions_.edge) {
            const bool* was = std::get_if<bool>(&last[i].second);
            const bool* is = std::get_if<bool>(&parts[i].second);
            if (is != nullptr && *is == *conditions_.edge && (was == nullptr || *was != *is)) return true;
        } else if (qualifies(last[i].second, parts[i].second)) {
            return true;
        }
    }
    return false;
}

void Observation::evaluate(Instant now) {
    fresh_ = false;
    evaluated_at_ = now;
    // A change that reverted inside pmin is dropped; an edge stays, as the pulse itself was what the server asked for.
    qualified_ = qualifies(last_, current_);
    if (conditions_.edge) {
        const bool* was = std::get_if<bool>(&evaluated_);
        const bool* is = std::get_if<bool>(&current_);
        if (is != nullptr && *is == *conditions_.edge && (was == nullptr || *was != *is)) latched_ = *is;
    }
    evaluated_ = current_;
}

Observation::Next Observation::next(Instant now) {
    if (kind_ == Kind::single) {
        if (fresh_ && now >= evaluation()) evaluate(now);
        if (pending() && now >= earliest()) return Next::send;
        if (!reading_ && (now >= beat() || now >= sampling())) {
            reading_ = true;
            return Next::read;
        }
        return Next::wait;
    }
    if (!reading_ && ((fresh_ && now >= std::max(earliest(), evaluation())) || now >= beat() || now >= sampling())) {
        reading_ = true;
        fresh_ = false;
        return Next::read;
    }
    return Next::wait;
}

Instant Observation::deadline() const {
    Instant when = Instant::max();
    if (kind_ == Kind::single) {
        if (fresh_) when = std::min(when, evaluation());
        if (pending()) when = std::min(when, earliest());
    } else if (fresh_ && !reading_) {
        when = std::max(earliest(), evaluation());
    }
    if (!reading_) when = std::min({when, beat(), sampling()});
    return when;
}

Observation::Sample Observation::sample() const {
    if (latched_) return {*latched_, current_at_, false};
    return {current_, current_at_, stale_};
}

void Observation::sent(Instant now) {
    sent_at_ = beat_from_ = now;
    overdue_ = false;
    if (kind_ == Kind::composed) {
        last_digest_ = current_digest_;
        last_parts_ = current_parts_;
        return;
    }
    last_ = latched_ ? Value(*std::exchange(latched_, std::nullopt)) : current_;
    qualified_ = qualifies(last_, current_);
}

void Observation::read_done(Value value, std::optional<WallTime> at, Instant now) {
    reading_ = false;
    offer(std::move(value), at, now);
    evaluated_at_ = now;
    overdue_ = now >= beat();
}

bool Observation::read_done(std::uint64_t digest, Parts parts, Instant now) {
    reading_ = false;
    evaluated_at_ = now;
    // Edges are seen between samples, all else against what the server knows.
    const bool changed =
        wants_parts() ? qualifies(conditions_.edge ? current_parts_ : last_parts_, parts) : digest != last_digest_;
    current_digest_ = digest;
    current_parts_ = std::move(parts);
    if (now >= beat() || (changed && now >= earliest())) return true;
    fresh_ = fresh_ || changed;  // read for epmax inside pmin: again when pmin ends
    return false;
}

void Observation::read_failed(Instant now) {
    reading_ = false;
    evaluated_at_ = now;
    if (now < beat()) return;
    if (kind_ == Kind::single) {
        overdue_ = stale_ = true;
    } else {
        beat_from_ = now;  // nothing to send; look again after another pmax
    }
}

}  // namespace lwm2m
