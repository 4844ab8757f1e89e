// What a profile's `health` and `write` say while running: silence, probes, kept writes, tries; on manual time.
#include "gateway/health_watch.hpp"
#include "tests/fakes/scripted_field.hpp"

#include <gtest/gtest.h>

using namespace std::chrono_literals;
using base::Errc;
using fakes::Field;
using fakes::Meters;
using gateway::Presence;

namespace {

std::string error(Errc code) { return fmt::format("error {}", static_cast<int>(code)); }

std::shared_ptr<std::string> write(Field& field, const std::string& target, lwm2m::Value value) {
    const auto said = std::make_shared<std::string>("(no answer)");
    const auto at = *lwm2m::Target::parse(target);
    field.tree.write(at, {{at, std::move(value), {}}}, lwm2m::WriteMode::replace,
                     [said](base::Result<void> done) { *said = done ? "done" : error(done.error().code); });
    return said;
}

/// Pushes only: nothing of it is polled.
void silent_type(mapping::DeviceType& type) {
    for (auto& point : type.points) point.period = {}, point.max_age = {};
    type.health.silence = 60s;
}

void keeping(mapping::DeviceType& type) {
    for (auto& point : type.points) point.keep = 10s;
    type.points[Meters::relay].verify.reset();
}

}  // namespace

TEST(Silence, MakesADeviceOfflineAndOneValueBringsItBack) {
    Field field(2, silent_type);
    gateway::HealthWatch watch(field.devices, field.intake, field.timers);
    field.start();
    field.bus().sink->value(0, Meters::temperature, 20.0, field.timers.wall());
    field.bus().sink->value(1, Meters::temperature, 20.0, field.timers.wall());
    watch.look();
    for (int i = 0; i < 4; ++i) {
        field.after(20s);
        field.bus().sink->value(1, Meters::temperature, 21.0, field.timers.wall());
    }
    EXPECT_EQ(field.devices.at(0).presence, Presence::offline);
    EXPECT_EQ(field.devices.at(1).presence, Presence::online);
    EXPECT_EQ(field.read("/dev0/3303/0/6042"), "2");
    field.bus().sink->value(0, Meters::temperature, 20.0, field.timers.wall());
    EXPECT_EQ(field.devices.at(0).presence, Presence::online);
}

TEST(Silence, IsNoticedEachTime) {
    Field field(1, silent_type);
    gateway::HealthWatch watch(field.devices, field.intake, field.timers);
    field.intake.on_presence = [&](gateway::DeviceIndex d, Presence before) {
        if (before == Presence::offline) watch.back(d);
    };
    field.start();
    watch.look();
    for (int i = 0; i < 3; ++i) {
        field.after(61s);
        EXPECT_EQ(field.devices.at(0).presence, Presence::offline) << i;
        field.bus().sink->value(0, Meters::temperature, 20.0, field.timers.wall());
        EXPECT_EQ(field.devices.at(0).presence, Presence::online) << i;
    }
}

TEST(Witnesses, OneThatSaysAwayIsBelievedUntilItTakesItBack) {
    using adapters::Witness;
    Field field(1, silent_type);
    field.start();
    auto* sink = field.bus().sink;
    sink->witness(0, Witness::alive, true, "Online");
    EXPECT_EQ(field.devices.at(0).presence, Presence::online);
    sink->witness(0, Witness::via, false, "bridge offline");
    EXPECT_EQ(field.devices.at(0).presence, Presence::offline);
    sink->value(0, Meters::temperature, 20.0, field.timers.wall());
    EXPECT_EQ(field.devices.at(0).presence, Presence::offline);
    sink->witness(0, Witness::via, true, "bridge online");
    EXPECT_EQ(field.devices.at(0).presence, Presence::online);
    sink->witness(0, Witness::alive, false, "will");
    EXPECT_EQ(field.devices.at(0).presence, Presence::offline);
}

TEST(Witnesses, AValueThatLayThereAlreadyIsNoProof) {
    Field field(1, silent_type);
    field.start();
    field.bus().sink->old_value(0, Meters::temperature, 20.0, field.timers.wall());
    EXPECT_EQ(field.devices.at(0).presence, Presence::unknown);
    EXPECT_EQ(field.read("/dev0/3303/0/5700"), "20");
    EXPECT_EQ(field.read("/dev0/3303/0/6042"), "3");
}

TEST(Silence, IsCountedFromTheStartForADeviceThatWasNeverHeard) {
    Field field(1, silent_type);
    gateway::HealthWatch watch(field.devices, field.intake, field.timers);
    field.start();
    watch.look();
    field.after(59s);
    EXPECT_EQ(field.devices.at(0).presence, Presence::unknown);
    field.after(2s);
    EXPECT_EQ(field.devices.at(0).presence, Presence::offline);
}

TEST(Silence, CostsOneTimerForAllDevices) {
    Field field(500, silent_type);
    gateway::HealthWatch watch(field.devices, field.intake, field.timers);
    field.start();
    const auto before = field.timers.waiting();
    watch.look();
    EXPECT_EQ(field.timers.waiting(), before + 1);
}

