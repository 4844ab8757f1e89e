#pragma once

#include "mapping/type_parts.hpp"

namespace mapping {

/// Compiles `calc`, `exponent`, `monotonic` and `write.calc` of all drafts: names, types, units, circles. Fills in
/// PointSpec::formula and inputs, takes the polls from points that nobody needs, and makes the wiring.
void finish_formulas(TypeParts&);

}  // namespace mapping
