#include "mapping/device_reader.hpp"

#include "mapping/conversion_rules.hpp"
#include "mapping/names.hpp"
#include "mapping/point_reader.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace mapping {

using base::Fields;
using base::Node;
using lwm2m::Path;

namespace {

constexpr std::size_t most_errors = 64;

/// A text that is read once, or worked out; nothing when it cannot be.
std::optional<std::uint16_t> read_living_text(const Node& node, std::string_view key, TypeParts& parts) {
    Fields fields(node, fmt::format("'{}' of the device", key), parts.diagnostics);
    const std::size_t before = parts.diagnostics.count();
    fields.known("calc");
    PointSpec point;
    point.name = fmt::format("device.{}", key);
    point.at = node.at();
    point.index = no_index;
    auto rules = std::make_shared<Conversion::Rules>();
    rules->type = lwm2m::Type::string;
    rules->as_text = true;
    const bool only_calc = node.members().size() == 1 && node.find("calc") != nullptr;
    if (!only_calc) {
        if (!parts.shape) return std::nullopt;
        point.at_start = true;
        point.max_age = std::chrono::hours(24 * 365);  // good until the device was away
        const auto index = parts.adapter.add_point(*parts.shape, fields, nullptr, {true, false});
        fields.done();
        if (!index) return std::nullopt;
        point.index = *index;
        rules->kind = parts.adapter.kind(*parts.shape, *index);
        if (!rules->kind) rules->kind = written_kind(node);
        if (rules->kind == adapters::Kind::bytes) fields.error("type", "bytes are no text", "write type: string");
    }
    if (parts.diagnostics.count() != before) return std::nullopt;
    PointDraft draft{&node, fields.what(), {}, Sort::unknown, "", true};
    if (rules->kind) {
        const bool text = *rules->kind == adapters::Kind::string;
        draft.sort = text ? Sort::text : *rules->kind == adapters::Kind::boolean ? Sort::boolean : Sort::number;
    }
    point.conversion = Conversion(std::move(rules));
    return parts.add(std::move(point), std::move(draft));
}

void read_said(Fields& device, std::string_view key, std::uint16_t resource, TypeParts& parts) {
    const Node* node = device.find(key);
    if (node == nullptr) return;
    Resource shown;
    // A type is shared by devices of many addresses, so the address is read like a text that the device tells.
    if (node->kind() == Node::Kind::text && node->written() == "${address}") {
        const auto& at = node->at();
        parts.own.push_back({std::string(key), at, Node::map(at, {{"field", at, Node::text(at, "address")}})});
        node = &parts.own.back().value;
    }
    if (node->kind() != Node::Kind::map) {
        const auto text = device.text(key);
        if (!text || text->empty()) return;
        if (text->find("${address}") != std::string::npos) {
            device.error(key, fmt::format("'{}' holds more than the address", key), "write \"${address}\" alone");
            return;
        }
        shown.fixed = *text;
    } else {
        const auto number = read_living_text(*node, key, parts);
        if (!number) return;
        shown.source = Source::point;
        shown.number = *number;
    }
    const auto path = Path::of({3, 0, resource});
    if (parts.table.has(path)) {
        device.error(key, fmt::format("a point is mapped to {} already", path.str().substr(1)),
                     fmt::format("remove '{}' or the point's 'to'", key));
        return;
    }
    parts.table.add_device(resource, std::move(shown));
}

}  // namespace

void read_device(const Node& section, TypeParts& parts) {
    Fields device(section, "section 'device'", parts.diagnostics);
    if (!device.valid()) return;
    read_said(device, "manufacturer", 0, parts);
    read_said(device, "model", 1, parts);
    read_said(device, "serial", 2, parts);
    read_said(device, "firmware", 3, parts);
    read_said(device, "type", 17, parts);
    read_said(device, "hardware", 18, parts);
    // 3/0/6 Available Power Sources: 1 internal battery, 4 power over Ethernet, 5 USB, 6 AC mains, 7 solar.
    constexpr std::int64_t numbers[] = {6, 1, 7, 4, 5};
    if (const auto source = device.choice("power_source", {"mains", "battery", "solar", "poe", "usb"})) {
        Resource resource;
        resource.path = Path::of({3, 0, 6, 0});
        resource.fixed = numbers[*source];
        parts.table.add_device(6, std::move(resource));
    }
    device.map("errors");
    device.done();
}

