#pragma once

#include "gateway/base/result.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Small text files that survive a power cut at any point and damage of any byte: replaced as a whole, and each line
/// carries the check sum of itself.
namespace gateway::state_file {

/// Columns as one line with its check sum; they may hold anything.
std::string line(const std::vector<std::string_view>& columns);
/// The columns again; nothing when the line was damaged.
std::optional<std::vector<std::string>> columns(std::string_view line);

/// Writes beside it, syncs, and renames. Errc::internal with the path and the reason.
base::Result<void> replace(const std::string& path, std::string_view text);
/// Every whole line of a file to `each`; how many were damaged (one at the end that has no newline is). Nothing: no such
/// file. Over 64 MiB the rest counts as one damaged line.
std::optional<std::size_t> read(const std::string& path, const std::function<void(const std::vector<std::string>&)>& each);

}  // namespace gateway::state_file
