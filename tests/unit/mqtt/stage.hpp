#pragma once

#include "adapters/mqtt/adapter.hpp"
#include "config/yaml_reader.hpp"
#include "tests/fakes/manual_timers.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <memory>

namespace adapters::mqtt {

/// A broker that does what a test says, and remembers what it was asked.
class FakeBroker {
public:
    class Line final : public Session {
    public:
        Line(FakeBroker& whose, Events& events) : broker_(whose), events_(events) { broker_.line = this; }
        ~Line() override {
            if (broker_.line == this) broker_.line = nullptr;
        }
        void connect(const std::string& client_id, bool afresh) override {
            broker_.clients.push_back(client_id);
            broker_.clean = afresh;
            ++broker_.attempts;
            if (broker_.mode == Mode::accept) broker_.later([this] { events_.connected(false); });
            if (broker_.mode == Mode::refuse) broker_.later([this] { events_.ended(broker_.refusal); });
        }
        void subscribe(Id id, std::vector<Filter> filters) override {
            std::vector<int> codes;
            broker_.packets.push_back(filters.size());
            for (const auto& filter : filters) {
                broker_.subscribed.push_back(filter);
                codes.push_back(broker_.forbidden == filter.topic ? 0x80 : filter.qos);
            }
            if (!broker_.deaf) broker_.later([this, id, codes] { events_.subscribed(id, codes); });
            for (const auto& message : broker_.retained)
                for (const auto& filter : filters)
                    if (matches(filter.topic, message.topic)) broker_.later([this, message] { events_.received(message); });
        }
        void unsubscribe(std::vector<std::string> filters) override {
            for (auto& filter : filters) broker_.unsubscribed.push_back(filter);
        }
        void publish(Id id, Message message, Milliseconds expiry) override {
            broker_.published.push_back(message);
            broker_.expiries.push_back(expiry);
            if (!broker_.deaf) broker_.later([this, id] { events_.published(id, {}); });
            if (broker_.on_publish) broker_.on_publish(message);
        }
        std::size_t dropped() override { return 0; }
        Events& events() { return events_; }

    private:
        FakeBroker& broker_;
        Events& events_;
    };
    enum class Mode : std::uint8_t { accept, refuse, silent };

    explicit FakeBroker(fakes::ManualTimers& its_timers) : timers(its_timers) {}
    SessionMaker maker() {
        return [this](Session::Events& events) { return std::make_unique<Line>(*this, events); };
    }
    void say(const std::string& topic, const std::string& payload, bool is_retained = false) {
        ASSERT_NE(line, nullptr);
        line->events().received({topic, payload, 0, is_retained});
    }
    void cut(const std::string& why = "the broker closed the connection") {
        ASSERT_NE(line, nullptr);
        line->events().ended(why);
    }
    std::vector<std::string> topics() const {
        std::vector<std::string> names;
        for (const auto& filter : subscribed) names.push_back(filter.topic);
        std::sort(names.begin(), names.end());
        return names;
    }
    std::string last_published() const {
        return published.empty() ? "" : published.back().topic + " " + published.back().payload;
    }
    /// On a fresh stack, and only while the line is the same.
    void later(std::function<void()> what) {
        Line* its = line;
        timers.at(timers.now(), [this, its, what = std::move(what)] {
            if (line == its) what();
        });
    }

    fakes::ManualTimers& timers;
    Mode mode = Mode::accept;
    std::string refusal = "no connection to the broker", forbidden;
    bool deaf = false, clean = true;  // deaf: acknowledges nothing
    std::size_t attempts = 0;
    Line* line = nullptr;
    std::vector<std::string> clients, unsubscribed;
    std::vector<Filter> subscribed;
    std::vector<std::size_t> packets;
    std::vector<Message> published, retained;
    std::vector<Milliseconds> expiries;
    std::function<void(const Message&)> on_publish;
};

inline std::string show(const Result<Scalar>& value) { return value ? plain_value(*value) : value.error().message; }

/// An adapter in front of a FakeBroker, made from the texts that a user writes, on time that the test moves.
class Stage final : public Sink {
public:
    explicit Stage(const std::string& more = "") {
        const auto& node = yaml("{mqtt: \"mqtt://broker.example\"" + (more.empty() ? "" : ", " + more) + "}");
        Fields fields(node, "link 'house'", diagnostics);
        auto settings = read_link(fields);
        fields.done();
        EXPECT_TRUE(settings) << diagnostics.str();
        adapter =
            std::make_unique<MqttAdapter>(io.get_executor(), timers, random, settings.value_or(LinkSettings{}), broker.maker());
    }
    ~Stage() { adapter.reset(); }

