#pragma once

#include "gateway/base/node.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace config {

constexpr std::size_t folder_most_files = 2'000;  ///< YAML files of one folder with those below it
constexpr int folder_most_depth = 4;              ///< profiles/<maker>/<model>.yaml needs two

enum class Below : std::uint8_t { files, folders };  ///< only its own files, or those of its folders too

/// False for "" and for what is not there. What is there and cannot be read is told by who reads it.
bool exists(const std::string& path);

/// Every *.yaml of a folder, in name order, hidden ones left out. Told: what cannot be read, a *.yml (which nobody would
/// read), more than the limits above. `shown`: the folder's name in messages.
std::vector<base::Node> read_folder(const std::string& path, const std::string& shown, Below, base::Diagnostics&);

}  // namespace config
