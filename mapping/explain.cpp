#include "mapping/names.hpp"
#include "mapping/plan.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace mapping {

namespace {

/// What one device is asked for: "1s    holding 1..21  21 registers", by period; at start last.
std::vector<std::string> requests_of(const Plan& plan, const Device& device) {
    constexpr auto at_start = Milliseconds::max();
    std::map<Milliseconds, std::vector<adapters::PointIndex>> periods;
    for (const auto& point : device.type->points)
        if (point.readable && (point.at_start || point.period.count() > 0)) periods[point.at_start ? at_start : point.period].push_back(point.index);
    std::vector<std::string> lines;
    for (const auto& [period, points] : periods)
        for (const auto& line : plan.links[device.link].driver->explain(device.number, points))
            lines.push_back(fmt::format("{:<6} {}", period == at_start ? "start" : base::span_text(period), line));
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
    for (std::size_t i = 0; i < plan.links.size(); ++i) {
        std::size_t count = 0;
        for (const auto& row : rows[i]) count += row.count;
        const Link& link = plan.links[i];
        const auto where = link.driver->where();
        text += fmt::format("{}  {}  {} device{}\n", link.name, where == link.name ? link.adapter : where, count, count == 1 ? "" : "s");
        for (const auto& row : rows[i]) {
            text += fmt::format("  {}  {}\n", names(*row.first, *row.last, row.count), row.first->type->profile);
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
            return fmt::format("{}, {}{}", spec.name, when(spec), spec.verify ? fmt::format(", written and read back within {}", base::span_text(*spec.verify)) : "");
        }
        case Source::minimum: return fmt::format("least of {}", point());
        case Source::maximum: return fmt::format("greatest of {}", point());
        case Source::reset_min_max: return fmt::format("forgets least and greatest of {}", point());
        case Source::quality: return fmt::format("quality of {}", point());
        case Source::timestamp: return fmt::format("time of {}", point());
        case Source::action: return fmt::format("action {}, at most {}", type.actions[resource.number].name, base::span_text(type.actions[resource.number].deadline));
        case Source::error_code: return "0, or 8 while the device is away";
        case Source::refused: return "this device cannot do it (5.01)";
    }
    return "";
}

void print_type(const DeviceType& type, std::string& text) {
    const lwm2m::Path* last = nullptr;
    std::size_t path_width = 0, name_width = 0, type_width = 0;
    for (const auto& resource : type.resources) {
        path_width = std::max(path_width, resource.path.str().size());
        name_width = std::max(name_width, resource.definition->name.size());
        type_width = std::max(type_width, resource.definition->executable ? 0 : lwm2m::name(resource.definition->type).size());
    }
    for (const auto& resource : type.resources) {
        if (last == nullptr || last->object() != resource.path.object() || last->instance() != resource.path.instance())
            text += fmt::format("  /{}/{}\n", resource.path.object(), resource.path.instance());
        last = &resource.path;
        text += fmt::format("    {:<{}}  {:<{}}  {:<{}}  {:<2}  {}\n", resource.path.str(), path_width, resource.definition->name, name_width,
                            resource.definition->executable ? "" : lwm2m::name(resource.definition->type), type_width, operations(resource), from(type, resource));
    }
}

}  // namespace

std::string Plan::str() const {
    std::string text;
    print_links(*this, text);
    text += fmt::format("/25  {} end device{}\n", devices.size(), devices.size() == 1 ? "" : "s");
    std::size_t width = 0;
    for (const auto& device : devices) width = std::max(width, device.id.size());
    std::vector<const DeviceType*> types;
    std::map<const DeviceType*, std::vector<const Device*>> users;
    for (const auto& device : devices) {
        text += fmt::format("  {:<{}}  {}  {}\n", device.id, width, device.prefix.empty() ? "(prefix given at first start)" : "/" + device.prefix, device.type->profile);
        auto& of_type = users[device.type.get()];
        if (of_type.empty()) types.push_back(device.type.get());
        of_type.push_back(&device);
    }
    for (const auto* type : types) {
        const auto& of_type = users[type];
        text += fmt::format("\n{}{}{}: {}\n", type->profile, type->title.empty() ? "" : "  ", type->title, names(*of_type.front(), *of_type.back(), of_type.size()));
        print_type(*type, text);
    }
    return text;
}

}  // namespace mapping
