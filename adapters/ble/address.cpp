#include "adapters/ble/address.hpp"

#include "gateway/base/bytes.hpp"

#include <fmt/format.h>

namespace adapters::ble {

std::optional<Address> Address::parse(std::string_view text) {
    if (text.size() != 17) return std::nullopt;
    const char between = text[2];
    if (between != ':' && between != '-') return std::nullopt;
    Address address;
    for (std::size_t i = 0; i < 6; ++i) {
        if (i > 0 && text[3 * i - 1] != between) return std::nullopt;
        const auto byte = base::from_hex(text.substr(3 * i, 2));
        if (!byte || byte->size() != 1) return std::nullopt;
        address.bytes[i] = byte->front();
    }
    return address;
}

std::string Address::str() const {
    return fmt::format("{:02X}:{:02X}:{:02X}:{:02X}:{:02X}:{:02X}", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
}

std::uint64_t Address::number() const {
    std::uint64_t number = 0;
    for (const std::uint8_t byte : bytes) number = number << 8 | byte;
    return number;
}

}  // namespace adapters::ble
