// What the integrator's tools ask of a link: messages as they are, scans, traces; and a profile's own tests.
#include "adapters/mqtt/adapter.hpp"

#include <algorithm>
#include <set>

namespace adapters::mqtt {

using base::Errc;
using base::fail;
using base::Node;

// -- One message

std::uint64_t MqttAdapter::listen(const std::string& filter, std::function<void(const Message&)> heard,
                                  std::function<void()> closed) {
    const auto id = ++last_listener_;
    listeners_.push_back({id, filter, std::move(heard), std::move(closed)});
    connection_.want_for_now(filter, 0);
    return id;
}

void MqttAdapter::unlisten(std::uint64_t id) {
    const auto found = std::find_if(listeners_.begin(), listeners_.end(), [id](const Listener& l) { return l.id == id; });
    if (found == listeners_.end()) return;
    const std::string filter = found->filter;
    listeners_.erase(found);
    connection_.unwant(filter);
}

/// Waits for one message; whoever comes first of message, deadline and end of the link ends it.
struct MqttAdapter::Waiting {
    explicit Waiting(base::Timers& timers) : alarm(timers) {}
    std::vector<std::uint64_t> listeners;
    Fetched done;
    base::Timer alarm;
};

void MqttAdapter::wait_for(const std::vector<std::string>& filters, Instant deadline,
                           std::function<bool(const Message&, Raw&)> take, Fetched done) {
    const auto refuse = [&](Errc code, std::string why) {
        answer_later([done = std::move(done), code, why = std::move(why)] { done(fail(code, why)); });
    };
    if (!connection_.is_up()) return refuse(Errc::offline, fmt::format("the broker is away: {}", connection_.why_down()));
    if (listeners_.size() + filters.size() > most_listeners) return refuse(Errc::busy, "too many wait for a message already");
    auto waiting = std::make_shared<Waiting>(timers_);
    waiting->done = std::move(done);
    const auto end = [this](const std::shared_ptr<Waiting>& its, Result<Raw> result) {
        its->alarm.cancel();
        for (const auto id : std::exchange(its->listeners, {})) unlisten(id);
        if (const auto tell = std::exchange(its->done, nullptr)) tell(std::move(result));
    };
    for (const auto& filter : filters)
        waiting->listeners.push_back(listen(
            filter,
            [waiting, take, end](const Message& message) {
                Raw raw;
                raw.bytes.assign(message.payload.begin(), message.payload.end());
                raw.text = base::is_utf8(message.payload);
                raw.request = fmt::format("{}{}", message.topic, message.retained ? " (retained)" : "");
                if (take(message, raw)) end(std::shared_ptr<Waiting>(waiting), std::move(raw));
            },
            [waiting, end] { end(std::shared_ptr<Waiting>(waiting), fail(Errc::offline, "the link is closed")); }));
    waiting->alarm.set(deadline,
                       [waiting, end] { end(std::shared_ptr<Waiting>(waiting), fail(Errc::timeout, "no message came")); });
}

void MqttAdapter::fetch(const Words& address, Instant deadline, Fetched done) {
    const auto filter = address.find("at");
    if (filter == address.end() || !is_filter(filter->second) || address.contains("unit"))
        return answer_later([done = std::move(done)] {
            done(fail(Errc::bad_request, "say which topic, such as --at tele/plug/SENSOR (and nothing of units)"));
        });
    wait_for(
        {filter->second}, deadline, [](const Message&, Raw&) { return true; }, std::move(done));
}

void MqttAdapter::put(const Words& address, Instant deadline, std::function<void(Result<void>)> done) {
    const auto topic = address.find("at"), value = address.find("value");
    if (topic == address.end() || value == address.end() || !is_topic(topic->second) ||
        value->second.size() > longest_payload || address.contains("unit"))
        return answer_later([done = std::move(done)] {
            done(
                fail(Errc::bad_request, "say which topic, such as --at cmnd/plug/POWER, without wildcards; and at most 64 kB"));
        });
    connection_.publish({topic->second, value->second, 1, false}, deadline, std::move(done));
}

void MqttAdapter::read_raw(DeviceId id, PointIndex index, Instant deadline, Fetched done) {
    const PointShape* point = point_of(id, index);
    if (point == nullptr || point->from.empty())
        return answer_later([done = std::move(done)] { done(fail(Errc::not_allowed, "the point has no topic of its own")); });
    const auto take_it = [rule = point->rule](const Message& message, Raw& raw) {
        Payload payload(base::as_bytes(message.payload));
        auto value = mqtt::take(*rule, payload);
        if (value && !*value) return false;  // a message without this point
        if (value) raw.value = **value;
        raw.taken_as = rule->kind ? std::string(name(*rule->kind)) : "as it stands";
        if (!rule->pick.empty()) raw.taken_as += fmt::format(" at {}", rule->pick.front().str());
        return true;
    };
    wait_for(point->from, deadline, take_it, std::move(done));
    ask(id, index);
}

void MqttAdapter::trace(std::function<void(const Traffic&)> hear) {
    if (!hear) {
        connection_.on_traffic = nullptr;
        return;
    }
    connection_.on_traffic = [this, hear = std::move(hear)](bool sent, const Message& message) {
        Traffic traffic;
        traffic.sent = sent;
        traffic.at = timers_.wall();
        traffic.bytes.assign(message.payload.begin(), message.payload.end());
        const bool text = base::is_utf8(message.payload);
        traffic.text =
            fmt::format("{}{}  {}", base::printable(message.topic), message.retained ? " (retained)" : "",
                        text ? base::printable(message.payload, 400) : fmt::format("{} bytes", message.payload.size()));
        hear(traffic);
    };
}

// -- Scan

struct MqttAdapter::Scan {
    static constexpr std::size_t most_topics = 5'000;

