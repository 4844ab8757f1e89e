#include "adapters/api/encoding.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace adapters {

namespace {

using base::ByteView;
using base::Errc;
using base::fail;

struct KindRow {
    Kind kind;
    std::string_view name;
    unsigned bits;  // 0: as long as the point says
    bool is_signed;
};

// clang-format off
constexpr std::array<KindRow, 19> kinds{{
    {Kind::boolean, "bool",    8, false}, {Kind::int8,    "int8",    8, true},  {Kind::uint8,   "uint8",   8, false},
    {Kind::int16,   "int16",  16, true},  {Kind::uint16,  "uint16", 16, false}, {Kind::int32,   "int32",  32, true},
    {Kind::uint32,  "uint32", 32, false}, {Kind::int64,   "int64",  64, true},  {Kind::uint64,  "uint64", 64, false},
    {Kind::float16, "float16", 16, true}, {Kind::float32, "float32", 32, true}, {Kind::float64, "float64", 64, true},
    {Kind::bcd8,    "bcd8",    8, false}, {Kind::bcd16,   "bcd16",  16, false}, {Kind::bcd32,   "bcd32",  32, false},
    {Kind::bcd64,   "bcd64",  64, false}, {Kind::sunssf,  "sunssf", 16, true},  {Kind::string,  "string",  0, false},
    {Kind::bytes,   "bytes",   0, false},
}};

/// The ways in which devices mix bytes up, for each size: one row is one habit.
struct OrderRow { std::string_view two, four, eight; };
constexpr std::array<OrderRow, 4> habits{{
    {"AB", "ABCD", "ABCDEFGH"},   // big endian
    {"BA", "DCBA", "HGFEDCBA"},   // little endian
    {"",   "CDAB", "GHEFCDAB"},   // words swapped
    {"",   "BADC", "BADCFEHG"},   // bytes swapped in each word
}};
// clang-format on

const KindRow& row(Kind kind) { return kinds[static_cast<std::size_t>(kind)]; }

bool is_text(Kind kind) { return kind == Kind::string || kind == Kind::bytes; }

std::string_view of_size(const OrderRow& habit, std::size_t size) {
    return size == 2 ? habit.two : size == 4 ? habit.four : size == 8 ? habit.eight : std::string_view{};
}

std::vector<std::uint8_t> indices(std::string_view letters) {
    std::vector<std::uint8_t> out;
    for (const char letter : letters) out.push_back(static_cast<std::uint8_t>(letter - 'A'));
    if (std::is_sorted(out.begin(), out.end())) out.clear();  // as it comes
    return out;
}

std::vector<std::string_view> fitting(Kind kind, std::size_t size) {
    if (is_text(kind)) return {"AB", "BA"};
    std::vector<std::string_view> out;
    for (const OrderRow& habit : habits)
        if (const auto word = of_size(habit, size); !word.empty()) out.push_back(word);
    out.insert(out.end(), {"big", "little"});
    return out;
}

/// What a device's habit is for a value of this size.
std::vector<std::uint8_t> general(std::string_view order, std::size_t size) {
    if (order.empty()) return {};
    if (order == "little") order = "BA";
    for (std::size_t i = 0; i < habits.size(); ++i) {
        const OrderRow& habit = habits[i];
        if (order != habit.two && order != habit.four && order != habit.eight) continue;
        // Two bytes are one word: swapping words changes nothing, swapping in words does.
        if (size == 2) return indices(i == 1 || i == 3 ? "BA" : "AB");
        return indices(of_size(habit, size));
    }
    return {};
}

std::optional<std::vector<std::uint8_t>> read_order(Fields& point, Kind kind, std::size_t size) {
    const auto order = point.text("order");
    if (!order) return std::nullopt;
    const auto fits = fitting(kind, size);
    if (std::find(fits.begin(), fits.end(), *order) != fits.end()) {
        if (*order == "big") return std::vector<std::uint8_t>{};
        if (*order == "little") return general("BA", size);
        return indices(*order);
    }
    const auto& all = orders();
    const bool known = std::find(all.begin(), all.end(), *order) != all.end();
    const auto remedy = fmt::format("write one of {}", fmt::join(fits, ", "));
    if (!known)
        point.error("order", fmt::format("'order' cannot be '{}'", *order), remedy);
    else if (is_text(kind))
        point.error("order",
                    fmt::format("'order: {}' does not fit {}, whose bytes can only be swapped in pairs", *order, name(kind)),
                    remedy);
    else
        point.error(
            "order",
            fmt::format("'order: {}' does not fit {}, which has {} {}", *order, name(kind), size, size == 1 ? "byte" : "bytes"),
            remedy);
    return std::nullopt;
}

/// The order applied; it is its own inverse for every order there is, but is written for any permutation.
Bytes from_wire(const Encoding& encoding, ByteView wire) {
    Bytes value(wire.begin(), wire.end());
    const std::size_t group = encoding.order.size();
    if (group == 0) return value;
    for (std::size_t start = 0; start + group <= wire.size(); start += group)
        for (std::size_t i = 0; i < group; ++i) value[start + encoding.order[i]] = wire[start + i];
    return value;
}

Bytes to_wire(const Encoding& encoding, const Bytes& value) {
    Bytes wire = value;
    const std::size_t group = encoding.order.size();
    if (group == 0) return wire;
    for (std::size_t start = 0; start + group <= wire.size(); start += group)
        for (std::size_t i = 0; i < group; ++i) wire[start + i] = value[start + encoding.order[i]];
    return wire;
}

double parse_decimal(const char* first, const char* last) {
    double value = 0;
    std::from_chars(first, last, value);
    return value;
}

// IEEE 754 binary16.
double half_value(std::uint16_t bits) {
    const int exponent = bits >> 10 & 31;
    const int fraction = bits & 1023;
    double value = 0;
    if (exponent == 31)
        value = fraction != 0 ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
    else if (exponent == 0)
        value = std::ldexp(fraction, -24);
    else
        value = std::ldexp(fraction + 1024, exponent - 25);
    return (bits & 0x8000) != 0 ? -value : value;
}

/// The nearest half, ties to even; nothing when it is too large to be one.
std::optional<std::uint16_t> half_bits(double value) {
    const auto sign = static_cast<unsigned>(std::signbit(value) ? 0x8000 : 0);
    const double size = std::fabs(value);
    if (size >= 65520) return std::nullopt;  // would round to infinity
    if (size == 0) return static_cast<std::uint16_t>(sign);
    int exponent = 0;
    std::frexp(size, &exponent);
    // Steps of a half around `size`: 2^-24 for subnormal ones, else 11 bits of fraction.
    const int step = std::max(exponent - 11, -24);
    const double rounded = std::nearbyint(std::ldexp(size, -step));
    const auto count = static_cast<unsigned>(rounded);  // at most 2048
    // A count of 1024 or more carries into the exponent by itself.
    const unsigned bits = (static_cast<unsigned>(step + 24) << 10) + count;
    return static_cast<std::uint16_t>(sign | bits);
}

double shortest_half(std::uint16_t bits) {
    const double exact = half_value(bits);
    if (!std::isfinite(exact)) return exact;
    for (int digits = 1; digits < 6; ++digits) {
        const auto text = fmt::format("{:.{}g}", exact, digits);
        const double decimal = parse_decimal(text.data(), text.data() + text.size());
        if (half_bits(decimal) == bits) return decimal;
    }
    return exact;
}

double shortest_float(float value) {
    if (!std::isfinite(value)) return static_cast<double>(value);
    std::array<char, 64> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} ? parse_decimal(text.data(), end) : static_cast<double>(value);
}

