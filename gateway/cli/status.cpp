#include "gateway/cli/output.hpp"
#include "gateway/cli/way.hpp"

#include <iostream>

namespace gateway::cli {

namespace {

std::string busy_text(const Json& link) {
    if (!link.contains("planned_busy")) return fmt::format("{} busy", percent(link.value("busy", 0.0)));
    return fmt::format("{} busy (planned {}{}, limit {})", percent(link.value("busy", 0.0)),
                       percent(link.value("planned_busy", 0.0)), link.value("turnaround_measured", false) ? "" : " assumed",
                       percent(link.value("busy_limit", 1.0)));
}

void print_status(const Json& status) {
    std::cout << fmt::format("lwm2m-gateway {} as '{}', up {}, {} kB\n", text_of(status, "version"),
                             text_of(status, "endpoint"), span(status.value("uptime_s", std::int64_t{0}) * 1000),
                             status.value("memory_kb", 0));
    std::vector<std::vector<std::string>> rows;
    for (const auto& server : status.value("servers", Json::array())) {
        std::string more = text_of(server, "location");
        if (!more.empty()) more += ", LwM2M " + text_of(server, "lwm2m");
        const auto add = [&more](const std::string& text) { more += (more.empty() ? "" : ", ") + text; };
        if (server.contains("lifetime_left_s"))
            add("lifetime left " + span(server["lifetime_left_s"].get<std::int64_t>() * 1000));
        if (server.contains("last_error")) add("last error: " + text_of(server, "last_error"));
        if (server.contains("retry_in_s")) add("next try in " + span(server["retry_in_s"].get<std::int64_t>() * 1000));
        rows.push_back({text_of(server, "name"), text_of(server, "state"), text_of(server, "uri"), more});
    }
    std::cout << "\nservers\n" << table(rows, "  ");
    rows.clear();
    for (const auto& link : status.value("links", Json::array())) {
        std::string more = busy_text(link);
        if (link.value("unanswered", 0) > 0)
            more += fmt::format(", {} of {} polls unanswered", link["unanswered"].dump(), link["polls"].dump());
        if (const auto late = link.value("late_ms", std::int64_t{0}); late >= 1000) more += ", polls late by " + span(late);
        rows.push_back({text_of(link, "name"), text_of(link, "state"), text_of(link, "where"),
                        count(link.value("devices", std::size_t{0}), "device"), more, text_of(link, "why")});
    }
    std::cout << "\nlinks\n" << table(rows, "  ");
    const auto devices = status.value("devices", Json::object());
    std::cout << fmt::format("\ndevices: {}", text_of(devices, "total"));
    for (const auto* presence : {"online", "late", "offline", "unknown"})
        if (devices.value(presence, 0) > 0) std::cout << fmt::format(", {} {}", devices[presence].dump(), presence);
    std::cout << '\n';
    rows.clear();
    for (const auto& away : status.value("offline", Json::array())) rows.push_back({text_of(away, "id"), text_of(away, "why")});
    std::cout << table(rows, "  ");
}

std::string shown(const Json& point) {
    const auto unit = text_of(point, "unit");
    return value_text(point.value("value", Json())) + (unit.empty() ? "" : " " + unit);
}

}  // namespace

int status(const Options& options) {
    int status = 0;
    const auto way = find_way("status", options, {}, status);
    if (way == nullptr) return status;
    const auto answer = way->ask("status", Json::object());
    if (!answer) return failed("status", options, answer.error());
    if (options.json)
        print(*answer);
    else
        print_status(*answer);
    return well;
}

int devices(const Options& options, const std::string& id) {
    int status = 0;
    const auto way = find_way("devices", options, {}, status);
    if (way == nullptr) return status;
    const auto answer = way->ask("devices", id.empty() ? Json::object() : Json{{"device", id}});
    if (!answer) return failed("devices", options, answer.error());
    if (options.json) {
        print(*answer);
        return well;
    }
    std::vector<std::vector<std::string>> rows;
    if (id.empty()) {
        rows.push_back({"DEVICE", "PREFIX", "PRESENCE", "PROFILE", "LINK", "LAST ERROR"});
        for (const auto& device : answer->value("devices", Json::array()))
            rows.push_back({text_of(device, "id"), text_of(device, "prefix"), text_of(device, "presence"),
                            text_of(device, "profile"), text_of(device, "link"),
                            text_of(device.value("last_error", Json::object()), "what")});
        std::cout << table(rows);
        return well;
    }
    std::cout << fmt::format("{}  /{}  {}  {} on {}\n", text_of(*answer, "id"), text_of(*answer, "prefix"),
                             text_of(*answer, "presence"), text_of(*answer, "profile"), text_of(*answer, "link"));
    if (answer->contains("last_error"))
        std::cout << fmt::format("last error at {}: {}\n", moment((*answer)["last_error"].value("at", std::int64_t{0})),
                                 text_of((*answer)["last_error"], "what"));
    rows.push_back({"POINT", "VALUE", "QUALITY", "AGE", "PATH", "LAST ERROR"});
    for (const auto& point : answer->value("points", Json::array())) {
        std::string paths;
        for (const auto& path : point.value("paths", Json::array())) paths += (paths.empty() ? "" : " ") + value_text(path);
        rows.push_back({text_of(point, "name"), shown(point), text_of(point, "quality"),
                        point.contains("age_ms") ? span(point["age_ms"].get<std::int64_t>()) : "-", paths,
                        text_of(point.value("last_error", Json::object()), "what")});
    }
    std::cout << table(rows, "  ");
    return well;
}

}  // namespace gateway::cli
