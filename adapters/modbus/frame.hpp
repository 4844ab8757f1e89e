#pragma once

#include "gateway/base/bytes.hpp"
#include "gateway/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

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
    write_registers = 16
};
constexpr bool is_read(Function function) { return function <= Function::read_input; }
Function read_function(Table);

/// What one request may carry (1.1b3, 6.1 to 6.12).
constexpr std::uint16_t most_read_bits = 2000, most_read_registers = 125;
constexpr std::uint16_t most_written_bits = 1968, most_written_registers = 123;

struct Request {
    std::uint8_t unit = 0;
    Function function = Function::read_holding;
    std::uint16_t address = 0;  ///< as on the wire, from 0
    std::uint16_t count = 1;    ///< registers or bits
    Bytes values{};             ///< writes: registers, high byte first; coils packed, lowest bit first
    /// "holding 17..20", for messages.
    std::string where() const;
};

/// "holding 17" or "holding 17..20".
std::string range_text(Table, std::uint32_t address, std::uint32_t count);

/// Function code and data: what stands between unit and check sum.
Bytes pdu(const Request&);

struct Verdict {
    /// The data bytes of a read (registers, high byte first; bits packed, lowest first), empty for a write. Or an error:
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

}  // namespace adapters::modbus
