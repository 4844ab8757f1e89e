#pragma once

#include "adapters/api/encoding.hpp"
#include "lwm2m/value.hpp"

#include <memory>
#include <optional>
#include <string>

namespace mapping {

/// IPSO 6042, Measurement Quality Indicator.
enum class Quality : std::uint8_t {
    never = 0,          ///< not read yet
    not_available = 1,  ///< the device itself says so (`invalid`)
    rejected = 2,       ///< out of `range`; or the device is offline
    old = 3,            ///< kept from before
    good = 4
};

struct Reading {
    lwm2m::Value value;  ///< monostate: no value (not_available)
    Quality quality = Quality::good;
};

/// Between what a device says and what a server hears; the only place that knows both kinds of value.
/// Reading: invalid → bit/bits → map → scale, offset → range → type of the resource. Writing: the same way back.
/// Numbers stay exact: integers as integers, a decimal scale applied once (229 × 0.1 is 22.9).
/// Cheap to copy: the rules are shared.
class Conversion {
public:
    struct Rules;
    Conversion();  // hands values through
    explicit Conversion(std::shared_ptr<const Rules> rules) : rules_(std::move(rules)) {}

    /// Errc::malformed when the raw value cannot be the resource's (text for a number; a key that `map` has not).
    base::Result<Reading> read(const adapters::Scalar& raw) const;
    /// Errc::bad_request with the limit in the text: over max, off step, not in map. Nothing else may reach the bus.
    base::Result<adapters::Scalar> write(const lwm2m::Value& value) const;
    const Rules& rules() const { return *rules_; }

private:
    std::shared_ptr<const Rules> rules_;
};

/// Equal as values, whatever they are kept in: 1, 1u and 1.0 are, and true is 1. For ExpectStep.
bool same(const adapters::Scalar& a, const adapters::Scalar& b);

}  // namespace mapping
