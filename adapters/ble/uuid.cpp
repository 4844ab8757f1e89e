#include "adapters/ble/uuid.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace adapters::ble {

namespace {

std::optional<std::uint8_t> digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
    return std::nullopt;
}

}  // namespace

std::optional<Uuid> Uuid::parse(std::string_view text) {
    if (text.size() == 36) {
        Uuid uuid;
        std::size_t at = 0;
        for (std::size_t i = 0; i < text.size();) {
            if (i == 8 || i == 13 || i == 18 || i == 23) {
                if (text[i++] != '-') return std::nullopt;
                continue;
            }
            const auto high = digit(text[i]), low = digit(text[i + 1]);
            if (!high || !low) return std::nullopt;
            uuid.bytes_[at++] = static_cast<std::uint8_t>(*high << 4 | *low);
            i += 2;
        }
        return uuid;
    }
    if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
    if (text.size() != 4 && text.size() != 8) return std::nullopt;
    std::uint32_t number = 0;
    for (const char c : text) {
        const auto its = digit(c);
        if (!its) return std::nullopt;
        number = number << 4 | *its;
    }
    return of(number);
}

std::optional<std::uint32_t> Uuid::number() const {
    if (!std::equal(bytes_.begin() + 4, bytes_.end(), base.begin() + 4)) return std::nullopt;
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < 4; ++i) number = number << 8 | bytes_[i];
    return number;
}

std::optional<std::uint16_t> Uuid::short_form() const {
    const auto its = number();
    if (!its || *its > 0xFFFF) return std::nullopt;
    return static_cast<std::uint16_t>(*its);
}

std::string Uuid::str() const {
    std::string text;
    text.reserve(36);
    constexpr std::string_view digits = "0123456789abcdef";
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += digits[bytes_[i] >> 4];
        text += digits[bytes_[i] & 0x0F];
    }
    return text;
}

std::string Uuid::text() const {
    if (const auto its = short_form()) return fmt::format("0x{:04X}", *its);
    return str();
}

}  // namespace adapters::ble
