// Of a connection that stands: reads and writes one after the other, and subscriptions.
#include "adapters/ble/session.hpp"

#include <algorithm>

namespace adapters::ble {

using base::Bytes;
using base::Errc;
using base::Error;
using base::fail;

// -- Reads and writes

void Session::next() {
    if (state_ != State::ready) return;
    if (tasks_.empty()) return rest();
    alarm_.cancel();
    Task& task = *tasks_.front();
    if (task.running) return;
    const auto* attribute = parts_.bluez.attribute(path_, task.at);
    if (attribute == nullptr) return missing();
    run(task, *attribute);
}

void Session::run(Task& task, const Attribute& attribute) {
    task.running = true;
    if (!task.writes && !attribute.can("read") && (attribute.can("notify") || attribute.can("indicate"))) {
        // Its value can only be waited for.
        auto found =
            std::find_if(subscriptions_.begin(), subscriptions_.end(), [&](const auto& its) { return its->at == task.at; });
        if (found == subscriptions_.end()) {
            subscriptions_.push_back(std::make_unique<Subscription>());
            subscriptions_.back()->at = task.at;
            found = std::prev(subscriptions_.end());
        }
        if ((*found)->path.empty()) subscribe(**found);
        notify_wait_.set(parts_.timers.now() + notify_limit, [this] {
            if (!tasks_.empty() && tasks_.front()->running)
                finish(fail(Errc::timeout, fmt::format("{}: nothing was notified", doing(*tasks_.front()))));
        });
        return;
    }
    auto reply = guard([this](Answered<std::vector<Value>> answer) { ran(std::move(answer)); });
    if (!task.writes) {
        parts_.bus.call(attribute.path, bluez::characteristic, "ReadValue", {Dict{}}, answer_limit, std::move(reply));
        return;
    }
    const bool request = task.response && attribute.can("write");
    if (!request && attribute.mtu > 3 && task.bytes.size() > attribute.mtu - 3U)
        return finish(fail(Errc::bad_request, fmt::format("{}: {} bytes do not fit into a write without response ({})",
                                                          doing(task), task.bytes.size(), attribute.mtu - 3)));
    parts_.bus.call(attribute.path, bluez::characteristic, "WriteValue",
                    {task.bytes, Dict{{"type", request ? "request" : "command"}}}, answer_limit, std::move(reply));
}

void Session::ran(Answered<std::vector<Value>> answer) {
    if (tasks_.empty() || !tasks_.front()->running) return;
    Task& task = *tasks_.front();
    if (answer) {
        Bytes bytes;
        if (!answer->empty())
            if (const auto* got = answer->front().as<Bytes>()) bytes = *got;
        if (bytes.size() > longest_value) return finish(fail(Errc::malformed, doing(task) + ": longer than a value can be"));
        return finish(std::move(bytes));
    }
    const Failure failure = answer.error();
    if (failure.name == failures::disconnected) return;  // told by service()
    if (is_gone(failure) && !task.again) {               // its services changed: other paths now
        task.running = false;
        task.again = true;
        refreshed_ = false;
        return missing();
    }
    if (wants_pairing(failure)) {
        const auto* its = peer();
        if (settings_.pair.mode != Pairing::none && its != nullptr && !task.again) {
            task.running = false;
            task.again = true;
            if (!its->paired && !pair_tried_) return pair();
            if (its->paired && heal("its bond is of no use any more: it is paired anew")) return;
        }
        auto error = error_of(failure, doing(task));
        error.message += settings_.pair.mode == Pairing::none
                             ? "; it wants to be paired: write pair: into its profile"
                             : "; its bond is of no use: is it paired with another, or was it reset?";
        return finish(tl::unexpected(std::move(error)));
    }
    if (is_cut(failure)) {
        const auto* its = peer();
        // No answer, and bluetoothd takes it for connected: the bearer is dead and only we can end it.
        if (its != nullptr && its->connected && failure.text.find("Not connected") == std::string::npos) disconnect_quietly();
        auto error = error_of(failure, doing(task));
        if (task.writes) {
            const auto done = std::exchange(task.done, nullptr);
            task.running = false;
            tasks_.pop_front();
            if (done) done(tl::unexpected(std::move(error)));
        }
        if (state_ == State::ready) lost(failure.name == failures::no_reply ? "it answers no more" : "the connection broke");
        return;
    }
    finish(tl::unexpected(error_of(failure, doing(task))));
}

void Session::finish(Result<Bytes> result) {
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    notify_wait_.cancel();
    arm_deadline();
    if (task->done)
        task->done(std::move(result));
    else if (result && !task->writes)
        owner_.session_late(*this, task->at, *result);
    next();
}

/// The characteristic is not in the tree: asked once more, then its services are taken for stale, then it has none such.
void Session::missing() {
    state_ = State::securing;
    const auto go_on = [this] {
        state_ = State::ready;
        next();
    };
    if (!std::exchange(refreshed_, true)) {
        parts_.bluez.refresh([this, go_on, life = life_, alive = std::weak_ptr(alive_)](bool) {
            if (alive.expired() || life != life_ || state_ != State::securing) return;
            // Additions may still be under way.
            alarm_.set(parts_.timers.now() + Milliseconds(500), go_on);
        });
        return;
    }
    state_ = State::ready;
    const auto* its = peer();
    const bool known = its != nullptr && std::find(its->known.services.begin(), its->known.services.end(),
                                                   tasks_.front()->at.service) != its->known.services.end();
    if (!known && heal(fmt::format("it has no {}: its services are read anew", tasks_.front()->at.text()))) return;
    finish(fail(Errc::not_found, fmt::format("{} has no characteristic {}", address_.str(), tasks_.front()->at.text())));
}

// -- Subscriptions

void Session::subscribe(Subscription& its) {
    const auto* attribute = parts_.bluez.attribute(path_, its.at);
    if (attribute == nullptr || !(attribute->can("notify") || attribute->can("indicate"))) {
        if (attribute == nullptr && its.tries < 3) return resubscribe(its);
        once_.warn(its.at.text(), fmt::format("{}: {} does not notify", address_.str(), its.at.text()));
        return;
    }
    its.path = attribute->path;
    if (!attribute->acquires) return subscribe_plainly(its);
    parts_.bus.call(its.path, bluez::characteristic, "AcquireNotify", {Dict{}}, answer_limit,
                    guard([this, &its](Answered<std::vector<Value>> answer) {
                        const auto* descriptor = answer && !answer->empty() ? answer->front().as<SharedDescriptor>() : nullptr;
                        if (descriptor == nullptr) {
                            if (!answer && answer.error().name == failures::disconnected) return;
                            return subscribe_plainly(its);
                        }
                        its.tries = 0;
                        its.listening = parts_.bus.listen(
                            *descriptor, [this, &its](const Bytes& value) { took(its, value); },
                            [this, &its] {
                                // It ends with the connection, which is told by itself; else it is taken up again.
                                parts_.timers.at(parts_.timers.now(),
                                                 [this, &its, life = life_, alive = std::weak_ptr(alive_)] {
                                                     if (alive.expired() || life != life_) return;
                                                     its.listening.reset();
                                                     resubscribe(its);
                                                 });
                            });
                    }));
}

void Session::subscribe_plainly(Subscription& its) {
    its.started = true;  // before the call: the first values may come before its reply
    parts_.bus.call(
        its.path, bluez::characteristic, "StartNotify", {}, answer_limit,
        guard([this, &its](const Answered<std::vector<Value>>& answer) {
            if (answer) {
                its.tries = 0;
                return;
            }
            its.started = false;
            if (answer.error().name == failures::disconnected) return;
            if (wants_pairing(answer.error()) && settings_.pair.mode != Pairing::none && !pair_tried_) return pair();
            if (its.tries < 3 && !wants_pairing(answer.error())) return resubscribe(its);
            once_.warn(its.at.text(),
                       error_of(answer.error(), fmt::format("subscribing to {} of {}", its.at.text(), address_.str())).message);
        }));
}

void Session::resubscribe(Subscription& its) {
    its.path.clear();
    const auto pause = Milliseconds(1'000) * (1 << std::min(its.tries++, 5));
    parts_.timers.at(parts_.timers.now() + pause, [this, &its, life = life_, alive = std::weak_ptr(alive_)] {
        if (!alive.expired() && life == life_ && state_ == State::ready && its.path.empty()) subscribe(its);
    });
}

void Session::took(Subscription& its, const Bytes& value) {
    if (value.size() > longest_value) return;
    owner_.session_notified(*this, its.at, value);
    if (state_ != State::ready || tasks_.empty()) return;
    const Task& task = *tasks_.front();
    if (task.running && notify_wait_.is_set() && task.at == its.at) finish(value);
}

void Session::notified(const std::string& path, const Bytes& value) {
    for (auto& its : subscriptions_)
        if (its->started && its->path == path) return took(*its, value);
}

}  // namespace adapters::ble
