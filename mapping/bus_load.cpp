#include "mapping/bus_load.hpp"

#include "mapping/names.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <map>

namespace mapping {

using std::chrono::microseconds;

namespace {

/// What one device takes of its link's time.
struct Share {
    double busy = 0;
    bool measured = true, counted = false;
    Milliseconds quickest{};  ///< its shortest period
};

Share share_of(const Plan& plan, const Device& device) {
    Share share;
    for (const auto& [period, points] : polls_of(*device.type)) {
        if (period == read_at_start) continue;
        const auto cost = plan.links[device.link].driver->cost(device.number, points);
        if (cost.time.count() <= 0) continue;
        share.counted = true;
        share.measured = share.measured && cost.measured;
        share.busy += static_cast<double>(cost.time.count()) / static_cast<double>(microseconds(period).count());
        if (share.quickest.count() == 0) share.quickest = period;
    }
    return share;
}

std::string percent(double share) {
    const double value = share * 100;
    return value < 10 ? fmt::format("{:.1f} %", value) : fmt::format("{:.0f} %", value);
}

/// Among all devices of a type: what they need together.
struct Consumer {
    const DeviceType* type = nullptr;
    std::size_t devices = 0;
    double busy = 0;
    Milliseconds quickest{};
};

/// The period that would do, rounded up to something that one would write.
std::string longer(Milliseconds period, double factor) {
    const double wanted = static_cast<double>(period.count()) * factor;
    const double step = wanted > 10'000 ? 1000 : wanted > 1000 ? 100 : 10;
    return base::span_text(Milliseconds(static_cast<std::int64_t>(std::ceil(wanted / step) * step)));
}

}  // namespace

std::map<Milliseconds, std::vector<adapters::PointIndex>> polls_of(const DeviceType& type) {
    std::map<Milliseconds, std::vector<adapters::PointIndex>> periods;
    for (const auto& point : type.points)
        if (point.readable && point.index != no_index && (point.at_start || point.period.count() > 0))
            periods[point.at_start ? read_at_start : point.period].push_back(point.index);
    return periods;
}

std::vector<BusLoad> bus_loads(const Plan& plan) {
    std::vector<BusLoad> loads(plan.links.size());
    for (std::size_t i = 0; i < loads.size(); ++i) loads[i].limit = plan.links[i].driver->busy_limit();
    for (const auto& device : plan.devices) {
        const Share share = share_of(plan, device);
        BusLoad& load = loads[device.link];
        load.busy += share.busy;
        load.measured = load.measured && share.measured;
        load.counted = load.counted || share.counted;
    }
    return loads;
}

std::string BusLoad::str() const {
    if (!counted) return {};
    return fmt::format("{} busy (limit {}){}", percent(busy), percent(limit),
                       measured ? "" : ", turnaround assumed, not measured yet");
}

void check_bus_load(const Plan& plan, base::Diagnostics& diagnostics) {
    const auto loads = bus_loads(plan);
    for (std::size_t i = 0; i < loads.size(); ++i) {
        if (loads[i].fits()) continue;
        std::map<const DeviceType*, Consumer> consumers;
        std::size_t devices = 0;
        for (const auto& device : plan.devices) {
            if (device.link != i) continue;
            ++devices;
            const Share share = share_of(plan, device);
            Consumer& consumer = consumers[device.type.get()];
            consumer.type = device.type.get();
            ++consumer.devices;
            consumer.busy += share.busy;
            consumer.quickest = share.quickest;
        }
        const auto& most = std::max_element(consumers.begin(), consumers.end(), [](const auto& a, const auto& b) {
                               return a.second.busy < b.second.busy;
                           })->second;
        const double factor = loads[i].busy / loads[i].limit;
        diagnostics.error(
            plan.links[i].at,
            fmt::format("link '{}': the polls of its {} device{} need {} of its time, and {} is the limit; {} needs {}{}",
                        plan.links[i].name, devices, devices == 1 ? "" : "s", percent(loads[i].busy), percent(loads[i].limit),
                        most.type->profile, percent(most.busy),
                        most.devices > 1 ? fmt::format(" ({} devices)", most.devices) : ""),
            fmt::format("read less often, by a factor of {:.1f} (every: {} becomes {}), take a faster line, or put devices on "
                        "another link",
                        std::ceil(factor * 10) / 10, base::span_text(most.quickest), longer(most.quickest, factor)));
    }
}

}  // namespace mapping
