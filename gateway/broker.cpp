#include "gateway/broker.hpp"

#include <algorithm>
#include <cmath>

namespace gateway {

using base::Errc;
using base::fail;
using base::Result;

namespace {

// How often a value is read back while a write or an `expect` waits for it.
constexpr std::chrono::milliseconds read_back_pause{50};

/// As a server would compare them: what a device keeps as float32 is what was written.
bool alike(const lwm2m::Value& a, const lwm2m::Value& b) {
    const auto x = lwm2m::numeric(a), y = lwm2m::numeric(b);
    if (x && y) return std::abs(*x - *y) <= 1e-6 * std::max(std::abs(*x), std::abs(*y));
    return a == b;
}

}  // namespace

struct Broker::Flight {
    std::vector<PointNumber> points;
    std::vector<std::function<void(std::vector<Result<void>>)>> waiting;
    WriteGuard::Stamp stamp = 0;
};

struct Broker::Writing {
    explicit Writing(base::Timers& timers) : alarm(timers) {}
    DeviceIndex device = 0;
    PointNumber point = 0;
    adapters::Scalar raw;
    lwm2m::Value value;
    unsigned tries = 1;
    base::Instant until{};       // of reading back
    base::Instant keep_until{};  // of waiting for the device
    Done<void> done;             // null: answered
    base::Timer alarm;
};

struct Broker::Kept {
    explicit Kept(base::Timers& timers) : alarm(timers) {}
    std::shared_ptr<Writing> writing;
    base::Timer alarm;
};

struct Broker::Acting {
    explicit Acting(base::Timers& timers) : alarm(timers) {}
    DeviceIndex device = 0;
    std::uint16_t action = 0;
    std::vector<mapping::Step> steps;
    std::size_t next = 0;
    base::Instant deadline{}, expect_until{};
    Done<void> done;  // null: answered
    base::Timer alarm;
};

Broker::Broker(EndDevices& devices, ValueStore& store, Intake& intake, LinkHost& links, WriteGuard& guard, base::Timers& timers)
    : devices_(devices), store_(store), intake_(intake), links_(links), guard_(guard), timers_(timers) {}

// ---- reads

bool Broker::fresh_itself(const EndDevice& device, PointNumber number, base::Milliseconds max_age) const {
    const auto& point = device.info->type->points[number];
    if (!point.readable) return true;  // it comes by itself or not at all
    const Stored& stored = store_.at(device.first_reading + number);
    const bool known = stored.quality != mapping::Quality::never;
    if (device.presence == Presence::offline) {
        // What is left of it is served, marked by 6042, as the profile says; else the link decides (5.03).
        return known && device.info->type->health.keep_value_offline;
    }
    if (!known || stored.expired) return false;
    if (max_age.count() == 0) return true;
    // A poll that is a little late must not turn each read into a request of its own.
    const auto grace = std::max<base::Milliseconds>(max_age / 4, base::Milliseconds{250});
    return timers_.now() - stored.heard <= max_age + grace;
}

bool Broker::fresh(DeviceIndex index, PointNumber number) const {
    const EndDevice& device = devices_.at(index);
    const auto& point = device.info->type->points[number];
    if (point.index != mapping::no_index && !fresh_itself(device, number, point.max_age)) return false;
    for (const auto input : point.inputs)
        if (!fresh_itself(device, input, device.info->type->points[input].max_age)) return false;
    return true;
}

void Broker::stale(DeviceIndex index, PointNumber number, std::vector<PointNumber>& wanted) const {
    const EndDevice& device = devices_.at(index);
    const auto& point = device.info->type->points[number];
    if (point.index != mapping::no_index && !fresh_itself(device, number, point.max_age)) wanted.push_back(number);
    for (const auto input : point.inputs)
        if (!fresh_itself(device, input, device.info->type->points[input].max_age)) wanted.push_back(input);
}

void Broker::refresh(DeviceIndex index, std::vector<PointNumber> points, std::function<void(std::vector<Result<void>>)> done) {
    auto& flights = flights_[index];
    for (auto& flight : flights) {
        // Joins an equal read that is under way, unless something was written since it was asked for.
        if (flight->points == points && flight->stamp == guard_.stamp() && flight->waiting.size() < waiting_limit) {
            flight->waiting.push_back(std::move(done));
            return;
        }
    }
    if (flights.size() >= waiting_limit) {
        done({points.size(),
              fail(Errc::busy, fmt::format("{} reads wait for '{}' already", flights.size(), devices_.at(index).spec->id))});
        return;
    }
    const EndDevice& device = devices_.at(index);
    std::vector<adapters::PointIndex> indices;
    for (const PointNumber p : points) indices.push_back(device.info->type->points[p].index);
    auto flight = std::make_shared<Flight>(Flight{std::move(points), {}, guard_.stamp()});
    flight->waiting.push_back(std::move(done));
    flights.push_back(flight);
    links_.driver(index).read(
        device.spec->number, std::move(indices), timers_.now() + request_limit,
        [this, index, flight](adapters::Adapter::Values values) {
            std::vector<Result<void>> results;
            const auto wall = timers_.wall();
            for (std::size_t i = 0; i < flight->points.size(); ++i) {
                if (i >= values.size()) {
                    results.push_back(fail(Errc::internal, "the adapter gave no answer for this point"));
                } else if (!values[i]) {
                    results.push_back(tl::unexpected(values[i].error()));
                } else if (guard_.fresh(index, flight->points[i], flight->stamp) &&
                           !intake_.value(index, flight->points[i], *values[i], wall)) {
                    results.push_back(fail(Errc::malformed, "the device's value cannot be what the profile says"));
                } else {
                    results.push_back({});
                }
            }
            answered(index, values);
            links_.note(index, flight->points, values);
            flights_[index].remove(flight);
            if (flights_[index].empty()) flights_.erase(index);
            for (auto& waiting : flight->waiting) waiting(results);
        });
}

void Broker::answered(DeviceIndex index, const adapters::Adapter::Values& values) {
    switch (witness_of(values)) {
        case Witness::heard: {
            const bool was_away = devices_.at(index).presence == Presence::offline;
            intake_.heard(index);
            if (was_away) links_.came_back(index);
            break;
        }
        case Witness::missed: intake_.missed(index, why_of(values)); break;
        case Witness::link_away: break;  // the sink tells it
    }
}

// ---- writes

const mapping::PointSpec& Broker::point_of(const Writing& writing) const {
    return devices_.at(writing.device).info->type->points[writing.point];
}

void Broker::write(DeviceIndex index, PointNumber number, adapters::Scalar raw, const lwm2m::Value& value, Done<void> done) {
    auto writing = std::make_shared<Writing>(timers_);
    writing->device = index;
    writing->point = number;
    writing->raw = std::move(raw);
    writing->value = value;
    writing->done = std::move(done);
    const auto& point = point_of(*writing);
    writing->tries = std::max(point.tries, 1U);
    if (point.keep) writing->keep_until = timers_.now() + *point.keep;
    if (point.keep) {
        // A newer value for the point takes the place of one that waits, also when the device is back by now.
        if (const auto older = kept_.find({index, number}); older != kept_.end()) {
            const auto its = older->second->writing;
            kept_.erase(older);
            finish(its, fail(Errc::busy, "a newer value was written before the device came back"));
        }
        if (devices_.at(index).presence == Presence::offline || !links_.available(index)) return keep(writing, *point.keep);
    } else if (const auto up = links_.available(index); !up) {
        return finish(writing, up);
    }
    send(writing);
}

void Broker::keep(std::shared_ptr<Writing> writing, base::Milliseconds span) {
    if (kept_.size() >= kept_limit)
        return finish(writing, fail(Errc::busy, fmt::format("{} writes wait for devices that are away", kept_.size())));
    const PointKey key{writing->device, writing->point};
    auto kept = std::make_shared<Kept>(timers_);
    kept->writing = std::move(writing);
    kept->alarm.set(timers_.now() + span, [this, key] {
        const auto found = kept_.find(key);
        const auto its = found->second->writing;
        kept_.erase(found);
        finish(its, fail(Errc::offline,
                         fmt::format("'{}' did not come back in time, nothing was written", devices_.at(key.first).spec->id)));
    });
    kept_[key] = std::move(kept);
    links_.probe(key.first);  // not at the pace of one that nobody waits for
}

void Broker::presence_changed(DeviceIndex index) {
    if (kept_.empty() || devices_.at(index).presence != Presence::online) return;
    std::vector<std::shared_ptr<Writing>> ready;
    for (auto it = kept_.lower_bound({index, 0}); it != kept_.end() && it->first.first == index; it = kept_.erase(it))
        ready.push_back(it->second->writing);
    for (auto& writing : ready) send(std::move(writing));
}

void Broker::send(std::shared_ptr<Writing> writing) {
    const DeviceIndex index = writing->device;
    const auto& point = point_of(*writing);
    --writing->tries;
    writing_.emplace(index, writing);
    guard_.written(index, writing->point);
    links_.driver(index).write(
        devices_.at(index).spec->number, point.write_index, writing->raw, timers_.now() + request_limit,
        [this, writing](Result<void> written) {
            if (!writing->done) return;
            guard_.written(writing->device, writing->point);
            answered(writing->device, {written ? Result<adapters::Scalar>(true) : tl::unexpected(written.error())});
            const EndDevice& its = devices_.at(writing->device);
            const auto& point_written = point_of(*writing);
            if (!written) {
                store_.expire(its.first_reading + writing->point);  // after a timeout nobody knows which value it has
                const auto now = timers_.now();
                if (written.error().code == Errc::offline && now < writing->keep_until) {  // nothing has left
                    unlist(writing);
                    ++writing->tries;
                    keep(writing, std::chrono::ceil<base::Milliseconds>(writing->keep_until - now));
                    return;
                }
                finish(writing, written);
                return;
            }
            if (point_written.verify) {
                writing->until = timers_.now() + *point_written.verify;
                verify(writing);
                return;
            }
            // Accepted by the device: shown at once, and asked for again, since the device may have its own idea of it.
            if (point_written.write_index == point_written.index)
                intake_.written(writing->device, writing->point, writing->raw, timers_.wall());
            std::vector<PointNumber> again;
            if (point_written.readable && point_written.index != mapping::no_index) again.push_back(writing->point);
            if (point_written.write_index != point_written.index)
                again.insert(again.end(), point_written.inputs.begin(), point_written.inputs.end());
            for (const PointNumber p : again) store_.expire(its.first_reading + p);
            const DeviceIndex device = writing->device;
            finish(writing, {});
            if (!again.empty()) refresh(device, std::move(again), [](const auto&) {});
        });
}

// What was written to the register that is read must be in it; what was written elsewhere must show in the reading.
void Broker::verify(std::shared_ptr<Writing> writing) {
    const auto& point = point_of(*writing);
    const DeviceIndex index = writing->device;
    if (point.write_index == point.index) {
        links_.driver(index).read(devices_.at(index).spec->number, {point.index}, timers_.now() + request_limit,
                                  [this, writing](adapters::Adapter::Values values) {
                                      if (!writing->done) return;
                                      const bool got = values.size() == 1 && values[0].has_value();
                                      const bool same = got && point_of(*writing).conversion.shows(*values[0], writing->raw);
                                      // Unless it was written again meanwhile, this is what a server sees from now on.
                                      if (got && intake_.value(writing->device, writing->point, *values[0], timers_.wall()))
                                          intake_.settle(writing->device);
                                      check(writing, same, got || values.empty() ? nullptr : &values[0].error());
                                  });
        return;
    }
    std::vector<PointNumber> its(point.inputs.begin(), point.inputs.end());
    if (point.index != mapping::no_index) its.push_back(writing->point);
    refresh(index, std::move(its), [this, writing](const std::vector<Result<void>>& results) {
        if (!writing->done) return;
        const auto bad = std::find_if(results.begin(), results.end(), [](const auto& r) { return !r; });
        const auto& shown = store_.at(devices_.at(writing->device).first_reading + writing->point).value;
        check(writing, alike(shown, writing->value), bad == results.end() ? nullptr : &bad->error());
    });
}

void Broker::check(const std::shared_ptr<Writing>& writing, bool same, const base::Error* error) {
    if (same && error == nullptr) {
        guard_.written(writing->device, writing->point);
        return finish(writing, {});
    }
    if (timers_.now() + read_back_pause <= writing->until) {
        writing->alarm.set(timers_.now() + read_back_pause, [this, its = std::weak_ptr(writing)] {
            if (const auto still = its.lock()) verify(still);
        });
        return;
    }
    guard_.written(writing->device, writing->point);
    const auto& name = point_of(*writing).name;
    if (error == nullptr && writing->tries > 0) {
        unlist(writing);
        return send(writing);
    }
    if (error == nullptr)
        return finish(writing, fail(Errc::internal, fmt::format("'{}' was written, but still reads back another value", name)));
    finish(writing, tl::unexpected(base::in(fmt::format("reading '{}' back", name), *error)));
}

void Broker::unlist(const std::shared_ptr<Writing>& writing) {
    const auto [first, last] = writing_.equal_range(writing->device);
    const auto found = std::find_if(first, last, [&](const auto& entry) { return entry.second == writing; });
    if (found != last) writing_.erase(found);
}

void Broker::finish(const std::shared_ptr<Writing>& writing, Result<void> result) {
    const auto keep_alive = writing;
    writing->alarm.cancel();
    unlist(writing);
    if (!result)
        links_.troubles().tell(writing->device, Troubles::Of::point, writing->point, "write: " + result.error().message,
                               timers_.wall());
    if (const auto done = std::exchange(keep_alive->done, nullptr)) done(std::move(result));
}

// ---- actions

void Broker::run(DeviceIndex index, std::uint16_t action, std::vector<mapping::Step> steps, Done<void> done) {
    Queued queued{action, std::move(steps), timers_.now() + request_limit, std::move(done)};
    if (!acting_.contains(index)) return act(index, std::move(queued));
    auto& waiting = queued_[index];
    if (waiting.size() >= waiting_limit) {
        queued.done(
            fail(Errc::busy, fmt::format("{} actions wait for '{}' already", waiting_limit, devices_.at(index).spec->id)));
        return;
    }
    waiting.push_back(std::move(queued));
}

void Broker::act(DeviceIndex index, Queued queued) {
    auto acting = std::make_shared<Acting>(timers_);
    acting->device = index;
    acting->action = queued.action;
    acting->steps = std::move(queued.steps);
    const auto& action = devices_.at(index).info->type->actions[queued.action];
    acting->deadline = timers_.now() + std::max<base::Milliseconds>(action.deadline, request_limit);
    acting->done = std::move(queued.done);
    acting_[index] = acting;
    step(std::move(acting));
}

void Broker::end(const std::shared_ptr<Acting>& acting, Result<void> result) {
    const auto keep_alive = acting;
    const DeviceIndex index = acting->device;
    acting->alarm.cancel();
    if (!result) links_.troubles().tell(index, Troubles::Of::action, acting->action, result.error().message, timers_.wall());
    if (const auto done = std::exchange(keep_alive->done, nullptr)) done(std::move(result));
    act_next(index);
}

void Broker::act_next(DeviceIndex index) {
    std::vector<Queued> late;
    std::optional<Queued> next;
    if (const auto found = queued_.find(index); found != queued_.end()) {
        for (auto& waiting = found->second; !waiting.empty() && !next;) {
            if (waiting.front().until < timers_.now())
                late.push_back(std::move(waiting.front()));
            else
                next = std::move(waiting.front());
            waiting.pop_front();
        }
        if (found->second.empty()) queued_.erase(found);
    }
    if (!next) acting_.erase(index);
    for (auto& queued : late)
        queued.done(fail(Errc::timeout, fmt::format("action '{}': its turn came too late, nothing was sent",
                                                    devices_.at(index).info->type->actions[queued.action].name)));
    if (next) act(index, std::move(*next));
}

void Broker::step_after(const std::shared_ptr<Acting>& acting, base::Milliseconds span) {
    acting->alarm.set(timers_.now() + span, [this, its = std::weak_ptr(acting)] {
        if (const auto still = its.lock()) step(still);
    });
}

void Broker::step(std::shared_ptr<Acting> acting) {
    if (acting->next == acting->steps.size()) return end(acting, {});
    const EndDevice& device = devices_.at(acting->device);
    const auto& current = acting->steps[acting->next];
    const auto what = fmt::format("action '{}', step {}", device.info->type->actions[acting->action].name, acting->next + 1);
    if (timers_.now() > acting->deadline) return end(acting, fail(Errc::timeout, what + ": out of time"));
    if (const auto* write = std::get_if<mapping::WriteStep>(&current)) {
        links_.driver(acting->device)
            .write(device.spec->number, write->index, write->value, std::min(acting->deadline, timers_.now() + request_limit),
                   [this, acting, what](Result<void> written) {
                       if (!acting->done) return;
                       answered(acting->device, {written ? Result<adapters::Scalar>(true) : tl::unexpected(written.error())});
                       if (!written) return end(acting, tl::unexpected(base::in(what, written.error())));
                       ++acting->next;
                       step(acting);
                   });
    } else if (const auto* wait = std::get_if<mapping::WaitStep>(&current)) {
        ++acting->next;
        step_after(acting, wait->span);
    } else {
        const auto& expect = std::get<mapping::ExpectStep>(current);
        if (acting->expect_until == base::Instant{}) acting->expect_until = timers_.now() + expect.within;
        links_.driver(acting->device)
            .read(device.spec->number, {expect.index}, std::min(acting->deadline, timers_.now() + request_limit),
                  [this, acting, what, equals = expect.equals](adapters::Adapter::Values values) {
                      if (!acting->done) return;
                      const bool got = values.size() == 1 && values[0].has_value();
                      if (got && mapping::same(*values[0], equals)) {
                          acting->expect_until = {};
                          ++acting->next;
                          step(acting);
                      } else if (timers_.now() + read_back_pause > acting->expect_until) {
                          end(acting, fail(got || values.empty() ? Errc::internal : values[0].error().code,
                                           what + ": the expected value did not come in time"));
                      } else {
                          step_after(acting, read_back_pause);
                      }
                  });
    }
}

// ---- leaving

void Broker::drop(DeviceIndex index, const base::Error& why) {
    for (auto it = kept_.lower_bound({index, 0}); it != kept_.end() && it->first.first == index;) {
        const auto its = it->second->writing;
        it = kept_.erase(it);
        finish(its, tl::unexpected(why));
    }
    while (!writing_.empty()) {
        const auto found = writing_.find(index);
        if (found == writing_.end()) break;
        finish(std::shared_ptr(found->second), tl::unexpected(why));
    }
    if (const auto waiting = queued_.find(index); waiting != queued_.end()) {
        auto all = std::move(waiting->second);
        queued_.erase(waiting);
        for (auto& queued : all) queued.done(tl::unexpected(why));
    }
    if (const auto acting = acting_.find(index); acting != acting_.end())
        end(std::shared_ptr(acting->second), tl::unexpected(why));
    if (const auto flights = flights_.find(index); flights != flights_.end()) {
        // What the link's end has not answered is answered here; a late answer finds nobody.
        auto all = std::move(flights->second);
        flights_.erase(flights);
        for (auto& flight : all) {
            auto waiting = std::move(flight->waiting);
            flight->waiting.clear();
            for (auto& its : waiting) its({flight->points.size(), tl::unexpected(why)});
        }
    }
}

}  // namespace gateway
