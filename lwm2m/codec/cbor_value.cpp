#include "lwm2m/codec/cbor_value.hpp"

#include "lwm2m/codec/single.hpp"

#include <charconv>
#include <chrono>

namespace lwm2m::codec {

namespace {

using Kind = CborItem::Kind;

tl::unexpected<Error> wrong(std::string_view what) { return fail(Errc::bad_request, "CBOR: " + std::string(what)); }

struct ItemOf {
    CborWriter& writer;
    void operator()(std::monostate) const {}
    void operator()(bool flag) const { writer.boolean(flag); }
    void operator()(std::int64_t number) const { writer.integer(number); }
    void operator()(std::uint64_t number) const { writer.unsigned_integer(number); }
    void operator()(double number) const { writer.floating(number); }
    void operator()(const std::string& text) const { writer.text(text); }
    void operator()(const Bytes& data) const { writer.bytes(data); }
    void operator()(ObjectLink link) const { writer.text(str(link)); }
};

/// Takes `width` digits from the front.
std::optional<int> digits(std::string_view& text, std::size_t width) {
    if (text.size() < width) return std::nullopt;
    for (const char c : text.substr(0, width))
        if (c < '0' || c > '9') return std::nullopt;
    int number = 0;
    std::from_chars(text.data(), text.data() + width, number);
    text.remove_prefix(width);
    return number;
}
bool take(std::string_view& text, char c) {
    if (text.empty() || text[0] != c) return false;
    text.remove_prefix(1);
    return true;
}

/// RFC 3339, as tag 0 has it: 2013-03-21T20:04:00Z, with an offset too. LwM2M's time is whole seconds: a fraction
/// other than zero is refused.
std::optional<std::int64_t> seconds_of(std::string_view text) {
    const auto year = digits(text, 4);
    const auto month = take(text, '-') ? digits(text, 2) : std::nullopt;
    const auto day = take(text, '-') ? digits(text, 2) : std::nullopt;
    if (!year || !month || !day || (!take(text, 'T') && !take(text, 't'))) return std::nullopt;
    const auto hour = digits(text, 2);
    const auto minute = take(text, ':') ? digits(text, 2) : std::nullopt;
    const auto second = take(text, ':') ? digits(text, 2) : std::nullopt;
    if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    if (take(text, '.')) {
        const auto end = text.find_first_not_of('0');
        if (end == 0 || end == std::string_view::npos) return std::nullopt;
        text.remove_prefix(end);
    }
    int offset = 0;
    if (!take(text, 'Z') && !take(text, 'z')) {
        const bool west = take(text, '-');
        if (!west && !take(text, '+')) return std::nullopt;
        const auto hours = digits(text, 2);
        const auto minutes = take(text, ':') ? digits(text, 2) : std::nullopt;
        if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
        offset = (west ? -60 : 60) * (*hours * 60 + *minutes);
    }
    const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!text.empty() || !date.ok()) return std::nullopt;
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    return days * 86'400 + *hour * 3'600 + *minute * 60 + *second - offset;
}

/// What stands behind tag 0 or 1 (RFC 8949 3.4.1, 3.4.2).
Result<Value> read_tagged_time(CborReader& reader, std::uint64_t tag) {
    const auto item = reader.next();
    if (!item) return wrong("truncated or malformed");
    if (tag == 0 && item->kind == Kind::text) {
        if (const auto seconds = seconds_of(base::as_text(item->data))) return Value(*seconds);
        return wrong("the text behind tag 0 is no date and time in whole seconds");
    }
    if (tag == 1) {
        if (const auto number = integer_of(*item)) return *number;
        if (item->kind == Kind::floating) return coerce(Value(item->real), Type::time);
    }
    return wrong("tag 0 or 1 is not in front of a time");
}

}  // namespace

std::optional<Value> integer_of(const CborItem& item) {
    if (item.kind == Kind::unsigned_integer) {
        if (item.number <= INT64_MAX) return Value(static_cast<std::int64_t>(item.number));
        return Value(item.number);
    }
    if (item.kind == Kind::negative && item.number <= INT64_MAX) return Value(static_cast<std::int64_t>(~item.number));
    return std::nullopt;
}

void write_cbor(CborWriter& writer, const Value& value) { std::visit(ItemOf{writer}, value); }

Result<Value> read_cbor(CborReader& reader, const Type* type) {
    const auto item = reader.next();
    if (!item) return wrong("truncated or malformed");
    switch (item->kind) {
        case Kind::unsigned_integer:
        case Kind::negative:
            if (const auto number = integer_of(*item)) return *number;
            return wrong("an integer below -2^63");
        case Kind::floating: return Value(item->real);
        case Kind::boolean: return Value(item->number == 1);
        case Kind::text: return Value(std::string(base::as_text(item->data)));
        case Kind::bytes: return Value(Bytes(item->data.begin(), item->data.end()));
        case Kind::tag:
            if (item->number <= 1 && (type == nullptr || *type == Type::time)) return read_tagged_time(reader, item->number);
            return wrong("a tag that has no place here");
        case Kind::null: return wrong("null is no value");
        case Kind::array:
        case Kind::map:
        case Kind::other:
        case Kind::stop: break;
    }
    return wrong("not a value of a resource");
}

Result<Bytes> encode_cbor(const Value& value) {
    if (std::holds_alternative<std::monostate>(value)) return fail(Errc::not_acceptable, "there is no value");
    Bytes out;
    CborWriter writer(out);
    write_cbor(writer, value);
    return out;
}

Result<Value> decode_cbor(ByteView payload, const Type* type) {
    CborReader reader(payload);
    auto value = read_cbor(reader, type);
    if (value && !reader.empty()) return wrong("bytes behind the value");
    return value;
}

}  // namespace lwm2m::codec
