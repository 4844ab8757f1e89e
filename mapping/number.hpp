#pragma once

#include "adapters/api/adapter.hpp"
#include "mapping/decimal.hpp"

#include <compare>
#include <cstdint>
#include <optional>

namespace mapping {

/// A number on its way: exact while it fits, and always the double. `approximate` may be infinite or NaN after an
/// operation; whoever shows it asks finite() first.
struct Number {
    std::optional<Decimal> exact;
    double approximate = 0;

    Number() : exact(Decimal{}) {}
    explicit Number(Decimal d) : exact(d), approximate(d.number()) {}
    explicit Number(double d) : exact(Decimal::of(d)), approximate(d) {}
    static Number rough(double d);  ///< what is known as a double only
    bool finite() const;

    friend Number operator*(const Number& a, const Number& b);
    friend Number operator+(const Number& a, const Number& b);
    friend Number operator-(const Number& a, const Number& b);
    /// By zero: not finite.
    friend Number operator/(const Number& a, const Number& b);
    friend std::partial_ordering operator<=>(const Number& a, const Number& b);
    friend bool operator==(const Number& a, const Number& b) { return (a <=> b) == 0; }
};

/// × 10^power.
Number shifted(const Number& number, int power);
/// A boolean counts as 0 or 1; nothing for text and bytes.
std::optional<Number> number_of(const adapters::Scalar& value);
/// The nearest integer, half away from zero; nothing when it does not fit.
std::optional<std::int64_t> integer_of(const Number& number);
std::optional<std::uint64_t> unsigned_of(const Number& number);

}  // namespace mapping
