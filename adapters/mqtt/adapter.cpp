#include "adapters/mqtt/adapter.hpp"

#include "adapters/mqtt/paho_session.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace adapters::mqtt {

using base::Errc;
using base::fail;

struct MqttAdapter::Reading {
    explicit Reading(base::Timers& timers) : alarm(timers) {}
    DeviceId device = 0;
    std::vector<PointIndex> points;
    std::vector<std::optional<Result<Scalar>>> got;
    std::size_t missing = 0;
    std::function<void(Values)> done;
    base::Timer alarm;
};

namespace {

constexpr std::uint64_t place_of(DeviceId device, PointIndex point) { return std::uint64_t{device} << 16 | point; }

}  // namespace

MqttAdapter::MqttAdapter(boost::asio::any_io_executor executor, base::Timers& timers, base::Random& random,
                         LinkSettings settings, SessionMaker make)
    : executor_(std::move(executor)),
      timers_(timers),
      settings_(std::move(settings)),
      connection_(settings_, make ? std::move(make) : SessionMaker([this](Session::Events& events) {
                      return paho_session(settings_, executor_, worker_, events);
                  }),
                  timers, random, *this),
      host_(timers, *this),
      ask_timer_(timers) {}

MqttAdapter::~MqttAdapter() { close(); }

// -- Binding

std::optional<ShapeId> MqttAdapter::add_shape(std::string_view profile, Fields* section, Diagnostics& diagnostics) {
    auto shape = read_shape(profile, section, diagnostics);
    if (!shape) return std::nullopt;
    shapes_.push_back(std::move(*shape));
    return static_cast<ShapeId>(shapes_.size() - 1);
}

std::optional<PointIndex> MqttAdapter::add_point(ShapeId id, Fields& point, Fields* write, Access access) {
    Shape& shape = shapes_.at(id);
    auto made = read_point(shape, point, write, access);
    if (!made) return std::nullopt;
    if (shape.points.size() >= 4'096) {
        point.error("from", "over 4096 points", "split the device into two profiles");
        return std::nullopt;
    }
    shape.points.push_back(std::move(*made));
    return static_cast<PointIndex>(shape.points.size() - 1);
}

std::optional<Kind> MqttAdapter::kind(ShapeId id, PointIndex index) const { return shapes_.at(id).points.at(index).rule->kind; }

bool MqttAdapter::unasked(ShapeId, PointIndex) const { return true; }

void MqttAdapter::add_health(ShapeId id, Fields& health) { shapes_.at(id).watches = read_watches(health); }

std::optional<DeviceId> MqttAdapter::add_device(ShapeId shape, Fields& site) {
    if (devices_.size() >= most_devices) {
        site.error("id", fmt::format("over {} devices behind one broker", most_devices), "use a second link");
        return std::nullopt;
    }
    Device device;
    device.shape = shape;
    devices_.push_back(std::move(device));
    return static_cast<DeviceId>(devices_.size() - 1);
}

std::optional<RuleId> MqttAdapter::add_rule(Fields& rule) {
    auto made = read_rule(rule);
    if (!made) return std::nullopt;
    rules_.push_back(std::move(*made));
    return static_cast<RuleId>(rules_.size() - 1);
}

std::optional<std::vector<std::string>> MqttAdapter::facts(RuleId rule) const { return rules_.at(rule).facts(); }

const Shape* MqttAdapter::shape_of(DeviceId device) const {
    return device < devices_.size() ? &shapes_[devices_[device].shape] : nullptr;
}

const PointShape* MqttAdapter::point_of(DeviceId device, PointIndex index) const {
    const Shape* shape = shape_of(device);
    return shape != nullptr && index < shape->points.size() ? &shape->points[index] : nullptr;
}

void MqttAdapter::bind(const std::string& filter, int qos, Binding binding) {
    connection_.want(filter, qos < 0 ? settings_.qos : qos);
    trie_.add(filter, static_cast<TopicTrie::Value>(bindings_.size()));
    bindings_.push_back(std::move(binding));
}

