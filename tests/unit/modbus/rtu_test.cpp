#include "tests/unit/modbus/peers.hpp"
#include "tests/unit/modbus/stage.hpp"

namespace adapters::modbus {
namespace {

TEST(Rtu, ReadsAndWritesALibmodbusDeviceOnALine) {
    Pty pty;
    LibmodbusDevice device;
    device.serve_line(pty.master, 17);
    Stage stage(fmt::format("{{modbus: \"rtu:{}\", line: 19200 8E1}}", pty.path));
    const ShapeId shape = stage.shape("limits: {gap: 0}");
    const auto point = [&](const char* keys) { return stage.point(shape, keys).value(); };
    const std::vector<PointIndex> points{point("{at: holding:8, type: uint32}"), point("at: input:3"), point("at: coil:3"),
                                         point("at: discrete:12")};
    const auto relay = point("{at: coil:1, write: {}}"), limit = point("{at: holding:5, write: {}}");
    const auto wide = point("{at: holding:10, type: float32, write: {}}"),
               many = point("{at: coil:2, write: {using: multiple}}");
    const DeviceId meter = stage.device(shape, "unit: 17").value();
    stage.start();
    std::string text;
    for (const auto& value : stage.read(meter, points)) text += show(value) + " ";
    EXPECT_EQ(text, "5242970 30 on on ");
    EXPECT_TRUE(stage.write(meter, relay, true));
    EXPECT_TRUE(stage.write(meter, limit, std::int64_t{77}));
    EXPECT_TRUE(stage.write(meter, wide, 1.5));
    EXPECT_TRUE(stage.write(meter, many, true));
    EXPECT_TRUE(device.coil(1) && device.coil(2));
    EXPECT_EQ(device.holding(5), 77);
    EXPECT_EQ(device.holding(10), 0x3FC0);
    EXPECT_EQ(device.functions(), (std::vector<int>{1, 2, 4, 3, 5, 6, 16, 15}));
    EXPECT_EQ(stage.links, std::vector<std::string>{"up: open"});
    stage.stop();
}

TEST(Rtu, ALineThatIsNotThereIsSaidInWordsAndCallsAreOffline) {
    Stage stage("{modbus: rtu:/dev/no-such-line}");
    const ShapeId shape = stage.shape();
    const auto point = stage.point(shape, "at: holding:1").value();
    const DeviceId meter = stage.device(shape, "unit: 1").value();
    stage.start();
    ASSERT_TRUE(stage.link_is("down: there is no /dev/no-such-line; is the adapter plugged in?"));
    const auto value = stage.read(meter, {point})[0];
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().code, base::Errc::offline);
    stage.stop();
}

TEST(Rtu, AFileThatIsNoLineIsSaidInWords) {
    Stage stage("{modbus: rtu:/dev/null}");
    stage.start();
    ASSERT_TRUE(stage.link_is("down: /dev/null is no serial line"));
    stage.stop();
}

TEST(Rtu, AnAdapterMayGoWithoutStop) {
    Pty pty;
    Stage stage(fmt::format("{{modbus: \"rtu:{}\", timeout: 100ms}}", pty.path));
    const ShapeId shape = stage.shape();
    const auto point = stage.point(shape, "at: holding:1").value();
    const DeviceId meter = stage.device(shape, "unit: 1").value();
    stage.start();
    ASSERT_TRUE(stage.up());
    stage.adapter->read(meter, {point}, stage.timers.now() + std::chrono::seconds(4),
                        [](const Adapter::Values&) { ADD_FAILURE(); });
    stage.adapter.reset();
}

}  // namespace
}  // namespace adapters::modbus
