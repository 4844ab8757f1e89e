#pragma once

#include "gateway/own_objects/own_object.hpp"
#include "lwm2m/access.hpp"

namespace gateway::own_objects {

/// /2 LwM2M Access Control 1.1: the engine's rules, when there are several servers. Who may change one, the engine checks.
class AccessControl final : public OwnObject {
public:
    explicit AccessControl(lwm2m::AccessControl& rules) : rules_(rules) {}

    lwm2m::ObjectId id() const override { return 2; }
    std::vector<InstanceId> instances() const override;
    bool has(InstanceId instance) const override { return rules_.rules().contains(instance); }
    const std::vector<ResourceId>& resources() const override;
    Value read(InstanceId, ResourceId) const override;
    Values read_multiple(InstanceId, ResourceId) const override;
    Result<void> may_write(InstanceId, ResourceId, const Value&) const override;
    void write(InstanceId, ResourceId, const Value&) override;
    Result<void> may_write_multiple(InstanceId, ResourceId, const Values&) const override;
    void write_multiple(InstanceId, ResourceId, Values) override;
    void reset(InstanceId, ResourceId) override;

private:
    lwm2m::AccessControl& rules_;
};

}  // namespace gateway::own_objects
