// Payloads, topics and discovery messages as anybody who may publish could send them: nothing may be read past the end, and
// what is taken must be within the bounds.
#include "adapters/mqtt/discovery.hpp"
#include "config/yaml_reader.hpp"

#include <cstdlib>

using namespace adapters::mqtt;

namespace {

std::vector<PayloadRule> make_rules() {
    base::Diagnostics diagnostics;
    std::vector<PayloadRule> rules;
    const auto section =
        config::read_yaml("{bytes: base64, pick: /data, order: little, channels: {\"0175\": 1, \"0367\": 2, \"20CE\": 7}}", "s",
                          diagnostics)
            .value();
    adapters::Fields fields(section, "section", diagnostics);
    const auto frames = read_defaults(fields);
    for (const auto* text :
         {"{}", "{pick: [/a, /b/0/c, \"\"]}", "{pick: \"/list/[id=2]/v\", type: int16}", "{when: {/p: [1, \"x*\"]}, pick: /v}",
          "{bytes: hex, at: \"byte:-2\", type: uint16}", "{bytes: raw, at: \"byte:3\", type: float32}", "{bytes: raw}",
          "{states: [off, \"true\"]}", "{type: bool}"}) {
        const auto node = config::read_yaml(text, "p", diagnostics).value();
        adapters::Fields point(node, "point", diagnostics);
        if (auto rule = read_payload_rule(point, {})) rules.push_back(*rule);
    }
    for (const auto* text : {"{at: \"channel:0367\", type: int16}", "{at: \"byte:1\", type: bytes}"}) {
        const auto node = config::read_yaml(text, "p", diagnostics).value();
        adapters::Fields point(node, "point", diagnostics);
        if (auto rule = read_payload_rule(point, frames)) rules.push_back(*rule);
    }
    return rules;
}

std::vector<DiscoveryRule> make_discovery() {
    base::Diagnostics diagnostics;
    std::vector<DiscoveryRule> rules;
    for (const auto* text :
         {"{topic: \"d/${id}/#\"}", "{topic: \"#\", each: \"\", take: {id: /id, m: [/a/b, /c]}}",
          "{topic: \"+/x-${mac}/y\", when: {/m: \"P*g\"}, take: {serial: /s}}", "{decode: homeassistant, key: unique_id}"}) {
        const auto node = config::read_yaml(text, "r", diagnostics).value();
        adapters::Fields fields(node, "rule", diagnostics);
        if (auto rule = read_rule(fields)) rules.push_back(std::move(*rule));
    }
    return rules;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto rules = make_rules();
    static const auto discovery = make_discovery();
    static const auto trie = [] {
        TopicTrie made;
        TopicTrie::Value number = 0;
        for (const auto* filter : {"#", "+/+", "d/+/#", "a/b/c", "$SYS/#", "+/b/+"}) made.add(filter, number++);
        return made;
    }();
    const base::ByteView all(data, size);
    // The topic is what stands before the first line end.
    const auto text = base::as_text(all);
    const auto end = text.find('\n');
    const auto topic = text.substr(0, end);
    const auto payload = end == std::string_view::npos ? all : all.subspan(end + 1);
    for (const auto& rule : rules) {
        Payload message(payload);
        const auto value = take(rule, message);
        if (value && *value)
            if (const auto* said = std::get_if<std::string>(&**value); said != nullptr && !base::is_utf8(*said)) std::abort();
        if (value && *value) static_cast<void>(to_write(rule, **value));
    }
    std::size_t hits = 0;
    trie.match(topic, [&hits](TopicTrie::Value) { ++hits; });
    if (is_topic(topic) && topic.front() != '$' && hits == 0) std::abort();  // # fits all
    for (const auto& rule : discovery) {
        Payload message(payload);
        for (const auto& found : find(rule, topic, message))
            for (const auto& [name, fact] : found.facts)
                if (name != "topic" && fact.size() > longest_fact) std::abort();
    }
    return 0;
}
