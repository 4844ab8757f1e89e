#include "tests/unit/modbus/fake_line.hpp"

/// Who may send, how long a silent unit is waited for, and what a read costs.
namespace adapters::modbus {
namespace {

using namespace std::chrono_literals;

/// Units 1 to `living` with a register each, and unit `living` + 1, which is dead; each is polled as the gateway does it:
/// the living every second, the dead one after 2 s, 4 s … 60 s.
class Bus32 {
public:
    explicit Bus32(unsigned living, base::Milliseconds timeout = 500ms)
        : stage(fmt::format("{{modbus: rtu:/dev/ttyX, line: 115200 8N1, timeout: {}}}", base::span_text(timeout))) {
        const auto shape = stage.shape();
        point = stage.point(shape, "at: holding:0");
        for (unsigned unit = 1; unit <= living + 1; ++unit) {
            stage.line->units[static_cast<std::uint8_t>(unit)].holding(0, {static_cast<std::uint16_t>(unit)});
            devices.push_back(stage.device(shape, fmt::format("unit: {}", unit), fmt::format("u{}", unit)).value());
        }
        dead().dead = true;
        stage.start();
    }
    FakeUnit& dead() { return stage.line->units[static_cast<std::uint8_t>(devices.size())]; }

    void poll(std::size_t index, base::Milliseconds period) {
        stage.adapter->read(devices[index], {point}, stage.timers.now() + 10s, [](const Adapter::Values&) {});
        stage.timers.at(stage.timers.now() + period, [this, index, period] { poll(index, period); });
    }
    void poll_dead(base::Milliseconds wait) {
        stage.adapter->read(devices.back(), {point}, stage.timers.now() + 10s, [this, wait](const Adapter::Values& values) {
            alive = values[0].has_value();
            const auto next = alive ? base::Milliseconds(1s) : std::min<base::Milliseconds>(wait * 2, 60s);
            stage.timers.at(stage.timers.now() + (alive ? 1s : wait), [this, next] { poll_dead(next); });
        });
    }
    void begin(base::Milliseconds period) {
        for (std::size_t i = 0; i + 1 < devices.size(); ++i)
            stage.timers.at(stage.timers.now() + period * static_cast<int>(i) / static_cast<int>(devices.size()),
                            [this, i, period] { poll(i, period); });
    }
    /// The longest time between two requests to one living unit.
    std::chrono::microseconds longest(Instant from) const {
        std::map<std::uint8_t, Instant> last;
        std::chrono::microseconds most{0};
        for (const auto& asked : stage.line->asked) {
            if (asked.request.unit == devices.size() || asked.at < from) continue;
            if (last.contains(asked.request.unit))
                most =
                    std::max(most, std::chrono::duration_cast<std::chrono::microseconds>(asked.at - last[asked.request.unit]));
            last[asked.request.unit] = asked.at;
        }
        return most;
    }

