#include "gateway/poll_scheduler.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace gateway {

namespace {

/// After an unanswered probe the living have the link for this many times as long.
constexpr int probe_rest = 9;
constexpr double load_memory = 30.0;  // seconds

double seconds(base::Instant::duration span) { return std::chrono::duration<double>(span).count(); }

}  // namespace

PollScheduler::PollScheduler(const EndDevices& devices, const std::vector<DeviceIndex>& its, base::Instant start)
    : devices_(devices), probe_after_(start), load_at_(start) {
    std::map<base::Milliseconds, std::vector<std::uint32_t>> alike;
    first_slot_.reserve(its.size());
    for (const DeviceIndex d : its) {
        first_slot_[d] = static_cast<std::uint32_t>(slots_.size());
        const auto& groups = devices.at(d).info->groups;
        for (std::size_t g = 0; g < groups.size(); ++g) {
            alike[groups[g].period].push_back(static_cast<std::uint32_t>(slots_.size()));
            slots_.push_back({d, static_cast<std::uint16_t>(g), false, false, start, start});
        }
    }
    for (const auto& [period, slots] : alike)
        for (std::size_t k = 0; k < slots.size(); ++k)
            slots_[slots[k]].phase = start + std::chrono::duration_cast<base::Instant::duration>(period) * static_cast<int>(k) /
                                                 static_cast<int>(slots.size());
    for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) plan(slot, start);
}

void PollScheduler::plan(std::uint32_t slot, base::Instant when) {
    slots_[slot].planned = when;
    slots_[slot].resting = false;
    if (when != base::Instant::max()) due_.push({when, slot});
}

void PollScheduler::rest(std::uint32_t slot) {
    Slot& s = slots_[slot];
    if (s.group != 0) return plan(slot, base::Instant::max());  // until the device is back
    s.planned = devices_.at(s.device).next_try;
    s.resting = true;
    resting_.push({s.planned, slot});
}

void PollScheduler::prune(Queue& queue, bool resting) const {
    while (!queue.empty()) {
        const Slot& slot = slots_[queue.top().slot];
        if (slot.planned == queue.top().when && slot.resting == resting) return;
        queue.pop();
    }
}

base::Instant PollScheduler::next() const {
    prune(due_, false);
    prune(resting_, true);
    auto next = due_.empty() ? base::Instant::max() : due_.top().when;
    if (!resting_.empty()) next = std::min(next, std::max(resting_.top().when, probe_after_));
    return next;
}

std::optional<PollScheduler::Due> PollScheduler::take(base::Instant now) {
    // A probe that may go goes first: it has its tenth also on a link that is never idle.
    for (prune(resting_, true); !resting_.empty() && resting_.top().when <= now && probe_after_ <= now; prune(resting_, true)) {
        const std::uint32_t slot = resting_.top().slot;
        resting_.pop();
        Slot& s = slots_[slot];
        const EndDevice& device = devices_.at(s.device);
        if (device.presence != Presence::offline) {  // heard by another way
            plan(slot, now);
            continue;
        }
        if (now < device.next_try) {  // asked for by somebody else meanwhile
            rest(slot);
            continue;
        }
        const Due due{s.device, s.group, true, s.planned};
        s.planned = base::Instant::max();
        return due;
    }
    for (prune(due_, false); !due_.empty() && due_.top().when <= now; prune(due_, false)) {
        const std::uint32_t slot = due_.top().slot;
        due_.pop();
        Slot& s = slots_[slot];
        const EndDevice& device = devices_.at(s.device);
        const bool woken = std::exchange(s.woken, false);
        if (device.presence == Presence::offline && !(woken && s.group == 0)) {
            rest(slot);
            continue;
        }
        if (device.misses != 0 && s.group != 0) {
            // Whether it is there is asked by its first group alone: each miss costs its neighbours a time-out.
            plan(slot, now + device.info->type->health.retry_first);
            continue;
        }
        const Due due{s.device, s.group, false, s.planned};
        s.planned = base::Instant::max();
        return due;
    }
    return std::nullopt;
}

base::Instant::duration PollScheduler::period_of(std::uint32_t slot, base::Instant now) const {
    auto period = group_of(slots_[slot]).period;
    if (const auto wish = hastened_.find(slot); wish != hastened_.end() && period.count() != 0 && busy(now) < busy_limit_)
        period = std::min(period, wish->second);
    return std::chrono::duration_cast<base::Instant::duration>(period);
}

void PollScheduler::finished(const Due& due, bool answered, base::Instant asked, base::Instant now) {
    spent(now - asked, now);
    const EndDevice& device = devices_.at(due.device);
    if (due.probe && !answered) probe_after_ = now + (now - asked) * probe_rest;
    const std::uint32_t slot = slot_of(due.device, due.group);
    Slot& s = slots_[slot];
    if (s.planned != base::Instant::max()) return;  // woken meanwhile
    if (device.presence == Presence::offline) return rest(slot);
    const auto period = period_of(slot, now);
    if (period.count() == 0) {
        if (!answered) plan(slot, now + device.info->type->health.retry_first);
        return;
    }
    const auto passed = now < s.phase ? 0 : (now - s.phase) / period + 1;
    plan(slot, s.phase + period * passed);
}

void PollScheduler::wake(DeviceIndex device, base::Instant now, std::uint16_t answered) {
    const std::size_t groups = devices_.at(device).info->groups.size();
    for (std::size_t g = 0; g < groups; ++g) {
        if (g == answered) continue;
        const std::uint32_t slot = slot_of(device, static_cast<std::uint16_t>(g));
        plan(slot, now);
        slots_[slot].woken = true;
    }
}

void PollScheduler::probe(DeviceIndex device) {
    if (devices_.at(device).info->groups.empty()) return;
    const std::uint32_t slot = slot_of(device, 0);
    if (slots_[slot].resting) rest(slot);
}

void PollScheduler::hasten(DeviceIndex device, std::uint16_t group, std::optional<base::Milliseconds> period,
                           base::Instant now) {
    const std::uint32_t slot = slot_of(device, group);
    const auto own = group_of(slots_[slot]).period;
    if (!period || *period >= own) {
        hastened_.erase(slot);
        return;
    }
    hastened_[slot] = *period;
    Slot& s = slots_[slot];
    if (s.resting || s.planned == base::Instant::max()) return;  // under way, or the device rests
    const auto sooner = now + std::chrono::duration_cast<base::Instant::duration>(*period);
    if (sooner < s.planned) plan(slot, sooner);
}

void PollScheduler::spent(base::Instant::duration span, base::Instant now) {
    load_ = busy(now) + seconds(span) / load_memory / at_once_;
    load_at_ = now;
}

double PollScheduler::busy(base::Instant now) const {
    return std::min(1.0, load_ * std::exp(-seconds(now - load_at_) / load_memory));
}

}  // namespace gateway
