#include "adapters/modbus/stream_bus.hpp"

#include "gateway/base/log.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace adapters::modbus {

using base::Errc;
using base::fail;
using base::Milliseconds;

namespace {

using namespace std::chrono_literals;

constexpr Milliseconds first_pause = 1s, last_pause = 48s;  // 60 s with the jitter
constexpr unsigned most_silent = 2, most_silent_passive = 6;
constexpr int lateness = 3;                      // time-outs for which an answer may still come after one has passed
constexpr Milliseconds passive_lateness = 10s;   // a mobile network may hold an answer back
constexpr Milliseconds broadcast_delay = 100ms;  // serial line 1.02, 2.4.1: 100 to 200 ms
constexpr Milliseconds drain = 50ms;             // of silence, before a passive line counts as drained
constexpr std::size_t most_held = 600;           // bytes of frames that are not whole
constexpr int most_turns = 4;                    // reads before others get the loop

}  // namespace

StreamBus::StreamBus(boost::asio::any_io_executor executor, base::Timers& timers, base::Random& random,
                     std::unique_ptr<Stream> stream, Options options)
    : executor_(std::move(executor)),
      timers_(timers),
      random_(random),
      stream_(std::move(stream)),
      rtu_(options.line != nullptr),
      idle_(options.idle),
      heartbeat_(std::move(options.heartbeat)),
      silence_(rtu_ ? options.line->silence() : 0us),
      expiry_(timers),
      pause_(timers),
      hold_(timers),
      idling_(timers),
      late_until_(rtu_ ? 256 : 0),
      transaction_(static_cast<std::uint16_t>(random.next())) {}

StreamBus::~StreamBus() { stream_->end(); }

void StreamBus::start(Changed changed) {
    changed_ = std::move(changed);
    connect();
}

void StreamBus::stop(std::function<void()> stopped) {
    changed_ = nullptr;
    exchange_.reset();
    pause_.cancel();
    close();
    stream_->end();
    state_ = State::away;
    boost::asio::post(executor_, std::move(stopped));
}

void StreamBus::become(State state, const std::string& why) {
    if (state_ == state) return;
    state_ = state;
    if (changed_) changed_(state, why);
}

void StreamBus::show(bool sent, ByteView adu) {
    if (tap_) tap_(sent, Bytes(adu.begin(), adu.end()));
}

Milliseconds StreamBus::settle(Milliseconds timeout) const {
    if (!rtu_) return 0ms;
    const Milliseconds late = lateness * timeout;
    return stream_->passive() ? std::max(late, passive_lateness) : late;
}

// -- Connecting

void StreamBus::connect() {
    close();
    wire_ = Wire::connecting;
    stream_->open([this](const Result<std::string>& how) {
        if (how)
            connected(*how);
        else
            connect_failed(how.error());
    });
}

void StreamBus::fresh_connection() {
    ++generation_;
    got_.clear();
    abandoned_.clear();
    served_ = false;
    silent_ = 0;
}

void StreamBus::connected(const std::string& how) {
    wire_ = Wire::open;
    fresh_connection();
    backoff_ = 0ms;
    const std::uint64_t generation = generation_;
    wait();
    rest();
    become(State::up, how);
    if (!gone(generation) && exchange_ && !exchange_->sent) begin();
}

void StreamBus::connect_failed(const base::Error& why) {
    close();
    if (why.code == Errc::timeout) {  // it has waited by itself
        backoff_ = 0ms;
        connect();
    } else {
        backoff_ = std::clamp(backoff_ * 2, first_pause, last_pause);
        pause_.set(timers_.now() + std::chrono::duration_cast<Milliseconds>(backoff_ * (1 + random_.unit() / 4)),
                   [this] { connect(); });
    }
    become(State::away, why.message);
    finish(fail(Errc::offline, why.message));
}

void StreamBus::close() {
    ++generation_;
    pause_.cancel();
    expiry_.cancel();
    hold_.cancel();
    idling_.cancel();
    stream_->close();
    got_.clear();
    wire_ = Wire::closed;
}

/// The connection cannot be gone on with. Without `reconnect` the next request makes a new one, so that a peer that
/// accepts and closes is asked no more often than somebody wants to know. A request that is not sent yet gets one more
/// connection.
void StreamBus::lost(Errc code, const std::string& why, bool reconnect) {
    const bool again = exchange_ && !exchange_->sent && exchange_->attempts++ == 0;
    if (reconnect || again || stream_->passive())
        connect();
    else
        close();
    if (exchange_ && !again) finish(fail(code, why));
}

