#pragma once

#include "lwm2m/object_tree.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gateway::own_objects {

using base::Errc;
using base::fail;
using base::Result;
using lwm2m::InstanceId;
using lwm2m::ResourceId;
using lwm2m::Value;

/// Of a multiple resource: its instances, ascending by id.
using Values = std::vector<std::pair<std::uint16_t, Value>>;

/// One object of the gateway's own tree. Everything in it is at hand: answers at once.
class OwnObject {
public:
    virtual ~OwnObject() = default;
    virtual lwm2m::ObjectId id() const = 0;
    virtual std::vector<InstanceId> instances() const = 0;  ///< ascending
    virtual bool has(InstanceId) const = 0;
    /// All that an instance may have, ascending.
    virtual const std::vector<ResourceId>& resources() const = 0;
    /// False: an optional resource that this instance does not have now. A write may bring it.
    virtual bool shows(InstanceId, ResourceId) const { return true; }
    /// Monostate for an executable, and for what has no value now.
    virtual Value read(InstanceId, ResourceId) const = 0;
    /// Only called for multiple resources.
    virtual Values read_multiple(InstanceId, ResourceId) const { return {}; }

    /// True: write() would be accepted. Asked for every value of a request before the first is written.
    virtual Result<void> may_write(InstanceId, ResourceId, const Value&) const {
        return fail(Errc::not_allowed, "this resource is kept by the gateway");
    }
    virtual void write(InstanceId, ResourceId, const Value&) {}
    /// Of a multiple resource: what all its instances will be. Errc::unauthorized for instances that may not come or go.
    virtual Result<void> may_write_multiple(InstanceId, ResourceId, const Values& /*whole*/) const {
        return fail(Errc::not_allowed, "this resource is kept by the gateway");
    }
    virtual void write_multiple(InstanceId, ResourceId, Values /*whole*/) {}
    /// The instance was replaced without this writable, optional resource: it goes, or has its default again.
    virtual void reset(InstanceId, ResourceId) {}
    virtual Result<void> execute(InstanceId, ResourceId, const std::string& /*arguments*/) {
        return fail(Errc::not_allowed, "nothing to execute");
    }

    /// `id`: the one that the server wants. Values are below the instance that will be; only writable ones come.
    virtual Result<InstanceId> create(std::optional<InstanceId> /*id*/, const std::vector<lwm2m::Entry>&) {
        return fail(Errc::not_allowed, "instances are made by the gateway");
    }
    virtual Result<void> remove(InstanceId) { return fail(Errc::not_allowed, "instances are kept by the gateway"); }
};

}  // namespace gateway::own_objects
