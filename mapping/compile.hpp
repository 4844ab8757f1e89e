#pragma once

#include "mapping/plan.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mapping {

struct Sources {
    std::vector<base::Node> profiles;   ///< each file's root: the site's own folder before the shipped ones; first wins
    std::vector<base::Node> site;       ///< each file of devices.d
    const base::Node* links = nullptr;  ///< `links:` of gateway.yaml, may be null
    std::string endpoint;               ///< no device may have this id (gateway digest 2)
    const lwm2m::ObjectCatalog* catalog = nullptr;
    /// Makes the adapter of a link; reports an unknown name or a wrong key itself and returns null.
    std::function<std::unique_ptr<adapters::Adapter>(std::string_view adapter, base::Fields& link)> make;
    /// The content of a secret; Errc::not_found when missing. Its error text says where it was looked for.
    std::function<base::Result<std::string>(std::string_view name)> secret;
};

/// Finds every mistake it can, then returns nothing; or a plan that cannot fail to be run.
std::optional<Plan> compile(const Sources&, base::Diagnostics&);

}  // namespace mapping