void MqttAdapter::bind(DeviceId id) {
    Device& device = devices_[id];
    const Shape& shape = shapes_[device.shape];
    device.latest.resize(shape.points.size());
    device.said.resize(shape.watches.size());
    for (std::size_t w = 0; w < shape.watches.size(); ++w)
        for (const auto& filter : shape.watches[w].from)
            bind(filter, -1, {Binding::To::watch, id, static_cast<std::uint16_t>(w), {}});
    if (shape.sparkplug) {
        const auto& place = *shape.sparkplug;
        device.node = host_.add_node(place.group, place.node);
        const auto other = by_place_.lower_bound({device.node, std::string()});
        if (other == by_place_.end() || other->first.first != device.node)
            for (const auto& filter : sparkplug::Host::filters(place.group, place.node))
                bind(filter, shape.qos, {Binding::To::sparkplug, static_cast<std::uint32_t>(device.node), 0, {}});
        by_place_[{device.node, place.device}].push_back(id);
        return;
    }
    // Points that look at the same topic share one entry: its payload is parsed once for all.
    std::map<std::string, std::pair<int, std::vector<PointIndex>>> by_filter;
    for (std::size_t p = 0; p < shape.points.size(); ++p) {
        const PointShape& point = shape.points[p];
        if (!point.access.read) continue;
        for (const auto& filter : point.from) {
            auto& [qos, points] = by_filter.try_emplace(filter, -1, std::vector<PointIndex>{}).first->second;
            qos = std::max(qos, point.qos);
            if (points.empty() || points.back() != p) points.push_back(static_cast<PointIndex>(p));
        }
    }
    for (auto& [filter, its] : by_filter) bind(filter, its.first, {Binding::To::points, id, 0, std::move(its.second)});
}

// -- Running

void MqttAdapter::start(Sink& sink) {
    sink_ = &sink;
    if (!worker_) worker_ = std::make_shared<Worker>();
    for (std::size_t d = 0; d < devices_.size(); ++d) bind(static_cast<DeviceId>(d));
    for (std::size_t r = 0; r < rules_.size(); ++r)
        bind(rules_[r].topic.filter(), rules_[r].qos, {Binding::To::rule, static_cast<std::uint32_t>(r), 0, {}});
    finds_at_ = timers_.now();
    connection_.start();
}

void MqttAdapter::close() {
    sink_ = nullptr;
    cancel_scan();
    ask_timer_.cancel();
    to_ask_.clear();
    host_.disconnected();
    connection_.stop();
    std::vector<std::shared_ptr<Reading>> left;
    for (auto& [place, readings] : std::exchange(readings_, {}))
        for (auto& reading : readings)
            if (std::find(left.begin(), left.end(), reading) == left.end()) left.push_back(reading);
    for (auto& reading : left) {
        for (auto& got : reading->got)
            if (!got) got = fail(Errc::offline, "the link is closed");
        finish(reading);
    }
    while (!listeners_.empty()) {
        const auto closed = std::move(listeners_.front().closed);
        listeners_.pop_front();
        if (closed) closed();
    }
}

void MqttAdapter::stop(std::function<void()> stopped) {
    close();
    if (!worker_) {
        timers_.at(timers_.now(), std::move(stopped));
        return;
    }
    worker_->post([executor = executor_, stopped = std::move(stopped)] { boost::asio::post(executor, stopped); });
}

void MqttAdapter::up() {
    if (sink_ == nullptr) return;
    for (auto& device : devices_) std::fill(device.said.begin(), device.said.end(), std::nullopt);
    sink_->link(true, {});
    host_.connected();
    ask_all();
}

void MqttAdapter::down(std::string why) {
    host_.disconnected();
    ask_timer_.cancel();
    to_ask_.clear();
    if (sink_ != nullptr) sink_->link(false, std::move(why));
}

/// What only an answer tells is asked for once after each connect, in a pace that no broker and no radio minds.
void MqttAdapter::ask_all() {
    to_ask_.clear();
    for (std::size_t d = 0; d < devices_.size(); ++d) {
        const Shape& shape = shapes_[devices_[d].shape];
        std::vector<const MessageTemplate*> seen;
        for (std::size_t p = 0; p < shape.points.size(); ++p) {
            const auto* refresh = shape.points[p].refresh.get();
            if (refresh == nullptr ||
                std::any_of(seen.begin(), seen.end(), [&](const auto* other) { return *other == *refresh; }))
                continue;
            seen.push_back(refresh);
            to_ask_.emplace_back(static_cast<DeviceId>(d), static_cast<PointIndex>(p));
        }
    }
    ask_next();
}

