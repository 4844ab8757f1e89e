#include "lwm2m/codec/base64.hpp"

#include <array>

namespace lwm2m::codec {

namespace {

constexpr std::string_view letters_and_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

constexpr char symbol(std::uint32_t six_bits, Base64 variant) {
    if (six_bits < letters_and_digits.size()) return letters_and_digits[six_bits];
    if (six_bits == 62) return variant == Base64::url ? '-' : '+';
    return variant == Base64::url ? '_' : '/';
}

constexpr std::uint8_t foreign = 255;

constexpr std::array<std::uint8_t, 256> table(Base64 variant) {
    std::array<std::uint8_t, 256> values{};
    for (auto& value : values) value = foreign;
    for (std::uint8_t i = 0; i < 64; ++i) values[static_cast<std::uint8_t>(symbol(i, variant))] = i;
    return values;
}
constexpr auto standard_table = table(Base64::standard);
constexpr auto url_table = table(Base64::url);

}  // namespace

void append_base64(base::Bytes& out, base::ByteView data, Base64 variant) {
    out.reserve(out.size() + (data.size() + 2) / 3 * 4);
    const auto put = [&](std::uint32_t bits, unsigned shift) {
        out.push_back(static_cast<std::uint8_t>(symbol(bits >> shift & 63, variant)));
    };
    std::size_t i = 0;
    for (; i + 3 <= data.size(); i += 3) {
        const std::uint32_t bits =
            static_cast<std::uint32_t>(data[i]) << 16 | static_cast<std::uint32_t>(data[i + 1]) << 8 | data[i + 2];
        for (const unsigned shift : {18U, 12U, 6U, 0U}) put(bits, shift);
    }
    const std::size_t left = data.size() - i;
    if (left == 0) return;
    std::uint32_t bits = static_cast<std::uint32_t>(data[i]) << 16;
    if (left == 2) bits |= static_cast<std::uint32_t>(data[i + 1]) << 8;
    put(bits, 18);
    put(bits, 12);
    if (left == 2) put(bits, 6);
    if (variant == Base64::standard) out.insert(out.end(), 3 - left, '=');
}

std::optional<base::Bytes> decode_base64(std::string_view text, Base64 variant) {
    if (variant == Base64::standard && text.size() % 4 != 0) return std::nullopt;
    if (text.size() % 4 == 0 && text.ends_with("=")) {
        text.remove_suffix(1);
        if (text.ends_with("=")) text.remove_suffix(1);
    }
    if (text.size() % 4 == 1) return std::nullopt;
    const auto& values = variant == Base64::url ? url_table : standard_table;
    base::Bytes out;
    out.reserve(text.size() * 3 / 4);
    std::uint32_t bits = 0;
    unsigned have = 0;
    for (const char c : text) {
        const std::uint8_t value = values[static_cast<std::uint8_t>(c)];
        if (value == foreign) return std::nullopt;
        bits = (bits << 6 | value) & 0xFFFFFF;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out.push_back(static_cast<std::uint8_t>(bits >> have));
        }
    }
    if ((bits & ((1U << have) - 1)) != 0) return std::nullopt;
    return out;
}

}  // namespace lwm2m::codec
