#include "lwm2m/value.hpp"

#include <fmt/format.h>
#include <charconv>
#include <cmath>

namespace lwm2m {

namespace {

constexpr double two_to_63 = 9223372036854775808.0;

/// "66:0"; the null link also as the specification prints it once, FFFF:FFFF (OMA Core 1.2 7.5.6).
std::optional<std::uint16_t> link_part(std::string_view text) {
    if (text == "FFFF" || text == "ffff") return std::uint16_t{65535};
    std::uint32_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc{} || end != text.data() + text.size() || id > 65535) return std::nullopt;
    return static_cast<std::uint16_t>(id);
}

std::string_view kind(const Value& value) {
    static constexpr std::string_view names[] = {"nothing", "a boolean", "an integer", "an integer",
                                                 "a float", "text",      "bytes",      "a link"};
    return names[value.index()];
}

tl::unexpected<Error> wrong(const Value& value, Type type) {
    return fail(Errc::bad_request, fmt::format("{} cannot be {}", kind(value), name(type)));
}

Result<Value> to_integer(Value value, Type type) {
    if (std::holds_alternative<std::int64_t>(value)) return value;
    if (const auto* number = std::get_if<std::uint64_t>(&value)) {
        if (*number <= INT64_MAX) return Value(static_cast<std::int64_t>(*number));
        return fail(Errc::bad_request, fmt::format("{} is over the range of {}", *number, name(type)));
    }
    if (const auto* number = std::get_if<double>(&value))
        if (*number >= -two_to_63 && *number < two_to_63 && std::trunc(*number) == *number)
            return Value(static_cast<std::int64_t>(*number));
    return wrong(value, type);
}

Result<Value> to_unsigned(Value value, Type type) {
    if (std::holds_alternative<std::uint64_t>(value)) return value;
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
        if (*number >= 0) return Value(static_cast<std::uint64_t>(*number));
        return fail(Errc::bad_request, fmt::format("{} is below the range of {}", *number, name(type)));
    }
    if (const auto* number = std::get_if<double>(&value))
        if (*number >= 0 && *number < 2 * two_to_63 && std::trunc(*number) == *number)
            return Value(static_cast<std::uint64_t>(*number));
    return wrong(value, type);
}

Result<Value> to_floating(Value value, Type type) {
    if (const auto* number = std::get_if<double>(&value)) {
        if (std::isfinite(*number)) return value;
        return fail(Errc::bad_request, "NaN and infinity are no values of a resource");
    }
    if (const auto number = numeric(value)) return Value(*number);
    return wrong(value, type);
}

Result<Value> to_link(Value value, Type type) {
    if (std::holds_alternative<ObjectLink>(value)) return value;
    if (const auto* text = std::get_if<std::string>(&value)) {
        const auto link = parse_object_link(*text);
        if (link) return Value(*link);
        return tl::unexpected(link.error());
    }
    return wrong(value, type);
}

}  // namespace

std::string_view name(Type type) {
    switch (type) {
        case Type::none: return "none";
        case Type::string: return "String";
        case Type::integer: return "Integer";
        case Type::unsigned_integer: return "Unsigned Integer";
        case Type::floating: return "Float";
        case Type::boolean: return "Boolean";
        case Type::opaque: return "Opaque";
        case Type::time: return "Time";
        case Type::objlnk: return "Objlnk";
        case Type::corelnk: return "Corelnk";
    }
    return "?";
}

Result<Value> coerce(Value value, Type type) {
    switch (type) {
        case Type::none:
            if (std::holds_alternative<std::monostate>(value)) return value;
            break;
        case Type::string:
        case Type::corelnk:
            if (std::holds_alternative<std::string>(value)) return value;
            break;
        case Type::integer:
        case Type::time: return to_integer(std::move(value), type);
        case Type::unsigned_integer: return to_unsigned(std::move(value), type);
        case Type::floating: return to_floating(std::move(value), type);
        case Type::boolean:
            if (std::holds_alternative<bool>(value)) return value;
            break;
        case Type::opaque:
            if (std::holds_alternative<Bytes>(value)) return value;
            break;
        case Type::objlnk: return to_link(std::move(value), type);
    }
    return wrong(value, type);
}

std::optional<double> numeric(const Value& value) {
    if (const auto* number = std::get_if<double>(&value)) return *number;
    if (const auto* number = std::get_if<std::int64_t>(&value)) return static_cast<double>(*number);
    if (const auto* number = std::get_if<std::uint64_t>(&value)) return static_cast<double>(*number);
    return std::nullopt;
}

std::string decimal(double number) {
    char text[400];  // the longest is a subnormal: "-0.", 323 zeros, 17 digits
    return {text, std::to_chars(text, text + sizeof text, number, std::chars_format::fixed).ptr};
}

std::string str(ObjectLink link) { return fmt::format("{}:{}", link.object, link.instance); }

Result<ObjectLink> parse_object_link(std::string_view text) {
    const auto colon = text.find(':');
    if (colon != std::string_view::npos) {
        const auto object = link_part(text.substr(0, colon));
        const auto instance = link_part(text.substr(colon + 1));
        if (object && instance) return ObjectLink{*object, *instance};
    }
    return fail(Errc::bad_request, "a link is written object:instance, such as 66:0");
}

std::string str(const Value& value) {
    struct {
        std::string operator()(std::monostate) const { return "none"; }
        std::string operator()(bool flag) const { return flag ? "true" : "false"; }
        std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
        std::string operator()(std::uint64_t number) const { return fmt::format("{}", number); }
        std::string operator()(double number) const { return fmt::format("{}", number); }
        std::string operator()(const std::string& text) const { return '"' + text + '"'; }
        std::string operator()(const Bytes& bytes) const { return base::to_hex(bytes); }
        std::string operator()(ObjectLink link) const { return lwm2m::str(link); }
    } printer;
    return std::visit(printer, value);
}

}  // namespace lwm2m
