#pragma once

#include "adapters/modbus/adapter.hpp"
#include "adapters/modbus/descriptor.hpp"
#include "config/yaml_reader.hpp"
#include "gateway/asio_timers.hpp"
#include "tests/fakes/manual_timers.hpp"

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <memory>

namespace adapters::modbus {

/// "21.3", "on", or the error as an operator reads it.
inline std::string show(const Result<Scalar>& value) {
    struct Visitor {
        std::string operator()(bool b) const { return b ? "on" : "off"; }
        std::string operator()(std::int64_t n) const { return fmt::format("{}", n); }
        std::string operator()(std::uint64_t n) const { return fmt::format("{}", n); }
        std::string operator()(double n) const { return fmt::format("{}", n); }
        std::string operator()(const std::string& s) const { return '"' + s + '"'; }
        std::string operator()(const Bytes& b) const { return base::to_hex(b); }
    };
    return value ? std::visit(Visitor{}, *value) : value.error().message;
}

/// A link of the adapter on a real loop, made from the texts that a user writes.
class Stage final : public Sink {
public:
    explicit Stage(std::string link) {
        const base::Node& node = yaml("gateway.yaml", link);
        Fields fields(node, "link 'bus'", diagnostics);
        adapter = descriptor().create(io.get_executor(), timers, random, fields);
        fields.done();
    }
    ~Stage() {
        adapter.reset();
        io.restart();
        io.poll();
    }

    ShapeId shape(const std::string& section = "") {
        if (section.empty()) return adapter->add_shape("acme/meter@1", nullptr, diagnostics).value_or(0);
        Fields fields(yaml("p.yaml", section), "'modbus'", diagnostics);
        const auto id = adapter->add_shape("acme/meter@1", &fields, diagnostics);
        fields.done();
        return id.value_or(0);
    }
    std::optional<PointIndex> point(ShapeId id, const std::string& keys, bool write = false, bool read = true) {
        const base::Node& node = yaml("p.yaml", keys);
        Fields fields(node, "point 'p'", diagnostics);
        std::optional<Fields> write_keys;
        if (const auto* given = fields.find("write"); given != nullptr) write_keys.emplace(*given, "'write'", diagnostics);
        const auto index =
            adapter->add_point(id, fields, write_keys ? &*write_keys : nullptr, {read, write || write_keys.has_value()});
        fields.done();
        if (write_keys) write_keys->done();
        return index;
    }
    std::optional<DeviceId> device(ShapeId id, const std::string& keys, const std::string& name = "meter") {
        const base::Node& node = yaml("devices.yaml", keys);
        Fields fields(node, fmt::format("device '{}'", name), diagnostics);
        const auto device = adapter->add_device(id, fields);
        fields.done();
        return device;
    }

    /// A map as it stands in a profile.
    const base::Node& node(const std::string& text) { return yaml("p.yaml", text); }

    void start() { adapter->start(*this); }
    void stop() {
        bool stopped = false;
        adapter->stop([&] { stopped = true; });
        ASSERT_TRUE(turn_until([&] { return stopped; }));
    }
    /// Runs the loop until `done`; false after 10 s, which no test reaches.
    template <class F>
    bool turn_until(F done) {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!done()) {
            if (std::chrono::steady_clock::now() > give_up) return false;
            io.restart();
            io.run_one_for(std::chrono::milliseconds(20));
        }
        return true;
    }
    bool link_is(std::string_view said) {
        return turn_until([&] { return !links.empty() && links.back() == said; });
    }
    bool up() {
        return turn_until([&] { return !links.empty() && links.back().starts_with("up"); });
    }

    Adapter::Values read(DeviceId device, std::vector<PointIndex> points, base::Milliseconds within = std::chrono::seconds(4)) {
        std::optional<Adapter::Values> got;
        adapter->read(device, std::move(points), timers.now() + within,
                      [&](Adapter::Values values) { got = std::move(values); });
        EXPECT_TRUE(turn_until([&] { return got.has_value(); }));
        return got.value_or(Adapter::Values{});
    }
    std::string read_one(DeviceId device, PointIndex point) {
        const auto values = read(device, {point});
        return values.empty() ? "nothing" : show(values[0]);
    }
    Result<void> write(DeviceId device, PointIndex point, Scalar value, base::Milliseconds within = std::chrono::seconds(4)) {
        std::optional<Result<void>> got;
        adapter->write(device, point, std::move(value), timers.now() + within,
                       [&](Result<void> result) { got = std::move(result); });
        EXPECT_TRUE(turn_until([&] { return got.has_value(); }));
        return got.value_or(base::fail(base::Errc::internal, "no answer"));
    }

    void value(DeviceId, PointIndex, Scalar, base::WallTime) override { ADD_FAILURE() << "Modbus devices never speak unasked"; }
    void link(bool up, std::string why) override { links.push_back((up ? "up: " : "down: ") + why); }

    boost::asio::io_context io;
    gateway::AsioTimers timers{io};
    fakes::FixedRandom random;
    base::Diagnostics diagnostics;
    std::unique_ptr<Adapter> adapter;
    std::vector<std::string> links;

private:
    const base::Node& yaml(const std::string& file, const std::string& text) {
        auto node = config::read_yaml(text, file, diagnostics);
        return nodes_.emplace_back(node.value_or(base::Node{}));
    }
    std::deque<base::Node> nodes_;
};

}  // namespace adapters::modbus
