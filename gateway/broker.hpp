#pragma once

#include "gateway/link_host.hpp"

#include <deque>
#include <list>
#include <map>
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
    /// Writes of all devices that wait for theirs to come back (`write.keep`); over it Errc::busy.
    static constexpr std::size_t kept_limit = 1'000;

    Broker(EndDevices&, ValueStore&, Intake&, LinkHost&, WriteGuard&, base::Timers&);

    /// True: the stored reading answers a server's read (younger than the point's max_age, or all there can be). A point
    /// that is worked out of others is as fresh as the oldest of them.
    bool fresh(DeviceIndex, PointNumber) const;
    /// Appends the points that must be asked for before this one can be told.
    void stale(DeviceIndex, PointNumber, std::vector<PointNumber>& wanted) const;
    /// Brings points with an address up to date in the store. One result for each point, in their order.
    void refresh(DeviceIndex, std::vector<PointNumber>, std::function<void(std::vector<base::Result<void>>)>);
    /// What a write of this value sends; checked, nothing is sent. Errors as Intake::raw.
    base::Result<adapters::Scalar> raw(DeviceIndex device, PointNumber point, const lwm2m::Value& value) {
        return intake_.raw(device, point, value);
    }
    /// `raw`: converted by the caller, so that every value of a request is checked before the first is sent. Confirmed
    /// by reading back when the point says `verify`, sent again when it says `tries`. To a device that is away it waits
    /// when the point says `keep`: until the device is back or the span is over; a newer value takes its place, and the
    /// older is answered Errc::busy.
    void write(DeviceIndex, PointNumber, adapters::Scalar raw, const lwm2m::Value& value, Done<void>);
    /// One at a time for a device, in the order in which they came; Errc::busy when `waiting_limit` of them wait, and
    /// Errc::timeout for one whose turn has not come within `request_limit`: what starts late may do harm. `steps`: of
    /// that action, with its arguments.
    void run(DeviceIndex, std::uint16_t action, std::vector<mapping::Step> steps, Done<void>);

    /// Its presence changed: what waited for it is sent.
    void presence_changed(DeviceIndex);
    /// The device goes, or becomes another thing: all that waits for it is answered with this error, once its link was
    /// halted (LinkHost::halt ends what is on the link).
    void drop(DeviceIndex, const base::Error&);
    std::size_t kept() const { return kept_.size(); }

private:
    struct Flight;
    struct Writing;
    struct Acting;
    struct Kept;
    struct Queued {
        std::uint16_t action = 0;
        std::vector<mapping::Step> steps;
        base::Instant until{};
        Done<void> done;
    };
    using PointKey = std::pair<DeviceIndex, PointNumber>;

    bool fresh_itself(const EndDevice&, PointNumber, base::Milliseconds max_age) const;
    void keep(std::shared_ptr<Writing>, base::Milliseconds span);
    void send(std::shared_ptr<Writing>);
    void verify(std::shared_ptr<Writing>);
    void check(const std::shared_ptr<Writing>&, bool same, const base::Error* error);
    void finish(const std::shared_ptr<Writing>&, base::Result<void>);
    void unlist(const std::shared_ptr<Writing>&);
    void act(DeviceIndex, Queued);
    void act_next(DeviceIndex);
    void step(std::shared_ptr<Acting>);
    void step_after(const std::shared_ptr<Acting>&, base::Milliseconds);
    void end(const std::shared_ptr<Acting>&, base::Result<void>);
    void answered(DeviceIndex, const adapters::Adapter::Values&);
    const mapping::PointSpec& point_of(const Writing&) const;

    EndDevices& devices_;
    ValueStore& store_;
    Intake& intake_;
    LinkHost& links_;
    WriteGuard& guard_;
    base::Timers& timers_;
    std::unordered_map<DeviceIndex, std::list<std::shared_ptr<Flight>>> flights_;
    std::multimap<DeviceIndex, std::shared_ptr<Writing>> writing_;  // between send and answer
    std::map<PointKey, std::shared_ptr<Kept>> kept_;
    std::unordered_map<DeviceIndex, std::shared_ptr<Acting>> acting_;
    std::unordered_map<DeviceIndex, std::deque<Queued>> queued_;  // behind the one that acts
};

}  // namespace gateway
