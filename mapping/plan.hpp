#pragma once

#include "adapters/api/adapter.hpp"
#include "lwm2m/object_catalog.hpp"
#include "mapping/conversion.hpp"

#include <memory>
#include <string>
#include <variant>
#include <vector>

/// What the files mean, ready to run: nothing in here can fail for a reason that the files could have told.
namespace mapping {

using base::Milliseconds;
using base::SourceLoc;

constexpr adapters::PointIndex no_index = 0xFFFF;

/// A point of a device type. Its place in DeviceType::points is its number everywhere in the gateway.
struct PointSpec {
    std::string name;
    adapters::PointIndex index = 0;       ///< the adapter's number; no_index: has no address, is worked out of `inputs`
    std::vector<std::uint16_t> inputs{};  ///< points whose readings it needs (`calc`, `exponent`), by number
    Conversion conversion;
    bool readable = true, writable = false;
    Milliseconds period{};                 ///< 0: comes by itself, or only at start
    bool at_start = false;                 ///< read at start and after each absence
    Milliseconds max_age{};                ///< a younger reading answers a server's read
    std::optional<Milliseconds> verify{};  ///< read back until then before a write counts as done
    SourceLoc at;
};

/// Where a resource's value comes from.
enum class Source : std::uint8_t {
    fixed,  ///< Resource::fixed
    point,  ///< the reading of points[number]
    minimum,
    maximum,        ///< least and greatest good reading of points[number] since start or reset
    reset_min_max,  ///< executable: forgets them for points[number]
    quality,        ///< 6042 of points[number]
    timestamp,      ///< 5518 of points[number]
    action,         ///< executable: actions[number]
    error_code,     ///< 3/0/11: 0, or 8 while the device is offline; multiple resource with one instance
    refused         ///< executable that the device cannot do: 5.01 (3/0/4 of a meter without reboot)
};
struct Resource {
    lwm2m::Path path;  ///< resource level; resource-instance level for a fixed part of a multiple resource (3/0/6/0)
    const lwm2m::ResourceDef* definition = nullptr;  ///< in the catalog, which outlives the plan
    Source source = Source::fixed;
    std::uint16_t number = 0;
    bool writable = false;  ///< the profile has `write` (and the definition allows it)
    lwm2m::Value fixed{};
};

struct WriteStep {
    adapters::PointIndex index;
    adapters::Scalar value;
};
struct WaitStep {
    Milliseconds span;
};
struct ExpectStep {
    adapters::PointIndex index;
    adapters::Scalar equals;
    Milliseconds within;
};
using Step = std::variant<WriteStep, WaitStep, ExpectStep>;
struct Action {
    std::string name;
    std::vector<Step> steps;
    Milliseconds deadline{};  ///< of the whole, from the steps' spans
};

struct Health {
    unsigned misses = 3;  ///< polls without an answer until the device is offline
    Milliseconds retry_first{2000}, retry_max{60000};
    bool keep_value_offline = true;  ///< offline_value: last
};

/// A profile with its parameters; shared by all devices that are alike.
struct DeviceType {
    std::string profile;  ///< "acme/em24@3"
    std::string title;
    std::string protocol;
    std::vector<PointSpec> points;
    std::vector<Resource> resources;  ///< by path; what the server sees
    std::vector<Action> actions;
    Health health;
};

struct Device {
    std::string id;      ///< 25/x/0
    std::string prefix;  ///< as the site says; empty: given by the gateway and kept
    std::size_t link = 0;
    adapters::DeviceId number = 0;  ///< the adapter's
    std::shared_ptr<const DeviceType> type;
    SourceLoc at;
};

struct Link {
    std::string name;     ///< as in gateway.yaml; the address where a device brought its own
    std::string adapter;  ///< "modbus"
    std::unique_ptr<adapters::Adapter> driver;
    SourceLoc at;
};

struct Plan {
    std::vector<Link> links;
    std::vector<Device> devices;  ///< in the order of the files
    /// What `explain` prints: links, their devices, the requests of each period, the object tree of each device.
    std::string str() const;
};

}  // namespace mapping
