#pragma once

#include "lwm2m/object_tree.hpp"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace fakes {

/// "RW", "R", "E"; for short object definitions in tests.
inline lwm2m::ResourceDef resource(lwm2m::ResourceId id, std::string_view operations, lwm2m::Type type, bool multiple = false,
                                   bool mandatory = false) {
    lwm2m::ResourceDef definition;
    definition.id = id;
    definition.readable = operations.find('R') != std::string_view::npos;
    definition.writable = operations.find('W') != std::string_view::npos;
    definition.executable = operations.find('E') != std::string_view::npos;
    definition.type = definition.executable ? lwm2m::Type::none : type;
    definition.multiple = multiple;
    definition.mandatory = mandatory;
    return definition;
}

/// An ObjectTree on maps. Answers at once, or, after hold(), when release() says so.
class MemoryTree final : public lwm2m::ObjectTree {
public:
    using Path = lwm2m::Path;
    using Target = lwm2m::Target;
    using Value = lwm2m::Value;
    using Entry = lwm2m::Entry;

    // ---- what a test sets up

    void add_object(const std::string& prefix, lwm2m::ObjectDef definition) {
        prefixes_.insert(prefix);
        objects_[{prefix, definition.id}] = std::move(definition);
    }
    /// A resource or resource instance comes to be or gets a new value; monostate for executables and write-only ones.
    void set(std::string_view target, Value value) { values_[at(target)] = std::move(value); }
    void add_instance(std::string_view target) { instances_.insert(at(target)); }
    /// A node and what is below it goes.
    void take_away(std::string_view target) { erase(at(target)); }
    void take_away_prefix(const std::string& prefix) {
        prefixes_.erase(prefix);
        std::erase_if(objects_, [&](const auto& object) { return object.first.first == prefix; });
        erase({prefix, {}});
    }
    /// Reads, writes and executes below `prefix` fail until fail_no_more().
    void fail(const std::string& prefix, lwm2m::Errc code) { failing_[prefix] = code; }
    void fail_no_more(const std::string& prefix) { failing_.erase(prefix); }
    /// A write of several values stops there, with what comes before it done; "" for nowhere.
    void fail_half_way(const std::string& target, lwm2m::Errc code) {
        stop_at_ = target;
        stop_with_ = code;
    }
    void hold() { held_ = true; }
    void release() {
        held_ = false;
        for (auto& call : std::exchange(waiting_, {})) call();
    }
    std::size_t waiting() const { return waiting_.size(); }
    /// Objects of which instances may be created and deleted.
    std::set<lwm2m::ObjectId> creatable;
    /// Called within a write, before it is answered, as the gateway's own objects do.
    std::function<void(const Entry&)> on_write;
    std::vector<std::string> log;  // "write /d01/3306/0/5850=true", "execute /3/0/4 0='x'"
    std::size_t reads = 0;

    const Value* find(std::string_view target) const {
        const auto found = values_.find(at(target));
        return found == values_.end() ? nullptr : &found->second;
    }

    // ---- ObjectTree

