#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace config {

struct Loose {
    std::string what, remedy;
};

/// A plain scalar that YAML 1.1 tools and YAML 1.2 tools (or people) read differently, and what to write instead.
std::optional<Loose> loose_scalar(std::string_view plain);

}  // namespace config