/// Nobody asks: after a while the connection is given back.
void StreamBus::rest() {
    if (idle_ > 0ms && wire_ == Wire::open)
        idling_.set(timers_.now() + idle_, [this] {
            if (!exchange_) close();
        });
}

// -- One request

void StreamBus::exchange(Request request, Milliseconds timeout, Answer answer) {
    exchange_.emplace(Exchange{std::move(request), timeout, std::move(answer)});
    exchange_->serial = ++serial_;
    exchange_->given_at = timers_.now();
    turnaround_.reset();
    idling_.cancel();
    if (wire_ == Wire::open) return begin();
    if (wire_ == Wire::closed && state_ != State::away) connect();
    if (state_ == State::away) finish_later(fail(Errc::offline, "not connected"));
}

void StreamBus::finish_later(Result<Bytes> result) {
    boost::asio::post(executor_, [this, alive = std::weak_ptr(alive_), serial = serial_, result = std::move(result)]() mutable {
        if (!alive.expired() && exchange_ && exchange_->serial == serial) finish(std::move(result));
    });
}

/// What the peer did while nobody asked is seen now, while it costs nothing: this request is not on its way yet.
void StreamBus::begin() {
    if (stream_->renew()) {
        fresh_connection();
        wait();
    }
    if (!receive()) return;
    if (!got_.empty() && abandoned_.empty() && !heartbeat_begins())
        return lost(Errc::malformed, "bytes that nobody asked for", false);
    if (timers_.now() < quiet_until_) return hold();
    send();
}

/// The request waits for the line to be silent, as long as its answer might take.
void StreamBus::hold() {
    if (timers_.now() > exchange_->given_at + exchange_->timeout + broadcast_delay)
        return finish_later(fail(Errc::malformed, "the line is never silent: is there another master, or no termination?"));
    hold_.set(quiet_until_, [this] {
        if (exchange_ && !exchange_->sent && wire_ == Wire::open) begin();
    });
}

void StreamBus::send() {
    Exchange& exchange = *exchange_;
    const Bytes adu = rtu_ ? rtu_adu(exchange.request) : tcp_adu(exchange.request, ++transaction_);
    exchange.transaction = transaction_;
    if (const auto written = stream_->write(adu); !written) return lost(Errc::offline, written.error().message, false);
    exchange.sent = true;
    exchange.sent_at = timers_.now();
    exchange.expires = exchange.sent_at + exchange.timeout;
    if (rtu_) exchange.rtu.emplace(exchange.request, echoes_);
    show(true, adu);
    if (exchange.request.broadcast) {
        quiet_until_ = exchange.sent_at + broadcast_delay;
        if (!rtu_) abandoned_.push_back(exchange.transaction);  // should one answer all the same
        while (abandoned_.size() > most_silent_passive) abandoned_.pop_front();
        return finish_later(Bytes{});
    }
    if (!expiry_.is_set() || expiry_at_ > exchange.expires) arm(exchange.expires);
}

void StreamBus::arm(base::Instant when) {
    expiry_at_ = when;
    expiry_.set(when, [this] { expired(); });
}

void StreamBus::expired() {
    if (!exchange_ || !exchange_->sent) return;
    const base::Instant now = timers_.now();
    if (now < exchange_->expires) return arm(exchange_->expires);
    const auto why = fmt::format("no answer within {}", base::span_text(exchange_->timeout));
    const bool in_pieces = !got_.empty() || (exchange_->rtu && exchange_->rtu->begun());
    ++silent_;
    if (rtu_) late_until_[exchange_->request.unit] = now + settle(exchange_->timeout);
    if (!stream_->passive()) {
        if (rtu_ || in_pieces || silent_ >= most_silent) return lost(Errc::timeout, why, true);
    } else if (silent_ >= most_silent_passive || (in_pieces && !rtu_)) {
        return lost(Errc::timeout, why, true);
    }
    if (rtu_)
        quiet_until_ = now + drain;
    else
        abandoned_.push_back(exchange_->transaction);
    finish(fail(Errc::timeout, why));
}

void StreamBus::finish(Result<Bytes> result) {
    if (!exchange_) return;
    const Answer answer = std::move(exchange_->answer);
    exchange_.reset();
    rest();
    answer(std::move(result));  // may give the next request
}

// -- What comes

void StreamBus::wait() {
    stream_->await([this] { readable(); });
}

void StreamBus::readable() {
    if (receive()) wait();
}

