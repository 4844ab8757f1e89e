#pragma once

#include "mapping/bench.hpp"

#include <string>
#include <vector>

namespace mapping {

/// Something legal in a profile that its author may regret.
struct Advice {
    base::SourceLoc at;
    std::string code;  ///< never changes its meaning: "no-tests", "point-unused" … (mapping/profiles/README.md lists them)
    std::string what, remedy;
    /// "file:line:col: what; remedy [code]"
    std::string str() const;
};

/// Advice on one profile file, by place. Nothing: the profile has mistakes, and they are reported. `file` is where it lies
/// below the profiles folder ("acme/em24.yaml"), to hold its name against; "" when that does not matter.
std::optional<std::vector<Advice>> lint(const base::Node& profile, std::string_view file, const Bench&, base::Diagnostics&);

}  // namespace mapping
