#include "mapping/conversion.hpp"
#include "mapping/conversion_rules.hpp"

#include <fmt/format.h>
#include <cmath>
#include <limits>

namespace mapping {

using adapters::Kind;
using adapters::Scalar;
using base::Bytes;
using base::Errc;
using base::fail;
using base::Result;
using lwm2m::Value;

namespace {

tl::unexpected<base::Error> refused(std::string text) { return fail(Errc::bad_request, std::move(text)); }

std::string with_unit(double number, const Conversion::Rules& rules) {
    return rules.unit.empty() ? number_text(number) : fmt::format("{} {}", number_text(number), rules.unit);
}

Result<Scalar> from_resource(const Value& value) {
    if (const auto* v = std::get_if<bool>(&value)) return Scalar(*v);
    if (const auto* v = std::get_if<std::int64_t>(&value)) return Scalar(*v);
    if (const auto* v = std::get_if<std::uint64_t>(&value)) return Scalar(*v);
    if (const auto* v = std::get_if<double>(&value)) {
        if (!std::isfinite(*v)) return refused("the value is not a finite number");
        return Scalar(*v);
    }
    if (const auto* v = std::get_if<std::string>(&value)) return Scalar(*v);
    if (const auto* v = std::get_if<Bytes>(&value)) return Scalar(*v);
    if (const auto* v = std::get_if<lwm2m::ObjectLink>(&value)) return Scalar(fmt::format("{}:{}", v->object, v->instance));
    return refused("there is no value to write");
}

/// Limits, then onto the grid of `step`.
Result<Number> within_limits(Number number, const Conversion::Rules& rules) {
    const double value = number.approximate;
    if (rules.most && value > *rules.most)
        return refused(fmt::format("{} is over the maximum {}", with_unit(value, rules), with_unit(*rules.most, rules)));
    if (rules.least && value < *rules.least)
        return refused(fmt::format("{} is under the minimum {}", with_unit(value, rules), with_unit(*rules.least, rules)));
    if (!rules.step) return number;
    // Steps count from the minimum. A server may have sent a 32-bit float: 22.9 arrives as 22.899999618530273.
    const Decimal first = rules.least ? Decimal::of(*rules.least).value_or(Decimal{}) : Decimal{};
    const double step = rules.step->number();
    const double count = std::round((value - first.number()) / step);
    if (std::abs(count) < 0x1p62) {
        std::optional<Decimal> on = *rules.step * Decimal{static_cast<std::int64_t>(count), 0};
        if (on) on = *on + first;
        const double tolerance = std::max(1e-9 * step, 1.2e-7 * std::abs(value));
        if (on && std::abs(on->number() - value) <= std::min(tolerance, step / 2)) return Number(*on);
    }
    return refused(fmt::format("{} is off the step of {}{}", with_unit(value, rules), with_unit(step, rules),
                               rules.least ? fmt::format(" from {}", with_unit(*rules.least, rules)) : ""));
}

/// (value − offset) / scale.
Number unscaled(Number number, const Conversion::Rules& rules) {
    if (rules.offset) {
        if (number.exact) number.exact = *number.exact - *rules.offset;
        number.approximate = number.exact ? number.exact->number() : number.approximate - rules.offset->number();
    }
    if (rules.scale) {
        const double quotient = number.approximate / rules.scale->number();
        if (number.exact) number.exact = *number.exact / *rules.scale;
        number.approximate = number.exact ? number.exact->number() : quotient;
    }
    return number;
}

struct Limits {
    double least, most;
};
Limits limits_of(Kind kind) {
    const unsigned width = adapters::width(kind);
    if (kind == Kind::bcd8 || kind == Kind::bcd16 || kind == Kind::bcd32 || kind == Kind::bcd64)
        return {0, std::pow(10.0, width / 4) - 1};
    if (adapters::is_signed(kind))
        return {-std::ldexp(1, static_cast<int>(width) - 1), std::ldexp(1, static_cast<int>(width) - 1) - 1};
    return {0, std::ldexp(1, static_cast<int>(width)) - 1};
}

/// The number that the device would hold at most or least, said in the server's terms.
tl::unexpected<base::Error> beyond(double limit, const Conversion::Rules& rules, std::optional<double> asked, bool over) {
    if (!asked)  // `calc` or `exponent` stands between
        return refused(
            fmt::format("it works out as {} what the device can hold, {}", over ? "over" : "under", number_text(limit)));
    const Number end = scaled(Number(limit), rules);
    return refused(fmt::format("{} is {} what the device can hold, {}", with_unit(*asked, rules), over ? "over" : "under",
                               with_unit(end.approximate, rules)));
}

/// Onto the device's grid: the nearest number that it can hold, at most half a step away.
Result<Scalar> onto_integer(const Number& number, std::optional<Kind> kind, const Limits& limits,
                            const Conversion::Rules& rules, std::optional<double> asked) {
    const double nearest = std::round(number.approximate);
    const bool falling = rules.scale && rules.scale->mantissa < 0;  // the device's most is the server's least
    if (nearest > limits.most) return beyond(limits.most, rules, asked, !falling);
    if (nearest < limits.least) return beyond(limits.least, rules, asked, falling);
    if (number.approximate < 0x1p63 || !kind || adapters::is_signed(*kind)) {
        if (const auto whole = integer_of(number)) return Scalar(*whole);
    } else if (const auto whole = unsigned_of(number)) {
        return Scalar(*whole);
    }
    return beyond(limits.most, rules, asked, !falling);
}

Result<Scalar> onto_device(const Scalar& value, const std::optional<Number>& number, const Conversion::Rules& rules,
                           std::optional<double> asked) {
    if (rules.bits) {
        if (rules.single_bit) {
            if (same(value, Scalar(true))) return Scalar(true);
            if (same(value, Scalar(false))) return Scalar(false);
            return refused(fmt::format("{} is not 0 or 1", scalar_text(value)));
        }
        if (!number) return refused(fmt::format("{} is not a number", scalar_text(value)));
        const int count = rules.bits->second - rules.bits->first + 1;
        return onto_integer(*number, Kind::uint64, {0, std::ldexp(1, count) - 1}, rules, asked);
    }
    if (!rules.kind) {
        if (!number || std::holds_alternative<bool>(value)) return value;
        if (!std::isfinite(number->approximate)) return refused("it is more than a number can be");
        if (!rules.scale && !rules.offset && !rules.step) return value;
        if (number->exact && number->exact->is_integer())
            return onto_integer(*number, std::nullopt, {-0x1p63, 0x1p64}, rules, asked);
        return Scalar(number->approximate);
    }
    switch (*rules.kind) {
        case Kind::boolean:
            if (same(value, Scalar(true))) return Scalar(true);
            if (same(value, Scalar(false))) return Scalar(false);
            return refused(fmt::format("{} is not 0 or 1", scalar_text(value)));
        case Kind::float16:
        case Kind::float32:
        case Kind::float64: {
            if (!number) return refused(fmt::format("{} is not a number", scalar_text(value)));
            const double most = *rules.kind == Kind::float16   ? 65504.0
                                : *rules.kind == Kind::float32 ? static_cast<double>(std::numeric_limits<float>::max())
                                                               : std::numeric_limits<double>::max();
            if (number->approximate > most) return beyond(most, rules, asked, true);
            if (number->approximate < -most) return beyond(-most, rules, asked, false);
            return Scalar(number->approximate);
        }
        case Kind::string:
            if (std::holds_alternative<std::string>(value)) return value;
            return refused(fmt::format("{} is not text", scalar_text(value)));
        case Kind::bytes:
            if (std::holds_alternative<Bytes>(value)) return value;
            return refused(fmt::format("{} is not bytes", scalar_text(value)));
        default: break;
    }
    // Integers without arithmetic stay what they are: a uint64 above 2^63 fits no double.
    if (const auto* u = std::get_if<std::uint64_t>(&value);
        u != nullptr && adapters::width(*rules.kind) == 64 && !adapters::is_signed(*rules.kind) && *rules.kind == Kind::uint64)
        return value;
    if (!number) return refused(fmt::format("{} is not a number", scalar_text(value)));
    return onto_integer(*number, rules.kind, limits_of(*rules.kind), rules, asked);
}

std::optional<std::size_t> octets_of(const Scalar& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return text->size();
    if (const auto* bytes = std::get_if<Bytes>(&value)) return bytes->size();
    return std::nullopt;
}

}  // namespace

Result<Taken> Conversion::ask(const Value& given) const {
    const Rules& rules = *rules_;
    auto value = from_resource(given);
    if (!value) return tl::unexpected(value.error());
    Taken taken;
    taken.value = std::move(*value);
    if (const auto octets = octets_of(taken.value)) {
        if (rules.most && static_cast<double>(*octets) > *rules.most)
            return refused(fmt::format("{} bytes are over the maximum {}", *octets, number_text(*rules.most)));
        if (rules.least && static_cast<double>(*octets) < *rules.least)
            return refused(fmt::format("{} bytes are under the minimum {}", *octets, number_text(*rules.least)));
    } else if (!std::holds_alternative<bool>(taken.value)) {
        const auto number = number_of(taken.value);
        if (!number) return refused("the value is not a number");
        auto limited = within_limits(*number, rules);
        if (!limited) return tl::unexpected(limited.error());
        taken.number = *limited;
        taken.asked = number->approximate;
        if (rules.step) taken.value = limited->approximate;
    }
    return taken;
}

Result<Scalar> Conversion::put(Taken taken) const {
    const Rules& rules = *rules_;
    Scalar& value = taken.value;
    auto& number = taken.number;
    if (rules.scale || rules.offset) {
        if (!number) number = number_of(value);
        if (!number) return refused(fmt::format("{} is not a number", scalar_text(value)));
        number = unscaled(*number, rules);
        if (number->exact && number->exact->is_integer() && number->exact->rounded())
            value = *number->exact->rounded();
        else
            value = number->approximate;
    }
    if (!rules.map.empty()) {
        const Scalar* found = nullptr;
        for (const auto& [from, to] : rules.map)
            if (found == nullptr && same(to, value)) found = &from;
        if (found == nullptr) {
            std::string known;
            for (const auto& [from, to] : rules.map) known += fmt::format("{}{}", known.empty() ? "" : ", ", scalar_text(to));
            return refused(fmt::format("{} is not in the map; possible are {}", scalar_text(value), known));
        }
        value = *found;
        number = number_of(value);
    }
    if (!number) number = number_of(value);
    auto raw = onto_device(value, number, rules, taken.asked);
    if (!raw || rules.bits) return raw;
    for (const auto& invalid : rules.invalid)
        if (same(*raw, invalid)) return refused(fmt::format("{} means \"not available\" to the device", scalar_text(*raw)));
    return raw;
}

Result<Scalar> Conversion::write(const Value& given) const {
    auto taken = ask(given);
    if (!taken) return tl::unexpected(taken.error());
    if (!taken->asked) taken->asked = 0;
    return put(std::move(*taken));
}

}  // namespace mapping
