#pragma once

#include <string_view>

namespace mapping {

/// Is it a unit that SenML knows (RFC 8428 section 12.1, RFC 8798, IANA's registry "SenML Units")? Symbols are case sensitive.
bool is_senml_unit(std::string_view symbol);
/// What was probably meant by one that is not: "Cel" for "°C", "kW" for "KW"; or "" when nothing is near.
std::string_view senml_unit_like(std::string_view symbol);

}  // namespace mapping
