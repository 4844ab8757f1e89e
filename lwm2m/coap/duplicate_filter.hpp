#pragma once

#include "lwm2m/coap/message.hpp"

#include <deque>
#include <memory>
#include <unordered_map>

namespace lwm2m::coap {

/// Remembers what was answered to requests that must not run twice, by message id and token (RFC 7252 4.5).
/// The token counts too, since a server that is restarted, or fast, comes round to a message id with another request.
/// At most `most` answers are kept; then the oldest is forgotten.
class DuplicateFilter {
public:
    /// What a repetition gets.
    struct Answer {
        bool separate = false;  ///< an empty ACK only: the answer goes its own way
        Response response{};    ///< with the payload of this one message
        Extra extra{};
    };

    DuplicateFilter(std::size_t most, base::Milliseconds lifetime) : most_(most), lifetime_(lifetime) {}

    bool empty() const { return entries_.empty(); }
    /// Null when this message was not seen.
    const Answer* find(std::uint16_t message, const Token& token, base::Instant now) const;
    void remember(std::uint16_t message, const Token& token, Answer answer, base::Instant now);
    void forget_old(base::Instant now);
    void clear();

private:
    struct Entry {
        Token token;
        base::Instant until;
        std::unique_ptr<Answer> answer;  // null: 2.04 and nothing else, which most are
    };
    struct Age {
        base::Instant until;
        std::uint16_t message;
    };
    static const Answer& bare_changed();

    std::size_t most_;
    base::Milliseconds lifetime_;
    std::unordered_map<std::uint16_t, Entry> entries_;
    std::deque<Age> ages_;  // oldest first; an entry that was replaced has a later age too
};

}  // namespace lwm2m::coap
