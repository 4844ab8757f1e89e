#pragma once

#include "config/config.hpp"

/// How one server is served: all keys of `servers: {NAME: …}` but its address and security.
namespace config {

void read_server_settings(base::Fields& fields, Server& server);
/// `access`, `location` and `device` of gateway.yaml.
void read_own_objects(base::Fields& file, Site& site);

}  // namespace config
