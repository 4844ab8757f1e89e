#include "lwm2m/registration.hpp"

#include "lwm2m/codec/core_link.hpp"

#include <algorithm>

namespace lwm2m {

namespace {

using base::Instant;
using base::Milliseconds;
using namespace std::chrono_literals;

constexpr std::chrono::seconds max_transmit_wait{93};  // RFC 7252 4.8.2
constexpr std::chrono::seconds longest_pause{60};
constexpr std::chrono::seconds longest_retry{86400};
constexpr std::chrono::seconds between_lists{30};  // a flapping radio link must not make a stream of Updates
constexpr std::chrono::seconds longest_max_age{24h};
constexpr std::chrono::seconds longest_lifetime{0x7FFFFFFF};

Instant later(Instant now, std::chrono::seconds by) { return now + std::min(by, longest_lifetime); }

}  // namespace

std::string_view name(RegistrationState state) {
    switch (state) {
        case RegistrationState::away: return "away";
        case RegistrationState::registering: return "registering";
        case RegistrationState::registered: return "registered";
        case RegistrationState::deregistered: return "de-registered";
        case RegistrationState::disabled: return "disabled";
    }
    return "?";
}

std::string object_list(const ObjectTree& tree, int minor) {
    std::vector<codec::Link> links;
    links.push_back({"/", {{"ct", minor >= 2 ? "60 110 112 320 322 11542 11544" : "60 110 112 11542"}}});
    const std::vector<Path> nodes = tree.list(Target{});
    for (std::size_t i = 0; i < nodes.size();) {
        const ObjectId id = nodes[i].object();
        const bool told = id != 0 && id != 21 && id != 23;
        const std::size_t first = links.size();
        for (; i < nodes.size() && nodes[i].object() == id; ++i)
            if (told && nodes[i].level() == Path::Level::instance) links.push_back({nodes[i].str(), {}});
        if (!told) continue;
        // `ver` stands on the object link, which is also there when the object has no instance (core digest 9).
        const ObjectDef* object = tree.object("", id);
        codec::Link link{Path::of({id}).str(), {}};
        if (object != nullptr && object->version != Version{1, 0}) link.attributes.emplace_back("ver", object->version.str());
        if (!link.attributes.empty() || links.size() == first)
            links.insert(links.begin() + static_cast<std::ptrdiff_t>(first), std::move(link));
    }
    return codec::encode_links(links);
}

void Registration::start(Instant at) {
    started_ = true;
    again(at);
}

// From here on the way back is a Register, at the given time.
void Registration::again(Instant at) {
    state_ = RegistrationState::away;
    location_.clear();
    refresh_at_ = urgent_at_ = list_at_ = Instant::max();
    retry_at_ = at;
}

void Registration::instances_changed(Instant now) {
    if (list_at_ != Instant::max()) return;  // not moved by what follows: at most so long
    list_at_ = now + settings_.debounce;
    if (list_told_at_ != Instant::min()) list_at_ = std::max(list_at_, list_told_at_ + between_lists);
}

void Registration::disable(std::chrono::seconds time, Instant now) {
    if (state_ != RegistrationState::registered) return;
    disable_for_ = std::clamp(time, std::chrono::seconds(1), longest_lifetime);
    update_now(now);
}

void Registration::set_retry(const Retry& retry, Instant now) {
    if (settings_.retry == retry) return;
    settings_.retry = retry;
    if (std::exchange(gave_up_, false)) again(now);
    attempts_ = sequences_ = 0;
}

void Registration::set_lifetime(std::chrono::seconds lifetime, Instant now) {
    settings_.lifetime = std::clamp(lifetime, std::chrono::seconds(0), longest_lifetime);
    update_now(now);
}

void Registration::update_now(Instant now) { urgent_at_ = std::min(urgent_at_, now); }

void Registration::session_closed(Instant now) {
    if (state_ != RegistrationState::registered) return;
    closings_ = closed_at_ != Instant::min() && now - closed_at_ < 60s ? closings_ + 1 : 0;
    closed_at_ = now;
    const Instant at = closings_ == 0 ? now : now + pause(closings_);
    if (in_flight_) return;  // its answer tells
    if (settings_.secured)
        urgent_at_ = std::min(urgent_at_, at);
    else
        again(at);
}

void Registration::unreachable(Instant now) {
    if (state_ == RegistrationState::registered && !in_flight_) update_now(now);  // else that answer tells
}

std::optional<Registration::Step> Registration::stop() {
    const bool known = state_ == RegistrationState::registered;
    started_ = false;
    in_flight_.reset();
    state_ = RegistrationState::deregistered;
    if (!known) return std::nullopt;
    in_flight_ = Kind::deregister;
    return Step{Kind::deregister, false, {Method::remove, location_, {}}};
}

Instant Registration::expiry() const {
    return told_lifetime_.count() == 0 ? Instant::max() : later(confirmed_at_, told_lifetime_);
}

std::optional<Registration::Step> Registration::take(Instant now, const ObjectList& list) {
    if (!started_ || in_flight_) return std::nullopt;
    if (state_ == RegistrationState::registered && now >= expiry()) again(now);  // it has forgotten us by now
    if (state_ == RegistrationState::registered && disable_for_) {
        in_flight_ = Kind::disable;
        return Step{Kind::disable, false, {Method::remove, location_, {}}};
    }
    if (state_ == RegistrationState::registered) return make_update(list, now);
    if (now < retry_at_) return std::nullopt;
    return make_register(list, now);
}

Instant Registration::deadline() const {
    if (!started_ || in_flight_) return Instant::max();
    if (state_ != RegistrationState::registered) return retry_at_;
    return std::min({refresh_at_, urgent_at_, list_at_, expiry()});
}

Registration::Step Registration::make_register(const ObjectList& list, Instant now) {
    state_ = RegistrationState::registering;
    in_flight_ = Kind::register_;
    asked_at_ = now;
    asked_lifetime_ = settings_.lifetime;
    asked_list_ = list(minor_);
    list_at_ = urgent_at_ = Instant::max();  // all of it is told now
    Uplink message{Method::post, {"rd"}, {}};
    if (!settings_.endpoint.empty()) message.query.push_back("ep=" + settings_.endpoint);
    message.query.push_back(fmt::format("lt={}", settings_.lifetime.count()));
    message.query.push_back(fmt::format("lwm2m=1.{}", minor_));
    message.query.emplace_back("b=U");
    if (settings_.queue) message.query.emplace_back("Q");
    const bool by_profile = !settings_.profile.empty() && minor_ >= 2 && !full_list_;
    if (!settings_.profile.empty() && minor_ >= 2) message.query.push_back("pid=" + settings_.profile);
    if (!by_profile) {
        message.content_format = static_cast<std::uint16_t>(ContentFormat::link);
        const ByteView text = base::as_bytes(asked_list_);
        message.payload.assign(text.begin(), text.end());
    }
    return {Kind::register_, std::exchange(fresh_session_, false), std::move(message)};
}

std::optional<Registration::Step> Registration::make_update(const ObjectList& list, Instant now) {
    const bool asked = now >= std::min(refresh_at_, urgent_at_);
    if (!asked && now < list_at_) return std::nullopt;
    Uplink message{Method::post, location_, {}};
    asked_lifetime_ = told_lifetime_;
    asked_list_ = told_list_;
    if (settings_.lifetime != told_lifetime_) {  // only what changed (OMA Core 1.2 6.2.2)
        asked_lifetime_ = settings_.lifetime;
        message.query.push_back(fmt::format("lt={}", settings_.lifetime.count()));
    }
    if (list_at_ != Instant::max()) {
        list_at_ = Instant::max();
        std::string text = list(minor_);
        if (text != told_list_ && settings_.register_on_join) {
            again(now);
            return make_register(list, now);
        }
        if (text != told_list_) {
            const ByteView bytes = base::as_bytes(text);
            message.payload.assign(bytes.begin(), bytes.end());
            message.content_format = static_cast<std::uint16_t>(ContentFormat::link);
            asked_list_ = std::move(text);
            list_told_at_ = now;
        } else if (!asked) {
            return std::nullopt;  // what came has gone again
        }
    }
    urgent_at_ = Instant::max();
    in_flight_ = Kind::update;
    asked_at_ = now;
    return Step{Kind::update, false, std::move(message)};
}

void Registration::answered(const Result<UplinkAnswer>& answer, Instant now) {
    if (!in_flight_) return;
    const Kind kind = *std::exchange(in_flight_, std::nullopt);
    if (kind == Kind::deregister) return;  // the answer does not matter (core digest 3.2)
    if (kind == Kind::disable) {
        again(later(now, *std::exchange(disable_for_, std::nullopt)));
        state_ = RegistrationState::disabled;
        return;
    }
    if (!answer) {
        fresh_session_ = true;
        const std::string why = answer.error().code == Errc::timeout ? "no answer" : answer.error().message;
        if (kind == Kind::register_) {
            failed(why, {}, now);
        } else {
            trouble_ = why;
            again(now);
        }
        return;
    }
    const Code code = answer->code;
    if (kind == Kind::register_) {
        if (code == Code::created && !answer->location.empty()) return registered(*answer, now);
        if (code == Code::precondition_failed && minor_ == 2) {
            minor_ = 1;  // the version is not supported there: the next lower one at once (core digest 3.1)
            retry_at_ = now;
            return;
        }
        if (code == Code::conflict && !settings_.profile.empty() && !std::exchange(full_list_, true)) {
            retry_at_ = now;  // it wants the list itself (OMA Core 1.2 6.2.1)
            return;
        }
        if (code == Code::precondition_failed) minor_ = 2;
        return failed(code == Code::created ? "2.01 without Location-Path" : str(code), answer->max_age, now);
    }
    if (code == Code::changed) {
        told_lifetime_ = asked_lifetime_;
        told_list_ = std::move(asked_list_);
        refresh(now);
        return;
    }
    // A server that is only busy has not forgotten us; all else means that it has, or may have.
    const auto wait = std::chrono::seconds(answer->max_age.value_or(60));
    if (code == Code::service_unavailable && later(now, wait) < expiry()) {
        refresh_at_ = later(now, std::min(wait, longest_max_age));
        if (asked_list_ != told_list_) list_at_ = refresh_at_;
        return;
    }
    trouble_ = str(code);
    again(code == Code::service_unavailable ? later(now, std::min(wait, longest_max_age)) : now);
}

void Registration::registered(const UplinkAnswer& answer, Instant now) {
    state_ = RegistrationState::registered;
    ever_registered_ = true;
    sequences_ = 0;
    disable_for_.reset();
    location_ = answer.location;
    trouble_.clear();
    told_lifetime_ = asked_lifetime_;
    told_list_ = std::move(asked_list_);
    retry_at_ = Instant::max();
    refresh(now);
}

// Core digest 3.2: lt - max(min(lt/2, 93 s), 1 s) after the last success, with 5 % jitter either way.
void Registration::refresh(Instant) {
    attempts_ = 0;
    confirmed_at_ = asked_at_;
    if (settings_.lifetime != told_lifetime_) urgent_at_ = std::min(urgent_at_, asked_at_);  // written while it was asked
    refresh_at_ = Instant::max();
    if (told_lifetime_.count() == 0) return;
    const std::chrono::duration<double> lifetime = told_lifetime_;
    const double margin = std::max(std::min(lifetime.count() / 2, static_cast<double>(max_transmit_wait.count())), 1.0);
    const double period = std::max(lifetime.count() - margin, lifetime.count() / 2) * (0.95 + 0.1 * random_.unit());
    refresh_at_ = confirmed_at_ + std::chrono::duration_cast<Milliseconds>(std::chrono::duration<double>(period));
}

void Registration::failed(std::string why, std::optional<std::uint32_t> max_age, Instant now) {
    trouble_ = std::move(why);
    ++attempts_;
    const Retry& retry = settings_.retry;
    if (retry.standard()) {
        std::chrono::seconds next{};
        if (attempts_ < std::max(retry.count.value_or(5), 1U)) {
            const std::uint64_t seconds = std::uint64_t{retry.timer.value_or(60)} << std::min(attempts_ - 1, 20U);
            next = std::min(std::chrono::seconds(seconds), longest_retry);
        } else {
            attempts_ = 0;
            ++sequences_;
            gave_up_ = sequences_ >= std::max(retry.sequences.value_or(1), 1U) || retry.pause == 0xFFFFFFFFU;
            if (gave_up_) return again(Instant::max());
            next = std::chrono::seconds(retry.pause.value_or(86400));
        }
        if (max_age) next = std::max(next, std::min(std::chrono::seconds(*max_age), longest_max_age));
        return again(now + next);
    }
    Milliseconds wait = pause(attempts_);
    if (max_age) wait = std::max<Milliseconds>(wait, std::min(std::chrono::seconds(*max_age), longest_max_age));
    again(now + wait);
}

Milliseconds Registration::pause(unsigned attempt) {
    const Milliseconds plain = std::min<Milliseconds>(longest_pause, 1s * (1U << std::min(attempt - 1, 16U)));
    return std::chrono::duration_cast<Milliseconds>(plain * (1.0 + 0.5 * random_.unit()));
}

}  // namespace lwm2m
