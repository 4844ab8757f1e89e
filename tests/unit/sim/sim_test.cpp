#include "adapters/sim/sim.hpp"

#include "adapters/api/encoding.hpp"
#include "tests/fakes/manual_timers.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <cmath>

namespace adapters {
namespace {

using base::Node;
using namespace std::chrono_literals;

Node plain(std::string text) { return Node::plain({"p.yaml", 4, 10}, std::move(text)); }
Node quoted(std::string text) { return Node::text({"p.yaml", 4, 10}, std::move(text)); }
Node list(std::vector<Node> items) { return Node::list({"p.yaml", 4, 10}, std::move(items)); }
Node map(std::vector<std::pair<std::string, Node>> keys, int line = 4) {
    std::vector<Node::Member> members;
    for (auto& [key, value] : keys) members.push_back({key, {"p.yaml", line, 5}, std::move(value)});
    return Node::map({"p.yaml", line, 3}, std::move(members));
}

std::string show(const Result<Scalar>& value) {
    struct Visitor {
        std::string operator()(bool b) const { return b ? "true" : "false"; }
        std::string operator()(std::int64_t n) const { return fmt::format("i{}", n); }
        std::string operator()(std::uint64_t n) const { return fmt::format("u{}", n); }
        std::string operator()(double n) const { return fmt::format("f{}", n); }
        std::string operator()(const std::string& s) const { return '"' + s + '"'; }
        std::string operator()(const Bytes& b) const { return base::to_hex(b); }
    };
    return value ? std::visit(Visitor{}, *value) : value.error().message;
}

// One link of the sim adapter, and what a gateway does with it.
class Stage final : public Sink {
public:
    Stage() {
        Node link = map({{"sim", plain("bench")}});
        Fields fields(link, "link 'house'", diagnostics);
        adapter = sim::descriptor().create(io.get_executor(), timers, random, fields);
        fields.done();
    }

    ShapeId shape(const Node* section = nullptr) {
        if (section == nullptr) return adapter->add_shape("acme/meter@1", nullptr, diagnostics).value();
        Fields fields(*section, "sim", diagnostics);
        const auto id = adapter->add_shape("acme/meter@1", &fields, diagnostics);
        fields.done();
        return id.value();
    }
    std::optional<PointIndex> point(ShapeId id, Node sim_key, const char* type = nullptr, bool write = false) {
        std::vector<std::pair<std::string, Node>> keys{{"sim", std::move(sim_key)}};
        if (type != nullptr) keys.emplace_back("type", plain(type));
        const Node node = map(std::move(keys));
        Fields fields(node, "point 'flow'", diagnostics);
        const auto index = adapter->add_point(id, fields, nullptr, {true, write});
        fields.done();
        return index;
    }
    DeviceId device(ShapeId id) {
        const Node node = map({});
        Fields fields(node, "device 'd'", diagnostics);
        return adapter->add_device(id, fields).value();
    }
    // A device of one point; what it says now.
    Stage& one(Node sim_key, const char* type = nullptr, bool write = false) {
        const auto id = shape();
        if (point(id, std::move(sim_key), type, write)) device(id);
        return *this;
    }
    Stage& start() {
        adapter->start(*this);
        timers.advance(0us);
        return *this;
    }

    void ask(DeviceId d, std::vector<PointIndex> points, base::Milliseconds within = 1000ms) {
        adapter->read(d, std::move(points), timers.now() + within, [this](Adapter::Values values) {
            std::string line;
            for (const auto& value : values) line += (line.empty() ? "" : ", ") + show(value);
            answers.push_back(line);
        });
    }
    std::string read(DeviceId d = 0, std::vector<PointIndex> points = {0}) {
        answers.clear();
        ask(d, std::move(points));
        EXPECT_TRUE(answers.empty()) << "answered from within the call";
        timers.advance(0us);
        return answers.size() == 1 ? answers[0] : fmt::format("{} answers", answers.size());
    }
    std::string write(Scalar value, DeviceId d = 0, PointIndex point_index = 0, base::Milliseconds within = 1000ms) {
        std::string out = "no answer";
        adapter->write(d, point_index, std::move(value), timers.now() + within,
                       [&](Result<void> result) { out = result ? "written" : result.error().message; });
        timers.advance(within);
        return out;
    }
    std::string mistakes() const { return diagnostics.str(); }

    void value(DeviceId d, PointIndex index, Scalar v, WallTime) override {
        pushed.push_back(fmt::format("{}/{} {}", d, index, show(v)));
    }
    void link(bool up, std::string why) override { links.push_back(fmt::format("{} {}", up ? "up" : "down", why)); }

