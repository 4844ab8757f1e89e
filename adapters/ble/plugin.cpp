#include "adapters/ble/descriptor.hpp"

/// The one symbol that the gateway looks for in ble.so.
extern "C" __attribute__((visibility("default"))) const adapters::Descriptor lwm2m_gateway_adapter{
    adapters::adapter_api, adapters::adapter_build, "ble", &adapters::ble::create, nullptr};
