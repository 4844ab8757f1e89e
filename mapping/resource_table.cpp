#include "mapping/resource_table.hpp"

#include "mapping/names.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace mapping {

using base::Fields;
using base::Node;
using lwm2m::ObjectDef;
using lwm2m::Path;
using lwm2m::ResourceDef;
using Level = Path::Level;

namespace {

constexpr lwm2m::ObjectId device_object = 3;
// Kept by the gateway for each end device.
constexpr lwm2m::ResourceId error_code = 11, binding = 16;

// Gateway digest, section 10: what makes no sense under a prefix.
constexpr lwm2m::ObjectId own_objects[] = {0, 1, 2, 21, 23, 24, 25, 26};

std::string short_path(const Path& path) { return path.str().substr(1); }

std::string object_name(const ObjectDef& object) { return fmt::format("object {} ({})", object.id, object.name); }

/// "5700 Sensor Value, 5701 Sensor Units", at most 12.
std::string list_of(const ObjectDef& object, bool executable) {
    std::string text;
    std::size_t count = 0, left = 0;
    for (const auto& resource : object.resources) {
        if (resource.executable != executable) continue;
        if (++count > 12)
            ++left;
        else
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", resource.id, resource.name);
    }
    if (left > 0) text += fmt::format(" … and {} more", left);
    return text;
}

/// 5700, or the only mandatory value there is: 5850 of 3312, 5800 of 3305, 5900 of 3308, 5500 of 3342, 5547 of 3348 ….
const ResourceDef* main_value(const ObjectDef& object) {
    if (const auto* sensor_value = object.resource(5700)) return sensor_value;
    const ResourceDef* only = nullptr;
    for (const auto& resource : object.resources) {
        if (!resource.mandatory || resource.executable) continue;
        if (only != nullptr) return nullptr;
        only = &resource;
    }
    return only != nullptr && !only->multiple ? only : nullptr;
}

}  // namespace

std::string Goal::str() const { return fmt::format("{} ({}, {})", short_path(path), object->name, resource->name); }

std::optional<Goal> ResourceTable::object_of(Fields& fields, std::string_view key) {
    const Node* node = fields.find(key);
    if (node == nullptr) return std::nullopt;
    const auto remedy = "write object/instance such as 3303/0, or object/instance/resource such as 3305/0/5800";
    if (node->kind() != Node::Kind::text) {
        const bool object_only = node->kind() == Node::Kind::integer;
        fields.error(key, fmt::format("'{}' cannot be {}", key, object_only ? node->written() : std::string(node->kind_name())),
                     object_only ? fmt::format("add the instance: {}/0", node->written()) : remedy);
        return std::nullopt;
    }
    const auto path = Path::parse("/" + node->written());
    if (!path || path->level() < Level::instance) {
        fields.error(key, fmt::format("'{}' is no path of an object", node->written()), remedy);
        return std::nullopt;
    }
    Goal goal;
    goal.path = *path;
    goal.object = catalog_->find(path->object());
    if (std::find(std::begin(own_objects), std::end(own_objects), path->object()) != std::end(own_objects)) {
        fields.error(key,
                     fmt::format("object {}{} is the gateway's own and not one of a device", path->object(),
                                 goal.object != nullptr ? fmt::format(" ({})", goal.object->name) : ""),
                     "map to another object");
        return std::nullopt;
    }
    if (goal.object == nullptr) {
        fields.error(key, fmt::format("object {} is not known", path->object()),
                     "give its definition file's folder with --models DIR, or map to another object");
        return std::nullopt;
    }
    if (!goal.object->multiple && path->instance() != 0) {
        fields.error(key, fmt::format("{} has one instance only, {}/0", object_name(*goal.object), path->object()),
                     fmt::format("write {}/0", path->object()));
        return std::nullopt;
    }
    if (path->level() == Level::instance) return goal;
    goal.resource = goal.object->resource(path->resource());
    if (goal.resource == nullptr) {
        fields.error(key, fmt::format("{} has no resource {}", object_name(*goal.object), path->resource()),
                     fmt::format("it has {}", list_of(*goal.object, key == "execute")));
        return std::nullopt;
    }
    return goal;
}

std::optional<Goal> ResourceTable::value_goal(Fields& point, std::string_view key) {
    auto goal = object_of(point, key);
    if (!goal) return std::nullopt;
    if (goal->resource == nullptr) {
        goal->resource = main_value(*goal->object);
        if (goal->resource == nullptr) {
            point.error(key, fmt::format("{} has no single main value", object_name(*goal->object)),
                        fmt::format("name the resource: {}", list_of(*goal->object, false)));
            return std::nullopt;
        }
        goal->whole_instance = true;
        goal->path = *goal->path.child(goal->resource->id);
    }
    if (goal->resource->executable) {
        point.error(key, fmt::format("{} can only be executed", goal->str()), "describe it under actions:, with execute:");
        return std::nullopt;
    }
    if (!goal->resource->readable && !goal->resource->writable) {
        point.error(key, fmt::format("{} is closed to servers", goal->str()), "map to another resource");
        return std::nullopt;
    }
    if (goal->object->id == device_object && (goal->resource->id == error_code || goal->resource->id == binding)) {
        point.error(key, fmt::format("{} is kept by the gateway", goal->str()), "map to another resource");
        return std::nullopt;
    }
    if (goal->resource->multiple && goal->path.level() == Level::resource) {
        point.error(key, fmt::format("{} has several values", goal->str()),
                    fmt::format("add which one: {}/0", short_path(goal->path)));
        return std::nullopt;
    }
    if (!goal->resource->multiple && goal->path.level() == Level::resource_instance) {
        point.error(key, fmt::format("{} has one value only", goal->str()),
                    fmt::format("write {}", short_path(goal->path.parent())));
        return std::nullopt;
    }
    return goal;
}