    boost::asio::io_context io;
    fakes::ManualTimers timers;
    fakes::FixedRandom random;
    Diagnostics diagnostics;
    std::unique_ptr<Adapter> adapter;
    std::vector<std::string> answers, pushed, links;
};

TEST(Sim, says_a_constant_of_the_type_it_is_written_as) {
    EXPECT_EQ(Stage().one(plain("21.5")).start().read(), "f21.5");
    EXPECT_EQ(Stage().one(plain("7")).start().read(), "i7");
    EXPECT_EQ(Stage().one(plain("true")).start().read(), "true");
    EXPECT_EQ(Stage().one(quoted("EM24")).start().read(), "\"EM24\"");
    EXPECT_EQ(Stage().one(map({{"value", plain("229")}}), "uint16").start().read(), "u229");
    EXPECT_EQ(Stage().one(map({{"value", plain("229.01")}}), "float32").start().read(), "f229.01");
    EXPECT_EQ(Stage().one(map({{"value", quoted("00 FF")}}), "bytes").start().read(), "00ff");
    EXPECT_EQ(Stage().one(map({{"value", plain("18446744073709551615")}}), "uint64").start().read(), "u18446744073709551615");
}

TEST(Sim, a_script_steps_by_the_clock_and_begins_again) {
    Stage stage;
    stage.one(map({{"script", list({plain("1"), plain("2.5"), plain("3")})}, {"every", plain("10s")}})).start();
    EXPECT_EQ(stage.read(), "f1");
    stage.timers.advance(9999ms);
    EXPECT_EQ(stage.read(), "f1");
    stage.timers.advance(1ms);
    EXPECT_EQ(stage.read(), "f2.5");
    stage.timers.advance(20s);
    EXPECT_EQ(stage.read(), "f1");
}

TEST(Sim, waves_move_between_offset_less_amp_and_offset_plus_amp) {
    const auto quarters = [](const char* wave, const char* type) {
        Stage stage;
        stage.one(map({{"wave", plain(wave)}, {"amp", plain("10")}, {"offset", plain("20")}, {"period", plain("4s")}}), type)
            .start();
        std::string out;
        for (int i = 0; i < 4; ++i) {
            out += stage.read() + " ";
            stage.timers.advance(1s);
        }
        return out + stage.mistakes();
    };
    EXPECT_EQ(quarters("sine", nullptr), "f20 f30 f20 f10 ");
    EXPECT_EQ(quarters("ramp", nullptr), "f10 f15 f20 f25 ");
    EXPECT_EQ(quarters("square", "uint16"), "u30 u30 u10 u10 ");
}

TEST(Sim, a_wave_has_as_many_digits_as_asked) {
    Stage stage;
    stage.one(map({{"wave", plain("sine")}, {"period", plain("7s")}, {"digits", plain("3")}})).start();
    stage.timers.advance(1s);
    EXPECT_EQ(stage.read(), "f0.782");  // sin(2π/7)
}

TEST(Sim, random_values_stay_within_limits_and_come_again_in_the_next_run) {
    const auto run = [] {
        Stage stage;
        stage.one(map({{"random", list({plain("10"), plain("20")})}, {"every", plain("1s")}})).start();
        std::string out;
        int different = 0;
        for (int i = 0; i < 100; ++i) {
            const auto value = stage.read();
            EXPECT_EQ(value, stage.read());  // holds for its second
            const int number = std::stoi(value.substr(1));
            EXPECT_TRUE(number >= 10 && number <= 20) << value;
            different += out.find(value) == std::string::npos ? 1 : 0;
            out += value + " ";
            stage.timers.advance(1s);
        }
        EXPECT_GT(different, 5);
        return out;
    };
    EXPECT_EQ(run(), run());
}

TEST(Sim, a_written_value_is_read_back_and_is_this_devices_alone) {
    Stage stage;
    const auto id = stage.shape();
    ASSERT_TRUE(stage.point(id, map({{"value", plain("20")}}), "int16", true));
    stage.device(id);
    stage.device(id);
    stage.start();
    EXPECT_EQ(stage.write(21.0), "written");
    EXPECT_EQ(stage.read(0), "i21");
    EXPECT_EQ(stage.read(1), "i20");
    EXPECT_EQ(stage.write(70'000.0), "70000 does not fit int16");
    EXPECT_EQ(stage.write(std::string("warm")), "text does not fit int16");
    EXPECT_EQ(stage.read(0), "i21");
}

TEST(Sim, only_what_the_profile_lets_write_can_be_written) {
    Stage stage;
    stage.one(plain("20")).start();
    EXPECT_EQ(stage.write(std::int64_t{5}), "this simulated point cannot be written");
    EXPECT_EQ(stage.write(std::int64_t{5}, 0, 9), "no simulated point 9");
    EXPECT_EQ(stage.read(0, {0, 9}), "i20, no simulated point 9");
    EXPECT_EQ(stage.read(7), "no simulated point 0");
}

TEST(Sim, a_slow_device_answers_after_its_delay_or_not_in_time) {
    Stage stage;
    stage.one(map({{"value", plain("1")}, {"delay", plain("300ms")}}), nullptr, true).start();
    stage.ask(0, {0}, 1000ms);
    stage.ask(0, {0}, 200ms);
    stage.timers.advance(199ms);
    EXPECT_TRUE(stage.answers.empty());
    stage.timers.advance(1ms);
    EXPECT_EQ(stage.answers, std::vector<std::string>{"no answer from the simulated device"});
    stage.timers.advance(100ms);
    EXPECT_EQ(stage.answers.back(), "i1");
    EXPECT_EQ(stage.write(std::int64_t{2}, 0, 0, 200ms), "no answer from the simulated device");
    EXPECT_EQ(stage.write(std::int64_t{2}, 0, 0, 300ms), "written");
}

TEST(Sim, acts_out_each_failure) {
    for (const auto& [word, code] : {std::pair{"offline", base::Errc::offline},
                                     {"busy", base::Errc::busy},
                                     {"malformed", base::Errc::malformed},
                                     {"not_found", base::Errc::not_found},
                                     {"not_allowed", base::Errc::not_allowed},
                                     {"bad_request", base::Errc::bad_request},
                                     {"internal", base::Errc::internal}}) {
        Stage stage;
        stage.one(map({{"value", plain("1")}, {"fail", plain(word)}}), nullptr, true).start();
        EXPECT_EQ(stage.read(), fmt::format("simulated failure: {}", word));
        EXPECT_EQ(stage.write(std::int64_t{1}), fmt::format("simulated failure: {}", word));
        base::Errc got{};
        stage.adapter->read(0, {0}, stage.timers.now() + 1s, [&](Adapter::Values values) { got = values.at(0).error().code; });
        stage.timers.advance(1s);
        EXPECT_EQ(got, code) << word;
    }
}

TEST(Sim, a_point_that_never_answers_keeps_its_neighbours_until_the_deadline_only) {
    Stage stage;
    const auto id = stage.shape();
    stage.point(id, map({{"value", plain("1")}, {"fail", plain("timeout")}}));
    stage.point(id, plain("2"));
    stage.device(id);
    stage.start();
    stage.ask(0, {0, 1}, 1000ms);
    stage.timers.advance(999ms);
    EXPECT_TRUE(stage.answers.empty());
    stage.timers.advance(1ms);
    EXPECT_EQ(stage.answers, std::vector<std::string>{"no answer from the simulated device, i2"});
}

TEST(Sim, a_manner_of_the_profile_holds_for_all_its_points_unless_they_differ) {
    Stage stage;
    const Node section = map({{"fail", plain("busy")}});
    const auto id = stage.shape(&section);
    stage.point(id, plain("1"));
    stage.point(id, map({{"value", plain("2")}, {"fail", plain("internal")}}));
    stage.device(id);
    stage.start();
    EXPECT_EQ(stage.read(0, {0, 1}), "simulated failure: busy, simulated failure: internal");
}

TEST(Sim, pushes_what_changes_by_itself) {
    Stage stage;
    const auto id = stage.shape();
    stage.point(
        id, map({{"script", list({plain("1"), plain("1"), plain("2")})}, {"every", plain("10s")}, {"push", plain("true")}}));
    stage.point(id, plain("5"));  // polled
    stage.device(id);
    stage.device(id);
    stage.start();
    EXPECT_EQ(stage.links, std::vector<std::string>{"up simulated"});
    EXPECT_EQ(stage.pushed, (std::vector<std::string>{"0/0 i1", "1/0 i1"}));
    stage.pushed.clear();
    stage.timers.advance(19s);
    EXPECT_TRUE(stage.pushed.empty());  // the same value again is no change
    stage.timers.advance(1s);
    EXPECT_EQ(stage.pushed, (std::vector<std::string>{"0/0 i2", "1/0 i2"}));
    stage.timers.advance(10s);
    EXPECT_EQ(stage.pushed.size(), 4U);
    EXPECT_EQ(stage.pushed.back(), "1/0 i1");
}

TEST(Sim, pushes_what_was_written) {
    Stage stage;
    stage.one(map({{"value", plain("1")}, {"push", plain("true")}}), nullptr, true).start();
    stage.write(std::int64_t{2});
    stage.write(std::int64_t{2});
    EXPECT_EQ(stage.pushed, (std::vector<std::string>{"0/0 i1", "0/0 i2"}));
}

TEST(Sim, leaves_steps_out_that_it_slept_through) {
    Stage stage;
    stage.one(map({{"script", list({plain("1"), plain("2"), plain("3")})}, {"every", plain("1s")}, {"push", plain("true")}}));
    stage.start();
    stage.pushed.clear();
    stage.timers.advance(10s);
    EXPECT_EQ(stage.pushed.size(), 10U);
    EXPECT_EQ(stage.timers.waiting(), 1U);  // one alarm, however many points
}

TEST(Sim, ends_what_waits_when_it_is_stopped) {
    Stage stage;
    stage.one(map({{"value", plain("1")}, {"delay", plain("10s")}, {"push", plain("true")}})).start();
    stage.ask(0, {0}, 20s);
    int stopped = 0;
    stage.adapter->stop([&] { ++stopped; });
    EXPECT_EQ(stage.answers, std::vector<std::string>{"the simulated link is closed"});
    stage.timers.advance(60s);
    EXPECT_EQ(stopped, 1);
    EXPECT_EQ(stage.answers.size(), 1U);
    EXPECT_EQ(stage.timers.waiting(), 0U);
}

TEST(Sim, answers_offline_before_it_is_started) {
    Stage stage;
    EXPECT_EQ(stage.one(plain("1")).read(), "the simulated link is closed");
}

TEST(Sim, refuses_more_calls_than_it_may_keep) {
    Stage stage;
    stage.one(map({{"value", plain("1")}, {"delay", plain("500ms")}})).start();
    for (int i = 0; i < 65'536; ++i) stage.ask(0, {0}, 1000ms);
    stage.ask(0, {0}, 1000ms);
    stage.timers.advance(0us);
    EXPECT_EQ(stage.answers, std::vector<std::string>{"65536 calls are waiting already"});
    stage.timers.advance(500ms);
    EXPECT_EQ(stage.answers.size(), 65'537U);
}

TEST(Sim, tells_what_is_wrong_with_a_point) {
    const auto mistakes = [](Node node, const char* type = nullptr, bool write = false) {
        Stage stage;
        const auto id = stage.shape();
        EXPECT_FALSE(stage.point(id, std::move(node), type, write));
        return stage.mistakes();
    };
    EXPECT_EQ(mistakes(map({})),
              "p.yaml:4:3: point 'flow': 'sim' has exactly one of value, script, wave, random; write sim: {value: 21.5}\n");
    EXPECT_EQ(mistakes(map({{"value", plain("1")}, {"wave", plain("sine")}})),
              "p.yaml:4:3: point 'flow': 'sim' has exactly one of value, script, wave, random; write sim: {value: 21.5}\n");
    EXPECT_EQ(mistakes(map({{"value", plain("300")}}), "uint8"),
              "p.yaml:4:10: 'sim' of point 'flow': 300 does not fit uint8; write a value of this type, or another 'type'\n");
    EXPECT_EQ(mistakes(map({{"value", list({})}})),
              "p.yaml:4:10: 'sim' of point 'flow': a list cannot be a value of string; write true, a number or a text\n");
    EXPECT_EQ(mistakes(map({{"value", quoted("0G")}}), "bytes"),
              "p.yaml:4:10: 'sim' of point 'flow': text cannot be a value of bytes; write hex digits in quotes: \"00 FF\"\n");
    EXPECT_EQ(mistakes(map({{"script", list({})}})),
              "p.yaml:4:10: 'sim' of point 'flow': a script of 0 values; write 1 to 10000 values\n");
    EXPECT_EQ(mistakes(map({{"wave", plain("sin")}})),
              "p.yaml:4:10: 'sim' of point 'flow': 'wave' cannot be 'sin'; did you mean 'sine'?\n");
    EXPECT_EQ(mistakes(map({{"wave", plain("sine")}, {"amp", plain("200")}}), "int8"),
              "p.yaml:4:10: 'sim' of point 'flow': -200 does not fit int8; keep it within the range of the type, or write "
              "another 'type'\n");
    EXPECT_EQ(mistakes(map({{"random", list({plain("5"), plain("1")})}})),
              "p.yaml:4:10: 'sim' of point 'flow': 'random' has a least and a greatest number; write random: [0, 100]\n");
    EXPECT_EQ(mistakes(map({{"script", list({plain("1")})}}), nullptr, true),
              "p.yaml:4:3: point 'flow': only a constant can be written; write sim: {value: 0}, or leave 'write' out\n");
    EXPECT_EQ(mistakes(plain("1"), "unit16"), "p.yaml:4:10: point 'flow': 'type' cannot be 'unit16'; did you mean 'uint16'?\n");
    EXPECT_EQ(mistakes(plain("~")),
              "p.yaml:4:10: point 'flow': nothing cannot be a value of string; write true, a number or a text\n");
}

TEST(Sim, tells_mistakes_that_leave_the_point_usable_too) {
    Stage stage;
    stage.one(map({{"value", plain("1")},
                   {"evry", plain("1s")},
                   {"fail", plain("timeuot")},
                   {"delay", plain("300")},
                   {"push", plain("1")}}));
    EXPECT_EQ(
        stage.mistakes(),
        "p.yaml:4:5: unknown key 'evry' in 'sim' of point 'flow'; known keys: delay, fail, push, random, script, value, wave\n"
        "p.yaml:4:10: 'sim' of point 'flow': 'delay' is a bare number; write its unit: 300s or 300ms\n"
        "p.yaml:4:10: 'sim' of point 'flow': 'fail' cannot be 'timeuot'; did you mean 'timeout'?\n"
        "p.yaml:4:10: 'sim' of point 'flow': 'push' must be true or false, not a whole number; write true or false, without "
        "quotes\n");
}

TEST(Sim, a_link_has_a_name) {
    Stage stage;
    EXPECT_EQ(stage.adapter->where(), "sim bench");
    EXPECT_TRUE(stage.diagnostics.ok());
    Node link = map({{"sim", plain("5")}});
    Fields fields(link, "link 'house'", stage.diagnostics);
    EXPECT_EQ(sim::descriptor().create(stage.io.get_executor(), stage.timers, stage.random, fields), nullptr);
    EXPECT_EQ(stage.mistakes(),
              "p.yaml:4:10: link 'house': 'sim' must be text, not a whole number; write it in quotes: sim: \"5\"\n");
}

TEST(Sim, explains_what_a_read_costs) {
    Stage stage;
    const auto id = stage.shape();
    stage.point(id, plain("1"));
    stage.point(id, map({{"value", plain("2")}, {"delay", plain("300ms")}}));
    stage.device(id);
    EXPECT_EQ(stage.adapter->explain(0, {0}), std::vector<std::string>{"1 simulated value"});
    EXPECT_EQ(stage.adapter->explain(0, {0, 1}), std::vector<std::string>{"2 simulated values, after 300ms"});
}

TEST(Sim, ten_thousand_devices_are_no_trouble) {
    Stage stage;
    const auto id = stage.shape();
    std::vector<PointIndex> all;
    for (int p = 0; p < 10; ++p)
        all.push_back(stage.point(id, map({{"wave", plain("sine")}, {"push", plain("true")}, {"every", plain("1s")}})).value());
    for (int d = 0; d < 10'000; ++d) stage.device(id);
    stage.start();
    EXPECT_EQ(stage.pushed.size(), 100'000U);
    EXPECT_EQ(stage.timers.waiting(), 1U);
    for (DeviceId d = 0; d < 10'000; ++d) stage.ask(d, all);
    stage.timers.advance(0us);
    EXPECT_EQ(stage.answers.size(), 10'000U);
}

TEST(SimPlugin, exports_its_descriptor_by_one_symbol) {
    void* plugin = ::dlopen(SIM_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(plugin, nullptr) << ::dlerror();
    const auto* descriptor = static_cast<const Descriptor*>(::dlsym(plugin, "lwm2m_gateway_adapter"));
    ASSERT_NE(descriptor, nullptr);
    EXPECT_EQ(descriptor->api, adapter_api);
    EXPECT_STREQ(descriptor->build, adapter_build);
    EXPECT_STREQ(descriptor->name, "sim");
    EXPECT_EQ(descriptor->simulate, nullptr);
    Stage stage;
    Node link = map({{"sim", plain("bench")}});
    Fields fields(link, "link 'house'", stage.diagnostics);
    EXPECT_EQ(descriptor->create(stage.io.get_executor(), stage.timers, stage.random, fields)->where(), "sim bench");
}

}  // namespace
}  // namespace adapters
