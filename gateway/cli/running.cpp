#include "gateway/cli/running.hpp"

#include "gateway/base/log.hpp"

#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace gateway::cli {

using base::Result;
using control::Json;

namespace {

std::size_t resident_kb() {
    std::ifstream file("/proc/self/statm");
    std::size_t total = 0, resident = 0;
    file >> total >> resident;
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) / 1024;
}

/// What the client's line says of one server: "registered as /rd/5a3f, lwm2m 1.2".
std::string of_server(const std::string& line, const std::string& name) {
    const auto all = "; " + line;
    const auto from = all.find("; " + name + ": ");
    if (from == std::string::npos) return {};
    const auto begin = from + name.size() + 4;
    return all.substr(begin, all.find("; ", begin) - begin);
}

Json json_of(const ReloadReport& report) {
    return Json{{"text", report.str()},
                {"added", report.added},
                {"removed", report.removed},
                {"changed", report.changed},
                {"moved", report.moved},
                {"kept", report.kept},
                {"opened", report.opened},
                {"closed", report.closed},
                {"links_kept", report.links_kept},
                {"left_out", report.left_out},
                {"needs_restart", report.needs_restart}};
}

}  // namespace

Running::Running(App& app, base::Timers& timers, std::string version, std::string config)
    : app_(app), timers_(timers), service_(timers), version_(std::move(version)), started_(timers.now()) {
    std::error_code error;
    config_ = std::filesystem::canonical(config, error).string();
    if (error) config_ = std::move(config);
}

void Running::write(DeviceIndex device, PointNumber point, const lwm2m::Value& value, std::function<void(Result<void>)> done) {
    const auto raw = app_.broker().raw(device, point, value);
    if (!raw) return done(tl::unexpected(raw.error()));
    app_.broker().write(device, point, *raw, value, std::move(done));
}

Json Running::facts() const {
    Json facts{{"version", version_},
               {"endpoint", app_.site().config.endpoint},
               {"config", config_},
               {"pid", getpid()},
               {"uptime_s", std::chrono::duration_cast<std::chrono::seconds>(timers_.now() - started_).count()},
               {"memory_kb", resident_kb()},
               {"observations", app_.client().observations()}};
    Json servers = Json::array();
    for (const auto& server : app_.site().config.servers)
        servers.push_back(Json{{"name", server.name},
                               {"short_id", server.short_id},
                               {"uri", server.uri},
                               {"state", lwm2m::name(app_.client().state(server.short_id))},
                               {"registration", of_server(app_.client().status(), server.name)},
                               {"lifetime_s", app_.client().lifetime(server.short_id).count()}});
    facts["servers"] = std::move(servers);
    return facts;
}

void Running::reload(std::function<void(Result<Json>)> done) {
    service_.reloading();
    app_.reload([this, done = std::move(done)](Result<ReloadReport> report) {
        service_.reloaded();
        if (on_reloaded) on_reloaded();
        if (!done) return;
        if (report)
            done(json_of(*report));
        else
            done(tl::unexpected(report.error()));
    });
}

}  // namespace gateway::cli
