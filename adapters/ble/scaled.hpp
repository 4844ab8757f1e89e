#pragma once

#include "adapters/ble/decoder.hpp"

/// Numbers on the air: whole ones of 1 to 8 bytes, meant times a decimal.
namespace adapters::ble {

/// Of `bytes.size()` bytes, 1 to 8.
constexpr std::uint64_t unsigned_of(base::ByteView bytes, bool big_endian = false) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) number = number << 8 | bytes[big_endian ? i : bytes.size() - 1 - i];
    return number;
}

constexpr std::int64_t signed_of(std::uint64_t bits, unsigned width) {
    if (width >= 64 || (bits >> (width - 1) & 1) == 0) return static_cast<std::int64_t>(bits);
    return static_cast<std::int64_t>(bits | ~std::uint64_t{0} << width);
}

/// (raw × times + plus) ÷ by. One division of whole numbers, so that 2506 ÷ 100 is 25.06 and not 25.060000000000002.
struct Scale {
    std::int64_t times = 1, by = 1, plus = 0;
    constexpr double operator()(std::int64_t raw) const {
        return static_cast<double>(raw * times + plus) / static_cast<double>(by);
    }
};

/// A number at a fixed place of a report, and the field that it is.
struct Placed {
    std::uint16_t field = 0;
    std::uint8_t at = 0, size = 1;  ///< bytes
    bool is_signed = false;
    Scale scale{};
    std::optional<std::int64_t> invalid{};  ///< the raw number that means "no value"
    std::uint8_t shift = 0, bits = 0;       ///< only so many bits from there; 0: all
};

/// Every number of a table from a report that is long enough for it; big endian.
inline void take_all(std::span<const Placed> table, base::ByteView data, std::span<const Field> fields,
                     std::vector<FieldValue>& values) {
    for (const auto& one : table) {
        std::uint64_t bits = unsigned_of(data.subspan(one.at, one.size), true);
        unsigned width = one.size * 8U;
        if (one.bits != 0) {
            bits = bits >> one.shift & ((std::uint64_t{1} << one.bits) - 1);
            width = one.bits;
        }
        const std::int64_t raw = one.is_signed ? signed_of(bits, width) : static_cast<std::int64_t>(bits);
        Scalar value;
        if (one.invalid == raw)
            value = not_available();
        else if (fields[one.field].kind == Kind::float64)
            value = one.scale(raw);
        else
            value = raw * one.scale.times + one.scale.plus;
        values.push_back({{one.field, 0}, std::move(value)});
    }
}

}  // namespace adapters::ble
