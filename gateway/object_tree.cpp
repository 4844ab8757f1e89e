#include "gateway/object_tree.hpp"

#include <algorithm>

namespace gateway {

using base::Errc;
using base::fail;
using base::Result;
using lwm2m::Entry;
using lwm2m::Path;
using lwm2m::Target;
using lwm2m::Value;
using mapping::Source;
using Level = Path::Level;

ObjectTree::ObjectTree(const lwm2m::ObjectCatalog& catalog, EndDevices& devices, ValueStore& store, LinkHost& links,
                       Broker& broker, base::Timers& timers)
    : devices_(devices), store_(store), links_(links), broker_(broker), timers_(timers), own_(catalog) {
    own_.on_changed = [this](const Path& path, const Value& value) {
        if (on_own_changed) on_own_changed(path, value);
    };
}

bool ObjectTree::has(std::string_view prefix) const { return prefix.empty() || devices_.by_prefix(prefix) != EndDevices::none; }

const lwm2m::ObjectDef* ObjectTree::object(std::string_view prefix, lwm2m::ObjectId id) const {
    if (prefix.empty()) return own_.object(id);
    const DeviceIndex d = devices_.by_prefix(prefix);
    return d == EndDevices::none ? nullptr : devices_.at(d).info->object(id);
}

const lwm2m::ResourceDef* ObjectTree::definition(const Target& target) const {
    if (target.prefix.empty()) return own_.definition(target.path);
    const auto* its = object(target.prefix, target.path.object());
    return its != nullptr && target.path.level() >= Level::resource ? its->resource(target.path.resource()) : nullptr;
}

// ---- what there is

bool ObjectTree::exists(const Target& target) const {
    const Path& path = target.path;
    if (target.prefix.empty()) return own_.exists(path);
    const DeviceIndex d = devices_.by_prefix(target.prefix);
    if (d == EndDevices::none) return false;
    if (path.level() == Level::root) return true;
    const auto& info = *devices_.at(d).info;
    const auto [first, last] = info.range(path);
    if (first != last) return true;
    if (path.level() != Level::resource_instance) return false;
    const auto [parent, end] = info.range(path.parent());
    return parent != end && info.type->resources[parent].source == Source::error_code &&
           path.resource_instance() < errors(devices_.at(d)).size();
}

std::vector<Path> ObjectTree::list(const Target& at) const {
    if (at.prefix.empty()) return own_.list(at.path);
    std::vector<Path> nodes;
    if (!at.prefix.empty()) {
        const DeviceIndex d = devices_.by_prefix(at.prefix);
        if (d == EndDevices::none) return nodes;
        const auto& info = *devices_.at(d).info;
        const auto [first, last] = info.range(at.path);
        Path previous;
        for (std::size_t i = first; i < last; ++i) {
            const auto& resource = info.type->resources[i];
            // A parent is named before its first child.
            for (const Level level : {Level::object, Level::instance, Level::resource}) {
                if (level <= at.path.level() || level > resource.path.level()) continue;
                const Path ancestor = resource.path.ancestor(level);
                if (i == first || previous.ancestor(level) != ancestor) nodes.push_back(ancestor);
            }
            if (resource.path.level() == Level::resource_instance && at.path.level() < Level::resource_instance)
                nodes.push_back(resource.path);
            if (resource.source == Source::error_code && at.path.level() < Level::resource_instance)
                for (std::uint32_t k = 0; k < errors(devices_.at(d)).size(); ++k) nodes.push_back(*resource.path.child(k));
            previous = resource.path;
        }
        return nodes;
    }
    return nodes;
}

// ---- read

Value ObjectTree::value(const EndDevice& device, const mapping::Resource& resource) const {
    switch (resource.source) {
        case Source::fixed: return resource.fixed;
        case Source::point: return store_.at(device.first_reading + resource.number).value;
        case Source::minimum:
        case Source::maximum: {
            const Extremes& e = store_.extremes(device.first_extreme + device.info->extremes_slot[resource.number]);
            if (!e.known()) return {};
            const auto value = lwm2m::coerce(resource.source == Source::minimum ? e.least : e.most, resource.definition->type);
            return value ? *value : Value{};
        }
        case Source::quality:
            return static_cast<std::int64_t>(Intake::told(store_.at(device.first_reading + resource.number), device.presence));
        case Source::timestamp: {
            const Stored& stored = store_.at(device.first_reading + resource.number);
            if (stored.quality == mapping::Quality::never) return {};
            return static_cast<std::int64_t>(
                std::chrono::duration_cast<std::chrono::seconds>(stored.at.time_since_epoch()).count());
        }
        case Source::error_code: return errors(device).front();
        case Source::reset_min_max:
        case Source::action:
        case Source::refused: break;
    }
    return {};
}

std::vector<std::int64_t> ObjectTree::errors(const EndDevice& device) const {
    if (device.presence == Presence::offline) return {8};  // peripheral malfunction
    std::vector<std::int64_t> codes;
    for (const auto& error : device.info->type->errors) {
        const Stored& stored = store_.at(device.first_reading + error.point);
        const auto number = stored.quality == mapping::Quality::good ? lwm2m::numeric(stored.value) : std::nullopt;
        const auto* flag = std::get_if<bool>(&stored.value);
        const bool holds = stored.quality == mapping::Quality::good && ((flag != nullptr && *flag) || (number && *number != 0));
        if (holds && std::find(codes.begin(), codes.end(), error.code) == codes.end()) codes.push_back(error.code);
    }
    if (codes.empty()) codes.push_back(0);
    return codes;
}

void ObjectTree::collect(const EndDevice& device, const Target& target, std::vector<Entry>& entries) const {
    const auto [first, last] = device.info->range(target.path);
    for (std::size_t i = first; i < last; ++i) {
        const auto& resource = device.info->type->resources[i];
        if (!resource.definition->readable) continue;
        if (resource.source == Source::error_code) {
            const auto codes = errors(device);
            for (std::uint32_t k = 0; k < codes.size(); ++k)
                entries.push_back({{target.prefix, *resource.path.child(k)}, codes[k], {}});
            continue;
        }
        auto its = value(device, resource);
        if (its.index() == 0) continue;
        Entry entry{{target.prefix, resource.path}, std::move(its), {}};
        if (resource.source == Source::point) entry.at = store_.at(device.first_reading + resource.number).at;
        entries.push_back(std::move(entry));
    }
    // An instance of 3/0/11 can be named by itself.
    if (first == last && target.path.level() == Level::resource_instance && exists(target))
        entries.push_back({target, errors(device)[target.path.resource_instance()], {}});
}

void ObjectTree::read(const Target& target, lwm2m::Done<std::vector<Entry>> done) {
    if (target.prefix.empty()) {
        done(own_.read(target.path));
        return;
    }
    const DeviceIndex d = devices_.by_prefix(target.prefix);
    if (d == EndDevices::none) {
        done(fail(Errc::not_found, fmt::format("no device has the prefix '{}'", target.prefix)));
        return;
    }
    read_device(d, target, std::move(done));
}

void ObjectTree::read_device(DeviceIndex d, const Target& target, lwm2m::Done<std::vector<Entry>> done) {
    const EndDevice& device = devices_.at(d);
    const auto [first, last] = device.info->range(target.path);
    std::vector<PointNumber> wanted;
    bool stored = false;
    for (std::size_t i = first; i < last; ++i) {
        // Quality and time tell what is stored; the value itself must be up to date before it is told.
        const auto& resource = device.info->type->resources[i];
        if (resource.source != Source::point) continue;
        const std::size_t before = wanted.size();
        broker_.stale(d, resource.number, wanted);
        if (wanted.size() == before) stored = true;
    }

    const bool single = target.path.level() >= Level::resource;
    if (wanted.empty()) {
        std::vector<Entry> entries;
        entries.reserve(last - first);
        collect(device, target, entries);
        if (single && entries.empty() && first != last) {
            // There is such a resource, but nothing to say: the sensor says "not available", or nothing was ever heard.
            done(fail(device.presence == Presence::offline ? Errc::offline : Errc::busy,
                      fmt::format("'{}' has no value for {} now", device.spec->id, target.path.str())));
            return;
        }
        done(std::move(entries));
        return;
    }
    // A device that does not answer is probed at its own pace, not at that of those who ask for it: each try costs its
    // neighbours a time-out.
    const bool resting = device.presence == Presence::offline && timers_.now() < device.next_try;
    const auto up =
        resting ? Result<void>(fail(Errc::offline, fmt::format("'{}' is away", device.spec->id))) : links_.available(d);
    if (!up && (single || !device.info->type->health.keep_value_offline)) {
        done(tl::unexpected(up.error()));
        return;
    } else if (!up) {
        wanted.clear();
        std::vector<Entry> entries;
        collect(device, target, entries);
        done(std::move(entries));
        return;
    }
    std::sort(wanted.begin(), wanted.end());
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    broker_.refresh(
        d, wanted,
        [this, d, serial = device.serial, target, single, stored, done = std::move(done)](std::vector<Result<void>> results) {
            if (!devices_.has(d) || devices_.at(d).serial != serial) {
                done(fail(Errc::not_found, fmt::format("the device '{}' went", target.prefix)));
                return;
            }
            const EndDevice& its = devices_.at(d);
            bool any = stored;
            const base::Error* error = nullptr;
            for (const auto& result : results) {
                if (result)
                    any = true;
                else if (error == nullptr)
                    error = &result.error();
            }
            // Of an instance or object, what can be read is answered; nothing but silence is the device's error.
            if (error != nullptr && (single || !any)) {
                done(tl::unexpected(*error));
                return;
            }
            std::vector<Entry> entries;
            collect(its, target, entries);
            if (single && entries.empty()) {
                done(fail(Errc::busy, fmt::format("'{}' says that {} is not available now", its.spec->id, target.path.str())));
                return;
            }
            done(std::move(entries));
        });
}

// ---- write, execute

struct ObjectTree::Writes {
    struct One {
        DeviceIndex device;
        std::uint32_t serial;
        PointNumber point;
        adapters::Scalar raw;
        lwm2m::Value value;
    };
    std::vector<One> all;
    std::size_t next = 0;
    lwm2m::Done<void> done;
};

void ObjectTree::write(const Target& at, std::vector<Entry> entries, lwm2m::WriteMode mode, lwm2m::Done<void> done) {
    auto writes = std::make_shared<Writes>();
    std::vector<Entry> own_entries;
    // First every check, then the first frame: a refused value changes nothing anywhere.
    for (auto& entry : entries) {
        if (entry.target.prefix.empty()) {
            own_entries.push_back(std::move(entry));
            continue;
        }
        const DeviceIndex d = devices_.by_prefix(entry.target.prefix);
        if (d == EndDevices::none) {
            done(fail(Errc::not_found, fmt::format("no device has the prefix '{}'", entry.target.prefix)));
            return;
        }
        const EndDevice& device = devices_.at(d);
        const auto [first, last] = device.info->range(entry.target.path);
        if (first == last) {
            done(fail(Errc::not_found, fmt::format("{} does not exist", entry.target.str())));
            return;
        }
        const auto& resource = device.info->type->resources[first];
        if (resource.source != Source::point || !resource.writable) {
            done(fail(Errc::not_allowed, fmt::format("{} is not writable at this device", entry.target.str())));
            return;
        }
        const auto& point = device.info->type->points[resource.number];
        auto raw = broker_.raw(d, resource.number, entry.value);
        if (!raw) {
            done(tl::unexpected(base::in(entry.target.str(), raw.error())));
            return;
        }
        if (const auto up = links_.available(d); !up && !point.keep) {
            done(tl::unexpected(up.error()));
            return;
        }
        writes->all.push_back({d, device.serial, resource.number, std::move(*raw), std::move(entry.value)});
    }
    if (!own_entries.empty() || (at.prefix.empty() && writes->all.empty()))
        if (auto written = own_.write(at.path, own_entries, mode); !written) {
            done(written);
            return;
        }
    writes->done = std::move(done);
    write_next(writes);
}

void ObjectTree::write_next(std::shared_ptr<Writes> writes) {
    if (writes->next == writes->all.size()) {
        writes->done({});
        return;
    }
    auto& one = writes->all[writes->next++];
    if (!devices_.has(one.device) || devices_.at(one.device).serial != one.serial) {
        writes->done(fail(Errc::offline, "the device was changed by a reload before its turn came"));
        return;
    }
    broker_.write(one.device, one.point, std::move(one.raw), one.value, [this, writes](Result<void> written) {
        if (!written)
            writes->done(written);
        else
            write_next(writes);
    });
}

void ObjectTree::execute(const Target& target, std::string arguments, lwm2m::Done<void> done) {
    if (target.prefix.empty()) {
        done(own_.execute(target.path, arguments));
        return;
    }
    const DeviceIndex d = devices_.by_prefix(target.prefix);
    const auto [first, last] =
        d == EndDevices::none ? std::pair<std::size_t, std::size_t>{} : devices_.at(d).info->range(target.path);
    if (first == last) {
        done(fail(Errc::not_found, fmt::format("{} does not exist", target.str())));
        return;
    }
    const EndDevice& device = devices_.at(d);
    const auto& resource = device.info->type->resources[first];
    switch (resource.source) {
        case Source::reset_min_max: {
            store_.reset_extremes(device.first_extreme + device.info->extremes_slot[resource.number]);
            // From now on: the present value is the least and the greatest.
            const Stored& stored = store_.at(device.first_reading + resource.number);
            if (stored.quality == mapping::Quality::good)
                if (const auto number = lwm2m::numeric(stored.value))
                    store_.widen(device.first_extreme + device.info->extremes_slot[resource.number], *number);
            if (on_changed)
                for (const auto shown : device.info->resources_of[resource.number])
                    if (const auto source = device.info->type->resources[shown].source;
                        source == Source::minimum || source == Source::maximum)
                        on_changed(d, shown);
            done({});
            return;
        }
        case Source::action: {
            auto steps = device.info->type->actions[resource.number].bind(arguments);
            if (!steps) {
                done(tl::unexpected(steps.error()));
                return;
            }
            if (const auto up = links_.available(d); !up) {
                done(tl::unexpected(up.error()));
                return;
            }
            broker_.run(d, resource.number, std::move(*steps), std::move(done));
            return;
        }
        case Source::refused:
            done(fail(Errc::not_supported, fmt::format("'{}' cannot do {}", device.spec->id, resource.definition->name)));
            return;
        default: done(fail(Errc::not_allowed, "nothing to execute")); return;
    }
}

void ObjectTree::create(const Target& target, std::vector<Entry> entries, lwm2m::Done<lwm2m::InstanceId> done) {
    if (target.prefix.empty()) return done(own_.create(target.path, entries));
    done(fail(Errc::not_allowed, "instances are made by the mapping, not by a server"));
}

void ObjectTree::remove(const Target& target, lwm2m::Done<void> done) {
    if (target.prefix.empty()) return done(own_.remove(target.path));
    done(fail(Errc::not_allowed, "instances are removed by the mapping, not by a server"));
}

}  // namespace gateway