std::optional<Goal> ResourceTable::execute_goal(Fields& action, std::string_view key) {
    const auto goal = object_of(action, key);
    if (!goal) return std::nullopt;
    if (goal->resource == nullptr) {
        const auto possible = list_of(*goal->object, true);
        action.error(key, fmt::format("'{}' names no resource", short_path(goal->path)),
                     possible.empty() ? fmt::format("{} has none that can be executed", object_name(*goal->object))
                                      : fmt::format("name the resource: {}", possible));
        return std::nullopt;
    }
    if (!goal->resource->executable) {
        const auto possible = list_of(*goal->object, true);
        action.error(key, fmt::format("{} cannot be executed", goal->str()),
                     possible.empty() ? fmt::format("{} has none that can", object_name(*goal->object))
                                      : fmt::format("there is {}", possible));
        return std::nullopt;
    }
    if (goal->path.level() != Level::resource) {
        action.error(key, fmt::format("{} is executed as a whole", goal->str()),
                     fmt::format("write {}", short_path(goal->path.parent())));
        return std::nullopt;
    }
    return goal;
}

void ResourceTable::add(const Goal& goal, Resource resource, const base::SourceLoc& at, std::string who) {
    resource.path = goal.path;
    resource.definition = goal.resource;
    const auto [entry, fresh] = entries_.try_emplace(goal.path, Entry{std::move(resource), at, who});
    if (!fresh)
        diagnostics_->error(at, fmt::format("{}: {} belongs to {} already", who, goal.str(), entry->second.who),
                            fmt::format("see {}; take another instance or resource", place(entry->second.at)));
}

void ResourceTable::add_companion(const Goal& goal, std::uint16_t id, Source source, std::uint16_t point,
                                  const base::SourceLoc& at, lwm2m::Value fixed) {
    const ResourceDef* definition = goal.object->resource(id);
    if (definition == nullptr || definition->multiple || definition->executable != (source == Source::reset_min_max)) return;
    const auto path = *goal.path.ancestor(Level::instance).child(id);
    Resource resource;
    resource.path = path;
    resource.definition = definition;
    resource.source = source;
    resource.number = point;
    if (source == Source::fixed) {
        auto value = lwm2m::coerce(std::move(fixed), definition->type);
        if (!value) return;
        resource.fixed = std::move(*value);
    }
    entries_.try_emplace(path, Entry{std::move(resource), at, ""});
}

void ResourceTable::add_companions(const Goal& goal, const Companions& with, const base::SourceLoc& at) {
    using lwm2m::Type;
    const bool numeric = goal.resource->type == Type::floating || goal.resource->type == Type::integer ||
                         goal.resource->type == Type::unsigned_integer;
    if (!with.application.empty()) add_companion(goal, 5750, Source::fixed, with.point, at, with.application);
    if (!with.unit.empty()) add_companion(goal, 5701, Source::fixed, with.point, at, with.unit);
    if (numeric) {
        add_companion(goal, 5601, Source::minimum, with.point, at);
        add_companion(goal, 5602, Source::maximum, with.point, at);
        add_companion(goal, 5605, Source::reset_min_max, with.point, at);
        if (with.range) {
            add_companion(goal, 5603, Source::fixed, with.point, at, with.range->first);
            add_companion(goal, 5604, Source::fixed, with.point, at, with.range->second);
        }
    }
    add_companion(goal, 5518, Source::timestamp, with.point, at);
    add_companion(goal, 6042, Source::quality, with.point, at);
}

void ResourceTable::add_device(std::uint16_t id, Resource resource) {
    const auto* object = catalog_->find(device_object);
    const auto* definition = object != nullptr ? object->resource(id) : nullptr;
    if (definition == nullptr) return;
    if (resource.path.level() == Level::root) resource.path = Path::of({device_object, 0, id});
    resource.definition = definition;
    entries_.try_emplace(resource.path, Entry{std::move(resource), {}, "device"});
}

std::vector<Resource> ResourceTable::take() {
    std::vector<Resource> resources;
    resources.reserve(entries_.size());
    for (auto& [path, entry] : entries_) resources.push_back(std::move(entry.resource));
    entries_.clear();
    return resources;
}

}  // namespace mapping
