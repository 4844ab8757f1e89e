#pragma once

#include "adapters/api/adapter.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gateway {

/// The adapters that this process can have: linked in (tests), or plugins of a folder, where `modbus.so` holds the adapter
/// `modbus`. A plugin is loaded when a link, a profile or a verb first asks for it, so that a site pays neither memory nor
/// start-up time for protocols that it does not speak; it stays loaded for the life of the process.
class AdapterRegistry {
public:
    /// Errc::bad_request: made for another API or by another build, or a second one of that name.
    base::Result<void> add(const adapters::Descriptor&);
    /// Notes every `*.so` of the folder. Errc::not_found: it cannot be read.
    base::Result<void> look_in(const std::string& folder);

    /// Errc::not_found: there is none of that name. Errc::bad_request: its plugin cannot be loaded or used; why, with its file.
    base::Result<const adapters::Descriptor*> find(std::string_view name);
    /// Those that may be asked for, in order.
    std::vector<std::string_view> names() const;

private:
    base::Result<const adapters::Descriptor*> load(std::string_view name, const std::string& file) const;
    static base::Result<void> fits(const adapters::Descriptor&);

    struct Entry {
        std::string file;  // empty: linked in
        const adapters::Descriptor* descriptor = nullptr;
    };
    std::map<std::string, Entry, std::less<>> by_name_;
};

}  // namespace gateway
