#pragma once

#include "lwm2m/object_tree.hpp"

#include <string>
#include <vector>

namespace gateway::own_objects {

using base::Errc;
using base::fail;
using base::Result;
using lwm2m::InstanceId;
using lwm2m::ResourceId;
using lwm2m::Value;

/// One object of the gateway's own tree. Everything in it is at hand: answers at once.
class OwnObject {
public:
    virtual ~OwnObject() = default;
    virtual lwm2m::ObjectId id() const = 0;
    virtual std::vector<InstanceId> instances() const = 0;  ///< ascending
    virtual bool has(InstanceId) const = 0;
    virtual const std::vector<ResourceId>& resources() const = 0;  ///< ascending; the same for every instance
    /// Monostate for an executable.
    virtual Value read(InstanceId, ResourceId) const = 0;
    /// Of a multiple resource: one value for each resource instance, from 0 on. Only called for those.
    virtual std::vector<Value> read_multiple(InstanceId, ResourceId) const { return {}; }
    /// True: write() would be accepted. Asked for every value of a request before the first is written.
    virtual Result<void> may_write(InstanceId, ResourceId, const Value&) const {
        return fail(Errc::not_allowed, "this resource is kept by the gateway");
    }
    virtual void write(InstanceId, ResourceId, const Value&) {}
    virtual Result<void> execute(InstanceId, ResourceId, const std::string& /*arguments*/) {
        return fail(Errc::not_allowed, "nothing to execute");
    }
};

}  // namespace gateway::own_objects
