#include "gateway/end_devices.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <map>

namespace gateway {

TypeInfo::TypeInfo(std::shared_ptr<const mapping::DeviceType> of) : type(std::move(of)) {
    const auto& points = type->points;
    std::vector<base::Milliseconds> period(points.size());
    for (std::size_t i = 0; i < points.size(); ++i) period[i] = points[i].period;
    for (std::size_t i = 0; i < points.size(); ++i) {
        // What nobody else polls is polled for those that are worked out of it.
        for (const auto input : points[i].inputs)
            if (points[input].period.count() == 0 && !points[input].at_start && points[i].period.count() != 0 &&
                (period[input].count() == 0 || points[i].period < period[input]))
                period[input] = points[i].period;
    }
    std::map<base::Milliseconds, Group> by_period;
    Group at_start;
    for (std::size_t i = 0; i < points.size(); ++i) {
        const auto& point = points[i];
        if (point.index == mapping::no_index) continue;
        if (by_index.size() <= point.index) by_index.resize(point.index + 1U, no_slot);
        by_index[point.index] = static_cast<PointNumber>(i);
        if (!point.readable || (period[i].count() == 0 && !point.at_start)) continue;
        Group& group = period[i].count() == 0 ? at_start : by_period[period[i]];
        group.period = period[i];
        group.points.push_back(static_cast<PointNumber>(i));
        group.indices.push_back(point.index);
    }
    for (auto& [every, group] : by_period) groups.push_back(std::move(group));
    if (!at_start.points.empty()) groups.push_back(std::move(at_start));

    group_of.assign(points.size(), no_slot);
    for (std::size_t g = 0; g < groups.size(); ++g)
        for (const PointNumber point : groups[g].points) group_of[point] = static_cast<std::uint16_t>(g);

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
            case Source::error_code: error_resource = static_cast<std::uint16_t>(i); break;
            case Source::fixed:
            case Source::action:
            case Source::refused: break;
        }
    }
    tells_error.resize(type->points.size());
    for (const auto& error : type->errors) tells_error[error.point] = true;
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

std::uint32_t Runs::take(std::uint32_t count) {
    if (count == 0) return 0;
    for (auto it = free_.begin(); it != free_.end(); ++it) {
        if (it->second < count) continue;
        const std::uint32_t first = it->first, left = it->second - count;
        free_.erase(it);
        if (left != 0) free_.emplace(first + count, left);
        return first;
    }
    const std::uint32_t first = size_;
    size_ += count;
    return first;
}

void Runs::give_back(std::uint32_t first, std::uint32_t count) {
    if (count == 0) return;
    auto next = free_.lower_bound(first);
    if (next != free_.end() && next->first == first + count) {
        count += next->second;
        next = free_.erase(next);
    }
    if (next != free_.begin())
        if (auto before = std::prev(next); before->first + before->second == first) {
            before->second += count;
            return;
        }
    free_.emplace(first, count);
}

EndDevices::EndDevices(const mapping::Plan& plan, const lwm2m::ObjectCatalog& catalog) : catalog_(catalog) {
    devices_.reserve(plan.devices.size());
    by_prefix_.reserve(plan.devices.size());
    for (const auto& spec : plan.devices) add(spec);
}

const TypeInfo* EndDevices::use(const std::shared_ptr<const mapping::DeviceType>& type) {
    Known& known = types_[type.get()];
    if (!known.info) {
        known.info = std::make_unique<TypeInfo>(type);
        known.info->describe(catalog_);
    }
    ++known.users;
    return known.info.get();
}

void EndDevices::leave(const TypeInfo* info) {
    const auto known = types_.find(info->type.get());
    if (--known->second.users == 0) types_.erase(known);
}

void EndDevices::settle(EndDevice& device, const mapping::Device& spec) {
    device.spec = &spec;
    device.serial = ++serial_;
    device.info = use(spec.type);
    device.first_reading = readings_.take(static_cast<std::uint32_t>(spec.type->points.size()));
    device.first_extreme = extremes_.take(device.info->extremes);
}

void EndDevices::unsettle(EndDevice& device) {
    readings_.give_back(device.first_reading, static_cast<std::uint32_t>(device.info->type->points.size()));
    extremes_.give_back(device.first_extreme, device.info->extremes);
    leave(device.info);
}

DeviceIndex EndDevices::add(const mapping::Device& spec) {
    auto index = static_cast<DeviceIndex>(devices_.size());
    if (free_.empty()) {
        devices_.emplace_back();
    } else {
        index = free_.back();
        free_.pop_back();
    }
    settle(devices_[index], spec);
    return index;
}

void EndDevices::remove(DeviceIndex index) {
    EndDevice& device = devices_[index];
    unsettle(device);
    if (!device.prefix.empty() && !device.away) hide(index);
    device = {};
    free_.push_back(index);
}

void EndDevices::move(DeviceIndex index, const mapping::Device& spec) {
    EndDevice& device = devices_[index];
    device.spec = &spec;
    if (spec.type == device.info->type) return;
    const TypeInfo* const before = device.info;
    device.info = use(spec.type);
    leave(before);
}

void EndDevices::change(DeviceIndex index, const mapping::Device& spec) {
    EndDevice& device = devices_[index];
    unsettle(device);
    EndDevice fresh;
    fresh.prefix = std::move(device.prefix);
    fresh.instance = device.instance;
    device = std::move(fresh);
    settle(device, spec);
}

void EndDevices::give(DeviceIndex index, std::string prefix, std::uint16_t instance) {
    EndDevice& device = devices_[index];
    if (!device.prefix.empty() && !device.away) hide(index);
    device.prefix = std::move(prefix);
    device.instance = instance;
    show(index);
}

void EndDevices::hide(DeviceIndex index) {
    EndDevice& device = devices_[index];
    by_prefix_.erase(device.prefix);
    by_instance_[device.instance] = none;
    device.away = true;
}

void EndDevices::show(DeviceIndex index) {
    EndDevice& device = devices_[index];
    by_prefix_.insert_or_assign(device.prefix, index);
    if (by_instance_.size() <= device.instance) by_instance_.resize(device.instance + 1U, none);
    by_instance_[device.instance] = index;
    device.away = false;
}

DeviceIndex EndDevices::by_id(std::string_view id) const {
    for (DeviceIndex d = 0; d < devices_.size(); ++d)
        if (devices_[d].spec != nullptr && devices_[d].spec->id == id) return d;
    return none;
}

}  // namespace gateway
