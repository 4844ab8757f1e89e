#include "mapping/type_builder.hpp"

#include "mapping/action_reader.hpp"
#include "mapping/conversion_reader.hpp"
#include "mapping/names.hpp"
#include "mapping/resource_table.hpp"

#include <fmt/format.h>

namespace mapping {

using base::Diagnostics;
using base::Fields;
using base::Node;
using base::SourceLoc;
using lwm2m::Path;

namespace {

// For what changes only with the device: a reading stays good until the device was away.
constexpr Milliseconds for_good = std::chrono::hours(24 * 365);

/// A poll may be under way when its period has passed: half a period more before a server's read asks the device itself.
Milliseconds max_age_of(Milliseconds period) { return period + period / 2; }

class Builder {
public:
    Builder(const Profile& profile, const Parameters& parameters, const Overrides& overrides,
            const lwm2m::ObjectCatalog& catalog, adapters::Adapter& adapter, Diagnostics& diagnostics)
        : profile_(profile), overrides_(overrides), adapter_(adapter), diagnostics_(diagnostics), table_(catalog, diagnostics) {
        for (const auto* section : {"groups", "points", "actions", "device", "health"}) put_in(section, parameters);
        put_in(profile.protocol, parameters);
    }

    std::optional<BuiltType> build() {
        const std::size_t before = diagnostics_.count();
        type_.profile = profile_.id();
        type_.title = profile_.title;
        type_.protocol = profile_.protocol;
        read_section();
        read_groups();
        if (const Node* points = section("points")) {
            if (points->members().size() > most_points)
                diagnostics_.error(points->at(), fmt::format("over {} points", most_points),
                                   "split the device into two profiles");
            else
                for (const auto& member : points->members()) read_point(member);
        }
        if (const Node* actions = section("actions")) {
            if (actions->members().size() > most_actions)
                diagnostics_.error(actions->at(), fmt::format("over {} actions", most_actions), "leave some out");
            else
                for (const auto& member : actions->members())
                    if (auto action = read_action(member, table_, adapter_, shape_,
                                                  static_cast<std::uint16_t>(type_.actions.size()), diagnostics_))
                        type_.actions.push_back(std::move(*action));
        }
        for (const auto& [goal, companions, at] : whole_) table_.add_companions(goal, companions, at);
        read_device();
        read_health();
        add_device_object();
        if (diagnostics_.count() != before || !shape_) return std::nullopt;
        type_.resources = table_.take();
        if (type_.resources.size() > 0xFFFE) return std::nullopt;  // 4096 points with 7 companions each stay below
        return BuiltType{std::make_shared<const DeviceType>(std::move(type_)), *shape_};
    }

private:
    void put_in(std::string_view name, const Parameters& parameters) {
        if (const Node* node = profile_.root->find(name)) sections_.emplace(name, substitute(*node, parameters));
    }
    const Node* section(std::string_view name) const {
        const auto found = sections_.find(name);
        return found != sections_.end() ? &found->second : nullptr;
    }

    void read_section() {
        const Node* node = section(profile_.protocol);
        if (node == nullptr) {
            shape_ = adapter_.add_shape(profile_.id(), nullptr, diagnostics_);
            return;
        }
        Fields fields(*node, fmt::format("section '{}'", profile_.protocol), diagnostics_);
        if (!fields.valid()) return;
        shape_ = adapter_.add_shape(profile_.id(), &fields, diagnostics_);
        fields.done();
    }

    struct Group {
        std::optional<Milliseconds> every;
        bool at_start = false;
    };

    void read_groups() {
        const Node* groups = section("groups");
        if (groups == nullptr) return;
        for (const auto& member : groups->members()) {
            check_name(member, "a group", diagnostics_);
            Group& group = groups_[member.key];
            Fields fields(member.value, fmt::format("group '{}'", member.key), diagnostics_);
            if (!fields.valid()) continue;
            fields.need("every", "write every: 10s, or every: start");
            group.every = read_every(fields, group.at_start);
            fields.done();
        }
    }

