#include "gateway/adapter_registry.hpp"

#include <dlfcn.h>
#include <algorithm>
#include <filesystem>

namespace gateway {

using base::Errc;
using base::fail;

base::Result<void> AdapterRegistry::add(const adapters::Descriptor& descriptor) {
    if (descriptor.api != adapters::adapter_api)
        return fail(Errc::bad_request,
                    fmt::format("it is made for adapter API {}, this gateway has {}", descriptor.api, adapters::adapter_api));
    // C++ across a library border holds only for one compiler and one set of headers.
    if (std::string_view(descriptor.build) != adapters::adapter_build)
        return fail(Errc::bad_request,
                    fmt::format("it comes from another build ({}, ours is {})", descriptor.build, adapters::adapter_build));
    if (!by_name_.emplace(descriptor.name, &descriptor).second)
        return fail(Errc::bad_request, fmt::format("there is an adapter '{}' already", descriptor.name));
    return {};
}

void AdapterRegistry::load_folder(const std::string& folder, std::vector<std::string>& problems) {
    std::error_code error;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error))
        if (entry.path().extension() == ".so") files.push_back(entry.path());
    if (error) problems.push_back(fmt::format("{}: the plugin folder cannot be read: {}", folder, error.message()));
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
        void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) {
            problems.push_back(fmt::format("{}: cannot be loaded: {}", file.string(), dlerror()));
            continue;
        }
        const void* symbol = dlsym(library, "lwm2m_gateway_adapter");
        if (symbol == nullptr) {
            problems.push_back(fmt::format("{}: is no adapter: it does not export 'lwm2m_gateway_adapter'", file.string()));
            dlclose(library);
            continue;
        }
        if (const auto added = add(*static_cast<const adapters::Descriptor*>(symbol)); !added) {
            problems.push_back(fmt::format("{}: {}", file.string(), added.error().message));
            dlclose(library);
        }
    }
}

const adapters::Descriptor* AdapterRegistry::find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
}

std::vector<std::string_view> AdapterRegistry::names() const {
    std::vector<std::string_view> names;
    for (const auto& [name, descriptor] : by_name_) names.push_back(name);
    return names;
}

}  // namespace gateway
