#pragma once

#include "gateway/base/time.hpp"
#include "mapping/plan.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gateway {

using DeviceIndex = std::uint32_t;  ///< place in EndDevices
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
    std::vector<std::uint16_t> group_of;                   ///< by point: place in `groups`, or no_slot: it is not polled
    std::vector<std::vector<std::uint16_t>> resources_of;  ///< by point: resources that show it or something of it
    std::vector<std::uint16_t> extremes_slot;              ///< by point: place of its min and max, or no_slot
    std::uint16_t extremes = 0;
    std::vector<bool> tells_error;                 ///< by point: 3/0/11 depends on it
    std::uint16_t error_resource = no_slot;        ///< the place of 3/0/11 in type->resources
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
    const mapping::Device* spec = nullptr;  ///< null: a free place
    const TypeInfo* info = nullptr;
    std::string prefix;
    std::uint16_t instance = 0;       ///< of object 25
    std::uint32_t first_reading = 0;  ///< of its points in the value store
    std::uint32_t first_extreme = 0;
    std::uint32_t serial = 0;  ///< unlike that of whatever else was at this place, before or after a change
    Presence presence = Presence::unknown;
    enum class Word : std::uint8_t { none, up, down };
    std::array<Word, 2> witnesses{};  ///< by adapters::Witness: what it last said
    bool away = false;                ///< forgotten for its silence: not in object 25 until it is heard again
    std::uint16_t misses = 0;         ///< polls in a row without an answer
    base::Milliseconds backoff{};     ///< while offline: until the next try
    base::Instant next_try{};         ///< while offline
    base::Instant heard{};            ///< last answer or value; while it never was: when it was added

    bool is_denied() const { return witnesses[0] == Word::down || witnesses[1] == Word::down; }
};

/// Numbers 0 to n-1 of which runs are taken and given back; first fit.
class Runs {
public:
    std::uint32_t take(std::uint32_t count);
    void give_back(std::uint32_t first, std::uint32_t count);
    std::uint32_t size() const { return size_; }

private:
    std::map<std::uint32_t, std::uint32_t> free_;  // first -> count; neighbours are joined
    std::uint32_t size_ = 0;
};

/// Who is behind us. A device keeps its index as long as it is there, also over a reload; the place of one that went
/// is free until another takes it.
class EndDevices {
public:
    EndDevices(const mapping::Plan&, const lwm2m::ObjectCatalog&);

    /// All places, free ones included: ask has().
    std::size_t size() const { return devices_.size(); }
    /// Devices that are there.
    std::size_t count() const { return devices_.size() - free_.size(); }
    bool has(DeviceIndex index) const { return index < devices_.size() && devices_[index].spec != nullptr; }
    EndDevice& at(DeviceIndex index) { return devices_[index]; }
    const EndDevice& at(DeviceIndex index) const { return devices_[index]; }
    /// What it is called and where it stands in object 25; may be told again when the site renames the prefix.
    void give(DeviceIndex, std::string prefix, std::uint16_t instance);

    static constexpr DeviceIndex none = 0xFFFFFFFF;
    DeviceIndex by_prefix(std::string_view prefix) const {
        const auto found = by_prefix_.find(prefix);
        return found == by_prefix_.end() ? none : found->second;
    }
    DeviceIndex by_instance(std::uint16_t instance) const {
        return instance < by_instance_.size() ? by_instance_[instance] : none;
    }
    /// By the site's id; walks all devices.
    DeviceIndex by_id(std::string_view id) const;
    /// Sizes that the value store must have.
    std::uint32_t readings() const { return readings_.size(); }
    std::uint32_t extremes() const { return extremes_.size(); }

    /// Takes a device out of object 25 and its prefix away, or brings both back.
    void hide(DeviceIndex);
    void show(DeviceIndex);

    // -- Reload. `spec` outlives the device or is followed by another move(). The value store is told by the caller.

    DeviceIndex add(const mapping::Device& spec);
    void remove(DeviceIndex);
    /// The same device in another plan; its type may be another object, but has the same points in the same order.
    void move(DeviceIndex, const mapping::Device& spec);
    /// The same id, but another thing: new places for its readings, presence unknown; prefix and instance stay.
    void change(DeviceIndex, const mapping::Device& spec);

private:
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };
    struct Known {
        std::unique_ptr<TypeInfo> info;
        std::size_t users = 0;
    };
    const TypeInfo* use(const std::shared_ptr<const mapping::DeviceType>&);
    void leave(const TypeInfo*);
    void settle(EndDevice&, const mapping::Device& spec);
    void unsettle(EndDevice&);

    const lwm2m::ObjectCatalog& catalog_;
    std::vector<EndDevice> devices_;
    std::vector<DeviceIndex> free_;
    std::unordered_map<const mapping::DeviceType*, Known> types_;
    std::unordered_map<std::string, DeviceIndex, TextHash, std::equal_to<>> by_prefix_;
    std::vector<DeviceIndex> by_instance_;
    Runs readings_, extremes_;
    std::uint32_t serial_ = 0;
};

}  // namespace gateway