    void read_period(Fields& fields, PointSpec& point) {
        bool at_start = false;
        auto every = read_every(fields, at_start);
        if (const Node* name = fields.find("group")) {
            const auto found = groups_.find(name->written());
            if (fields.has("every")) {
                fields.error("group", "'group' and 'every' together", "keep one of them");
            } else if (found == groups_.end()) {
                std::vector<std::string_view> known;
                for (const auto& [group, ignored] : groups_) known.push_back(group);
                fields.error(
                    "group", fmt::format("there is no group '{}'", name->written()),
                    suggestion(name->written(), known, fmt::format("add it: groups: {{{}: {{every: 10s}}}}", name->written())));
            } else {
                every = found->second.every;
                at_start = found->second.at_start;
            }
        }
        if (const auto site = overrides_.find(point.name);
            site != overrides_.end() && (site->second.every || site->second.at_start)) {
            every = site->second.every;
            at_start = site->second.at_start;
        }
        if (!at_start) point.period = every.value_or(default_period);
        point.at_start = at_start;
        point.max_age = at_start ? for_good : max_age_of(point.period);
    }

    void read_point(const Node::Member& member) {
        check_name(member, "a point", diagnostics_);
        const auto site = overrides_.find(member.key);
        if (site != overrides_.end() && !site->second.use) return;
        Fields fields(member.value, fmt::format("point '{}'", member.key), diagnostics_);
        if (!fields.valid()) return;
        PointSpec point;
        point.name = member.key;
        point.at = member.at;
        refuse_later(fields, {{"calc", "use scale, offset and map"},
                              {"exponent", "use scale with the factor that the device has"},
                              {"monotonic", "remove it; a counter that goes back is shown as it is"},
                              {"deadband", "let the server set st, the least step of a notification"},
                              {"refresh", "remove it"},
                              {"notify", "remove it"}});
        std::optional<Goal> goal = table_.value_goal(fields, "to");
        const bool leads = fields.has("to");
        const auto application = read_application(fields, leads, goal ? &*goal : nullptr);
        read_period(fields, point);

        std::optional<Fields> write;
        if (fields.has("write")) {
            const bool allowed = site == overrides_.end() || site->second.write;
            if (const Node* node = fields.map("write"); node != nullptr && allowed)
                write.emplace(*node, fmt::format("'write' of point '{}'", member.key), diagnostics_);
        }
        if (write) {
            refuse_later(*write, {{"calc", "use scale, offset and map"},
                                  {"at", "map the register to write as a point of its own"},
                                  {"keep", "remove it; a write is never stored for later"},
                                  {"tries", "remove it; a write is never repeated"}});
            if (!leads)
                fields.error("write", "'write' on a point that no server sees", "add to:, or remove 'write'");
            else if (goal && !goal->resource->writable)
                fields.error("write", fmt::format("{} can only be read by a server", goal->str()),
                             "remove 'write', or map to a resource that can be written");
            point.verify = read_verify(*write);
        } else if (goal && !goal->resource->readable && !(site != overrides_.end() && !site->second.write)) {
            fields.error("to", fmt::format("{} can only be written", goal->str()), "add write: {}");
        }
        point.writable = write.has_value();
        point.readable = !goal || goal->resource->readable;

        std::optional<adapters::Kind> kind;
        if (shape_) {
            const adapters::Access access{point.readable || point.verify, point.writable};
            const auto index = adapter_.add_point(*shape_, fields, write ? &*write : nullptr, access);
            if (index) {
                point.index = *index;
                kind = adapter_.kind(*shape_, *index);
            }
        }
        if (!kind) kind = written_kind(fields.node());
        auto rules = read_conversion(fields, write ? &*write : nullptr, kind, goal ? &*goal : nullptr);
        if (shape_) {  // else the adapter's keys were not read, and would all be unknown
            fields.done();
            if (write) write->done();
        }
        const auto number = static_cast<std::uint16_t>(type_.points.size());
        if (goal) {
            Resource resource;
            resource.source = Source::point;
            resource.number = number;
            resource.writable = point.writable;
            table_.add(*goal, std::move(resource), member.at, fields.what());
            if (goal->whole_instance && rules)
                whole_.push_back({*goal, {number, rules->unit, rules->range, application}, member.at});
        }
        if (!leads || !point.readable) {  // nobody would see it: not worth the bus's time
            point.period = Milliseconds{0};
            point.at_start = false;
        }
        if (rules) point.conversion = Conversion(std::move(rules));
        type_.points.push_back(std::move(point));
    }