    LineStage stage;
    PointIndex point = 0;
    std::vector<DeviceId> devices;
    bool alive = false;
};

TEST(Fairness, ThirtyOneLivingUnitsKeepTheirPeriodBesideADeadOne) {
    Bus32 bus(31);
    bus.begin(1s);
    bus.stage.run(5s);
    bus.poll_dead(2s);
    bus.stage.run(10s);  // the first two questions are waited for in full
    const Instant from = bus.stage.timers.now();
    bus.stage.run(180s);
    EXPECT_LE(bus.longest(from), 1100ms);
    const auto asked = std::count_if(bus.stage.line->asked.begin(), bus.stage.line->asked.end(),
                                     [&](const auto& one) { return one.at >= from && one.request.unit == 32; });
    EXPECT_GE(asked, 3) << "it is asked still";
    bus.dead().dead = false;
    bus.stage.run(62s);
    EXPECT_TRUE(bus.alive) << "and found when it is back";
}

TEST(Fairness, ManySilentUnitsTogetherGetATenthOfTheLine) {
    LineStage stage("{modbus: rtu:/dev/ttyX, line: 115200 8N1, timeout: 500ms}");
    const auto shape = stage.shape();
    const auto point = stage.point(shape, "at: holding:0");
    std::vector<DeviceId> devices;
    for (int unit = 1; unit <= 21; ++unit)
        devices.push_back(stage.device(shape, fmt::format("unit: {}", unit), fmt::format("u{}", unit)).value());
    stage.line->units[1].holding(0, {1});
    stage.start();
    const std::function<void(std::size_t)> poll = [&](std::size_t index) {
        stage.adapter->read(devices[index], {point}, stage.timers.now() + 5s, [&, index](const Adapter::Values&) {
            stage.timers.at(stage.timers.now() + 200ms, [&, index] { poll(index); });
        });
    };
    for (std::size_t i = 0; i < devices.size(); ++i) poll(i);
    stage.run(60s);  // until all are known to be silent
    const Instant from = stage.timers.now();
    const auto before = stage.line->asked.size();
    stage.run(120s);
    std::chrono::microseconds silent{0};
    for (std::size_t i = before; i + 1 < stage.line->asked.size(); ++i)
        if (stage.line->asked[i].request.unit != 1)
            silent +=
                std::chrono::duration_cast<std::chrono::microseconds>(stage.line->asked[i + 1].at - stage.line->asked[i].at);
    EXPECT_LE(silent * 100 / std::chrono::duration_cast<std::chrono::microseconds>(stage.timers.now() - from), 15)
        << "put off twice at most, each is asked in the end";
    const auto living = std::count_if(stage.line->asked.begin() + static_cast<std::ptrdiff_t>(before), stage.line->asked.end(),
                                      [](const auto& one) { return one.request.unit == 1; });
    EXPECT_GE(living, 300);
}

TEST(Fairness, AWriteGoesOutAfterTheFrameInProgress) {
    LineStage stage;
    const auto shape = stage.shape("limits: {gap: 0}");
    std::vector<PointIndex> points;
    for (int i = 0; i < 10; ++i) points.push_back(stage.point(shape, fmt::format("at: holding:{}", 2 * i)));
    const auto relay = stage.point(shape, "{at: coil:0, write: {}}");
    const auto meter = stage.device(shape, "unit: 1").value();
    for (std::uint16_t i = 0; i < 20; ++i) stage.line->units[1].holding(i, {i});
    stage.line->units[1].words[{Table::coil, 0}] = 0;
    stage.start();
    bool read = false, written = false;
    stage.adapter->read(meter, points, stage.timers.now() + 5s, [&](const Adapter::Values&) { read = true; });
    stage.run(30ms);
    stage.adapter->write(meter, relay, true, stage.timers.now() + 5s,
                         [&](const Result<void>& result) { written = result.has_value(); });
    const auto before = stage.line->asked.size();
    ASSERT_TRUE(stage.run_until([&] { return written; }));
    EXPECT_FALSE(read);
    EXPECT_EQ(stage.line->asked[before].request.function, Function::write_coil);
}

TEST(Cost, IsWhatTheLineTakes) {  // the plan of the mapping format's section 5
    LineStage stage;
    const auto shape = stage.shape("{limits: {registers: 60}, pause: 5ms}");
    std::vector<PointIndex> fast;
    for (const char* keys : {"{at: holding:1, type: float32}", "at: holding:14", "at: holding:20", "at: holding:21"})
        fast.push_back(stage.point(shape, keys));
    const auto relay = stage.point(shape, "at: coil:0"), limit = stage.point(shape, "at: holding:100");
    const auto meter = stage.device(shape, "unit: 7").value();
    stage.start();
    const auto of = [&](std::vector<PointIndex> points) {
        const auto cost = stage.adapter->cost(meter, points);
        return fmt::format("{} {:.1f} ms", cost.requests, static_cast<double>(cost.time.count()) / 1000);
    };
    EXPECT_EQ(of(fast), "1 45.5 ms");
    EXPECT_EQ(of({relay}), "1 22.0 ms");
    EXPECT_EQ(of({limit}), "1 22.6 ms");
    EXPECT_FALSE(stage.adapter->cost(meter, {relay}).measured);
    EXPECT_EQ(LineStage("{modbus: rtu:/dev/ttyX, busy: 70%}").adapter->busy_limit(), 0.7);
}

TEST(Cost, AndGapFollowTheMeasuredTurnaround) {
    LineStage stage;
    const auto shape = stage.shape();
    const auto first = stage.point(shape, "at: holding:0"), second = stage.point(shape, "at: holding:16");
    const auto meter = stage.device(shape, "unit: 1").value();
    for (std::uint16_t i = 0; i < 20; ++i) stage.line->units[1].holding(i, {i});
    stage.line->units[1].thinks = 1ms;
    stage.start();
    EXPECT_EQ(stage.adapter->explain(meter, {first, second}), std::vector<std::string>{"holding 0..16  17 registers, 1 gap"});
    for (int i = 0; i < 5; ++i) stage.read_one(meter, first);
    EXPECT_TRUE(stage.adapter->cost(meter, {first}).measured);
    EXPECT_EQ(stage.adapter->explain(meter, {first, second}), (std::vector<std::string>{"holding 0", "holding 16"}))
        << "a quick device is sooner asked twice";
    stage.line->units[1].thinks = 1800us;
    for (int i = 0; i < 60; ++i) stage.read_one(meter, first);
    EXPECT_EQ(stage.adapter->explain(meter, {first, second}).size(), 2U) << "small changes change no plan";
    stage.line->units[1].thinks = 30ms;
    for (int i = 0; i < 64; ++i) stage.read_one(meter, first);
    EXPECT_EQ(stage.adapter->explain(meter, {first, second}).size(), 1U);
}

TEST(Holes, AreRememberedForTheProfileAndTriedAgainOnceADay) {
    const auto make = [](LineStage& stage) {
        const auto shape = stage.shape("{}", "acme/em24@3");
        std::vector<PointIndex> points;
        for (int i = 0; i < 8; ++i)
            if (i != 4) points.push_back(stage.point(shape, fmt::format("at: holding:{}", i)));
        stage.device(shape, "unit: 1");
        for (std::uint16_t i = 0; i < 8; ++i) stage.line->units[1].holding(i, {i});
        stage.line->units[1].refused = {{Table::holding, 4}};
        return points;
    };
    const std::vector<std::string> truth{"0", "1", "2", "3", "5", "6", "7"};
    LineStage first;
    const auto points = make(first);
    first.start();
    EXPECT_EQ(first.read(0, points), truth);
    EXPECT_EQ(first.remembered, (Words{{"holes acme/em24@3", "holding:4"}}));
    EXPECT_EQ(first.line->asked.size(), 3U) << "one refused, two halves";

    LineStage second;
    const auto again = make(second);
    second.adapter->recall({{"holes acme/em24@3", "holding:4"}, {"holes gone/gone@1", "holding:0-7"}, {"x", "y"}});
    second.start();
    EXPECT_EQ(second.read(0, again), truth);
    EXPECT_EQ(second.line->asked.size(), 2U) << "known from before";
    EXPECT_TRUE(second.remembered.empty());

    second.line->units[1].refused.clear();
    second.timers.advance(std::chrono::hours(25));
    EXPECT_EQ(second.read(0, again), truth);
    EXPECT_EQ(second.line->asked.size(), 3U) << "readable now, so one request";
    EXPECT_EQ(second.remembered, (Words{{"holes acme/em24@3", ""}}));
}

TEST(Holes, AreTextAndBackAndSenselessTextIsLeftAlone) {
    Holes holes;
    holes.forbid(Table::holding, 100, 111);
    holes.forbid(Table::holding, 200, 201);
    holes.forbid(Table::coil, 5, 6);
    holes.limit(Table::input, 60);
    EXPECT_EQ(holes.str(), "most:input=60 coil:5 holding:100-110,200");
    EXPECT_EQ(Holes::parse(holes.str()).str(), holes.str());
    EXPECT_EQ(Holes::parse("holding:9-3 coil: x most:holding=70000 input:7,,8 discrete:65535-65536 most: :").str(), "input:7");
    for (std::uint32_t address = 0; address < 65535; address += 2) holes.forbid(Table::input, address, address + 1);
    EXPECT_LE(holes.str().size(), 4000U);
}

TEST(Identity, IsReadInPagesAndAskedOnceOfADeviceThatKnowsNone) {
    LineStage stage;
    const auto shape = stage.shape();
    const std::vector<PointIndex> texts{stage.point(shape, "identify: vendor"), stage.point(shape, "identify: revision"),
                                        stage.point(shape, "identify: model"), stage.point(shape, "identify: url")};
    const auto register_0 = stage.point(shape, "at: holding:0");
    const auto told = stage.device(shape, "unit: 1", "told").value(), plain = stage.device(shape, "unit: 2", "plain").value();
    const auto mute = stage.device(shape, "unit: 3", "mute").value();
    for (std::uint8_t unit = 1; unit <= 3; ++unit) stage.line->units[unit].holding(0, {unit});
    stage.line->units[1].objects = {{0, "Acme"}, {1, "EM24"}, {2, "1.4 "}, {5, "EM24-\xC3\xA4"}, {0x80, "secret"}};
    stage.line->units[1].highest_level = 2;
    stage.line->units[3].unheard = {43};
    stage.start();
    const std::string none = "the device does not tell this of itself (function 43/14)";
    EXPECT_EQ(stage.read(told, texts), (std::vector<std::string>{"\"Acme\"", "\"1.4\"", "\"EM24-\xC3\xA4\"", none}));
    EXPECT_EQ(stage.line->story(), "1:43 1:43 1:43 1:43");
    stage.line->asked.clear();
    EXPECT_EQ(stage.read(plain, {texts[0], register_0}), (std::vector<std::string>{none, "2"}));
    EXPECT_EQ(stage.read(plain, {texts[0], register_0}), (std::vector<std::string>{none, "2"}));
    EXPECT_EQ(stage.line->story(), "2:3 2:43 2:3");
    stage.line->asked.clear();
    for (int i = 0; i < 4; ++i) EXPECT_EQ(stage.read(mute, {texts[0], register_0})[1], "3");
    EXPECT_EQ(stage.line->story(), "3:3 3:43 3:3 3:43 3:3 3:3") << "old devices are silent to what they do not know";
    EXPECT_EQ(stage.read_one(mute, texts[0]), none);
}

}  // namespace
}  // namespace adapters::modbus
