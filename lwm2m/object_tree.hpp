#pragma once

#include "lwm2m/object_catalog.hpp"
#include "lwm2m/value.hpp"

#include <functional>
#include <string>
#include <vector>

namespace lwm2m {

template <class T>
using Done = std::function<void(Result<T>)>;

enum class WriteMode : std::uint8_t { replace, partial };

/// What the engine asks of the world: the gateway's own tree (empty prefix) and one tree for each end device.
/// Call-backs may come at once or much later, always on the core loop, always exactly once.
class ObjectTree {
public:
    /// False: no such prefix (4.04). The empty prefix is always there.
    virtual bool has(std::string_view prefix) const = 0;
    /// Version of an object of that tree; null: the tree does not have the object.
    virtual const ObjectDef* object(std::string_view prefix, ObjectId) const = 0;
    /// Nodes that exist strictly below `at`, down to resources (and resource instances of multiple ones), by path.
    /// Empty also when `at` does not exist: ask exists().
    virtual std::vector<Path> list(const Target& at) const = 0;
    virtual bool exists(const Target&) const = 0;
    /// Of a resource (or resource instance) that exists or could be written; null: the object has no such resource.
    virtual const ResourceDef* definition(const Target&) const = 0;

    /// Readable values at or below the target, ordered by path; never the unreadable ones. `target` exists and, at
    /// resource level, is readable. Empty is a fine answer.
    virtual void read(const Target&, Done<std::vector<Entry>>) = 0;
    /// All or nothing as far as the devices allow. Entries are checked: they exist or may be made, are writable, and
    /// have the right type. `at`: what the request named (an instance with replace resets what is not listed).
    virtual void write(const Target& at, std::vector<Entry>, WriteMode, Done<void>) = 0;
    /// `arguments` as on the wire, syntax already checked.
    virtual void execute(const Target&, std::string arguments, Done<void>) = 0;
    /// Errc::not_allowed where nothing can be created.
    virtual void create(const Target&, std::vector<Entry>, Done<InstanceId>) = 0;
    virtual void remove(const Target&, Done<void>) = 0;

protected:
    ~ObjectTree() = default;
};

}  // namespace lwm2m
