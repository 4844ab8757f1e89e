#pragma once

#include "mapping/plan.hpp"
#include "mapping/resource_table.hpp"

#include <optional>

namespace mapping {

/// One member of `actions:`: adds its executable resource to the table and binds what its steps touch. `number` is its
/// place in DeviceType::actions. Reports every mistake, then returns nothing. Without a shape nothing is bound.
std::optional<Action> read_action(const base::Node::Member& member, ResourceTable& table, adapters::Adapter& adapter,
                                  std::optional<adapters::ShapeId> shape, std::uint16_t number, base::Diagnostics& diagnostics);

}  // namespace mapping