Result<Scalar> decode_bcd(std::uint64_t bits, unsigned digits) {
    std::uint64_t number = 0;
    for (unsigned i = digits; i-- > 0;) {
        const auto digit = bits >> (4 * i) & 15U;
        if (digit > 9) return fail(Errc::malformed, fmt::format("0x{:0{}X} is no BCD number", bits, digits));
        number = number * 10 + digit;
    }
    return number;
}

std::string shown(const Scalar& value) {
    struct Visitor {
        std::string operator()(bool b) const { return b ? "true" : "false"; }
        std::string operator()(const std::string&) const { return "text"; }
        std::string operator()(const Bytes&) const { return "bytes"; }
        std::string operator()(double number) const { return fmt::format("{}", number); }
        std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
        std::string operator()(std::uint64_t number) const { return fmt::format("{}", number); }
    };
    return std::visit(Visitor{}, value);
}

tl::unexpected<base::Error> misfit(const Scalar& value, Kind kind) {
    return fail(Errc::bad_request, fmt::format("{} does not fit {}", shown(value), name(kind)));
}

/// The value as sign and magnitude, when it is a whole number.
std::optional<std::pair<bool, std::uint64_t>> whole(const Scalar& value) {
    if (const auto* b = std::get_if<bool>(&value)) return std::pair{false, std::uint64_t{*b}};
    if (const auto* u = std::get_if<std::uint64_t>(&value)) return std::pair{false, *u};
    if (const auto* i = std::get_if<std::int64_t>(&value))
        return std::pair{*i < 0, *i < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(*i) : static_cast<std::uint64_t>(*i)};
    if (const auto* d = std::get_if<double>(&value)) {
        const double size = std::fabs(*d);
        if (!(size < 0x1p64) || std::trunc(*d) != *d) return std::nullopt;  // NaN as well
        return std::pair{*d < 0, static_cast<std::uint64_t>(size)};
    }
    return std::nullopt;
}

