#include "adapters/ble/session.hpp"

#include <algorithm>

namespace adapters::ble {

using base::Bytes;
using base::Errc;
using base::Error;
using base::fail;

Session::Session(Parts parts, Owner& owner, const Address& address, const Shape& settings,
                 std::vector<Characteristic> subscriptions)
    : parts_(parts),
      owner_(owner),
      address_(address),
      settings_(settings),
      alarm_(parts.timers),
      deadline_(parts.timers),
      retry_(parts.timers),
      notify_wait_(parts.timers) {
    for (auto& at : subscriptions) {
        subscriptions_.push_back(std::make_unique<Subscription>());
        subscriptions_.back()->at = at;
    }
}

Session::~Session() { parts_.slots.released(*this); }

Bus::Reply Session::guard(std::function<void(Answered<std::vector<Value>>)> then) {
    return [this, life = life_, then = std::move(then), alive = std::weak_ptr(alive_)](Answered<std::vector<Value>> answer) {
        if (!alive.expired() && life == life_) then(std::move(answer));
    };
}

std::string Session::doing(const Task& task) const {
    return fmt::format("{} {} of {}", task.writes ? "writing" : "reading", task.at.text(), address_.str());
}

// -- What is asked

void Session::read(const Characteristic& at, Instant deadline, Got done) {
    auto task = std::make_unique<Task>();
    task->at = at;
    task->deadline = deadline;
    task->done = std::move(done);
    enqueue(std::move(task));
}

void Session::write(const Characteristic& at, Bytes bytes, bool response, Instant deadline,
                    std::function<void(Result<void>)> done) {
    auto task = std::make_unique<Task>();
    task->at = at;
    task->deadline = deadline;
    task->writes = true;
    task->response = response;
    task->bytes = std::move(bytes);
    task->done = [done = std::move(done)](Result<Bytes> result) {
        if (result)
            done({});
        else
            done(tl::unexpected(result.error()));
    };
    enqueue(std::move(task));
}

void Session::enqueue(std::unique_ptr<Task> task) {
    const auto refuse = [&](Errc code, const std::string& why) {
        parts_.timers.at(parts_.timers.now(), [its = std::move(task->done), code, why] { its(fail(code, why)); });
    };
    if (stopped_) return refuse(Errc::offline, "the link is closed");
    if (!parts_.bluez.is_up() && !parts_.bluez.is_starting()) return refuse(Errc::offline, parts_.bluez.why_down());
    if (parts_.timers.now() < refused_until_) return refuse(refusal_.code, refusal_.message);
    if (tasks_.size() >= most_waiting)
        return refuse(Errc::busy, fmt::format("{} requests wait for {}", most_waiting, address_.str()));
    // A read whose asker is gone already has its answer from a newer one. Writes go before reads that wait, after writes.
    auto place = tasks_.end();
    if (task->writes)
        place = std::find_if(tasks_.begin(), tasks_.end(), [](const auto& its) { return !its->writes && !its->running; });
    else
        std::erase_if(tasks_,
                      [&](const auto& its) { return !its->done && !its->running && !its->writes && its->at == task->at; });
    tasks_.insert(task->writes ? place : tasks_.end(), std::move(task));
    arm_deadline();
    begin();
}

void Session::stay() {
    stays_ = true;
    begin();
}

void Session::stop() {
    stopped_ = true;
    stays_ = false;
    answer_all({Errc::offline, "the link is closed"});
    disconnect_quietly();
    reset();
}

void Session::disconnect_quietly() {
    if (state_ >= State::connecting && !path_.empty())
        parts_.bus.call(path_, bluez::device, "Disconnect", {}, call_limit, [](auto) {});
}

void Session::answer_all(const Error& why) {
    for (auto& task : std::exchange(tasks_, {}))
        if (const auto done = std::exchange(task->done, nullptr)) done(tl::unexpected(why));
    deadline_.cancel();
}

void Session::arm_deadline() {
    auto first = Instant::max();
    for (const auto& task : tasks_)
        if (task->done) first = std::min(first, task->deadline);
    if (first == Instant::max()) return deadline_.cancel();
    deadline_.set(first, [this] { expire(); });
}

void Session::expire() {
    std::vector<std::pair<Got, Error>> late;
    for (auto it = tasks_.begin(); it != tasks_.end();) {
        Task& task = **it;
        if (task.done && task.deadline <= parts_.timers.now()) {
            // What has not left is not sent any more; what has may still be answered.
            const bool sent = task.running;
            late.emplace_back(std::exchange(task.done, nullptr),
                              Error{sent || !task.writes ? Errc::timeout : Errc::offline,
                                    fmt::format("{}: {}", doing(task),
                                                sent                         ? "no answer in time"
                                                : state_ == State::looking   ? "no radio hears it"
                                                : state_ == State::queued    ? "all connections are in use"
                                                : state_ >= State::resolving ? "no answer in time"
                                                                             : "no connection in time")});
            // A read that waits for the connection goes on: its value is of use to the next who asks.
            if (!sent && (task.writes || state_ == State::queued)) {
                it = tasks_.erase(it);
                continue;
            }
        }
        ++it;
    }
    arm_deadline();
    for (auto& [done, error] : late) done(tl::unexpected(std::move(error)));
    if (state_ == State::queued && !is_needed()) reset();
}

// -- Connecting

std::vector<std::string> Session::radios() const {
    std::vector<std::pair<int, std::string>> found;
    for (const auto* its : parts_.bluez.peers(address_)) {
        if (!parts_.scanner.is_usable(its->radio)) continue;
        // One that it is connected on already, then the one that hears it best; a connection less is worth 8 dB.
        const int used = static_cast<int>(parts_.slots.used(its->radio));
        found.emplace_back((its->connected ? -1'000 : 0) - its->known.rssi.value_or(-100) + 8 * used, its->radio);
    }
    std::sort(found.begin(), found.end());
    std::vector<std::string> names;
    for (auto& [badness, name] : found) names.push_back(std::move(name));
    return names;
}

void Session::begin() {
    if (state_ == State::ready) return next();
    if (state_ != State::idle || stopped_ || !is_needed() || !parts_.bluez.is_up()) return;
    if (tasks_.empty() && retry_.is_set()) return;
    retry_.cancel();
    ++life_;
    tries_ = 0;
    look();
}

void Session::look() {
    if (!radios().empty()) {
        alarm_.cancel();
        state_ = State::queued;
        parts_.slots.ask(*this);
        return;
    }
    if (state_ != State::looking)
        alarm_.set(parts_.timers.now() + appear_limit, [this] {
            fail_attempt({Errc::timeout, fmt::format("{} is heard by no radio", address_.str())});
        });
    state_ = State::looking;
    parts_.scanner.look_actively(parts_.timers.now() + appear_limit);
}

void Session::granted(const std::string& radio) {
    if (state_ != State::queued || !is_needed()) {
        parts_.slots.released(*this);
        if (state_ == State::queued) reset();
        return;
    }
    radio_ = radio;
    path_.clear();
    for (const auto* its : parts_.bluez.peers(address_))
        if (its->radio == radio) path_ = its->path;
    if (path_.empty()) {
        parts_.slots.released(*this);
        return look();
    }
    seen_connected_ = false;
    refreshed_ = pair_tried_ = firmware_read_ = false;
    state_ = State::connecting;
    connect();
}

void Session::connect() {
    ++tries_;
    owner_.session_says(*this, "connect");
    parts_.bus.call(path_, bluez::device, "Connect", {}, connect_limit, guard([this](Answered<std::vector<Value>> answer) {
                        if (state_ != State::connecting) return;
                        if (!answer && short_name(answer.error()) != "AlreadyConnected") return connect_failed(answer.error());
                        parts_.slots.connected(*this);
                        state_ = State::resolving;
                        const auto* its = peer();
                        seen_connected_ = its != nullptr && its->connected;
                        alarm_.set(parts_.timers.now() + resolve_limit, [this] {
                            ++unresolved_;
                            const auto* known = peer();
                            const bool bonded = known != nullptr && known->paired;
                            disconnect_quietly();
                            if (bonded && unresolved_ >= 2 &&
                                heal("it seems to have lost its bond: connected, but its services never come"))
                                return;
                            fail_attempt({bonded ? Errc::unauthorized : Errc::timeout,
                                          fmt::format("{}: connected, but its services did not come{}", address_.str(),
                                                      bonded ? "; has it lost its bond?" : "")});
                        });
                        check_resolved();
                    }));
}

void Session::connect_failed(const Failure& failure) {
    if (failure.name == failures::disconnected) return;  // the service's end is told next
    auto error = error_of(failure, fmt::format("connecting to {}", address_.str()));
    const bool again = tries_ < most_tries && parts_.bluez.is_up();
    if (is_gone(failure) && again) {  // its object went while it waited
        parts_.slots.released(*this);
        ++life_;
        state_ = State::idle;
        return look();
    }
    if (failure.name == failures::no_reply || failure.name == failures::timeout) {
        disconnect_quietly();  // else bluetoothd goes on trying
        return fail_attempt({Errc::timeout, fmt::format("{} does not take a connection", address_.str())});
    }
    if (!again || short_name(failure) == "NotReady" || failure.text.find("Input/output") != std::string::npos)
        return fail_attempt(std::move(error));
    // Lost at once, no slot left, or another connect is under way: soon again, the failed one being over by then.
    const bool crowded = parts_.slots.used(radio_) > 1 || error.code == Errc::busy;
    const auto pause = crowded && tries_ > 1 ? Milliseconds(4'000) : Milliseconds(250) * (1 << (tries_ - 1));
    alarm_.set(parts_.timers.now() + pause, [this] {
        if (peer() != nullptr) return connect();
        parts_.slots.released(*this);
        ++life_;
        state_ = State::idle;
        look();
    });
}

void Session::check_resolved() {
    const auto* its = peer();
    if (state_ != State::resolving || its == nullptr || !its->resolved) return;
    alarm_.cancel();
    unresolved_ = 0;
    state_ = State::securing;
    // Services come before or after this signal; if none is there yet, the tree is asked.
    if (parts_.bluez.has_attributes(path_)) return secure();
    parts_.bluez.refresh([this, life = life_, alive = std::weak_ptr(alive_)](bool) {
        if (!alive.expired() && life == life_ && state_ == State::securing) secure();
    });
}

void Session::secure() {
    const auto* its = peer();
    if (its == nullptr) return lost("its object went away");
    if (settings_.pair.mode == Pairing::none || its->paired) return ready();
    pair();
}

void Session::pair() {
    state_ = State::securing;
    pair_tried_ = true;
    parts_.agent.pairing(address_, settings_.pair);
    owner_.session_says(*this, "pair");
    parts_.bus.call(path_, bluez::device, "Pair", {}, pair_limit, guard([this](Answered<std::vector<Value>> answer) {
                        parts_.agent.paired(address_);
                        if (state_ != State::securing) return;
                        if (answer || short_name(answer.error()) == "AlreadyExists") {
                            if (answer) base::log().info("{} is paired", address_.str());
                            pair_failures_ = 0;
                            return ready();
                        }
                        if (answer.error().name == failures::disconnected) return;
                        auto error = error_of(answer.error(), fmt::format("pairing {}", address_.str()));
                        if (error.code != Errc::offline) error.code = Errc::unauthorized;
                        if (settings_.pair.mode == Pairing::passkey && short_name(answer.error()).starts_with("Authentication"))
                            error.message += "; is the passkey the right one?";
                        if (error.code == Errc::unauthorized) return pair_failed(std::move(error));
                        disconnect_quietly();
                        fail_attempt(std::move(error));
                    }));
}

/// It says no, and would say no again: a server that reads in a loop must not pair in a loop.
void Session::pair_failed(Error why) {
    disconnect_quietly();
    const auto rest = std::min<Milliseconds>(pair_rest * (1 << std::min(pair_failures_++, 10)), longest_pair_rest);
    refused_until_ = parts_.timers.now() + rest;
    refusal_ = why;
    fail_attempt(std::move(why));
}

void Session::ready() {
    state_ = State::ready;
    failures_ = 0;
    owner_.session_up(*this);
    if (state_ != State::ready) return;
    if (settings_.firmware && !std::exchange(firmware_read_, true)) {
        auto task = std::make_unique<Task>();
        task->at = *settings_.firmware;
        task->deadline = parts_.timers.now() + answer_limit;
        task->done = [this](Result<Bytes> text) {
            if (text && owner_.session_firmware(*this, std::string(base::as_text(*text))))
                heal("it has a new firmware: its services are read anew");
        };
        tasks_.push_front(std::move(task));
    }
    if (stays_)
        for (auto& subscription : subscriptions_)
            if (subscription->path.empty()) subscribe(*subscription);
    next();
}

// -- The end

void Session::reset() {
    ++life_;
    state_ = State::idle;
    path_.clear();
    alarm_.cancel();
    notify_wait_.cancel();
    parts_.agent.paired(address_);
    for (auto& its : subscriptions_) {
        its->path.clear();
        its->started = false;
        its->listening.reset();
        its->tries = 0;
    }
    for (auto& task : tasks_) task->running = false;
    parts_.slots.released(*this);
}

void Session::fail_attempt(Error why) {
    reset();
    ++failures_;
    answer_all(why);
    if (stays_ && !stopped_) {
        const auto pause = Milliseconds(1'000) * (1 << std::min(failures_ - 1, 6));
        const auto when =
            parts_.timers.now() + pause / 2 + std::chrono::duration_cast<Milliseconds>(pause / 2 * parts_.random.unit());
        retry_.set(std::max(when, refused_until_), [this] { begin(); });
    }
    owner_.session_failed(*this, why);
}

void Session::lost(const std::string& why) {
    const bool was_up = state_ == State::ready;
    owner_.session_says(*this, "lost: " + why);
    if (state_ == State::securing && pair_tried_)  // some say no by hanging up
        return pair_failed({Errc::unauthorized, fmt::format("pairing {}: {}", address_.str(), why)});
    // A read may be asked again; a write is never sent twice.
    std::vector<Got> cut;
    for (auto it = tasks_.begin(); it != tasks_.end();) {
        Task& task = **it;
        if (task.running && (task.writes || task.again || !task.done)) {
            if (task.done) cut.push_back(std::move(task.done));
            it = tasks_.erase(it);
            continue;
        }
        if (task.running) task.again = true;
        ++it;
    }
    const auto error = Error{Errc::timeout, fmt::format("{}: {}", address_.str(), why)};
    if (!was_up && !tasks_.empty() && tries_ >= most_tries) {
        for (auto& done : cut) done(tl::unexpected(error));
        return fail_attempt(error);
    }
    const auto tries = tries_;
    reset();
    for (auto& done : cut) done(tl::unexpected(error));
    arm_deadline();
    if (!was_up && !stays_ && tasks_.empty()) return owner_.session_failed(*this, error);
    const auto pause = was_up ? Milliseconds(200) : Milliseconds(500) * (1 << std::min(failures_++, 6));
    retry_.set(parts_.timers.now() + pause, [this, tries, was_up] {
        begin();
        if (!was_up && state_ != State::idle) tries_ += tries;
    });
}

void Session::rest() {
    if (state_ != State::ready || is_needed()) return;
    alarm_.set(parts_.timers.now() + linger, [this] {
        if (state_ == State::ready && !is_needed()) leave();
    });
}

void Session::leave() {
    state_ = State::leaving;
    owner_.session_says(*this, "disconnect");
    parts_.bus.call(path_, bluez::device, "Disconnect", {}, call_limit, guard([this](const auto&) {
                        reset();
                        begin();
                    }));
}

void Session::yield() {
    leave();
    // Behind those who wait; it comes back when it is its turn again.
}

bool Session::may_yield() const { return state_ == State::ready && tasks_.empty(); }

/// Throws away what bluetoothd knows of the device, and has it found anew. Once an hour, and never a bond that the profile
/// could not make again.
bool Session::heal(const std::string& why) {
    const auto* its = peer();
    const auto* radio = parts_.bluez.radio(radio_);
    if (its == nullptr || radio == nullptr) return false;
    if (healed_ && parts_.timers.now() - *healed_ < heal_again) return false;
    if (its->paired && settings_.pair.mode == Pairing::none) {
        once_.warn("bond", fmt::format("{}: {}; its bond was made by hand and is kept: bluetoothctl remove {}", address_.str(),
                                       why, address_.str()));
        return false;
    }
    healed_ = parts_.timers.now();
    base::log().info("{}: {}", address_.str(), why);
    ++life_;
    state_ = State::leaving;
    alarm_.cancel();
    parts_.bus.call(radio->path, bluez::adapter, "RemoveDevice", {ObjectPath{path_}}, call_limit, guard([this](const auto&) {
                        reset();
                        begin();
                    }));
    return true;
}

// -- What Bluez tells

void Session::service(bool up, const std::string& why) {
    if (up) {
        retry_.cancel();
        failures_ = 0;
        return begin();
    }
    reset();
    answer_all({Errc::timeout, why});  // it was under way: nobody knows
}

void Session::peer_changed(const Peer& its) {
    if (state_ == State::looking) return look();
    if (state_ == State::queued) return parts_.slots.again();
    if (state_ == State::idle) {
        if (stays_ && !retry_.is_set()) begin();
        return;
    }
    if (its.path != path_) return;
    if (its.connected) seen_connected_ = true;
    const bool dropped = seen_connected_ && !its.connected;
    if (state_ == State::resolving && dropped) {
        seen_connected_ = false;
        if (its.paired && ++unresolved_ >= 2 && heal("it seems to have lost its bond: it ends each connection at once")) return;
        return lost("the connection broke before its services were known");
    }
    if ((state_ == State::ready || state_ == State::securing) && dropped) return lost("the connection broke");
    check_resolved();
}

void Session::peer_gone(const Peer& its) {
    if (its.path == path_ && state_ >= State::resolving && state_ != State::leaving) lost("bluetoothd forgot it");
}

void Session::heard() {
    if (state_ == State::looking) return look();
    if (state_ == State::idle && stays_ && retry_.is_set() && failures_ > 2) {
        retry_.cancel();
        begin();
    }
}

}  // namespace adapters::ble
