#pragma once

#include "adapters/api/adapter.hpp"

#include <memory>
#include <optional>
#include <variant>

/// A link's keys: where the bus is and how it is spoken on.
namespace adapters::modbus {

using base::Milliseconds;

class TlsIdentity;

struct TcpAddress {
    std::string host;  ///< IPv4, IPv6 without brackets, or a name
    std::uint16_t port = 502;
    /// "192.0.2.10:502", "[2001:db8::1]:502".
    std::string text() const;
};

/// Who switches the driver of an RS-485 line to sending and back.
struct Rs485 {
    enum class Direction : std::uint8_t {
        none,       ///< the adapter by itself, or there is nothing to switch
        automatic,  ///< the kernel's driver when it can, else as `none`
        kernel,     ///< the kernel's driver (TIOCSRS485)
        rts         ///< we, by the line RTS
    };
    Direction direction = Direction::none;
    std::chrono::microseconds before{0}, after{0};  ///< between switching and sending, and the other way round
};

struct SerialLine {
    std::string device;  ///< "/dev/ttyUSB0"; empty behind a serial server
    int baud = 9600;
    char parity = 'N';  ///< N, E, O
    int stop_bits = 1;
    Rs485 rs485{};

    /// Time of one character in µs, with the bits that this line has.
    double character_us() const { return (1 + 8 + (parity == 'N' ? 0 : 1) + stop_bits) * 1e6 / baud; }
    /// The silence between two frames: 3.5 characters of 11 bits, fixed 1.75 ms above 19200 Bd (serial line 1.02, 2.5.1.1).
    std::chrono::microseconds silence() const;
    /// "19200 8E1"
    std::string format() const;
};

/// RTU frames over a TCP connection to a serial server.
struct RtuOverTcp {
    TcpAddress server;
    SerialLine line{};  ///< what the server's line is set to
};

/// Modbus/TCP Security: TLS with certificates on both sides.
struct TlsAddress {
    TcpAddress host;
    std::string name;  ///< that the device's certificate must bear
    std::shared_ptr<const TlsIdentity> identity;
};

/// The device connects to us.
struct DialIn {
    TcpAddress listen;
    bool rtu = false;         ///< its frames are those of a serial line
    base::Bytes hello{};      ///< what it sends first, before it counts; empty: nothing
    base::Bytes heartbeat{};  ///< what it sends now and then, to be left out; empty: nothing
    SerialLine line{};        ///< behind it, when `rtu`
};

struct LinkSettings {
    std::variant<TcpAddress, SerialLine, RtuOverTcp, TlsAddress, DialIn> to;
    std::optional<TcpAddress> fallback{};  ///< spoken to in the same way while `to` cannot be connected to
    Milliseconds timeout{1000};  ///< for an answer; a serial line 500 ms (the frames' own time on the line comes on top)
    Milliseconds pause{0};       ///< between any two requests
    Milliseconds idle{0};        ///< a connection is closed when nobody asked for so long; 0: never

    double busy = 1.0;  ///< the part of its time that polls may take, over 0 to 1

    /// The line that the frames go over, ours or one behind a serial server or modem. Null: Modbus TCP.
    const SerialLine* line() const;
    /// Units are those of a serial line, 1 to 247, and 0 is the broadcast.
    bool is_serial() const { return line() != nullptr; }
    /// "tcp 192.0.2.10:502", "rtu /dev/ttyUSB0 19200 8E1", "rtu+tcp …", "tls …", "dial-in 0.0.0.0:5020". No secret.
    std::string where() const;
};

/// Reports every mistake, then returns nothing. Reads the files of certificates, opens nothing else.
std::optional<LinkSettings> read_link(Fields& link);
/// "192.0.2.10:502", "[2001:db8::1]", "meter.example": nothing when it is none of these. Port 0 passes only to listen on.
std::optional<TcpAddress> parse_tcp(std::string_view text, std::uint16_t default_port, bool to_listen = false);
/// "19200 8E1" into speed, parity and stop bits of `line`. False: it is none, or a speed that cannot be set.
bool parse_line(std::string_view text, SerialLine& line);
/// "70%" → 0.7; nothing when it is no part of a whole.
std::optional<double> parse_share(std::string_view text);

}  // namespace adapters::modbus
