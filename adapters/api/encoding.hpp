#pragma once

#include "adapters/api/adapter.hpp"

/// The byte grammar that Modbus registers, BLE characteristics and MQTT payloads share: `type`, `order`, `length`.
namespace adapters {

enum class Kind : std::uint8_t {
    boolean,
    int8,
    uint8,
    int16,
    uint16,
    int32,
    uint32,
    int64,
    uint64,
    float16,
    float32,
    float64,
    bcd8,
    bcd16,
    bcd32,
    bcd64,
    sunssf,
    string,
    bytes
};

struct Encoding {
    Kind kind = Kind::uint16;
    std::uint16_t length = 2;  ///< in bytes
    /// Which byte of the value stands where on the wire, 0 the most significant: "CDAB" is 2 3 0 1. Empty: big endian.
    /// A string or bytes may have an order of two (1 0), which then holds for each pair.
    std::vector<std::uint8_t> order;
    friend bool operator==(const Encoding&, const Encoding&) = default;
};

/// Bytes of a string: 250 (what one Modbus read brings) where it is counted in registers, else 4,096.
constexpr std::int64_t most_string_bytes(std::size_t unit) { return unit > 1 ? 250 : 4096; }

/// Reads `type`, `order`, `length` of a point (`default_order` where the point has none, "" for none).
/// `unit`: bytes in which a string's length is counted (Modbus: registers of 2, else 1).
/// A point's own order must fit its type. A default order is meant for all types of a device: CDAB (words swapped) is
/// AB for two bytes and GHEFCDAB for eight; strings and bytes have an order only of their own (AB or BA).
std::optional<Encoding> read_encoding(Fields& point, Kind default_kind, std::string_view default_order, std::size_t unit);
/// All words of `order`, for the default in an adapter's section: `section.choice("order", orders())`.
const std::vector<std::string_view>& orders();

/// Errc::malformed when the bytes cannot be such a value (size, BCD digit above 9, text that is no UTF-8).
/// float16 and float32 become the shortest decimal that names them, so that 0x4365028F is 229.01; what is no number
/// (NaN, infinities) is handed on as it is. A string ends at its first NUL; blanks at its end are taken off.
Result<Scalar> decode(const Encoding&, base::ByteView);
/// Errc::bad_request when the value does not fit the type: out of range, a fraction for an integer, NaN, text too long
/// or for a number. A bool counts as 0 or 1, a number with a zero fraction as an integer; strings are filled up with NULs.
Result<Bytes> encode(const Encoding&, const Scalar&);
/// Bits of the type: 16 for int16; 0 for string and bytes.
unsigned width(Kind);
bool is_signed(Kind);
std::string_view name(Kind);

}  // namespace adapters
