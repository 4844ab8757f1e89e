#include "tests/unit/modbus/fake_line.hpp"

/// Writes: bits that leave their neighbours alone, functions that a device does not know, order on the line.
namespace adapters::modbus {
namespace {

using namespace std::chrono_literals;

class Writing : public ::testing::Test {
protected:
    Writing() : shape(stage.shape()) { unit().holding(20, {0x00F0, 0x1234}); }
    FakeUnit& unit() { return stage.line->units[1]; }
    PointIndex bind(const std::string& keys) { return stage.point(shape, keys); }
    DeviceId begin() {
        const auto device = stage.device(shape, "unit: 1").value();
        stage.start();
        return device;
    }
    LineStage stage;
    ShapeId shape;
};

TEST_F(Writing, ABitIsChangedByReadingAndWritingItsRegister) {
    const auto bit = bind("{at: holding:20, bit: 3, write: {}}"), field = bind("{at: holding:20, bits: [4, 7], write: {}}");
    const auto meter = begin();
    EXPECT_EQ(stage.write(meter, bit, true), "done");
    EXPECT_EQ(unit().at(20), 0x00F8);
    EXPECT_EQ(stage.write(meter, field, std::int64_t{5}), "done");
    EXPECT_EQ(unit().at(20), 0x0058);
    EXPECT_EQ(stage.line->story(), "1:3 1:6 1:3 1:6");
    EXPECT_EQ(stage.read_one(meter, bit), "88") << "a read brings the whole register";
}

TEST_F(Writing, NobodyComesBetweenTheReadAndTheWriteOfABit) {
    const auto bit = bind("{at: holding:20, bit: 3, write: {}}"), other = bind("{at: holding:21, write: {}}");
    const auto meter = begin();
    int done = 0;
    const auto count = [&](const Result<void>& result) { done += result ? 1 : 0; };
    const auto deadline = stage.timers.now() + 5s;
    stage.adapter->write(meter, bit, true, deadline, count);
    stage.adapter->write(meter, other, std::int64_t{1}, deadline, count);
    stage.adapter->write(meter, bit, false, deadline, count);
    stage.adapter->read(meter, {other}, deadline, [](const Adapter::Values&) {});
    ASSERT_TRUE(stage.run_until([&] { return done == 3 && stage.line->asked.size() == 6; }));
    EXPECT_EQ(stage.line->story(), "1:3 1:6 1:6 1:3 1:6 1:3");
    EXPECT_EQ(unit().at(20), 0x00F0);
    EXPECT_EQ(unit().at(21), 1);
}

TEST(WritingABit, HoldsTheLineWhileItsDeviceNeedsAPause) {
    LineStage stage;
    const auto slow = stage.shape("pause: 50ms", "acme/slow@1"), quick = stage.shape("{}", "acme/quick@1");
    const auto bit = stage.point(slow, "{at: holding:20, bit: 3, write: {}}");
    const auto other = stage.point(quick, "{at: holding:20, write: {}}");
    const auto meter = stage.device(slow, "unit: 1", "a").value(), neighbour = stage.device(quick, "unit: 2", "b").value();
    for (std::uint8_t unit = 1; unit <= 2; ++unit) stage.line->units[unit].holding(20, {0});
    stage.start();
    int done = 0;
    const auto count = [&](const Result<void>& result) { done += result ? 1 : 0; };
    stage.adapter->write(meter, bit, true, stage.timers.now() + 5s, count);
    stage.adapter->write(neighbour, other, std::int64_t{1}, stage.timers.now() + 5s, count);
    ASSERT_TRUE(stage.run_until([&] { return done == 2; }));
    EXPECT_EQ(stage.line->story(), "1:3 1:6 2:6");
}

TEST_F(Writing, AMaskChangesABitInOneRequest) {
    const auto bit = bind("{at: holding:20, bit: 3, write: {using: mask}}");
    const auto meter = begin();
    EXPECT_EQ(stage.write(meter, bit, true), "done");
    EXPECT_EQ(unit().at(20), 0x00F8);
    EXPECT_EQ(stage.write(meter, bit, false), "done");
    EXPECT_EQ(unit().at(20), 0x00F0);
    EXPECT_EQ(stage.line->story(), "1:22 1:22");
}

TEST_F(Writing, ADeviceWithoutMaskWritesIsAskedForOneOnlyOnce) {
    unit().unknown = {22};
    const auto bit = bind("{at: holding:20, bit: 3, write: {using: mask}}");
    const auto meter = begin();
    EXPECT_EQ(stage.write(meter, bit, true), "done");
    EXPECT_EQ(stage.write(meter, bit, false), "done");
    EXPECT_EQ(unit().at(20), 0x00F0);
    EXPECT_EQ(stage.line->story(), "1:22 1:3 1:6 1:3 1:6");
}

TEST_F(Writing, ABitOfADeviceWithoutSingleWritesGoesByFunction16) {
    unit().unknown = {6};
    const auto bit = bind("{at: holding:20, bit: 3, write: {}}");
    const auto meter = begin();
    EXPECT_EQ(stage.write(meter, bit, true), "done");
    EXPECT_EQ(unit().at(20), 0x00F8);
    EXPECT_EQ(stage.write(meter, bit, false), "done");
    EXPECT_EQ(stage.line->story(), "1:3 1:6 1:16 1:3 1:16");
}

TEST_F(Writing, OfABitThatCannotBeReadChangesNothing) {
    const auto bit = bind("{at: holding:30, bit: 3, write: {}}");
    const auto meter = begin();
    EXPECT_EQ(stage.write(meter, bit, true), "unit 1: reading holding 30: the device says: no such address (exception 2)");
    unit().dead = true;
    EXPECT_EQ(stage.write(meter, bit, true), "unit 1: reading holding 30: no answer within 200ms");
    EXPECT_EQ(stage.line->story(), "1:3 1:3");
}

TEST_F(Writing, AfterItsDeadlineIsNotGoneOnWith) {
    unit().thinks = 150ms;
    const auto bit = bind("{at: holding:20, bit: 3, write: {}}");
    const auto meter = begin();
    std::optional<Result<void>> got;
    stage.adapter->write(meter, bit, true, stage.timers.now() + 100ms, [&](Result<void> result) { got = std::move(result); });
    stage.run(1s);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->error().code, base::Errc::timeout);
    EXPECT_EQ(stage.line->story(), "1:3") << "the bit was read, and nobody waits for its write any more";
    EXPECT_EQ(unit().at(20), 0x00F0);
}

TEST_F(Writing, AndReadingBackIsOneRequest) {
    const auto limit = bind("{at: holding:20, write: {using: write_read}}");
    const auto meter = begin();
    EXPECT_EQ(stage.write(meter, limit, std::int64_t{7}), "done");
    EXPECT_EQ(stage.line->story(), "1:23");
    EXPECT_EQ(unit().at(20), 7);
    unit().stubborn = {{Table::holding, 20}};
    EXPECT_EQ(stage.write(meter, limit, std::int64_t{8}), "unit 1: holding 20 holds 0007 after it was written with 0008");
}

TEST_F(Writing, TakesEveryTypeAndOrder) {
    unit().holding(100, {0, 0, 0, 0});
    const std::tuple<const char*, Scalar, std::vector<int>> table[] = {
        {"{at: holding:100, type: uint32, order: CDAB, write: {}}", std::int64_t{0x01020304}, {0x0304, 0x0102}},
        {"{at: holding:100, type: uint32, order: DCBA, write: {}}", std::int64_t{0x01020304}, {0x0403, 0x0201}},
        {"{at: holding:100, type: float32, order: BADC, write: {}}", 229.01, {0x6543, 0x8F02}},
        {"{at: holding:100, type: int64, write: {}}", std::int64_t{-2}, {0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE}},
        {"{at: holding:100, type: bcd32, write: {}}", std::int64_t{12345678}, {0x1234, 0x5678}},
        {"{at: holding:100, type: sunssf, write: {}}", std::int64_t{-3}, {0xFFFD}},
        {"{at: holding:100, type: string, length: 3, write: {}}", std::string("EM24"), {0x454D, 0x3234, 0}},
        {"{at: holding:100, type: string, length: 2, order: BA, write: {}}", std::string("EM24"), {0x4D45, 0x3432}},
    };
    std::vector<PointIndex> points;
    for (const auto& [keys, value, words] : table) points.push_back(bind(keys));
    const auto meter = begin();
    for (std::size_t i = 0; i < points.size(); ++i) {
        const auto& [keys, value, words] = table[i];
        SCOPED_TRACE(keys);
        EXPECT_EQ(stage.write(meter, points[i], value), "done");
        for (std::size_t w = 0; w < words.size(); ++w) EXPECT_EQ(unit().at(static_cast<std::uint16_t>(100 + w)), words[w]);
        EXPECT_EQ(stage.read_one(meter, points[i]), show(value)) << "and is read as it was written";
    }
}

TEST(Broadcast, IsWrittenToAllAndAwaitsNobody) {
    LineStage stage;
    const auto shape = stage.shape();
    const auto off = stage.point(shape, "at: coil:0", {false, true});
    const auto all = stage.device(shape, "unit: broadcast", "all-relays").value();
    stage.start();
    EXPECT_EQ(stage.write(all, off, true), "done");
    EXPECT_EQ(stage.line->story(), "0:5");
    EXPECT_TRUE(stage.line->asked[0].request.broadcast);
}

TEST(Broadcast, IsRefusedWhereSomebodyWouldHaveToAnswer) {
    LineStage stage;
    const auto shape = stage.shape();
    stage.point(shape, "at: holding:0");
    EXPECT_FALSE(stage.device(shape, "unit: broadcast"));
    EXPECT_FALSE(stage.device(shape, "unit: 0"));
    EXPECT_EQ(
        stage.diagnostics.str(),
        "devices.yaml:1:7: device 'meter': nobody answers a broadcast, and 1 of the profile's points is read; use a profile "
        "that has actions and written points only\n"
        "devices.yaml:1:7: device 'meter': unit 0 is the broadcast of a serial line, nobody answers to it; write the number "
        "that is set at the device, 1 to 247; or unit: broadcast, to write to all of them\n");
    Stage host("modbus: tcp://host");
    EXPECT_FALSE(host.device(host.shape(), "unit: broadcast"));
}

}  // namespace
}  // namespace adapters::modbus
