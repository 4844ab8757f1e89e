#include "mapping/site.hpp"

#include "mapping/names.hpp"

#include <fmt/format.h>
#include <charconv>

namespace mapping {

using base::Diagnostics;
using base::Fields;
using base::Node;

namespace {

struct Range {
    std::int64_t first = 0, last = 0;
};

// "20-27"
std::optional<Range> parse_range(std::string_view text) {
    Range range;
    const char* end = text.data() + text.size();
    const auto first = std::from_chars(text.data(), end, range.first);
    if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '-') return std::nullopt;
    const auto last = std::from_chars(first.ptr + 1, end, range.last);
    if (last.ec != std::errc{} || last.ptr != end) return std::nullopt;
    return range;
}

bool has_unit(const Node* node) { return node != nullptr && node->written().find("${unit}") != std::string::npos; }

}  // namespace

void expand_site_device(const Node& entry, Diagnostics& diagnostics, const std::function<void(const Node&)>& each) {
    if (entry.kind() != Node::Kind::map) {
        each(entry);  // reported there
        return;
    }
    const Node* unit = entry.find("unit");
    const Node* id = entry.find("id");
    const auto range = unit != nullptr && unit->kind() == Node::Kind::text ? parse_range(unit->written()) : std::nullopt;
    const std::string name = id != nullptr ? fmt::format("device '{}'", id->written()) : "device";
    const bool references = has_unit(id) || has_unit(entry.find("prefix"));
    if (!range && !references) {
        each(entry);
        return;
    }
    if (!range && (unit == nullptr || unit->kind() != Node::Kind::integer)) {
        diagnostics.error((has_unit(id) ? id : entry.find("prefix"))->at(), fmt::format("{}: '${{unit}}' without a unit", name),
                          "add unit: 7, or a range such as unit: 20-27");
        return;
    }
    if (range && (range->first > range->last || range->first < 0 || range->last > 255)) {
        diagnostics.error(unit->at(), fmt::format("{}: '{}' is no range of units", name, unit->written()),
                          "write the smaller first, from 0 to 255: unit: 20-27");
        return;
    }
    if (range && range->first != range->last) {
        bool good = true;
        for (const auto* key : {"id", "prefix"})
            if (const Node* text = entry.find(key); text != nullptr && !has_unit(text)) {
                diagnostics.error(text->at(),
                                  fmt::format("{}: '{}' would be the same for all units {}", name, key, unit->written()),
                                  fmt::format("write {}: \"{}-${{unit}}\"", key, text->written()));
                good = false;
            }
        if (!good) return;
    }
    const std::int64_t first = range ? range->first : unit->integer(), last = range ? range->last : unit->integer();
    for (std::int64_t number = first; number <= last; ++number) {
        const Parameters parameters{{"unit", Node::plain(unit->at(), fmt::format("{}", number))}};
        std::vector<Node::Member> members;
        members.reserve(entry.members().size());
        for (const auto& member : entry.members()) {
            if (member.key == "unit" && range)
                members.push_back({member.key, member.at, Node::plain(member.value.at(), fmt::format("{}", number))});
            else if (member.key == "id" || member.key == "prefix") {
                const auto text = substitute(member.value, parameters);
                members.push_back({member.key, member.at, Node::text(member.value.at(), text.written())});
            } else
                members.push_back(member);
        }
        each(Node::map(entry.at(), std::move(members)));
    }
}

Overrides read_overrides(Fields& device, const Profile& profile) {
    Overrides overrides;
    const Node* points = device.map("points");
    if (points == nullptr) return overrides;
    const Node* known = profile.root->find("points");
    std::vector<std::string_view> names;
    for (const auto& member : known->members()) names.push_back(member.key);
    for (const auto& member : points->members()) {
        if (known->find(member.key) == nullptr) {
            device.diagnostics().error(member.at,
                                       fmt::format("{}: {} has no point '{}'", device.what(), profile.id(), member.key),
                                       suggestion(member.key, names, "remove it"));
            continue;
        }
        Fields fields(member.value, fmt::format("point '{}' of {}", member.key, device.what()), device.diagnostics());
        if (!fields.valid()) continue;
        PointOverride& point = overrides[member.key];
        point.deadband = fields.number("deadband");
        if (point.deadband && !(*point.deadband >= 0))
            fields.error("deadband", fmt::format("'deadband' is {}", fields.find("deadband")->written()),
                         "write how much it must move to be told, or 0 for any change");
        point.every = read_every(fields, point.at_start);
        point.use = fields.boolean("use").value_or(true);
        if (const Node* write = fields.find("write")) {
            point.write = false;
            if (write->kind() != Node::Kind::text || write->written() != "none")
                fields.error("write", "'write' of a device can only be taken away", "write write: none, or change the profile");
            else if (const Node* its = known->find(member.key); its->find("write") == nullptr)
                fields.error("write", "nothing can write this point anyway", "remove 'write'");
        }
        fields.done();
    }
    return overrides;
}

SiteEntries site_entries(const std::vector<Node>& files, Diagnostics& diagnostics) {
    SiteEntries entries;
    for (const auto& file : files) {
        Fields fields(file, "the site's file", diagnostics);
        if (!fields.valid()) continue;
        check_format(fields);
        if (file.find("profile") != nullptr) {
            fields.error("profile", "a profile among the site's devices", "move the file to profiles/<maker>/<model>.yaml");
            continue;
        }
        if (!fields.has("discover")) fields.need("devices", "write devices: and one `- {id: …, profile: …}` for each");
        if (const auto* devices = fields.list("devices"))
            for (const auto& device : *devices) entries.devices.push_back(&device);
        if (const auto* rules = fields.list("discover"))
            for (const auto& rule : *rules) entries.rules.push_back(&rule);
        fields.done();
    }
    return entries;
}

}  // namespace mapping
