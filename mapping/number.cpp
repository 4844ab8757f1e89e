#include "mapping/number.hpp"

#include <cmath>
#include <limits>

namespace mapping {

namespace {

Number of(std::optional<Decimal> exact, double approximate) { return exact ? Number(*exact) : Number::rough(approximate); }

template <class F>
std::optional<Decimal> both(const Number& a, const Number& b, F operation) {
    return a.exact && b.exact ? operation(*a.exact, *b.exact) : std::nullopt;
}

}  // namespace

Number Number::rough(double d) {
    Number number;
    number.exact.reset();
    number.approximate = d;
    return number;
}

bool Number::finite() const { return std::isfinite(approximate); }

Number operator*(const Number& a, const Number& b) {
    return of(both(a, b, [](Decimal x, Decimal y) { return x * y; }), a.approximate * b.approximate);
}
Number operator+(const Number& a, const Number& b) {
    return of(both(a, b, [](Decimal x, Decimal y) { return x + y; }), a.approximate + b.approximate);
}
Number operator-(const Number& a, const Number& b) {
    return of(both(a, b, [](Decimal x, Decimal y) { return x - y; }), a.approximate - b.approximate);
}
Number operator/(const Number& a, const Number& b) {
    if (b.approximate == 0) return Number::rough(std::numeric_limits<double>::quiet_NaN());
    return of(both(a, b, [](Decimal x, Decimal y) { return x / y; }), a.approximate / b.approximate);
}

std::partial_ordering operator<=>(const Number& a, const Number& b) {
    if (a.exact && b.exact)
        if (const auto difference = *a.exact - *b.exact) return difference->mantissa <=> 0;
    return a.approximate <=> b.approximate;
}

Number shifted(const Number& number, int power) {
    if (number.exact) {
        if (const auto exact = *number.exact * Decimal{1, power}) return Number(*exact);
    }
    return Number::rough(number.approximate * std::pow(10.0, power));
}

std::optional<Number> number_of(const adapters::Scalar& value) {
    if (const auto* b = std::get_if<bool>(&value)) return Number(Decimal{*b ? 1 : 0, 0});
    if (const auto* i = std::get_if<std::int64_t>(&value)) return Number(Decimal{*i, 0});
    if (const auto* u = std::get_if<std::uint64_t>(&value)) {
        if (*u <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            return Number(Decimal{static_cast<std::int64_t>(*u), 0});
        return Number::rough(static_cast<double>(*u));
    }
    if (const auto* d = std::get_if<double>(&value)) return Number(*d);
    return std::nullopt;
}

std::optional<std::int64_t> integer_of(const Number& number) {
    if (number.exact) return number.exact->rounded();
    const double rounded = std::round(number.approximate);
    if (!(rounded >= -0x1p63 && rounded < 0x1p63)) return std::nullopt;
    return static_cast<std::int64_t>(rounded);
}

std::optional<std::uint64_t> unsigned_of(const Number& number) {
    if (number.exact) {
        const auto whole = number.exact->rounded();
        return whole && *whole >= 0 ? std::optional(static_cast<std::uint64_t>(*whole)) : std::nullopt;
    }
    const double rounded = std::round(number.approximate);
    if (!(rounded >= 0 && rounded < 0x1p64)) return std::nullopt;
    return static_cast<std::uint64_t>(rounded);
}

}  // namespace mapping