void MqttAdapter::ask_next() {
    if (to_ask_.empty()) return;
    ask_timer_.set(timers_.now() + refresh_pace, [this] {
        if (to_ask_.empty()) return;
        const auto [device, point] = to_ask_.front();
        to_ask_.pop_front();
        ask(device, point);
        ask_next();
    });
}

void MqttAdapter::ask(DeviceId device, PointIndex index) {
    const PointShape* point = point_of(device, index);
    Latest& latest = devices_[device].latest[index];
    if (point == nullptr || !point->refresh || !connection_.is_up()) return;
    if (latest.asked != Instant{} && timers_.now() - latest.asked < refresh_gap) return;
    latest.asked = timers_.now();
    connection_.publish(point->refresh->render(Scalar(std::string())), timers_.now() + std::chrono::seconds(4),
                        [](const Result<void>&) {});
}

void MqttAdapter::received(Message message) {
    if (sink_ == nullptr) return;
    const base::ByteView bytes = base::as_bytes(message.payload);
    Payload payload(bytes);
    std::vector<TopicTrie::Value> hits;
    trie_.match(message.topic, [&hits](TopicTrie::Value value) { hits.push_back(value); });
    for (const auto hit : hits) {
        if (sink_ == nullptr) return;
        const Binding& binding = bindings_[hit];
        switch (binding.to) {
            case Binding::To::points: take_points(binding, payload, message.retained); break;
            case Binding::To::watch: take_watch(binding, payload, message.topic); break;
            case Binding::To::rule: take_rule(binding.number, message.topic, payload); break;
            case Binding::To::sparkplug:
                if (const auto done = host_.received(message.topic, bytes); !done)
                    found_strange(fmt::format("node {}", binding.number), message.topic, done.error());
                break;
        }
    }
    if (listeners_.empty()) return;
    std::vector<std::uint64_t> waiting;  // one that hears may end itself and others
    for (const auto& listener : listeners_)
        if (matches(listener.filter, message.topic)) waiting.push_back(listener.id);
    for (const auto id : waiting) {
        const auto found = std::find_if(listeners_.begin(), listeners_.end(), [id](const Listener& l) { return l.id == id; });
        if (found == listeners_.end()) continue;
        const auto heard = found->heard;
        heard(message);
    }
}

void MqttAdapter::take_points(const Binding& binding, Payload& payload, bool retained) {
    const Shape& shape = shapes_[devices_[binding.number].shape];
    for (const PointIndex index : binding.points) {
        const PointShape& point = shape.points[index];
        if (retained && point.retained == Retained::ignore) continue;
        auto value = take(*point.rule, payload);
        if (!value) {
            found_strange(fmt::format("{} {}", shape.profile, index), point.from.front(), value.error());
            continue;
        }
        if (*value)
            deliver(binding.number, index, std::move(**value), retained && point.retained == Retained::old, timers_.wall());
    }
}

void MqttAdapter::deliver(DeviceId id, PointIndex index, Scalar value, bool old, WallTime at) {
    Latest& latest = devices_[id].latest[index];
    if (old) {
        // Told again after each connect: no news, and no doubt about what was heard live.
        if (latest.value && *latest.value == value) return;
        latest.value = value;
        latest.old = true;
        latest.at = timers_.now();
        if (sink_ != nullptr) sink_->old_value(id, index, std::move(value), at);
        return;
    }
    latest.value = value;
    latest.old = false;
    latest.at = timers_.now();
    if (sink_ != nullptr) sink_->value(id, index, std::move(value), at);
    const auto found = readings_.find(place_of(id, index));
    if (found == readings_.end()) return;
    const auto waiting = std::move(found->second);
    readings_.erase(found);
    for (const auto& reading : waiting) {
        for (std::size_t i = 0; i < reading->points.size(); ++i) {
            if (reading->points[i] != index || reading->got[i]) continue;
            reading->got[i] = *devices_[id].latest[index].value;
            --reading->missing;
        }
        if (reading->missing == 0) finish(reading);
    }
}

void MqttAdapter::take_watch(const Binding& binding, Payload& payload, std::string_view topic) {
    Device& device = devices_[binding.number];
    const WatchShape& watch = shapes_[device.shape].watches[binding.watch];
    const auto said = take(watch.rule, payload);
    if (!said) return found_strange(fmt::format("{} {}", shapes_[device.shape].profile, topic), topic, said.error());
    if (!*said) return;
    const std::string word = plain_value(**said);
    const bool is_up = word == watch.online;
    if (!is_up && watch.offline && word != *watch.offline) return;  // a third thing ("updating") says neither
    auto& before = device.said[binding.watch];
    if (before == is_up) return;
    before = is_up;
    if (sink_ != nullptr)
        sink_->witness(binding.number, watch.witness, is_up, fmt::format("{} says '{}'", topic, base::printable(word, 40)));
}

