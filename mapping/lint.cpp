#include "mapping/lint.hpp"

#include "mapping/conversion_rules.hpp"
#include "mapping/names.hpp"
#include "mapping/units.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace mapping {

using base::Diagnostics;
using base::Node;
using lwm2m::Path;

namespace {

constexpr lwm2m::ObjectId device_object = 3, temperature_object = 3303;
constexpr lwm2m::ResourceId reboot = 4, units_resource = 5701;

const Node* member(const Node& map, std::string_view key) {
    const Node* found = map.kind() == Node::Kind::map ? map.find(key) : nullptr;
    return found != nullptr && found->kind() != Node::Kind::null ? found : nullptr;
}
std::string text(const Node& map, std::string_view key) {
    const Node* found = member(map, key);
    return found != nullptr ? found->written() : "";
}

class Linter {
public:
    Linter(const Node& root, std::string_view file, const lwm2m::ObjectCatalog& catalog, const DeviceType& type)
        : root_(root), file_(file), catalog_(catalog), type_(type) {}

    std::vector<Advice> run() {
        head();
        find_users();
        radio();
        if (const Node* points = member(root_, "points"))
            for (const auto& point : points->members()) look_at(point);
        floats();
        groups();
        actions();
        tests();
        std::sort(advice_.begin(), advice_.end(), [](const Advice& a, const Advice& b) {
            return std::tie(a.at, a.code, a.what) < std::tie(b.at, b.code, b.what);
        });
        return std::move(advice_);
    }

private:
    void add(const base::SourceLoc& at, std::string_view code, std::string what, std::string remedy) {
        advice_.push_back({at, std::string(code), std::move(what), std::move(remedy)});
    }

    /// What such a device says stands in the file, and it does what it is told.
    bool simulated() const { return type_.protocol == "sim"; }

    // -- The head

    void head() {
        const auto& at = root_.at();
        if (text(root_, "title").empty())
            add(at, "no-title", "no 'title'", "say what the device is: title: Acme EM24 three-phase energy meter");
        if (text(root_, "source").empty() && !simulated())
            add(at, "no-source", "no 'source': nobody can check the addresses",
                "name the maker's document and its revision: source: EM24 register map 2.1");
        const Node* device = member(root_, "device");
        if (device == nullptr || member(*device, "manufacturer") == nullptr || member(*device, "model") == nullptr)
            add(device != nullptr ? device->at() : at, "device-unnamed", "object 3 will not tell maker and model",
                "add device: {manufacturer: …, model: …}");
        file_name();
    }

    void file_name() {
        if (file_.empty()) return;
        const Node* name = member(root_, "profile");
        const std::string wanted = name->written();
        const std::string revision = text(root_, "revision");
        const auto is = [&](std::string_view suffix) { return file_ == fmt::format("{}{}.yaml", wanted, suffix); };
        if (!is("") && !is("@" + revision) && !is("-" + revision))
            add(name->at(), "file-name", fmt::format("{} lies in {}", wanted, file_),
                fmt::format("call the file {0}.yaml, or {0}@{1}.yaml beside another revision", wanted, revision));
    }

    // -- What only a radio has

    void radio() {
        if (type_.protocol != "ble") return;
        const auto section = member(root_, "ble");
        const std::string decode = section != nullptr ? text(*section, "decode") : "";
        if ((decode == "bthome" || decode == "mibeacon") && member(*section, "key") == nullptr)
            add(section->at(), "no-key", "a device that encrypts cannot be read",
                "add a parameter key: {type: secret, default: \"\"}, and key: \"${key}\" to the section ble:");
        const bool by_itself = std::any_of(type_.points.begin(), type_.points.end(), [](const PointSpec& point) {
            return point.index != no_index && point.period.count() == 0 && !point.at_start;
        });
        if (by_itself && !type_.health.silence)
            add(root_.at(), "no-silence",
                "nobody would notice that a device of this type is gone: it is not asked for anything",
                "add health: {silence: 15m}, several times what it takes to say something");
    }

    // -- Points