    bool has(std::string_view prefix) const override { return prefix.empty() || prefixes_.contains(prefix); }
    const lwm2m::ObjectDef* object(std::string_view prefix, lwm2m::ObjectId id) const override {
        const auto found = objects_.find({std::string(prefix), id});
        return found == objects_.end() ? nullptr : &found->second;
    }
    std::vector<Path> list(const Target& below) const override {
        std::set<Path> nodes;
        const auto add = [&](const Target& node) {
            if (!below.covers(node)) return;
            for (Path path = node.path; path.level() > below.path.level(); path = path.parent()) nodes.insert(path);
        };
        for (const auto& [key, definition] : objects_) add({key.first, Path::of({key.second})});
        for (const Target& instance : instances_) add(instance);
        for (const auto& [target, value] : values_) add(target);
        return {nodes.begin(), nodes.end()};
    }
    bool exists(const Target& target) const override {
        if (target.path.level() == Path::Level::root) return has(target.prefix);
        if (target.path.level() == Path::Level::object) return object(target.prefix, target.path.object()) != nullptr;
        if (instances_.contains(target)) return true;
        const auto found = values_.lower_bound(target);
        return found != values_.end() && target.covers(found->first);
    }
    const lwm2m::ResourceDef* definition(const Target& target) const override {
        const auto* its = object(target.prefix, target.path.object());
        return its == nullptr || target.path.level() < Path::Level::resource ? nullptr : its->resource(target.path.resource());
    }
    void read(const Target& target, lwm2m::Done<std::vector<Entry>> done) override {
        ++reads;
        answer([this, target, done = std::move(done)] {
            if (const auto failing = failing_.find(target.prefix); failing != failing_.end()) {
                done(lwm2m::fail(failing->second, "told to fail"));
                return;
            }
            std::vector<Entry> entries;
            for (auto it = values_.lower_bound(target); it != values_.end() && target.covers(it->first); ++it) {
                const auto* its = definition(it->first);
                if (its != nullptr && its->readable && it->second.index() != 0) entries.push_back({it->first, it->second, {}});
            }
            done(std::move(entries));
        });
    }
    void write(const Target& target, std::vector<Entry> entries, lwm2m::WriteMode mode, lwm2m::Done<void> done) override {
        answer([this, target, entries = std::move(entries), mode, done = std::move(done)] {
            for (const Entry& entry : entries)
                if (const auto failing = failing_.find(entry.target.prefix); failing != failing_.end()) {
                    done(lwm2m::fail(failing->second, "told to fail"));
                    return;
                }
            if (mode == lwm2m::WriteMode::replace)
                std::erase_if(values_, [&](const auto& value) {
                    const auto* its = definition(value.first);
                    return target.covers(value.first) && its != nullptr && its->writable;
                });
            for (const Entry& entry : entries) {
                if (entry.target.str() == stop_at_) {
                    log.push_back("refuse " + entry.target.str());
                    done(lwm2m::fail(stop_with_, "told to fail"));
                    return;
                }
                values_[entry.target] = entry.value;
                log.push_back("write " + entry.target.str() + "=" + lwm2m::str(entry.value));
                if (on_write) on_write(entry);
            }
            done({});
        });
    }
    void execute(const Target& target, std::string arguments, lwm2m::Done<void> done) override {
        answer([this, target, arguments = std::move(arguments), done = std::move(done)] {
            if (const auto failing = failing_.find(target.prefix); failing != failing_.end()) {
                done(lwm2m::fail(failing->second, "told to fail"));
                return;
            }
            log.push_back("execute " + target.str() + (arguments.empty() ? "" : " " + arguments));
            done({});
        });
    }
    void create(const Target& target, std::vector<Entry> entries, lwm2m::Done<lwm2m::InstanceId> done) override {
        if (!creatable.contains(target.path.object())) {
            done(lwm2m::fail(lwm2m::Errc::not_allowed, "nothing can be created"));
            return;
        }
        if (entries.empty()) {
            done(lwm2m::fail(lwm2m::Errc::bad_request, "mandatory resources are missing"));
            return;
        }
        Target instance{target.prefix, target.path};
        for (std::uint16_t id = 0; instance.path.level() == Path::Level::object; ++id)
            if (!exists({target.prefix, *target.path.child(id)})) instance.path = *target.path.child(id);
        instances_.insert(instance);
        for (Entry& entry : entries) {
            Path path = *instance.path.child(entry.target.path.resource());
            if (entry.target.path.level() == Path::Level::resource_instance)
                path = *path.child(entry.target.path.resource_instance());
            values_[{target.prefix, path}] = std::move(entry.value);
        }
        log.push_back("create " + instance.str());
        done(instance.path.instance());
    }
    void remove(const Target& target, lwm2m::Done<void> done) override {
        if (!creatable.contains(target.path.object())) {
            done(lwm2m::fail(lwm2m::Errc::not_allowed, "nothing can be deleted"));
            return;
        }
        erase(target);
        log.push_back("delete " + target.str());
        done({});
    }

private:
    static Target at(std::string_view text) {
        auto target = Target::parse(text);
        if (!target) std::abort();  // a mistake of the test
        return *target;
    }
    void erase(const Target& target) {
        std::erase_if(values_, [&](const auto& value) { return target.covers(value.first); });
        std::erase_if(instances_, [&](const Target& instance) { return target.covers(instance); });
    }
    void answer(std::function<void()> call) {
        if (held_)
            waiting_.push_back(std::move(call));
        else
            call();
    }

    std::set<std::string, std::less<>> prefixes_;
    std::map<std::pair<std::string, lwm2m::ObjectId>, lwm2m::ObjectDef> objects_;
    std::set<Target> instances_;
    std::map<Target, Value> values_;
    std::map<std::string, lwm2m::Errc> failing_;
    std::string stop_at_;
    lwm2m::Errc stop_with_ = lwm2m::Errc::internal;
    bool held_ = false;
    std::deque<std::function<void()>> waiting_;
};

}  // namespace fakes