std::optional<double> real(const Scalar& value) {
    std::optional<double> number;
    if (const auto* b = std::get_if<bool>(&value)) number = *b ? 1 : 0;
    if (const auto* u = std::get_if<std::uint64_t>(&value)) number = static_cast<double>(*u);
    if (const auto* i = std::get_if<std::int64_t>(&value)) number = static_cast<double>(*i);
    if (const auto* d = std::get_if<double>(&value)) number = *d;
    if (number && !std::isfinite(*number)) return std::nullopt;
    return number;
}

/// The value's bits, right-aligned.
Result<std::uint64_t> number_bits(const Encoding& encoding, const Scalar& value) {
    const unsigned bits = width(encoding.kind);
    switch (encoding.kind) {
        case Kind::float16: {
            const auto number = real(value);
            const auto half = number ? half_bits(*number) : std::nullopt;
            return half ? Result<std::uint64_t>(*half) : misfit(value, encoding.kind);
        }
        case Kind::float32: {
            const auto number = real(value);
            // From here on a double rounds to infinity: the largest float and half a step.
            if (!number || std::fabs(*number) >= 0x1.ffffffp+127) return misfit(value, encoding.kind);
            return std::bit_cast<std::uint32_t>(static_cast<float>(*number));
        }
        case Kind::float64: {
            const auto number = real(value);
            return number ? Result<std::uint64_t>(std::bit_cast<std::uint64_t>(*number)) : misfit(value, encoding.kind);
        }
        default: break;
    }
    const auto number = whole(value);
    if (!number) return misfit(value, encoding.kind);
    const auto [negative, size] = *number;
    const bool no_sign = size == 0 || !negative;
    switch (encoding.kind) {
        case Kind::boolean:
            if (size > 1 || !no_sign) return misfit(value, encoding.kind);
            return size;
        case Kind::bcd8:
        case Kind::bcd16:
        case Kind::bcd32:
        case Kind::bcd64: {
            std::uint64_t rest = size, packed = 0;
            for (unsigned at = 0; at < bits; at += 4, rest /= 10) packed |= rest % 10 << at;
            if (rest != 0 || !no_sign) return misfit(value, encoding.kind);
            return packed;
        }
        default: break;
    }
    if (row(encoding.kind).is_signed) {
        const std::uint64_t limit = std::uint64_t{1} << (bits - 1);
        if (negative ? size > limit : size >= limit) return misfit(value, encoding.kind);
        return negative ? std::uint64_t{0} - size : size;
    }
    if (!no_sign || (bits < 64 && size >> bits != 0)) return misfit(value, encoding.kind);
    return size;
}

}  // namespace

unsigned width(Kind kind) { return row(kind).bits; }
bool is_signed(Kind kind) { return row(kind).is_signed; }
std::string_view name(Kind kind) { return row(kind).name; }

const std::vector<std::string_view>& orders() {
    static const std::vector<std::string_view> words{"AB",       "BA",       "ABCD",     "CDAB",     "BADC", "DCBA",
                                                     "ABCDEFGH", "GHEFCDAB", "BADCFEHG", "HGFEDCBA", "big",  "little"};
    return words;
}

