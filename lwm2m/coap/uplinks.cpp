#include "lwm2m/coap/uplinks.hpp"

#include "gateway/base/log.hpp"

#include <algorithm>
#include <bit>

namespace lwm2m::coap {

void Uplinks::send(Uplink uplink, Answer answer) {
    if (waiting_.size() >= options_.max_uplinks) {
        answer(fail(Errc::busy, fmt::format("{} requests wait for the server already", waiting_.size())));
        return;
    }
    waiting_.emplace_back(std::move(uplink), std::move(answer));
    next();
}

void Uplinks::next() {
    if (current_ || waiting_.empty()) return;
    current_.emplace(Current{std::move(waiting_.front().first), std::move(waiting_.front().second)});
    waiting_.pop_front();
    prepare(*current_);
    wire_.ask_turn();
}

void Uplinks::prepare(Current& current) {
    current.size = block_size_for(options_.block_size);
    current.offset = current.sent = 0;
    current.collected = {};
    current.fetch.reset();
    current.tag = random_.next();
    current.ready = current.sending = true;
}

bool Uplinks::send_next() {
    if (!current_ || !current_->ready) return false;
    Current& current = *current_;
    // RFC 7252 5.3.1: hard to guess, or anybody could answer in the server's name where there is no DTLS.
    current.token.bytes = std::bit_cast<std::array<std::uint8_t, 8>>(random_.next());
    current.token.size = 8;
    const ByteView payload = current.uplink.payload;
    UplinkOptions options;
    options.echo = current.echo;
    ByteView part;
    const auto tag = std::bit_cast<std::array<std::uint8_t, 8>>(current.tag);
    if (!current.sending) {
        options.block2 = current.fetch;
    } else if (payload.size() > current.size) {
        part = payload.subspan(current.offset, std::min(current.size, payload.size() - current.offset));
        options.block1 = Block{static_cast<std::uint32_t>(current.offset / current.size),
                               current.offset + part.size() < payload.size(), static_cast<std::uint16_t>(current.size)};
        if (current.offset == 0) options.size1 = static_cast<std::uint32_t>(payload.size());
        options.request_tag = ByteView(tag).first(4);  // RFC 9175 3.4: blocks of two attempts are not joined
    } else {
        part = payload;
    }
    current.sent = part.size();
    Pdu pdu = wire_.message(COAP_MESSAGE_CON, current.token, static_cast<std::uint8_t>(current.uplink.method));
    if (!pdu) return false;  // no session yet
    current.ready = false;
    if (!write_uplink(pdu.get(), prefix_, current.uplink, part, options)) {
        finish(fail(Errc::bad_request, "the request does not fit into a message"));
        return false;
    }
    if (!wire_.send(std::move(pdu))) {
        finish(fail(Errc::offline, "the request could not be sent"));
        return false;
    }
    return true;
}

void Uplinks::ready() {
    current_->ready = true;
    wire_.ask_turn();
}

bool Uplinks::on_answer(const coap_pdu_t* pdu) {
    if (!current_ || current_->ready || !(Token::of(pdu) == current_->token)) return false;
    timer_.cancel();
    IncomingAnswer in = read_answer(pdu);
    if (in.answer.code == Code::unauthorized && !in.echo.empty() && !std::exchange(current_->echoed, true)) {
        current_->echo = std::move(in.echo);
        ready();
        return true;
    }
    if (current_->sending && go_on_sending(in)) return true;
    current_->sending = false;
    if (collect(in)) return true;
    finish(std::move(current_->collected));
    return true;
}

/// True when another block of the payload follows.
bool Uplinks::go_on_sending(const IncomingAnswer& in) {
    Current& current = *current_;
    const std::size_t total = current.uplink.payload.size();
    if (in.answer.code == Code::too_large) {
        const std::size_t wanted = in.block1 ? in.block1->size : current.size / 2;
        if (wanted >= current.size || wanted < 16 || total <= wanted) return false;
        current.size = wanted;  // RFC 7959 2.9.3: from the beginning, in smaller ones
        current.offset = 0;
        ready();
        return true;
    }
    if (total <= current.size || current.offset + current.sent >= total) return false;
    if (in.answer.code != Code::continue_ && !(is_success(in.answer.code) && in.block1)) return false;
    current.offset += current.sent;
    if (in.block1 && in.block1->size < current.size) current.size = in.block1->size;
    ready();
    return true;
}

/// True when another block of the answer is asked for.
bool Uplinks::collect(IncomingAnswer& in) {
    Current& current = *current_;
    const bool first = !current.fetch;
    if (!in.block2 || (first && in.block2->number != 0)) {
        if (first)
            current.collected = std::move(in.answer);
        else
            current.collected.code = in.answer.code;  // the server has given up in between
        return false;
    }
    if (first) {
        current.collected = std::move(in.answer);
    } else if (in.block2->offset() == current.collected.payload.size()) {
        current.collected.payload.insert(current.collected.payload.end(), in.answer.payload.begin(), in.answer.payload.end());
    } else {
        current.collected.code = Code::bad_gateway;
        return false;
    }
    if (!in.block2->more) return false;
    if (current.collected.payload.size() > options_.max_answer_body) {
        base::log().warn("a server's answer is longer than {} bytes and was cut", options_.max_answer_body);
        return false;
    }
    current.fetch = Block{in.block2->number + 1, false, in.block2->size};
    ready();
    return true;
}

void Uplinks::on_delivered() {
    if (!current_ || current_->ready) return;
    timer_.set(timers_.now() + options_.response_timeout, [this] {
        finish(fail(Errc::timeout,
                    fmt::format("the server acknowledged, and did not answer within {} s",
                                std::chrono::duration_cast<std::chrono::seconds>(options_.response_timeout).count())));
    });
}

void Uplinks::on_reset() {
    if (current_ && !current_->ready) finish(fail(Errc::offline, "the server rejected the message (RST)"));
}

void Uplinks::restart() {
    timer_.cancel();
    if (!current_) return;
    prepare(*current_);
}

void Uplinks::finish(Result<UplinkAnswer> result) {
    timer_.cancel();
    const Answer answer = std::move(current_->answer);
    current_.reset();
    answer(std::move(result));
    next();
}

void Uplinks::fail_all(const Error& error) {
    timer_.cancel();
    std::vector<Answer> failed;
    if (current_) failed.push_back(std::move(current_->answer));
    current_.reset();
    for (auto& [uplink, answer] : std::exchange(waiting_, {})) failed.push_back(std::move(answer));
    for (const Answer& answer : failed) answer(tl::unexpected<Error>(error));
}

}  // namespace lwm2m::coap
