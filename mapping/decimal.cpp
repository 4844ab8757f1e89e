#include "mapping/decimal.hpp"

#include <fmt/format.h>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>

namespace mapping {

namespace {

constexpr int most_exponent = 400;

// Without trailing zeros, so that later steps overflow as late as possible.
std::optional<Decimal> normal(Decimal d) {
    if (d.mantissa == 0) return Decimal{};
    while (d.mantissa % 10 == 0) {
        d.mantissa /= 10;
        ++d.exponent;
    }
    if (d.exponent < -most_exponent || d.exponent > most_exponent) return std::nullopt;
    return d;
}

// The same number with a smaller exponent.
bool lower(Decimal& d, int exponent) {
    while (d.exponent > exponent) {
        if (__builtin_mul_overflow(d.mantissa, std::int64_t{10}, &d.mantissa)) return false;
        --d.exponent;
    }
    return true;
}

}  // namespace

std::optional<Decimal> Decimal::parse(std::string_view written) {
    if (written.size() > 2 && written[0] == '0' && (written[1] == 'x' || written[1] == 'o')) {
        std::int64_t whole = 0;
        const auto [end, error] =
            std::from_chars(written.data() + 2, written.data() + written.size(), whole, written[1] == 'x' ? 16 : 8);
        if (error != std::errc{} || end != written.data() + written.size()) return std::nullopt;
        return normal({whole, 0});
    }
    bool negative = false;
    if (!written.empty() && (written[0] == '-' || written[0] == '+')) {
        negative = written[0] == '-';
        written.remove_prefix(1);
    }
    Decimal d;
    bool digit = false, point = false;
    std::size_t i = 0;
    for (; i < written.size(); ++i) {
        const char c = written[i];
        if (c == '.' && !point) {
            point = true;
        } else if (c >= '0' && c <= '9') {
            digit = true;
            if (__builtin_mul_overflow(d.mantissa, std::int64_t{10}, &d.mantissa) ||
                __builtin_add_overflow(d.mantissa, std::int64_t{c - '0'}, &d.mantissa))
                return std::nullopt;
            if (point) --d.exponent;
        } else {
            break;
        }
    }
    if (!digit) return std::nullopt;
    if (i < written.size()) {
        if (written[i] != 'e' && written[i] != 'E') return std::nullopt;
        auto power = written.substr(i + 1);
        if (!power.empty() && power[0] == '+') power.remove_prefix(1);
        int exponent = 0;
        const auto [end, error] = std::from_chars(power.data(), power.data() + power.size(), exponent);
        if (error != std::errc{} || end != power.data() + power.size()) return std::nullopt;
        if (exponent < -most_exponent || exponent > most_exponent) return std::nullopt;
        d.exponent += exponent;
    }
    if (negative) d.mantissa = -d.mantissa;
    return normal(d);
}

std::optional<Decimal> Decimal::of(double number) {
    if (!std::isfinite(number)) return std::nullopt;
    std::array<char, 32> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::scientific);
    if (error != std::errc{}) return std::nullopt;
    return parse({text.data(), static_cast<std::size_t>(end - text.data())});
}

double Decimal::number() const {
    // Up to 2^53 and 10^22 both sides are exact, and one division or multiplication rounds once.
    static constexpr std::array<double, 23> powers{1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    constexpr std::int64_t exact = std::int64_t{1} << 53;
    if (mantissa >= -exact && mantissa <= exact) {
        if (exponent >= 0 && exponent <= 22) return static_cast<double>(mantissa) * powers[static_cast<std::size_t>(exponent)];
        if (exponent < 0 && exponent >= -22) return static_cast<double>(mantissa) / powers[static_cast<std::size_t>(-exponent)];
    }
    const auto text = fmt::format("{}e{}", mantissa, exponent);
    double value = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc::result_out_of_range)
        return exponent < 0 ? 0.0 : std::copysign(std::numeric_limits<double>::infinity(), static_cast<double>(mantissa));
    return value;
}

bool Decimal::is_integer() const {
    const auto d = normal(*this);
    return d && d->exponent >= 0;
}

std::optional<std::int64_t> Decimal::rounded() const {
    Decimal d = *this;
    if (d.exponent >= 0) return lower(d, 0) ? std::optional(d.mantissa) : std::nullopt;
    if (d.exponent < -18) {  // 10^19 is over 64 bits; the mantissa is below 9.3 × 10^18
        constexpr std::int64_t half = 5'000'000'000'000'000'000;
        if (d.exponent < -19) return 0;
        return d.mantissa >= half ? 1 : d.mantissa <= -half ? -1 : 0;
    }
    std::int64_t divisor = 1;
    for (int i = 0; i > d.exponent; --i) divisor *= 10;
    const std::int64_t whole = d.mantissa / divisor, rest = d.mantissa % divisor;
    if (rest >= divisor - divisor / 2) return whole + 1;
    if (-rest >= divisor - divisor / 2) return whole - 1;
    return whole;
}

std::optional<Decimal> operator*(Decimal a, Decimal b) {
    Decimal product;
    if (__builtin_mul_overflow(a.mantissa, b.mantissa, &product.mantissa)) return std::nullopt;
    product.exponent = a.exponent + b.exponent;
    return normal(product);
}

std::optional<Decimal> operator+(Decimal a, Decimal b) {
    if (a.mantissa == 0) return b;
    if (b.mantissa == 0) return a;
    if (!lower(a, b.exponent) || !lower(b, a.exponent)) return std::nullopt;
    Decimal sum{0, a.exponent};
    if (__builtin_add_overflow(a.mantissa, b.mantissa, &sum.mantissa)) return std::nullopt;
    return normal(sum);
}

std::optional<Decimal> operator-(Decimal a, Decimal b) {
    if (b.mantissa == std::numeric_limits<std::int64_t>::min()) return std::nullopt;
    return a + Decimal{-b.mantissa, b.exponent};
}

std::optional<Decimal> operator/(Decimal a, Decimal b) {
    if (a.mantissa == 0) return Decimal{};
    if (a.mantissa == std::numeric_limits<std::int64_t>::min() || b.mantissa == std::numeric_limits<std::int64_t>::min())
        return std::nullopt;
    const std::int64_t common = std::gcd(a.mantissa, b.mantissa);
    a.mantissa /= common;
    b.mantissa /= common;
    if (b.mantissa < 0) {
        a.mantissa = -a.mantissa;
        b.mantissa = -b.mantissa;
    }
    // A finite decimal: the divisor has no other prime than 2 and 5. Each becomes a 10 by the other.
    int exponent = a.exponent - b.exponent;
    for (const std::int64_t prime : {2, 5})
        while (b.mantissa % prime == 0) {
            b.mantissa /= prime;
            if (__builtin_mul_overflow(a.mantissa, 10 / prime, &a.mantissa)) return std::nullopt;
            --exponent;
        }
    if (b.mantissa != 1) return std::nullopt;
    return normal({a.mantissa, exponent});
}

std::string number_text(double number) { return fmt::format("{}", number); }

}  // namespace mapping
