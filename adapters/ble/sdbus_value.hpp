#pragma once

#include "adapters/ble/bus.hpp"
#include "adapters/ble/sdbus_compat.hpp"

/// Our values to and from messages of sdbus-c++. Throws what the library throws: sdbus::Error.
namespace adapters::ble {

/// Every value of a message. A byte array is cut at 64 kB.
std::vector<Value> read_all(sdbus::Message& message);
void write_value(sdbus::Message& message, const Value& value);
/// The D-Bus type that write_value() makes of it; "" for what we never send.
std::string signature_of(const Value& value);

/// Moved out of the value; empty when it is no dictionary.
Dict dict_of(Value& value);
Interfaces interfaces_of(Value& value);

}  // namespace adapters::ble
