#pragma once

#include "gateway/base/diagnostics.hpp"
#include "lwm2m/value.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace lwm2m {

/// Object version, "1.2" (OMA Core 1.2 7.2).
struct Version {
    std::uint8_t major = 1, minor = 0;
    static Result<Version> parse(std::string_view text);
    std::string str() const;
    friend auto operator<=>(const Version&, const Version&) = default;
};

struct ResourceDef {
    ResourceId id = 0;
    std::string name;
    bool readable = false, writable = false, executable = false;
    bool multiple = false, mandatory = false;
    Type type = Type::none;
    std::optional<double> least, most;  // of the number; octets for string and opaque
    std::string unit;                   // SenML symbol, may be empty
};

struct ObjectDef {
    ObjectId id = 0;
    std::string name;
    Version version, enabler;  // of the object; least version of LwM2M that knows it
    bool multiple = false, mandatory = false;
    std::vector<ResourceDef> resources;  // by id
    const ResourceDef* resource(ResourceId id) const;
};

/// What objects look like. Starts with those that this gateway serves itself (own words, compiled in); definition files
/// (OMA's DDF schema) may add to it or replace.
class ObjectCatalog {
public:
    static ObjectCatalog builtin();

    const ObjectDef* find(ObjectId id) const;
    const ResourceDef* find(const Path& path) const;  // at resource level or below
    void add(ObjectDef object);                       // replaces one of the same id
    std::size_t size() const { return objects_.size(); }

    /// One definition file. Errc::bad_request with "file: what; remedy". A DTD is refused (no external entities).
    static Result<ObjectDef> parse_xml(std::string_view text, std::string_view file);
    /// All `*.xml` of a folder and the folders in it. A file that is no single definition (DDF.xml, Common.xml) or is
    /// broken is refused by name in `refused`; the newest version of an object wins. Returns how many were loaded.
    std::size_t load_folder(const std::string& folder, std::vector<std::string>& refused);

private:
    std::map<ObjectId, ObjectDef> objects_;
};

}  // namespace lwm2m
