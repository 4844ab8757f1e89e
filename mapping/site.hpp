#pragma once

#include "gateway/base/node.hpp"
#include "mapping/profile.hpp"
#include "mapping/type_builder.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mapping {

/// The devices that one entry of `devices:` stands for: itself, or one for each unit of a range. `${unit}` in id and
/// prefix is replaced. Calls `each` with a map as if it had been written for this device alone.
void expand_site_device(const base::Node& entry, base::Diagnostics&, const std::function<void(const base::Node& device)>& each);

/// `points:` of a device, held against its profile.
Overrides read_overrides(base::Fields& device, const Profile&);

/// The entries of all site files, in their order.
struct SiteEntries {
    std::vector<const base::Node*> devices, rules;  ///< below `devices:` and `discover:`
};
/// Checks what stands around them.
SiteEntries site_entries(const std::vector<base::Node>& files, base::Diagnostics&);

}  // namespace mapping
