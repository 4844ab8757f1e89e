#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace adapters::ble {

/// A UUID of 128 bits; those of 16 and 32 bits stand for one made of the Bluetooth base UUID (Core 5.4, vol 3, B 2.5.1).
class Uuid {
public:
    constexpr Uuid() = default;
    /// 0x181A is 0000181a-0000-1000-8000-00805f9b34fb.
    static constexpr Uuid of(std::uint32_t number) {
        Uuid uuid;
        uuid.bytes_ = base;
        for (std::size_t i = 0; i < 4; ++i) uuid.bytes_[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
        return uuid;
    }
    static Uuid of_bytes(std::span<const std::uint8_t, 16> most_significant_first) {
        Uuid uuid;
        std::memcpy(uuid.bytes_.data(), most_significant_first.data(), 16);
        return uuid;
    }
    /// "0x181A", "181A", "0000181A", "0000181a-0000-1000-8000-00805f9b34fb", in small or capital digits; nothing else.
    static std::optional<Uuid> parse(std::string_view text);

    /// The number that stands for it; nothing when it is none of the Bluetooth base.
    std::optional<std::uint32_t> number() const;
    /// The same when it fits in 16 bits.
    std::optional<std::uint16_t> short_form() const;
    /// All of it, in small digits, as BlueZ writes it.
    std::string str() const;
    /// For people: "0x181A", or all of it.
    std::string text() const;
    /// The most significant first.
    const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }

    friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;

private:
    static constexpr std::array<std::uint8_t, 16> base{0, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0x80, 0x5F, 0x9B, 0x34, 0xFB};
    std::array<std::uint8_t, 16> bytes_{};
};

}  // namespace adapters::ble

template <>
struct std::hash<adapters::ble::Uuid> {
    std::size_t operator()(const adapters::ble::Uuid& uuid) const noexcept {
        std::uint64_t halves[2];
        std::memcpy(halves, uuid.bytes().data(), sizeof halves);
        return std::hash<std::uint64_t>{}(halves[0] * 0x9E3779B97F4A7C15ULL ^ halves[1]);
    }
};
