#include "lwm2m/coap/observations.hpp"

namespace lwm2m::coap {

namespace {

constexpr std::uint32_t mask = 0xFFFFFF, half = 1u << 23;

std::uint32_t sequence_at(base::Instant now) {
    const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(microseconds) >> 16) & mask;
}

}  // namespace

bool is_newer(std::uint32_t sequence, std::uint32_t than) {
    return (than < sequence && sequence - than < half) || (than > sequence && than - sequence > half);
}

std::uint32_t next_sequence(std::uint32_t last, base::Instant now) {
    const std::uint32_t by_time = sequence_at(now);
    const std::uint32_t by_count = (last + 1) & mask;
    return is_newer(by_time, by_count) ? by_time : by_count;
}

ObservationId Observations::start(const Token& token, std::string key, base::Instant now) {
    if (const ObservationId known = find(token); known != 0) {
        by_id_.at(known).key = std::move(key);
        return known;
    }
    if (by_id_.size() >= most_) return 0;
    const ObservationId id = ++last_;  // unique among the servers too
    by_id_.emplace(id, Observation{token, std::move(key), sequence_at(now)});
    by_token_.emplace(token, id);
    return id;
}

ObservationId Observations::find(const Token& token) const {
    const auto found = by_token_.find(token);
    return found == by_token_.end() ? 0 : found->second;
}

Observations::Observation* Observations::find(ObservationId id) {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : &found->second;
}

void Observations::end(ObservationId id) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return;
    by_token_.erase(found->second.token);
    by_id_.erase(found);
}

}  // namespace lwm2m::coap