    /// 5750: what this instance is, among others of its object.
    static std::string read_application(Fields& fields, bool leads, const Goal* goal) {
        auto text = fields.text("application");
        if (!text) return {};
        if (!leads || (goal != nullptr && !goal->whole_instance))
            fields.error("application", "'application' says what an object instance is, and this point leads to none",
                         "write it at the point with the instance's main value, such as to: 3316/0");
        else if (goal != nullptr && goal->object->resource(5750) == nullptr)
            fields.error("application", fmt::format("object {} has no resource for 'application'", goal->object->id),
                         "remove it");
        return std::move(*text);
    }

    static std::optional<Milliseconds> read_verify(Fields& write) {
        const auto span = write.span("verify");
        if (!span) return std::nullopt;
        if (*span < std::chrono::milliseconds(1) || *span > std::chrono::seconds(60)) {
            write.error("verify", fmt::format("'verify' is {}, out of range", base::span_text(*span)),
                        "write a span from 1ms to 60s");
            return std::nullopt;
        }
        return std::chrono::duration_cast<Milliseconds>(*span);
    }

    /// A text of object 3: as written, or read from the device once.
    void read_said(Fields& device, std::string_view key, std::uint16_t resource) {
        const Node* node = device.find(key);
        if (node == nullptr) return;
        Resource shown;
        if (node->kind() != Node::Kind::map) {
            const auto text = device.text(key);
            if (!text || text->empty()) return;
            shown.fixed = *text;
        } else {
            Fields fields(*node, fmt::format("'{}' of the device", key), diagnostics_);
            refuse_later(fields, {{"identify", "write the text, or where it stands: {at: …, type: string, length: …}"},
                                  {"calc", "read a text as it is"}});
            PointSpec point;
            point.name = fmt::format("device.{}", key);
            point.at = node->at();
            point.at_start = true;
            point.max_age = for_good;
            if (!shape_) return;
            const auto index = adapter_.add_point(*shape_, fields, nullptr, {true, false});
            fields.done();
            if (!index) return;
            point.index = *index;
            auto rules = std::make_shared<Conversion::Rules>();
            rules->kind = adapter_.kind(*shape_, *index);
            if (!rules->kind) rules->kind = written_kind(*node);
            rules->type = lwm2m::Type::string;
            rules->as_text = true;
            if (rules->kind == adapters::Kind::bytes) fields.error("type", "bytes are no text", "write type: string");
            point.conversion = Conversion(std::move(rules));
            shown.source = Source::point;
            shown.number = static_cast<std::uint16_t>(type_.points.size());
            type_.points.push_back(std::move(point));
        }
        const auto path = Path::of({3, 0, resource});
        if (table_.has(path)) {
            device.error(key, fmt::format("a point is mapped to {} already", path.str().substr(1)),
                         fmt::format("remove '{}' or the point's 'to'", key));
            return;
        }
        table_.add_device(resource, std::move(shown));
    }

    void read_device() {
        const Node* node = section("device");
        if (node == nullptr) return;
        Fields device(*node, "section 'device'", diagnostics_);
        if (!device.valid()) return;
        refuse_later(device, {{"errors", "map the point to a resource of its own"}});
        read_said(device, "manufacturer", 0);
        read_said(device, "model", 1);
        read_said(device, "serial", 2);
        read_said(device, "firmware", 3);
        read_said(device, "type", 17);
        read_said(device, "hardware", 18);
        // 3/0/6 Available Power Sources: 1 internal battery, 4 power over Ethernet, 5 USB, 6 AC mains, 7 solar.
        constexpr std::int64_t numbers[] = {6, 1, 7, 4, 5};
        if (const auto source = device.choice("power_source", {"mains", "battery", "solar", "poe", "usb"})) {
            Resource resource;
            resource.path = Path::of({3, 0, 6, 0});
            resource.fixed = numbers[*source];
            table_.add_device(6, std::move(resource));
        }
        device.done();
    }

