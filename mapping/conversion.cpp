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
using lwm2m::Type;
using lwm2m::Value;

namespace {

/// A number on its way: exact while it fits, and always the double.
struct Number {
    std::optional<Decimal> exact;
    double approximate = 0;
};

Number number_of(Decimal d) { return {d, d.number()}; }

std::optional<Number> number_of(const Scalar& value) {
    if (const auto* b = std::get_if<bool>(&value)) return number_of(Decimal{*b ? 1 : 0, 0});
    if (const auto* i = std::get_if<std::int64_t>(&value)) return number_of(Decimal{*i, 0});
    if (const auto* u = std::get_if<std::uint64_t>(&value)) {
        if (*u <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            return number_of(Decimal{static_cast<std::int64_t>(*u), 0});
        return Number{std::nullopt, static_cast<double>(*u)};
    }
    if (const auto* d = std::get_if<double>(&value)) return Number{Decimal::of(*d), *d};
    return std::nullopt;
}

// -- Reading

std::optional<std::uint64_t> bits_of(const Scalar& raw) {
    if (const auto* b = std::get_if<bool>(&raw)) return *b ? 1 : 0;
    if (const auto* i = std::get_if<std::int64_t>(&raw)) return static_cast<std::uint64_t>(*i);
    if (const auto* u = std::get_if<std::uint64_t>(&raw)) return *u;
    return std::nullopt;
}

Number scaled(const Number& number, const Conversion::Rules& rules) {
    Number result = number;
    if (rules.scale) {
        if (result.exact) result.exact = *result.exact * *rules.scale;
        result.approximate = result.exact ? result.exact->number() : result.approximate * rules.scale->number();
    }
    if (rules.offset) {
        if (result.exact) result.exact = *result.exact + *rules.offset;
        result.approximate = result.exact ? result.exact->number() : result.approximate + rules.offset->number();
    }
    return result;
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

tl::unexpected<base::Error> cannot(const Scalar& raw, std::string_view what) {
    return fail(Errc::malformed, fmt::format("{} is not {}", scalar_text(raw), what));
}

Result<Value> to_resource(const Scalar& value, const std::optional<Number>& number, Type type, bool as_text) {
    switch (type) {
        case Type::none:
            if (number && !std::holds_alternative<bool>(value) && std::holds_alternative<double>(value))
                return Value(number->approximate);
            return std::visit([](const auto& v) { return Value(v); }, value);
        case Type::floating:
            if (!number) return cannot(value, "a number");
            return Value(number->approximate);
        case Type::integer:
        case Type::time: {
            if (!number) return cannot(value, "a number");
            const auto whole = integer_of(*number);
            if (!whole) return cannot(value, "in the range of a 64-bit integer");
            return Value(*whole);
        }
        case Type::unsigned_integer: {
            if (const auto* exact = std::get_if<std::uint64_t>(&value)) return Value(*exact);
            if (!number) return cannot(value, "a number");
            const auto whole = unsigned_of(*number);
            if (!whole) return cannot(value, "in the range of an unsigned integer");
            return Value(*whole);
        }
        case Type::boolean:
            if (same(value, Scalar(true))) return Value(true);
            if (same(value, Scalar(false))) return Value(false);
            return cannot(value, "0 or 1");
        case Type::string:
        case Type::corelnk:
            if (const auto* text = std::get_if<std::string>(&value)) return Value(*text);
            if (as_text && number) {
                if (const auto* u = std::get_if<std::uint64_t>(&value)) return Value(fmt::format("{}", *u));
                if (const auto* i = std::get_if<std::int64_t>(&value)) return Value(fmt::format("{}", *i));
                return Value(number_text(number->approximate));
            }
            return cannot(value, "text");
        case Type::opaque:
            if (const auto* bytes = std::get_if<Bytes>(&value)) return Value(*bytes);
            return cannot(value, "bytes");
        case Type::objlnk:
            if (const auto* text = std::get_if<std::string>(&value))
                if (auto link = lwm2m::coerce(*text, type)) return link;
            return cannot(value, "an object link such as \"3303:0\"");
    }
    return cannot(value, "a value");
}

// -- Writing

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
        if (on && std::abs(on->number() - value) <= std::min(tolerance, step / 2)) return number_of(*on);
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
tl::unexpected<base::Error> beyond(double limit, const Conversion::Rules& rules, double asked, bool over) {
    const Number end = scaled(number_of(Decimal::of(limit).value_or(Decimal{})), rules);
    return refused(fmt::format("{} is {} what the device can hold, {}", with_unit(asked, rules), over ? "over" : "under",
                               with_unit(end.approximate, rules)));
}

/// Onto the device's grid: the nearest number that it can hold, at most half a step away.
Result<Scalar> onto_integer(const Number& number, std::optional<Kind> kind, const Conversion::Rules& rules, double asked) {
    const Limits limits = kind ? limits_of(*kind) : Limits{-0x1p63, 0x1p64};
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
                           double asked) {
    if (!rules.kind) {
        if (!number || std::holds_alternative<bool>(value)) return value;
        if (!std::isfinite(number->approximate))
            return refused(fmt::format("{} is more than a number can be", with_unit(asked, rules)));
        if (!rules.scale && !rules.offset && !rules.step) return value;
        if (number->exact && number->exact->is_integer()) return onto_integer(*number, std::nullopt, rules, asked);
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
    return onto_integer(*number, rules.kind, rules, asked);
}

const std::shared_ptr<const Conversion::Rules>& as_it_is() {
    static const auto rules = std::make_shared<const Conversion::Rules>();
    return rules;
}

}  // namespace

Conversion::Conversion() : rules_(as_it_is()) {}

Result<Reading> Conversion::read(const Scalar& raw) const {
    const Rules& rules = *rules_;
    if (const auto* d = std::get_if<double>(&raw); d != nullptr && !std::isfinite(*d))
        return Reading{{}, Quality::not_available};  // IEEE 754's own way to say so
    for (const auto& invalid : rules.invalid)
        if (same(raw, invalid)) return Reading{{}, Quality::not_available};

    Scalar value = raw;
    if (rules.bits) {
        const auto bits = bits_of(raw);
        if (!bits) return cannot(raw, "an integer with bits");
        const auto [low, high] = *rules.bits;
        const unsigned count = high - low + 1U;
        const std::uint64_t field = count == 64 ? *bits : *bits >> low & ((std::uint64_t{1} << count) - 1);
        if (rules.single_bit)
            value = field != 0;
        else
            value = field;
    }
    if (!rules.map.empty()) {
        const Scalar* found = nullptr;
        for (const auto& [from, to] : rules.map)
            if (same(from, value)) found = &to;
        if (found == nullptr) return cannot(value, "in the map");
        value = *found;
    }
    std::optional<Number> number = number_of(value);
    if (rules.scale || rules.offset) {
        if (!number) return cannot(value, "a number");
        number = scaled(*number, rules);
        if (!std::isfinite(number->approximate)) return cannot(raw, "small enough for its scale");
        value = number->approximate;
    }
    Reading reading;
    if (rules.range && number && (number->approximate < rules.range->first || number->approximate > rules.range->second))
        reading.quality = Quality::rejected;
    auto converted = to_resource(value, number, rules.type, rules.as_text);
    if (!converted) return tl::unexpected(converted.error());
    reading.value = std::move(*converted);
    return reading;
}

Result<Scalar> Conversion::write(const Value& given) const {
    const Rules& rules = *rules_;
    if (rules.bits) return refused("some bits of a value cannot be written alone");
    auto value = from_resource(given);
    if (!value) return value;
    std::optional<Number> number;
    double asked = 0;
    if (const auto octets = std::holds_alternative<std::string>(*value) ? std::optional(std::get<std::string>(*value).size())
                            : std::holds_alternative<Bytes>(*value)     ? std::optional(std::get<Bytes>(*value).size())
                                                                        : std::nullopt) {
        if (rules.most && static_cast<double>(*octets) > *rules.most)
            return refused(fmt::format("{} bytes are over the maximum {}", *octets, number_text(*rules.most)));
        if (rules.least && static_cast<double>(*octets) < *rules.least)
            return refused(fmt::format("{} bytes are under the minimum {}", *octets, number_text(*rules.least)));
    } else if (!std::holds_alternative<bool>(*value)) {
        number = number_of(*value);
        asked = number->approximate;
        const auto limited = within_limits(*number, rules);
        if (!limited) return tl::unexpected(limited.error());
        number = *limited;
        if (rules.step) value = number->approximate;
    }
    if (rules.scale || rules.offset) {
        if (!number) number = number_of(*value);
        if (!number) return refused(fmt::format("{} is not a number", scalar_text(*value)));
        number = unscaled(*number, rules);
        if (number->exact && number->exact->is_integer() && number->exact->rounded())
            value = *number->exact->rounded();
        else
            value = number->approximate;
    }
    if (!rules.map.empty()) {
        const Scalar* found = nullptr;
        for (const auto& [from, to] : rules.map)
            if (found == nullptr && same(to, *value)) found = &from;
        if (found == nullptr) {
            std::string known;
            for (const auto& [from, to] : rules.map) known += fmt::format("{}{}", known.empty() ? "" : ", ", scalar_text(to));
            return refused(fmt::format("{} is not in the map; possible are {}", scalar_text(*value), known));
        }
        value = *found;
        number = number_of(*value);
    }
    if (!number) number = number_of(*value);
    auto raw = onto_device(*value, number, rules, asked);
    if (!raw) return raw;
    for (const auto& invalid : rules.invalid)
        if (same(*raw, invalid)) return refused(fmt::format("{} means \"not available\" to the device", scalar_text(*raw)));
    return raw;
}

bool same(const Scalar& a, const Scalar& b) {
    if (a.index() == b.index()) return a == b;
    const auto as_double = [](const Scalar& s) -> std::optional<double> {
        if (const auto* d = std::get_if<double>(&s)) return *d;
        return std::nullopt;
    };
    const auto x = bits_of(a), y = bits_of(b);
    if (x && y) {  // bool, int64, uint64: equal bits, unless one is negative
        const auto negative = [](const Scalar& s) {
            return std::holds_alternative<std::int64_t>(s) && std::get<std::int64_t>(s) < 0;
        };
        return *x == *y && negative(a) == negative(b);
    }
    if (const auto d = as_double(a), e = as_double(b); d || e) {
        const Scalar& other = d ? b : a;
        const double number = d ? *d : *e;
        if (std::holds_alternative<std::string>(other) || std::holds_alternative<Bytes>(other)) return false;
        if (number != std::floor(number) || !(std::abs(number) < 0x1p63)) return false;
        return same(other, Scalar(static_cast<std::int64_t>(number)));
    }
    return false;
}

std::string scalar_text(const Scalar& value) {
    if (const auto* v = std::get_if<bool>(&value)) return *v ? "true" : "false";
    if (const auto* v = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *v);
    if (const auto* v = std::get_if<std::uint64_t>(&value)) return fmt::format("{}", *v);
    if (const auto* v = std::get_if<double>(&value)) return number_text(*v);
    if (const auto* v = std::get_if<std::string>(&value)) return fmt::format("\"{}\"", v->substr(0, 64));
    const auto& bytes = std::get<Bytes>(value);
    return base::to_hex(base::ByteView(bytes).first(std::min<std::size_t>(bytes.size(), 32)));
}

bool is_integer_kind(Kind kind) {
    switch (kind) {
        case Kind::boolean:
        case Kind::float16:
        case Kind::float32:
        case Kind::float64:
        case Kind::string:
        case Kind::bytes: return false;
        default: return true;
    }
}

}  // namespace mapping