    void find_users() {
        for (std::size_t i = 0; i < type_.points.size(); ++i) numbers_.emplace(type_.points[i].name, i);
        for (const auto& resource : type_.resources)
            if (resource.source == Source::point) shown_.emplace(resource.number, &resource);
        for (const auto& point : type_.points) used_.insert(point.inputs.begin(), point.inputs.end());
        for (const auto& error : type_.errors) {
            used_.insert(error.point);
            const auto& inputs = type_.points[error.point].inputs;
            used_.insert(inputs.begin(), inputs.end());
        }
        if (type_.health.probe) used_.insert(*type_.health.probe);
    }

    void look_at(const Node::Member& written) {
        const auto number = numbers_.find(written.key);
        if (number == numbers_.end()) return;
        const auto& point = type_.points[number->second];
        const auto& node = written.value;
        const auto shown = shown_.find(number->second);
        if (shown == shown_.end()) {
            if (used_.count(number->second) == 0)
                add(written.at, "point-unused", fmt::format("nobody sees point '{}', and nothing uses it", written.key),
                    "add to:, use it in a calc or in device: errors:, or remove it");
            return;
        }
        units(written, point, *shown->second);
        sentinels(written, point, *shown->second);
        if (point.writable && point.readable && !point.verify && !simulated())
            add(written.at, "write-unverified",
                fmt::format("a write of '{}' counts as done when the device accepts it, not when it does it", written.key),
                "add write: {verify: 500ms}");
        if (point.writable) writable_.emplace(shown->second->path, written.at);
        const bool its_own_type = is_float(point) && member(node, "type") != nullptr;  // else the format's, which has one order
        if (its_own_type && member(node, "range") != nullptr) float_is_checked_ = true;
        if (its_own_type && !first_float_) first_float_ = &written;
    }

    static bool is_float(const PointSpec& point) {
        const auto kind = point.conversion.rules().kind;
        return kind == adapters::Kind::float16 || kind == adapters::Kind::float32 || kind == adapters::Kind::float64;
    }

    void units(const Node::Member& point, const PointSpec& spec, const Resource& resource) {
        const auto& rules = spec.conversion.rules();
        const std::string written = text(point.value, "unit");
        const std::string& unit = written.empty() ? rules.unit : written;
        const auto* object = catalog_.find(resource.path.object());
        const auto goal = resource.path.str().substr(1);
        if (unit.empty()) {
            const bool number = resource.definition->type == lwm2m::Type::floating;
            if (number && whole_instance(point) && object != nullptr && object->resource(units_resource) != nullptr &&
                !has(resource.path.ancestor(Path::Level::instance), units_resource))
                add(point.at, "unit-missing", fmt::format("'{}' has no unit, and {} shows one (5701)", point.key, object->name),
                    "add unit: with a SenML unit such as Cel, W, V; / for what has none");
            return;
        }
        const Node* node = written.empty() ? &point.value : member(point.value, "unit");
        if (unit.find("${") != std::string::npos) return;  // a parameter says which
        if (!is_senml_unit(unit)) {
            const auto like = senml_unit_like(unit);
            add(node->at(), "unit-unknown", fmt::format("'{}' is no SenML unit; servers may not know it", unit),
                like.empty() ? std::string("take one of RFC 8428 and RFC 8798, with scale: where it needs one")
                             : fmt::format("write {}", like));
        } else if (const auto& fixed = resource.definition->unit;
                   !fixed.empty() && fixed != unit && !(fixed == "/100" && unit == "%")) {
            add(node->at(), "unit-differs",
                fmt::format("{} is in {} by its definition, and '{}' in {}", goal, fixed, point.key, unit),
                fmt::format("convert with scale:, and write unit: {}", fixed));
        } else if (resource.path.object() == temperature_object && unit == "C") {
            add(node->at(), "unit-unknown", "'C' is the coulomb", "write Cel");
        }
    }

    static bool whole_instance(const Node::Member& point) {
        const std::string to = text(point.value, "to");
        return std::count(to.begin(), to.end(), '/') == 1;
    }
    bool has(const Path& instance, lwm2m::ResourceId id) const {
        const auto path = instance.child(id);
        return std::any_of(type_.resources.begin(), type_.resources.end(),
                           [&](const Resource& resource) { return path && resource.path == *path; });
    }