    /// What each end device shows of itself (gateway digest, section 10).
    void add_device_object() {
        Resource reboot, errors, binding;
        reboot.source = Source::refused;
        errors.source = Source::error_code;
        binding.fixed = std::string("U");
        table_.add_device(4, std::move(reboot));
        table_.add_device(11, std::move(errors));
        table_.add_device(16, std::move(binding));
    }

    void read_health() {
        const Node* node = section("health");
        if (node == nullptr) return;
        Fields health(*node, "section 'health'", diagnostics_);
        if (!health.valid()) return;
        refuse_later(health, {{"silence", "it is for devices that speak by themselves; use misses"},
                              {"alive", "it is for devices behind a broker; use misses"},
                              {"via", "it is for devices behind a broker; use misses"},
                              {"probe", "use misses: each poll is a probe"},
                              {"forget", "remove the device from the site's list"}});
        if (const auto misses = health.integer("misses", 1, 1000)) type_.health.misses = static_cast<unsigned>(*misses);
        if (const auto choice = health.choice("offline_value", {"last", "none"}))
            type_.health.keep_value_offline = *choice == 0;
        if (const Node* retry = health.map("retry")) {
            Fields fields(*retry, "'retry' of section 'health'", diagnostics_);
            const auto span = [&](std::string_view key, Milliseconds& to) {
                const auto given = fields.span(key);
                if (!given) return;
                if (*given < std::chrono::milliseconds(100) || *given > std::chrono::hours(24))
                    fields.error(key, fmt::format("'{}' is {}, out of range", key, base::span_text(*given)),
                                 "write a span from 100ms to 1d");
                else
                    to = std::chrono::duration_cast<Milliseconds>(*given);
            };
            span("first", type_.health.retry_first);
            span("max", type_.health.retry_max);
            if (type_.health.retry_first > type_.health.retry_max)
                fields.error(fields.has("max") ? "max" : "first",
                             fmt::format("'first' ({}) is over 'max' ({})", base::span_text(type_.health.retry_first),
                                         base::span_text(type_.health.retry_max)),
                             "write the shorter span as 'first'");
            fields.done();
        }
        health.done();
    }

    struct Whole {
        Goal goal;
        ResourceTable::Companions companions;
        SourceLoc at;
    };

    const Profile& profile_;
    const Overrides& overrides_;
    adapters::Adapter& adapter_;
    Diagnostics& diagnostics_;
    ResourceTable table_;
    std::map<std::string, Node, std::less<>> sections_;
    std::map<std::string, Group, std::less<>> groups_;
    std::vector<Whole> whole_;
    std::optional<adapters::ShapeId> shape_;
    DeviceType type_;
};

}  // namespace

std::optional<Milliseconds> read_every(Fields& fields, bool& at_start) {
    const Node* node = fields.find("every");
    if (node == nullptr) return std::nullopt;
    if (node->kind() == Node::Kind::text && node->written() == "start") {
        at_start = true;
        return std::nullopt;
    }
    const auto span = fields.span("every");
    if (!span) return std::nullopt;
    if (*span < std::chrono::milliseconds(10)) {
        fields.error("every", fmt::format("'every' is {}", base::span_text(*span)), "write a span of at least 10ms");
        return std::nullopt;
    }
    return std::chrono::duration_cast<Milliseconds>(*span);
}

std::optional<BuiltType> build_type(const Profile& profile, const Parameters& parameters, const Overrides& overrides,
                                    const lwm2m::ObjectCatalog& catalog, adapters::Adapter& adapter, Diagnostics& diagnostics) {
    return Builder(profile, parameters, overrides, catalog, adapter, diagnostics).build();
}

}  // namespace mapping
