#pragma once

#include "gateway/base/node.hpp"

#include <optional>
#include <string>
#include <string_view>

/// The only user of yaml-cpp: YAML 1.2 core, one document, strict.
namespace config {

/// Refuses, each with its place and a remedy: what is no YAML, more than one document, duplicate keys, tags, anchors that
/// expand past 1,000 nodes, loose scalars (plain yes, no, on, off, 010, 0b1, 1_000: write true, "010" …), keys that are no
/// scalars, text that is no UTF-8, files over 1 MiB, nesting over 32, over 200,000 nodes.
std::optional<base::Node> read_yaml(std::string_view text, const std::string& file, base::Diagnostics&);
/// Errors: the file cannot be read. `shown`: the name to use in messages.
std::optional<base::Node> read_yaml_file(const std::string& path, const std::string& shown, base::Diagnostics&);

}  // namespace config
