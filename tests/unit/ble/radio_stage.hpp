#pragma once

#include "adapters/ble/adapter.hpp"
#include "config/yaml_reader.hpp"
#include "tests/unit/ble/fake_bus.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <memory>

namespace adapters::ble {

using Lines = std::vector<std::string>;

constexpr const char* sensor = "C4:7C:8D:00:00:01";
constexpr const char* environment = "0000181a-0000-1000-8000-00805f9b34fb";
constexpr const char* temperature = "00002a6e-0000-1000-8000-00805f9b34fb";
constexpr const char* humidity = "00002a6f-0000-1000-8000-00805f9b34fb";

inline std::string show(const Scalar& scalar) {
    if (const auto* flag = std::get_if<bool>(&scalar)) return *flag ? "true" : "false";
    if (const auto* number = std::get_if<std::int64_t>(&scalar)) return fmt::format("{}", *number);
    if (const auto* number = std::get_if<std::uint64_t>(&scalar)) return fmt::format("{}", *number);
    if (const auto* number = std::get_if<double>(&scalar)) return fmt::format("{}", *number);
    if (const auto* text = std::get_if<std::string>(&scalar)) return *text;
    return base::to_hex(std::get<base::Bytes>(scalar));
}
inline std::string show(const Result<Scalar>& value) { return value ? show(*value) : value.error().message; }

/// An adapter on a FakeBus, made from the texts that a user writes, on time that the test moves.
class RadioStage final : public Sink {
public:
    explicit RadioStage(const std::string& link = "{ble: hci0}") {
        Fields fields(yaml(link), "link 'radio'", diagnostics);
        auto settings = read_link(fields);
        fields.done();
        EXPECT_TRUE(settings) << diagnostics.str();
        adapter = std::make_unique<BleAdapter>(io.get_executor(), timers, random, settings.value_or(LinkSettings{}), [this] {
            auto made = std::make_unique<FakeBus>(timers);
            bus = made.get();
            return made;
        });
        bus->radio();
    }
    ~RadioStage() { adapter.reset(); }

    ShapeId shape(const std::string& section) {
        Fields fields(yaml(section), "section 'ble'", diagnostics);
        const auto id = adapter->add_shape("acme/thing@1", &fields, diagnostics);
        fields.done();
        return id.value_or(0xFFFF);
    }
    PointIndex point(ShapeId id, const std::string& keys, bool read = true) {
        Fields fields(yaml(keys), "point 'p'", diagnostics);
        std::optional<Fields> write;
        if (const auto* given = fields.find("write"); given != nullptr) {
            write.emplace(*given, "'write' of point 'p'", diagnostics);
            write->known("verify");
        }
        const auto index = adapter->add_point(id, fields, write ? &*write : nullptr, {read, write.has_value() || !read});
        fields.done();
        return index.value_or(0xFFFF);
    }
    DeviceId device(ShapeId id, const std::string& address = sensor) {
        Fields site(yaml("{address: \"" + address + "\"}"), "device 'd'", diagnostics);
        const auto made = adapter->add_device(id, site);
        site.done();
        return made.value_or(0xFFFF);
    }
    RuleId rule(const std::string& keys) {
        Fields fields(yaml(keys), "rule 'r'", diagnostics);
        const auto id = adapter->add_rule(fields);
        fields.done();
        return id.value_or(0xFFFF);
    }
    /// An environment sensor on the air, and its device type: points 0 and 1 are temperature and humidity.
    DeviceId environment_sensor(const std::string& section = "{connect: per-poll}", const std::string& more = "") {
        const auto id = shape(section);
        point(id, "{char: 0x181A/0x2A6E" + more + "}");
        point(id, "{char: 0x181A/0x2A6F}");
        bus->gatt(sensor, environment, {{temperature, {"read", "notify"}, {0x59, 0x08}}, {humidity, {"read"}, {0xA0, 0x11}}});
        return device(id);
    }
    void start() {
        ASSERT_TRUE(diagnostics.ok()) << diagnostics.str();
        adapter->start(*this);
        timers.advance(100ms);
    }
    std::string read(DeviceId device, std::vector<PointIndex> points, base::Milliseconds within = 4s) {
        std::optional<Adapter::Values> got;
        adapter->read(device, std::move(points), timers.now() + within,
                      [&](Adapter::Values values) { got = std::move(values); });
        for (int i = 0; i < 100 && !got; ++i) timers.advance(within / 100);
        timers.advance(1ms);
        EXPECT_TRUE(got) << "a read was not answered at its deadline";
        std::string text;
        for (const auto& value : got.value_or(Adapter::Values{})) text += (text.empty() ? "" : " | ") + show(value);
        return text;
    }
    std::string write(DeviceId device, PointIndex point, Scalar value, base::Milliseconds within = 4s) {
        std::string said;
        adapter->write(device, point, std::move(value), timers.now() + within,
                       [&](Result<void> result) { said = result ? "done" : result.error().message; });
        for (int i = 0; i < 100 && said.empty(); ++i) timers.advance(within / 100);
        timers.advance(1ms);
        return said.empty() ? "nothing yet" : said;
    }

    // Sink: everything as one line.
    void value(DeviceId device, PointIndex point, Scalar scalar, base::WallTime) override {
        heard.push_back(fmt::format("{}.{} = {}", device, point, show(scalar)));
    }
    void witness(DeviceId device, Witness, bool is_up, std::string why) override {
        heard.push_back(fmt::format("{} {}", device, is_up ? "alive" : "dead: " + why));
    }
    void link(bool is_up, std::string why) override { links.push_back(is_up ? "up" : "down: " + why); }
    void found(RuleId rule, Found find) override { finds.push_back(fmt::format("{} {}", rule, find.key)); }
    void remember(std::string key, std::string text) override { remembered[key] = text; }
    /// What was heard since the last call, without signs of life.
    Lines news() {
        Lines lines;
        for (auto& line : std::exchange(heard, {}))
            if (!line.ends_with(" alive")) lines.push_back(line);
        return lines;
    }

    const base::Node& yaml(const std::string& text) {
        auto node = config::read_yaml(text, "f.yaml", diagnostics);
        return nodes.emplace_back(node.value_or(base::Node{}));
    }

    boost::asio::io_context io;
    fakes::ManualTimers timers;
    fakes::FixedRandom random;
    FakeBus* bus = nullptr;
    base::Diagnostics diagnostics;
    std::deque<base::Node> nodes;
    std::unique_ptr<BleAdapter> adapter;
    Lines heard, links, finds;
    Words remembered;
};

}  // namespace adapters::ble
