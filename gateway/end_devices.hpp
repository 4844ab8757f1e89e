#pragma once

#include "gateway/base/time.hpp"
#include "mapping/plan.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gateway {

using DeviceIndex = std::uint32_t;  ///< dense, in the order of the plan
using PointNumber = std::uint16_t;  ///< index into DeviceType::points
constexpr std::uint16_t no_slot = 0xFFFF;

/// Points of a device type that are read together.
struct Group {
    base::Milliseconds period{};  ///< 0: at start and after each absence
    std::vector<PointNumber> points;
    std::vector<adapters::PointIndex> indices;  ///< the adapter's numbers of the same
};

/// What is the same for all devices of a type, worked out once.
struct TypeInfo {
    explicit TypeInfo(std::shared_ptr<const mapping::DeviceType> type);

    std::shared_ptr<const mapping::DeviceType> type;
    std::vector<Group> groups;                             ///< shortest period first; the one of period 0 last
    std::vector<std::vector<std::uint16_t>> resources_of;  ///< by point: resources that show it or something of it
    std::vector<std::uint16_t> extremes_slot;              ///< by point: place of its min and max, or no_slot
    std::uint16_t extremes = 0;
    std::vector<PointNumber> by_index;             ///< point of the adapter's index, or no_slot
    std::vector<const lwm2m::ObjectDef*> objects;  ///< by id
    std::string links;                             ///< 25/x/3

    /// Resources at or below `path`, [first, last) into type->resources.
    std::pair<std::size_t, std::size_t> range(const lwm2m::Path& path) const;
    const lwm2m::ObjectDef* object(lwm2m::ObjectId id) const;
    /// Needs the catalog for `objects` and `links`.
    void describe(const lwm2m::ObjectCatalog&);
};

/// Availability by what was heard (mapping format, section 4).
enum class Presence : std::uint8_t { unknown, online, late, offline };
std::string_view name(Presence);

struct EndDevice {
    const mapping::Device* spec = nullptr;
    const TypeInfo* info = nullptr;
    std::string prefix;
    std::uint16_t instance = 0;       ///< of object 25
    std::uint32_t first_reading = 0;  ///< of its points in the value store
    std::uint32_t first_extreme = 0;
    Presence presence = Presence::unknown;
    std::uint16_t misses = 0;      ///< polls in a row without an answer
    base::Milliseconds backoff{};  ///< while offline: until the next try
    base::Instant next_try{};      ///< while offline
};

/// Who is behind us.
class EndDevices {
public:
    EndDevices(const mapping::Plan&, const lwm2m::ObjectCatalog&);

    std::size_t size() const { return devices_.size(); }
    EndDevice& at(DeviceIndex index) { return devices_[index]; }
    const EndDevice& at(DeviceIndex index) const { return devices_[index]; }
    void give(DeviceIndex, std::string prefix, std::uint16_t instance);

    static constexpr DeviceIndex none = 0xFFFFFFFF;
    DeviceIndex by_prefix(std::string_view prefix) const {
        const auto found = by_prefix_.find(prefix);
        return found == by_prefix_.end() ? none : found->second;
    }
    DeviceIndex by_instance(std::uint16_t instance) const {
        return instance < by_instance_.size() ? by_instance_[instance] : none;
    }
    /// By the adapter's number on a link.
    DeviceIndex by_number(std::size_t link, adapters::DeviceId number) const;
    std::uint32_t readings() const { return readings_; }
    std::uint32_t extremes() const { return extremes_; }

private:
    std::vector<EndDevice> devices_;
    std::vector<std::unique_ptr<TypeInfo>> types_;
    std::unordered_map<std::string_view, DeviceIndex> by_prefix_;  // keys live in devices_
    std::vector<DeviceIndex> by_instance_;
    std::vector<std::vector<DeviceIndex>> by_number_;
    std::uint32_t readings_ = 0, extremes_ = 0;
};

}  // namespace gateway
