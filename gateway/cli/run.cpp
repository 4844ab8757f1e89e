#include "gateway/app.hpp"
#include "gateway/asio_timers.hpp"
#include "gateway/base/log.hpp"
#include "gateway/cli/cli.hpp"
#include "lwm2m/coap/coap_transport.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <iostream>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace gateway::cli {

namespace {

/// Keys are in this process's memory: it leaves no core and nobody may attach to it.
void keep_memory_private() {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

/// What the site's prefixes must not do to those that were given before.
void check_prefixes(const Site& site, const StateStore& state, base::Diagnostics& diagnostics) {
    for (const auto& device : site.plan->devices) {
        if (device.prefix.empty()) continue;
        const auto owner = state.owner(device.prefix);
        if (!owner.empty() && owner != device.id)
            diagnostics.error(device.at,
                              fmt::format("prefix '{}' was given to device '{}' before, and servers may still know it so",
                                          device.prefix, owner),
                              "choose another prefix, or leave it out");
    }
}

}  // namespace

int run(const Options& options) {
    keep_memory_private();
    std::signal(SIGPIPE, SIG_IGN);
    boost::asio::io_context loop(1);
    AsioTimers timers(loop);
    SystemRandom random;

    base::start_log(options.log_level.empty() ? spdlog::level::info : *base::parse_level(options.log_level));
    const auto registry = load_adapters(options.places);
    base::Diagnostics diagnostics;
    auto site = load_site(options.places, registry, loop, timers, random, diagnostics);
    auto state = StateStore::open(options.places.state);
    if (site && state) check_prefixes(*site, *state, diagnostics);
    if (!site || !diagnostics.ok()) {
        std::cerr << diagnostics.str() << fmt::format("{} mistakes; nothing was started\n", diagnostics.different());
        return 1;
    }
    if (!state) {
        std::cerr << "lwm2m-gateway: --state: " << state.error().message << "\n";
        return 1;
    }
    if (options.log_level.empty()) base::log().set_level(*base::parse_level(site->config.log_level));
    if (options.places.state.empty()) base::log().warn("no --state: the devices' prefixes will not be kept over a restart");
    for (const auto& server : site->config.servers)
        if (server.security == config::Security::nosec)
            base::log().warn("server '{}': security is off (nosec), as gateway.yaml says", server.name);
    base::log().info("lwm2m-gateway {} as '{}'", options.version, site->config.endpoint);

    lwm2m::coap::CoapTransport transport(loop.get_executor(), timers, random);
    App app(std::move(*site), std::move(*state), transport, timers, random, options.version);
#ifdef __GLIBC__
    malloc_trim(0);  // reading and compiling took more than running will
#endif

    bool stopping = false, again = false;
    const auto stop = [&](const char* why) {
        if (stopping) return;
        stopping = true;
        base::log().info("stopping: {}", why);
        app.stop([&loop] { loop.stop(); });
    };
    boost::asio::signal_set signals(loop, SIGTERM, SIGINT);
    signals.async_wait([&](const boost::system::error_code& error, int number) {
        if (!error) stop(number == SIGTERM ? "SIGTERM" : "SIGINT");
    });
    app.on_restart = [&] {
        again = true;
        stop("a server asked for a restart");
    };
    if (const auto started = app.start(); !started) {
        std::cerr << "lwm2m-gateway: " << started.error().message << "\n";
        return 1;
    }
    loop.run();
    return again ? restart_status : 0;
}

}  // namespace gateway::cli
