#include "adapters/mqtt/shape.hpp"

#include "adapters/mqtt/topics.hpp"

#include <algorithm>

namespace adapters::mqtt {

namespace {

using base::Node;

constexpr std::size_t longest_name = 256;  // of a Sparkplug metric, group, node, device

/// One filter or a list of them.
std::vector<std::string> read_sources(Fields& fields, std::string_view key) {
    std::vector<std::string> sources;
    const Node* node = fields.find(key);
    if (node == nullptr) return sources;
    const auto read = [&](const Node& item) {
        if (item.kind() == Node::Kind::text && is_filter(item.written()))
            sources.push_back(item.written());
        else
            fields.diagnostics().error(item.at(), fmt::format("{}: '{}' is no topic", fields.what(), item.written()),
                                       "write levels between /, with + for any one level and # for all that follow");
    };
    if (node->kind() == Node::Kind::list) {
        if (node->items().empty() || node->items().size() > most_sources)
            fields.error(key, fmt::format("'{}' has {} topics", key, node->items().size()),
                         fmt::format("write 1 to {}", most_sources));
        for (const auto& item : node->items()) read(item);
    } else {
        read(*node);
    }
    return sources;
}

std::optional<Retained> read_retained(Fields& fields) {
    const auto choice = fields.choice("retained", {"old", "fresh", "ignore"});
    if (!choice) return std::nullopt;
    return static_cast<Retained>(*choice);
}

/// A level of a Sparkplug topic.
std::string read_level(Fields& section, std::string_view key, bool needed) {
    if (needed) section.need(key, fmt::format("say which it is: {}: \"${{{}}}\"", key, key));
    const auto text = section.text(key);
    if (!text) return {};
    if ((text->empty() && needed) || text->size() > longest_name || text->find_first_of("+#/") != std::string::npos ||
        (!text->empty() && !is_topic(*text)))
        section.error(key, fmt::format("'{}' is no Sparkplug name", *text), "write one level of a topic, without /, + and #");
    return *text;
}

void read_sparkplug_point(Fields& point, Fields* write, Access access, PointShape& made) {
    for (const std::string_view key : {"from", "pick", "when", "bytes", "at", "order", "length"})
        if (point.has(key)) point.error(key, fmt::format("'{}' has no meaning with decode: sparkplug", key), "name the metric");
    point.known("type");
    point.need("metric", "name it as the node's birth message does: metric: \"Temperature\"");
    if (const auto metric = point.text("metric")) {
        if (metric->empty() || metric->size() > longest_name)
            point.error("metric", "a metric's name has 1 to 256 bytes", "write it as the node's birth message does");
        made.metric = *metric;
    }
    if (point.has("refresh")) point.error("refresh", "a Sparkplug node is asked for a rebirth by itself", "remove 'refresh'");
    auto rule = std::make_shared<PayloadRule>();
    made.rule = std::move(rule);
    if (write != nullptr)
        for (const std::string_view key : {"topic", "payload", "retain"})
            if (write->has(key)) write->error(key, "a Sparkplug command has its own topic and payload", "write write: {}");
    if (write != nullptr) write->known("qos");
    made.access = access;
}

}  // namespace

std::optional<Shape> read_shape(std::string_view profile, Fields* section, base::Diagnostics& diagnostics) {
    const std::size_t before = diagnostics.count();
    Shape shape;
    shape.profile = profile;
    if (section == nullptr || !section->valid()) return shape;
    shape.from = read_sources(*section, "from");
    shape.qos = static_cast<int>(section->integer("qos", 0, 2).value_or(-1));
    shape.retained = read_retained(*section).value_or(Retained::old);
    shape.defaults = read_defaults(*section);
    if (section->choice("decode", {"sparkplug"})) {
        SparkplugPlace place;
        place.group = read_level(*section, "group", true);
        place.node = read_level(*section, "node", true);
        place.device = read_level(*section, "device", false);
        for (const std::string_view key : {"from", "bytes", "pick", "when", "order", "channels", "retained"})
            if (section->has(key))
                section->error(key, fmt::format("'{}' has no meaning with decode: sparkplug", key), "remove it");
        shape.sparkplug = std::move(place);
    } else {
        for (const std::string_view key : {"group", "node", "device"})
            if (section->has(key)) section->error(key, fmt::format("'{}' belongs to decode: sparkplug", key), "remove it");
    }
    if (diagnostics.count() != before) return std::nullopt;
    return shape;
}

std::optional<PointShape> read_point(const Shape& shape, Fields& point, Fields* write, Access access) {
    const std::size_t before = point.diagnostics().count();
    PointShape made;
    made.access = access;
    made.qos = static_cast<int>(point.has("qos") ? point.integer("qos", 0, 2).value_or(-1) : shape.qos);
    made.retained = read_retained(point).value_or(shape.retained);
    const bool is_step = write == nullptr && access.write && point.has("topic");
    if (is_step) {  // a step's publish
        if (auto message = MessageTemplate::read(point, true, 1))
            made.write = std::make_unique<const MessageTemplate>(std::move(*message));
        made.rule = std::make_shared<const PayloadRule>();
    } else if (shape.sparkplug) {
        read_sparkplug_point(point, write, access, made);
    } else {
        made.from = point.has("from") ? read_sources(point, "from") : shape.from;
        if (auto rule = read_payload_rule(point, shape.defaults))
            made.rule = std::make_shared<const PayloadRule>(std::move(*rule));
        if (made.from.empty() && access.read && !point.has("from"))
            point.error("from", "nothing says on which topic it comes",
                        "add from: with the topic, here or in the section mqtt:");
        if (const Node* node = point.map("refresh")) {
            Fields fields(*node, fmt::format("'refresh' of {}", point.what()), point.diagnostics());
            if (auto message = MessageTemplate::read(fields, false, 0))
                made.refresh = std::make_unique<const MessageTemplate>(std::move(*message));
            fields.done();
        }
        if (write != nullptr) {
            made.verified = write->has("verify");
            made.write_states = read_states(*write);
            if (auto message = MessageTemplate::read(*write, true, 1)) {
                if (!message->holds_value())
                    write->error("payload", "the payload does not hold the value", "write ${value} where it belongs");
                made.write = std::make_unique<const MessageTemplate>(std::move(*message));
            }
        } else if (access.write) {
            point.error("topic", "nothing says where to publish it", "use publish: {topic: …, payload: …}");
        }
    }
    if (point.diagnostics().count() != before || !made.rule) return std::nullopt;
    return made;
}

std::vector<WatchShape> read_watches(Fields& health) {
    std::vector<WatchShape> watches;
    constexpr std::pair<std::string_view, Witness> kinds[] = {{"alive", Witness::alive}, {"via", Witness::via}};
    for (const auto& [key, witness] : kinds) {
        const Node* node = health.map(key);
        if (node == nullptr) continue;
        Fields fields(*node, fmt::format("'{}' of {}", key, health.what()), health.diagnostics());
        const std::size_t before = health.diagnostics().count();
        WatchShape watch;
        watch.witness = witness;
        fields.need("from", "say where it comes: from: \"tele/${topic}/LWT\"");
        const Node* from = fields.find("from");
        const bool nothing = from != nullptr && from->kind() == Node::Kind::text && from->written().empty();
        if (!nothing) watch.from = read_sources(fields, "from");  // "": a parameter that says that there is no such topic
        watch.rule.pick = read_pointers(fields, "pick");
        const auto word = [&fields](std::string_view its) -> std::optional<std::string> {
            const Node* said = fields.find(its);
            if (said == nullptr) return std::nullopt;
            if (said->kind() == Node::Kind::list || said->kind() == Node::Kind::map || said->kind() == Node::Kind::null) {
                fields.error(its, fmt::format("'{}' cannot be {}", its, said->kind_name()), "write the word that it says");
                return std::nullopt;
            }
            return said->written();
        };
        fields.need("online", "say what it says when it is there: online: Online");
        if (auto online = word("online")) watch.online = std::move(*online);
        watch.offline = word("offline");
        if (watch.offline == watch.online)
            fields.error("offline", "'online' and 'offline' are the same", "write what it says when it is away");
        fields.done();
        if (health.diagnostics().count() == before && !nothing) watches.push_back(std::move(watch));
    }
    return watches;
}

}  // namespace adapters::mqtt
