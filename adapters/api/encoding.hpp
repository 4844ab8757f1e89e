#pragma once

#include "adapters/api/adapter.hpp"

/// The byte grammar that Modbus registers, BLE characteristics and MQTT payloads share: `type`, `order`, `length`.
namespace adapters {

enum class Kind : std::uint8_t {
    boolean, int8, uint8, int16, uint16, int32, uint32, int64, uint64,
    float16, float32, float64, bcd8, bcd16, bcd32, bcd64, sunssf, string, bytes
};

struct Encoding {
    Kind kind = Kind::uint16;
    std::uint16_t length = 2;                  ///< in bytes
    /// Which byte of the wire goes where: the letters of `order:`, most significant first, as indices ("CDAB" = 2 3 0 1).
    /// Empty: as it comes (big endian).
    std::vector<std::uint8_t> order;
    friend bool operator==(const Encoding&, const Encoding&) = default;
};

/// Reads `type`, `order`, `length` of a point (`default_order` where the point has none, "" for none).
/// `unit`: bytes in which a string's length is counted (Modbus: registers of 2, else 1).
std::optional<Encoding> read_encoding(Fields& point, Kind default_kind, std::string_view default_order, std::size_t unit);

/// Errc::malformed when the bytes cannot be such a value (size, BCD digit above 9, text that is no UTF-8).
/// float16 and float32 become the shortest decimal that names them, so that 0x4365028F is 229.01.
Result<Scalar> decode(const Encoding&, base::ByteView);
/// Errc::bad_request when the value does not fit the type.
Result<Bytes> encode(const Encoding&, const Scalar&);
/// Bits of the type: 16 for int16; 0 for string and bytes.
unsigned width(Kind);
bool is_signed(Kind);
std::string_view name(Kind);

}  // namespace adapters
