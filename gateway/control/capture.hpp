#pragma once

#include "gateway/base/bytes.hpp"
#include "gateway/base/time.hpp"

#include <cstdint>
#include <string>

namespace gateway::control {

/// A capture file in the classic pcap format, for Wireshark: made of frames that went over a link, not of packets.
///
/// - tcp: each frame as the only content of an IPv4 TCP packet between 192.0.2.1 (we) and 192.0.2.2 port 502, with running
///   sequence numbers and right check sums (LINKTYPE_RAW). Wireshark shows Modbus/TCP at once.
/// - serial: each frame with the twelve bytes of LINKTYPE_RTAC_SERIAL in front, which say time and direction, CRC included.
///   Wireshark: "Decode As", RTAC Serial, Modbus RTU.
class Capture {
public:
    enum class Kind : std::uint8_t { tcp, serial };
    explicit Capture(Kind kind) : kind_(kind) {}
    /// tcp for a frame with the header of Modbus/TCP; else serial.
    static Kind kind_of(base::ByteView frame);

    /// What a file begins with.
    std::string header() const;
    /// One frame; at most 1,400 bytes of it are kept.
    std::string packet(bool sent, base::WallTime at, base::ByteView frame);

private:
    Kind kind_;
    std::uint32_t ours_ = 1, theirs_ = 1;  // next sequence numbers
    std::uint16_t identification_ = 0;
};

}  // namespace gateway::control
