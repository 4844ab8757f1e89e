#include "adapters/mqtt/discovery.hpp"

#include "gateway/base/pattern.hpp"

#include <algorithm>
#include <array>

namespace adapters::mqtt {

namespace {

using base::Node;

constexpr std::array likely_keys{"serial", "ieee", "mac", "dev_eui", "eui", "unique_id", "uid", "address", "id"};

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

void read_take(Fields& rule, DiscoveryRule& made) {
    const Node* take = rule.map("take");
    if (take == nullptr) return;
    Fields fields(*take, fmt::format("'take' of {}", rule.what()), rule.diagnostics());
    if (take->members().size() > most_facts) rule.error("take", fmt::format("over {} facts", most_facts), "leave some out");
    for (const auto& member : take->members()) {
        if (!is_name(member.key))
            rule.diagnostics().error(member.at, fmt::format("'{}' is no name of a fact", member.key),
                                     "write it in small letters, digits and _");
        made.take[member.key] = read_pointers(fields, member.key);
    }
}

std::string fact_text(const Scalar& scalar) {
    std::string text = plain_value(scalar);
    return text.size() <= longest_fact ? text : std::string();
}

/// One find; nothing when it has not what identifies it.
std::optional<Found> find_one(const DiscoveryRule& rule, std::string_view topic, const Words& captured, const Json* json,
                              Json::Place at) {
    Found found;
    found.facts = captured;
    found.facts.emplace("topic", topic);
    for (const auto& [name, pointers] : rule.take) {
        found.facts.erase(name);
        if (json == nullptr) continue;
        for (const auto& pointer : pointers) {
            const auto place = pointer.find(*json, at);
            const auto scalar = place ? json->scalar(*place) : std::nullopt;
            if (!scalar) continue;
            if (auto text = fact_text(*scalar); !text.empty()) found.facts[name] = std::move(text);
            break;
        }
    }
    found.key = std::string(topic);
    if (!rule.key.empty()) {
        const auto its = found.facts.find(rule.key);
        if (its == found.facts.end()) return std::nullopt;
        found.key = its->second;
    }
    found.note = fmt::format("told by {}", topic);
    return found;
}

}  // namespace

std::vector<std::string> DiscoveryRule::facts() const {
    std::vector<std::string> names = topic.names();
    names.emplace_back("topic");
    for (const auto& [name, pointers] : take) names.push_back(name);
    if (decode == Decode::homeassistant)
        for (const auto& name : home_assistant_facts()) names.push_back(name);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

std::optional<DiscoveryRule> read_rule(Fields& rule) {
    const std::size_t before = rule.diagnostics().count();
    DiscoveryRule made;
    if (rule.choice("decode", {"homeassistant"})) made.decode = DiscoveryRule::Decode::homeassistant;
    std::optional<std::string> topic;
    if (made.decode == DiscoveryRule::Decode::homeassistant && !rule.has("topic"))
        topic = "homeassistant/#";
    else if (rule.need("topic", "say which messages tell of devices: topic: tasmota/discovery/+/config") != nullptr)
        topic = rule.text("topic");
    if (topic) {
        if (auto pattern = TopicPattern::parse(*topic))
            made.topic = std::move(*pattern);
        else
            rule.error("topic", fmt::format("'{}' is no topic", *topic),
                       "write levels between /, with ${name} for one to remember, + for any one and # for all that follow");
    }
    made.qos = static_cast<int>(rule.integer("qos", 0, 2).value_or(-1));
    if (rule.has("each")) {
        auto pointers = read_pointers(rule, "each");
        if (pointers.size() == 1)
            made.each = std::move(pointers.front());
        else
            rule.error("each", "'each' is one JSON Pointer", "write each: \"\" for a payload that is a list");
    }
    made.when = read_conditions(rule, "when");
    read_take(rule, made);
    if (made.decode == DiscoveryRule::Decode::homeassistant && made.each)
        rule.error("each", "a Home Assistant message tells of one thing", "remove 'each'");

    const auto names = made.facts();
    if (const auto key = rule.text("key")) {
        made.key = *key;
        if (std::find(names.begin(), names.end(), *key) == names.end()) {
            std::vector<std::string_view> known(names.begin(), names.end());
            const auto near = base::nearest(*key, known);
            rule.error("key", fmt::format("the rule takes no '{}'", *key),
                       near.empty() ? "name one of its facts" : fmt::format("did you mean '{}'?", near));
        }
    } else {
        for (const auto* likely : likely_keys)
            if (made.key.empty() && std::find(names.begin(), names.end(), likely) != names.end()) made.key = likely;
        if (made.key.empty() && made.topic.names().size() == 1) made.key = made.topic.names().front();
        if (made.key.empty() && made.each)
            rule.error("take", "nothing says which fact tells one device from another",
                       "add key: with the name of a fact that stays when the device is renamed");
    }
    if (rule.diagnostics().count() != before || !topic) return std::nullopt;
    return made;
}

std::vector<Found> find(const DiscoveryRule& rule, std::string_view topic, Payload& payload) {
    std::vector<Found> finds;
    auto captured = rule.topic.match(topic);
    if (!captured || payload.bytes().empty()) return finds;
    for (auto& [name, text] : *captured)
        if (text.size() > longest_fact) return finds;
    Words words(captured->begin(), captured->end());
    const Json* json = payload.json();
    if (rule.decode == DiscoveryRule::Decode::homeassistant) {
        if (json == nullptr) return finds;
        const auto facts = home_assistant(topic, *json);
        if (!facts) return finds;
        for (const auto& [name, text] : *facts) words[name] = text;
        // Conditions look at the facts, which have one name each; the message has two for most.
        for (const auto& condition : rule.when) {
            const auto keys = condition.at.keys();
            const auto fact = keys && keys->size() == 1 ? words.find(keys->front()) : words.end();
            if (fact == words.end() ||
                std::none_of(condition.any.begin(), condition.any.end(),
                             [&](const std::string& pattern) { return base::fits_pattern(pattern, fact->second); }))
                return finds;
        }
        if (auto found = find_one(rule, topic, words, json, 0)) finds.push_back(std::move(*found));
        return finds;
    }
    if (json == nullptr) {
        if (rule.when.empty() && rule.take.empty() && !rule.each)
            if (auto found = find_one(rule, topic, words, nullptr, 0)) finds.push_back(std::move(*found));
        return finds;
    }
    const auto one = [&](Json::Place at) {
        if (finds.size() >= most_finds || !hold(rule.when, *json, at)) return;
        if (auto found = find_one(rule, topic, words, json, at)) finds.push_back(std::move(*found));
    };
    if (!rule.each) {
        one(0);
        return finds;
    }
    const auto list = rule.each->find(*json);
    if (!list) return finds;
    if (json->kind(*list) == Json::Kind::list) json->items(*list, one);
    if (json->kind(*list) == Json::Kind::map) json->members(*list, [&](const std::string&, Json::Place at) { one(at); });
    return finds;
}

}  // namespace adapters::mqtt
