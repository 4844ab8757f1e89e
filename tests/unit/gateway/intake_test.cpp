// Points that are made of others, as servers see them: profiles written here, from the files to the object tree.
#include "tests/fakes/scripted_field.hpp"
#include "tests/unit/mapping/stage.hpp"

#include <gtest/gtest.h>

using namespace std::chrono_literals;
using base::Errc;

namespace {

/// One device of a profile's points (each with a `pin`), on a link that does what the test says.
class Site {
public:
    explicit Site(const std::string& points, const std::string& head = "")
        : plan_(compiled(points, head)),
          devices(plan_, mapping::Stage::catalog()),
          store(devices.readings(), devices.extremes()),
          intake(devices, store, timers, random),
          links(plan_, devices, intake, guard, timers),
          broker(devices, store, intake, links, guard, timers),
          tree(mapping::Stage::catalog(), devices, store, links, broker, timers) {
        devices.give(0, "dev", 0);
        intake.on_value = [this](gateway::DeviceIndex, gateway::PointNumber point, gateway::Intake::News news) {
            if (news.value || news.quality) told += name(point) + ' ';
        };
    }
    void start() {
        links.start();
        bus().sink->link(true, "connected");
    }
    fakes::ScriptedDriver& bus() { return *driver_; }
    void set(const std::string& point, adapters::Scalar raw) {
        for (const auto& spec : plan_.devices[0].type->points)
            if (spec.name == point) bus().values[{0, spec.index}] = std::move(raw);
    }
    std::string read(const std::string& path) {
        std::string said = "(no answer)";
        tree.read(*lwm2m::Target::parse("/dev/" + path), [&](base::Result<std::vector<lwm2m::Entry>> entries) {
            said = entries ? "" : fmt::format("error {}", static_cast<int>(entries.error().code));
            if (entries)
                for (const auto& entry : *entries) said += (said.empty() ? "" : " ") + lwm2m::str(entry.value);
        });
        return said;
    }
    std::string write(const std::string& path, lwm2m::Value value) {
        const auto said = std::make_shared<std::string>("(no answer)");
        const auto at = *lwm2m::Target::parse("/dev/" + path);
        tree.write(at, {{at, std::move(value), {}}}, lwm2m::WriteMode::replace,
                   [said](base::Result<void> done) { *said = done ? "done" : done.error().message; });
        timers.advance(1s);
        return *said;
    }
    std::string execute(const std::string& path, const std::string& arguments) {
        const auto said = std::make_shared<std::string>("(no answer)");
        tree.execute(*lwm2m::Target::parse("/dev/" + path), arguments,
                     [said](base::Result<void> done) { *said = done ? "done" : done.error().message; });
        timers.advance(1s);
        return *said;
    }

    fakes::ManualTimers timers;
    fakes::FixedRandom random;
    std::string told;  // names of points with news

private:
    mapping::Plan compiled(const std::string& points, const std::string& head) {
        auto plan = mapping::Stage()
                        .profile("format: 1\nprofile: x/y\nrevision: 1\nprotocol: fake\n" + head + "points:\n" + points)
                        .device()
                        .plan();
        auto driver = std::make_unique<fakes::ScriptedDriver>(timers);
        driver_ = driver.get();
        plan.links[0].driver = std::move(driver);
        return plan;
    }
    const std::string& name(gateway::PointNumber point) const { return plan_.devices[0].type->points[point].name; }

    fakes::ScriptedDriver* driver_ = nullptr;
    mapping::Plan plan_;

public:
    gateway::EndDevices devices;
    gateway::ValueStore store;
    gateway::Intake intake;
    gateway::WriteGuard guard;
    gateway::LinkHost links;
    gateway::Broker broker;
    gateway::ObjectTree tree;
};

adapters::Scalar u(std::uint64_t number) { return number; }
adapters::Scalar i(std::int64_t number) { return number; }

}  // namespace

TEST(MadeOfOthers, IsToldOnceAPollAndNeverHalf) {
    Site site(
        "  voltage: {pin: 1, type: uint16, every: 1s}\n"
        "  current: {pin: 2, type: uint16, every: 1s}\n"
        "  power: {calc: voltage * current, unit: W, to: 3328/0}\n");
    site.set("voltage", u(100));
    site.set("current", u(1));
    site.start();
    EXPECT_EQ(site.read("3328/0/5700"), "100");
    site.told.clear();
    site.set("voltage", u(1));
    site.set("current", u(100));
    site.timers.advance(1s);
    EXPECT_EQ(site.told, "voltage current ") << "the power has not changed, and 1 × 1 and 100 × 100 never were";
    EXPECT_EQ(site.read("3328/0/5601"), "100");
    EXPECT_EQ(site.read("3328/0/5602"), "100");
}

TEST(MadeOfOthers, AReadAsksForAllThatGoesIn) {
    Site site(
        "  reactive: {pin: 1, type: int16, exponent: sf, every: start, to: 3305/0/5810}\n"
        "  sf: {pin: 2, type: sunssf, every: start}\n");
    site.set("reactive", i(229));
    site.start();
    EXPECT_EQ(site.read("3305/0/5810").substr(0, 5), "error") << "the exponent cannot be read";
    site.set("sf", i(-1));
    EXPECT_EQ(site.read("3305/0/5810"), "22.9");
    EXPECT_EQ(site.write("3305/0/5810", 1.0), "/dev/3305/0/5810 is not writable at this device");
}

