#include "lwm2m/coap/responder.hpp"

#include "gateway/base/log.hpp"

#include <algorithm>

namespace lwm2m::coap {

namespace {

constexpr auto cleaning_period = 30s;

Block within(const std::optional<Block>& asked, std::size_t largest) {
    const std::uint16_t size = block_size_for(largest);
    if (!asked) return {0, false, size};
    if (asked->size <= size) return *asked;
    return {static_cast<std::uint32_t>(asked->offset() / size), asked->more, size};  // RFC 7959 2.3: smaller, same place
}

}  // namespace

Responder::Responder(ServerId server, base::Timers& timers, base::Random& random, const Options& options, Wire& wire,
                     Observations& observations)
    : server_(server),
      timers_(timers),
      random_(random),
      options_(options),
      wire_(wire),
      observations_(observations),
      duplicates_(options.max_remembered, options.exchange_lifetime),
      bodies_(options.max_request_bodies, options.max_request_body, options.exchange_lifetime),
      snapshots_(options.max_snapshots, options.max_snapshot_bytes, options.snapshot_lifetime),
      acknowledge_timer_(timers),
      cleaning_timer_(timers) {}

void Responder::on_request(const coap_pdu_t* pdu, coap_pdu_t* response) {
    Incoming in = read_request(pdu);
    Exchange exchange;
    exchange.id = ++last_;
    exchange.token = Token::of(pdu);
    exchange.message = static_cast<std::uint16_t>(coap_pdu_get_mid(pdu));
    exchange.confirmable = coap_pdu_get_type(pdu) == COAP_MESSAGE_CON;
    if (repeat(exchange.token, exchange.message, exchange.confirmable, response)) return;
    serve(in, exchange, pdu, response);
}

/// The message came before: it gets what it got then.
bool Responder::repeat(const Token& token, std::uint16_t message, bool confirmable, coap_pdu_t* response) {
    for (Exchange& waiting : pending_) {
        if (waiting.message != message || waiting.token != token) continue;
        if (confirmable) {
            waiting.acknowledged = true;  // leaving the code 0 acknowledges
        } else {
            coap_pdu_set_type(response, COAP_MESSAGE_NON);
        }
        return true;
    }
    if (duplicates_.empty()) return false;
    const DuplicateFilter::Answer* known = duplicates_.find(message, token, timers_.now());
    if (known == nullptr) return false;
    if (!confirmable) {
        coap_pdu_set_type(response, COAP_MESSAGE_NON);
    } else if (!known->separate) {
        write_response(response, known->response, known->response.payload, known->extra);
    }
    return true;
}

void Responder::serve(Incoming& in, Exchange& exchange, const coap_pdu_t* pdu, coap_pdu_t* response) {
    if (in.bad_option != 0) {
        if (exchange.confirmable)
            answer_now(exchange, response, Response{Code::bad_option}, {}, {});
        else
            coap_pdu_set_type(response, COAP_MESSAGE_NON);
        return;
    }
    const bool safe = in.request.method == Method::get || in.request.method == Method::fetch;
    exchange.once = !safe || in.has_observe || in.block1;
    exchange.block2 = in.block2;
    if (in.block1 && !join_blocks(in, exchange, response)) return;
    if (in.block2 && in.block2->number != 0 && serve_snapshot(in, exchange, response)) return;
    if (pending_.size() >= options_.max_pending || handler_ == nullptr) {
        Response busy{Code::service_unavailable};
        busy.max_age = 1;
        exchange.once = false;  // it did not run
        answer_now(exchange, response, busy, {}, {});
        return;
    }
    if (in.request.observe != Observe::none) observe(in, exchange);
    if (!in.block1) in.request.payload.assign(in.payload.begin(), in.payload.end());
    const bool keep_body = in.request.method == Method::fetch;
    if (keep_body) exchange.body = in.request.payload;

    Current current{&exchange, pdu, response, false};
    current_ = &current;
    handler_->on_request(server_, std::move(in.request), Reply([weak = weak_from_this(), id = exchange.id](Response what) {
                             if (const auto self = weak.lock()) self->answer(id, std::move(what));
                         }));
    current_ = nullptr;
    if (current.answered) return;
    if (exchange.id < first_of_session_) {  // the handler dropped the session
        coap_pdu_set_type(response, COAP_MESSAGE_NON);
        return;
    }
    coap_pdu_set_type(response, COAP_MESSAGE_NON);  // nothing yet
    exchange.key = resource_key(read_request(pdu).request);
    exchange.acknowledge_at = timers_.now() + options_.ack_delay;
    pending_.push_back(std::move(exchange));
    plan_acknowledge();
}

/// False when it is answered already.
bool Responder::join_blocks(Incoming& in, Exchange& exchange, coap_pdu_t* response) {
    const Block& block = *in.block1;
    const auto outcome =
        bodies_.add(body_key(in.request, in.request_tag), block, in.payload, in.size1, timers_.now(), in.request.payload);
    plan_cleaning();
    // Ours is the smaller size from the next block on (RFC 7959 2.3).
    exchange.block1 = Block{block.number, block.more, std::min(block.size, block_size_for(options_.block_size))};
    Extra extra{.block1 = exchange.block1};
    switch (outcome) {
        case RequestBodies::Outcome::complete: return true;
        case RequestBodies::Outcome::more: answer_now(exchange, response, Response{Code::continue_}, {}, extra); break;
        case RequestBodies::Outcome::incomplete:
            answer_now(exchange, response, Response{Code::request_entity_incomplete}, {}, extra);
            break;
        case RequestBodies::Outcome::too_large:
            extra.size1 = static_cast<std::uint32_t>(bodies_.largest());
            answer_now(exchange, response, Response{Code::too_large}, {}, extra);
            break;
        case RequestBodies::Outcome::malformed: answer_now(exchange, response, Response{Code::bad_request}, {}, {}); break;
    }
    return false;
}

/// A later block of an answer that is kept.
bool Responder::serve_snapshot(const Incoming& in, Exchange& exchange, coap_pdu_t* response) {
    const ByteView body = in.block1 ? ByteView(in.request.payload) : in.payload;
    const Snapshots::Snapshot* kept = snapshots_.find(resource_key(in.request), body, timers_.now());
    if (kept == nullptr) {
        const bool safe = in.request.method == Method::get || in.request.method == Method::fetch;
        if (safe && (in.request.method == Method::get || !body.empty())) return false;  // asked anew, and cut there
        answer_now(exchange, response, Response{Code::request_entity_incomplete}, {}, {});
        return true;
    }
    const ByteView whole = kept->response.payload;
    const Block asked = within(in.block2, options_.block_size);
    if (asked.offset() >= whole.size()) {
        answer_now(exchange, response, Response{Code::bad_request}, {}, {});
        return true;
    }
    const ByteView part = whole.subspan(asked.offset(), std::min<std::size_t>(asked.size, whole.size() - asked.offset()));
    const Block block{asked.number, asked.offset() + part.size() < whole.size(), asked.size};
    answer_now(exchange, response, kept->response, part, {.block1 = exchange.block1, .block2 = block, .etag = kept->etag});
    return true;
}

void Responder::observe(Incoming& in, Exchange& exchange) {
    Request& request = in.request;
    if (request.observe == Observe::start) {
        request.observation = observations_.start(exchange.token, resource_key(request), timers_.now());
        exchange.observation = request.observation;
    } else {
        request.observation = observations_.find(exchange.token);
        observations_.end(request.observation);
    }
}

void Responder::answer(ExchangeId id, Response response) {
    if (current_ != nullptr && current_->exchange->id == id) {
        current_->answered = true;
        finish(*current_->exchange, std::move(response), current_->response, current_->request);
        return;
    }
    const auto found = std::ranges::find(pending_, id, &Exchange::id);
    if (found == pending_.end()) return;  // of a session that is gone
    Exchange exchange = std::move(*found);
    pending_.erase(found);
    finish(exchange, std::move(response), nullptr, nullptr);
}

/// `response`, `request`: of the datagram that is being handled, null when the answer comes later.
void Responder::finish(Exchange& exchange, Response what, coap_pdu_t* response, const coap_pdu_t* request) {
    Extra extra{.block1 = exchange.block1};
    if (exchange.observation != 0) {
        Observations::Observation* observation = observations_.find(exchange.observation);
        if (observation != nullptr && what.observing && is_success(what.code)) {
            observation->sequence = next_sequence(observation->sequence, timers_.now());
            extra.observe = observation->sequence;
        } else {
            observations_.end(exchange.observation);
        }
    }
    if (what.payload.size() <= options_.block_size && !exchange.block2) {
        if (response != nullptr)
            answer_now(exchange, response, what, what.payload, extra);
        else
            answer_later(exchange, what, what.payload, extra);
        return;
    }
    const std::string key = request != nullptr ? resource_key(read_request(request).request) : std::move(exchange.key);
    const auto first = first_block(what, key, exchange.body, exchange.block2);
    static const Response failed{Code::internal};
    const Response& out = first ? *first->response : failed;
    const ByteView payload = first ? first->payload : ByteView{};
    if (first) {
        extra.block2 = first->extra.block2;
        extra.size2 = first->extra.size2;
        extra.etag = first->extra.etag;
    }
    if (response != nullptr)
        answer_now(exchange, response, out, payload, extra);
    else
        answer_later(exchange, out, payload, extra);
}

std::optional<Responder::First> Responder::first_block(const Response& response, const std::string& key, ByteView request_body,
                                                       const std::optional<Block>& asked_for) {
    const Block asked = within(asked_for, options_.block_size);
    const std::size_t total = response.payload.size();
    if (!is_success(response.code) || (total <= asked.size && asked.number == 0)) {
        Extra extra;
        if (asked_for && is_success(response.code) && total != 0) extra.block2 = Block{0, false, asked.size};
        const std::size_t shown = std::min<std::size_t>(total, asked.size);  // a diagnostic text is no matter of blocks
        return First{&response, ByteView(response.payload).first(shown), extra};
    }
    static const Response beyond{Code::bad_request};
    if (asked.offset() >= total) return First{&beyond, {}, {}};
    const Snapshots::Snapshot* kept = snapshots_.keep(key, request_body, response, random_.next(), timers_.now());
    if (kept == nullptr) {
        base::log().error("an answer of {} bytes is over the {} bytes that are kept for block-wise transfer", total,
                          options_.max_snapshot_bytes);
        return std::nullopt;
    }
    plan_cleaning();
    const ByteView part =
        ByteView(kept->response.payload).subspan(asked.offset(), std::min<std::size_t>(asked.size, total - asked.offset()));
    First first{&kept->response, part, {}};
    first.extra.block2 = Block{asked.number, asked.offset() + part.size() < total, asked.size};
    first.extra.etag = kept->etag;
    if (asked.number == 0) first.extra.size2 = static_cast<std::uint32_t>(total);
    return first;
}

/// Into the message that libcoap sends when the handler returns; for a request that is not confirmable in one of our own.
void Responder::answer_now(Exchange& exchange, coap_pdu_t* response, const Response& what, ByteView payload,
                           const Extra& extra) {
    if (!exchange.confirmable) {
        coap_pdu_set_type(response, COAP_MESSAGE_NON);  // its message id would be the server's, not ours
        answer_later(exchange, what, payload, extra);
        return;
    }
    if (!write_response(response, what, payload, extra)) {
        base::log().error("an answer does not fit into a message of {} bytes", options_.block_size);
        coap_pdu_set_type(response, COAP_MESSAGE_NON);
        coap_pdu_set_code(response, COAP_EMPTY_CODE);
        answer_later(exchange, Response{Code::internal}, {}, {});
        return;
    }
    remember(exchange, what, payload, extra);
}

void Responder::answer_later(Exchange& exchange, const Response& what, ByteView payload, const Extra& extra) {
    if (exchange.acknowledged) {
        Response part = what;
        part.payload.assign(payload.begin(), payload.end());
        separate_.push_back({exchange.token, std::move(part), extra});
        exchange.once = true;  // it took long enough: not to be asked again for a repetition either
    } else {
        Pdu pdu = exchange.confirmable ? wire_.reply(COAP_MESSAGE_ACK, exchange.message, exchange.token)
                                       : wire_.message(COAP_MESSAGE_NON, exchange.token);
        if (pdu && write_response(pdu.get(), what, payload, extra)) wire_.send(std::move(pdu));
    }
    remember(exchange, what, payload, extra);
    if (exchange.acknowledged) wire_.ask_turn();
}

bool Responder::send_next() {
    while (!separate_.empty()) {
        const Separate next = std::move(separate_.front());
        separate_.pop_front();
        Pdu pdu = wire_.message(COAP_MESSAGE_CON, next.token);
        if (pdu && write_response(pdu.get(), next.response, next.response.payload, next.extra) && wire_.send(std::move(pdu)))
            return true;
    }
    return false;
}

void Responder::remember(const Exchange& exchange, const Response& what, ByteView payload, const Extra& extra) {
    if (!exchange.once) return;
    DuplicateFilter::Answer answer;
    answer.separate = exchange.acknowledged;
    if (!answer.separate) {
        answer.response = what;
        answer.response.payload.assign(payload.begin(), payload.end());
        answer.extra = extra;
    }
    duplicates_.remember(exchange.message, exchange.token, std::move(answer), timers_.now());
    plan_cleaning();
}

void Responder::acknowledge(Exchange& exchange) {
    exchange.acknowledged = true;
    wire_.send(wire_.reply(COAP_MESSAGE_ACK, exchange.message, {}));
}

void Responder::acknowledge_due() {
    const base::Instant now = timers_.now();
    for (Exchange& exchange : pending_) {
        if (exchange.acknowledge_at > now) break;
        if (exchange.confirmable && !exchange.acknowledged) acknowledge(exchange);
    }
    plan_acknowledge();
}

void Responder::plan_acknowledge() {
    if (acknowledge_timer_.is_set()) return;
    const auto next = std::ranges::find_if(pending_, [](const Exchange& e) { return e.confirmable && !e.acknowledged; });
    if (next != pending_.end()) acknowledge_timer_.set(next->acknowledge_at, [this] { acknowledge_due(); });
}

void Responder::plan_cleaning() {
    if (cleaning_timer_.is_set()) return;
    cleaning_timer_.set(timers_.now() + cleaning_period, [this] {
        const base::Instant now = timers_.now();
        duplicates_.forget_old(now);
        bodies_.forget_old(now);
        snapshots_.forget_old(now);
        if (!duplicates_.empty() || bodies_.size() != 0 || snapshots_.size() != 0) plan_cleaning();
    });
}

void Responder::reset() {
    first_of_session_ = last_ + 1;
    pending_.clear();
    separate_.clear();
    duplicates_.clear();
    bodies_.clear();
    snapshots_.clear();
    acknowledge_timer_.cancel();
    cleaning_timer_.cancel();
}

}  // namespace lwm2m::coap
