#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace adapters::ble {

/// A device's 48-bit address. Written as BlueZ writes it: "C4:7C:8D:00:00:01".
struct Address {
    std::array<std::uint8_t, 6> bytes{};  ///< as written: the most significant first (on the air it comes last)

    /// Six pairs of hex digits with ':' or '-' between them, small or capital; nothing else.
    static std::optional<Address> parse(std::string_view text);
    std::string str() const;
    std::uint64_t number() const;
    friend auto operator<=>(const Address&, const Address&) = default;
};

enum class AddressType : std::uint8_t { fixed, random };  ///< "public" and "random" of BlueZ's AddressType

}  // namespace adapters::ble

template <>
struct std::hash<adapters::ble::Address> {
    std::size_t operator()(const adapters::ble::Address& address) const noexcept {
        return std::hash<std::uint64_t>{}(address.number());
    }
};
