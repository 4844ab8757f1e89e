#pragma once

#include "gateway/base/node.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

/// `${name}` in values. Done after parsing, on typed values: never on the text of the file.
namespace mapping {

using Parameters = std::map<std::string, base::Node, std::less<>>;

struct Reference {
    std::string name;     ///< between `${` and `}`
    base::SourceLoc at;   ///< of the value
    bool closed = true;   ///< false: the `}` is missing
    bool in_key = false;  ///< keys take none
};
/// All references in the values (and, wrongly, keys) below a node.
std::vector<Reference> references(const base::Node&);

/// A copy with the parameters put in. A value that is exactly `${name}` takes the parameter's type; within a longer
/// text the parameter stands as written. Names that are not in `parameters` stay as they are.
base::Node substitute(const base::Node&, const Parameters& parameters);

}  // namespace mapping
