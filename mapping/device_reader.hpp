#pragma once

#include "mapping/type_parts.hpp"

namespace mapping {

/// Reads `device:`: the texts of object 3, each as written, at an address, by the protocol's identification, or worked out.
void read_device(const base::Node& section, TypeParts&);
/// Its `errors:`; after all points.
void read_errors(const base::Node& section, TypeParts&);
/// What each end device shows of itself (gateway digest, section 10), where nobody else does.
void add_device_object(TypeParts&);
/// Reads `health:`.
void read_health(const base::Node& section, TypeParts&);

}  // namespace mapping
