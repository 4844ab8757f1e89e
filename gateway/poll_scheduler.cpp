#include "gateway/poll_scheduler.hpp"

#include <map>

namespace gateway {

PollScheduler::PollScheduler(const EndDevices& devices, std::size_t links, base::Instant start)
    : devices_(devices), queues_(links) {
    std::map<std::pair<std::size_t, base::Milliseconds>, std::vector<std::uint32_t>> alike;
    for (DeviceIndex d = 0; d < devices.size(); ++d) {
        first_slot_.push_back(static_cast<std::uint32_t>(slots_.size()));
        const auto& groups = devices.at(d).info->groups;
        for (std::size_t g = 0; g < groups.size(); ++g) {
            alike[{devices.at(d).spec->link, groups[g].period}].push_back(static_cast<std::uint32_t>(slots_.size()));
            slots_.push_back({d, static_cast<std::uint16_t>(g), start, start});
        }
    }
    for (const auto& [key, slots] : alike)
        for (std::size_t k = 0; k < slots.size(); ++k)
            slots_[slots[k]].phase = start + std::chrono::duration_cast<base::Instant::duration>(key.second) *
                                                 static_cast<int>(k) / static_cast<int>(slots.size());
    for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) plan(slot, start);
}

void PollScheduler::plan(std::uint32_t slot, base::Instant when) {
    slots_[slot].planned = when;
    if (when != base::Instant::max()) queues_[link_of(slots_[slot])].push({when, slot});
}

base::Instant PollScheduler::next(std::size_t link) const {
    Queue& queue = queues_[link];
    while (!queue.empty() && slots_[queue.top().slot].planned != queue.top().when) queue.pop();
    return queue.empty() ? base::Instant::max() : queue.top().when;
}

std::optional<PollScheduler::Due> PollScheduler::take(std::size_t link, base::Instant now) {
    while (next(link) <= now) {
        const std::uint32_t slot = queues_[link].top().slot;
        queues_[link].pop();
        Slot& s = slots_[slot];
        const EndDevice& device = devices_.at(s.device);
        if (device.presence == Presence::offline && (s.group != 0 || now < device.next_try)) {
            // Rests: the probe until its time, the others until the device is back.
            plan(slot, s.group == 0 ? device.next_try : base::Instant::max());
            continue;
        }
        const Due due{s.device, s.group, s.planned};
        s.planned = base::Instant::max();
        return due;
    }
    return std::nullopt;
}

void PollScheduler::finished(const Due& due, bool answered, base::Instant now) {
    const std::uint32_t slot = first_slot_[due.device] + due.group;
    Slot& s = slots_[slot];
    if (s.planned != base::Instant::max()) return;  // woken meanwhile
    const EndDevice& device = devices_.at(due.device);
    if (device.presence == Presence::offline) {
        plan(slot, s.group == 0 ? device.next_try : base::Instant::max());
        return;
    }
    const auto period = std::chrono::duration_cast<base::Instant::duration>(group_of(s).period);
    if (period.count() == 0) {
        if (!answered) plan(slot, now + device.info->type->health.retry_first);
        return;
    }
    const auto passed = now < s.phase ? 0 : (now - s.phase) / period + 1;
    plan(slot, s.phase + period * passed);
}

void PollScheduler::wake(DeviceIndex device, base::Instant now, std::uint16_t answered) {
    const std::size_t groups = devices_.at(device).info->groups.size();
    for (std::size_t g = 0; g < groups; ++g)
        if (g != answered) plan(first_slot_[device] + static_cast<std::uint32_t>(g), now);
}

}  // namespace gateway
