#include "adapters/mqtt/discovery.hpp"

#include <algorithm>

namespace adapters::mqtt {

namespace {

/// Reads one message: each key has a short form (MQTT discovery of Home Assistant, "supported abbreviations").
class Said {
public:
    Said(const Json& json, Json::Place at, std::string base_topic) : json_(json), at_(at), base_(std::move(base_topic)) {}

    std::optional<std::string> text(std::string_view key, std::string_view brief) const {
        for (const auto name : {key, brief}) {
            const auto place = json_.find(at_, name);
            const auto scalar = place ? json_.scalar(*place) : std::nullopt;
            if (!scalar) continue;
            std::string said = plain_value(*scalar);
            if (said.size() <= longest_fact) return said;
        }
        return std::nullopt;
    }
    /// `~` at the beginning or the end stands for the base topic.
    std::optional<std::string> topic(std::string_view key, std::string_view brief) const {
        auto said = text(key, brief);
        if (!said || base_.empty() || said->empty()) return said;
        if (said->front() == '~') return base_ + said->substr(1);
        if (said->back() == '~') return said->substr(0, said->size() - 1) + base_;
        return said;
    }
    std::optional<Json::Place> below(std::string_view key, std::string_view brief) const {
        const auto place = json_.find(at_, key);
        return place ? place : json_.find(at_, brief);
    }

private:
    const Json& json_;
    Json::Place at_;
    std::string base_;
};

struct Unit {
    std::string_view theirs, ours, scale, offset;
};
// Their units and those of SenML (RFC 8428, 12.1), which LwM2M has.
constexpr Unit units[] = {{"°C", "Cel", "1", "0"},
                          {"°F", "Cel", "0.5555555555555556", "-17.77777777777778"},
                          {"K", "K", "1", "0"},
                          {"kWh", "Wh", "1000", "0"},
                          {"MWh", "Wh", "1000000", "0"},
                          {"kW", "W", "1000", "0"},
                          {"hPa", "Pa", "100", "0"},
                          {"mbar", "Pa", "100", "0"},
                          {"kPa", "Pa", "1000", "0"},
                          {"bar", "Pa", "100000", "0"},
                          {"mV", "V", "0.001", "0"},
                          {"mA", "A", "0.001", "0"},
                          {"lx", "lx", "1", "0"},
                          {"kHz", "Hz", "1000", "0"},
                          {"cm", "m", "0.01", "0"},
                          {"mm", "m", "0.001", "0"},
                          {"km/h", "m/s", "0.2777777777777778", "0"}};

struct Class {
    std::string_view component, device_class, object;
};
constexpr Class classes[] = {{"sensor", "temperature", "3303/0"},
                             {"sensor", "humidity", "3304/0"},
                             {"sensor", "moisture", "3304/0"},
                             {"sensor", "power", "3305/0/5800"},
                             {"sensor", "energy", "3305/0/5805"},
                             {"sensor", "illuminance", "3301/0"},
                             {"sensor", "pressure", "3315/0"},
                             {"sensor", "atmospheric_pressure", "3315/0"},
                             {"sensor", "voltage", "3316/0"},
                             {"sensor", "current", "3317/0"},
                             {"sensor", "frequency", "3318/0"},
                             {"sensor", "carbon_dioxide", "3325/0"},
                             {"sensor", "distance", "3330/0"},
                             {"sensor", "battery", "3/0/9"},
                             {"sensor", "", "3300/0"},
                             {"binary_sensor", "motion", "3302/0"},
                             {"binary_sensor", "occupancy", "3302/0"},
                             {"binary_sensor", "presence", "3302/0"},
                             {"binary_sensor", "", "3200/0"},
                             {"switch", "", "3312/0"},
                             {"number", "", "3308/0"}};

std::string_view object_of(std::string_view component, std::string_view device_class) {
    std::string_view other;
    for (const auto& entry : classes) {
        if (entry.component != component) continue;
        if (entry.device_class == device_class) return entry.object;
        if (entry.device_class.empty()) other = entry.object;
    }
    return other;
}

void skip_blanks(std::string_view& text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
}

/// Filters that change nothing of what a value is.
bool is_harmless(std::string_view filter) {
    skip_blanks(filter);
    const auto name = filter.substr(0, filter.find('('));
    return name == "float" || name == "int" || name == "round" || name == "default" || name == "string";
}

void read_device(const Said& message, const Json& json, Words& facts) {
    const auto place = message.below("device", "dev");
    if (!place) return;
    const Said device(json, *place, {});
    constexpr std::array<std::array<std::string_view, 3>, 5> keys{{{"manufacturer", "manufacturer", "mf"},
                                                                   {"model", "model", "mdl"},
                                                                   {"firmware", "sw_version", "sw"},
                                                                   {"serial", "serial_number", "sn"},
                                                                   {"device", "name", "name"}}};
    for (const auto& [fact, key, brief] : keys)
        if (auto said = device.text(key, brief)) facts[std::string(fact)] = std::move(*said);
    if (facts.find("serial") != facts.end()) return;
    // The first of its identifiers is the next best.
    if (const auto ids = device.below("identifiers", "ids")) {
        auto first = json.scalar(*ids);
        if (!first)
            if (const auto item = json.item(*ids, 0)) first = json.scalar(*item);
        if (first && plain_value(*first).size() <= longest_fact) facts["serial"] = plain_value(*first);
    }
}

void read_availability(const Said& message, const Json& json, const std::string& base_topic, Words& facts) {
    facts["availability_topic"] = "";
    facts["available"] = "online";
    facts["not_available"] = "offline";
    facts["availability_pick"] = "";
    std::optional<Said> list;
    if (const auto place = message.below("availability", "avty")) {
        const auto entry = json.kind(*place) == Json::Kind::list ? json.item(*place, 0) : place;
        if (entry && json.kind(*entry) == Json::Kind::map) list.emplace(json, *entry, base_topic);
    }
    const Said& from = list ? *list : message;
    const auto topic = list ? from.topic("topic", "t") : from.topic("availability_topic", "avty_t");
    if (!topic || !is_topic(*topic)) return;
    const auto pick = list ? from.text("value_template", "val_tpl") : from.text("availability_template", "avty_tpl");
    const auto pointer = pointer_of_template(pick.value_or(""));
    if (!pointer) return;
    facts["availability_topic"] = *topic;
    facts["availability_pick"] = *pointer;
    if (auto said = from.text("payload_available", "pl_avail")) facts["available"] = *said;
    if (auto said = from.text("payload_not_available", "pl_not_avail")) facts["not_available"] = *said;
}

}  // namespace

const std::vector<std::string>& home_assistant_facts() {
    static const std::vector<std::string> names{"component",
                                                "unique_id",
                                                "name",
                                                "state_topic",
                                                "pick",
                                                "unit",
                                                "scale",
                                                "offset",
                                                "device_class",
                                                "object",
                                                "command_topic",
                                                "on",
                                                "off",
                                                "state_on",
                                                "state_off",
                                                "min",
                                                "max",
                                                "availability_topic",
                                                "availability_pick",
                                                "available",
                                                "not_available",
                                                "manufacturer",
                                                "model",
                                                "firmware",
                                                "serial",
                                                "device"};
    return names;
}

std::optional<std::string> pointer_of_template(std::string_view text) {
    skip_blanks(text);
    if (text.empty()) return std::string();
    if (text.size() < 4 || !text.starts_with("{{") || !text.ends_with("}}")) return std::nullopt;
    text = text.substr(2, text.size() - 4);
    skip_blanks(text);
    if (text.find("{{") != std::string_view::npos) return std::nullopt;
    auto bar = text.find('|');
    auto value = text.substr(0, bar);
    while (bar != std::string_view::npos) {
        const auto next = text.find('|', bar + 1);
        if (!is_harmless(text.substr(bar + 1, next == std::string_view::npos ? next : next - bar - 1))) return std::nullopt;
        bar = next;
    }
    skip_blanks(value);
    if (value == "value") return std::string();
    if (!value.starts_with("value_json")) return std::nullopt;
    value.remove_prefix(10);
    std::string pointer;
    const auto add = [&pointer](std::string_view key) {
        pointer += '/';
        for (const char c : key) {
            if (c == '~')
                pointer += "~0";
            else if (c == '/')
                pointer += "~1";
            else
                pointer += c;
        }
    };
    while (!value.empty()) {
        if (value.front() == '.') {
            value.remove_prefix(1);
            const auto end = value.find_first_of(".[");
            const auto key = value.substr(0, end);
            const bool good = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
            });
            if (!good) return std::nullopt;
            add(key);
            value = end == std::string_view::npos ? std::string_view{} : value.substr(end);
        } else if (value.front() == '[') {
            const auto close = value.find(']');
            if (close == std::string_view::npos || close < 2) return std::nullopt;
            auto key = value.substr(1, close - 1);
            const bool quoted = key.size() > 2 && (key.front() == '\'' || key.front() == '"') && key.back() == key.front();
            if (quoted)
                key = key.substr(1, key.size() - 2);
            else if (key.find_first_not_of("0123456789") != std::string_view::npos)
                return std::nullopt;
            add(key);
            value.remove_prefix(close + 1);
        } else {
            return std::nullopt;
        }
    }
    return pointer;
}

