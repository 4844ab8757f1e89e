#pragma once

#include "lwm2m/composite.hpp"
#include "lwm2m/observer.hpp"

#include <algorithm>
#include <deque>

/// Private to the observer's sources.
namespace lwm2m {

inline std::uint64_t digest_of(ByteView bytes) {  // FNV-1a
    std::uint64_t h = 0xCBF29CE484222325ULL;
    for (const std::uint8_t b : bytes) h = (h ^ b) * 0x100000001B3ULL;
    return h;
}

/// A notification that could not be told, or of which it is not known yet whether it arrived.
struct Observer::Stored {
    std::uint64_t order = 0;   ///< among all that are kept for this server
    std::uint32_t number = 0;  ///< under which the transport knows it
    std::size_t bytes = 0;
    std::vector<Entry> entries;  ///< each with its time
};

/// One Observe-Composite: each path listens by itself, and when one of them speaks all are told (OMA Core 1.2 6.4.4).
struct Observer::Composite {
    struct Part {
        Target target;
        Observation state;
    };
    std::vector<Part> parts;
    std::vector<Branch::iterator> places;  // in the branches, by part
    bool dirty = false;                    // something in it is new as a whole: look at once
    bool reading = false;                  // one look at a time
};

struct Observer::Watch {
    Asked asked;
    Observation state;     // of a composite: not used
    std::uint64_t serial;  // tells an answer to a read that it still belongs here
    Instant confirmed_at;
    Deadlines::iterator deadline;
    bool scheduled = false;
    std::uint32_t number = 0;                       // of the last confirmable notification
    std::unique_ptr<Composite> composite{};         // null for a single path
    std::unique_ptr<std::deque<Stored>> kept{};     // while the server is away, oldest first
    std::unique_ptr<std::deque<Stored>> unacked{};  // given to the transport, not acknowledged

    Branch::iterator place{};  // of a single path

    std::size_t weight() const { return std::max<std::size_t>(asked.paths.size(), 1); }
    Key key() const { return {asked.server, asked.id}; }
};

}  // namespace lwm2m
