#include "adapters/mqtt/descriptor.hpp"

/// The one symbol that the gateway looks for in mqtt.so.
extern "C" __attribute__((visibility("default"))) const adapters::Descriptor lwm2m_gateway_adapter{
    adapters::adapter_api, adapters::adapter_build, "mqtt", &adapters::mqtt::create, &adapters::mqtt::simulate};
