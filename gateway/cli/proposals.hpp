#pragma once

#include "gateway/base/node.hpp"

#include <map>
#include <string>
#include <vector>

namespace gateway::cli {

/// Profiles that fit what a scan found: those whose `device:` names, in plain text, the maker and model that the device
/// gives for itself. Best first: "acme/em24@3".
std::vector<std::string> propose(const std::vector<base::Node>& profiles, const std::map<std::string, std::string>& facts);

}  // namespace gateway::cli
