#pragma once

#include "gateway/base/node.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

/// The only user of yaml-cpp: YAML 1.2 core, one document, strict.
namespace config {

constexpr std::size_t yaml_most_bytes = 1U << 20U;  ///< of a file
constexpr std::size_t yaml_most_nodes = 200'000;    ///< keys and values of a file, aliases expanded
constexpr std::size_t yaml_most_aliased = 1'000;    ///< keys and values that a file's aliases expand to, together
constexpr int yaml_most_depth = 32;                 ///< lists and maps within each other

/// Refuses, each with its place and a remedy: what is no YAML, more than one document, duplicate keys, tags, directives,
/// anchors that expand past a limit, loose scalars (plain yes, no, on, off, 010, 0b1, 1_000, 1:30, .inf: what YAML 1.1
/// tools read otherwise; write true, "010" …), plain text over several lines, quotes without an end, keys that are no
/// scalars, text that is no UTF-8, tabs as indentation, and what is over the limits above.
///
/// Nothing returned: the structure could not be understood. When only single values are wrong (loose scalars, duplicate
/// keys, tags) the rest is returned all the same, so that the next reader can tell its mistakes too: ask
/// `diagnostics.ok()` before using anything. An empty file is a node of kind null.
std::optional<base::Node> read_yaml(std::string_view text, const std::string& file, base::Diagnostics&);
/// Errors: the file cannot be read. `shown`: the name to use in messages.
std::optional<base::Node> read_yaml_file(const std::string& path, const std::string& shown, base::Diagnostics&);

}  // namespace config
