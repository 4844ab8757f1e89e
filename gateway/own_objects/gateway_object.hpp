#pragma once

#include "gateway/end_devices.hpp"
#include "gateway/own_objects/own_object.hpp"

namespace gateway::own_objects {

/// /25 LwM2M Gateway 2.0: one instance for each end device (Gateway 1.1, 6).
class GatewayObject final : public OwnObject {
public:
    explicit GatewayObject(const EndDevices& devices) : devices_(devices) {}

    lwm2m::ObjectId id() const override { return 25; }
    std::vector<InstanceId> instances() const override;
    bool has(InstanceId instance) const override { return devices_.by_instance(instance) != EndDevices::none; }
    const std::vector<ResourceId>& resources() const override;
    Value read(InstanceId, ResourceId) const override;

private:
    const EndDevices& devices_;
};

}  // namespace gateway::own_objects
