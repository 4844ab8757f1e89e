#pragma once

#include "adapters/mqtt/message.hpp"
#include "adapters/mqtt/payload.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

/// A device type as MQTT sees it, from a profile's `mqtt:` section, its points' keys and `health:`.
namespace adapters::mqtt {

enum class Retained : std::uint8_t { old, fresh, ignore };

/// Which node, and which device of it, when the profile says `decode: sparkplug`.
struct SparkplugPlace {
    std::string group, node;
    std::string device;  ///< "": the node itself
};

struct PointShape {
    std::vector<std::string> from;  ///< filters; empty for what is only written
    int qos = -1;                   ///< of the subscription; -1: the link's
    Retained retained = Retained::old;
    std::shared_ptr<const PayloadRule> rule;
    std::string metric;  ///< Sparkplug
    std::unique_ptr<const MessageTemplate> refresh, write;
    /// `write.states`: words for false and true, where they are others than those that it says.
    std::optional<std::pair<std::string, std::string>> write_states;
    bool verified = false;  ///< `write.verify`
    Access access;
};

/// `alive` and `via`.
struct WatchShape {
    Witness witness = Witness::alive;
    std::vector<std::string> from;
    PayloadRule rule;
    std::string online;
    std::optional<std::string> offline;  ///< not given: whatever is not `online`
};

struct Shape {
    std::string profile;
    std::vector<std::string> from;
    int qos = -1;
    Retained retained = Retained::old;
    PayloadDefaults defaults;
    std::optional<SparkplugPlace> sparkplug;
    std::vector<PointShape> points;
    std::vector<WatchShape> watches;
};

constexpr std::size_t most_sources = 16;  ///< topics of one point

/// Keys of the section: from, qos, retained, decode, group, node, device, and those of read_defaults(). May be null.
std::optional<Shape> read_shape(std::string_view profile, Fields* section, base::Diagnostics&);
/// Keys of a point: from, qos, retained, refresh, metric, and those of read_payload_rule(); of its `write`: topic, payload,
/// qos, retain, states. A step's `publish` is a point that only writes: its own keys are topic, payload, qos, retain.
std::optional<PointShape> read_point(const Shape&, Fields& point, Fields* write, Access);
/// Keys of health: alive, via.
std::vector<WatchShape> read_watches(Fields& health);

}  // namespace adapters::mqtt