void read_errors(const Node& section, TypeParts& parts) {
    const Node* errors = section.kind() == Node::Kind::map ? section.find("errors") : nullptr;
    if (errors == nullptr || errors->kind() != Node::Kind::map) return;
    if (errors->members().size() > most_errors) {
        parts.diagnostics.error(errors->at(), fmt::format("over {} errors", most_errors), "leave some out");
        return;
    }
    Fields fields(*errors, "'errors' of the device", parts.diagnostics);
    for (const auto& member : errors->members()) {
        fields.known(member.key);
        const auto site = parts.overrides.find(member.key);
        if (site != parts.overrides.end() && !site->second.use) continue;  // left out with its point
        const auto code = fields.integer(member.key, 1, 32);
        const auto number = parts.find(member.key);
        const auto wrong = [&](std::string_view what, std::string_view remedy) {
            parts.diagnostics.error(member.at, fmt::format("{}: {}", fields.what(), what), remedy);
        };
        if (!number) {
            const auto [what, remedy] = parts.no_point(member.key);
            wrong(what, remedy);
        } else if (!parts.type.points[*number].readable) {
            wrong(fmt::format("point '{}' can only be written", member.key), "name a point that can be read");
        } else if (const auto& draft = parts.drafts[*number];
                   (draft.sort == Sort::text || draft.sort == Sort::bytes) && draft.node->find("calc") == nullptr) {
            wrong(fmt::format("point '{}' is {}", member.key, sort_name(draft.sort)),
                  "name a point that is true, or not 0, while the error lasts: {calc: state == \"FAULT\"}");
        } else if (code) {
            parts.drafts[*number].seen = true;
            parts.type.errors.push_back({*number, static_cast<std::uint8_t>(*code)});
        }
    }
}

void add_device_object(TypeParts& parts) {
    Resource reboot, errors, binding;
    reboot.source = Source::refused;
    errors.source = Source::error_code;
    binding.fixed = std::string("U");
    parts.table.add_device(4, std::move(reboot));
    parts.table.add_device(11, std::move(errors));
    parts.table.add_device(16, std::move(binding));
}

void read_health(const Node& section, TypeParts& parts) {
    using namespace std::chrono_literals;
    Fields health(section, "section 'health'", parts.diagnostics);
    if (!health.valid()) return;
    Health& type = parts.type.health;
    const auto& protocol = parts.profile.protocol;
    if (protocol == "modbus" || protocol == "sim")
        for (const std::string_view key : {"alive", "via"})
            if (health.has(key))
                health.error(key, fmt::format("'{}' with protocol {}: there is nothing that tells it", key, protocol),
                             "use misses and silence");
    if (const auto misses = health.integer("misses", 1, 1000)) type.misses = static_cast<unsigned>(*misses);
    if (const auto choice = health.choice("offline_value", {"last", "none"})) type.keep_value_offline = *choice == 0;
    type.silence = bounded_span(health, "silence", 1s, 24h * 30);
    type.forget = bounded_span(health, "forget", 1min, 24h * 3650);
    if (const auto name = health.text("probe")) {
        const auto number = parts.find(*name);
        const auto site = parts.overrides.find(*name);
        if (!number && site != parts.overrides.end() && !site->second.use) {
            // Without it any poll is the probe.
        } else if (!number) {
            const auto [what, remedy] = parts.no_point(*name);
            health.error("probe", what, remedy);
        } else if (!parts.type.points[*number].readable || parts.type.points[*number].index == no_index) {
            health.error("probe", fmt::format("point '{}' cannot be read from the device", *name),
                         "name a point with an address that can be read");
        } else {
            type.probe = number;
        }
    }
    if (const Node* retry = health.map("retry")) {
        Fields fields(*retry, "'retry' of section 'health'", parts.diagnostics);
        if (const auto first = bounded_span(fields, "first", 100ms, 24h)) type.retry_first = *first;
        if (const auto most = bounded_span(fields, "max", 100ms, 24h)) type.retry_max = *most;
        if (type.retry_first > type.retry_max)
            fields.error(fields.has("max") ? "max" : "first",
                         fmt::format("'first' ({}) is over 'max' ({})", base::span_text(type.retry_first),
                                     base::span_text(type.retry_max)),
                         "write the shorter span as 'first'");
        fields.done();
    }
    if (!parts.shape) return;  // the adapter's keys cannot be told from wrong ones
    parts.adapter.add_health(*parts.shape, health);
    health.done();
}

}  // namespace mapping
