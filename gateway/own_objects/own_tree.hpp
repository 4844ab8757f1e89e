#pragma once

#include "gateway/own_objects/own_object.hpp"

#include <map>
#include <memory>

namespace gateway::own_objects {

/// The gateway's own objects as a part of the ObjectTree: what stands at paths without a prefix.
class OwnTree {
public:
    explicit OwnTree(const lwm2m::ObjectCatalog& catalog) : catalog_(catalog) {}

    void add(std::unique_ptr<OwnObject>);
    /// Called for each resource that a server's request changed; monostate: look at it anew.
    std::function<void(const lwm2m::Path&, const Value&)> on_changed;

    const lwm2m::ObjectDef* object(lwm2m::ObjectId) const;
    const lwm2m::ResourceDef* definition(const lwm2m::Path&) const;
    bool exists(const lwm2m::Path&) const;
    std::vector<lwm2m::Path> list(const lwm2m::Path& at) const;
    std::vector<lwm2m::Entry> read(const lwm2m::Path&) const;
    /// All of it or, with the reason, nothing.
    Result<void> write(const lwm2m::Path& at, const std::vector<lwm2m::Entry>&, lwm2m::WriteMode);
    Result<void> execute(const lwm2m::Path&, const std::string& arguments);
    Result<InstanceId> create(const lwm2m::Path&, const std::vector<lwm2m::Entry>&);
    Result<void> remove(const lwm2m::Path&);

private:
    OwnObject* find(lwm2m::ObjectId) const;
    void told(const lwm2m::Path& path, const Value& value) const {
        if (on_changed) on_changed(path, value);
    }

    const lwm2m::ObjectCatalog& catalog_;
    std::map<lwm2m::ObjectId, std::unique_ptr<OwnObject>> objects_;
};

}  // namespace gateway::own_objects
