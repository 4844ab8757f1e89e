#include "gateway/broker.hpp"

#include <algorithm>

namespace gateway {

using base::Errc;
using base::fail;
using base::Result;

namespace {

// How often a value is read back while a write or an `expect` waits for it.
constexpr std::chrono::milliseconds read_back_pause{50};

}  // namespace

struct Broker::Flight {
    std::vector<PointNumber> points;
    std::vector<std::function<void(std::vector<Result<void>>)>> waiting;
    WriteGuard::Stamp stamp = 0;
};

struct Broker::Writing {
    Writing(base::Timers& timers) : alarm(timers) {}
    DeviceIndex device = 0;
    PointNumber point = 0;
    adapters::Scalar value;
    base::Instant until{};
    Done<void> done;
    base::Timer alarm;
};

struct Broker::Acting {
    Acting(base::Timers& timers) : alarm(timers) {}
    DeviceIndex device = 0;
    const mapping::Action* action = nullptr;
    std::size_t next = 0;
    base::Instant deadline{}, expect_until{};
    Done<void> done;
    base::Timer alarm;
};

Broker::Broker(EndDevices& devices, ValueStore& store, Intake& intake, LinkHost& links, WriteGuard& guard, base::Timers& timers)
    : devices_(devices), store_(store), intake_(intake), links_(links), guard_(guard), timers_(timers) {}

bool Broker::fresh(DeviceIndex index, PointNumber number) const {
    const EndDevice& device = devices_.at(index);
    const auto& point = device.info->type->points[number];
    const Stored& stored = store_.at(device.first_reading + number);
    const bool known = stored.quality != mapping::Quality::never;
    if (!point.readable) return true;  // it comes by itself or not at all
    if (device.presence == Presence::offline) {
        // What is left of it is served, marked by 6042, as the profile says; else the link decides (5.03).
        return known && device.info->type->health.keep_value_offline;
    }
    if (!known || stored.expired) return false;
    if (point.max_age.count() == 0) return true;
    // A poll that is a little late must not turn each read into a request of its own.
    const auto grace = std::max<base::Milliseconds>(point.max_age / 4, base::Milliseconds{250});
    return timers_.now() - stored.heard <= point.max_age + grace;
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

void Broker::write(DeviceIndex index, PointNumber number, adapters::Scalar value, Done<void> done) {
    const EndDevice& device = devices_.at(index);
    const auto& point = device.info->type->points[number];
    auto writing = std::make_shared<Writing>(timers_);
    writing->device = index;
    writing->point = number;
    writing->value = value;
    writing->done = std::move(done);
    guard_.written(index, number);
    links_.driver(index).write(
        device.spec->number, point.index, std::move(value), timers_.now() + request_limit,
        [this, writing, verify_for = point.verify](Result<void> written) {
            guard_.written(writing->device, writing->point);
            answered(writing->device, {written ? Result<adapters::Scalar>(true) : tl::unexpected(written.error())});
            const EndDevice& its = devices_.at(writing->device);
            if (!written) {
                store_.expire(its.first_reading + writing->point);  // after a timeout nobody knows which value it has
                writing->done(written);
                return;
            }
            if (verify_for) {
                writing->until = timers_.now() + *verify_for;
                verify(writing);
                return;
            }
            // Accepted by the device: shown at once, and asked for again, since the device may have its own idea of it.
            intake_.value(writing->device, writing->point, writing->value, timers_.wall());
            if (its.info->type->points[writing->point].readable) {
                store_.expire(its.first_reading + writing->point);
                refresh(writing->device, {writing->point}, [](const auto&) {});
            }
            writing->done({});
        });
}

void Broker::verify(std::shared_ptr<Writing> writing) {
    const EndDevice& device = devices_.at(writing->device);
    const auto& point = device.info->type->points[writing->point];
    links_.driver(writing->device)
        .read(device.spec->number, {point.index}, timers_.now() + request_limit,
              [this, writing](adapters::Adapter::Values values) {
                  const EndDevice& its = devices_.at(writing->device);
                  const auto& name = its.info->type->points[writing->point].name;
                  const bool got = values.size() == 1 && values[0].has_value();
                  if (got) intake_.value(writing->device, writing->point, *values[0], timers_.wall());
                  if (got && mapping::same(*values[0], writing->value)) {
                      guard_.written(writing->device, writing->point);
                      writing->done({});
                      return;
                  }
                  if (timers_.now() + read_back_pause > writing->until) {
                      guard_.written(writing->device, writing->point);
                      if (got) {
                          writing->done(
                              fail(Errc::internal, fmt::format("'{}' was written, but still reads back another value", name)));
                      } else {
                          writing->done(tl::unexpected(base::in(fmt::format("reading '{}' back", name),
                                                                values.empty() ? base::Error{} : values[0].error())));
                      }
                      return;
                  }
                  writing->alarm.set(timers_.now() + read_back_pause, [this, keep = writing] { verify(keep); });
              });
}

void Broker::run(DeviceIndex index, const mapping::Action& action, Done<void> done) {
    Queued queued{&action, timers_.now() + request_limit, std::move(done)};
    const auto [running, idle] = acting_.try_emplace(index);
    if (idle) return act(index, std::move(queued));
    if (running->second.size() >= waiting_limit) {
        queued.done(
            fail(Errc::busy, fmt::format("{} actions wait for '{}' already", waiting_limit, devices_.at(index).spec->id)));
        return;
    }
    running->second.push_back(std::move(queued));
}

void Broker::act(DeviceIndex index, Queued queued) {
    auto acting = std::make_shared<Acting>(timers_);
    acting->device = index;
    acting->action = queued.action;
    acting->deadline = timers_.now() + std::max<base::Milliseconds>(queued.action->deadline, request_limit);
    acting->done = [this, index, done = std::move(queued.done)](Result<void> result) {
        done(std::move(result));
        act_next(index);
    };
    step(acting);
}

void Broker::act_next(DeviceIndex index) {
    std::vector<Queued> late;
    std::optional<Queued> next;
    for (auto& waiting = acting_[index]; !waiting.empty() && !next;) {
        if (waiting.front().until < timers_.now())
            late.push_back(std::move(waiting.front()));
        else
            next = std::move(waiting.front());
        waiting.pop_front();
    }
    if (!next) acting_.erase(index);
    for (auto& queued : late)
        queued.done(
            fail(Errc::timeout, fmt::format("action '{}': its turn came too late, nothing was sent", queued.action->name)));
    if (next) act(index, std::move(*next));
}

void Broker::step(std::shared_ptr<Acting> acting) {
    if (acting->next == acting->action->steps.size()) {
        acting->done({});
        return;
    }
    const auto& current = acting->action->steps[acting->next];
    const auto what = fmt::format("action '{}', step {}", acting->action->name, acting->next + 1);
    const EndDevice& device = devices_.at(acting->device);
    if (timers_.now() > acting->deadline) {
        acting->done(fail(Errc::timeout, what + ": out of time"));
        return;
    }
    if (const auto* write = std::get_if<mapping::WriteStep>(&current)) {
        links_.driver(acting->device)
            .write(device.spec->number, write->index, write->value, std::min(acting->deadline, timers_.now() + request_limit),
                   [this, acting, what](Result<void> written) {
                       answered(acting->device, {written ? Result<adapters::Scalar>(true) : tl::unexpected(written.error())});
                       if (!written) {
                           acting->done(tl::unexpected(base::in(what, written.error())));
                           return;
                       }
                       ++acting->next;
                       step(acting);
                   });
    } else if (const auto* wait = std::get_if<mapping::WaitStep>(&current)) {
        ++acting->next;
        acting->alarm.set(timers_.now() + wait->span, [this, keep = acting] { step(keep); });
    } else {
        const auto& expect = std::get<mapping::ExpectStep>(current);
        if (acting->expect_until == base::Instant{}) acting->expect_until = timers_.now() + expect.within;
        links_.driver(acting->device)
            .read(device.spec->number, {expect.index}, std::min(acting->deadline, timers_.now() + request_limit),
                  [this, acting, what, equals = expect.equals](adapters::Adapter::Values values) {
                      if (values.size() == 1 && values[0] && mapping::same(*values[0], equals)) {
                          acting->expect_until = {};
                          ++acting->next;
                          step(acting);
                      } else if (timers_.now() + read_back_pause > acting->expect_until) {
                          const bool got = values.size() == 1 && values[0].has_value();
                          acting->done(fail(got || values.empty() ? Errc::internal : values[0].error().code,
                                            what + ": the expected value did not come in time"));
                      } else {
                          acting->alarm.set(timers_.now() + read_back_pause, [this, keep = acting] { step(keep); });
                      }
                  });
    }
}

}  // namespace gateway
