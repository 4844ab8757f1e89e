#pragma once

#include "adapters/api/adapter.hpp"

#include <optional>
#include <variant>

/// A link's keys: where the bus is and how it is spoken on.
namespace adapters::modbus {

using base::Milliseconds;

struct TcpAddress {
    std::string host;  ///< IPv4, IPv6 without brackets, or a name
    std::uint16_t port = 502;
};

struct SerialLine {
    std::string device;  ///< "/dev/ttyUSB0"
    int baud = 9600;
    char parity = 'N';  ///< N, E, O
    int stop_bits = 1;

    /// Time of one character in µs, with the bits that this line has.
    double character_us() const { return (1 + 8 + (parity == 'N' ? 0 : 1) + stop_bits) * 1e6 / baud; }
    /// The silence between two frames: 3.5 characters of 11 bits, fixed 1.75 ms above 19200 Bd (serial line 1.02, 2.5.1.1).
    std::chrono::microseconds silence() const;
};

struct LinkSettings {
    std::variant<TcpAddress, SerialLine> to;
    Milliseconds timeout{1000};  ///< for an answer; TCP 1 s, serial 500 ms (the frames' own time on the line comes on top)
    Milliseconds pause{0};       ///< between any two requests
    bool is_serial() const { return std::holds_alternative<SerialLine>(to); }
    /// "tcp 192.0.2.10:502", "rtu /dev/ttyUSB0 19200 8E1".
    std::string where() const;
};

/// Keys: modbus, line, timeout, pause, connections. Reports every mistake, then returns nothing.
std::optional<LinkSettings> read_link(Fields& link);
/// "192.0.2.10:502", "[2001:db8::1]", "meter.example": nothing when it is none of these. Port 0 passes only to listen on.
std::optional<TcpAddress> parse_tcp(std::string_view text, std::uint16_t default_port, bool to_listen = false);

}  // namespace adapters::modbus
