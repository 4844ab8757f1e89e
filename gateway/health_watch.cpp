#include "gateway/health_watch.hpp"

#include <algorithm>

namespace gateway {

void HealthWatch::look() {
    const auto now = timers_.now();
    auto next = base::Instant::max();
    for (DeviceIndex d = 0; d < devices_.size(); ++d) {
        if (!devices_.has(d)) continue;
        const EndDevice& device = devices_.at(d);
        const auto& health = device.info->type->health;
        // Whoever is heard meanwhile moves the time on; the alarm then comes for nothing, once in such a span.
        if (health.silence && device.presence != Presence::offline) {
            if (const auto until = device.heard + *health.silence; until > now)
                next = std::min(next, until);
            else if (intake_.is_hidden(d))
                next = std::min(next, now + *health.silence);
            else
                intake_.link_lost(d, fmt::format("nothing was heard of it for {}", base::span_text(*health.silence)));
        }
        if (health.forget && !device.away) {
            const auto until = device.heard + *health.forget;
            if (device.presence != Presence::offline)
                next = std::min(next, until > now ? until : now + *health.forget);
            else if (until > now)
                next = std::min(next, until);
            else if (on_forget)
                on_forget(d);
        }
    }
    alarm_.cancel();
    if (next != base::Instant::max()) wait(next);
}

void HealthWatch::back(DeviceIndex device) {
    const auto& health = devices_.at(device).info->type->health;
    const auto now = timers_.now();
    if (health.silence) wait(now + *health.silence);
    if (health.forget) wait(now + *health.forget);
}

void HealthWatch::wait(base::Instant until) {
    if (alarm_.is_set() && alarm_at_ <= until) return;
    // Not for each one by itself, when many are due within a moment.
    alarm_at_ = std::max(until, timers_.now() + base::Milliseconds(100));
    alarm_.set(alarm_at_, [this] { look(); });
}

}  // namespace gateway
