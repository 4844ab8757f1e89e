#include "adapters/mqtt/connection.hpp"

#include <algorithm>

namespace adapters::mqtt {

using base::Errc;
using base::fail;

namespace {

/// FNV-1a: the same name for the same set, on every machine and in every version.
std::uint64_t hash(std::string_view text, std::uint64_t seed) {
    for (const char c : text) seed = (seed ^ static_cast<std::uint8_t>(c)) * 0x100000001B3ULL;
    return (seed ^ 0xFF) * 0x100000001B3ULL;
}

}  // namespace

Connection::Connection(LinkSettings settings, SessionMaker make, base::Timers& timers, base::Random& random, Handler& handler)
    : settings_(std::move(settings)),
      make_(std::move(make)),
      timers_(timers),
      random_(random),
      handler_(handler),
      client_id_(settings_.client_id),
      retry_(timers),
      guard_(timers),
      expiry_(timers),
      again_(timers) {
    if (client_id_.empty()) client_id_ = fmt::format("lwm2m-gw-{:012x}", random_.next() & 0xFFFFFFFFFFFF);
}

std::string Connection::session_name() const {
    if (!settings_.kept) return client_id_;
    std::uint64_t sum = 0xCBF29CE484222325ULL;
    for (const auto& [filter, wanted] : wanted_)
        if (wanted.always) sum = hash(fmt::format("{} {}", wanted.qos, filter), sum);
    return fmt::format("{}-{:08x}", client_id_, sum & 0xFFFFFFFF);
}

void Connection::want(const std::string& filter, int qos) {
    auto& wanted = wanted_[filter];
    const bool news = !wanted.always || qos > wanted.qos;
    wanted.qos = std::max(wanted.qos, qos);
    wanted.always = true;
    if (news && established_) {
        to_subscribe_.push_back(filter);
        subscribe_more();
    }
}

void Connection::want_for_now(const std::string& filter, int qos) {
    auto& wanted = wanted_[filter];
    ++wanted.users;
    wanted.qos = std::max(wanted.qos, qos);
    // Also when it is subscribed to already: the broker then says again what it retains.
    if (established_) {
        to_subscribe_.push_back(filter);
        subscribe_more();
    }
}

void Connection::unwant(const std::string& filter) {
    const auto found = wanted_.find(filter);
    if (found == wanted_.end() || --found->second.users > 0 || found->second.always) return;
    wanted_.erase(found);
    refused_.erase(filter);
    if (established_ && session_) session_->unsubscribe({filter});
}

void Connection::start() {
    running_ = true;
    retry_.set(timers_.now(), [this] { attempt(); });
}

void Connection::stop() {
    running_ = false;
    for (base::Timer* timer : {&retry_, &guard_, &expiry_, &again_}) timer->cancel();
    session_.reset();
    established_ = up_ = false;
    auto waiting = std::exchange(waiting_, {});
    for (auto& [id, out] : std::exchange(in_flight_, {}))
        if (!out.abandoned) waiting.push_back(std::move(out));
    for (auto& out : waiting) out.done(fail(Errc::offline, "the link is closed"));
}

void Connection::attempt() {
    subscribing_.clear();
    to_subscribe_.clear();
    session_ = make_(*this);
    guard_.set(timers_.now() + answer_limit, [this] { lost("no answer from the broker"); });
    session_->connect(session_name(), !settings_.kept);
}

void Connection::connected(bool session_present) {
    if (!session_ || established_) return;  // once a session, whatever the library says
    established_ = true;
    established_at_ = timers_.now();
    ++counters_.connects;
    guard_.cancel();
    refused_.clear();
    // A kept session has them already; asked again, the broker says what it retains, and grants what it lost.
    static_cast<void>(session_present);
    for (const auto& [filter, wanted] : wanted_) to_subscribe_.push_back(filter);
    if (to_subscribe_.empty()) return ready();
    subscribe_more();
}

void Connection::subscribe_more() {
    while (!to_subscribe_.empty() && subscribing_.size() < packets_in_flight) {
        std::vector<Filter> filters;
        std::vector<std::string> names;
        while (!to_subscribe_.empty() && filters.size() < filters_a_packet) {
            std::string filter = std::move(to_subscribe_.front());
            to_subscribe_.pop_front();
            const auto wanted = wanted_.find(filter);
            if (wanted == wanted_.end()) continue;
            filters.push_back({filter, wanted->second.qos});
            names.push_back(std::move(filter));
        }
        if (filters.empty()) break;
        const auto id = ++last_id_;
        subscribing_[id] = {std::move(names), timers_.now() + answer_limit};
        session_->subscribe(id, std::move(filters));
    }
    if (!subscribing_.empty())
        guard_.set(subscribing_.begin()->second.until, [this] { lost("the broker does not answer a subscription"); });
    else
        guard_.cancel();
}

void Connection::subscribed(Session::Id id, std::vector<int> codes) {
    const auto found = subscribing_.find(id);
    if (!session_ || found == subscribing_.end()) return;
    const auto filters = std::move(found->second.filters);
    subscribing_.erase(found);
    for (std::size_t i = 0; i < filters.size(); ++i) {
        const int code = i < codes.size() ? codes[i] : 0x80;
        if (code >= 0 && code <= 2) {
            refused_.erase(filters[i]);
            continue;
        }
        refused_.insert(filters[i]);
        once_.warn(filters[i],
                   fmt::format("{}: the broker refuses the subscription to '{}' (code {}); look at its access rules",
                               settings_.where(), base::printable(filters[i]), code));
    }
    if (!refused_.empty() && !again_.is_set())
        again_.set(timers_.now() + refused_again, [this] {
            if (!established_) return;
            for (const auto& filter : refused_) to_subscribe_.push_back(filter);
            subscribe_more();
        });
    subscribe_more();
    if (subscribing_.empty() && to_subscribe_.empty() && !up_) ready();
}

void Connection::ready() {
    up_ = true;
    told_down_ = false;
    why_.clear();
    handler_.up();
    pump();
}

void Connection::ended(std::string why) { lost(std::move(why)); }

void Connection::lost(std::string why) {
    if (!running_) return;
    // Not from within the session's own call: it may be on the stack.
    std::shared_ptr<Session> old = std::move(session_);
    if (old) timers_.at(timers_.now(), [old] {});
    if (established_ && timers_.now() - established_at_ >= steady) failures_ = 0;
    established_ = up_ = false;
    guard_.cancel();
    again_.cancel();
    subscribing_.clear();
    std::vector<std::pair<Out, base::Error>> over;
    std::vector<Out> repeat;
    for (auto& [id, out] : std::exchange(in_flight_, {})) {
        if (out.abandoned) continue;
        if (out.message.qos == 1) {
            repeat.push_back(std::move(out));
        } else {
            over.emplace_back(
                std::move(out),
                base::Error{Errc::timeout, "the connection to the broker broke; whether the message arrived is not known"});
        }
    }
    for (auto out = repeat.rbegin(); out != repeat.rend(); ++out) {
        ++counters_.sent_again;
        waiting_.push_front(std::move(*out));
    }
    const auto pause = next_pause();
    retry_.set(timers_.now() + pause, [this] { attempt(); });
    arm();
    tell_down(std::move(why));
    for (auto& [out, error] : over) out.done(tl::unexpected(error));
}

Milliseconds Connection::next_pause() {
    auto pause = settings_.retry_first;
    for (int i = 0; i < failures_ && pause < settings_.retry_max; ++i) pause *= 2;
    pause = std::min(pause, settings_.retry_max);
    if (failures_ < 1'000) ++failures_;
    // Half of it by chance, so that many gateways do not come back together.
    return std::chrono::duration_cast<Milliseconds>(pause * (0.5 + random_.unit() / 2));
}

void Connection::tell_down(std::string why) {
    if (told_down_ && why == why_) return;
    told_down_ = true;
    why_ = std::move(why);
    handler_.down(why_);
}

void Connection::received(Message message) {
    if (!session_) return;
    ++counters_.received;
    if (on_traffic) on_traffic(false, message);
    handler_.received(std::move(message));
}

void Connection::publish(Message message, Instant deadline, Done done) {
    if (!running_) {
        timers_.at(timers_.now(), [done = std::move(done)] { done(fail(Errc::offline, "the link is closed")); });
        return;
    }
    if (waiting_.size() >= settings_.offline_queue) {
        timers_.at(timers_.now(), [done = std::move(done), most = settings_.offline_queue] {
            done(fail(Errc::busy, fmt::format("{} messages wait for the broker already", most)));
        });
        return;
    }
    waiting_.push_back({std::move(message), deadline, std::move(done)});
    pump();
    arm();
}

void Connection::pump() {
    while (up_ && session_ && !waiting_.empty() && in_flight_.size() < messages_in_flight) {
        Out out = std::move(waiting_.front());
        waiting_.pop_front();
        if (out.deadline <= timers_.now()) {
            waiting_.push_front(std::move(out));
            expire();
            continue;
        }
        const auto left = std::chrono::ceil<Milliseconds>(out.deadline - timers_.now());
        out.sent_at = timers_.now();
        const auto id = ++last_id_;
        Message copy = out.message;
        ++counters_.sent;
        if (on_traffic) on_traffic(true, copy);
        in_flight_.emplace(id, std::move(out));
        session_->publish(id, std::move(copy), left);
    }
    arm();
}

void Connection::published(Session::Id id, Result<void> result) {
    const auto found = in_flight_.find(id);
    if (found == in_flight_.end()) return;
    Out out = std::move(found->second);
    in_flight_.erase(found);
    if (!out.abandoned) out.done(std::move(result));
    pump();
}

/// What has waited too long is told; an acknowledgement that stays away long means that nobody is there.
void Connection::expire() {
    const Instant now = timers_.now();
    std::vector<std::pair<Done, base::Error>> over;
    for (auto out = waiting_.begin(); out != waiting_.end();) {
        if (out->deadline > now) {
            ++out;
            continue;
        }
        const bool was_sent = out->sent_at != Instant{};
        over.emplace_back(std::move(out->done),
                          was_sent ? base::Error{Errc::timeout, "sent, but the connection broke before the broker had it"}
                                   : base::Error{Errc::offline, up_ ? "too many messages wait for the broker"
                                                                    : fmt::format("the broker is away: {}", why_)});
        out = waiting_.erase(out);
    }
    bool silent = false;
    for (auto& [id, out] : in_flight_) {
        if (!out.abandoned && out.deadline <= now) {
            out.abandoned = true;
            over.emplace_back(std::move(out.done), base::Error{Errc::timeout, "the broker does not acknowledge the message"});
        }
        if (out.sent_at + answer_limit <= now) silent = true;
    }
    if (silent) lost("the broker does not acknowledge a message");
    arm();
    for (auto& [done, error] : over) done(tl::unexpected(error));
}

void Connection::arm() {
    Instant next = Instant::max();
    for (const auto& out : waiting_) next = std::min(next, out.deadline);
    for (const auto& [id, out] : in_flight_) {
        if (!out.abandoned) next = std::min(next, out.deadline);
        next = std::min(next, out.sent_at + answer_limit);
    }
    if (next == Instant::max()) return expiry_.cancel();
    expiry_.set(next, [this] { expire(); });
}

}  // namespace adapters::mqtt
