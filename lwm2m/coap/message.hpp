#pragma once

#include "lwm2m/transport.hpp"

#include <coap3/coap.h>
#include <array>
#include <memory>

namespace lwm2m::coap {

/// 0 to 8 bytes (RFC 7252 3).
struct Token {
    std::array<std::uint8_t, 8> bytes{};
    std::uint8_t size = 0;

    static Token of(const coap_pdu_t* pdu);
    ByteView view() const { return {bytes.data(), size}; }
    friend bool operator==(const Token&, const Token&) = default;
};
struct TokenHash {
    std::size_t operator()(const Token& token) const;
};

/// RFC 7959 2.2. `size` is 16 … 1024.
struct Block {
    std::uint32_t number = 0;
    bool more = false;
    std::uint16_t size = 1024;

    std::size_t offset() const { return std::size_t{number} * size; }
    static std::optional<Block> decode(ByteView option);
    std::uint32_t encoded() const;
    friend bool operator==(const Block&, const Block&) = default;
};
/// The largest size that a block may have and is at most `wanted`; 16 at least.
std::uint16_t block_size_for(std::size_t wanted);

/// A request as it came, before anything is joined. The views live as long as the datagram.
struct Incoming {
    Request request;  ///< without payload
    ByteView payload;
    std::optional<Block> block1, block2;
    ByteView request_tag;
    std::optional<std::uint32_t> size1;
    bool has_observe = false;
    std::uint16_t bad_option = 0;  ///< a critical option that we do not serve or cannot read: 4.02 (RFC 7252 5.4.1)
};
/// One pass over the options.
Incoming read_request(const coap_pdu_t* pdu);

/// An answer to one of our own requests as it came.
struct IncomingAnswer {
    UplinkAnswer answer;  ///< with this message's payload
    std::optional<Block> block1, block2;
    Bytes etag, echo;
};
IncomingAnswer read_answer(const coap_pdu_t* pdu);

/// What goes into a message beside a Response.
struct Extra {
    std::optional<std::uint32_t> observe;
    std::optional<Block> block1, block2;
    std::optional<std::uint32_t> size1, size2;
    std::optional<std::uint64_t> etag;
    friend bool operator==(const Extra&, const Extra&) = default;
};
/// Fills a message that has its token already, with `payload` instead of the response's own. False when it does not fit
/// or an option cannot be: the message is spoiled then.
bool write_response(coap_pdu_t* pdu, const Response& response, ByteView payload, const Extra& extra);

struct UplinkOptions {
    std::optional<Block> block1, block2;
    std::optional<std::uint32_t> size1;
    ByteView echo, request_tag;
};
/// As write_response(). `prefix`: path segments of the server's URI.
bool write_uplink(coap_pdu_t* pdu, const std::vector<std::string>& prefix, const Uplink& uplink, ByteView payload,
                  const UplinkOptions& options);

struct PduDelete {
    void operator()(coap_pdu_t* pdu) const { coap_delete_pdu(pdu); }
};
using Pdu = std::unique_ptr<coap_pdu_t, PduDelete>;

}  // namespace lwm2m::coap