TEST(Forget, IsToldOnceAfterSoLongOffline) {
    Field field(1, [](mapping::DeviceType& type) {
        silent_type(type);
        type.health.forget = 1h;
    });
    gateway::HealthWatch watch(field.devices, field.intake, field.timers);
    int told = 0;
    watch.on_forget = [&](gateway::DeviceIndex d) {
        ++told;
        field.devices.hide(d);
    };
    field.start();
    field.bus().sink->value(0, Meters::temperature, 20.0, field.timers.wall());
    watch.look();
    field.after(59min);
    EXPECT_EQ(told, 0);
    EXPECT_EQ(field.devices.at(0).presence, Presence::offline);
    EXPECT_TRUE(field.tree.has("dev0"));
    field.after(5h);
    EXPECT_EQ(told, 1);
    EXPECT_FALSE(field.tree.has("dev0"));
    field.devices.show(0);
    EXPECT_TRUE(field.tree.has("dev0"));
}

TEST(Probe, ReadsOnlyItsPointWhileTheDeviceIsOffline) {
    Field field(1, [](mapping::DeviceType& type) { type.health.probe = Meters::limit; });
    field.start();
    field.bus().failing[0] = {Errc::timeout, "no answer"};
    field.after(5s);
    ASSERT_EQ(field.devices.at(0).presence, Presence::offline);
    field.bus().reads.clear();
    field.after(60s);
    ASSERT_FALSE(field.bus().reads.empty());
    for (const auto& read : field.bus().reads) EXPECT_EQ(read.points, (std::vector<adapters::PointIndex>{Meters::limit}));
    field.bus().failing.clear();
    field.bus().reads.clear();
    field.after(61s);
    EXPECT_EQ(field.devices.at(0).presence, Presence::online);
    // What was not asked meanwhile is asked at once.
    EXPECT_EQ(field.bus().reads[1].points.size(), 2U);
    EXPECT_EQ(field.bus().reads[1].when, field.bus().reads[0].when);
}

TEST(OfflineValue, NoneIsNotServedWhileTheDeviceIsAway) {
    Field field(1, [](mapping::DeviceType& type) { type.health.keep_value_offline = false; });
    field.start();
    EXPECT_EQ(field.read("/dev0/3303/0/5700"), "21.5");
    field.bus().failing[0] = {Errc::timeout, "no answer"};
    field.after(4s);
    EXPECT_EQ(field.read("/dev0/3303/0/5700"), error(Errc::offline));
    EXPECT_EQ(field.read("/dev0/3303/0"), error(Errc::offline));
    EXPECT_EQ(field.read("/dev0/3/0/11"), "8");
}

TEST(KeptWrite, WaitsForTheDeviceAndIsAnsweredWhenItIsDone) {
    Field field(1, keeping);
    field.start();
    field.bus().sink->link(false, "unplugged");
    const auto said = write(field, "/dev0/3312/0/5850", true);
    field.after(5s);
    EXPECT_EQ(*said, "(no answer)");
    EXPECT_TRUE(field.bus().writes.empty());
    field.bus().sink->link(true, "back");
    field.after(1s);
    EXPECT_EQ(*said, "done");
    ASSERT_EQ(field.bus().writes.size(), 1U);
    EXPECT_EQ(field.broker.kept(), 0U);
}

TEST(KeptWrite, IsRefusedWhenItsSpanIsOverAndNeverSentLate) {
    Field field(1, keeping);
    field.start();
    field.bus().sink->link(false, "unplugged");
    const auto said = write(field, "/dev0/3312/0/5850", true);
    field.after(10s);
    EXPECT_EQ(*said, error(Errc::offline));
    field.bus().sink->link(true, "back");
    field.after(10s);
    EXPECT_TRUE(field.bus().writes.empty());
}

TEST(KeptWrite, ANewerValueTakesThePlaceOfTheOlder) {
    Field field(1, keeping);
    field.start();
    field.bus().sink->link(false, "unplugged");
    const auto first = write(field, "/dev0/3308/0/5900", 10.0);
    const auto second = write(field, "/dev0/3308/0/5900", 12.0);
    EXPECT_EQ(*first, error(Errc::busy));
    EXPECT_EQ(field.broker.kept(), 1U);
    field.bus().sink->link(true, "back");
    field.after(1s);
    EXPECT_EQ(*second, "done");
    ASSERT_EQ(field.bus().writes.size(), 1U);
    EXPECT_EQ(field.read("/dev0/3308/0/5900"), "12");
}

TEST(KeptWrite, BringsTheNextTryForward) {
    Field field(1, keeping);
    field.start();
    field.bus().failing[0] = {Errc::timeout, "no answer"};
    field.after(10min);  // tried once a minute by now
    field.bus().failing.clear();
    const auto said = write(field, "/dev0/3308/0/5900", 10.0);
    field.after(1s);
    EXPECT_EQ(*said, "done");
}

TEST(KeptWrite, WithoutKeepAWriteToALinkThatIsAwayIsRefusedAtOnce) {
    Field field;
    field.start();
    field.bus().sink->link(false, "unplugged");
    EXPECT_EQ(*write(field, "/dev0/3312/0/5850", true), error(Errc::offline));
}

