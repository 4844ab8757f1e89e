#pragma once

#include "adapters/api/adapter.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gateway {

/// The adapters that this process has: linked in (tests) or loaded from the plugin folder.
class AdapterRegistry {
public:
    /// Errc::bad_request: made for another API or by another build, or a second one of that name.
    base::Result<void> add(const adapters::Descriptor&);
    /// Loads every `*.so` of the folder, in name order. A plugin that cannot be loaded is told in `problems` and left out.
    /// Plugins stay loaded for the life of the process.
    void load_folder(const std::string& folder, std::vector<std::string>& problems);

    const adapters::Descriptor* find(std::string_view name) const;
    std::vector<std::string_view> names() const;

private:
    std::map<std::string, const adapters::Descriptor*, std::less<>> by_name_;
};

}  // namespace gateway
