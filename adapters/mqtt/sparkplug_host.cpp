#include "adapters/mqtt/sparkplug_host.hpp"

#include <algorithm>
#include <limits>

namespace adapters::mqtt::sparkplug {

using base::Errc;
using base::fail;

std::string Host::key(std::string_view device, std::string_view name) { return fmt::format("{}\n{}", device, name); }

std::size_t Host::add_node(const std::string& group, const std::string& node) {
    const auto [entry, fresh] = by_name_.try_emplace({group, node}, nodes_.size());
    if (fresh) {
        nodes_.emplace_back();
        nodes_.back().group = group;
        nodes_.back().name = node;
    }
    return entry->second;
}

std::vector<std::string> Host::filters(const std::string& group, const std::string& node) {
    return {fmt::format("spBv1.0/{}/+/{}", group, node), fmt::format("spBv1.0/{}/+/{}/+", group, node)};
}

void Host::connected() {
    up_ = true;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        nodes_[i].born = false;
        nodes_[i].asked = false;
        nodes_[i].not_before = {};
        nodes_[i].pause = first_pause;
        want_rebirth(i, "we are new here");
    }
}

void Host::disconnected() {
    up_ = false;
    to_ask_.clear();
    next_rebirth_.cancel();
    for (auto& node : nodes_) node.asked = false;
}

void Host::want_rebirth(std::size_t index, std::string_view why) {
    Node& node = nodes_[index];
    if (!up_ || node.asked) return;
    node.asked = true;
    base::log().debug("Sparkplug node {}/{} is to be born again: {}", base::printable(node.group), base::printable(node.name),
                      why);
    to_ask_.push_back(index);
    if (!next_rebirth_.is_set()) next_rebirth_.set(std::max(timers_.now(), last_asked_ + rebirth_gap), [this] { ask_next(); });
}

void Host::ask_next() {
    const Instant now = timers_.now();
    Instant soonest = Instant::max();
    for (std::size_t looked = to_ask_.size(); looked > 0; --looked) {
        const std::size_t index = to_ask_.front();
        to_ask_.pop_front();
        Node& node = nodes_[index];
        if (!node.asked) continue;  // born meanwhile
        if (node.not_before > now) {
            soonest = std::min(soonest, node.not_before);
            to_ask_.push_back(index);
            continue;
        }
        node.not_before = now + node.pause;
        node.pause = std::min(node.pause * 2, longest_pause);
        last_asked_ = now;
        Payload payload;
        payload.timestamp = static_cast<std::uint64_t>(timers_.wall().time_since_epoch().count());
        Metric rebirth;
        rebirth.name = "Node Control/Rebirth";
        rebirth.type = Type::boolean;
        rebirth.timestamp = payload.timestamp;
        rebirth.value = true;
        payload.metrics.push_back(std::move(rebirth));
        const auto bytes = encode(payload);
        to_ask_.push_back(index);  // until it is born
        events_.send({fmt::format("spBv1.0/{}/NCMD/{}", node.group, node.name), std::string(base::as_text(bytes)), 0, false});
        soonest = now + rebirth_gap;
        break;
    }
    if (!to_ask_.empty() && up_) next_rebirth_.set(soonest, [this] { ask_next(); });
}

Result<void> Host::received(std::string_view topic, base::ByteView bytes) {
    const auto parts = parse_topic(topic);
    if (!parts) return fail(Errc::malformed, "no Sparkplug topic");
    if (parts->message == "NCMD" || parts->message == "DCMD") return {};  // of other hosts, or our own
    const auto found = by_name_.find(std::pair<std::string, std::string>(parts->group, parts->node));
    if (found == by_name_.end()) return {};
    const std::size_t index = found->second;
    Node& node = nodes_[index];
    const auto payload = decode(bytes);
    if (!payload) return tl::unexpected(payload.error());

    if (parts->message == "NDEATH") {
        // Of an earlier life: the broker sends it when the node has connected again already.
        std::optional<std::uint64_t> bd_seq;
        for (const auto& metric : payload->metrics)
            if (metric.name == "bdSeq" && metric.value) {
                if (const auto* natural = std::get_if<std::uint64_t>(&*metric.value)) bd_seq = *natural;
                if (const auto* whole = std::get_if<std::int64_t>(&*metric.value)) bd_seq = static_cast<std::uint64_t>(*whole);
            }
        if (node.born && node.bd_seq && bd_seq && *bd_seq != *node.bd_seq) return {};
        node.born = false;
        node.asked = false;  // dead: it is born by itself
        events_.alive(index, {}, false, "the broker says that the node is gone");
        return {};
    }
    if (parts->message == "NBIRTH") {
        node.born = true;
        node.asked = false;
        node.pause = first_pause;
        node.seq = payload->seq.value_or(0);
        node.by_alias.clear();
        node.types.clear();
        node.bd_seq.reset();
        for (const auto& metric : payload->metrics)
            if (metric.name == "bdSeq" && metric.value) {
                if (const auto* natural = std::get_if<std::uint64_t>(&*metric.value)) node.bd_seq = *natural;
                if (const auto* whole = std::get_if<std::int64_t>(&*metric.value))
                    node.bd_seq = static_cast<std::uint64_t>(*whole);
            }
        events_.alive(index, {}, true, "born");
        birth(index, {}, *payload);
        return {};
    }
    if (!node.born) {
        want_rebirth(index, "a message of a node whose birth we have not seen");
        return {};
    }
    if (payload->seq) {
        const std::uint64_t expected = (node.seq + 1) % 256;
        node.seq = *payload->seq;
        if (*payload->seq != expected) want_rebirth(index, "a message is missing");
    }
    if (parts->message == "DBIRTH") {
        events_.alive(index, parts->device, true, "born");
        birth(index, parts->device, *payload);
    } else if (parts->message == "DDEATH") {
        events_.alive(index, parts->device, false, "its node says that it is gone");
    } else if (parts->message == "NDATA" || parts->message == "DDATA") {
        data(index, parts->device, *payload);
    }
    return {};
}

