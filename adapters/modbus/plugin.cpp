#include "adapters/modbus/descriptor.hpp"

/// The one symbol that the gateway looks for in modbus.so.
extern "C" __attribute__((visibility("default"))) const adapters::Descriptor lwm2m_gateway_adapter{
    adapters::adapter_api, adapters::adapter_build, "modbus", &adapters::modbus::create, &adapters::modbus::simulate};
