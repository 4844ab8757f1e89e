#include "gateway/end_devices.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <map>

namespace gateway {

TypeInfo::TypeInfo(std::shared_ptr<const mapping::DeviceType> of) : type(std::move(of)) {
    std::map<base::Milliseconds, Group> by_period;
    Group at_start;
    for (std::size_t i = 0; i < type->points.size(); ++i) {
        const auto& point = type->points[i];
        if (by_index.size() <= point.index) by_index.resize(point.index + 1U, no_slot);
        by_index[point.index] = static_cast<PointNumber>(i);
        if (!point.readable || (point.period.count() == 0 && !point.at_start)) continue;
        Group& group = point.period.count() == 0 ? at_start : by_period[point.period];
        group.period = point.period;
        group.points.push_back(static_cast<PointNumber>(i));
        group.indices.push_back(point.index);
    }
    for (auto& [period, group] : by_period) groups.push_back(std::move(group));
    if (!at_start.points.empty()) groups.push_back(std::move(at_start));

    resources_of.resize(type->points.size());
    extremes_slot.assign(type->points.size(), no_slot);
    for (std::size_t i = 0; i < type->resources.size(); ++i) {
        using mapping::Source;
        const auto& resource = type->resources[i];
        switch (resource.source) {
            case Source::minimum:
            case Source::maximum:
            case Source::reset_min_max:
                if (extremes_slot[resource.number] == no_slot) extremes_slot[resource.number] = extremes++;
                [[fallthrough]];
            case Source::point:
            case Source::quality:
            case Source::timestamp: resources_of[resource.number].push_back(static_cast<std::uint16_t>(i)); break;
            case Source::fixed:
            case Source::action:
            case Source::error_code:
            case Source::refused: break;
        }
    }
}

void TypeInfo::describe(const lwm2m::ObjectCatalog& catalog) {
    // One link for each object with its version where it is not 1.0, then its instances (gateway digest, section 5).
    const auto& resources = type->resources;
    for (std::size_t i = 0; i < resources.size(); ++i) {
        const auto& path = resources[i].path;
        const bool new_object = i == 0 || resources[i - 1].path.object() != path.object();
        const bool new_instance = new_object || resources[i - 1].path.instance() != path.instance();
        if (new_object) {
            const auto* object = catalog.find(path.object());
            objects.push_back(object);
            if (object->version != lwm2m::Version{1, 0}) {
                if (!links.empty()) links += ',';
                links += fmt::format("</{}>;ver={}", object->id, object->version.str());
            }
        }
        if (new_instance) {
            if (!links.empty()) links += ',';
            links += fmt::format("</{}/{}>", path.object(), path.instance());
        }
    }
}

std::pair<std::size_t, std::size_t> TypeInfo::range(const lwm2m::Path& path) const {
    const auto& all = type->resources;
    const auto first = std::lower_bound(all.begin(), all.end(), path,
                                        [](const mapping::Resource& r, const lwm2m::Path& p) { return r.path < p; });
    auto last = first;
    while (last != all.end() && path.covers(last->path)) ++last;
    return {static_cast<std::size_t>(first - all.begin()), static_cast<std::size_t>(last - all.begin())};
}

const lwm2m::ObjectDef* TypeInfo::object(lwm2m::ObjectId id) const {
    const auto found =
        std::lower_bound(objects.begin(), objects.end(), id,
                         [](const lwm2m::ObjectDef* object, lwm2m::ObjectId wanted) { return object->id < wanted; });
    return found != objects.end() && (*found)->id == id ? *found : nullptr;
}

std::string_view name(Presence presence) {
    switch (presence) {
        case Presence::unknown: return "unknown";
        case Presence::online: return "online";
        case Presence::late: return "late";
        case Presence::offline: return "offline";
    }
    return "?";
}

EndDevices::EndDevices(const mapping::Plan& plan, const lwm2m::ObjectCatalog& catalog) {
    std::unordered_map<const mapping::DeviceType*, const TypeInfo*> known;
    devices_.resize(plan.devices.size());
    by_number_.resize(plan.links.size());
    for (std::size_t i = 0; i < plan.devices.size(); ++i) {
        const auto& spec = plan.devices[i];
        EndDevice& device = devices_[i];
        device.spec = &spec;
        const TypeInfo*& info = known[spec.type.get()];
        if (info == nullptr) {
            types_.push_back(std::make_unique<TypeInfo>(spec.type));
            types_.back()->describe(catalog);
            info = types_.back().get();
        }
        device.info = info;
        device.first_reading = readings_;
        device.first_extreme = extremes_;
        readings_ += static_cast<std::uint32_t>(spec.type->points.size());
        extremes_ += info->extremes;
        auto& numbers = by_number_[spec.link];
        if (numbers.size() <= spec.number) numbers.resize(spec.number + 1U, none);
        numbers[spec.number] = static_cast<DeviceIndex>(i);
    }
    by_prefix_.reserve(devices_.size());
}

void EndDevices::give(DeviceIndex index, std::string prefix, std::uint16_t instance) {
    EndDevice& device = devices_[index];
    device.prefix = std::move(prefix);
    device.instance = instance;
    by_prefix_.emplace(device.prefix, index);
    if (by_instance_.size() <= instance) by_instance_.resize(instance + 1U, none);
    by_instance_[instance] = index;
}

DeviceIndex EndDevices::by_number(std::size_t link, adapters::DeviceId number) const {
    const auto& numbers = by_number_[link];
    return number < numbers.size() ? numbers[number] : none;
}

}  // namespace gateway
