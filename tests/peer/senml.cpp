#include "tests/peer/senml.hpp"

#include "tests/peer/wire.hpp"

#include <nlohmann/json.hpp>

#include <map>

namespace peer {

std::optional<std::vector<Entry>> read_senml(const std::string& text) {
    const auto pack = nlohmann::json::parse(text, nullptr, false);
    if (!pack.is_array()) return std::nullopt;
    std::vector<Entry> entries;
    std::string base;
    for (const auto& record : pack) {
        if (!record.is_object()) return std::nullopt;
        for (const auto* name : {"bn", "n"}) {
            if (record.contains(name) && !record[name].is_string()) return std::nullopt;
        }
        base = record.value("bn", base);
        const std::string path = base + record.value("n", "");
        if (path.empty() || path.front() != '/') return std::nullopt;
        for (const auto* label : {"v", "vs", "vb", "vd", "vlo"}) {
            const auto found = record.find(label);
            if (found == record.end()) continue;
            entries.push_back({path, found->is_string() ? found->get<std::string>() : found->dump()});
        }
    }
    return entries;
}

std::string words_for(const std::string& path) {
    static const std::map<std::string, std::string> objects{
        {"1", "Server"},       {"3", "Device"},       {"25", "Gateway"},         {"3303", "Temperature"}, {"3304", "Humidity"},
        {"3305", "Power"},     {"3308", "Set point"}, {"3312", "Power control"}, {"3316", "Voltage"},     {"3317", "Current"},
        {"3318", "Frequency"}, {"3328", "Power"},     {"3331", "Energy"},        {"3342", "Switch"},      {"3348", "State"}};
    static const std::map<std::string, std::string> resources{{"3/0", "manufacturer"},
                                                              {"3/1", "model"},
                                                              {"3/2", "serial number"},
                                                              {"3/3", "firmware"},
                                                              {"3/11", "error codes"},
                                                              {"3/16", "binding"},
                                                              {"3/17", "device type"},
                                                              {"3/18", "hardware"},
                                                              {"25/0", "device id"},
                                                              {"25/1", "prefix"},
                                                              {"25/3", "objects"},
                                                              {"5500", "input state"},
                                                              {"5518", "time"},
                                                              {"5547", "state"},
                                                              {"5601", "least"},
                                                              {"5602", "most"},
                                                              {"5603", "range from"},
                                                              {"5604", "range to"},
                                                              {"5605", "reset least and most"},
                                                              {"5700", "value"},
                                                              {"5701", "unit"},
                                                              {"5800", "power"},
                                                              {"5805", "energy"},
                                                              {"5822", "reset energy"},
                                                              {"5850", "on/off"},
                                                              {"5900", "set point"},
                                                              {"6042", "quality"}};
    auto segments = split(path, '/');
    if (!segments.empty() && !is_digits(segments.front())) segments.erase(segments.begin());
    if (segments.empty()) return {};
    const auto object = objects.find(segments[0]);
    if (object == objects.end()) return {};
    if (segments.size() < 3) return object->second;
    auto resource = resources.find(segments[0] + "/" + segments[2]);
    if (resource == resources.end()) resource = resources.find(segments[2]);
    return resource == resources.end() ? object->second : object->second + ", " + resource->second;
}

}  // namespace peer
