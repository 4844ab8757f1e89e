#pragma once

#include "gateway/base/node.hpp"

#include <string_view>
#include <vector>

/// Words that several readers of the format share.
namespace mapping {

/// `[a-z][a-z0-9_]*`, at most 64 bytes: points, groups, actions, parameters.
bool is_name(std::string_view text);
/// Reports the key of `member` when it is no name.
bool check_name(const base::Node::Member& member, std::string_view what, base::Diagnostics&);
/// `format: 1`, in every file.
void check_format(base::Fields& file);
/// "did you mean 'x'?", or "there are a, b, c" (at most 12), or `none` when there is nothing to choose from.
std::string suggestion(std::string_view word, const std::vector<std::string_view>& candidates, std::string_view none);
/// "devices.d/site.yaml:3:5", to point at another place in a message.
std::string place(const base::SourceLoc&);

}  // namespace mapping
