#pragma once

#include "adapters/api/adapter.hpp"

/// The adapter `sim`: devices that exist in a profile only. Their values follow a script, a wave or what was last
/// written; failures and delays are acted out. For the demo and for tests; README.md says what to write.
namespace adapters::sim {

const Descriptor& descriptor();

}  // namespace adapters::sim
