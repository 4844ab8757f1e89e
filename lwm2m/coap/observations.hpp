#pragma once

#include "lwm2m/coap/message.hpp"

#include <string>
#include <unordered_map>

namespace lwm2m::coap {

/// RFC 7641 3.4: a 24-bit number that a client takes for newer than the last one. Follows the time in steps of 2^16 µs
/// (12.7 days a round), so that it does not fall back when an observation ends and begins again; faster notifications
/// count on from it.
std::uint32_t next_sequence(std::uint32_t last, base::Instant now);
/// RFC 7641 3.4, without its 128 s.
bool is_newer(std::uint32_t sequence, std::uint32_t than);

/// Which observations one server has, by their token and by the number that the engine knows them by.
class Observations {
public:
    struct Observation {
        Token token;
        std::string key;  ///< resource_key() of the request, for block-wise notifications
        std::uint32_t sequence = 0;
    };

    Observations(ServerId server, std::size_t most) : most_(most), last_(ObservationId{server} << 40) {}

    /// The number that the token has already, or a new one; 0 when there are too many.
    ObservationId start(const Token& token, std::string key, base::Instant now);
    /// 0: unknown.
    ObservationId find(const Token& token) const;
    Observation* find(ObservationId id);
    void end(ObservationId id);
    std::size_t size() const { return by_id_.size(); }

private:
    std::size_t most_;
    ObservationId last_;
    std::unordered_map<ObservationId, Observation> by_id_;
    std::unordered_map<Token, ObservationId, TokenHash> by_token_;
};

}  // namespace lwm2m::coap
