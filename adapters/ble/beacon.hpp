#pragma once

#include "adapters/ble/settings.hpp"

/// From a report to the values of a device's points.
namespace adapters::ble {

struct Heard {
    Outcome outcome = Outcome::foreign;
    /// Of the points with `at` and `field` that this report says something of. RadioField points are not among them.
    std::vector<std::pair<PointIndex, Result<Scalar>>> values;
    std::string why;  ///< as Report's
};

/// What `advertisement` (of the device itself: the caller has compared addresses) says of the points of `shape`.
Heard hear(const Shape& shape, const Advertisement& advertisement, Memory& memory);

}  // namespace adapters::ble
