#include "mapping/bus_load.hpp"
#include "mapping/names.hpp"
#include "mapping/plan.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <map>

namespace mapping {

namespace {

std::string time_text(std::chrono::microseconds time) {
    const auto tenths = (time.count() + 50) / 100;
    return fmt::format("{}.{} ms", tenths / 10, tenths % 10);
}

/// What one device is asked for: "1s    holding 1..21  21 registers   45.5 ms", by period; at start, and what comes by itself,
/// last.
std::vector<std::string> requests_of(const Plan& plan, const Device& device) {
    std::vector<std::string> lines;
    const auto& driver = *plan.links[device.link].driver;
    for (const auto& [period, points] : polls_of(*device.type)) {
        const auto requests = driver.explain(device.number, points);
        const auto time = driver.cost(device.number, points).time;
        for (std::size_t i = 0; i < requests.size(); ++i) {
            std::string line =
                fmt::format("{:<6} {}", period == read_at_start ? "start" : base::span_text(period), requests[i]);
            if (time.count() > 0 && i + 1 == requests.size())
                line += fmt::format("   {}{}", time_text(time), requests.size() > 1 ? " together" : "");
            lines.push_back(std::move(line));
        }
    }
    if (!driver.apart()) return lines;
    std::vector<adapters::PointIndex> unasked;  // a broker or a radio brings them
    for (const auto& point : device.type->points)
        if (point.index != no_index && point.readable && !point.at_start && point.period.count() == 0)
            unasked.push_back(point.index);
    if (unasked.empty()) return lines;
    for (const auto& line : driver.explain(device.number, unasked)) lines.push_back(fmt::format("{:<6} {}", "hears", line));
    return lines;
}

/// Devices beside each other that are asked the same: "sub-20 ... sub-27  (8 devices)".
struct Row {
    const Device *first = nullptr, *last = nullptr;
    std::size_t count = 0;
    std::vector<std::string> requests;
};

std::string names(const Device& first, const Device& last, std::size_t count) {
    if (count == 1) return first.id;
    if (count == 2) return fmt::format("{}, {}", first.id, last.id);
    return fmt::format("{} ... {}  ({} devices)", first.id, last.id, count);
}

void print_links(const Plan& plan, std::string& text) {
    std::vector<std::vector<Row>> rows(plan.links.size());
    for (const auto& device : plan.devices) {
        auto& of_link = rows[device.link];
        const bool alike = !of_link.empty() && of_link.back().last->type == device.type;
        auto requests = requests_of(plan, device);
        if (alike && of_link.back().requests == requests) {
            of_link.back().last = &device;
            ++of_link.back().count;
        } else {
            of_link.push_back({&device, &device, 1, std::move(requests)});
        }
    }
    const auto loads = bus_loads(plan);
    for (std::size_t i = 0; i < plan.links.size(); ++i) {
        std::size_t count = 0;
        for (const auto& row : rows[i]) count += row.count;
        const Link& link = plan.links[i];
        const auto where = link.driver->where();
        const auto load = loads[i].str();
        text += fmt::format("{}  {}  {} device{}{}{}\n", link.name, where == link.name ? link.adapter : where, count,
                            count == 1 ? "" : "s", load.empty() ? "" : "  ", load);
        const Row* before = nullptr;
        for (const auto& row : rows[i]) {
            const bool same = before != nullptr && before->requests == row.requests && !row.requests.empty();
            before = &row;
            text += fmt::format("  {}  {}{}\n", names(*row.first, *row.last, row.count), row.first->type->profile,
                                same ? "  the same" : "");
            if (same) continue;
            if (row.requests.empty()) text += "    nothing is polled\n";
            for (const auto& line : row.requests) text += fmt::format("    {}\n", line);
        }
        text += '\n';
    }
}

std::string operations(const Resource& resource) {
    if (resource.definition->executable) return "E";
    std::string text;
    if (resource.definition->readable) text += 'R';
    if (resource.writable) text += 'W';
    return text;
}

std::string when(const PointSpec& point) {
    if (point.index == no_index) return "worked out";
    if (point.at_start) return "read at start";
    if (point.period.count() == 0) return point.readable ? "not polled" : "only written";
    return fmt::format("every {}", base::span_text(point.period));
}

std::string from(const DeviceType& type, const Resource& resource) {
    const auto point = [&]() -> const std::string& { return type.points[resource.number].name; };
    switch (resource.source) {
        case Source::fixed: return lwm2m::str(resource.fixed);
        case Source::point: {
            const auto& spec = type.points[resource.number];
            return fmt::format(
                "{}, {}{}", spec.name, when(spec),
                spec.verify ? fmt::format(", written and read back within {}", base::span_text(*spec.verify)) : "");
        }
        case Source::minimum: return fmt::format("least of {}", point());
        case Source::maximum: return fmt::format("greatest of {}", point());
        case Source::reset_min_max: return fmt::format("forgets least and greatest of {}", point());
        case Source::quality: return fmt::format("quality of {}", point());
        case Source::timestamp: return fmt::format("time of {}", point());
        case Source::action:
            return fmt::format("action {}, at most {}", type.actions[resource.number].name,
                               base::span_text(type.actions[resource.number].deadline));
        case Source::error_code: {
            std::string text = "0, or 8 while the device is away";
            for (const ErrorCode& error : type.errors)
                text += fmt::format(", {} while {}", error.code, type.points[error.point].name);
            return text;
        }
        case Source::refused: return "this device cannot do it (5.01)";
    }
    return "";
}

/// The object tree of a device type.
std::string tree_of(const DeviceType& type) {
    std::size_t path_width = 0, name_width = 0, type_width = 0;
    for (const auto& resource : type.resources) {
        path_width = std::max(path_width, resource.path.str().size());
        name_width = std::max(name_width, resource.definition->name.size());
        type_width = std::max(type_width, resource.definition->executable ? 0 : lwm2m::name(resource.definition->type).size());
    }
    std::string text;
    const lwm2m::Path* last = nullptr;
    for (const auto& resource : type.resources) {
        if (last == nullptr || last->object() != resource.path.object() || last->instance() != resource.path.instance())
            text += fmt::format("  /{}/{}\n", resource.path.object(), resource.path.instance());
        last = &resource.path;
        text +=
            fmt::format("    {:<{}}  {:<{}}  {:<{}}  {:<2}  {}\n", resource.path.str(), path_width, resource.definition->name,
                        name_width, resource.definition->executable ? "" : lwm2m::name(resource.definition->type), type_width,
                        operations(resource), from(type, resource));
    }
    return text;
}

/// Devices that look alike from above, whatever their parameters.
struct Tree {
    std::string title, text;
    std::vector<const Device*> devices;
};

void print_devices(const Plan& plan, std::string& text) {
    text += fmt::format("/25  {} end device{}\n", plan.devices.size(), plan.devices.size() == 1 ? "" : "s");
    constexpr std::string_view given = "(prefix given at first start)";
    const auto prefix = [&](const Device& device) { return device.prefix.empty() ? std::string(given) : "/" + device.prefix; };
    std::size_t id_width = 0, prefix_width = 0;
    for (const auto& device : plan.devices) {
        id_width = std::max(id_width, device.id.size());
        prefix_width = std::max(prefix_width, prefix(device).size());
    }
    for (const auto& device : plan.devices)
        text += fmt::format("  {:<{}}  {:<{}}  {}\n", device.id, id_width, prefix(device), prefix_width, device.type->profile);
}

void print_trees(const Plan& plan, std::string& text) {
    std::vector<Tree> trees;
    std::map<const DeviceType*, std::size_t> of_type;
    for (const auto& device : plan.devices) {
        const auto [entry, fresh] = of_type.try_emplace(device.type.get(), trees.size());
        if (fresh) {
            Tree tree{device.type->profile + (device.type->title.empty() ? "" : "  " + device.type->title),
                      tree_of(*device.type),
                      {}};
            const auto twin = std::find_if(trees.begin(), trees.end(),
                                           [&](const Tree& t) { return t.title == tree.title && t.text == tree.text; });
            entry->second = static_cast<std::size_t>(twin - trees.begin());
            if (twin == trees.end()) trees.push_back(std::move(tree));
        }
        trees[entry->second].devices.push_back(&device);
    }
    constexpr std::size_t most_names = 4;
    for (const auto& [title, tree, devices] : trees) {
        std::string who;
        for (std::size_t i = 0; i < devices.size() && i < most_names; ++i) who += (i == 0 ? "" : ", ") + devices[i]->id;
        if (devices.size() > most_names) who += fmt::format(" and {} more", devices.size() - most_names);
        text += fmt::format("\n{}: {}\n{}", title, who, tree);
    }
}

std::string_view words(Rule::Approve approve) {
    switch (approve) {
        case Rule::Approve::manual: return "each approved by hand";
        case Rule::Approve::automatic: return "approved at once";
        case Rule::Approve::allowlist: return "approved when it is in the list";
    }
    return "";
}

void print_rules(const Plan& plan, std::string& text) {
    if (plan.rules.empty()) return;
    text += "\ndiscovery\n";
    for (const Rule& rule : plan.rules) {
        text += fmt::format("  {}  on {}: {} as {}, {}, at most {} device{}\n", rule.name, rule.link_name, rule.profile,
                            rule.id, words(rule.approve), rule.limit, rule.limit == 1 ? "" : "s");
        for (const auto& pattern : rule.allow) text += fmt::format("    {}\n", pattern);
    }
}

}  // namespace

std::string Plan::str() const {
    std::string text;
    print_links(*this, text);
    print_devices(*this, text);
    print_trees(*this, text);
    print_rules(*this, text);
    return text;
}

}  // namespace mapping
