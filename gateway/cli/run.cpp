#include "gateway/app.hpp"
#include "gateway/asio_timers.hpp"
#include "gateway/base/log.hpp"
#include "gateway/cli/cli.hpp"
#include "gateway/cli/output.hpp"
#include "gateway/cli/running.hpp"
#include "gateway/control/desk.hpp"
#include "gateway/control/server.hpp"
#include "lwm2m/coap/coap_transport.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <algorithm>
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

/// A TCP device has a connection of its own, and a shell allows 1,024 files unless one asks for more; the unit has its own
/// limit.
void allow_many_connections() {
    constexpr rlim_t enough = 8192;
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= enough) return;
    limit.rlim_cur = std::min(enough, limit.rlim_max);
    setrlimit(RLIMIT_NOFILE, &limit);
}

/// SIGHUP, again and again.
class Hangups {
public:
    Hangups(boost::asio::io_context& loop, Running& running) : signals_(loop, SIGHUP), running_(running) { wait(); }

private:
    void wait() {
        signals_.async_wait([this](const boost::system::error_code& error, int) {
            if (error) return;
            running_.reload({});  // the app tells in the log what came of it
            wait();
        });
    }
    boost::asio::signal_set signals_;
    Running& running_;
};

}  // namespace

int run(const Options& options) {
    keep_memory_private();
    allow_many_connections();
    std::signal(SIGPIPE, SIG_IGN);
    boost::asio::io_context loop(1);
    AsioTimers timers(loop);
    SystemRandom random;

    base::start_log(options.log_level.empty() ? spdlog::level::info : *base::parse_level(options.log_level));
    auto registry = find_adapters(options.places);
    auto state = StateStore::open(options.places.state);
    if (!state) return complain("run", "--state: " + state.error().message, problem);
    base::Diagnostics diagnostics;
    auto site = load_site(options.places, registry, loop, timers, random, diagnostics, &*state);
    if (!site || !diagnostics.ok()) {
        std::cerr << diagnostics.str() << fmt::format("{}; nothing was started\n", count(diagnostics.different(), "mistake"));
        return mistakes_in_files;
    }
    if (options.log_level.empty()) base::log().set_level(*base::parse_level(site->config.log_level));
    if (options.places.state.empty()) base::log().warn("no --state: the devices' prefixes will not be kept over a restart");
    for (const auto& server : site->config.servers)
        if (server.security == config::Security::nosec)
            base::log().warn("server '{}': security is off (nosec), as gateway.yaml says", server.name);
    base::log().info("lwm2m-gateway {} as '{}'", options.version, site->config.endpoint);

    lwm2m::coap::CoapTransport transport(loop.get_executor(), timers, random);
    App app(std::move(*site), std::move(*state), transport, timers, random, options.version);
    app.log_level_fixed = !options.log_level.empty();
    app.load = [&](base::Diagnostics& told, const StateStore& kept, std::shared_ptr<const lwm2m::ObjectCatalog> catalog) {
        return load_site(options.places, registry, loop, timers, random, told, &kept, std::move(catalog));
    };
#ifdef __GLIBC__
    malloc_trim(0);  // reading and compiling took more than running will
#endif

    Running running(app, timers, options.version, options.places.config);
    control::Desk desk(running);
    running.on_reloaded = [&desk] { desk.settled(); };
    control::Server server(loop.get_executor(), timers, [&desk](std::shared_ptr<control::Call> call) { desk.handle(call); });
    if (options.socket != "none") {
        const auto path = options.socket.empty() ? control::default_socket() : options.socket;
        if (const auto listening = server.listen(path); listening)
            base::log().info("control socket: {}", path);
        else  // the gateway's work needs none
            base::log().warn("no control socket, so status, read and such verbs cannot ask: {}", listening.error().message);
    }

    bool stopping = false, again = false;
    const auto stop = [&](const char* why) {
        if (stopping) return;
        stopping = true;
        base::log().info("stopping: {}", why);
        server.close();
        app.stop([&loop] { loop.stop(); });
    };
    boost::asio::signal_set signals(loop, SIGTERM, SIGINT);
    signals.async_wait([&](const boost::system::error_code& error, int number) {
        if (!error) stop(number == SIGTERM ? "SIGTERM" : "SIGINT");
    });
    const Hangups hangups(loop, running);
    app.on_restart = [&] {
        again = true;
        stop("a server asked for a restart");
    };
    if (const auto started = app.start(); !started) return complain("run", started.error().message, problem);
    loop.run();
    return again ? restart_status : well;
}

}  // namespace gateway::cli