TEST(MadeOfOthers, AFallOfACounterKeepsTheLastGoodValueMarked) {
    Site site("  energy: {pin: 1, type: uint32, every: 1s, monotonic: {}, to: 3331/0}\n");
    site.set("energy", u(1000));
    site.start();
    site.set("energy", u(3));
    site.timers.advance(1s);
    EXPECT_EQ(site.read("3331/0/5700"), "1000");
    site.set("energy", u(4));
    site.timers.advance(1s);
    EXPECT_EQ(site.read("3331/0/5700"), "4") << "the meter was replaced";
}

TEST(MadeOfOthers, ASmallMoveIsNoNews) {
    Site site("  t: {pin: 1, type: int16, every: 1s, deadband: 5, to: 3303/0}\n");
    site.set("t", i(20));
    site.start();
    site.told.clear();
    site.set("t", i(24));
    site.timers.advance(1s);
    EXPECT_EQ(site.told, "");
    site.set("t", i(25));
    site.timers.advance(1s);
    EXPECT_EQ(site.told, "t ");
    EXPECT_EQ(site.read("3303/0/5700"), "25");
}

TEST(MadeOfOthers, AWriteGoesBackThroughTheExponent) {
    Site site(
        "  limit: {pin: 1, type: uint16, exponent: sf, every: 1s, to: 3308/0, write: {}}\n"
        "  sf: {pin: 2, type: sunssf, every: 1s}\n");
    site.set("limit", u(160));
    site.start();
    EXPECT_NE(site.write("3308/0/5900", 22.9).find("not known yet"), std::string::npos);
    EXPECT_TRUE(site.bus().writes.empty());
    site.set("sf", i(-1));
    site.timers.advance(1s);
    EXPECT_EQ(site.write("3308/0/5900", 22.9), "done");
    ASSERT_EQ(site.bus().writes.size(), 1U);
    EXPECT_TRUE(mapping::same(site.bus().writes[0].value, i(229)));
    EXPECT_EQ(site.read("3308/0/5900"), "22.9");
}

TEST(SomeBits, AreVerifiedWhateverTheOthersAre) {
    Site site("  relay: {pin: 1, type: uint16, bit: 3, every: 1s, to: 3312/0, write: {verify: 300ms}}\n");
    site.set("relay", u(0x0010));
    site.start();
    EXPECT_EQ(site.read("3312/0/5850"), "false");
    site.bus().deaf = 1;  // the register is set by hand: the adapter keeps its other bits
    EXPECT_EQ(site.write("3312/0/5850", true), "'relay' was written, but still reads back another value");
    site.set("relay", u(0x001A));
    site.bus().deaf = 1;
    EXPECT_EQ(site.write("3312/0/5850", true), "done");
    ASSERT_EQ(site.bus().writes.size(), 2U);
    EXPECT_EQ(site.bus().writes[1].value, adapters::Scalar(true)) << "the field's own value";
    EXPECT_EQ(site.read("3312/0/5850"), "true");
}

TEST(WriteElsewhere, GoesToTheOtherRegister) {
    Site site("  speed: {pin: 1, type: uint16, every: 1s, to: 3308/0, write: {at: 9}}\n");
    site.set("speed", u(5));
    site.start();
    EXPECT_EQ(site.write("3308/0/5900", 7.0), "done");
    ASSERT_EQ(site.bus().writes.size(), 1U);
    EXPECT_EQ(site.bus().writes[0].point, 1) << "bound as a point of its own";
    EXPECT_EQ(site.read("3308/0/5900"), "5") << "what is, not what was asked for";
}

TEST(ErrorCodes, AreThoseThatHoldNow) {
    Site site(
        "  status: {pin: 1, type: uint16, every: 1s, to: 3348/0}\n"
        "  hot: {calc: \"bits(status, 0, 0) == 1\"}\n"
        "  fan: {pin: 2, type: uint16, every: 1s}\n",
        "device: {errors: {hot: 16, fan: 17}}\n");
    site.set("status", u(0));
    site.set("fan", u(0));
    site.start();
    EXPECT_EQ(site.read("3/0/11"), "0");
    site.set("status", u(1));
    site.timers.advance(1s);
    EXPECT_EQ(site.read("3/0/11"), "16");
    site.set("fan", u(9));
    site.timers.advance(1s);
    EXPECT_EQ(site.read("3/0/11"), "16 17");
}

TEST(Arguments, OfAnExecuteReachTheDeviceOrNothingDoes) {
    Site site("  t: {pin: 1, to: 3303/0}\n",
              "actions:\n  pulse:\n    execute: 3305/0/5822\n    args: {0: {type: int, min: 1, max: 60}}\n"
              "    steps: [{write: {pin: 2, type: uint16, value: 1}}, {write: {pin: 3, type: uint16, value: \"${arg.0}\"}}]\n");
    site.start();
    EXPECT_EQ(site.execute("3305/0/5822", "0='61'"), "action 'pulse': argument 0: 61 is over the maximum 60");
    EXPECT_EQ(site.execute("3305/0/5822", ""), "action 'pulse': argument 0 is missing");
    EXPECT_TRUE(site.bus().writes.empty()) << "not even the first step";
    EXPECT_EQ(site.execute("3305/0/5822", "0='30'"), "done");
    ASSERT_EQ(site.bus().writes.size(), 2U);
    EXPECT_TRUE(mapping::same(site.bus().writes[1].value, i(30)));
}
