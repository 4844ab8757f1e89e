#pragma once

#include "gateway/intake.hpp"

namespace gateway {

/// The spans of a profile's health: `silence` makes a device offline of which nothing was heard for so long, `forget`
/// takes one out of object 25 that has been offline for so long. One timer for all devices, set for the first of them.
class HealthWatch {
public:
    HealthWatch(EndDevices& devices, Intake& intake, base::Timers& timers)
        : devices_(devices), intake_(intake), timers_(timers), alarm_(timers) {}

    /// At start, and whenever devices came or changed.
    void look();
    /// A device is there again.
    void back(DeviceIndex);
    /// A device is to be taken out of object 25; EndDevice::away is still false.
    std::function<void(DeviceIndex)> on_forget;

private:
    void wait(base::Instant until);

    EndDevices& devices_;
    Intake& intake_;
    base::Timers& timers_;
    base::Timer alarm_;
    base::Instant alarm_at_{};
};

}  // namespace gateway
