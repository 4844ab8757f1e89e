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
    // Not for each one by itself, when many are due within a moment.
    if (next != base::Instant::max()) alarm_.set(std::max(next, now + base::Milliseconds(100)), [this] { look(); });
}

}  // namespace gateway
