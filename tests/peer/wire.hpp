#pragma once

#include <coap3/coap.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// A CoAP message as plain values, read from and written to libcoap's PDU.
namespace peer {

using Bytes = std::vector<std::uint8_t>;

/// Block1 or Block2 (RFC 7959 2.2).
struct Block {
    unsigned num = 0;
    bool more = false;
    unsigned szx = 6;  ///< 0..6: 16 to 1024 bytes
    std::size_t size() const { return std::size_t{16} << szx; }
    std::size_t offset() const { return num * size(); }
};

struct Message {
    coap_pdu_type_t type = COAP_MESSAGE_CON;
    unsigned code = 0;  ///< method, or class << 5 | detail
    int mid = 0;
    Bytes token;
    std::vector<std::string> path, query, location;
    std::optional<std::uint32_t> observe, content_format, accept, max_age;
    std::optional<Block> block1, block2;
    Bytes payload;
};

Message read(const coap_pdu_t*);
/// Writes code, options (in ascending order, as libcoap wants them) and payload; type, mid and token are the PDU's own.
void fill(coap_pdu_t*, const Message&);
/// Sends a message of our own, with a fresh message id. Returns that, or COAP_INVALID_MID.
int send(coap_session_t*, const Message&);

constexpr unsigned code(unsigned cls, unsigned detail) { return cls << 5 | detail; }
constexpr bool is_success(unsigned c) { return c >> 5 == 2; }
std::string code_name(unsigned);         ///< "2.05"
unsigned method(std::string_view name);  ///< GET, POST …; 0 when unknown

std::vector<std::string> split(std::string_view, char separator);  ///< without empty parts
std::string join(const std::vector<std::string>& path);            ///< "/3/0"
std::string hex(const Bytes&);
std::optional<Bytes> unhex(std::string_view);
bool is_digits(std::string_view);
/// A number of at most nine digits; nothing for any other text.
std::optional<std::uint32_t> number(std::string_view);

}  // namespace peer
