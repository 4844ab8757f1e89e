#include "adapters/mqtt/sparkplug.hpp"

#include "adapters/api/encoding.hpp"
#include "adapters/mqtt/topics.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

namespace adapters::mqtt::sparkplug {

namespace {

using base::ByteView;
using base::Cursor;
using base::Errc;
using base::fail;

constexpr std::array<std::string_view, 18> names{"unknown", "int8",     "int16",  "int32", "int64",   "uint8",
                                                 "uint16",  "uint32",   "uint64", "float", "double",  "boolean",
                                                 "string",  "datetime", "text",   "uuid",  "dataset", "bytes"};

// -- Reading: Protocol Buffers' wire types 0 (varint), 1 (8 bytes), 2 (length and bytes), 5 (4 bytes).

struct Field {
    std::uint32_t number = 0;
    unsigned wire = 0;
    std::uint64_t value = 0;
    ByteView bytes;
};

std::optional<std::uint64_t> varint(Cursor& in) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        const auto byte = in.byte();
        if (!byte) return std::nullopt;
        if (shift == 63 && *byte > 1) return std::nullopt;
        value |= static_cast<std::uint64_t>(*byte & 0x7F) << shift;
        if ((*byte & 0x80) == 0) return value;
    }
    return std::nullopt;
}

std::optional<std::uint64_t> little_endian(Cursor& in, std::size_t width) {
    const auto bytes = in.take(width);
    if (!bytes) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t i = width; i-- > 0;) value = value << 8 | (*bytes)[i];
    return value;
}

std::optional<Field> next(Cursor& in) {
    const auto key = varint(in);
    if (!key || *key >> 3 == 0 || *key >> 3 > 0x1FFFFFFF) return std::nullopt;
    Field field{static_cast<std::uint32_t>(*key >> 3), static_cast<unsigned>(*key & 7), 0, {}};
    std::optional<std::uint64_t> value;
    switch (field.wire) {
        case 0: value = varint(in); break;
        case 1: value = little_endian(in, 8); break;
        case 5: value = little_endian(in, 4); break;
        case 2: {
            const auto length = varint(in);
            const auto bytes = length && *length <= in.size() ? in.take(static_cast<std::size_t>(*length)) : std::nullopt;
            if (!bytes) return std::nullopt;
            field.bytes = *bytes;
            return field;
        }
        default: return std::nullopt;  // groups are not used by anybody any more
    }
    if (!value) return std::nullopt;
    field.value = *value;
    return field;
}

/// Numbers of the metric's value fields (the `oneof`).
enum : std::uint32_t {
    int_value = 10,
    long_value = 11,
    float_value = 12,
    double_value = 13,
    boolean_value = 14,
    string_value = 15,
    bytes_value = 16
};

std::optional<Scalar> value_of(Type type, const Field& field) {
    const std::uint64_t bits = field.value;
    switch (field.number) {
        case int_value:
        case long_value: return typed(type, bits);
        case float_value: {
            const base::Bytes wire{static_cast<std::uint8_t>(bits >> 24), static_cast<std::uint8_t>(bits >> 16),
                                   static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits)};
            if (auto number = adapters::decode({Kind::float32, 4, {}}, wire)) return *number;  // the shortest decimal
            return std::nullopt;
        }
        case double_value: return std::bit_cast<double>(bits);
        case boolean_value: return bits != 0;
        case string_value:
            if (field.bytes.size() > longest_value || !base::is_utf8(base::as_text(field.bytes))) return std::nullopt;
            return std::string(base::as_text(field.bytes));
        case bytes_value:
            if (field.bytes.size() > longest_value) return std::nullopt;
            return base::Bytes(field.bytes.begin(), field.bytes.end());
        default: return std::nullopt;
    }
}

