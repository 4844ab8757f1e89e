#pragma once

#include "adapters/api/encoding.hpp"
#include "lwm2m/value.hpp"
#include "mapping/conversion.hpp"
#include "mapping/decimal.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mapping {

/// What a point's keys say about its value; made by conversion_reader, shared by all devices that are alike.
struct Conversion::Rules {
    std::optional<adapters::Kind> kind;                              ///< what the device holds; nothing when only running tells
    lwm2m::Type type = lwm2m::Type::none;                            ///< of the resource; none: handed on as it is
    bool as_text = false;                                            ///< a number may become text (serial numbers of object 3)
    std::vector<adapters::Scalar> invalid;                           ///< "not available", as decoded
    std::optional<std::pair<std::uint8_t, std::uint8_t>> bits;       ///< lowest and highest, 0..63
    bool single_bit = false;                                         ///< `bit`: true or false instead of a number
    std::vector<std::pair<adapters::Scalar, adapters::Scalar>> map;  ///< device → server
    std::optional<Decimal> scale, offset;
    std::optional<std::pair<double, double>> range;  ///< inclusive
    std::optional<double> least, most;               ///< for writes; octets for text and bytes
    std::optional<Decimal> step;
    std::string unit;  ///< for messages
};

/// × scale + offset.
Number scaled(const Number&, const Conversion::Rules&);
/// "7", "true", "\"ON\"", hex: for messages.
std::string scalar_text(const adapters::Scalar& value);
bool is_integer_kind(adapters::Kind);

}  // namespace mapping
