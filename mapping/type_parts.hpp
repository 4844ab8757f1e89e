#pragma once

#include "mapping/conversion_reader.hpp"
#include "mapping/profile.hpp"
#include "mapping/resource_table.hpp"
#include "mapping/type_builder.hpp"

#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mapping {

/// What is known of a point while its type is being built, beside its PointSpec. Points of the profile's `points:` and the
/// texts of object 3 that are read or worked out.
struct PointDraft {
    const base::Node* node = nullptr;  ///< its map, parameters put in
    std::string what;                  ///< for messages: "point 'power'"
    std::optional<Goal> goal{};
    Sort sort = Sort::unknown;  ///< after offset and exponent, before calc
    std::string unit{};
    bool seen = false;  ///< somebody sees it: a server, or the device's error codes
};

/// What the readers of a profile's sections build together. Numbers of points are places in type.points and drafts.
struct TypeParts {
    const Profile& profile;
    const Parameters& parameters;
    const Overrides& overrides;
    adapters::Adapter& adapter;
    base::Diagnostics& diagnostics;
    ResourceTable table;
    std::optional<adapters::ShapeId> shape{};  ///< nothing: the protocol's section is wrong, and nothing can be bound
    DeviceType type{};
    std::vector<PointDraft> drafts{};
    std::map<std::string, std::uint16_t, std::less<>> numbers{};  ///< of points, by name
    std::list<base::Node::Member> own{};                          ///< points that no file has; drafts lead to them

    std::optional<std::uint16_t> find(std::string_view point) const {
        const auto found = numbers.find(point);
        return found != numbers.end() ? std::optional(found->second) : std::nullopt;
    }
    std::uint16_t add(PointSpec spec, PointDraft draft) {
        const auto number = static_cast<std::uint16_t>(type.points.size());
        numbers.emplace(spec.name, number);
        type.points.push_back(std::move(spec));
        drafts.push_back(std::move(draft));
        return number;
    }
    /// A name that was meant to be a point: why it is none, and what to do.
    std::pair<std::string, std::string> no_point(std::string_view name) const;
};

}  // namespace mapping
