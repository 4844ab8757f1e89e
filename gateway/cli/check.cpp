#include "gateway/asio_timers.hpp"
#include "gateway/base/log.hpp"
#include "gateway/cli/cli.hpp"

#include <iostream>

namespace gateway::cli {

namespace {

std::optional<Site> understand(const Options& options, boost::asio::io_context& loop, AsioTimers& timers, SystemRandom& random,
                               const AdapterRegistry& registry) {
    base::start_log(*base::parse_level(options.log_level.empty() ? "warn" : options.log_level));
    base::Diagnostics diagnostics;
    auto site = load_site(options.places, registry, loop, timers, random, diagnostics);
    if (site && diagnostics.ok()) return site;
    std::cerr << diagnostics.str()
              << fmt::format("{} {}\n", diagnostics.different(), diagnostics.different() == 1 ? "mistake" : "mistakes");
    return std::nullopt;
}

}  // namespace

int check(const Options& options) {
    boost::asio::io_context loop(1);
    AsioTimers timers(loop);
    SystemRandom random;
    const auto registry = load_adapters(options.places);
    const auto site = understand(options, loop, timers, random, registry);
    if (!site) return 1;
    std::cout << fmt::format("{}: {} servers, {} links, {} devices: no mistakes\n", options.places.config,
                             site->config.servers.size(), site->plan->links.size(), site->plan->devices.size());
    return 0;
}

int explain(const Options& options) {
    boost::asio::io_context loop(1);
    AsioTimers timers(loop);
    SystemRandom random;
    const auto registry = load_adapters(options.places);
    const auto site = understand(options, loop, timers, random, registry);
    if (!site) return 1;
    std::cout << site->plan->str() << "\n";
    return 0;
}

}  // namespace gateway::cli
