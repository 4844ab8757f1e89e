#pragma once

#include "gateway/base/bytes.hpp"

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

/// CoAP messages as a test writes and reads them: bytes of its own, not the library's under test (RFC 7252 3).
namespace wire {

using base::Bytes;
using base::ByteView;

enum class Type : std::uint8_t { con, non, ack, rst };

constexpr std::uint8_t code(int major, int minor) { return static_cast<std::uint8_t>(major << 5 | minor); }
constexpr std::uint8_t empty = 0, get = 1, post = 2, put = 3, del = 4, fetch = 5, patch = 6, ipatch = 7;

enum Option : std::uint16_t {
    if_match = 1,
    uri_host = 3,
    etag = 4,
    observe = 6,
    uri_port = 7,
    location_path = 8,
    uri_path = 11,
    content_format = 12,
    max_age = 14,
    uri_query = 15,
    accept = 17,
    block2 = 23,
    block1 = 27,
    size2 = 28,
    size1 = 60,
    echo = 252,
    request_tag = 292
};

struct Message {
    Type type = Type::con;
    std::uint8_t code = 0;
    std::uint16_t id = 0;
    Bytes token{};
    std::vector<std::pair<std::uint16_t, Bytes>> options{};  // in ascending order
    Bytes payload{};

    Message& with(std::uint16_t option, Bytes value);
    Message& with(std::uint16_t option, const std::string& text);
    /// As a CoAP uint: no leading zeros, nothing for 0.
    Message& with(std::uint16_t option, std::uint32_t number);
    Message& path(const std::string& slashed);  // "/3/0" → two Uri-Path options
    Message& body(const std::string& text);
    /// NUM, M and the size of a block.
    Message& block(std::uint16_t option, std::uint32_t number, bool more, std::size_t size);

    Bytes encoded() const;
    static std::optional<Message> decode(ByteView bytes);

    std::vector<std::string> texts(std::uint16_t option) const;
    std::optional<std::uint32_t> number(std::uint16_t option) const;
    std::optional<Bytes> value(std::uint16_t option) const;
    std::string text() const { return {payload.begin(), payload.end()}; }
};

struct BlockValue {
    std::uint32_t number;
    bool more;
    std::size_t size;
    friend bool operator==(const BlockValue&, const BlockValue&) = default;
    friend std::ostream& operator<<(std::ostream& out, const BlockValue& b) {
        return out << b.number << '/' << b.more << '/' << b.size;
    }
};
std::optional<BlockValue> block_of(const Message& message, std::uint16_t option);

Message request(std::uint8_t method, const std::string& path, std::uint16_t id, const std::string& token);
Message ack(const Message& of, std::uint8_t code = empty);
Message rst(const Message& of);

}  // namespace wire
