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
    for (const auto& server : app_.site().config.servers) {
        const auto report = app_.client().report(server.short_id);
        Json line{{"name", server.name},
                  {"short_id", server.short_id},
                  {"uri", server.uri},
                  {"state", lwm2m::name(report.state)},
                  {"lifetime_s", app_.client().lifetime(server.short_id).count()}};
        if (!report.location.empty()) {
            line["location"] = report.location;
            line["lwm2m"] = fmt::format("1.{}", report.minor);
        }
        if (report.lifetime_left) line["lifetime_left_s"] = report.lifetime_left->count();
        if (report.retry_in) line["retry_in_s"] = report.retry_in->count();
        if (!report.trouble.empty()) line["last_error"] = report.trouble;
        servers.push_back(std::move(line));
    }
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