TEST(KeptWrite, AreBounded) {
    Field field(1'001, keeping);
    field.start();
    field.bus().sink->link(false, "unplugged");
    std::vector<std::shared_ptr<std::string>> said;
    for (int i = 0; i < 1'001; ++i) said.push_back(write(field, fmt::format("/dev{}/3308/0/5900", i), 10.0));
    EXPECT_EQ(*said[999], "(no answer)");
    EXPECT_EQ(*said[1000], error(Errc::busy));
    field.after(11s);
    EXPECT_EQ(*said[0], error(Errc::offline));
    EXPECT_EQ(field.broker.kept(), 0U);
}

TEST(Tries, AWriteThatDoesNotReadBackIsSentAgain) {
    Field field(1, [](mapping::DeviceType& type) { type.points[Meters::relay].tries = 3; });
    field.start();
    field.bus().deaf = 2;
    const auto said = write(field, "/dev0/3312/0/5850", true);
    field.after(2s);
    EXPECT_EQ(*said, "done");
    EXPECT_EQ(field.bus().writes.size(), 3U);
}

TEST(Tries, AreNotMadeAfterATimeout) {
    Field field(1, [](mapping::DeviceType& type) { type.points[Meters::relay].tries = 3; });
    field.start();
    field.bus().failing[0] = {Errc::timeout, "no answer"};
    const auto said = write(field, "/dev0/3312/0/5850", true);
    field.after(2s);
    EXPECT_EQ(*said, error(Errc::timeout));
    EXPECT_EQ(field.bus().writes.size(), 1U);
}

TEST(Drop, AnswersAllThatWaitsForADevice) {
    Field field(1, keeping);
    field.start();
    field.bus().hold = true;
    std::string read = "(no answer)", acted = "(no answer)", queued = "(no answer)";
    field.tree.read(*lwm2m::Target::parse("/dev0/3308/0/5900"),
                    [&](const auto& entries) { read = entries ? "value" : error(entries.error().code); });
    field.bus().values[{0, Meters::relay}] = true;
    for (auto* said : {&acted, &queued})
        field.tree.execute(*lwm2m::Target::parse("/dev0/3/0/4"), "",
                           [said](base::Result<void> done) { *said = done ? "done" : error(done.error().code); });
    field.broker.drop(0, {Errc::offline, "the link is opened anew"});
    EXPECT_EQ(read, error(Errc::offline));
    EXPECT_EQ(acted, error(Errc::offline));
    EXPECT_EQ(queued, error(Errc::offline));
    field.bus().hold = false;
    while (!field.bus().held.empty()) field.bus().release();  // late answers find nobody
    field.after(10s);
    EXPECT_EQ(field.bus().writes.size(), 1U);
}

TEST(Trouble, TheLastFailureOfAPointAndAnActionIsKept) {
    using Of = gateway::Troubles::Of;
    Field field;
    field.bus().values.erase({0, Meters::relay});
    field.start();
    const auto* point = field.links.troubles().find(0, Of::point, Meters::relay);
    ASSERT_NE(point, nullptr);
    EXPECT_EQ(point->what, "read: illegal data address");
    EXPECT_EQ(field.links.troubles().find(0, Of::point, Meters::temperature), nullptr);
    EXPECT_EQ(field.links.troubles().find(0, Of::action, 0), nullptr);
    field.tree.execute(*lwm2m::Target::parse("/dev0/3/0/4"), "", [](const auto&) {});
    field.after(2s);
    const auto* action = field.links.troubles().find(0, Of::action, 0);
    ASSERT_NE(action, nullptr);
    EXPECT_EQ(action->what, "action 'reset', step 3: the expected value did not come in time");
    field.bus().failing[0] = {Errc::timeout, "no answer within 1s"};
    field.after(1s);
    ASSERT_NE(field.links.troubles().find(0, Of::device), nullptr);
    EXPECT_EQ(field.links.troubles().find(0, Of::device)->what, "no answer within 1s");
}

TEST(ErrorCodes, OfAProfileAreToldWhileTheirPointsHold) {
    Field field(1, [](mapping::DeviceType& type) {
        type.errors = {{Meters::relay, 16}, {Meters::temperature, 17}, {Meters::limit, 16}};
    });
    field.bus().values[{0, Meters::temperature}] = 0.0;
    field.start();
    EXPECT_EQ(field.read("/dev0/3/0/11"), "0");
    field.bus().values[{0, Meters::relay}] = true;
    field.after(1s);
    EXPECT_EQ(field.read("/dev0/3/0/11"), "16");
    field.bus().values[{0, Meters::temperature}] = 40.0;
    field.after(1s);
    EXPECT_EQ(field.read("/dev0/3/0/11"), "16 17");
    EXPECT_EQ(field.read("/dev0/3/0/11/1"), "17");
    EXPECT_FALSE(field.tree.exists({"dev0", lwm2m::Path::of({3, 0, 11, 2})}));
    field.bus().sink->link(false, "unplugged");
    EXPECT_EQ(field.read("/dev0/3/0/11"), "8");
}