    explicit Scan(base::Timers& timers) : tick(timers) {}
    std::string filter;
    std::uint64_t listener = 0;
    std::function<void(Found)> found;
    std::function<void(Progress)> progress;
    std::function<void(Result<void>)> done;
    std::set<std::string, std::less<>> seen;
    std::size_t seconds = 0, of = 0;
    base::Timer tick;
};

namespace {

struct Recogniser {
    std::string_view topic, each;
    std::vector<std::pair<std::string_view, std::string_view>> take;
    std::string_view key, note, profile;
};

/// Conventions that give themselves away.
const std::vector<Recogniser>& recognisers() {
    static const std::vector<Recogniser> known{
        {"tasmota/discovery/+/config",
         "",
         {{"topic", "/t"}, {"serial", "/mac"}, {"model", "/md"}, {"firmware", "/sw"}, {"name", "/dn"}},
         "serial",
         "a Tasmota device",
         "tasmota/"},
        {"+/bridge/devices",
         "/",
         {{"name", "/friendly_name"},
          {"ieee", "/ieee_address"},
          {"model", "/definition/model"},
          {"vendor", "/definition/vendor"}},
         "ieee",
         "a device of zigbee2mqtt",
         "zigbee2mqtt/"},
        {"application/${application}/device/${dev_eui}/event/+",
         "",
         {{"name", "/deviceInfo/deviceName"}, {"type", "/deviceInfo/deviceProfileName"}},
         "dev_eui",
         "a LoRaWAN device of ChirpStack",
         "chirpstack/"},
        {"v3/${application}/devices/${device}/+",
         "",
         {{"dev_eui", "/end_device_ids/dev_eui"}},
         "device",
         "a LoRaWAN device of The Things Stack",
         "tts/"},
        {"${prefix}/events/rpc", "", {{"id", "/src"}}, "id", "a Shelly of the second generation or later", "shelly/"},
        {"spBv1.0/${group}/NBIRTH/${node}", "", {}, "", "a Sparkplug B edge node", "sparkplug/node"},
        {"spBv1.0/${group}/DBIRTH/${node}/${device}", "", {}, "", "a device of a Sparkplug B edge node", "sparkplug/"}};
    return known;
}

std::string kind_of(Payload& payload) {
    if (payload.bytes().empty()) return "empty";
    const Json* json = payload.json();
    if (json == nullptr) return base::is_utf8(payload.text()) ? "text" : "bytes";
    switch (json->kind(0)) {
        case Json::Kind::map: return "JSON map";
        case Json::Kind::list: return "JSON list";
        case Json::Kind::text: return "JSON text";
        case Json::Kind::boolean: return "true or false";
        case Json::Kind::null: return "null";
        default: return "number";
    }
}

/// Devices that a known convention tells of.
std::vector<Found> recognised(std::string_view topic, Payload& payload) {
    std::vector<Found> finds;
    for (const auto& known : recognisers()) {
        DiscoveryRule rule;
        rule.topic = *TopicPattern::parse(known.topic);
        if (known.each == "/") rule.each = Pointer();
        for (const auto& [name, pointer] : known.take) rule.take[std::string(name)] = {*Pointer::parse(pointer)};
        rule.key = known.key;
        const auto sparkplug = known.topic.starts_with("spBv1.0");
        if (sparkplug) {  // its payload is no JSON
            if (const auto captured = rule.topic.match(topic))
                finds.push_back({std::string(topic), {}, Words(captured->begin(), captured->end()), std::string(known.note)});
        } else {
            for (auto& found : find(rule, topic, payload)) finds.push_back(std::move(found));
        }
        for (auto& found : finds) {
            if (found.facts.find("profiles") != found.facts.end()) continue;
            found.facts["profiles"] = known.profile;
            found.note = known.note;
        }
    }
    if (const Json* json = payload.json())
        if (auto facts = home_assistant(topic, *json)) {
            Found found{(*facts)["unique_id"], {}, *facts, "told by Home Assistant's discovery"};
            found.facts["profiles"] = fmt::format(
                "homeassistant/{}", (*facts)["component"] == "binary_sensor" ? "binary-sensor" : (*facts)["component"]);
            finds.push_back(std::move(found));
        }
    return finds;
}

}  // namespace

void MqttAdapter::scan(const Words& options, double, std::function<void(Found)> found, std::function<void(Progress)> progress,
                       std::function<void(Result<void>)> done) {
    const auto refuse = [this, &done](Errc code, const std::string& why) {
        answer_later([done, code, why] { done(fail(code, why)); });
    };
    if (scan_) return refuse(Errc::busy, "a scan of this link is running");
    if (!connection_.is_up()) return refuse(Errc::offline, fmt::format("the broker is away: {}", connection_.why_down()));
    std::string filter = "#";
    std::chrono::microseconds span = std::chrono::seconds(10);
    for (const auto& [key, value] : options) {
        if (key == "topic" && is_filter(value)) {
            filter = value;
        } else if (const auto parsed = base::parse_span(value);
                   key == "for" && parsed && *parsed >= std::chrono::seconds(1) && *parsed <= std::chrono::minutes(10)) {
            span = *parsed;
        } else {
            return refuse(Errc::bad_request,
                          fmt::format("'{}={}' is no option of a scan; there are topic=FILTER and for=1s to 10m", key, value));
        }
    }
    auto scan = std::make_shared<Scan>(timers_);
    scan_ = scan;
    scan->filter = filter;
    scan->found = std::move(found);
    scan->progress = std::move(progress);
    scan->done = std::move(done);
    scan->of = static_cast<std::size_t>(std::chrono::ceil<std::chrono::seconds>(span).count());
    scan->listener = listen(
        filter,
        [scan](const Message& message) {
            if (scan->seen.size() >= Scan::most_topics || message.topic.size() > longest_topic) return;
            Payload payload(base::as_bytes(message.payload));
            for (auto& device : recognised(message.topic, payload)) {
                const auto key = fmt::format("\n{}", device.key);  // no topic begins so
                if (scan->seen.size() < Scan::most_topics && scan->seen.insert(key).second) scan->found(std::move(device));
            }
            if (!scan->seen.insert(message.topic).second) return;
            Found topic;
            topic.key = message.topic;
            topic.facts = {{"topic", message.topic}, {"kind", kind_of(payload)}, {"retained", message.retained ? "yes" : "no"}};
            topic.note = base::is_utf8(message.payload) ? base::printable(message.payload, 120)
                                                        : fmt::format("{} bytes", message.payload.size());
            scan->found(std::move(topic));
        },
        nullptr);
    const auto tick = [this, weak = std::weak_ptr<Scan>(scan)](const auto& self) -> void {
        const auto its = weak.lock();
        if (!its || scan_ != its) return;
        if (its->progress) its->progress({its->seconds, its->of, fmt::format("{} topics", its->seen.size())});
        if (its->seconds++ >= its->of) return cancel_scan();
        its->tick.set(timers_.now() + std::chrono::seconds(1), [self] { self(self); });
    };
    tick(tick);
}

void MqttAdapter::cancel_scan() {
    const auto scan = std::exchange(scan_, nullptr);
    if (!scan) return;
    scan->tick.cancel();
    unlisten(scan->listener);
    answer_later([scan] { scan->done({}); });
}

// -- A profile's own tests

namespace {

void write_json(const Node& node, std::string& out) {
    switch (node.kind()) {
        case Node::Kind::map: {
            out += '{';
            bool first = true;
            for (const auto& member : node.members()) {
                if (!std::exchange(first, false)) out += ',';
                out += json_text(member.key) + ":";
                write_json(member.value, out);
            }
            out += '}';
            break;
        }
        case Node::Kind::list: {
            out += '[';
            bool first = true;
            for (const auto& item : node.items()) {
                if (!std::exchange(first, false)) out += ',';
                write_json(item, out);
            }
            out += ']';
            break;
        }
        case Node::Kind::text: out += json_text(node.written()); break;
        case Node::Kind::null: out += "null"; break;
        case Node::Kind::boolean: out += node.boolean() ? "true" : "false"; break;
        case Node::Kind::integer: out += fmt::format("{}", node.integer()); break;
        case Node::Kind::number: out += fmt::format("{}", node.number()); break;
    }
}

Scalar scalar_of(const Node& node) {
    if (node.kind() == Node::Kind::boolean) return node.boolean();
    if (node.kind() == Node::Kind::integer) return node.integer();
    if (node.kind() == Node::Kind::number) return node.number();
    return node.written();
}

/// `{metrics: [{name: Temperature, type: float, value: 21.5}], seq: 0}` as a Sparkplug payload.
std::optional<std::string> sparkplug_payload(const Node& node, Diagnostics& diagnostics) {
    Fields fields(node, "a Sparkplug payload", diagnostics);
    if (!fields.valid()) return std::nullopt;
    const std::size_t before = diagnostics.count();
    sparkplug::Payload payload;
    if (const auto seq = fields.integer("seq", 0, 255)) payload.seq = static_cast<std::uint64_t>(*seq);
    if (const auto at = fields.integer("timestamp", 0, INT64_MAX)) payload.timestamp = static_cast<std::uint64_t>(*at);
    if (const auto* metrics = fields.list("metrics"))
        for (const auto& item : *metrics) {
            Fields its(item, "a metric", diagnostics);
            if (!its.valid()) continue;
            sparkplug::Metric metric;
            metric.name = its.text("name").value_or("");
            if (const auto alias = its.integer("alias", 0, INT64_MAX)) metric.alias = static_cast<std::uint64_t>(*alias);
            metric.is_null = its.boolean("null").value_or(false);
            if (const auto type = its.text("type")) {
                if (const auto known = sparkplug::type_named(*type))
                    metric.type = *known;
                else
                    its.error("type", fmt::format("'{}' is no type of Sparkplug B", *type),
                              "write int8 to uint64, float, double, boolean, string …");
            }
            if (const Node* value = its.find("value")) {
                auto fitted = sparkplug::fit(metric.type, scalar_of(*value));
                if (fitted)
                    metric.value = std::move(*fitted);
                else
                    its.error("value", fitted.error().message, "write type: and a value of that type");
            }
            its.done();
            payload.metrics.push_back(std::move(metric));
        }
    fields.done();
    if (diagnostics.count() != before) return std::nullopt;
    const auto bytes = sparkplug::encode(payload);
    return std::string(base::as_text(bytes));
}

/// The payload of one given message.
std::optional<std::string> payload_of(const Node& node, bool is_sparkplug, Diagnostics& diagnostics) {
    if (node.kind() == Node::Kind::map && node.members().size() == 1 && node.members().front().key == "hex") {
        const auto bytes = base::from_hex(node.members().front().value.written());
        if (bytes) return std::string(base::as_text(*bytes));
        diagnostics.error(node.at(), "these are no bytes", "write pairs of hex digits");
        return std::nullopt;
    }
    if (is_sparkplug) return sparkplug_payload(node, diagnostics);
    if (node.kind() != Node::Kind::map && node.kind() != Node::Kind::list) return node.written();
    std::string text;
    write_json(node, text);
    return text;
}

/// A host that has no broker: what the messages of a test say.
struct Pretended final : sparkplug::Host::Events {
    void metric(std::size_t, std::string_view device, std::string_view name, Scalar value, WallTime) override {
        said[{std::string(device), std::string(name)}] = std::move(value);
    }
    void alive(std::size_t, std::string_view, bool, std::string) override {}
    void send(Message) override {}
    std::map<std::pair<std::string, std::string>, Scalar> said;
};

}  // namespace

std::vector<std::optional<Result<Scalar>>> MqttAdapter::pretend(DeviceId id, const Node& given, Diagnostics& diagnostics) {
    const Shape* shape = shape_of(id);
    std::vector<std::optional<Result<Scalar>>> values;
    if (shape == nullptr) return values;
    values.resize(shape->points.size());
    Pretended pretended;
    sparkplug::Host host(timers_, pretended);
    if (shape->sparkplug) host.add_node(shape->sparkplug->group, shape->sparkplug->node);
    for (const auto& message : given.members()) {
        const auto text = payload_of(message.value, shape->sparkplug.has_value(), diagnostics);
        if (!text) continue;
        if (!is_topic(message.key)) {
            diagnostics.error(message.at, fmt::format("'{}' is no topic", message.key), "write the whole topic of a message");
            continue;
        }
        Payload payload(base::as_bytes(*text));
        bool heard = false;
        if (shape->sparkplug) {
            const auto parts = sparkplug::parse_topic(message.key);
            heard = parts && parts->group == shape->sparkplug->group && parts->node == shape->sparkplug->node;
            if (const auto done = host.received(message.key, payload.bytes()); !done)
                diagnostics.error(message.value.at(), done.error().message, "write the metrics of the message");
        }
        for (const auto& watch : shape->watches)
            for (const auto& filter : watch.from) heard = heard || matches(filter, message.key);
        for (std::size_t p = 0; p < shape->points.size(); ++p) {
            const PointShape& point = shape->points[p];
            if (!point.access.read || std::none_of(point.from.begin(), point.from.end(),
                                                   [&](const std::string& filter) { return matches(filter, message.key); }))
                continue;
            heard = true;
            auto value = take(*point.rule, payload);
            if (!value)
                values[p] = tl::unexpected(value.error());
            else if (*value)
                values[p] = std::move(**value);
        }
        if (!heard)
            diagnostics.error(message.at, fmt::format("no point of {} listens to '{}'", shape->profile, message.key),
                              "check the topic, and the parameters in 'with'");
    }
    if (shape->sparkplug)
        for (std::size_t p = 0; p < shape->points.size(); ++p)
            if (const auto found = pretended.said.find({shape->sparkplug->device, shape->points[p].metric});
                found != pretended.said.end())
                values[p] = found->second;
    return values;
}

Result<std::vector<std::string>> MqttAdapter::sends(DeviceId id, PointIndex index, const Scalar& value) const {
    const PointShape* point = point_of(id, index);
    if (point != nullptr && !point->metric.empty() && point->access.write) {
        const auto& place = *shape_of(id)->sparkplug;
        // Its type is known only when the node has been born.
        return std::vector<std::string>{
            place.device.empty()
                ? fmt::format("spBv1.0/{}/NCMD/{} {}={}", place.group, place.node, point->metric, plain_value(value))
                : fmt::format("spBv1.0/{}/DCMD/{}/{} {}={}", place.group, place.node, place.device, point->metric,
                              plain_value(value))};
    }
    const auto message = message_of(id, index, value);
    if (!message) return tl::unexpected(message.error());
    const std::string payload =
        base::is_utf8(message->payload) ? message->payload : base::to_hex(base::as_bytes(message->payload));
    return std::vector<std::string>{payload.empty() ? message->topic : fmt::format("{} {}", message->topic, payload)};
}

}  // namespace adapters::mqtt
