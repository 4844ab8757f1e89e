#include "gateway/control/capture.hpp"

#include <algorithm>

namespace gateway::control {

namespace {

constexpr std::size_t most_frame = 1'400, ip_header = 20, tcp_header = 20;
constexpr std::uint32_t linktype_raw = 101, linktype_rtac_serial = 250;
constexpr std::uint32_t our_address = 0xC0000201, their_address = 0xC0000202;  // RFC 5737: for documents
constexpr std::uint16_t our_port = 49'152, modbus_port = 502;

void big(std::string& out, std::uint32_t number, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(number >> (8 * i) & 0xFFU));
}

void little(std::string& out, std::uint32_t number, int bytes) {
    for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(number >> (8 * i) & 0xFFU));
}

/// RFC 1071.
std::uint32_t add_up(std::string_view bytes, std::uint32_t sum) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[i])) << (i % 2 == 0 ? 8U : 0U);
    return sum;
}
std::uint16_t fold(std::uint32_t sum) {
    while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum & 0xFFFF);
}
void put(std::string& out, std::size_t at, std::uint16_t number) {
    out[at] = static_cast<char>(number >> 8);
    out[at + 1] = static_cast<char>(number & 0xFF);
}

}  // namespace

Capture::Kind Capture::kind_of(base::ByteView frame) {
    // Transaction, protocol 0, the number of bytes that follow.
    const bool headed =
        frame.size() > 7 && frame[2] == 0 && frame[3] == 0 && frame[4] * std::size_t{256} + frame[5] + 6 == frame.size();
    return headed ? Kind::tcp : Kind::serial;
}

std::string Capture::header() const {
    std::string out;
    little(out, 0xA1B2C3D4, 4);  // microseconds
    little(out, 2, 2);
    little(out, 4, 2);
    little(out, 0, 4);
    little(out, 0, 4);
    little(out, 65'535, 4);
    little(out, kind_ == Kind::tcp ? linktype_raw : linktype_rtac_serial, 4);
    return out;
}

std::string Capture::packet(bool sent, base::WallTime at, base::ByteView frame) {
    frame = frame.first(std::min(frame.size(), most_frame));
    const auto since = at.time_since_epoch().count();  // ms
    const auto seconds = static_cast<std::uint32_t>(since / 1000);
    const auto micros = static_cast<std::uint32_t>(since % 1000 * 1000);
    std::string body;
    if (kind_ == Kind::serial) {
        big(body, seconds, 4);
        big(body, micros, 4);
        body.push_back(sent ? '\x01' : '\x02');  // DATA_TX_START, DATA_RX_START
        body.append(3, '\0');                    // control lines, footer
    } else {
        const auto length = static_cast<std::uint16_t>(ip_header + tcp_header + frame.size());
        const std::uint32_t from = sent ? our_address : their_address, to = sent ? their_address : our_address;
        big(body, 0x4500, 2);
        big(body, length, 2);
        big(body, identification_++, 2);
        big(body, 0x4000, 2);  // not to be broken up
        big(body, 0x4006, 2);  // 64 hops, TCP
        big(body, 0, 2);
        big(body, from, 4);
        big(body, to, 4);
        put(body, 10, fold(add_up(body, 0)));
        std::string segment;
        big(segment, sent ? our_port : modbus_port, 2);
        big(segment, sent ? modbus_port : our_port, 2);
        auto& mine = sent ? ours_ : theirs_;
        big(segment, mine, 4);
        big(segment, sent ? theirs_ : ours_, 4);
        big(segment, 0x5018, 2);  // five words, PSH and ACK
        big(segment, 65'535, 2);
        big(segment, 0, 4);
        segment.append(base::as_text(frame));
        mine += static_cast<std::uint32_t>(frame.size());
        std::string pseudo;
        big(pseudo, from, 4);
        big(pseudo, to, 4);
        big(pseudo, 6, 2);
        big(pseudo, static_cast<std::uint32_t>(segment.size()), 2);
        put(segment, 16, fold(add_up(segment, add_up(pseudo, 0))));
        body += segment;
        frame = {};
    }
    body.append(base::as_text(frame));
    std::string out;
    little(out, seconds, 4);
    little(out, micros, 4);
    little(out, static_cast<std::uint32_t>(body.size()), 4);
    little(out, static_cast<std::uint32_t>(body.size()), 4);
    return out + body;
}

}  // namespace gateway::control