std::optional<Metric> read_metric(ByteView bytes) {
    Metric metric;
    std::optional<Field> value;
    Cursor in(bytes);
    while (!in.empty()) {
        const auto field = next(in);
        if (!field) return std::nullopt;
        const bool number = field->wire == 0;
        switch (field->number) {
            case 1:
                if (field->wire != 2 || field->bytes.size() > longest_name || !base::is_utf8(base::as_text(field->bytes)))
                    return std::nullopt;
                metric.name = base::as_text(field->bytes);
                break;
            case 2:
                if (number) metric.alias = field->value;
                break;
            case 3:
                if (number) metric.timestamp = field->value;
                break;
            case 4:
                if (number && field->value < names.size()) metric.type = static_cast<Type>(field->value);
                break;
            case 5: metric.historical = number && field->value != 0; break;
            case 7: metric.is_null = number && field->value != 0; break;
            case int_value:
            case long_value:
            case boolean_value:
                if (field->wire != 0) return std::nullopt;
                value = field;
                break;
            case float_value:
                if (field->wire != 5) return std::nullopt;
                value = field;
                break;
            case double_value:
                if (field->wire != 1) return std::nullopt;
                value = field;
                break;
            case string_value:
            case bytes_value:
                if (field->wire != 2) return std::nullopt;
                value = field;
                break;
            default: break;
        }
    }
    if (value && !metric.is_null) metric.value = value_of(metric.type, *value);
    return metric;
}

// -- Writing.

void put_varint(base::Bytes& out, std::uint64_t value) {
    while (value >= 0x80) {
        out.push_back(static_cast<std::uint8_t>(value | 0x80));
        value >>= 7;
    }
    out.push_back(static_cast<std::uint8_t>(value));
}
void put_key(base::Bytes& out, std::uint32_t number, unsigned wire) { put_varint(out, std::uint64_t{number} << 3 | wire); }
void put_number(base::Bytes& out, std::uint32_t number, std::uint64_t value) {
    put_key(out, number, 0);
    put_varint(out, value);
}
void put_bytes(base::Bytes& out, std::uint32_t number, ByteView bytes) {
    put_key(out, number, 2);
    put_varint(out, bytes.size());
    out.insert(out.end(), bytes.begin(), bytes.end());
}
void put_fixed(base::Bytes& out, std::uint32_t number, std::uint64_t bits, std::size_t width) {
    put_key(out, number, width == 4 ? 5 : 1);
    for (std::size_t i = 0; i < width; ++i) out.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
}

std::uint64_t bits_of(const Scalar& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? 1 : 0;
    if (const auto* number = std::get_if<std::int64_t>(&value)) return static_cast<std::uint64_t>(*number);
    if (const auto* number = std::get_if<std::uint64_t>(&value)) return *number;
    return 0;
}
double real_of(const Scalar& value) {
    if (const auto* number = std::get_if<double>(&value)) return *number;
    if (const auto* number = std::get_if<std::int64_t>(&value)) return static_cast<double>(*number);
    return static_cast<double>(bits_of(value));
}

void put_value(base::Bytes& out, Type type, const Scalar& value) {
    switch (type) {
        case Type::int8:
        case Type::int16:
        case Type::int32:
        case Type::uint8:
        case Type::uint16:
        case Type::uint32: return put_number(out, int_value, bits_of(value) & 0xFFFFFFFF);
        case Type::float32:
            return put_fixed(out, float_value, std::bit_cast<std::uint32_t>(static_cast<float>(real_of(value))), 4);
        case Type::float64: return put_fixed(out, double_value, std::bit_cast<std::uint64_t>(real_of(value)), 8);
        case Type::boolean: return put_number(out, boolean_value, bits_of(value));
        case Type::string:
        case Type::text:
        case Type::uuid:
            if (const auto* text = std::get_if<std::string>(&value)) put_bytes(out, string_value, base::as_bytes(*text));
            return;
        case Type::bytes:
            if (const auto* bytes = std::get_if<base::Bytes>(&value)) put_bytes(out, bytes_value, *bytes);
            return;
        default: return put_number(out, long_value, bits_of(value));
    }
}

}  // namespace

std::optional<Scalar> typed(Type type, std::uint64_t bits) {
    switch (type) {
        case Type::int8: return std::int64_t{static_cast<std::int8_t>(bits)};
        case Type::int16: return std::int64_t{static_cast<std::int16_t>(bits)};
        case Type::int32: return std::int64_t{static_cast<std::int32_t>(bits)};
        case Type::int64:
        case Type::datetime: return static_cast<std::int64_t>(bits);
        case Type::uint8: return std::uint64_t{static_cast<std::uint8_t>(bits)};
        case Type::uint16: return std::uint64_t{static_cast<std::uint16_t>(bits)};
        case Type::uint32: return std::uint64_t{static_cast<std::uint32_t>(bits)};
        case Type::boolean: return bits != 0;
        default: return bits;
    }
}