std::optional<Words> home_assistant(std::string_view topic, const Json& json) {
    const auto parts = levels(topic);
    if (parts.size() < 4 || parts.back() != "config" || json.kind(0) != Json::Kind::map) return std::nullopt;
    const std::string component(parts[1]);
    if (object_of(component, "").empty()) return std::nullopt;
    const std::string base_topic = Said(json, 0, {}).text("~", "~").value_or("");
    const Said message(json, 0, base_topic);
    const auto state = message.topic("state_topic", "stat_t");
    const auto pointer = pointer_of_template(message.text("value_template", "val_tpl").value_or(""));
    if (!state || !is_topic(*state) || !pointer) return std::nullopt;

    Words facts;
    facts["component"] = component;
    facts["state_topic"] = *state;
    facts["pick"] = *pointer;
    facts["unique_id"] = message.text("unique_id", "uniq_id").value_or(std::string(topic));
    facts["name"] = message.text("name", "name").value_or("");
    const auto device_class = message.text("device_class", "dev_cla").value_or("");
    facts["device_class"] = device_class;
    facts["object"] = object_of(component, device_class);
    std::string unit = message.text("unit_of_measurement", "unit_of_meas").value_or("");
    facts["scale"] = "1";
    facts["offset"] = "0";
    if (unit == "%" && (device_class == "humidity" || device_class == "moisture")) unit = "%RH";
    for (const auto& entry : units) {
        if (entry.theirs != unit) continue;
        unit = entry.ours;
        facts["scale"] = entry.scale;
        facts["offset"] = entry.offset;
        break;
    }
    facts["unit"] = unit;
    facts["on"] = message.text("payload_on", "pl_on").value_or("ON");
    facts["off"] = message.text("payload_off", "pl_off").value_or("OFF");
    facts["state_on"] = message.text("state_on", "stat_on").value_or(facts["on"]);
    facts["state_off"] = message.text("state_off", "stat_off").value_or(facts["off"]);
    if (component == "switch" || component == "number") {
        const auto command = message.topic("command_topic", "cmd_t");
        const auto shape = message.text("command_template", "cmd_tpl");
        if (!command || !is_topic(*command) || shape) return std::nullopt;
        facts["command_topic"] = *command;
    }
    if (component == "number") {
        facts["min"] = message.text("min", "min").value_or("1");
        facts["max"] = message.text("max", "max").value_or("100");
    }
    read_device(message, json, facts);
    read_availability(message, json, base_topic, facts);
    return facts;
}

}  // namespace adapters::mqtt
