#include "tests/peer/requests.hpp"

#include "tests/peer/senml.hpp"

#include <algorithm>

namespace peer {
namespace {

constexpr std::size_t most_body = std::size_t{1} << 20;  // of a block-wise answer, bytes
constexpr std::size_t most_finished = 1024;              // exchanges whose late copies are known
constexpr std::size_t most_taken = 64;                   // confirmable responses whose copies are acknowledged
constexpr std::chrono::seconds longest_wait{130};        // for a separate response

std::string nack_name(coap_nack_reason_t reason) {
    switch (reason) {
        case COAP_NACK_TOO_MANY_RETRIES: return "no answer";
        case COAP_NACK_RST: return "reset";
        case COAP_NACK_ICMP_ISSUE: return "unreachable";
        case COAP_NACK_TLS_FAILED: return "TLS failed";
        default: return "not deliverable";
    }
}

}  // namespace

void describe_payload(Json& event, const Message& message) {
    event["code"] = code_name(message.code);
    if (message.content_format) event["cf"] = *message.content_format;
    if (message.max_age) event["max_age"] = *message.max_age;
    event["hex"] = hex(message.payload);
    const std::uint32_t format = message.content_format.value_or(0);
    if (format == 0 || format == 40 || format == 110)
        event["text"] = std::string(message.payload.begin(), message.payload.end());
    if (format == 110) {
        if (const auto values = read_senml(event["text"].get<std::string>())) {
            Json list = Json::array();
            for (const auto& entry : *values) list.push_back({{"path", entry.path}, {"value", entry.value}});
            event["values"] = list;
        } else {
            event["malformed"] = true;
        }
    }
}

Bytes Requests::fresh_token() {
    const std::uint32_t n = ++tokens_;
    return {static_cast<std::uint8_t>(n >> 24), static_cast<std::uint8_t>(n >> 16), static_cast<std::uint8_t>(n >> 8),
            static_cast<std::uint8_t>(n)};
}

void Requests::send(coap_session_t* session, Call call, Done done) {
    Exchange exchange{SessionRef(session), std::move(call), std::move(done), {}, {}, {}, false, Clock::now()};
    Message& request = exchange.call.request;
    if (exchange.call.cancel_observation) {
        const auto found = std::find_if(observed_.begin(), observed_.end(), [&](const auto& entry) {
            return entry.second.request.path == request.path && entry.second.session.get() == session;
        });
        if (found == observed_.end()) return fail(std::move(exchange), "not observed");
        request.token = found->first;
        request.accept = found->second.request.accept;
    } else {
        request.token = fresh_token();
    }
    if (request.payload.size() > Block{}.size()) {
        exchange.upload = request.payload;
        request.block1 = Block{0, true, 6};
        request.payload.resize(request.block1->size());
    }
    transmit(std::move(exchange));
}

void Requests::transmit(Exchange exchange) {
    const Bytes token = exchange.call.request.token;
    coap_session_t* session = exchange.session.get();
    const Message request = exchange.call.request;
    open_.insert_or_assign(token, std::move(exchange));
    if (peer::send(session, request) == COAP_INVALID_MID) {
        const auto found = open_.find(token);  // on_nack() may have been quicker
        if (found == open_.end()) return;
        Exchange failed = std::move(found->second);
        open_.erase(found);
        fail(std::move(failed), "not sent");
    }
}

void Requests::fail(Exchange exchange, const std::string& why) {
    if (exchange.done) exchange.done({{}, why});
}

void Requests::finish(Exchange exchange, Message response) {
    response.payload = std::move(exchange.body);
    const Call& call = exchange.call;
    if (call.cancel_observation) observed_.erase(call.request.token);
    if (exchange.done) exchange.done({std::move(response), {}});
}

coap_response_t Requests::on_response(coap_session_t* session, const coap_pdu_t* received) {
    Message message = read(received);
    const auto taken = [&] {
        if (message.type == COAP_MESSAGE_CON) taken_.push_back({SessionRef(session), message.mid, message.token});
        if (taken_.size() > most_taken) taken_.pop_front();
        return COAP_RESPONSE_OK;
    };
    const auto found = open_.find(message.token);
    if (found == open_.end()) {
        const auto observed = observed_.find(message.token);
        if (observed == observed_.end() && std::find(finished_.begin(), finished_.end(), message.token) != finished_.end())
            return taken();
        if (observed == observed_.end() || observed->second.forgotten) {
            Json event{{"ev", observed == observed_.end() ? "stray" : "reset"}};
            if (observed != observed_.end()) event["path"] = join(observed->second.request.path);
            describe_payload(event, message);
            if (observed != observed_.end()) observed_.erase(observed);
            server_.emit(event);
            return COAP_RESPONSE_FAIL;  // libcoap answers with a Reset
        }
        const Observation observation = observed->second;
        if (!is_success(message.code)) observed_.erase(observed);  // RFC 7641 3.2: an error ends it
        notification(session, message, observation);
        return taken();
    }

    Exchange exchange = std::move(found->second);
    open_.erase(found);
    if (!exchange.call.start_observation && !exchange.call.cancel_observation) {  // a later message of those is a notification
        finished_.push_back(message.token);
        if (finished_.size() > most_finished) finished_.pop_front();
    }
    Message& request = exchange.call.request;
    if (message.code == code(2, 31) && request.block1 && request.block1->more) {
        const std::size_t sent = request.block1->offset() + request.payload.size();
        const unsigned szx = std::min(request.block1->szx, message.block1 ? message.block1->szx : 6U);
        Block next{0, false, szx};
        next.num = static_cast<unsigned>(sent / next.size());
        const std::size_t end = std::min(next.offset() + next.size(), exchange.upload.size());
        next.more = end < exchange.upload.size();
        request.payload.assign(exchange.upload.begin() + static_cast<std::ptrdiff_t>(next.offset()),
                               exchange.upload.begin() + static_cast<std::ptrdiff_t>(end));
        request.block1 = next;
        request.token = fresh_token();
        transmit(std::move(exchange));
        return taken();
    }

    const bool first = exchange.body.empty() && (!message.block2 || message.block2->num == 0);
    if (first) {
        exchange.first = message;
        if (exchange.call.start_observation && message.observe && is_success(message.code)) {
            observed_[request.token] = {SessionRef(session), request, false};
        }
    }
    if (message.block2 && message.block2->offset() != exchange.body.size()) {
        fail(std::move(exchange), "blocks do not join");
        return taken();
    }
    exchange.body.insert(exchange.body.end(), message.payload.begin(), message.payload.end());
    if (message.block2 && message.block2->more && exchange.body.size() < most_body) {
        if (exchange.call.cancel_observation) observed_.erase(request.token);
        request.token = fresh_token();
        request.block2 = Block{message.block2->num + 1, false, message.block2->szx};
        request.observe.reset();  // RFC 7959 2.7: further blocks are fetched without it
        request.block1.reset();
        exchange.call.start_observation = exchange.call.cancel_observation = false;
        transmit(std::move(exchange));
        return taken();
    }
    Message response = exchange.first;
    if (!is_success(message.code)) response.code = message.code;
    finish(std::move(exchange), std::move(response));
    return taken();
}

void Requests::on_message(const coap_pdu_t* received) {
    if (coap_pdu_get_type(received) != COAP_MESSAGE_CON || coap_pdu_get_code(received) >> 5 < 2) return;
    const Message message = read(received);
    for (Taken& each : taken_) {
        if (each.mid == message.mid && each.token == message.token) ++each.copies;
    }
}

void Requests::acknowledge_copies() {
    for (Taken& each : taken_) {
        for (; each.copies > 0; --each.copies) {
            coap_pdu_t* ack = coap_pdu_init(COAP_MESSAGE_ACK, COAP_EMPTY_CODE, each.mid, 4);
            if (ack != nullptr) coap_send(each.session.get(), ack);
        }
    }
}

void Requests::notification(coap_session_t* session, const Message& message, const Observation& observation) {
    const auto tell = [this, message, path = join(observation.request.path)](const Bytes& body) {
        Json event{{"ev", "notification"},
                   {"path", path},
                   {"type", message.type == COAP_MESSAGE_CON ? "con" : "non"},
                   {"mid", message.mid}};
        if (message.observe) event["seq"] = *message.observe;
        Message whole = message;
        whole.payload = body;
        describe_payload(event, whole);
        server_.emit(event);
    };
    if (!message.block2 || !message.block2->more) return tell(message.payload);

    Exchange rest{SessionRef(session), {}, {}, {}, message.payload, message, true, Clock::now()};
    rest.call.request = observation.request;
    rest.call.request.observe.reset();
    rest.call.request.token = fresh_token();
    rest.call.request.block2 = Block{message.block2->num + 1, false, message.block2->szx};
    rest.done = [tell](const Answer& answer) {
        if (answer.failure.empty()) tell(answer.response.payload);
    };
    transmit(std::move(rest));
}

void Requests::on_nack(const coap_pdu_t* sent, coap_nack_reason_t reason) {
    if (sent == nullptr || reason == COAP_NACK_ICMP_ISSUE) return;  // a port that is closed for a moment: it is sent again
    const auto found = open_.find(read(sent).token);
    if (found == open_.end()) return;
    Exchange failed = std::move(found->second);
    open_.erase(found);
    fail(std::move(failed), nack_name(reason));
}

bool Requests::forget(const std::string& path) {
    bool any = false;
    for (auto& [token, observation] : observed_) {
        if (join(observation.request.path) == path) observation.forgotten = any = true;
    }
    return any;
}

void Requests::client_gone(const coap_session_t* session) {
    std::erase_if(observed_, [&](const auto& entry) { return entry.second.session.get() == session; });
}

void Requests::expire(Clock::time_point now) {
    for (auto it = open_.begin(); it != open_.end();) {
        if (now - it->second.started < longest_wait) {
            ++it;
            continue;
        }
        Exchange failed = std::move(it->second);
        it = open_.erase(it);
        fail(std::move(failed), "no answer");
    }
}

}  // namespace peer
