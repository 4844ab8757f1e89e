#include "mapping/point_reader.hpp"

#include "mapping/names.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace mapping {

using base::Fields;
using base::Node;

namespace {

// For what changes only with the device: a reading stays good until the device was away.
constexpr Milliseconds for_good = std::chrono::hours(24 * 365);

/// A poll may be under way when its period has passed: half a period more before a server's read asks the device itself.
Milliseconds max_age_of(Milliseconds period) { return period + period / 2; }

/// The keys of a point that are not its address.
constexpr std::string_view own_keys[] = {"to",        "application", "unit",   "invalid", "bit",      "bits",
                                         "map",       "scale",       "offset", "range",   "exponent", "calc",
                                         "monotonic", "deadband",    "group",  "every",   "write"};

bool has_address(const Node& point) {
    return std::any_of(point.members().begin(), point.members().end(), [](const Node::Member& member) {
        return std::find(std::begin(own_keys), std::end(own_keys), member.key) == std::end(own_keys);
    });
}

}  // namespace

std::optional<Milliseconds> bounded_span(Fields& fields, std::string_view key, Milliseconds least, Milliseconds most) {
    const auto span = fields.span(key);
    if (!span) return std::nullopt;
    if (*span < least || *span > most) {
        fields.error(key, fmt::format("'{}' is {}, out of range", key, base::span_text(*span)),
                     fmt::format("write a span from {} to {}", base::span_text(least), base::span_text(most)));
        return std::nullopt;
    }
    return std::chrono::duration_cast<Milliseconds>(*span);
}

void PointReader::read_groups(const Node& groups) {
    for (const auto& member : groups.members()) {
        check_name(member, "a group", parts_.diagnostics);
        Group& group = groups_[member.key];
        Fields fields(member.value, fmt::format("group '{}'", member.key), parts_.diagnostics);
        if (!fields.valid()) continue;
        fields.need("every", "write every: 10s, or every: start");
        group.every = read_every(fields, group.at_start);
        fields.done();
    }
}

void PointReader::read_period(Fields& fields, PointSpec& point) {
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
    if (const auto site = parts_.overrides.find(point.name);
        site != parts_.overrides.end() && (site->second.every || site->second.at_start)) {
        every = site->second.every;
        at_start = site->second.at_start;
    }
    if (!at_start) point.period = every.value_or(default_period);
    point.at_start = at_start;
    point.max_age = at_start ? for_good : max_age_of(point.period);
}

/// 5750: what this instance is, among others of its object.
std::string PointReader::read_application(Fields& fields, const Goal* goal) const {
    auto text = fields.text("application");
    if (!text) return {};
    if (!fields.has("to") || (goal != nullptr && !goal->whole_instance))
        fields.error("application", "'application' says what an object instance is, and this point leads to none",
                     "write it at the point with the instance's main value, such as to: 3316/0");
    else if (goal != nullptr && goal->object->resource(5750) == nullptr)
        fields.error("application", fmt::format("object {} has no resource for 'application'", goal->object->id), "remove it");
    return std::move(*text);
}

void PointReader::read_deadband(Fields& fields, PointSpec& point, Sort sort) const {
    if (const auto given = fields.number("deadband")) {
        if (!(*given > 0))
            fields.error("deadband", fmt::format("'deadband' is {}", fields.find("deadband")->written()),
                         "write how much it must move to be told, such as 0.5; or remove it");
        else if (!fields.has("calc") && !is_numeric(sort))
            fields.error("deadband", fmt::format("'deadband' on {}", sort_name(sort)), "it is for numbers: remove it");
        else
            point.deadband = *given;
    }
    const auto site = parts_.overrides.find(point.name);
    const bool of_site = site != parts_.overrides.end() && site->second.deadband;
    if (of_site) point.deadband = *site->second.deadband;
    if (point.deadband > 0 && point.writable)  // a server that writes must see what it wrote
        fields.error("write", fmt::format("'write' on a point with 'deadband'{}", of_site ? " (which the site gives it)" : ""),
                     "keep one of them");
}

void PointReader::check_write(Fields& point, Fields& write, const Goal* goal) const {
    if (!point.has("to"))
        point.error("write", "'write' on a point that no server sees", "add to:, or remove 'write'");
    else if (goal != nullptr && !goal->resource->writable)
        point.error("write", fmt::format("{} can only be read by a server", goal->str()),
                    "remove 'write', or map to a resource that can be written");
    if (point.has("calc") && !write.has("calc"))
        point.error("write", "'write' on a point with 'calc' and without the way back",
                    "say what the device gets for the server's value: write: {calc: value / 2}");
}

void PointReader::read_write(Fields& write, PointSpec& point) const {
    using namespace std::chrono_literals;
    point.verify = bounded_span(write, "verify", 1ms, 60s);
    if (const auto tries = write.integer("tries", 1, 10)) {
        point.tries = static_cast<unsigned>(*tries);
        if (point.tries > 1 && !write.has("verify"))
            write.error("tries", "'tries' without 'verify': nobody would see that a write has failed", "add verify: 500ms");
    }
    point.keep = bounded_span(write, "keep", 1s, 1h);
}