void Host::birth(std::size_t index, std::string_view device, const Payload& payload) {
    Node& node = nodes_[index];
    for (const auto& metric : payload.metrics) {
        if (metric.name.empty()) continue;
        Known known{std::string(device), metric.name, metric.type};
        if (node.types.size() < most_aliases) node.types[key(device, metric.name)] = metric.type;
        if (metric.alias && node.by_alias.size() < most_aliases) node.by_alias[*metric.alias] = known;
        tell(index, known, metric, payload);
    }
}

void Host::data(std::size_t index, std::string_view device, const Payload& payload) {
    Node& node = nodes_[index];
    for (const auto& metric : payload.metrics) {
        if (!metric.name.empty()) {
            Type type = metric.type;
            if (const auto found = node.types.find(key(device, metric.name));
                type == Type::unknown && found != node.types.end())
                type = found->second;
            tell(index, {std::string(device), metric.name, type}, metric, payload);
        } else if (metric.alias) {
            const auto found = node.by_alias.find(*metric.alias);
            if (found == node.by_alias.end())
                want_rebirth(index, "a metric that its birth did not name");
            else if (found->second.device == device)
                tell(index, found->second, metric, payload);
        }
    }
}

void Host::tell(std::size_t index, const Known& known, const Metric& metric, const Payload& payload) {
    if (metric.historical) return;  // what was once; the present follows by itself
    std::optional<Scalar> value = metric.value;
    if (metric.is_null && known.type >= Type::int8 && known.type <= Type::float64)
        value = std::numeric_limits<double>::quiet_NaN();
    if (!value) return;
    if (const auto* bits = std::get_if<std::uint64_t>(&*value); bits != nullptr && metric.type == Type::unknown)
        value = typed(known.type, *bits);
    // Its own time, unless its clock is plainly wrong.
    const WallTime now = timers_.wall();
    WallTime at = now;
    if (const auto stamp = metric.timestamp ? metric.timestamp : payload.timestamp; stamp && *stamp < 1ULL << 45) {
        const WallTime said{Milliseconds(static_cast<std::int64_t>(*stamp))};
        if (said <= now + std::chrono::minutes(1) && said >= now - std::chrono::hours(24)) at = std::min(said, now);
    }
    events_.metric(index, known.device, known.name, std::move(*value), at);
}

Result<Message> Host::command(std::size_t index, const std::string& device, const std::string& metric,
                              const Scalar& value) const {
    const Node& node = nodes_.at(index);
    const auto found = node.types.find(key(device, metric));
    if (found == node.types.end()) return fail(Errc::offline, fmt::format("the node has not told a metric '{}' yet", metric));
    auto fitted = fit(found->second, value);
    if (!fitted) return tl::unexpected(fitted.error());
    Payload payload;
    payload.timestamp = static_cast<std::uint64_t>(timers_.wall().time_since_epoch().count());
    Metric wish;
    wish.name = metric;
    wish.type = found->second;
    wish.timestamp = payload.timestamp;
    wish.value = std::move(*fitted);
    payload.metrics.push_back(std::move(wish));
    const auto bytes = encode(payload);
    return Message{device.empty() ? fmt::format("spBv1.0/{}/NCMD/{}", node.group, node.name)
                                  : fmt::format("spBv1.0/{}/DCMD/{}/{}", node.group, node.name, device),
                   std::string(base::as_text(bytes)), 0, false};  // QoS 0: specification 6.4.23 and 6.4.24
}

}  // namespace adapters::mqtt::sparkplug