    /// A sensor that is not fitted, in a register with a sign: 0x8000 is then -3276.8 Cel, unless somebody says what can be.
    void sentinels(const Node::Member& written, const PointSpec& point, const Resource& resource) {
        const auto kind = point.conversion.rules().kind;
        const bool is_signed = kind == adapters::Kind::int16 || kind == adapters::Kind::int32;
        if (resource.path.object() != temperature_object || !is_signed) return;
        if (member(written.value, "invalid") == nullptr && member(written.value, "range") == nullptr)
            add(written.at, "nothing-invalid",
                fmt::format("'{}' takes every number for a temperature, also what the device says without a sensor",
                            written.key),
                "add invalid: [0x8000] or what its manual says, or range: with what can be");
    }

    void floats() {
        if (!first_float_ || float_is_checked_) return;
        add(first_float_->at, "float-unchecked",
            "no float of this profile has a range: a wrong order of the words would pass as very small or very large numbers",
            "add range: to one whose size is known, such as a voltage: range: [0, 1000]");
    }

    // -- The rest

    void groups() {
        const Node* groups = member(root_, "groups");
        if (groups == nullptr) return;
        std::set<std::string, std::less<>> used;
        if (const Node* points = member(root_, "points"))
            for (const auto& point : points->members()) used.insert(text(point.value, "group"));
        for (const auto& group : groups->members())
            if (used.count(group.key) == 0)
                add(group.at, "group-unused", fmt::format("no point is in group '{}'", group.key),
                    "remove it, or write group: at a point");
    }

    void actions() {
        for (const auto& resource : type_.resources) {
            if (resource.source != Source::action) continue;
            if (resource.path.object() == device_object && resource.path.resource() == reboot) continue;  // nobody answers then
            const auto& action = type_.actions[resource.number];
            if (std::any_of(action.steps.begin(), action.steps.end(),
                            [](const Step& step) { return std::holds_alternative<ExpectStep>(step); }))
                continue;
            const Node* actions = member(root_, "actions");
            const auto written = std::find_if(actions->members().begin(), actions->members().end(),
                                              [&](const Node::Member& m) { return m.key == action.name; });
            add(written != actions->members().end() ? written->at : actions->at(), "action-unchecked",
                fmt::format("action '{}' is done when its writes are accepted", action.name),
                "end it with a step expect: that reads what has to become of it");
        }
    }

    void tests() {
        const Node* tests = member(root_, "tests");
        if (simulated()) return;
        if (tests == nullptr || tests->items().empty()) {
            add(root_.at(), "no-tests", "no 'tests': a typing error in an address or a scale would be seen at the site only",
                "add what the device holds, and what a server then reads: tests: [{name: …, given: …, expect: …}]");
            return;
        }
        const bool writes = std::any_of(tests->items().begin(), tests->items().end(),
                                        [](const Node& test) { return member(test, "write") != nullptr; });
        if (!writes && !writable_.empty())
            add(writable_.begin()->second, "write-untested",
                fmt::format("no test shows what a write of {} sends", writable_.begin()->first.str().substr(1)),
                "add a test with write: and sends:");
    }

    const Node& root_;
    std::string_view file_;
    const lwm2m::ObjectCatalog& catalog_;
    const DeviceType& type_;
    std::map<std::string, std::size_t, std::less<>> numbers_;  // of the points
    std::map<std::size_t, const Resource*> shown_;             // by number
    std::set<std::size_t> used_;
    std::map<Path, base::SourceLoc> writable_;
    const Node::Member* first_float_ = nullptr;
    bool float_is_checked_ = false;
    std::vector<Advice> advice_;
};

}  // namespace

std::string Advice::str() const { return fmt::format("{}: {}; {} [{}]", place(at), what, remedy, code); }

std::optional<std::vector<Advice>> lint(const Node& root, std::string_view file, const Bench& bench, Diagnostics& diagnostics) {
    const auto plan = compile_alone(root, nullptr, bench, diagnostics);
    if (!plan || plan->devices.empty()) return std::nullopt;
    return Linter(root, file, *bench.catalog, *plan->devices.front().type).run();
}

}  // namespace mapping