/// False: the connection was given up, or replaced by another that waits by itself.
bool StreamBus::receive() {
    const std::uint64_t generation = generation_;
    for (int turn = 0; turn < most_turns; ++turn) {
        std::array<std::uint8_t, RtuAnswer::largest + 4> piece;
        const auto count = stream_->read(piece);
        if (!count) {
            const bool broken = !got_.empty() || (exchange_ && exchange_->rtu && exchange_->rtu->begun());
            if (broken)
                lost(Errc::malformed, "the device closed the connection in the middle of an answer", served_);
            else
                lost(Errc::offline, count.error().message, served_);
            return false;
        }
        if (*count == 0) return true;
        if (exchange_ && exchange_->sent && !exchange_->heard) exchange_->heard = timers_.now();
        got_.insert(got_.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(*count));
        strip_heartbeats();
        while (!got_.empty() && take())
            if (gone(generation)) return false;
        if (gone(generation)) return false;
        if (got_.size() > most_held) {
            lost(Errc::malformed, "more bytes than a frame has", served_);
            return false;
        }
    }
    return true;
}

void StreamBus::strip_heartbeats() {
    const auto size = static_cast<std::ptrdiff_t>(heartbeat_.size());
    while (size > 0 && got_.size() >= heartbeat_.size() && std::equal(heartbeat_.begin(), heartbeat_.end(), got_.begin())) {
        got_.erase(got_.begin(), got_.begin() + size);
        if (exchange_) exchange_->heard.reset();
    }
}

bool StreamBus::heartbeat_begins() const {
    return got_.size() < heartbeat_.size() && std::equal(got_.begin(), got_.end(), heartbeat_.begin());
}

/// True: there may be more in what was got.
bool StreamBus::take() {
    const bool in_answer = exchange_ && exchange_->rtu && exchange_->rtu->begun();
    if (heartbeat_begins() && !in_answer) return false;  // no frame yet
    return rtu_ ? take_rtu() : take_tcp();
}

bool StreamBus::take_tcp() {
    const auto size = tcp_adu_size(got_);
    if (!size) {
        show(false, got_);
        lost(Errc::malformed, size.error().message, served_);
        return false;
    }
    if (*size == 0 || got_.size() < *size) return false;
    const Bytes adu(got_.begin(), got_.begin() + static_cast<std::ptrdiff_t>(*size));
    got_.erase(got_.begin(), got_.begin() + static_cast<std::ptrdiff_t>(*size));
    show(false, adu);
    if (const auto late = std::find(abandoned_.begin(), abandoned_.end(), tcp_transaction(adu)); late != abandoned_.end()) {
        abandoned_.erase(late);
        if (exchange_) exchange_->heard.reset();
        return true;
    }
    if (!exchange_ || !exchange_->sent) {
        lost(Errc::malformed, "an answer that nobody asked for", served_);
        return false;
    }
    const Verdict verdict = check_tcp_answer(exchange_->request, exchange_->transaction, adu);
    if (!verdict.belongs) {
        lost(Errc::malformed, verdict.data ? "an answer to something else" : verdict.data.error().message, served_);
        return false;
    }
    served_ = true;
    silent_ = 0;
    if (exchange_->heard)
        turnaround_ = std::chrono::duration_cast<std::chrono::microseconds>(*exchange_->heard - exchange_->sent_at);
    finish(verdict.data.map([](ByteView data) { return Bytes(data.begin(), data.end()); }));
    return true;
}

bool StreamBus::take_rtu() {
    const Bytes bytes = std::exchange(got_, {});
    show(false, bytes);
    const base::Instant now = timers_.now();
    quiet_until_ = std::max(quiet_until_, now + silence_);
    if (!exchange_ || !exchange_->sent || !exchange_->rtu) return false;  // late, or noise: drained
    RtuAnswer& answer = *exchange_->rtu;
    for (auto heard = answer.take(bytes);; heard = answer.take({})) {
        if (heard == RtuAnswer::Heard::unfinished) {
            if (!answer.begun()) exchange_->heard.reset();  // an echo
            return false;
        }
        if (heard == RtuAnswer::Heard::foreign && late_until_[answer.foreign_unit()] > now) continue;  // as late as foretold
        Result<Bytes> result = answer.result();
        if (heard != RtuAnswer::Heard::answer) {
            if (!stream_->passive()) {
                lost(Errc::malformed, result.error().message, served_);
                return false;
            }
            quiet_until_ = now + drain;
            finish(std::move(result));
            return false;
        }
        if (is_read(exchange_->request.function)) {
            if (answer.echoed() && !echoes_) base::log().info("the line echoes each request; the echo is dropped");
            echoes_ = answer.echoed();
        }
        served_ = true;
        silent_ = 0;
        if (exchange_->heard)
            turnaround_ = std::chrono::duration_cast<std::chrono::microseconds>(*exchange_->heard - exchange_->sent_at);
        finish(std::move(result));
        return false;
    }
}

}  // namespace adapters::modbus
