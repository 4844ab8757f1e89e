#include "lwm2m/codec/base64.hpp"
#include "lwm2m/codec/single.hpp"

#include <fmt/format.h>
#include <charconv>
#include <cmath>

namespace lwm2m::codec {

namespace {

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

template <class T>
Result<Value> parse_number(std::string_view text, Type type) {
    T number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc::result_out_of_range)
        return fail(Errc::bad_request, fmt::format("over the range of {}", name(type)));
    if (error != std::errc{} || end != text.data() + text.size())
        return fail(Errc::bad_request, fmt::format("the text is no {}", name(type)));
    return Value(number);
}

struct TextOf {
    Result<Bytes> operator()(std::monostate) const { return fail(Errc::not_acceptable, "there is no value"); }
    Result<Bytes> operator()(bool flag) const { return Bytes{static_cast<std::uint8_t>(flag ? '1' : '0')}; }
    Result<Bytes> operator()(std::int64_t number) const { return integer(number); }
    Result<Bytes> operator()(std::uint64_t number) const { return integer(number); }
    Result<Bytes> operator()(double number) const {
        if (!std::isfinite(number)) return fail(Errc::not_acceptable, "NaN and infinity have no text");
        return bytes_of(decimal(number));
    }
    Result<Bytes> operator()(const std::string& text) const { return bytes_of(text); }
    Result<Bytes> operator()(const Bytes& data) const {
        Bytes out;
        append_base64(out, data, Base64::standard);
        return out;
    }
    Result<Bytes> operator()(ObjectLink link) const { return bytes_of(str(link)); }

    template <class T>
    static Bytes integer(T number) {
        char digits[24];
        return {digits, std::to_chars(digits, digits + sizeof digits, number).ptr};
    }
};

}  // namespace

Result<Bytes> encode_text(const Value& value) { return std::visit(TextOf{}, value); }

Result<Value> decode_text(ByteView payload, const Type* type) {
    const std::string_view text = base::as_text(payload);
    switch (type == nullptr ? Type::string : *type) {
        case Type::integer:
        case Type::time: return parse_number<std::int64_t>(text, *type);
        case Type::unsigned_integer: return parse_number<std::uint64_t>(text, *type);
        case Type::floating: return parse_number<double>(text, *type);
        case Type::boolean:
            if (text == "0" || text == "1") return Value(text == "1");
            return fail(Errc::bad_request, "a Boolean is written 0 or 1");
        case Type::opaque:
            if (auto data = decode_base64(text, Base64::standard)) return Value(std::move(*data));
            return fail(Errc::bad_request, "the text is no Base64 with padding");
        case Type::objlnk: {
            const auto link = parse_object_link(text);
            if (!link) return tl::unexpected(link.error());
            return Value(*link);
        }
        case Type::none:
        case Type::string:
        case Type::corelnk: break;
    }
    if (!base::is_utf8(text)) return fail(Errc::bad_request, "the text is not UTF-8");
    return Value(std::string(text));
}

}  // namespace lwm2m::codec
