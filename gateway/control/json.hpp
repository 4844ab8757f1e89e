#pragma once

#include "gateway/base/bytes.hpp"
#include "lwm2m/value.hpp"

#include <nlohmann/json.hpp>

namespace gateway::control {

/// Keys in the order in which they were put, so that a person can read it.
using Json = nlohmann::ordered_json;

/// One line; what is no UTF-8 in a text becomes a replacement character.
inline std::string line_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// A value with its own kind; bytes as hex, "no value" as null.
Json value_of(const lwm2m::Value&);

}  // namespace gateway::control
