#pragma once

#include "adapters/mqtt/connection.hpp"
#include "adapters/mqtt/discovery.hpp"
#include "adapters/mqtt/shape.hpp"
#include "adapters/mqtt/sparkplug_host.hpp"
#include "adapters/mqtt/topics.hpp"
#include "adapters/mqtt/worker.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <deque>
#include <list>
#include <memory>

namespace adapters::mqtt {

/// A broker and the devices behind it: one connection, whatever their number.
class MqttAdapter final : public Adapter, private Connection::Handler, private sparkplug::Host::Events {
public:
    static constexpr std::size_t most_devices = 65'535;
    static constexpr std::size_t most_reads = 10'000;  ///< waiting for a message
    static constexpr std::size_t most_listeners = 64;  ///< fetch, read_raw and scan
    /// Finds that are told at once, and then a second; more are dropped and counted. A true device is told again.
    static constexpr double finds_at_once = 10'000, finds_a_second = 200;
    static constexpr Milliseconds refresh_gap{1'000};  ///< the same question is not asked sooner again
    static constexpr Milliseconds refresh_pace{20};    ///< between two questions after a connect

    /// `make`: for tests; else Paho.
    MqttAdapter(boost::asio::any_io_executor, base::Timers&, base::Random&, LinkSettings, SessionMaker make = {});
    ~MqttAdapter() override;

    std::optional<ShapeId> add_shape(std::string_view profile, Fields* section, Diagnostics&) override;
    std::optional<PointIndex> add_point(ShapeId, Fields& point, Fields* write, Access) override;
    std::optional<Kind> kind(ShapeId, PointIndex) const override;
    void add_health(ShapeId, Fields& health) override;
    std::optional<DeviceId> add_device(ShapeId, Fields& site) override;
    std::optional<RuleId> add_rule(Fields& rule) override;
    std::optional<std::vector<std::string>> facts(RuleId) const override;
    bool unasked(ShapeId, PointIndex) const override;
    bool apart() const override { return true; }

    void start(Sink&) override;
    void stop(std::function<void()> stopped) override;
    void read(DeviceId, std::vector<PointIndex>, Instant deadline, std::function<void(Values)>) override;
    void write(DeviceId, PointIndex, Scalar, Instant deadline, std::function<void(Result<void>)>) override;

    void read_raw(DeviceId, PointIndex, Instant deadline, Fetched) override;
    /// {"at", topic filter}: the next message; a retained one at once.
    void fetch(const Words& address, Instant deadline, Fetched) override;
    /// {"at", topic}, {"value", payload}: published with QoS 1, not retained, and acknowledged by the broker.
    void put(const Words& address, Instant deadline, std::function<void(Result<void>)> done) override;
    void scan(const Words& options, double share, std::function<void(Found)>, std::function<void(Progress)>,
              std::function<void(Result<void>)> done) override;
    void cancel_scan() override;
    void trace(std::function<void(const Traffic&)>) override;

    std::vector<std::optional<Result<Scalar>>> pretend(DeviceId, const base::Node& given, Diagnostics&) override;
    Result<std::vector<std::string>> sends(DeviceId, PointIndex, const Scalar&) const override;

    std::vector<std::string> explain(DeviceId, const std::vector<PointIndex>&) const override;
    std::string where() const override { return settings_.where(); }

    const Shape* shape_of(DeviceId device) const;
    const LinkSettings& settings() const { return settings_; }
    const Connection& connection() const { return connection_; }
    /// Messages that were no such thing as a rule, a point or a node expects.
    std::uint64_t strange() const { return strange_; }

private:
    struct Latest {
        std::optional<Scalar> value;
        bool old = false;  ///< a retained one, of unknown age
        Instant at{}, written{}, asked{};
    };
    struct Device {
        ShapeId shape = 0;
        std::vector<Latest> latest;             ///< by point
        std::vector<std::optional<bool>> said;  ///< by watch
        std::size_t node = 0;                   ///< Sparkplug
    };
    /// What a filter leads to.
    struct Binding {
        enum class To : std::uint8_t { points, watch, rule, sparkplug };
        To to = To::points;
        std::uint32_t number = 0;  ///< the device or rule
        std::uint16_t watch = 0;
        std::vector<PointIndex> points;
    };
    struct Reading;
    struct Listener {
        std::uint64_t id;
        std::string filter;
        std::function<void(const Message&)> heard;
        std::function<void()> closed;  ///< the link was closed meanwhile
    };
    struct Waiting;

    void up() override;
    void down(std::string why) override;
    void received(Message) override;
    void metric(std::size_t node, std::string_view device, std::string_view name, Scalar, WallTime) override;
    void alive(std::size_t node, std::string_view device, bool up, std::string why) override;
    void send(Message) override;

    const PointShape* point_of(DeviceId, PointIndex) const;
    void bind(DeviceId);
    void bind(const std::string& filter, int qos, Binding);
    void take_points(const Binding&, Payload&, bool retained);
    void take_watch(const Binding&, Payload&, std::string_view topic);
    void take_rule(std::uint32_t rule, std::string_view topic, Payload&);
    void deliver(DeviceId, PointIndex, Scalar, bool old, WallTime at);
    void found_strange(const std::string& key, std::string_view topic, const base::Error&);
    bool fresh(const PointShape&, const Latest&) const;
    void ask(DeviceId, PointIndex);
    void ask_all();
    void ask_next();
    void close();
    void finish(const std::shared_ptr<Reading>&);
    Result<Message> message_of(DeviceId, PointIndex, const Scalar&) const;
    std::uint64_t listen(const std::string& filter, std::function<void(const Message&)> heard, std::function<void()> closed);
    void wait_for(const std::vector<std::string>& filters, Instant deadline, std::function<bool(const Message&, Raw&)> take,
                  Fetched);
    void unlisten(std::uint64_t id);
    void answer_later(std::function<void()>);

    std::shared_ptr<Worker> worker_;
    boost::asio::any_io_executor executor_;
    base::Timers& timers_;
    LinkSettings settings_;
    Connection connection_;
    sparkplug::Host host_;
    Sink* sink_ = nullptr;

    std::vector<Shape> shapes_;
    std::vector<Device> devices_;
    std::vector<DiscoveryRule> rules_;
    Instant finds_at_{};
    double finds_left_ = finds_at_once;
    TopicTrie trie_;
    std::vector<Binding> bindings_;
    std::map<std::pair<std::size_t, std::string>, std::vector<DeviceId>, std::less<>> by_place_;  ///< node and its device

    std::unordered_map<std::uint64_t, std::list<std::shared_ptr<Reading>>> readings_;  ///< by device and point
    std::size_t waiting_reads_ = 0;
    std::deque<std::pair<DeviceId, PointIndex>> to_ask_;
    base::Timer ask_timer_;
    std::list<Listener> listeners_;
    std::uint64_t last_listener_ = 0;
    struct Scan;
    std::shared_ptr<Scan> scan_;
    std::uint64_t strange_ = 0;
    base::Once once_;
};

}  // namespace adapters::mqtt