std::optional<Encoding> read_encoding(Fields& point, Kind default_kind, std::string_view default_order, std::size_t unit) {
    static const std::vector<std::string_view> names = [] {
        std::vector<std::string_view> out;
        for (const KindRow& r : kinds) out.push_back(r.name);
        return out;
    }();
    Encoding encoding;
    encoding.kind = default_kind;
    bool good = true;
    if (point.has("type")) {
        const auto kind = point.choice("type", names);
        point.known("order");
        point.known("length");
        if (!kind) return std::nullopt;  // what order and length would fit is not known
        encoding.kind = kinds[*kind].kind;
    }
    if (is_text(encoding.kind)) {
        const std::int64_t most = most_string_bytes(unit) / static_cast<std::int64_t>(unit);
        const auto remedy = fmt::format("write how many {} it has: length: 8", unit == 2 ? "registers" : "bytes");
        if (point.need("length", remedy) == nullptr) {
            good = false;
        } else if (const auto length = point.integer("length", 1, most)) {
            encoding.length = static_cast<std::uint16_t>(*length * static_cast<std::int64_t>(unit));
        } else {
            good = false;
        }
    } else {
        encoding.length = static_cast<std::uint16_t>(width(encoding.kind) / 8);
        if (point.has("length")) {
            point.error("length",
                        fmt::format("{} always has {} {}", name(encoding.kind), encoding.length,
                                    encoding.length == 1 ? "byte" : "bytes"),
                        "remove 'length', or write type: string or bytes");
            good = false;
        }
    }
    if (point.has("order")) {
        if (auto order = read_order(point, encoding.kind, encoding.length))
            encoding.order = std::move(*order);
        else
            good = false;
    } else if (!is_text(encoding.kind)) {
        encoding.order = general(default_order, encoding.length);
    }
    if (!good) return std::nullopt;
    return encoding;
}

Result<Scalar> decode(const Encoding& encoding, ByteView wire) {
    if (wire.size() != encoding.length)
        return fail(Errc::malformed,
                    fmt::format("{} of {} bytes in an answer of {}", name(encoding.kind), encoding.length, wire.size()));
    const Bytes value = from_wire(encoding, wire);
    if (encoding.kind == Kind::bytes) return value;
    if (encoding.kind == Kind::string) {
        auto text = base::as_text(value);
        text = text.substr(0, text.find('\0'));
        while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
        if (!base::is_utf8(text)) return fail(Errc::malformed, "text that is no UTF-8");
        return std::string(text);
    }
    if (value.size() > 8) return fail(Errc::malformed, fmt::format("{} of {} bytes", name(encoding.kind), value.size()));
    std::uint64_t bits = 0;
    for (const std::uint8_t byte : value) bits = bits << 8 | byte;
    switch (encoding.kind) {
        case Kind::boolean: return bits != 0;
        case Kind::int8: return std::int64_t{static_cast<std::int8_t>(bits)};
        case Kind::int16:
        case Kind::sunssf: return std::int64_t{static_cast<std::int16_t>(bits)};
        case Kind::int32: return std::int64_t{static_cast<std::int32_t>(bits)};
        case Kind::int64: return static_cast<std::int64_t>(bits);
        case Kind::float16: return shortest_half(static_cast<std::uint16_t>(bits));
        case Kind::float32: return shortest_float(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
        case Kind::float64: return std::bit_cast<double>(bits);
        case Kind::bcd8:
        case Kind::bcd16:
        case Kind::bcd32:
        case Kind::bcd64: return decode_bcd(bits, width(encoding.kind) / 4);
        default: return bits;
    }
}

Result<Bytes> encode(const Encoding& encoding, const Scalar& value) {
    Bytes out;
    if (encoding.kind == Kind::string) {
        const auto* text = std::get_if<std::string>(&value);
        if (text == nullptr) return misfit(value, encoding.kind);
        if (text->size() > encoding.length)
            return fail(Errc::bad_request,
                        fmt::format("text of {} bytes, and there is room for {}", text->size(), encoding.length));
        if (text->find('\0') != std::string::npos) return fail(Errc::bad_request, "text with a NUL in it");
        out.assign(text->begin(), text->end());
        out.resize(encoding.length);
    } else if (encoding.kind == Kind::bytes) {
        const auto* bytes = std::get_if<Bytes>(&value);
        if (bytes == nullptr) return misfit(value, encoding.kind);
        if (bytes->size() != encoding.length)
            return fail(Errc::bad_request, fmt::format("{} bytes, and it has exactly {}", bytes->size(), encoding.length));
        out = *bytes;
    } else {
        const auto bits = number_bits(encoding, value);
        if (!bits) return tl::unexpected(bits.error());
        out.resize(encoding.length);
        for (std::size_t i = 0; i < out.size() && i < 8; ++i)
            out[out.size() - 1 - i] = static_cast<std::uint8_t>(*bits >> (8 * i));
    }
    return to_wire(encoding, out);
}

}  // namespace adapters
