#include "gateway/own_objects/device.hpp"

#include "gateway/own_objects/system_files.hpp"

#include <algorithm>
#include <ctime>

namespace gateway::own_objects {

namespace {
enum : ResourceId {
    manufacturer = 0,
    model = 1,
    serial = 2,
    firmware = 3,
    reboot = 4,
    factory_reset = 5,
    power_kinds = 6,
    power_voltages = 7,
    power_currents = 8,
    battery_level = 9,
    memory_free = 10,
    error_code = 11,
    reset_errors = 12,
    current_time = 13,
    utc_offset_of = 14,
    zone_of = 15,
    bindings = 16,
    device_type = 17,
    hardware = 18,
    software = 19,
    battery_status = 20,
    memory_total = 21
};

constexpr std::int64_t most_code = 32;         // of 3/0/11; 16 to 32 are one's own
constexpr std::int64_t latest = 253402300799;  // the year 9999

bool is_offset(std::string_view text) {
    const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
    return text.size() == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':' && digit(1) && digit(2) && digit(4) &&
           digit(5) && text.substr(1, 2) <= "14" && text.substr(4) <= "59";
}

bool is_zone(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '_' || c == '-' ||
               c == '+';
    });
}

const PowerSource* battery(const std::vector<PowerSource>& sources) {
    const auto found = std::find_if(sources.begin(), sources.end(), [](const PowerSource& s) { return s.kind == 1; });
    return found == sources.end() ? nullptr : &*found;
}

Value optional(const std::optional<std::int64_t>& number) { return number ? Value(*number) : Value{}; }
}  // namespace

void Device::look() {
    std::vector<std::int64_t> wrong;
    const auto sources = power_sources(facts_.root);
    if (const auto* its = battery(sources)) {
        if (its->status == 4) wrong.push_back(1);
        if (sources.size() == 1 && mains_off(facts_.root)) wrong.push_back(2);
    }
    if (const Memory its = memory(facts_.root); its.free < its.total / 32) wrong.push_back(5);
    if (facts_.troubles)
        for (const auto code : facts_.troubles())
            if (code > 0 && code <= most_code) wrong.push_back(code);
    // What goes on keeps its place among the instances.
    const auto before = errors_;
    const auto holds = [](const std::vector<std::int64_t>& codes, std::int64_t code) {
        return std::find(codes.begin(), codes.end(), code) != codes.end();
    };
    std::erase_if(errors_, [&](std::int64_t code) { return !holds(wrong, code); });
    for (const auto code : wrong)
        if (!holds(errors_, code)) errors_.push_back(code);
    if (errors_ != before && on_errors) on_errors();
}

const std::vector<ResourceId>& Device::resources() const {
    static const std::vector<ResourceId> all{
        manufacturer,   model,         serial,      firmware,   reboot,         factory_reset, power_kinds,   power_voltages,
        power_currents, battery_level, memory_free, error_code, reset_errors,   current_time,  utc_offset_of, zone_of,
        bindings,       device_type,   hardware,    software,   battery_status, memory_total};
    return all;
}

bool Device::shows(InstanceId, ResourceId resource) const {
    switch (resource) {
        case factory_reset: return facts_.factory_reset != nullptr;
        case hardware: return !facts_.hardware.empty();
        case power_kinds:
        case power_voltages:
        case power_currents: return !power_sources(facts_.root).empty();
        case battery_level:
        case battery_status: return battery(power_sources(facts_.root)) != nullptr;
        default: return true;
    }
}

std::string Device::utc_offset() const {
    if (!offset_.empty()) return offset_;
    const std::time_t now = std::chrono::duration_cast<std::chrono::seconds>(facts_.now().time_since_epoch()).count();
    std::tm local{};
    localtime_r(&now, &local);
    const long minutes = std::abs(local.tm_gmtoff) / 60;
    return fmt::format("{}{:02}:{:02}", local.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

Value Device::read(InstanceId, ResourceId resource) const {
    switch (resource) {
        case manufacturer: return facts_.manufacturer;
        case model: return facts_.model;
        case serial: return facts_.serial;
        case firmware:
        case software: return facts_.version;
        case battery_level: {
            const auto sources = power_sources(facts_.root);
            const auto* its = battery(sources);
            return its == nullptr ? Value{} : optional(its->level);
        }
        case battery_status: {
            const auto sources = power_sources(facts_.root);
            const auto* its = battery(sources);
            return its == nullptr ? Value{} : optional(its->status);
        }
        case memory_free: return memory(facts_.root).free;
        case memory_total: return memory(facts_.root).total;
        case current_time:
            return static_cast<std::int64_t>(
                std::chrono::floor<std::chrono::seconds>(facts_.now().time_since_epoch() + ahead_).count());
        case utc_offset_of: return utc_offset();
        case zone_of: return zone_.empty() ? time_zone(facts_.root) : zone_;
        case bindings: return std::string("U");
        case device_type: return std::string("gateway");
        case hardware: return facts_.hardware;
        default: return {};
    }
}

Values Device::read_multiple(InstanceId, ResourceId resource) const {
    Values values;
    if (resource == error_code) {
        for (const auto code : errors_) values.emplace_back(static_cast<std::uint16_t>(values.size()), code);
        if (values.empty()) values.emplace_back(0, std::int64_t{0});
        return values;
    }
    std::uint16_t number = 0;  // the same source has the same number in all three
    for (const PowerSource& source : power_sources(facts_.root)) {
        const auto value = resource == power_kinds      ? std::optional(source.kind)
                           : resource == power_voltages ? source.millivolts
                                                        : source.milliamperes;
        if (value) values.emplace_back(number, *value);
        ++number;
    }
    return values;
}

Result<void> Device::may_write(InstanceId, ResourceId resource, const Value& value) const {
    const auto* text = std::get_if<std::string>(&value);
    switch (resource) {
        case current_time: {
            const auto* seconds = std::get_if<std::int64_t>(&value);
            if (seconds == nullptr || *seconds < 0 || *seconds > latest) return fail(Errc::bad_request, "no time to show");
            return {};
        }
        case utc_offset_of:
            if (text == nullptr || !is_offset(*text)) return fail(Errc::bad_request, "an offset reads +02:00");
            return {};
        case zone_of:
            if (text == nullptr || !is_zone(*text)) return fail(Errc::bad_request, "a time zone reads Europe/Berlin");
            return {};
        default: return fail(Errc::not_allowed, "this resource is kept by the gateway");
    }
}

void Device::write(InstanceId, ResourceId resource, const Value& value) {
    if (resource == current_time)
        ahead_ = std::chrono::seconds(std::get<std::int64_t>(value)) - facts_.now().time_since_epoch();
    else
        (resource == utc_offset_of ? offset_ : zone_) = std::get<std::string>(value);
}

void Device::reset(InstanceId, ResourceId resource) {
    if (resource == current_time) ahead_ = {};
    if (resource == utc_offset_of) offset_.clear();
    if (resource == zone_of) zone_.clear();
}

Result<void> Device::execute(InstanceId, ResourceId resource, const std::string&) {
    switch (resource) {
        case reboot: facts_.restart(); return {};
        case factory_reset:
            if (!facts_.factory_reset) break;
            facts_.factory_reset();
            return {};
        case reset_errors:  // and what is still wrong is an error again (DDF 3/12)
            if (!errors_.empty()) {
                errors_.clear();
                if (on_errors) on_errors();
            }
            look();
            return {};
        default: break;
    }
    return fail(Errc::not_allowed, "nothing to execute");
}

}  // namespace gateway::own_objects
