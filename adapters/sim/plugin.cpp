#include "adapters/sim/sim.hpp"

// The one symbol of the plugin; all others are hidden.
extern "C" {
extern const adapters::Descriptor lwm2m_gateway_adapter __attribute__((visibility("default")));
const adapters::Descriptor lwm2m_gateway_adapter = adapters::sim::descriptor();
}
