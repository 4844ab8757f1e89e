#pragma once

#include "adapters/api/adapter.hpp"
#include "lwm2m/object_catalog.hpp"
#include "mapping/conversion.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// What the files mean, ready to run: nothing in here can fail for a reason that the files could have told.
namespace mapping {

using base::Milliseconds;
using base::SourceLoc;

constexpr adapters::PointIndex no_index = 0xFFFF;

struct Formula;  ///< mapping/formula.hpp
struct Wiring;   ///< mapping/evaluator.hpp

/// A point of a device type. Its place in DeviceType::points is its number everywhere in the gateway.
struct PointSpec {
    std::string name;
    adapters::PointIndex index = 0;  ///< the adapter's number; no_index: has no address, is worked out of `inputs`
    /// Where a write goes: `index`, or the register of `write.at`. no_index: it cannot be written.
    adapters::PointIndex write_index = no_index;
    /// Points with an address whose values go into this one (`calc`, `exponent`), however indirectly, by number, each
    /// once, without the point itself. It is as fresh as the oldest of them and itself.
    std::vector<std::uint16_t> inputs{};
    Conversion conversion;
    /// What the conversion alone does not know (`calc`, `exponent`, `monotonic`): such a point goes through an
    /// Evaluator. Null for an ordinary point.
    std::shared_ptr<const Formula> formula{};
    bool readable = true, writable = false;
    Milliseconds period{};                 ///< 0: comes by itself, or only at start
    bool at_start = false;                 ///< read at start and after each absence
    Milliseconds max_age{};                ///< a younger reading answers a server's read
    std::optional<Milliseconds> verify{};  ///< read back until then before a write counts as done
    unsigned tries = 1;                    ///< how often a write is sent that does not read back in time, 1 to 10
    std::optional<Milliseconds> keep{};    ///< a write waits so long for a device that is away, 1 s to 1 h; else refused
    double deadband = 0;                   ///< a good number that moved less than this is no news; 0: any change is
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
    error_code,     ///< 3/0/11: 8 while the device is offline, else the codes of DeviceType::errors that hold, else 0
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

/// A step's value with `${arg.0}` in it.
struct Blank {
    std::string text;       ///< as written, references included
    Conversion conversion;  ///< into the type that the device has there
};
struct WriteStep {
    adapters::PointIndex index;
    adapters::Scalar value;
    std::shared_ptr<const Blank> blank{};  ///< not null: Action::bind() makes the value
};
struct WaitStep {
    Milliseconds span;
};
struct ExpectStep {
    adapters::PointIndex index;
    adapters::Scalar equals;
    Milliseconds within;
    std::shared_ptr<const Blank> blank{};
};
using Step = std::variant<WriteStep, WaitStep, ExpectStep>;
/// What an Execute may bring: `args: {0: {type: int, min: 1, max: 10}}`.
struct Argument {
    enum class Kind : std::uint8_t { boolean, integer, number, text };
    std::uint8_t number = 0;  ///< 0 to 9
    Kind kind = Kind::text;
    std::optional<double> least, most;    ///< of numbers; of text its bytes
    std::optional<std::string> fallback;  ///< `default`, as written; nothing: must be given
};
struct Action {
    std::string name;
    std::vector<Step> steps;
    Milliseconds deadline{};            ///< of the whole, from the steps' spans
    std::vector<Argument> arguments{};  ///< by number
    /// The steps of one Execute. `text` is its payload as LwM2M writes it: 0='12',1. Errc::bad_request, with the limit in
    /// the text: an argument that is missing, not declared, out of range or too much for the device.
    base::Result<std::vector<Step>> bind(std::string_view text) const;
};

struct Health {
    unsigned misses = 3;  ///< polls without an answer until the device is offline
    Milliseconds retry_first{2000}, retry_max{60000};
    bool keep_value_offline = true;         ///< offline_value: last
    std::optional<Milliseconds> silence{};  ///< offline when nothing was heard for so long, 1 s to 30 d
    std::optional<Milliseconds> forget{};   ///< taken out of object 25 after so long offline, 1 min to 10 years
    std::optional<std::uint16_t> probe{};   ///< the point (with an address) that is read while it is offline
};

/// `errors: {hot: 16}`: the code is told while the point's good value is true or a number other than 0.
struct ErrorCode {
    std::uint16_t point = 0;
    std::uint8_t code = 0;  ///< 1 to 32
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
    std::vector<ErrorCode> errors{};         ///< of 3/0/11, in the order of the file
    std::shared_ptr<const Wiring> wiring{};  ///< null: no point needs an Evaluator
};

struct Device {
    std::string id;      ///< 25/x/0
    std::string prefix;  ///< as the site says; empty: given by the gateway and kept
    std::string name{};  ///< for people; may be empty
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

/// One entry of `discover:`: what is found on a link becomes a device, once approved.
struct Rule {
    enum class Approve : std::uint8_t { manual, automatic, allowlist };
    /// One parameter of the devices it makes. A text parameter's value stays text: "0012" is no number.
    struct Setting {
        std::string name;
        base::Node value;  ///< may hold `${fact}`; for `optional` exactly that
        bool text = false;
        bool optional = false;  ///< taken from the fact of the same name, if the find has one; else the default stands
    };

    std::string name;  ///< unlike all others
    std::size_t link = 0;
    adapters::RuleId number = 0;  ///< the adapter's, on that link
    std::string profile;          ///< "acme/em24@3"
    Approve approve = Approve::manual;
    std::vector<std::string> allow;  ///< patterns with * and ?
    std::size_t limit = 100;         ///< devices that it may have made, 1 to 10,000
    SourceLoc at;
    std::string link_name, id;  ///< id with its `${…}`
    std::vector<Setting> set{};

    /// The device as it would stand under `devices:` of a site file: id, profile, link, the keys that lead to it (unit,
    /// address) and `set`. `${…}` are the find's facts and site keys, and `${key}`. Errc::bad_request when a fact is
    /// missing, or is nothing that may stand there (control characters, over 128 bytes, another `${`).
    base::Result<base::Node> device(const adapters::Found&) const;
    /// For `allowlist`: a pattern fits the find's key, the value of one of its site keys, or the id that it would get.
    bool allows(const adapters::Found&) const;
};

struct Plan {
    std::vector<Link> links;
    std::vector<Device> devices;  ///< in the order of the files
    std::vector<Rule> rules{};    ///< likewise
    /// What `explain` prints: links, their devices, the requests of each period, the object tree of each device, the
    /// rules of discovery.
    std::string str() const;
};

}  // namespace mapping
