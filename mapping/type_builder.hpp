#pragma once

#include "adapters/api/adapter.hpp"
#include "lwm2m/object_catalog.hpp"
#include "mapping/plan.hpp"
#include "mapping/profile.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace mapping {

/// What a site says about one point of one device.
struct PointOverride {
    std::optional<Milliseconds> every;
    bool at_start = false;  ///< every: start
    bool use = true;
    bool write = true;
    std::optional<double> deadband;
};
using Overrides = std::map<std::string, PointOverride, std::less<>>;

/// Most of each in one profile.
constexpr std::size_t most_points = 4096, most_actions = 256, most_steps = 64;
/// How often a point is asked for that says nothing about it.
constexpr Milliseconds default_period{10'000};
/// What a step that writes may take, beside the spans that the steps name.
constexpr Milliseconds write_allowance{4'000};

struct BuiltType {
    std::shared_ptr<const DeviceType> type;
    adapters::ShapeId shape = 0;
};

/// A profile with its parameters and the site's changes, bound to one link's adapter. Reports every mistake, then
/// returns nothing. Messages speak of the profile only, so that devices that share it share them.
std::optional<BuiltType> build_type(const Profile&, const Parameters&, const Overrides&, const lwm2m::ObjectCatalog&,
                                    adapters::Adapter&, base::Diagnostics&);

/// `every:` of a group, point or site: a span of at least 10 ms, or `start` (then nothing is returned and `at_start` set).
std::optional<Milliseconds> read_every(base::Fields&, bool& at_start);

}  // namespace mapping
