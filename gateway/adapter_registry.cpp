#include "gateway/adapter_registry.hpp"

#include <dlfcn.h>
#include <filesystem>

namespace gateway {

using base::Errc;
using base::fail;

base::Result<void> AdapterRegistry::fits(const adapters::Descriptor& descriptor) {
    if (descriptor.api != adapters::adapter_api)
        return fail(Errc::bad_request,
                    fmt::format("it is made for adapter API {}, this gateway has {}", descriptor.api, adapters::adapter_api));
    // C++ across a library border holds only for one compiler and one set of headers.
    if (std::string_view(descriptor.build) != adapters::adapter_build)
        return fail(Errc::bad_request,
                    fmt::format("it comes from another build ({}, ours is {})", descriptor.build, adapters::adapter_build));
    return {};
}

base::Result<void> AdapterRegistry::add(const adapters::Descriptor& descriptor) {
    if (auto fit = fits(descriptor); !fit) return fit;
    if (!by_name_.try_emplace(descriptor.name, Entry{{}, &descriptor}).second)
        return fail(Errc::bad_request, fmt::format("there is an adapter '{}' already", descriptor.name));
    return {};
}

base::Result<void> AdapterRegistry::look_in(const std::string& folder) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error))
        if (entry.path().extension() == ".so")
            by_name_.try_emplace(entry.path().stem().string(), Entry{entry.path().string(), nullptr});
    if (error) return fail(Errc::not_found, fmt::format("{}: the plugin folder cannot be read: {}", folder, error.message()));
    return {};
}

base::Result<const adapters::Descriptor*> AdapterRegistry::find(std::string_view name) {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return fail(Errc::not_found, fmt::format("no adapter '{}'", name));
    auto& entry = found->second;
    if (entry.descriptor == nullptr) {
        auto loaded = load(name, entry.file);
        if (!loaded) return loaded;
        entry.descriptor = *loaded;
    }
    return entry.descriptor;
}

base::Result<const adapters::Descriptor*> AdapterRegistry::load(std::string_view name, const std::string& file) const {
    const auto refuse = [&file](const std::string& why) { return fail(Errc::bad_request, fmt::format("{}: {}", file, why)); };
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return refuse(fmt::format("it cannot be loaded: {}", dlerror()));
    const auto* descriptor = static_cast<const adapters::Descriptor*>(dlsym(library, "lwm2m_gateway_adapter"));
    std::string wrong;
    if (descriptor == nullptr)
        wrong = "it is no adapter: it does not export 'lwm2m_gateway_adapter'";
    else if (const auto fit = fits(*descriptor); !fit)
        wrong = fit.error().message;
    else if (descriptor->name != name)
        wrong = fmt::format("it holds the adapter '{0}', so name it {0}.so", descriptor->name);
    if (wrong.empty()) return descriptor;
    dlclose(library);
    return refuse(wrong);
}

std::vector<std::string_view> AdapterRegistry::names() const {
    std::vector<std::string_view> names;
    for (const auto& [name, entry] : by_name_) names.push_back(name);
    return names;
}

}  // namespace gateway
