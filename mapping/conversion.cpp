#include "mapping/conversion.hpp"

#include "mapping/conversion_rules.hpp"

#include <fmt/format.h>
#include <cmath>

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

std::optional<std::uint64_t> bits_of(const Scalar& raw) {
    if (const auto* b = std::get_if<bool>(&raw)) return *b ? 1 : 0;
    if (const auto* i = std::get_if<std::int64_t>(&raw)) return static_cast<std::uint64_t>(*i);
    if (const auto* u = std::get_if<std::uint64_t>(&raw)) return *u;
    return std::nullopt;
}

/// The bits that `bit` or `bits` name, from 0.
std::optional<std::uint64_t> field_of(const Scalar& raw, const Conversion::Rules& rules) {
    const auto bits = bits_of(raw);
    if (!bits) return std::nullopt;
    const auto [low, high] = *rules.bits;
    const unsigned count = high - low + 1U;
    return count == 64 ? *bits : *bits >> low & ((std::uint64_t{1} << count) - 1);
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

const std::shared_ptr<const Conversion::Rules>& as_it_is() {
    static const auto rules = std::make_shared<const Conversion::Rules>();
    return rules;
}

}  // namespace

Conversion::Conversion() : rules_(as_it_is()) {}

Result<Taken> Conversion::take(const Scalar& raw) const {
    const Rules& rules = *rules_;
    Taken taken;
    const auto* number = std::get_if<double>(&raw);
    // NaN and infinity are IEEE 754's own way to say so.
    taken.there = number == nullptr || std::isfinite(*number);
    for (const auto& invalid : rules.invalid)
        if (same(raw, invalid)) taken.there = false;
    if (!taken.there) return taken;

    taken.value = raw;
    if (rules.bits) {
        const auto field = field_of(raw, rules);
        if (!field) return cannot(raw, "an integer with bits");
        if (rules.single_bit)
            taken.value = *field != 0;
        else
            taken.value = *field;
    }
    if (!rules.map.empty()) {
        const Scalar* found = nullptr;
        for (const auto& [from, to] : rules.map)
            if (same(from, taken.value)) found = &to;
        if (found == nullptr) return cannot(taken.value, "in the map");
        taken.value = *found;
    }
    taken.number = number_of(taken.value);
    if (rules.scale || rules.offset) {
        if (!taken.number) return cannot(taken.value, "a number");
        taken.number = scaled(*taken.number, rules);
        if (!taken.number->finite()) return cannot(raw, "small enough for its scale");
        taken.value = taken.number->approximate;
    }
    return taken;
}

Result<Reading> Conversion::give(const Taken& taken) const {
    const Rules& rules = *rules_;
    if (!taken.there) return Reading{{}, Quality::not_available};
    Reading reading;
    if (rules.range && taken.number &&
        (taken.number->approximate < rules.range->first || taken.number->approximate > rules.range->second))
        reading.quality = Quality::rejected;
    auto converted = to_resource(taken.value, taken.number, rules.type, rules.as_text);
    if (!converted) return tl::unexpected(converted.error());
    reading.value = std::move(*converted);
    return reading;
}

Result<Reading> Conversion::read(const Scalar& raw) const {
    const auto taken = take(raw);
    if (!taken) return tl::unexpected(taken.error());
    return give(*taken);
}

bool Conversion::shows(const Scalar& raw, const Scalar& written) const {
    if (!rules_->bits) return same(raw, written);
    const auto field = field_of(raw, *rules_);
    return field && same(Scalar(*field), written);
}

Scalar Conversion::as_read(const Scalar& written) const {
    const auto field = rules_->bits ? bits_of(written) : std::nullopt;
    return field ? Scalar(*field << rules_->bits->first) : written;
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
