#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace lwm2m::coap {

using namespace std::chrono_literals;

/// What the transport may be told; the defaults are those of RFC 7252 4.8 and the bounds are per server account.
struct Options {
    // RFC 7252 4.8: first time-out in [ack_timeout, ack_timeout * ack_random_factor], doubled `max_retransmit` times.
    std::chrono::milliseconds ack_timeout{2000};
    double ack_random_factor = 1.5;                     ///< at least 1
    std::uint16_t max_retransmit = 4;                   ///< also how often a DTLS flight is repeated
    std::chrono::milliseconds exchange_lifetime{247s};  ///< how long a message id of the server is remembered

    /// A request that is not answered by then gets its empty ACK, and the answer comes separately (RFC 7252 5.2.2).
    /// Below the server's ACK_TIMEOUT, so that it never has to repeat a request to a slow device.
    std::chrono::milliseconds ack_delay{1000};
    std::chrono::milliseconds response_timeout{60s};   ///< for the answer to our own request after its empty ACK
    std::chrono::milliseconds handshake_timeout{60s};  ///< name look-up, and DTLS handshake, each
    std::chrono::milliseconds snapshot_lifetime{
        60s};  ///< a block-wise answer is kept so long after its last block was asked for

    std::size_t block_size = 1024;             ///< 16, 32 … 1024; the most that one message carries
    std::size_t max_request_body = 64 * 1024;  ///< bytes of a block-wise request; over it 4.13 (RFC 7959 2.9.3)
    std::size_t max_request_bodies = 8;        ///< block-wise requests at once; the one idle for longest gives way
    std::size_t max_snapshots = 16;            ///< block-wise answers at once; the one idle for longest gives way
    std::size_t max_snapshot_bytes = 4 << 20;  ///< all of them together; a single answer above it becomes 5.00
    std::size_t max_answer_body = 64 * 1024;   ///< bytes of a block-wise answer to our own request

    std::size_t max_pending = 64;           ///< requests in the hands of the engine; over it 5.03 with Max-Age 1
    std::size_t max_remembered = 16'384;    ///< answers kept for repetitions of requests that must not run twice
    std::size_t max_observations = 10'000;  ///< over it an Observe is answered as a plain Read (RFC 7641 4.1)
    std::size_t max_uplinks = 64;           ///< own requests that wait; over it Errc::busy
};

}  // namespace lwm2m::coap
