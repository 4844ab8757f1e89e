#pragma once

#include "adapters/api/encoding.hpp"
#include "lwm2m/value.hpp"
#include "mapping/number.hpp"

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

/// A value halfway: on the server's side of `scale` and `offset`, before `exponent` and `calc`; or, when writing, after
/// them. What an Evaluator puts its own work between.
struct Taken {
    bool there = true;  ///< false: the device itself says that it is not
    adapters::Scalar value;
    std::optional<Number> number{};  ///< the same, where it is a number or a boolean
    std::optional<double> asked{};   ///< writing: the number that the server wrote, for messages; nothing after a `calc`
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
    /// The halves of read(): invalid to offset, then range and type.
    base::Result<Taken> take(const adapters::Scalar& raw) const;
    base::Result<Reading> give(const Taken&) const;
    /// The halves of write(): limits and step, then offset back to the device's type.
    base::Result<Taken> ask(const lwm2m::Value& value) const;
    base::Result<adapters::Scalar> put(Taken) const;

    /// Does a raw value, read back, hold what was written? With `bit` and `bits` only these count.
    bool shows(const adapters::Scalar& raw, const adapters::Scalar& written) const;
    /// What would be read after `written`, as far as this point looks at it: with `bits` the field at its place.
    adapters::Scalar as_read(const adapters::Scalar& written) const;
    const Rules& rules() const { return *rules_; }

private:
    std::shared_ptr<const Rules> rules_;
};

/// Equal as values, whatever they are kept in: 1, 1u and 1.0 are, and true is 1. For ExpectStep.
bool same(const adapters::Scalar& a, const adapters::Scalar& b);

}  // namespace mapping
