#include "gateway/own_objects/gateway_object.hpp"

#include <algorithm>

namespace gateway::own_objects {

namespace {
enum : ResourceId { device_id = 0, prefix = 1, device_objects = 3 };
}

std::vector<InstanceId> GatewayObject::instances() const {
    std::vector<InstanceId> all;
    all.reserve(devices_.count());
    for (DeviceIndex d = 0; d < devices_.size(); ++d)
        if (devices_.has(d) && !devices_.at(d).away) all.push_back(devices_.at(d).instance);
    std::sort(all.begin(), all.end());
    return all;
}

const std::vector<ResourceId>& GatewayObject::resources() const {
    static const std::vector<ResourceId> all{device_id, prefix, device_objects};
    return all;
}

Value GatewayObject::read(InstanceId instance, ResourceId resource) const {
    const EndDevice& device = devices_.at(devices_.by_instance(instance));
    switch (resource) {
        case device_id: return device.spec->id;
        case prefix: return device.prefix;
        case device_objects: return device.info->links;
        default: return {};
    }
}

}  // namespace gateway::own_objects
