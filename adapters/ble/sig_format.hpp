#pragma once

#include "adapters/ble/scaled.hpp"

/// Formats of the characteristics that the Bluetooth SIG has given a number: GATT Specification Supplement 12, and for the
/// measurements the Heart Rate, Health Thermometer, Weight Scale, Blood Pressure, Pulse Oximeter, Battery and Device
/// Information Services.
namespace adapters::ble {

enum class SigType : std::uint8_t {
    number,         ///< `size` bytes, little endian
    signed_number,  ///< the same in two's complement
    boolean,        ///< one byte, 0 or 1
    flag,           ///< a bit of the flags; takes no bytes
    medfloat16,     ///< IEEE 11073-20601 SFLOAT: 4 bits of decimal exponent, 12 of mantissa
    medfloat32,     ///< IEEE 11073-20601 FLOAT: 8 bits and 24
    date_time,      ///< 7 bytes: year to second, in the device's own time; seconds since 1970 as if that were UTC
    day_date_time,  ///< 8 bytes: the same and the day of the week
    text,           ///< UTF-8 to the end
    rest            ///< bytes to the end
};

struct SigField {
    std::string_view name;  ///< two of the same name are one field in two forms: which it is say the flags
    SigType type = SigType::number;
    std::uint8_t size = 1;  ///< bytes
    std::string_view unit = "";
    Scale scale{};
    std::optional<std::int64_t> invalid{};  ///< the raw number for "value is not known"
    std::uint32_t mask = 0, want = 0;       ///< is there when (flags & mask) == want
    std::uint8_t bit = 0;                   ///< of a flag

    Kind kind() const;
};

struct SigFormat {
    std::uint16_t uuid = 0;
    std::string_view name;        ///< "Temperature"
    std::uint8_t flag_bytes = 0;  ///< at the beginning
    std::span<const SigField> fields;

    /// The first of that name; nothing when there is none.
    std::optional<std::uint16_t> find(std::string_view field) const;
    /// Is there something besides this field? Then a write of it keeps the rest as it is.
    bool more_than(std::uint16_t field) const;
    /// Can a client write this field: not where flags say what there is.
    bool writable(std::uint16_t field) const;
};

/// All of them, by number.
std::span<const SigFormat> sig_formats();
/// Null: the SIG has none of that number, or we do not know it.
const SigFormat* sig_format(const Uuid&);

/// What the bytes say of a field. Nothing: by their flags they do not hold it. Errc::malformed when they cannot be.
Result<std::optional<Scalar>> take(const SigFormat&, std::uint16_t field, base::ByteView);
/// The characteristic's bytes with that value, the other fields as in `present`. Errc::bad_request when the value does not
/// fit, malformed when `present` is too short.
Result<base::Bytes> put(const SigFormat&, std::uint16_t field, const Scalar&, base::ByteView present);

}  // namespace adapters::ble
