#pragma once

#include "gateway/base/node.hpp"
#include "lwm2m/object_catalog.hpp"
#include "mapping/plan.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mapping {

/// Where a `to` or `execute` leads.
struct Goal {
    lwm2m::Path path;  ///< resource, or an instance of a multiple resource
    const lwm2m::ObjectDef* object = nullptr;
    const lwm2m::ResourceDef* resource = nullptr;
    bool whole_instance = false;  ///< `to: 3303/0`: the companions come along
    /// "3303/0/5700 (Temperature, Sensor Value)"
    std::string str() const;
};

/// What a server will see of one device type; holds everything against the object definitions.
class ResourceTable {
public:
    ResourceTable(const lwm2m::ObjectCatalog& catalog, base::Diagnostics& diagnostics)
        : catalog_(&catalog), diagnostics_(&diagnostics) {}

    /// The goal of a point: an object instance (its main value), a resource, or a resource instance. Reports everything
    /// that makes it impossible.
    std::optional<Goal> value_goal(base::Fields& point, std::string_view key);
    /// The goal of an action: an executable resource.
    std::optional<Goal> execute_goal(base::Fields& action, std::string_view key);
    /// Reports two on one resource. `who`: "point 'power'".
    void add(const Goal&, Resource, const base::SourceLoc& at, std::string who);

    struct Companions {
        std::uint16_t point = 0;
        std::string unit;
        std::optional<std::pair<double, double>> range;
        std::string application{};  ///< what the instance is: "phase 1"
    };
    /// What `to: 3303/0` brings by itself, where the object has it and nobody else maps it. After all add().
    void add_companions(const Goal&, const Companions&, const base::SourceLoc& at);
    /// A resource of object 3 that the gateway provides, unless a point or an action does.
    void add_device(std::uint16_t resource, Resource);
    bool has(const lwm2m::Path& path) const { return entries_.find(path) != entries_.end(); }
    const lwm2m::ObjectCatalog& catalog() const { return *catalog_; }

    /// By path.
    std::vector<Resource> take();

private:
    struct Entry {
        Resource resource;
        base::SourceLoc at;
        std::string who;
    };
    std::optional<Goal> object_of(base::Fields&, std::string_view key);
    void add_companion(const Goal&, std::uint16_t resource, Source, std::uint16_t point, const base::SourceLoc& at,
                       lwm2m::Value fixed = {});

    const lwm2m::ObjectCatalog* catalog_;
    base::Diagnostics* diagnostics_;
    std::map<lwm2m::Path, Entry> entries_;
};

}  // namespace mapping
