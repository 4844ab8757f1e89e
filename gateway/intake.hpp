#pragma once

#include "gateway/base/log.hpp"
#include "gateway/end_devices.hpp"
#include "gateway/value_store.hpp"
#include "mapping/evaluator.hpp"

#include <functional>
#include <memory>
#include <set>
#include <unordered_map>

namespace gateway {

/// Everything that comes from below passes here: raw values become stored readings, answers and silence become presence.
class Intake {
public:
    Intake(EndDevices&, ValueStore&, base::Timers&, base::Random&);

    /// A value of a point. False: it cannot be what the mapping says (logged once), nothing is stored. What is worked out
    /// of it (`calc`, `exponent`) is stored by settle().
    bool value(DeviceIndex, PointNumber, const adapters::Scalar& raw, base::WallTime at);
    /// The same for a value that lay there before we came: its quality is `old` at best.
    bool old_value(DeviceIndex, PointNumber, const adapters::Scalar& raw, base::WallTime at);
    /// After the values that came together: stores what is worked out of them. heard() does it too.
    void settle(DeviceIndex);
    /// What the device gets for a server's value. Errc::bad_request, or Errc::busy while something that goes into it is
    /// not known yet.
    base::Result<adapters::Scalar> raw(DeviceIndex, PointNumber, const lwm2m::Value&);
    /// A write that the device accepted, in the register that the point is read from: shown until it is read again.
    void written(DeviceIndex, PointNumber, const adapters::Scalar& raw, base::WallTime at);
    /// Another device has this place from now on, or the same one begins anew.
    void forget(DeviceIndex index) {
        workers_.erase(index);
        hidden_.erase(index);
    }

    /// The device answered, if only with a refusal.
    void heard(DeviceIndex);
    /// Asked, and no answer; `why` for the log.
    void missed(DeviceIndex, const std::string& why);
    /// Its link went down: offline at once.
    void link_lost(DeviceIndex, const std::string& why);

    /// What stands between it and us (a broker) went away: nobody knows whether the device is there. Late, if it was online;
    /// its silence does not count until seen_again().
    void hidden(DeviceIndex, const std::string& why);
    void seen_again(DeviceIndex);
    bool is_hidden(DeviceIndex index) const { return hidden_.contains(index); }

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
    /// A device with points that need a memory of their own; others have none.
    struct Worker {
        mapping::Evaluator evaluator;
        base::WallTime at{};  // of the last value
    };

    bool take(DeviceIndex, PointNumber, const adapters::Scalar& raw, base::WallTime at, mapping::Quality best);
    void keep(DeviceIndex, PointNumber, mapping::Reading, base::WallTime at);
    bool strange(DeviceIndex, PointNumber, const base::Error&);
    Worker& worker(DeviceIndex);
    void become(DeviceIndex, Presence, const std::string& why);
    void rest(EndDevice&);

    EndDevices& devices_;
    ValueStore& store_;
    base::Timers& timers_;
    base::Random& random_;
    std::set<DeviceIndex> hidden_;
    base::Once strange_;
    std::unordered_map<DeviceIndex, Worker> workers_;
    mapping::Evaluator::Outcomes outcomes_;  // kept for its memory
};

}  // namespace gateway