void MqttAdapter::take_rule(std::uint32_t number, std::string_view topic, Payload& payload) {
    auto finds = find(rules_[number], topic, payload);
    const auto passed = std::chrono::duration<double>(timers_.now() - finds_at_).count();
    finds_at_ = timers_.now();
    finds_left_ = std::min(finds_at_once, finds_left_ + passed * finds_a_second);
    for (auto& found : finds) {
        if (finds_left_ < 1) {
            once_.warn("finds", fmt::format("{}: more devices are told than can be true; the rest is left out", where()));
            ++strange_;
            return;
        }
        finds_left_ -= 1;
        if (sink_ != nullptr) sink_->found(number, std::move(found));
    }
}

void MqttAdapter::found_strange(const std::string& key, std::string_view topic, const base::Error& error) {
    ++strange_;
    once_.warn(key, fmt::format("{}: a message on '{}' is not what is expected there: {}", where(), base::printable(topic),
                                base::printable(error.message)));
}

// -- Sparkplug

void MqttAdapter::metric(std::size_t node, std::string_view place, std::string_view name, Scalar value, WallTime at) {
    const auto found = by_place_.find(std::pair<std::size_t, std::string>(node, place));
    if (found == by_place_.end()) return;
    for (const DeviceId id : found->second) {
        const Shape& shape = shapes_[devices_[id].shape];
        for (std::size_t p = 0; p < shape.points.size(); ++p)
            if (shape.points[p].metric == name && shape.points[p].access.read)
                deliver(id, static_cast<PointIndex>(p), value, false, at);
    }
}

void MqttAdapter::alive(std::size_t node, std::string_view place, bool is_up, std::string why) {
    if (sink_ == nullptr) return;
    for (const auto& [where_it_is, devices] : by_place_) {
        if (where_it_is.first != node) continue;
        const bool its_node = place.empty() && !where_it_is.second.empty();
        if (!its_node && where_it_is.second != place) continue;
        // A node that is gone takes its devices with it; born again, each of them says so itself.
        for (const DeviceId id : devices) {
            if (its_node)
                sink_->witness(id, Witness::via, is_up, fmt::format("its node: {}", why));
            else
                sink_->witness(id, Witness::alive, is_up, why);
        }
    }
}

void MqttAdapter::send(Message message) {
    connection_.publish(std::move(message), timers_.now() + std::chrono::seconds(5), [](const Result<void>&) {});
}

// -- Reading and writing

bool MqttAdapter::fresh(const PointShape& point, const Latest& latest) const {
    if (!latest.value || latest.old || latest.at < latest.written) return false;
    return !point.refresh || timers_.now() - latest.at <= refresh_gap;
}

void MqttAdapter::read(DeviceId id, std::vector<PointIndex> asked, Instant deadline, std::function<void(Values)> done) {
    auto reading = std::make_shared<Reading>(timers_);
    reading->device = id;
    reading->got.resize(asked.size());
    reading->points = std::move(asked);
    reading->done = std::move(done);
    const bool full = waiting_reads_ >= most_reads;
    for (std::size_t i = 0; i < reading->points.size(); ++i) {
        const PointIndex index = reading->points[i];
        const PointShape* point = point_of(id, index);
        auto& got = reading->got[i];
        if (point == nullptr || sink_ == nullptr) {
            got = fail(point == nullptr ? Errc::not_found : Errc::offline,
                       point == nullptr ? "no such point" : "the link is closed");
            continue;
        }
        const Latest& latest = devices_[id].latest[index];
        if (!connection_.is_up()) {
            got = fail(Errc::offline, fmt::format("the broker is away: {}", connection_.why_down()));
        } else if (fresh(*point, latest)) {
            got = *latest.value;
        } else if (!point->refresh && latest.written <= latest.at) {
            // Nothing to ask with, and nothing that is on its way.
            std::string why = latest.old ? "only a retained message of unknown age is there" : "no message has come yet";
            for (const auto& filter : point->from)
                if (connection_.refused(filter)) why = fmt::format("the broker refuses the subscription to '{}'", filter);
            got = fail(Errc::offline, why);
        } else if (full) {
            got = fail(Errc::busy, fmt::format("{} reads wait for a message already", most_reads));
        } else {
            ++reading->missing;
            readings_[place_of(id, index)].push_back(reading);
            ask(id, index);
        }
    }
    if (reading->missing == 0) return answer_later([this, reading] { finish(reading); });
    ++waiting_reads_;
    reading->alarm.set(deadline, [this, reading] {
        for (std::size_t i = 0; i < reading->points.size(); ++i) {
            if (reading->got[i]) continue;
            const PointIndex index = reading->points[i];
            const PointShape& point = *point_of(reading->device, index);
            // Who was asked and says nothing is missed; who speaks by itself only is not.
            reading->got[i] = fail(point.refresh || point.verified ? Errc::timeout : Errc::offline,
                                   point.refresh ? "asked, and no message came" : "no message came after the write");
            if (const auto found = readings_.find(place_of(reading->device, index)); found != readings_.end()) {
                found->second.remove(reading);
                if (found->second.empty()) readings_.erase(found);
            }
        }
        finish(reading);
    });
}

