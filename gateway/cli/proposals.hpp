#pragma once

#include "gateway/base/node.hpp"

#include <map>
#include <string>
#include <vector>

namespace gateway::cli {

/// Profiles that fit what a scan found, best first, at most three: "acme/em24@3". Those of the convention that the adapter saw
/// (the fact `profiles`: "tasmota/", or one profile's name); else those whose `device:` names, in plain text, the maker and
/// model that the device gives for itself.
std::vector<std::string> propose(const std::vector<base::Node>& profiles, const std::map<std::string, std::string>& facts);

}  // namespace gateway::cli
