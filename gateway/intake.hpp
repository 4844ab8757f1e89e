#pragma once

#include "gateway/base/log.hpp"
#include "gateway/end_devices.hpp"
#include "gateway/value_store.hpp"

#include <functional>

namespace gateway {

/// Everything that comes from below passes here: raw values become stored readings, answers and silence become presence.
class Intake {
public:
    Intake(EndDevices&, ValueStore&, base::Timers&, base::Random&);

    /// A value of a point. False: it cannot be what the mapping says (logged once), nothing is stored.
    bool value(DeviceIndex, PointNumber, const adapters::Scalar& raw, base::WallTime at);
    /// The device answered, if only with a refusal.
    void heard(DeviceIndex);
    /// Asked, and no answer; `why` for the log.
    void missed(DeviceIndex, const std::string& why);
    /// Its link went down: offline at once.
    void link_lost(DeviceIndex, const std::string& why);

    /// What a server is told of a stored quality, given the device's presence (6042).
    static mapping::Quality told(const Stored&, Presence);
    /// Number of a point for the resource 6042, quality as the server hears it.
    mapping::Quality quality(DeviceIndex, PointNumber) const;

    struct News {
        bool value = false, quality = false, least = false, most = false;
    };
    std::function<void(DeviceIndex, PointNumber, News)> on_value;
    std::function<void(DeviceIndex, Presence before)> on_presence;

private:
    void become(DeviceIndex, Presence, const std::string& why);
    void rest(EndDevice&);

    EndDevices& devices_;
    ValueStore& store_;
    base::Timers& timers_;
    base::Random& random_;
    base::Once strange_;
};

}  // namespace gateway
