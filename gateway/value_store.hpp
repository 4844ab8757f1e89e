#pragma once

#include "gateway/base/time.hpp"
#include "mapping/conversion.hpp"

#include <limits>
#include <vector>

namespace gateway {

/// The last thing known of one point.
struct Stored {
    lwm2m::Value value;     ///< monostate: no value, see quality
    base::WallTime at{};    ///< time of the measurement, for the server
    base::Instant heard{};  ///< the same on the monotonic clock, for max_age
    bool expired = false;   ///< the next read asks the device, however young it is
    mapping::Quality quality = mapping::Quality::never;
};

struct Extremes {
    double least = std::numeric_limits<double>::infinity();
    double most = -std::numeric_limits<double>::infinity();
    bool known() const { return least <= most; }
};

/// Last readings of all points, and least and greatest good ones where a resource shows them. Core loop only.
class ValueStore {
public:
    ValueStore(std::size_t points, std::size_t extremes) : readings_(points), extremes_(extremes) {}

    /// More places, all without a reading; never fewer.
    void grow(std::size_t points, std::size_t extremes) {
        if (points > readings_.size()) readings_.resize(points);
        if (extremes > extremes_.size()) extremes_.resize(extremes);
    }
    /// Places of a device that went, free for another.
    void forget(std::uint32_t first_reading, std::size_t points, std::uint32_t first_extreme, std::size_t extremes) {
        for (std::size_t i = 0; i < points; ++i) readings_[first_reading + i] = {};
        for (std::size_t i = 0; i < extremes; ++i) extremes_[first_extreme + i] = {};
    }

    struct Change {
        bool value = false, quality = false;
    };
    /// A value that is not_available keeps no old number: the device itself said that there is none.
    Change put(std::uint32_t place, mapping::Reading reading, base::WallTime at, base::Instant now) {
        Stored& stored = readings_[place];
        const Change change{stored.value != reading.value, stored.quality != reading.quality};
        if (change.value) stored.value = std::move(reading.value);
        stored.quality = reading.quality;
        stored.at = at;
        stored.heard = now;
        stored.expired = false;
        return change;
    }
    const Stored& at(std::uint32_t place) const { return readings_[place]; }
    /// The next read asks the device again.
    void expire(std::uint32_t place) { readings_[place].expired = true; }

    /// True: a new least or greatest.
    struct Moved {
        bool least = false, most = false;
    };
    Moved widen(std::uint32_t place, double value) {
        Extremes& e = extremes_[place];
        const Moved moved{value<e.least, value> e.most};
        if (moved.least) e.least = value;
        if (moved.most) e.most = value;
        return moved;
    }
    const Extremes& extremes(std::uint32_t place) const { return extremes_[place]; }
    void reset_extremes(std::uint32_t place) { extremes_[place] = {}; }

private:
    std::vector<Stored> readings_;
    std::vector<Extremes> extremes_;
};

}  // namespace gateway
