#pragma once

#include "adapters/mqtt/payload.hpp"
#include "adapters/mqtt/topics.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

/// Rules by which messages tell of devices.
namespace adapters::mqtt {

struct DiscoveryRule {
    enum class Decode : std::uint8_t { none, homeassistant };

    TopicPattern topic;
    int qos = -1;
    Decode decode = Decode::none;
    std::optional<Pointer> each;  ///< of a list or map: each of its items is a device
    std::vector<Condition> when;
    std::map<std::string, std::vector<Pointer>, std::less<>> take;  ///< facts by name
    std::string key;                                                ///< the fact that stays; "": the topic

    /// Names that a find may have among its facts.
    std::vector<std::string> facts() const;
};

constexpr std::size_t most_finds = 5'000;  ///< of one message
constexpr std::size_t most_facts = 64;     ///< of one rule
constexpr std::size_t longest_fact = 512;  ///< bytes; a longer one is left out

/// Keys: topic, each, when, take, key, decode, qos. Reports every mistake, then returns nothing.
std::optional<DiscoveryRule> read_rule(Fields& rule);
/// The devices that the message tells of; none when it is another kind of message, or broken.
std::vector<Found> find(const DiscoveryRule&, std::string_view topic, Payload&);

/// What a Home Assistant discovery message says, for the kinds sensor, binary_sensor, switch and number: the topics, a
/// pointer instead of a simple template, unit and LwM2M object. Nothing for other kinds, and for templates that compute.
std::optional<Words> home_assistant(std::string_view topic, const Json&);
const std::vector<std::string>& home_assistant_facts();

/// "{{ value_json.temperature | round(1) }}" is "/temperature", "{{ value }}" and "" are ""; nothing for what computes.
std::optional<std::string> pointer_of_template(std::string_view text);

}  // namespace adapters::mqtt
