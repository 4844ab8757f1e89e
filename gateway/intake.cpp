#include "gateway/intake.hpp"

#include <algorithm>

namespace gateway {

using mapping::Quality;

Intake::Intake(EndDevices& devices, ValueStore& store, base::Timers& timers, base::Random& random)
    : devices_(devices), store_(store), timers_(timers), random_(random) {}

bool Intake::value(DeviceIndex index, PointNumber number, const adapters::Scalar& raw, base::WallTime at) {
    return take(index, number, raw, at, Quality::good);
}

bool Intake::old_value(DeviceIndex index, PointNumber number, const adapters::Scalar& raw, base::WallTime at) {
    return take(index, number, raw, at, Quality::old);
}

bool Intake::take(DeviceIndex index, PointNumber number, const adapters::Scalar& raw, base::WallTime at, Quality best) {
    const auto& type = *devices_.at(index).info->type;
    if (!mapping::Evaluator::needed(type)) {
        auto reading = type.points[number].conversion.read(raw);
        if (!reading) return strange(index, number, reading.error());
        reading->quality = std::min(reading->quality, best);
        keep(index, number, std::move(*reading), at);
        return true;
    }
    auto& its = worker(index);
    its.at = at;
    mapping::Evaluator::Outcomes outcomes;
    outcomes.swap(outcomes_);
    const auto fed = its.evaluator.feed(number, raw, outcomes);
    for (auto& [point, reading] : outcomes) {
        reading.quality = std::min(reading.quality, best);
        keep(index, point, std::move(reading), at);
    }
    outcomes.clear();
    outcomes_.swap(outcomes);
    return fed ? true : strange(index, number, fed.error());
}

void Intake::settle(DeviceIndex index) {
    if (workers_.empty()) return;
    const auto found = workers_.find(index);
    if (found == workers_.end() || !found->second.evaluator.waiting()) return;
    const auto at = found->second.at;
    mapping::Evaluator::Outcomes outcomes;
    outcomes.swap(outcomes_);
    found->second.evaluator.settle(outcomes);
    for (auto& [point, reading] : outcomes) keep(index, point, std::move(reading), at);
    outcomes.clear();
    outcomes_.swap(outcomes);
}

Intake::Worker& Intake::worker(DeviceIndex index) {
    const auto& type = devices_.at(index).info->type;
    const auto found = workers_.find(index);
    if (found != workers_.end() && found->second.evaluator.type() == type) return found->second;
    return workers_.insert_or_assign(index, Worker{mapping::Evaluator(type), {}}).first->second;
}

base::Result<adapters::Scalar> Intake::raw(DeviceIndex index, PointNumber number, const lwm2m::Value& value) {
    const auto& point = devices_.at(index).info->type->points[number];
    return point.formula ? worker(index).evaluator.write(number, value) : point.conversion.write(value);
}

void Intake::written(DeviceIndex index, PointNumber number, const adapters::Scalar& raw, base::WallTime at) {
    value(index, number, devices_.at(index).info->type->points[number].conversion.as_read(raw), at);
    settle(index);
}

bool Intake::strange(DeviceIndex index, PointNumber number, const base::Error& error) {
    const EndDevice& device = devices_.at(index);
    const auto& point = device.info->type->points[number];
    strange_.warn(fmt::format("{}/{}", device.info->type->profile, point.name),
                  fmt::format("device '{}', point '{}': {}; check the profile", device.spec->id, point.name, error.message));
    return false;
}

void Intake::keep(DeviceIndex index, PointNumber number, mapping::Reading reading, base::WallTime at) {
    const EndDevice& device = devices_.at(index);
    const std::uint32_t place = device.first_reading + number;
    if (reading.quality == Quality::rejected) reading.value = store_.at(place).value;  // the last good one stays, marked
    News news;
    if (reading.quality == Quality::good && device.info->extremes_slot[number] != no_slot)
        if (const auto measured = lwm2m::numeric(reading.value)) {
            const auto moved = store_.widen(device.first_extreme + device.info->extremes_slot[number], *measured);
            news.least = moved.least;
            news.most = moved.most;
        }
    const auto change = store_.put(place, std::move(reading), at, timers_.now());
    news.value = change.value;
    news.quality = change.quality;
    if (on_value) on_value(index, number, news);
}

Quality Intake::told(const Stored& stored, Presence presence) {
    if (stored.quality != Quality::good) return stored.quality;
    switch (presence) {
        case Presence::online: return Quality::good;
        case Presence::unknown:
        case Presence::late: return Quality::old;
        case Presence::offline: return Quality::rejected;
    }
    return Quality::never;
}

Quality Intake::quality(DeviceIndex index, PointNumber number) const {
    const EndDevice& device = devices_.at(index);
    return told(store_.at(device.first_reading + number), device.presence);
}

void Intake::heard(DeviceIndex index) {
    settle(index);
    EndDevice& device = devices_.at(index);
    device.heard = timers_.now();
    device.misses = 0;
    device.backoff = {};
    if (device.is_denied()) return;  // a witness says that it is away: what came was on its way
    become(index, Presence::online, "it answers");
}

void Intake::missed(DeviceIndex index, const std::string& why) {
    EndDevice& device = devices_.at(index);
    if (device.misses < 0xFFFF) ++device.misses;
    if (device.misses < device.info->type->health.misses && device.presence != Presence::offline) {
        if (device.presence == Presence::online) become(index, Presence::late, why);
        return;
    }
    rest(device);
    become(index, Presence::offline, fmt::format("{}, {} of {}", why, device.misses, device.info->type->health.misses));
}

void Intake::link_lost(DeviceIndex index, const std::string& why) {
    EndDevice& device = devices_.at(index);
    device.next_try = timers_.now();  // asked again as soon as the link is back
    become(index, Presence::offline, why);
}

void Intake::hidden(DeviceIndex index, const std::string& why) {
    hidden_.insert(index);
    if (devices_.at(index).presence == Presence::online) become(index, Presence::late, why);
}

void Intake::seen_again(DeviceIndex index) {
    if (hidden_.erase(index) > 0) devices_.at(index).heard = timers_.now();  // its silence begins anew
}

void Intake::rest(EndDevice& device) {
    const auto& health = device.info->type->health;
    device.backoff = device.backoff.count() == 0 ? health.retry_first : std::min(device.backoff * 2, health.retry_max);
    // Up to a quarter more, so that devices that went together do not come back together.
    const auto jitter = std::chrono::duration_cast<base::Milliseconds>(device.backoff * (random_.unit() * 0.25));
    device.next_try = timers_.now() + device.backoff + jitter;
}

void Intake::become(DeviceIndex index, Presence presence, const std::string& why) {
    EndDevice& device = devices_.at(index);
    const Presence before = device.presence;
    if (before == presence) return;
    device.presence = presence;
    if (presence == Presence::offline) {
        base::log().warn("device '{}' offline: {}", device.spec->id, base::printable(why));
    } else if (presence == Presence::online && before == Presence::offline) {
        base::log().info("device '{}' online", device.spec->id);
    } else {
        base::log().debug("device '{}' {}: {}", device.spec->id, name(presence), base::printable(why));
    }
    if (on_presence) on_presence(index, before);
}

}  // namespace gateway
