#pragma once

#include "adapters/api/encoding.hpp"

#include <chrono>
#include <optional>
#include <vector>

namespace adapters::sim {

using Span = std::chrono::microseconds;

/// What a simulated point says over time; the same for the same time, always.
struct Signal {
    enum class Shape : std::uint8_t { constant, script, sine, ramp, square, random };

    Kind kind = Kind::float64;
    Shape shape = Shape::constant;
    std::vector<Scalar> values;  ///< constant: one; script: each in turn, then from the first again
    double low = 0, high = 0;    ///< of a wave or random
    Span period{};               ///< of a wave
    Span every{};                ///< script and random: how long each value holds; wave: how often it is pushed
    int digits = 2;              ///< after the decimal point, of a wave or random

    /// `since`: from the adapter's start. `salt` tells the devices' random values apart.
    Scalar at(Span since, std::uint64_t salt) const;
};

/// What is written under a point's `sim:` (a map, or a lone value) with the point's `type`. Mistakes are reported.
std::optional<Signal> read_signal(Fields& point, Fields* sim, const base::Node& node);

/// The value as a device of this type would give it (float32 has its own precision). Errc::bad_request: does not fit.
Result<Scalar> fit(Kind, const Scalar&);

}  // namespace adapters::sim