/// Hands the address to the adapter; `write.at` is a place of its own, of the same type.
std::optional<adapters::Kind> PointReader::bind(Fields& fields, Fields* write, PointSpec& point) {
    if (!parts_.shape) return std::nullopt;
    auto& adapter = parts_.adapter;
    const Node* elsewhere = write != nullptr ? write->find("at") : nullptr;
    const bool reads = point.readable || point.verify;
    const auto index = adapter.add_point(*parts_.shape, fields, elsewhere != nullptr ? nullptr : write,
                                         {reads || elsewhere != nullptr, write != nullptr && elsewhere == nullptr});
    if (index) point.index = *index;
    // What comes by itself is read only as often as somebody says.
    const auto site = parts_.overrides.find(point.name);
    const bool paced = fields.has("every") || fields.has("group") ||
                       (site != parts_.overrides.end() && (site->second.every || site->second.at_start));
    if (index && !paced) {
        if (adapter.unasked(*parts_.shape, *index)) {
            point.period = point.max_age = Milliseconds{0};
        } else if (const auto own = adapter.period(*parts_.shape, *index)) {
            point.period = *own;
            point.max_age = max_age_of(*own);
        }
    }
    if (write != nullptr && elsewhere == nullptr) point.write_index = point.index;
    if (elsewhere != nullptr) {
        std::vector<Node::Member> members;
        for (const auto& member : fields.node().members())
            if (member.key != "at") members.push_back(member);
        members.push_back({"at", elsewhere->at(), *elsewhere});
        const Node there = Node::map(fields.node().at(), std::move(members));
        Fields target(there, fmt::format("'write' of {}", fields.what()), parts_.diagnostics);
        if (const auto written = adapter.add_point(*parts_.shape, target, write, {false, true})) point.write_index = *written;
    }
    return index ? adapter.kind(*parts_.shape, *index) : std::nullopt;
}

void PointReader::refuse_without_address(Fields& fields) const {
    for (const std::string_view key : {"invalid", "bit", "bits", "map", "scale", "offset", "exponent"})
        if (fields.has(key))
            fields.error(key, fmt::format("'{}' on a point that is only worked out", key), "put it into the expression");
    for (const std::string_view key : {"group", "every"})
        if (fields.has(key))
            fields.error(key, fmt::format("'{}' on a point that is only worked out", key),
                         "remove it: it follows the points that it is made of");
    if (fields.has("write"))
        fields.error("write", "'write' on a point that has no address", "give it one, or make another point writable");
}

void PointReader::read(const Node::Member& member) {
    check_name(member, "a point", parts_.diagnostics);
    const auto site = parts_.overrides.find(member.key);
    if (site != parts_.overrides.end() && !site->second.use) return;
    Fields fields(member.value, fmt::format("point '{}'", member.key), parts_.diagnostics);
    if (!fields.valid()) return;
    PointSpec point;
    point.name = member.key;
    point.at = member.at;
    std::optional<Goal> goal = parts_.table.value_goal(fields, "to");
    const bool leads = fields.has("to");
    const bool addressed = !fields.has("calc") || has_address(member.value);
    const auto application = read_application(fields, goal ? &*goal : nullptr);
    if (addressed)
        read_period(fields, point);
    else
        refuse_without_address(fields);

    std::optional<Fields> write;
    const bool allowed = site == parts_.overrides.end() || site->second.write;
    if (fields.has("write"))
        if (const Node* node = fields.map("write"); node != nullptr && allowed && addressed)
            write.emplace(*node, fmt::format("'write' of {}", fields.what()), parts_.diagnostics);
    if (write) {
        check_write(fields, *write, goal ? &*goal : nullptr);
        read_write(*write, point);
        write->known("calc");
    } else if (goal && !goal->resource->readable && allowed) {
        fields.error("to", fmt::format("{} can only be written", goal->str()), "add write: {}");
    }
    point.writable = write.has_value();
    point.readable = !goal || goal->resource->readable;

    std::optional<adapters::Kind> kind;
    std::string own_unit;
    if (addressed) {
        kind = bind(fields, write ? &*write : nullptr, point);
        if (kind) own_unit = parts_.adapter.unit(*parts_.shape, point.index).value_or("");
    } else {
        point.index = no_index;
    }
    if (!kind) kind = written_kind(fields.node());
    const auto conversion =
        read_conversion(fields, write ? &*write : nullptr, kind, goal ? &*goal : nullptr, std::move(own_unit));
    read_deadband(fields, point, conversion ? conversion->sort : Sort::unknown);
    for (const std::string_view key : {"calc", "exponent", "monotonic"}) fields.known(key);
    if (parts_.shape || !addressed) {  // else the adapter's keys were not read, and would all be unknown
        fields.done();
        if (write) write->done();
    }
    if (conversion) point.conversion = Conversion(conversion->rules);

    PointDraft draft{&member.value,
                     fields.what(),
                     goal,
                     conversion ? conversion->sort : Sort::unknown,
                     conversion ? conversion->rules->unit : "",
                     leads && point.readable};
    const bool writable = point.writable;
    const auto number = parts_.add(std::move(point), std::move(draft));
    if (!goal) return;
    Resource resource;
    resource.source = Source::point;
    resource.number = number;
    resource.writable = writable;
    parts_.table.add(*goal, std::move(resource), member.at, fields.what());
    if (goal->whole_instance && conversion)
        whole_.push_back({*goal, {number, conversion->rules->unit, conversion->rules->range, application}, member.at});
}

void PointReader::add_companions() {
    for (const auto& [goal, companions, at] : whole_) parts_.table.add_companions(goal, companions, at);
}

}  // namespace mapping