std::string_view name(Type type) {
    const auto number = static_cast<std::size_t>(type);
    return number < names.size() ? names[number] : names[0];
}

std::optional<Type> type_named(std::string_view wanted) {
    const auto found = std::find(names.begin() + 1, names.end(), wanted);
    if (found == names.end()) return std::nullopt;
    return static_cast<Type>(found - names.begin());
}

Result<Payload> decode(ByteView bytes) {
    Payload payload;
    Cursor in(bytes);
    const auto broken = [] { return fail(Errc::malformed, "a payload that is no Sparkplug B"); };
    while (!in.empty()) {
        const auto field = next(in);
        if (!field) return broken();
        if (field->number == 1 && field->wire == 0) payload.timestamp = field->value;
        if (field->number == 3 && field->wire == 0) payload.seq = field->value;
        if (field->number == 2) {
            auto metric = field->wire == 2 ? read_metric(field->bytes) : std::nullopt;
            if (!metric) return broken();
            if (payload.metrics.size() >= most_metrics)
                return fail(Errc::malformed, fmt::format("over {} metrics in one message", most_metrics));
            payload.metrics.push_back(std::move(*metric));
        }
    }
    return payload;
}

base::Bytes encode(const Payload& payload) {
    base::Bytes out;
    if (payload.timestamp) put_number(out, 1, *payload.timestamp);
    for (const auto& metric : payload.metrics) {
        base::Bytes its;
        if (!metric.name.empty()) put_bytes(its, 1, base::as_bytes(metric.name));
        if (metric.alias) put_number(its, 2, *metric.alias);
        if (metric.timestamp) put_number(its, 3, *metric.timestamp);
        put_number(its, 4, static_cast<std::uint64_t>(metric.type));
        if (metric.historical) put_number(its, 5, 1);
        if (metric.is_null) put_number(its, 7, 1);
        if (metric.value && !metric.is_null) put_value(its, metric.type, *metric.value);
        put_bytes(out, 2, its);
    }
    if (payload.seq) put_number(out, 3, *payload.seq);
    return out;
}

Result<Scalar> fit(Type type, const Scalar& value) {
    const auto number = [&value](Kind kind) -> Result<Scalar> {
        const Encoding encoding{kind, static_cast<std::uint16_t>(width(kind) / 8), {}};
        const auto bytes = adapters::encode(encoding, value);
        if (!bytes) return tl::unexpected(bytes.error());
        return adapters::decode(encoding, *bytes);
    };
    switch (type) {
        case Type::int8: return number(Kind::int8);
        case Type::int16: return number(Kind::int16);
        case Type::int32: return number(Kind::int32);
        case Type::int64: return number(Kind::int64);
        case Type::uint8: return number(Kind::uint8);
        case Type::uint16: return number(Kind::uint16);
        case Type::uint32: return number(Kind::uint32);
        case Type::uint64:
        case Type::datetime: return number(Kind::uint64);
        case Type::float32: return number(Kind::float32);
        case Type::float64: return number(Kind::float64);
        case Type::boolean: {
            auto bit = number(Kind::uint8);
            if (!bit) return bit;
            const auto bits = bits_of(*bit);
            if (bits > 1) return fail(Errc::bad_request, "a boolean is true or false");
            return Scalar(bits == 1);
        }
        case Type::string:
        case Type::text:
        case Type::uuid:
            if (std::holds_alternative<std::string>(value)) return value;
            return fail(Errc::bad_request, "the metric is a text");
        case Type::bytes:
            if (std::holds_alternative<base::Bytes>(value)) return value;
            return fail(Errc::bad_request, "the metric is bytes");
        default: return fail(Errc::bad_request, fmt::format("a metric of type {} cannot be written", sparkplug::name(type)));
    }
}

std::optional<Topic> parse_topic(std::string_view topic) {
    const auto parts = levels(topic);
    if (parts.size() < 4 || parts.size() > 5 || parts[0] != "spBv1.0") return std::nullopt;
    Topic found{parts[1], parts[2], parts[3], parts.size() == 5 ? parts[4] : std::string_view{}};
    if (found.group.empty() || found.node.empty() || (parts.size() == 5 && found.device.empty())) return std::nullopt;
    return found;
}

}  // namespace adapters::mqtt::sparkplug
