#include "lwm2m/coap/notifier.hpp"

#include <algorithm>

namespace lwm2m::coap {

void Notifier::notify(ObservationId id, Response response, bool confirmable) {
    const Observations::Observation* observation = observations_.find(id);
    if (observation == nullptr) return;
    const bool last = !is_success(response.code);
    const auto waiting = waiting_of_.find(id);
    if (waiting != waiting_of_.end() && !waiting->second->response.keep) {
        waiting->second->response = std::move(response);  // also for one that need not be confirmed: it must not overtake
    } else if (confirmable || waiting != waiting_of_.end()) {
        waiting_.push_back({id, observation->token, observation->key, std::move(response)});
        waiting_of_.insert_or_assign(id, std::prev(waiting_.end()));
        wire_.ask_turn();
    } else {
        send(COAP_MESSAGE_NON, id, observation->token, observation->key, response);
    }
    if (last) observations_.end(id);
}

void Notifier::end(ObservationId id) {
    observations_.end(id);
    if (outstanding_.id == id) outstanding_ = {};
    const auto waiting = waiting_of_.find(id);
    if (waiting == waiting_of_.end()) return;
    const bool told = !is_success(waiting->second->response.code);  // that it ends, by the last one
    const auto last = waiting->second;
    for (auto it = waiting_.begin(); it != waiting_.end();)
        it = it->id == id && !(told && it == last) ? waiting_.erase(it) : std::next(it);
    if (!told) waiting_of_.erase(waiting);
}

bool Notifier::send_next() {
    while (!waiting_.empty()) {
        if (const auto last = waiting_of_.find(waiting_.front().id); last->second == waiting_.begin()) waiting_of_.erase(last);
        const Waiting next = std::move(waiting_.front());
        waiting_.pop_front();
        if (!send(COAP_MESSAGE_CON, next.id, next.token, next.key, next.response)) continue;
        outstanding_ = {next.id, next.response.number};
        return true;
    }
    return false;
}

bool Notifier::send(coap_pdu_type_t type, ObservationId id, const Token& token, const std::string& key,
                    const Response& response) {
    const auto first = responder_.first_block(response, key, {}, std::nullopt);
    if (!first) return false;
    Pdu pdu = wire_.message(type, token);
    if (!pdu) return false;
    Extra extra = first->extra;
    if (Observations::Observation* observation = observations_.find(id); observation != nullptr && is_success(response.code)) {
        observation->sequence = next_sequence(observation->sequence, timers_.now());
        extra.observe = observation->sequence;
    }
    if (!write_response(pdu.get(), *first->response, first->payload, extra)) return false;
    if (type == COAP_MESSAGE_NON) {
        sent_[next_sent_] = {static_cast<std::uint16_t>(coap_pdu_get_mid(pdu.get())), id};
        next_sent_ = (next_sent_ + 1) % sent_.size();
    }
    return wire_.send(std::move(pdu));
}

ObservationId Notifier::of_message(std::uint16_t message) const {
    const auto found = std::ranges::find_if(sent_, [message](const Sent& s) { return s.id != 0 && s.message == message; });
    return found == sent_.end() ? 0 : found->id;
}

void Notifier::reset() {
    outstanding_ = {};
    sent_.fill({});
}

}  // namespace lwm2m::coap
