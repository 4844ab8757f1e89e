#pragma once

#include "mapping/plan.hpp"

#include <string>
#include <vector>

namespace gateway::control {

/// How a raw value becomes what a server reads, one step a text, for a person: "int16 245", "× 0.1", "24.5 Cel",
/// "3303/0/5700". Steps that change nothing are left out. `reading`: what came out of it in the end.
std::vector<std::string> steps(const mapping::DeviceType&, std::uint16_t point, const adapters::Adapter::Raw&,
                               const mapping::Reading& reading);

/// Resources that show the value of a point itself: "3303/0/5700".
std::vector<std::string> paths_of(const mapping::DeviceType&, std::uint16_t point);

/// "good", "old" …
std::string_view name(mapping::Quality);

}  // namespace gateway::control
