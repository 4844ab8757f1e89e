#pragma once

#include "lwm2m/coap/message.hpp"

#include <list>
#include <string>

namespace lwm2m::coap {

/// Says which request a block belongs to: method, path, query and formats (RFC 7959 2.3), without the payload.
std::string resource_key(const Request& request);
/// For Block1 the Request-Tag too (RFC 9175 3.3).
std::string body_key(const Request& request, ByteView request_tag);

/// Joins the blocks of requests (RFC 7959 2.5). Bounded in number, size and time; the one idle for longest gives way.
class RequestBodies {
public:
    RequestBodies(std::size_t most, std::size_t largest, base::Milliseconds lifetime)
        : most_(most), largest_(largest), lifetime_(lifetime) {}

    enum class Outcome : std::uint8_t {
        more,        ///< 2.31
        complete,    ///< `body` is the whole payload
        incomplete,  ///< 4.08: a block is missing before this one
        too_large,   ///< 4.13
        malformed    ///< 4.00: a block that is not the last and has not its full size
    };
    /// Block 0 starts anew. A block that came already is no gap (its answer was lost and the message id is a new one).
    Outcome add(const std::string& key, const Block& block, ByteView payload, std::optional<std::uint32_t> total,
                base::Instant now, Bytes& body);

    std::size_t largest() const { return largest_; }
    std::size_t size() const { return bodies_.size(); }
    void forget_old(base::Instant now);
    void clear() { bodies_.clear(); }

private:
    struct Body {
        std::string key;
        Bytes bytes;
        base::Instant until;
    };
    std::size_t most_, largest_;
    base::Milliseconds lifetime_;
    std::list<Body> bodies_;  // the most recently used first
};

/// Keeps answers that are longer than a block as they were, until their blocks were fetched (RFC 7959 2.4).
/// Bounded in number, bytes and time; the one idle for longest gives way.
class Snapshots {
public:
    Snapshots(std::size_t most, std::size_t most_bytes, base::Milliseconds lifetime)
        : most_(most), most_bytes_(most_bytes), lifetime_(lifetime) {}

    struct Snapshot {
        std::string key;
        std::size_t body_hash = 0;  ///< of the payload of the FETCH that it answers
        Response response;
        std::uint64_t etag = 0;
        base::Instant until;
    };
    /// Takes the place of an older one for the same request. Null when the payload is over the bound.
    const Snapshot* keep(std::string key, ByteView request_body, Response response, std::uint64_t etag, base::Instant now);
    /// The follow-up of a FETCH may come without its payload.
    const Snapshot* find(const std::string& key, ByteView request_body, base::Instant now);

    std::size_t size() const { return snapshots_.size(); }
    void forget_old(base::Instant now);
    void clear();

private:
    void drop_last();

    std::size_t most_, most_bytes_, bytes_ = 0;
    base::Milliseconds lifetime_;
    std::list<Snapshot> snapshots_;  // the most recently used first
};

}  // namespace lwm2m::coap
