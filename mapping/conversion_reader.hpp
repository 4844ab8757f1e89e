#pragma once

#include "gateway/base/node.hpp"
#include "mapping/conversion_rules.hpp"
#include "mapping/resource_table.hpp"

#include <memory>
#include <optional>

namespace mapping {

/// The type of device value that a point's keys name; nothing when `type` is absent or wrong (the adapter reports that).
std::optional<adapters::Kind> written_kind(const base::Node& point);

/// What a value is between two steps, as far as the files tell.
enum class Sort : std::uint8_t { unknown, boolean, integer, number, text, bytes };
std::string_view sort_name(Sort);
bool is_numeric(Sort);  ///< or unknown

struct ReadConversion {
    std::shared_ptr<const Conversion::Rules> rules;
    Sort sort = Sort::unknown;  ///< after offset, and after exponent; before calc
};
/// Reads unit, invalid, bit, bits, map, scale, offset, range of a point and min, max, step of its `write`; holds them
/// against the device's type (`kind`, if known) and the resource's (`goal`, null when the point leads nowhere). With
/// `calc` the latter waits for check_goal().
/// `own_unit`: what the value is in when the point says no unit and changes no number.
/// Reports every mistake, then returns nothing.
std::optional<ReadConversion> read_conversion(base::Fields& point, base::Fields* write, std::optional<adapters::Kind> kind,
                                              const Goal* goal, std::string own_unit = "");
/// Can a value of this sort have a range, and be the resource's?
void check_goal(base::Fields& point, Sort, const Goal* goal);

/// A plain YAML scalar as a device value: 0x5AA5, true, 1.5, "text". Nothing for lists, maps and nothing.
std::optional<adapters::Scalar> scalar_of(const base::Node& node);

}  // namespace mapping
