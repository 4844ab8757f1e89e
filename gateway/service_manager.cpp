#include "gateway/service_manager.hpp"

#include "gateway/base/log.hpp"

#include <systemd/sd-daemon.h>

namespace gateway {

void ServiceManager::ready(std::function<std::string()> healthy) {
    healthy_ = std::move(healthy);
    sd_notify(0, "READY=1");
    std::uint64_t limit_us = 0;
    if (sd_watchdog_enabled(0, &limit_us) > 0) {
        every_ = base::Milliseconds(std::max<std::uint64_t>(limit_us / 3000, 100));
        feed();
    }
}

void ServiceManager::feed() {
    if (const auto stuck = healthy_(); stuck.empty()) {
        sd_notify(0, "WATCHDOG=1");
    } else {
        base::log().error("no sign of life for systemd's watchdog: {}", stuck);
    }
    alarm_.set(timers_.now() + every_, [this] { feed(); });
}

void ServiceManager::status(const std::string& line) {
    if (line == told_) return;
    told_ = line;
    sd_notify(0, ("STATUS=" + line).c_str());
}

void ServiceManager::reloading() {
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(timers_.now().time_since_epoch()).count();
    sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now).c_str());
}

void ServiceManager::reloaded() { sd_notify(0, "READY=1"); }

void ServiceManager::stopping() {
    alarm_.cancel();
    sd_notify(0, "STOPPING=1");
}

}  // namespace gateway
