#pragma once

#include "gateway/broker.hpp"
#include "gateway/control/call.hpp"
#include "gateway/discovery.hpp"
#include "gateway/link_host.hpp"

#include <functional>
#include <string>

namespace gateway::control {

/// What the verbs work on: the parts of the running daemon, or those that a verb without a daemon has made for itself.
/// Asked for anew at each use, since a reload exchanges what they hold.
class Field {
public:
    virtual const mapping::Plan& plan() = 0;
    virtual EndDevices& devices() = 0;
    virtual ValueStore& store() = 0;
    virtual Intake& intake() = 0;
    virtual base::Timers& timers() = 0;

    virtual LinkHost::Status link(std::size_t) const = 0;
    /// The last failure of a device (number 0), point or action; null for none.
    virtual const Troubles::Trouble* trouble(DeviceIndex, Troubles::Of, std::uint16_t number) const = 0;
    /// As a server's write: converted, within the limits, read back where the point says so.
    virtual void write(DeviceIndex, PointNumber, const lwm2m::Value&, std::function<void(base::Result<void>)>) = 0;

    /// Endpoint, servers and the process itself, for `status`.
    virtual Json facts() const = 0;
    /// Null: nothing is discovered here.
    virtual Discovery* discovery() = 0;
    /// Reads the files again. The answer of the verb: what it did; Errc::bad_request with all mistakes otherwise.
    virtual void reload(std::function<void(base::Result<Json>)>) = 0;

protected:
    ~Field() = default;
};

}  // namespace gateway::control
