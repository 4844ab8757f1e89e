#pragma once

#include "config/secrets.hpp"
#include "gateway/base/node.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

/// The site's folder: gateway.yaml, devices.d/*.yaml, profiles/. No meaning of devices here, that is mapping's.
namespace config {

enum class Security : std::uint8_t { psk, nosec };
struct Server {
    std::string name, uri;
    Security security = Security::psk;
    std::string identity;
    base::Bytes key;
    std::chrono::seconds lifetime{300};  ///< 15 s … 30 d; 0 is refused
    std::uint16_t short_id = 1;          ///< 1, 2 … in the order of the file
    base::SourceLoc at;
};

struct Site {
    std::string endpoint;  // `gateway:`
    std::vector<Server> servers;
    base::Node links;  // kind null when absent
    std::string log_level = "info";
    std::vector<base::Node> profiles;  // own ones first, then the shipped ones
    std::vector<base::Node> devices;   // each file of devices.d
};

/// Every *.yaml below a folder, in name order; an absent folder is an empty one. Broken files are told and left out.
std::vector<base::Node> load_profiles(const std::string& folder, base::Diagnostics&);

/// Reads everything below `folder` and the shipped profiles of `shipped` ("" for none). All mistakes go to the
/// diagnostics; nothing returned means that gateway.yaml itself could not be understood. File names in messages are
/// relative to `folder`.
std::optional<Site> load(const std::string& folder, const std::string& shipped, const Secrets&, base::Diagnostics&);

}  // namespace config
