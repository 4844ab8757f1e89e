#pragma once

#include "mapping/expression.hpp"

#include <cstdint>
#include <optional>

namespace mapping {

/// A counter that must not go back. A fall is a wrap, and good, when `wraps` is known and the way over it is shorter than
/// the way back; any other fall is rejected, until the next reading confirms it by not falling again: the meter was
/// replaced or reset.
struct Monotonic {
    std::optional<double> wraps;  ///< the greatest value, after which it is 0 again
};

/// What a point's conversion alone does not know. Numbers of points are places in DeviceType::points.
struct Formula {
    std::optional<std::uint16_t> exponent;  ///< value × 10^(its value), which is a whole number from -30 to 30
    std::optional<Expression> calc;
    std::optional<Expression> write_calc;
    std::optional<Monotonic> monotonic;
};

}  // namespace mapping
