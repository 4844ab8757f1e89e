#include "gateway/own_objects/own_tree.hpp"

#include <algorithm>

namespace gateway::own_objects {

using lwm2m::Entry;
using lwm2m::Path;
using lwm2m::WriteMode;
using Level = Path::Level;

namespace {

bool may_have(const OwnObject& object, ResourceId resource) {
    const auto& all = object.resources();
    return std::binary_search(all.begin(), all.end(), resource);
}

bool has_instance(const Values& values, std::uint16_t id) {
    return std::any_of(values.begin(), values.end(), [id](const auto& value) { return value.first == id; });
}

/// What one resource of a request will be.
struct Change {
    OwnObject* object;
    Path path;  // of the resource
    Value value;
    std::optional<Values> whole;  // of a multiple one
};

}  // namespace

void OwnTree::add(std::unique_ptr<OwnObject> object) {
    const auto id = object->id();
    objects_[id] = std::move(object);
}

OwnObject* OwnTree::find(lwm2m::ObjectId id) const {
    const auto found = objects_.find(id);
    return found == objects_.end() ? nullptr : found->second.get();
}

const lwm2m::ObjectDef* OwnTree::object(lwm2m::ObjectId id) const { return find(id) != nullptr ? catalog_.find(id) : nullptr; }

const lwm2m::ResourceDef* OwnTree::definition(const Path& path) const {
    const auto* its = find(path.object());
    if (its == nullptr || path.level() < Level::resource || !may_have(*its, path.resource())) return nullptr;
    const auto* model = catalog_.find(path.object());
    return model == nullptr ? nullptr : model->resource(path.resource());
}

bool OwnTree::exists(const Path& path) const {
    if (path.level() == Level::root) return true;
    const auto* its = find(path.object());
    if (its == nullptr) return false;
    if (path.level() >= Level::instance && !its->has(path.instance())) return false;
    if (path.level() < Level::resource) return true;
    if (!may_have(*its, path.resource()) || !its->shows(path.instance(), path.resource())) return false;
    if (path.level() == Level::resource) return true;
    const auto* model = definition(path);
    return model != nullptr && model->multiple &&
           has_instance(its->read_multiple(path.instance(), path.resource()), path.resource_instance());
}

std::vector<Path> OwnTree::list(const Path& at) const {
    std::vector<Path> nodes;
    for (const auto& [id, its] : objects_) {
        if (at.level() >= Level::object && at.object() != id) continue;
        if (at.level() < Level::object) nodes.push_back(Path::of({id}));
        const auto* model = catalog_.find(id);
        const auto list_instance = [&, &object = *its, object_id = id](InstanceId instance) {
            if (at.level() < Level::instance) nodes.push_back(Path::of({object_id, instance}));
            for (const auto resource : object.resources()) {
                if (at.level() >= Level::resource && at.resource() != resource) continue;
                if (!object.shows(instance, resource)) continue;
                if (at.level() < Level::resource) nodes.push_back(Path::of({object_id, instance, resource}));
                const auto* definition = model != nullptr ? model->resource(resource) : nullptr;
                if (definition == nullptr || !definition->multiple || at.level() >= Level::resource_instance) continue;
                for (const auto& [number, value] : object.read_multiple(instance, resource))
                    nodes.push_back(Path::of({object_id, instance, resource, number}));
            }
        };
        if (at.level() >= Level::instance) {
            if (its->has(at.instance())) list_instance(at.instance());
        } else {
            for (const auto instance : its->instances()) list_instance(instance);
        }
    }
    return nodes;
}

std::vector<Entry> OwnTree::read(const Path& path) const {
    std::vector<Entry> entries;
    for (const auto& [id, its] : objects_) {
        if (path.level() >= Level::object && path.object() != id) continue;
        const auto* model = catalog_.find(id);
        const auto read_instance = [&, &object = *its, object_id = id](InstanceId instance) {
            for (const auto resource : object.resources()) {
                if (path.level() >= Level::resource && path.resource() != resource) continue;
                const auto* definition = model != nullptr ? model->resource(resource) : nullptr;
                if (definition == nullptr || !definition->readable || !object.shows(instance, resource)) continue;
                if (!definition->multiple) {
                    auto value = object.read(instance, resource);
                    if (value.index() != 0)
                        entries.push_back({{"", Path::of({object_id, instance, resource})}, std::move(value), {}});
                    continue;
                }
                for (auto& [number, value] : object.read_multiple(instance, resource))
                    if (path.level() != Level::resource_instance || path.resource_instance() == number)
                        entries.push_back({{"", Path::of({object_id, instance, resource, number})}, std::move(value), {}});
            }
        };
        if (path.level() >= Level::instance) {
            if (its->has(path.instance())) read_instance(path.instance());
        } else {
            for (const auto instance : its->instances()) read_instance(instance);
        }
    }
    return entries;
}

Result<void> OwnTree::write(const Path& at, const std::vector<Entry>& entries, WriteMode mode) {
    std::vector<Change> changes;
    const auto change_of = [&](const Path& resource) -> Change& {
        const auto known = std::find_if(changes.begin(), changes.end(), [&](const Change& c) { return c.path == resource; });
        if (known != changes.end()) return *known;
        changes.push_back({find(resource.object()), resource, {}, {}});
        return changes.back();
    };
    // A multiple resource that is replaced by nothing is meant to be empty.
    if (at.level() == Level::resource && mode == WriteMode::replace)
        if (const auto* model = definition(at); model != nullptr && model->multiple) change_of(at).whole.emplace();
    for (const auto& entry : entries) {
        const Path& path = entry.target.path;
        const auto* its = find(path.object());
        const auto* model = definition(path);
        if (its == nullptr || model == nullptr || !its->has(path.instance()))
            return fail(Errc::not_found, fmt::format("{} does not exist", path.str()));
        Change& change = change_of(path.ancestor(Level::resource));
        if (path.level() == Level::resource) {
            change.value = entry.value;
            continue;
        }
        if (!change.whole) {
            // A single instance that is named by itself comes to the others, whatever the mode.
            const bool anew = mode == WriteMode::replace && at.level() < Level::resource_instance;
            change.whole = anew ? Values{} : its->read_multiple(path.instance(), path.resource());
        }
        Values& whole = *change.whole;
        const auto place = std::lower_bound(whole.begin(), whole.end(), path.resource_instance(),
                                            [](const auto& value, std::uint16_t id) { return value.first < id; });
        if (place != whole.end() && place->first == path.resource_instance())
            place->second = entry.value;
        else
            whole.insert(place, {path.resource_instance(), entry.value});
    }
    for (const Change& c : changes) {
        const auto may = c.whole ? c.object->may_write_multiple(c.path.instance(), c.path.resource(), *c.whole)
                                 : c.object->may_write(c.path.instance(), c.path.resource(), c.value);
        if (!may) return may;
    }
    if (at.level() == Level::instance && mode == WriteMode::replace) {
        auto* its = find(at.object());
        const auto* model = catalog_.find(at.object());
        for (const auto id : its->resources()) {
            const auto* definition = model == nullptr ? nullptr : model->resource(id);
            const Path path = *at.child(id);
            if (definition == nullptr || !definition->writable || !its->shows(at.instance(), id)) continue;
            if (std::any_of(changes.begin(), changes.end(), [&](const Change& c) { return c.path == path; })) continue;
            its->reset(at.instance(), id);
            told(path, its->read(at.instance(), id));
        }
    }
    for (Change& c : changes) {
        const InstanceId instance = c.path.instance();
        if (c.whole) {
            c.object->write_multiple(instance, c.path.resource(), std::move(*c.whole));
            told(c.path, {});
        } else {
            c.object->write(instance, c.path.resource(), c.value);
            told(c.path, c.value);
        }
    }
    return {};
}

Result<void> OwnTree::execute(const Path& path, const std::string& arguments) {
    auto* its = find(path.object());
    if (its == nullptr) return fail(Errc::not_found, "no such object");
    return its->execute(path.instance(), path.resource(), arguments);
}

Result<InstanceId> OwnTree::create(const Path& path, const std::vector<Entry>& entries) {
    auto* its = find(path.object());
    if (its == nullptr) return fail(Errc::not_found, "no such object");
    return its->create(path.level() == Level::instance ? std::optional(path.instance()) : std::nullopt, entries);
}

Result<void> OwnTree::remove(const Path& path) {
    auto* its = find(path.object());
    if (its == nullptr) return fail(Errc::not_found, "no such object");
    if (path.level() == Level::instance) return its->remove(path.instance());
    Values whole = its->read_multiple(path.instance(), path.resource());
    const auto before = whole.size();
    std::erase_if(whole, [&](const auto& value) { return value.first == path.resource_instance(); });
    if (whole.size() == before) return fail(Errc::not_found, "no such resource instance");
    if (auto may = its->may_write_multiple(path.instance(), path.resource(), whole); !may) return may;
    its->write_multiple(path.instance(), path.resource(), std::move(whole));
    told(path.parent(), {});
    return {};
}

}  // namespace gateway::own_objects
