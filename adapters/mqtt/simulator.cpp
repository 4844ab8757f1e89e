#include "adapters/mqtt/simulator.hpp"

#include "adapters/mqtt/topics.hpp"
#include "gateway/base/log.hpp"

#include <unistd.h>
#include <algorithm>
#include <set>

namespace adapters::mqtt {

using base::Bytes;
using base::Errc;
using base::fail;

namespace {

std::string concrete(std::string_view filter) {
    std::string topic;
    for (const auto level : levels(filter)) {
        if (!topic.empty()) topic += '/';
        topic += level == "+" || level == "#" ? std::string_view("simulated") : level;
    }
    return topic;
}

/// A JSON document that grows by pointers.
struct Tree {
    std::map<std::string, Tree> below;
    std::string leaf;
    std::string str() const {
        if (below.empty()) return leaf;
        std::string text = "{";
        for (const auto& [key, tree] : below) text += (text.size() > 1 ? "," : "") + json_text(key) + ":" + tree.str();
        return text + "}";
    }
    void put(const std::vector<std::string>& keys, std::string value) {
        Tree* at = this;
        for (const auto& key : keys) at = &at->below[key];
        at->leaf = std::move(value);
    }
};

/// What a payload says in the words of a rule.
Scalar said(const PayloadRule& rule, const Scalar& value) {
    if (rule.states)
        if (const auto* flag = std::get_if<bool>(&value)) return *flag ? rule.states->second : rule.states->first;
    return value;
}

}  // namespace

MqttSimulator::MqttSimulator(boost::asio::any_io_executor executor, const Shape& shape, std::string where,
                             std::function<void(std::string)> log)
    : executor_(std::move(executor)), again_(executor_), shape_(shape), where_(std::move(where)), log_(std::move(log)) {}

MqttSimulator::~MqttSimulator() { stop(); }

Result<std::string> MqttSimulator::start() {
    if (shape_.sparkplug) return fail(Errc::not_allowed, "a Sparkplug node cannot be simulated");
    const std::string url = where_.find("://") == std::string::npos ? "mqtt://" + where_ : where_;
    base::Diagnostics diagnostics;
    const base::Node node = base::Node::map({}, {{"mqtt", {}, base::Node::text({}, url)}});
    Fields fields(node, "the simulator", diagnostics);
    auto settings = read_link(fields);
    if (!settings) return fail(Errc::bad_request, fmt::format("'{}' is no broker's address; write mqtt://HOST:PORT", where_));
    settings_ = std::move(*settings);
    worker_ = std::make_shared<Worker>();
    connect();
    return settings_.where();
}

void MqttSimulator::connect() {
    session_ = paho_session(settings_, executor_, worker_, *this);
    session_->connect(fmt::format("lwm2m-gw-sim-{}", getpid()), true);
}

void MqttSimulator::stop() {
    if (session_ && up_)
        for (const auto& watch : shape_.watches)
            if (watch.witness == Witness::alive && watch.offline)
                for (const auto& filter : watch.from) publish(concrete(filter), *watch.offline, true);
    up_ = false;
    again_.cancel();
    session_.reset();
    worker_.reset();
}

void MqttSimulator::connected(bool) {
    if (up_) return;  // once a session, whatever the library says
    std::set<std::string> topics;
    for (const auto& point : shape_.points) {
        if (point.write) topics.insert(point.write->topic());
        if (point.refresh) topics.insert(point.refresh->topic());
    }
    up_ = true;
    std::vector<Filter> filters;
    for (const auto& topic : topics) filters.push_back({topic, 1});
    if (!filters.empty()) session_->subscribe(++last_id_, std::move(filters));
    for (const auto& watch : shape_.watches)
        for (const auto& filter : watch.from) publish(concrete(filter), watch.online, true);
    tell_all();
}

void MqttSimulator::ended(std::string why) {
    up_ = false;
    log_(fmt::format("no broker: {}; again in 2 s", why));
    again_.expires_after(std::chrono::seconds(2));
    again_.async_wait([this](const boost::system::error_code& ended) {
        if (!ended && session_) connect();
    });
}

void MqttSimulator::subscribed(Session::Id, std::vector<int> codes) {
    if (codes.empty() || std::any_of(codes.begin(), codes.end(), [](int code) { return code > 2; }))
        log_("the broker refuses the subscription to the commands");
}

void MqttSimulator::received(Message message) {
    log_(fmt::format("{} {}", base::printable(message.topic), base::printable(message.payload)));
    for (std::size_t p = 0; p < shape_.points.size(); ++p) {
        const PointShape& point = shape_.points[p];
        const auto index = static_cast<PointIndex>(p);
        if (point.write && point.write->topic() == message.topic) {
            if (const auto text = point.write->value_in(message.payload)) {
                const auto json = Json::parse(*text);
                Scalar value = json && json->scalar(0) ? *json->scalar(0) : Scalar(*text);
                const auto states = point.write_states ? point.write_states : point.rule->states;
                if (states && (*text == states->first || *text == states->second)) value = *text == states->second;
                if (point.access.read && !message.payload.empty()) {
                    values_[index] = std::move(value);
                    for (const auto& filter : point.from) tell(concrete(filter));
                }
            }
        }
        if (point.refresh && point.refresh->topic() == message.topic &&
            point.refresh->render(Scalar(std::string())).payload == message.payload)
            for (const auto& filter : point.from) tell(concrete(filter));
    }
}

std::string MqttSimulator::state_of(const std::string& topic) const {
    Tree tree;
    Bytes frame;
    std::string plain;
    bool json = false, bytes = false;
    std::vector<std::string> frame_keys;
    Held held = Held::raw;
    for (const auto& [index, value] : values_) {
        const PointShape& point = shape_.points[index];
        if (std::none_of(point.from.begin(), point.from.end(),
                         [&](const std::string& filter) { return concrete(filter) == topic; }))
            continue;
        const PayloadRule& rule = *point.rule;
        for (const auto& condition : rule.when) {
            json = true;
            const base::Node wanted = base::Node::plain({}, condition.any.front());
            if (const auto keys = condition.at.keys())
                tree.put(*keys,
                         wanted.kind() == base::Node::Kind::text ? json_text(condition.any.front()) : condition.any.front());
        }
        std::vector<std::string> keys;
        for (const auto& pointer : rule.pick)
            if (const auto its = pointer.keys(); its && keys.empty()) keys = *its;
        if (rule.held) {
            bytes = true;
            held = *rule.held;
            frame_keys = keys;
            Encoding encoding = rule.encoding;
            if (encoding.length == 0) continue;
            const auto its = encode(encoding, value);
            if (!its) continue;
            if (!rule.channel.empty()) {
                frame.insert(frame.end(), rule.channel.begin(), rule.channel.end());
                frame.insert(frame.end(), its->begin(), its->end());
            } else if (rule.at >= 0) {
                const auto from = static_cast<std::size_t>(rule.at);
                if (frame.size() < from + its->size()) frame.resize(from + its->size());
                std::copy(its->begin(), its->end(), frame.begin() + rule.at);
            }
        } else if (keys.empty()) {
            plain = plain_value(said(rule, value));
        } else {
            json = true;
            tree.put(keys, json_value(said(rule, value)));
        }
    }
    if (bytes) {
        if (held == Held::raw) return std::string(base::as_text(frame));
        const auto text = held == Held::base64 ? to_base64(frame) : base::to_hex(frame);
        if (frame_keys.empty()) return text;
        tree.put(frame_keys, json_text(text));
        json = true;
    }
    return json ? tree.str() : plain;
}

void MqttSimulator::tell(const std::string& topic) {
    if (!up_) return;
    auto payload = state_of(topic);
    if (!payload.empty()) publish(topic, std::move(payload), false);
}

void MqttSimulator::tell_all() {
    std::set<std::string> topics;
    for (const auto& [index, value] : values_)
        if (!shape_.points[index].from.empty()) topics.insert(concrete(shape_.points[index].from.back()));
    for (const auto& topic : topics) tell(topic);
}

void MqttSimulator::publish(const std::string& topic, std::string payload, bool retained) {
    log_(fmt::format("says {} {}", topic, base::printable(payload)));
    session_->publish(++last_id_, {topic, std::move(payload), 1, retained}, std::chrono::minutes(1));
}

Result<void> MqttSimulator::set(PointIndex index, Scalar value) {
    if (index >= shape_.points.size()) return fail(Errc::not_found, "no such point");
    values_[index] = std::move(value);
    if (!shape_.points[index].from.empty()) tell(concrete(shape_.points[index].from.back()));
    return {};
}

Result<Scalar> MqttSimulator::get(PointIndex index) const {
    const auto found = values_.find(index);
    if (found == values_.end()) return fail(Errc::not_found, "no value yet");
    return found->second;
}

}  // namespace adapters::mqtt
