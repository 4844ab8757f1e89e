#pragma once

#include "gateway/link_host.hpp"

#include <deque>
#include <list>
#include <unordered_map>

namespace gateway {

template <class T>
using Done = std::function<void(base::Result<T>)>;

/// A server's wish becomes calls on a link, with a deadline. Every call-back fires exactly once, on the core loop.
class Broker {
public:
    /// How long a server waits for a device, queueing included (gateway digest, section 11).
    static constexpr std::chrono::milliseconds request_limit{4000};
    /// Reads waiting for one device; over it Errc::busy.
    static constexpr std::size_t waiting_limit = 16;

    Broker(EndDevices&, ValueStore&, Intake&, LinkHost&, WriteGuard&, base::Timers&);

    /// True: the stored reading answers a server's read (younger than the point's max_age, or all there can be).
    bool fresh(DeviceIndex, PointNumber) const;
    /// Brings points up to date in the store. One result for each point, in their order.
    void refresh(DeviceIndex, std::vector<PointNumber>, std::function<void(std::vector<base::Result<void>>)>);
    /// Converted by the caller, so that every value of a request is checked before the first is sent. Confirmed by
    /// reading back when the point says `verify`.
    void write(DeviceIndex, PointNumber, adapters::Scalar, Done<void>);
    /// One at a time for a device, in the order in which they came; Errc::busy when `waiting_limit` of them wait, and
    /// Errc::timeout for one whose turn has not come within `request_limit`: what starts late may do harm.
    void run(DeviceIndex, const mapping::Action&, Done<void>);

private:
    struct Flight;
    struct Writing;
    struct Acting;

    struct Queued {
        const mapping::Action* action = nullptr;
        base::Instant until{};
        Done<void> done;
    };

    void verify(std::shared_ptr<Writing>);
    void act(DeviceIndex, Queued);
    void act_next(DeviceIndex);
    void step(std::shared_ptr<Acting>);
    void answered(DeviceIndex, const adapters::Adapter::Values&);

    EndDevices& devices_;
    ValueStore& store_;
    Intake& intake_;
    LinkHost& links_;
    WriteGuard& guard_;
    base::Timers& timers_;
    std::unordered_map<DeviceIndex, std::list<std::shared_ptr<Flight>>> flights_;
    std::unordered_map<DeviceIndex, std::deque<Queued>> acting_;  // an entry: an action runs, and these wait for it
};

}  // namespace gateway
