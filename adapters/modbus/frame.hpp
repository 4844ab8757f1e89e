#pragma once

#include "gateway/base/bytes.hpp"
#include "gateway/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Requests, and the proof that an answer belongs to one. Pure functions: no socket, no clock.
/// Source: MODBUS Application Protocol 1.1b3 (PDUs, section 6 and 7), MODBUS Messaging on TCP/IP 1.0b (header, 3.1.3).
namespace adapters::modbus {

using base::Bytes;
using base::ByteView;
using base::Result;

enum class Table : std::uint8_t { coil, discrete, input, holding };
std::string_view name(Table);
/// One bit each (coil, discrete) rather than a register of 16.
constexpr bool is_bits(Table table) { return table == Table::coil || table == Table::discrete; }

enum class Function : std::uint8_t {
    read_coils = 1,
    read_discrete = 2,
    read_holding = 3,
    read_input = 4,
    write_coil = 5,
    write_register = 6,
    write_coils = 15,
    write_registers = 16,
    report_server_id = 17,
    mask_write = 22,  ///< of one register: (old and A) or (B and not A)
    write_read = 23,  ///< registers written, then registers read, in one request
    identify = 43     ///< with MEI type 14: read device identification
};
constexpr bool is_read(Function function) { return function <= Function::read_input; }
Function read_function(Table);

/// What one request may carry (1.1b3, 6.1 to 6.12).
constexpr std::uint16_t most_read_bits = 2000, most_read_registers = 125;
constexpr std::uint16_t most_written_bits = 1968, most_written_registers = 123;
constexpr std::uint16_t most_written_and_read_registers = 121;  ///< function 23

/// What a device is asked for with function 43/14 (6.21).
enum class IdentityLevel : std::uint8_t { basic = 1, regular = 2, extended = 3, one_object = 4 };

struct Request {
    std::uint8_t unit = 0;
    Function function = Function::read_holding;
    std::uint16_t address = 0;  ///< as on the wire, from 0; of 43/14 the first object
    std::uint16_t count = 1;    ///< registers or bits; of 43/14 the IdentityLevel
    /// Writes: registers, high byte first; coils packed, lowest bit first. Function 22: the masks A and B.
    Bytes values{};
    std::uint16_t write_address = 0;  ///< of function 23, whose `address` and `count` are what is read
    bool broadcast = false;           ///< to all units of a serial line (unit 0): nobody answers
    /// "holding 17..20", "device identification", for messages.
    std::string where() const;
};

/// "holding 17" or "holding 17..20".
std::string range_text(Table, std::uint32_t address, std::uint32_t count);

/// Function code and data: what stands between unit and check sum.
Bytes pdu(const Request&);

/// The longest answer that a request can have, function code and data.
std::size_t most_answer(const Request&);

struct Verdict {
    /// The data bytes of a read and of function 23 (registers, high byte first; bits packed, lowest first), what follows the
    /// byte count of function 17 and the MEI type of 43/14; empty for a write. Or an error:
    /// the device's exceptions become (gateway digest 11) 1 not_allowed, 2 not_found, 3 bad_request, 4 and 7 internal,
    /// 5 and 6 busy, 8 and 10 malformed, 11 timeout; all else is Errc::malformed.
    Result<ByteView> data;
    /// The frame is what the device says to this request: data or an exception. Else the line is out of step.
    bool belongs = false;
};
/// Every byte of the answer is accounted for.
Verdict check_answer(const Request&, ByteView pdu);

constexpr std::size_t tcp_header_size = 7, largest_adu = 260;

/// The frame of Modbus TCP. `transaction` comes back in the answer.
Bytes tcp_adu(const Request&, std::uint16_t transaction);
/// How long the frame is that begins here: 0 while that cannot be told (fewer than 6 bytes). Errc::malformed: no Modbus.
Result<std::size_t> tcp_adu_size(ByteView begin);
/// The transaction of a frame of at least 2 bytes.
std::uint16_t tcp_transaction(ByteView adu);
/// As check_answer(), on a whole frame: transaction, protocol, length and unit must be right too.
Verdict check_tcp_answer(const Request&, std::uint16_t transaction, ByteView adu);
/// As check_answer(), on a frame of a serial line whose check sum was found right.
Verdict check_rtu_answer(const Request&, ByteView adu);

/// Unit, PDU and check sum.
Bytes rtu_adu(const Request&);
/// The check sum of RTU frames as a number; its low byte goes first.
std::uint16_t crc16(ByteView);
/// How long the answer of a serial device is that begins here, check sum included: 0 while that cannot be told.
/// Errc::malformed: longer than a frame may be.
Result<std::size_t> rtu_answer_size(const Request&, ByteView begin);

/// One answer to function 43/14, out of a Verdict's data.
struct IdentityPage {
    bool more = false;  ///< another request is needed, from object `next` on
    std::uint8_t next = 0;
    std::vector<std::pair<std::uint8_t, ByteView>> objects;  ///< number and text, as views into the data
};
Result<IdentityPage> identity_page(ByteView data);

}  // namespace adapters::modbus
