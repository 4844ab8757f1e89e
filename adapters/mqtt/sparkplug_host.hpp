#pragma once

#include "adapters/mqtt/message.hpp"
#include "adapters/mqtt/sparkplug.hpp"
#include "gateway/base/log.hpp"

#include <deque>
#include <functional>
#include <map>
#include <unordered_map>

namespace adapters::mqtt::sparkplug {

using base::Milliseconds;

/// What a host application keeps of each edge node: whether it lives, its metrics' names behind their aliases, its count of
/// messages. When one is missing, or a node is not known, it is asked for a rebirth: at most rebirths_a_second of all nodes
/// together, and the same node again only after a pause that doubles until it answers.
class Host {
public:
    static constexpr std::size_t most_aliases = 20'000;  ///< of one node
    static constexpr Milliseconds rebirth_gap{200};      ///< 5 a second
    static constexpr Milliseconds first_pause{10'000}, longest_pause{600'000};

    class Events {
    public:
        /// `device` is "" for the node itself. A value that the node says to be none is a NaN.
        virtual void metric(std::size_t node, std::string_view device, std::string_view name, Scalar, WallTime) = 0;
        virtual void alive(std::size_t node, std::string_view device, bool up, std::string why) = 0;
        virtual void send(Message) = 0;

    protected:
        ~Events() = default;
    };

    Host(base::Timers& timers, Events& events) : timers_(timers), events_(events), next_rebirth_(timers) {}

    /// The number of a node; the same for the same names.
    std::size_t add_node(const std::string& group, const std::string& node);
    static std::vector<std::string> filters(const std::string& group, const std::string& node);

    /// The connection is up: nothing is known of anybody until it was born again.
    void connected();
    void disconnected();
    /// False: not for a node that was added, or no Sparkplug payload (counted by the caller).
    Result<void> received(std::string_view topic, base::ByteView payload);

    /// What a write of the metric publishes. Errc::offline: the node has not told its metrics.
    Result<Message> command(std::size_t node, const std::string& device, const std::string& metric, const Scalar&) const;

private:
    struct Known {
        std::string device, name;
        Type type = Type::unknown;
    };
    struct Node {
        std::string group, name;
        bool born = false, asked = false;
        std::optional<std::uint64_t> bd_seq;
        std::uint64_t seq = 0;
        std::unordered_map<std::uint64_t, Known> by_alias;
        std::unordered_map<std::string, Type> types;  // "device\nmetric"
        Instant not_before{};
        Milliseconds pause{first_pause};
    };
    static std::string key(std::string_view device, std::string_view name);
    void birth(std::size_t index, std::string_view device, const Payload&);
    void data(std::size_t index, std::string_view device, const Payload&);
    void tell(std::size_t index, const Known&, const Metric&, const Payload&);
    void want_rebirth(std::size_t index, std::string_view why);
    void ask_next();

    base::Timers& timers_;
    Events& events_;
    std::vector<Node> nodes_;
    std::map<std::pair<std::string, std::string>, std::size_t, std::less<>> by_name_;
    std::deque<std::size_t> to_ask_;
    Instant last_asked_ = Instant::min();  // plus a gap: long ago
    bool up_ = false;
    base::Timer next_rebirth_;
};

}  // namespace adapters::mqtt::sparkplug
