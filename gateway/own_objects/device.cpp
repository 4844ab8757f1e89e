#include "gateway/own_objects/device.hpp"

#include <sys/sysinfo.h>

namespace gateway::own_objects {

namespace {
enum : ResourceId {
    manufacturer = 0,
    model = 1,
    serial = 2,
    firmware = 3,
    reboot = 4,
    memory_free = 10,
    error_code = 11,
    current_time = 13,
    bindings = 16,
    device_type = 17,
    memory_total = 21
};

// In kB of 1000 bytes (OMA Core 1.2, object 3).
Value memory(bool total) {
    struct sysinfo info {};
    if (sysinfo(&info) != 0) return std::int64_t{0};
    const std::uint64_t units = total ? info.totalram : info.freeram + info.bufferram;
    return static_cast<std::int64_t>(units * info.mem_unit / 1000);
}
}  // namespace

const std::vector<ResourceId>& Device::resources() const {
    static const std::vector<ResourceId> all{manufacturer, model,        serial,   firmware,    reboot,      memory_free,
                                             error_code,   current_time, bindings, device_type, memory_total};
    return all;
}

Value Device::read(InstanceId, ResourceId resource) const {
    switch (resource) {
        case manufacturer: return std::string("lwm2m-gateway");
        case model: return facts_.model;
        case serial: return facts_.serial;
        case firmware: return facts_.version;
        case memory_free: return memory(false);
        case current_time:
            return static_cast<std::int64_t>(
                std::chrono::duration_cast<std::chrono::seconds>(facts_.now().time_since_epoch()).count());
        case bindings: return std::string("U");
        case device_type: return std::string("gateway");
        case memory_total: return memory(true);
        default: return {};
    }
}

std::vector<Value> Device::read_multiple(InstanceId, ResourceId resource) const {
    if (resource == error_code) return {std::int64_t{0}};
    return {};
}

Result<void> Device::execute(InstanceId, ResourceId resource, const std::string&) {
    if (resource != reboot) return fail(Errc::not_allowed, "nothing to execute");
    facts_.restart();
    return {};
}

}  // namespace gateway::own_objects