    ShapeId shape(const std::string& section = "{}", const std::string& health = "") {
        Fields fields(yaml(section), "section 'mqtt'", diagnostics);
        const auto id = adapter->add_shape("acme/thing@1", &fields, diagnostics);
        fields.done();
        if (id && !health.empty()) {
            Fields its(yaml(health), "section 'health'", diagnostics);
            adapter->add_health(*id, its);
            its.done();
        }
        return id.value_or(0xFFFF);
    }
    PointIndex point(ShapeId id, const std::string& keys, bool read = true) {
        if (id == 0xFFFF) return 0xFFFF;  // told already
        Fields fields(yaml(keys), "point 'p'", diagnostics);
        std::optional<Fields> write;
        if (const auto* given = fields.find("write"); given != nullptr) {
            write.emplace(*given, "'write' of point 'p'", diagnostics);
            write->known("verify");
        }
        const auto index = adapter->add_point(id, fields, write ? &*write : nullptr, {read, write.has_value() || !read});
        fields.done();
        if (write) write->done();
        return index.value_or(0xFFFF);
    }
    DeviceId device(ShapeId id) {
        Fields site(yaml("{}"), "device 'd'", diagnostics);
        return adapter->add_device(id, site).value_or(0xFFFF);
    }
    RuleId rule(const std::string& keys) {
        Fields fields(yaml(keys), "rule 'r'", diagnostics);
        const auto id = adapter->add_rule(fields);
        fields.done();
        return id.value_or(0xFFFF);
    }
    void start() {
        ASSERT_TRUE(diagnostics.ok()) << diagnostics.str();
        adapter->start(*this);
        timers.advance(std::chrono::milliseconds(1));
    }
    Adapter::Values read(DeviceId device, std::vector<PointIndex> points, base::Milliseconds within = std::chrono::seconds(4)) {
        std::optional<Adapter::Values> got;
        adapter->read(device, std::move(points), timers.now() + within,
                      [&](Adapter::Values values) { got = std::move(values); });
        timers.advance(std::chrono::milliseconds(1));
        if (!got) timers.advance(within);
        EXPECT_TRUE(got);
        return got.value_or(Adapter::Values{});
    }
    std::string write(DeviceId device, PointIndex point, Scalar value, base::Milliseconds within = std::chrono::seconds(4)) {
        std::string said = "nothing yet";
        adapter->write(device, point, std::move(value), timers.now() + within,
                       [&](Result<void> result) { said = result ? "done" : result.error().message; });
        timers.advance(std::chrono::milliseconds(1));
        if (said == "nothing yet") timers.advance(within);
        return said;
    }

    // Sink: everything as one line.
    void value(DeviceId device, PointIndex point, Scalar scalar, base::WallTime) override {
        heard.push_back(fmt::format("{}.{} = {}", device, point, plain_value(scalar)));
    }
    void old_value(DeviceId device, PointIndex point, Scalar scalar, base::WallTime) override {
        heard.push_back(fmt::format("{}.{} = {} (old)", device, point, plain_value(scalar)));
    }
    void witness(DeviceId device, Witness kind, bool is_up, std::string) override {
        heard.push_back(fmt::format("{} {} {}", device, kind == Witness::alive ? "alive" : "via", is_up ? "up" : "down"));
    }
    void link(bool is_up, std::string why) override { links.push_back(is_up ? "up" : "down: " + why); }
    void found(RuleId rule, Found find) override {
        std::string facts;
        for (const auto& [name, text] : find.facts)
            if (name != "topic") facts += fmt::format(" {}={}", name, text);
        finds.push_back(fmt::format("{} {}:{}", rule, find.key, facts));
    }
    /// What was heard since the last call.
    std::vector<std::string> news() { return std::exchange(heard, {}); }

    const base::Node& yaml(const std::string& text) {
        auto node = config::read_yaml(text, "f.yaml", diagnostics);
        return nodes.emplace_back(node.value_or(base::Node{}));
    }

    boost::asio::io_context io;
    fakes::ManualTimers timers;
    fakes::FixedRandom random;
    FakeBroker broker{timers};
    base::Diagnostics diagnostics;
    std::deque<base::Node> nodes;
    std::unique_ptr<MqttAdapter> adapter;
    std::vector<std::string> heard, links, finds;
};

using Lines = std::vector<std::string>;

}  // namespace adapters::mqtt