void MqttAdapter::finish(const std::shared_ptr<Reading>& reading) {
    if (reading->alarm.is_set() || reading->missing > 0) --waiting_reads_;
    reading->alarm.cancel();
    Values values;
    values.reserve(reading->got.size());
    for (auto& got : reading->got) values.push_back(std::move(*got));
    if (auto done = std::exchange(reading->done, nullptr)) done(std::move(values));
}

Result<Message> MqttAdapter::message_of(DeviceId id, PointIndex index, const Scalar& value) const {
    const PointShape* point = point_of(id, index);
    if (point == nullptr) return fail(Errc::not_found, "no such point");
    const Device& device = devices_[id];
    if (!point->metric.empty()) {
        if (!point->access.write) return fail(Errc::not_allowed, "the point cannot be written");
        return host_.command(device.node, shapes_[device.shape].sparkplug->device, point->metric, value);
    }
    if (!point->write) return fail(Errc::not_allowed, "the point cannot be written");
    PayloadRule words;
    words.states = point->write_states;
    auto text = point->write_states ? to_write(words, value) : to_write(*point->rule, value);
    if (!text) return tl::unexpected(text.error());
    Message message = point->write->render(*text);
    if (message.payload.size() > longest_payload) return fail(Errc::too_large, "a payload of over 64 kB");
    return message;
}

void MqttAdapter::write(DeviceId id, PointIndex index, Scalar value, Instant deadline, std::function<void(Result<void>)> done) {
    auto message = sink_ != nullptr ? message_of(id, index, value) : Result<Message>(fail(Errc::offline, "the link is closed"));
    if (!message) return answer_later([done = std::move(done), error = message.error()] { done(tl::unexpected(error)); });
    devices_[id].latest[index].written = timers_.now();
    devices_[id].latest[index].asked = {};
    connection_.publish(std::move(*message), deadline, std::move(done));
}

void MqttAdapter::answer_later(std::function<void()> what) { timers_.at(timers_.now(), std::move(what)); }

std::vector<std::string> MqttAdapter::explain(DeviceId id, const std::vector<PointIndex>& asked) const {
    std::vector<std::string> lines;
    const Shape* shape = shape_of(id);
    if (shape == nullptr) return lines;
    std::vector<std::pair<std::string, std::size_t>> topics;
    const auto count = [&topics](const std::string& topic) {
        for (auto& [known, points] : topics)
            if (known == topic) {
                ++points;
                return;
            }
        topics.emplace_back(topic, 1);
    };
    for (const PointIndex index : asked) {
        const PointShape* point = point_of(id, index);
        if (point == nullptr) continue;
        if (!point->metric.empty()) {
            const auto& place = *shape->sparkplug;
            count(fmt::format("Sparkplug {}/{}{}{}", place.group, place.node, place.device.empty() ? "" : "/", place.device));
        }
        for (const auto& filter : point->from) count(filter);
    }
    for (const auto& [topic, points] : topics)
        lines.push_back(fmt::format("{}  {} value{}", topic, points, points == 1 ? "" : "s"));
    return lines;
}

}  // namespace adapters::mqtt
