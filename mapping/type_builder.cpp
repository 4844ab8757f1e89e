#include "mapping/type_builder.hpp"

#include "mapping/action_reader.hpp"
#include "mapping/device_reader.hpp"
#include "mapping/formula_reader.hpp"
#include "mapping/point_reader.hpp"

#include <fmt/format.h>

namespace mapping {

using base::Diagnostics;
using base::Fields;
using base::Node;

namespace {

class Builder {
public:
    Builder(const Profile& profile, const Parameters& parameters, const Overrides& overrides,
            const lwm2m::ObjectCatalog& catalog, adapters::Adapter& adapter, Diagnostics& diagnostics)
        : parts_{profile, parameters, overrides, adapter, diagnostics, ResourceTable(catalog, diagnostics)} {
        for (const auto* section : {"groups", "points", "actions", "device", "health"}) put_in(section, parameters);
        put_in(profile.protocol, parameters);
    }

    std::optional<BuiltType> build() {
        auto& diagnostics = parts_.diagnostics;
        const std::size_t before = diagnostics.count();
        parts_.type.profile = parts_.profile.id();
        parts_.type.title = parts_.profile.title;
        parts_.type.protocol = parts_.profile.protocol;
        read_section();
        PointReader points(parts_);
        if (const Node* groups = section("groups")) points.read_groups(*groups);
        if (const Node* all = within("points", most_points, "split the device into two profiles"))
            for (const auto& member : all->members()) points.read(member);
        if (parts_.profile.protocol == "ble") read_signal(points);
        if (const Node* actions = within("actions", most_actions, "leave some out"))
            for (const auto& member : actions->members())
                if (auto action = read_action(member, parts_.table, parts_.adapter, parts_.shape,
                                              static_cast<std::uint16_t>(parts_.type.actions.size()), diagnostics))
                    parts_.type.actions.push_back(std::move(*action));
        points.add_companions();
        if (const Node* device = section("device")) {
            read_device(*device, parts_);
            read_errors(*device, parts_);
        }
        if (const Node* health = section("health")) read_health(*health, parts_);
        add_device_object(parts_);
        finish_formulas(parts_);
        if (diagnostics.count() != before || !parts_.shape) return std::nullopt;
        parts_.type.resources = parts_.table.take();
        if (parts_.type.resources.size() > 0xFFFE) return std::nullopt;  // 4096 points with 7 companions each stay below
        return BuiltType{std::make_shared<const DeviceType>(std::move(parts_.type)), *parts_.shape};
    }

private:
    void put_in(std::string_view name, const Parameters& parameters) {
        if (const Node* node = parts_.profile.root->find(name)) sections_.emplace(name, substitute(*node, parameters));
    }
    const Node* section(std::string_view name) const {
        const auto found = sections_.find(name);
        return found != sections_.end() ? &found->second : nullptr;
    }
    const Node* within(std::string_view name, std::size_t most, std::string_view remedy) const {
        const Node* node = section(name);
        if (node == nullptr || node->members().size() <= most) return node;
        parts_.diagnostics.error(node->at(), fmt::format("over {} {}", most, name), remedy);
        return nullptr;
    }

    void read_section() {
        const Node* node = section(parts_.profile.protocol);
        if (node == nullptr) {
            parts_.shape = parts_.adapter.add_shape(parts_.profile.id(), nullptr, parts_.diagnostics);
            return;
        }
        Fields fields(*node, fmt::format("section '{}'", parts_.profile.protocol), parts_.diagnostics);
        if (!fields.valid()) return;
        parts_.shape = parts_.adapter.add_shape(parts_.profile.id(), &fields, parts_.diagnostics);
        fields.done();
    }

    /// How well a device on the radio is heard, and (5518) when it was last: for each of them, without a word in its profile.
    void read_signal(PointReader& points) {
        const Node* all = section("points");
        if (all == nullptr) return;
        for (const auto& member : all->members()) {
            const Node* field = member.value.kind() == Node::Kind::map ? member.value.find("field") : nullptr;
            if (field != nullptr && field->written() == "rssi") return;
        }
        constexpr lwm2m::ObjectId generic_sensor = 3300;
        lwm2m::InstanceId instance = 0;
        while (parts_.table.has(lwm2m::Path::of({generic_sensor, instance, 5700}))) ++instance;
        const auto& at = all->at();
        parts_.own.push_back({all->find("signal") == nullptr ? "signal" : "radio_signal", at,
                              Node::map(at, {{"field", at, Node::text(at, "rssi")},
                                             {"application", at, Node::text(at, "signal strength")},
                                             {"to", at, Node::text(at, fmt::format("{}/{}", generic_sensor, instance))}})});
        points.read(parts_.own.back());
    }

    TypeParts parts_;
    std::map<std::string, Node, std::less<>> sections_;  // parameters put in
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
