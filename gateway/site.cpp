#include "gateway/site.hpp"

#include "gateway/base/log.hpp"
#include "mapping/bus_load.hpp"

#include <fmt/ranges.h>
#include <algorithm>
#include <filesystem>

namespace gateway {

namespace fs = std::filesystem;

void Places::find_installed() {
    std::error_code error;
    const fs::path bin = fs::read_symlink("/proc/self/exe", error).parent_path();
    const auto first = [&error](std::initializer_list<fs::path> candidates) -> std::string {
        for (const auto& candidate : candidates)
            if (fs::is_directory(candidate, error)) return candidate.lexically_normal().string();
        return {};
    };
    if (plugins.empty()) plugins = first({bin / "adapters", bin / ".." / GATEWAY_LIBDIR / "lwm2m-gateway/adapters"});
    if (profiles.empty()) profiles = first({bin / "../share/lwm2m-gateway/profiles", bin / "../../mapping/profiles"});
}

AdapterRegistry load_adapters(const Places& places) {
    AdapterRegistry registry;
    std::vector<std::string> problems;
    if (!places.plugins.empty()) registry.load_folder(places.plugins, problems);
    for (const auto& problem : problems) base::log().error("{}", problem);
    return registry;
}

std::unique_ptr<lwm2m::ObjectCatalog> load_catalog(const Places& places) {
    auto catalog = std::make_unique<lwm2m::ObjectCatalog>(lwm2m::ObjectCatalog::builtin());
    if (!places.models.empty()) {
        std::vector<std::string> refused;
        const auto loaded = catalog->load_folder(places.models, refused);
        base::log().info("{} object definitions loaded from {}", loaded, places.models);
        for (const auto& file : refused) base::log().warn("definition refused: {}", base::printable(file, 500));
    }
    return catalog;
}

std::function<std::unique_ptr<adapters::Adapter>(std::string_view, base::Fields&)> adapter_maker(
    const AdapterRegistry& registry, boost::asio::io_context& loop, base::Timers& timers, base::Random& random) {
    return
        [&registry, &loop, &timers, &random](std::string_view name, base::Fields& link) -> std::unique_ptr<adapters::Adapter> {
            const auto* descriptor = registry.find(name);
            if (descriptor == nullptr) {
                const auto names = registry.names();
                const auto near = base::nearest(name, names);
                std::string remedy = near.empty() ? (names.empty() ? std::string("no adapter plugin was found; install one")
                                                                   : fmt::format("there are: {}", fmt::join(names, ", ")))
                                                  : fmt::format("did you mean '{}'?", near);
                link.error(name, fmt::format("no adapter '{}'", name), remedy);
                return nullptr;
            }
            return descriptor->create(loop.get_executor(), timers, random, link);
        };
}

std::optional<Site> load_site(const Places& places, const AdapterRegistry& registry, boost::asio::io_context& loop,
                              base::Timers& timers, base::Random& random, base::Diagnostics& diagnostics) {
    const config::Secrets secrets(places.secrets);
    auto read = config::load(places.config, places.profiles, secrets, diagnostics);
    if (!read) return std::nullopt;
    Site site;
    site.config = std::move(*read);
    site.catalog = load_catalog(places);
    mapping::Sources sources;
    // Moved: what the files said is half of a large site's memory, and nobody asks for it after this.
    sources.profiles = std::move(site.config.profiles);
    sources.site = std::move(site.config.devices);
    sources.links = &site.config.links;
    sources.endpoint = site.config.endpoint;
    sources.catalog = site.catalog.get();
    sources.make = adapter_maker(registry, loop, timers, random);
    sources.secret = [&secrets](std::string_view name) { return secrets.text(name); };
    auto plan = mapping::compile(sources, diagnostics);
    if (plan) mapping::check_bus_load(*plan, diagnostics);
    if (!plan || !diagnostics.ok()) return std::nullopt;
    site.plan = std::make_unique<mapping::Plan>(std::move(*plan));
    return site;
}

}  // namespace gateway
