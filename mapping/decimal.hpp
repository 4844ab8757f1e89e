#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mapping {

/// mantissa × 10^exponent, exact: so that 229 × 0.1 is 22.9 and not 22.900000000000002. What does not fit 64 bits is
/// nothing here, and the caller goes on with a double.
struct Decimal {
    std::int64_t mantissa = 0;
    int exponent = 0;  ///< -400 to 400

    /// "0.1", "-40", "1e-3", "0x1F": a number as written in a file.
    static std::optional<Decimal> parse(std::string_view written);
    /// The shortest decimal that names the double; nothing for infinity and NaN.
    static std::optional<Decimal> of(double number);

    /// The nearest double, correctly rounded.
    double number() const;
    /// The nearest integer, half away from zero; nothing when it does not fit.
    std::optional<std::int64_t> rounded() const;
    bool is_integer() const;

    friend std::optional<Decimal> operator*(Decimal a, Decimal b);
    friend std::optional<Decimal> operator+(Decimal a, Decimal b);
    friend std::optional<Decimal> operator-(Decimal a, Decimal b);
    /// The quotient when it is a finite decimal that fits; `b` is not zero.
    friend std::optional<Decimal> operator/(Decimal a, Decimal b);
};

/// "22.9", "65535", "1e+20": the shortest form, for messages.
std::string number_text(double number);

}  // namespace mapping
