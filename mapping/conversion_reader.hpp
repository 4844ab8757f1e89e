#pragma once

#include "gateway/base/node.hpp"
#include "mapping/conversion_rules.hpp"
#include "mapping/resource_table.hpp"

#include <memory>
#include <optional>

namespace mapping {

/// The type of device value that a point's keys name; nothing when `type` is absent or wrong (the adapter reports that).
std::optional<adapters::Kind> written_kind(const base::Node& point);

/// Reads unit, invalid, bit, bits, map, scale, offset, range of a point and min, max, step of its `write`; holds them
/// against the device's type (`kind`, if known) and the resource's (`goal`, null when the point leads nowhere).
/// Reports every mistake, then returns nothing.
std::shared_ptr<const Conversion::Rules> read_conversion(base::Fields& point, base::Fields* write,
                                                         std::optional<adapters::Kind> kind, const Goal* goal);

/// A plain YAML scalar as a device value: 0x5AA5, true, 1.5, "text". Nothing for lists, maps and nothing.
std::optional<adapters::Scalar> scalar_of(const base::Node& node);

}  // namespace mapping
