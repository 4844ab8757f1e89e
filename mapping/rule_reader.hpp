#pragma once

#include "mapping/plan.hpp"
#include "mapping/profile.hpp"

#include <optional>

namespace mapping {

/// What one entry of `discover:` is held against.
struct RuleContext {
    const Library& library;
    const SecretLookup& secret;
    const std::vector<Link>& links;
    /// The place of a link by its name; reports an unknown one. Nothing: reported, or the link itself has mistakes.
    std::function<std::optional<std::size_t>(base::Fields& rule)> link;
};

/// One discovery rule: its own keys here, the protocol's by the link's adapter. Reports every mistake, then returns nothing.
std::optional<Rule> read_rule(const base::Node& node, const RuleContext&, base::Diagnostics&);

}  // namespace mapping
