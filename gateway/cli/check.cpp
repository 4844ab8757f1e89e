#include "gateway/asio_timers.hpp"
#include "gateway/base/log.hpp"
#include "gateway/cli/cli.hpp"
#include "gateway/cli/output.hpp"
#include "mapping/bus_load.hpp"

#include <iostream>

namespace gateway::cli {

namespace {

/// Nothing: the mistakes were told.
std::optional<Site> understand(const Options& options, boost::asio::io_context& loop, AsioTimers& timers, SystemRandom& random,
                               AdapterRegistry& registry) {
    base::Diagnostics diagnostics;
    auto site = load_site(options.places, registry, loop, timers, random, diagnostics);
    if (site && diagnostics.ok()) return site;
    if (options.json)
        print(mistakes_of(diagnostics));
    else
        std::cerr << diagnostics.str() << fmt::format("{}\n", count(diagnostics.different(), "mistake"));
    return std::nullopt;
}

struct Desktop {
    explicit Desktop(const Options& options) {
        base::start_log(*base::parse_level(options.log_level.empty() ? "warn" : options.log_level));
        registry = find_adapters(options.places);
        site = understand(options, loop, timers, random, registry);
    }
    boost::asio::io_context loop{1};
    AsioTimers timers{loop};
    SystemRandom random;
    AdapterRegistry registry;
    std::optional<Site> site;
};

Json json_of(const mapping::Plan& plan, std::size_t link, const mapping::BusLoad& load) {
    Json line{
        {"name", plan.links[link].name}, {"adapter", plan.links[link].adapter}, {"where", plan.links[link].driver->where()}};
    std::size_t devices = 0;
    for (const auto& device : plan.devices) devices += device.link == link ? 1 : 0;
    line["devices"] = devices;
    if (load.counted) {
        line["busy"] = load.busy;
        line["limit"] = load.limit;
        line["turnaround_measured"] = load.measured;
    }
    return line;
}

Json links_of(const mapping::Plan& plan) {
    Json links = Json::array();
    const auto loads = mapping::bus_loads(plan);
    for (std::size_t i = 0; i < plan.links.size(); ++i) links.push_back(json_of(plan, i, loads[i]));
    return links;
}

std::string_view name(mapping::Source source) {
    switch (source) {
        case mapping::Source::fixed: return "fixed";
        case mapping::Source::point: return "point";
        case mapping::Source::minimum: return "minimum";
        case mapping::Source::maximum: return "maximum";
        case mapping::Source::reset_min_max: return "reset_min_max";
        case mapping::Source::quality: return "quality";
        case mapping::Source::timestamp: return "timestamp";
        case mapping::Source::action: return "action";
        case mapping::Source::error_code: return "error_code";
        case mapping::Source::refused: return "refused";
    }
    return "?";
}

Json json_of(const mapping::Plan& plan, const mapping::Device& device) {
    Json line{{"id", device.id}, {"profile", device.type->profile}, {"link", plan.links[device.link].name}};
    if (!device.prefix.empty()) line["prefix"] = device.prefix;
    Json requests = Json::array();
    for (const auto& [period, points] : mapping::polls_of(*device.type))
        for (const auto& text : plan.links[device.link].driver->explain(device.number, points)) {
            Json request{{"request", text}};
            if (period == mapping::read_at_start)
                request["at_start"] = true;
            else
                request["every_ms"] = period.count();
            requests.push_back(std::move(request));
        }
    line["requests"] = std::move(requests);
    Json resources = Json::array();
    for (const auto& resource : device.type->resources) {
        Json one{{"path", resource.path.str()}, {"name", resource.definition->name}, {"from", name(resource.source)}};
        using Source = mapping::Source;
        switch (resource.source) {
            case Source::fixed: one["value"] = control::value_of(resource.fixed); break;
            case Source::action: one["action"] = device.type->actions[resource.number].name; break;
            case Source::error_code:
                one["codes"] = Json::object({{"8", "the device is away"}});
                for (const auto& error : device.type->errors)
                    one["codes"][std::to_string(error.code)] = device.type->points[error.point].name;
                break;
            case Source::refused: break;
            default: one["point"] = device.type->points[resource.number].name;
        }
        if (resource.writable) one["writable"] = true;
        resources.push_back(std::move(one));
    }
    line["resources"] = std::move(resources);
    return line;
}

std::string_view name(mapping::Rule::Approve approve) {
    switch (approve) {
        case mapping::Rule::Approve::manual: return "manual";
        case mapping::Rule::Approve::automatic: return "auto";
        case mapping::Rule::Approve::allowlist: return "allowlist";
    }
    return "?";
}

Json json_of(const mapping::Rule& rule) {
    return {{"name", rule.name},  {"link", rule.link_name},        {"profile", rule.profile},
            {"id", rule.id},      {"approve", name(rule.approve)}, {"allow", rule.allow},
            {"limit", rule.limit}};
}

}  // namespace

int check(const Options& options) {
    const Desktop desktop(options);
    if (!desktop.site) return problem;
    const auto& plan = *desktop.site->plan;
    if (options.json) {
        print(Json{{"ok", true},
                   {"servers", desktop.site->config.servers.size()},
                   {"links", links_of(plan)},
                   {"devices", plan.devices.size()}});
        return well;
    }
    const auto loads = mapping::bus_loads(plan);
    for (std::size_t i = 0; i < loads.size(); ++i)
        if (loads[i].counted && loads[i].busy > 0) std::cout << fmt::format("{}: {}\n", plan.links[i].name, loads[i].str());
    std::cout << fmt::format("{}: {}, {}, {}: no mistakes\n", options.places.config,
                             count(desktop.site->config.servers.size(), "server"), count(plan.links.size(), "link"),
                             count(plan.devices.size(), "device"));
    return well;
}

int explain(const Options& options) {
    const Desktop desktop(options);
    if (!desktop.site) return problem;
    const auto& plan = *desktop.site->plan;
    if (!options.json) {
        std::cout << plan.str() << "\n";
        return well;
    }
    Json devices = Json::array();
    for (const auto& device : plan.devices) devices.push_back(json_of(plan, device));
    Json rules = Json::array();
    for (const auto& rule : plan.rules) rules.push_back(json_of(rule));
    print(Json{{"endpoint", desktop.site->config.endpoint},
               {"links", links_of(plan)},
               {"devices", std::move(devices)},
               {"discover", std::move(rules)}});
    return well;
}

}  // namespace gateway::cli
