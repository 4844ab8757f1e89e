// The files change while the gateway runs: what goes on, what begins anew, what servers notice. On manual time.
#include "tests/fakes/whole_gateway.hpp"

#include <gtest/gtest.h>

using namespace std::chrono_literals;
using fakes::WholeGateway;

namespace {

/// Two meters on one link, a third on the other; started and registered.
struct Plant : WholeGateway {
    Plant() {
        devices({a, b, c});
        start();
        after(1500ms);
        world.log.clear();
    }
    static constexpr const char* a = "{id: a, profile: t/meter@1, link: bus, unit: 1}";
    static constexpr const char* b = "{id: b, profile: t/meter@1, link: bus, unit: 2}";
    static constexpr const char* c = "{id: c, profile: t/meter@1, link: other, unit: 3}";
};

}  // namespace

TEST(Reload, WithNothingChangedDisturbsNothing) {
    Plant plant;
    EXPECT_EQ(plant.server.observes("/dev0/3303/0/5700", 7), "2.05 21");
    EXPECT_EQ(plant.reload(), "devices: 3 kept; links: 2 kept");
    EXPECT_TRUE(plant.world.log.empty());
    plant.after(10s);
    EXPECT_EQ(plant.server.notified(), "");
    EXPECT_EQ(plant.server.hears(), "");
}

// GW-004, GW-021
// GW-004, GW-021
TEST(Reload, ADeviceThatIsAddedAppears) {
    Plant plant;
    plant.devices({Plant::a, Plant::b, Plant::c, "{id: d, profile: t/meter@1, link: other, unit: 4}"});
    EXPECT_EQ(plant.read("/dev3/3303/0/5700"), "4.04");
    EXPECT_EQ(plant.reload(), "devices: 1 added (d), 3 kept; links: 1 opened (other), 1 closed (other), 1 kept");
    EXPECT_EQ(plant.world.log, (std::vector<std::string>{"close other", "open other"}));
    EXPECT_EQ(plant.read("/dev3/3303/0/5700"), "2.05 24");
    EXPECT_EQ(plant.members(), "a:0:dev0 b:1:dev1 c:2:dev2 d:3:dev3");
    // The registration follows, once, a little later.
    plant.after(4s);
    EXPECT_EQ(plant.server.hears(), "");
    plant.after(2s);
    EXPECT_EQ(plant.server.hears(), "POST /rd/1");
    EXPECT_NE(plant.server.heard_payload().find("</25/3>"), std::string::npos);
}

// GW-004, GW-022, GW-027
// GW-004, GW-022, GW-027
TEST(Reload, ADeviceThatIsRemovedGoesWithOne404ForEachObservation) {
    Plant plant;
    plant.server.observes("/dev1/3303/0/5700", 7);
    plant.server.observes("/dev1/3303/0", 8, 110);
    plant.server.observes("/dev0/3303/0/5700", 9);
    plant.devices({Plant::a, Plant::c});
    EXPECT_EQ(plant.reload(), "devices: 1 removed (b), 2 kept; links: 1 opened (bus), 1 closed (bus), 1 kept");
    std::multiset<std::string> told;
    for (auto said = plant.server.notified(); !said.empty(); said = plant.server.notified()) told.insert(said);
    EXPECT_EQ(told, (std::multiset<std::string>{"#7 4.04 CON", "#8 4.04 CON"}));
    EXPECT_TRUE(plant.server.ended.contains(7));
    EXPECT_TRUE(plant.server.ended.contains(8));
    EXPECT_EQ(plant.read("/dev1/3303/0/5700"), "4.04");
    plant.world.values[{1, 1}] = 30.0;  // what stays is observed on
    plant.after(2s);
    EXPECT_EQ(plant.server.notified(), "#9 2.05 30");
    EXPECT_EQ(plant.server.notified(), "");
    plant.after(5s);
    EXPECT_EQ(plant.server.hears(), "POST /rd/1");
    EXPECT_EQ(plant.server.heard_payload().find("</25/1>"), std::string::npos);
}

TEST(Reload, ItsPrefixAndInstanceAreNeverGivenToAnother) {
    Plant plant;
    plant.devices({Plant::a, Plant::c});
    plant.reload();
    plant.devices({Plant::a, Plant::c, "{id: e, profile: t/meter@1, link: bus, unit: 5}"});
    plant.reload();
    EXPECT_EQ(plant.members(), "a:0:dev0 e:3:dev3 c:2:dev2");
    plant.devices({Plant::a, Plant::b, Plant::c});
    plant.reload();
    EXPECT_NE(plant.members().find("b:1:dev1"), std::string::npos);  // and b has its own again
    plant.restart();
    EXPECT_EQ(plant.members(), "a:0:dev0 b:1:dev1 c:2:dev2");
}

TEST(Reload, ANeighbourOnALinkThatBeginsAnewKeepsItsValuesAndExtremes) {
    Plant plant;
    plant.world.values[{1, 1}] = 35.0;
    plant.after(1s);
    plant.world.values[{1, 1}] = 22.0;
    plant.after(1s);
    plant.devices({Plant::a, "{id: b, profile: t/valve@1, link: bus, unit: 2}", Plant::c});
    plant.world.hold = true;  // nothing new comes from below
    EXPECT_EQ(plant.reload(), "devices: 1 changed (b), 2 kept; links: 1 opened (bus), 1 closed (bus), 1 kept");
    EXPECT_EQ(plant.read("/dev0/3303/0/5700"), "2.05 22");
    EXPECT_EQ(plant.read("/dev0/3303/0/5602"), "2.05 35");
    EXPECT_EQ(plant.read("/dev0/3303/0/6042"), "2.05 4");
    EXPECT_EQ(plant.read("/dev1/3303/0/5700"), "4.04");  // it is a valve now
    EXPECT_EQ(plant.members(), "a:0:dev0 b:1:dev1 c:2:dev2");
}

TEST(Reload, OfAChangedDeviceOnlyWhatWentIsEnded) {
    Plant plant;
    plant.server.observes("/dev1/3303/0/5700", 7);
    EXPECT_EQ(plant.server.observes("/dev1/3312/0/5850", 8), "2.05 0");
    EXPECT_EQ(plant.server.observes("/25/1/3", 9),
              "2.05 </3>;ver=1.2,</3/0>,</3303>;ver=1.1,</3303/0>,</3312>;ver=1.1,</3312/0>");
    plant.devices({Plant::a, "{id: b, profile: t/valve@1, link: bus, unit: 2}", Plant::c});
    plant.reload();
    plant.after(2s);
    std::multiset<std::string> told;
    for (auto said = plant.server.notified(); !said.empty(); said = plant.server.notified()) told.insert(said);
    EXPECT_TRUE(told.contains("#7 4.04 CON"));
    EXPECT_TRUE(told.contains("#8 2.05 1"));
    EXPECT_TRUE(told.contains("#9 2.05 </3>;ver=1.2,</3/0>,</3312>;ver=1.1,</3312/0>"));
    EXPECT_EQ(told.size(), 3U);
    plant.after(10s);
    EXPECT_EQ(plant.server.hears(), "");  // the list of our own objects is as it was
}

TEST(Reload, ADeviceThatMovesToAnotherUnitKeepsItsValues) {
    Plant plant;
    plant.devices({Plant::a, "{id: b, profile: t/meter@1, link: bus, unit: 9}", Plant::c});
    plant.world.hold = true;
    EXPECT_EQ(plant.reload(), "devices: 1 moved (b), 2 kept; links: 1 opened (bus), 1 closed (bus), 1 kept");
    EXPECT_EQ(plant.read("/dev1/3303/0/5700"), "2.05 22");
    plant.world.hold = false;
    for (auto& answer : std::exchange(plant.world.held, {})) answer();
    plant.after(2s);
    EXPECT_EQ(plant.read("/dev1/3303/0/5700"), "2.05 29");
}

TEST(Reload, AChangedProfileChangesItsDevicesThoughItsRevisionIsTheSame) {
    Plant plant;
    plant.profile("meter", 1, "  temperature: {pin: 1, unit: Cel, scale: 0.1, every: 1s, to: 3303/0}\n");
    EXPECT_EQ(plant.reload(),
              "devices: 3 changed (a, b, c), 0 kept; links: 2 opened (bus, other), 2 closed (bus, other), 0 kept");
    EXPECT_EQ(plant.read("/dev0/3303/0/5700"), "2.05 2.1");
}

TEST(Reload, CommentsOrderAndLayoutAreNoChange) {
    Plant plant;
    plant.site("# a comment\ndevices:\n  - id: c\n    unit: 3\n    link: other\n    profile: t/meter@1\n" +
               fmt::format("  - {}\n  - {}\n", Plant::b, Plant::a));
    EXPECT_EQ(plant.reload(), "devices: 3 kept; links: 2 kept");
    EXPECT_TRUE(plant.world.log.empty());
    EXPECT_EQ(plant.read("/dev0/3303/0/5700"), "2.05 21");
    EXPECT_EQ(plant.read("/dev2/3303/0/5700"), "2.05 23");
}

TEST(Reload, ALinkThatChangesPlaceInTheFileGoesOn) {
    Plant plant;
    plant.yaml("{third: {sim: third}, other: {sim: other}, bus: {sim: bus}}");
    EXPECT_EQ(plant.reload(), "devices: 3 kept; links: 1 opened (third), 2 kept");
    plant.world.values[{3, 1}] = 50.0;
    plant.world.values[{1, 1}] = 51.0;
    plant.after(1s);
    EXPECT_EQ(plant.read("/dev2/3303/0/5700"), "2.05 50");
    EXPECT_EQ(plant.read("/dev0/3303/0/5700"), "2.05 51");
    EXPECT_EQ(plant.world.log, (std::vector<std::string>{"open third"}));
}

TEST(Reload, WithMistakesInTheFilesNothingChangesAndAllOfThemAreTold) {
    Plant plant;
    plant.server.observes("/dev0/3303/0/5700", 7);
    plant.devices({"{id: a, profile: t/meter@9, link: bus, unit: 1}", "{id: b, profile: t/meter@1, link: nowhere, unit: 2}"});
    const auto said = plant.reload();
    EXPECT_NE(said.find("mistakes: "), std::string::npos);
    EXPECT_NE(said.find("devices.d/site.yaml:3:"), std::string::npos) << said;
    EXPECT_NE(said.find("devices.d/site.yaml:4:"), std::string::npos) << said;
    EXPECT_TRUE(plant.world.log.empty());
    plant.world.values[{1, 1}] = 25.0;
    plant.after(1s);
    EXPECT_EQ(plant.server.notified(), "#7 2.05 25");
    EXPECT_EQ(plant.read("/dev2/3303/0/5700"), "2.05 23");
    plant.devices({Plant::a, Plant::b, Plant::c});
    EXPECT_EQ(plant.reload(), "devices: 3 kept; links: 2 kept");
}

TEST(Reload, APrefixThatAnotherDeviceHadIsAMistake) {
    Plant plant;
    plant.devices({Plant::a, Plant::c, "{id: f, profile: t/meter@1, link: bus, unit: 2, prefix: dev1}"});
    EXPECT_NE(plant.reload().find("prefix 'dev1' was given to device 'b' before"), std::string::npos);
}

TEST(Reload, ARenamedPrefixMovesTheTreeAndLeavesTheLinkAlone) {
    Plant plant;
    plant.server.observes("/dev1/3303/0/5700", 7);
    plant.devices({Plant::a, "{id: b, profile: t/meter@1, link: bus, unit: 2, prefix: roof}", Plant::c});
    EXPECT_EQ(plant.reload(), "devices: 3 kept; links: 2 kept");
    EXPECT_EQ(plant.server.notified(), "#7 4.04 CON");
    EXPECT_EQ(plant.read("/dev1/3303/0/5700"), "4.04");
    EXPECT_EQ(plant.read("/roof/3303/0/5700"), "2.05 22");
    EXPECT_EQ(plant.read("/25/1/1"), "2.05 roof");
    EXPECT_TRUE(plant.world.log.empty());
}

TEST(Reload, WaitsUntilThePortIsClosedBeforeItOpensItAgain) {
    Plant plant;
    plant.world.hold_stop = true;
    plant.devices({Plant::a, Plant::c});
    EXPECT_EQ(plant.reload(), "(no answer)");
    EXPECT_EQ(plant.world.log, (std::vector<std::string>{"close bus"}));
    EXPECT_EQ(plant.read("/dev0/3303/0/5700"), "2.05 21");  // what is known is served meanwhile
    EXPECT_EQ(plant.read("/dev2/3303/0/5700"), "2.05 23");
    plant.after(5s);
    EXPECT_EQ(plant.server.writes("PUT /dev0/3312/0/5850", "1"), "5.03");
    plant.world.hold_stop = false;
    for (auto& stopped : std::exchange(plant.world.held, {})) stopped();
    plant.after(1ms);
    EXPECT_EQ(plant.world.log, (std::vector<std::string>{"close bus", "open bus"}));
    EXPECT_EQ(plant.server.writes("PUT /dev0/3312/0/5850", "1"), "2.04");
}

TEST(Reload, AnswersARequestThatWaitsForADeviceThatGoes) {
    Plant plant;
    plant.after(1s);
    plant.world.hold = true;
    plant.after(3s);  // what is stored is too old now
    EXPECT_EQ(plant.read("/dev1/3303/0/5700"), "");
    plant.devices({Plant::a, Plant::c});
    plant.reload();
    EXPECT_EQ(plant.server.reply(), "5.03");
    EXPECT_EQ(plant.server.answers_given(), 1);
    plant.world.hold = false;
    plant.world.held.clear();
}

TEST(Reload, SeveralAtOnceAreEachAnsweredAndTheLastOneSeesTheLastFiles) {
    Plant plant;
    plant.world.hold_stop = true;
    plant.devices({Plant::a, Plant::c});
    std::vector<std::string> said;
    const auto ask = [&] {
        plant.app->reload([&](const base::Result<gateway::ReloadReport>& report) { said.push_back(report->str()); });
    };
    ask();
    plant.devices({Plant::c});
    ask();
    ask();
    plant.world.hold_stop = false;
    for (auto& stopped : std::exchange(plant.world.held, {})) stopped();
    plant.after(10ms);
    ASSERT_EQ(said.size(), 3U);
    EXPECT_EQ(said[0], "devices: 1 removed (b), 2 kept; links: 1 opened (bus), 1 closed (bus), 1 kept");
    EXPECT_EQ(said[1], "devices: 1 removed (a), 1 kept; links: 1 opened (bus), 1 closed (bus), 1 kept");
    EXPECT_EQ(said[2], said[1]);
}

TEST(Reload, AStopWaitsForIt) {
    Plant plant;
    plant.world.hold_stop = true;
    plant.devices({Plant::a, Plant::c});
    plant.reload();
    bool stopped = false;
    plant.app->stop([&] { stopped = true; });
    plant.after(1s);
    EXPECT_FALSE(stopped);
    plant.world.hold_stop = false;
    for (auto& its : std::exchange(plant.world.held, {})) its();
    plant.after(5s);
    EXPECT_TRUE(stopped);
    EXPECT_EQ(plant.world.log, (std::vector<std::string>{"close bus", "open bus", "close bus", "close other"}));
}

TEST(Reload, SaysWhatOnlyARestartCanChange) {
    Plant plant;
    plant.write("gateway.yaml",
                "format: 1\ngateway: gw\nservers: {main: {uri: \"coap://192.0.2.9\", security: nosec}}\n"
                "links: {bus: {sim: bus}, other: {sim: other}}\n");
    EXPECT_EQ(plant.reload(), "devices: 3 kept; links: 2 kept; needs a restart: the gateway's own settings and its servers'");
}

TEST(Reload, TheLogLevelFollowsUnlessItWasGivenToTheProgram) {
    Plant plant;
    plant.yaml("{bus: {sim: bus}, other: {sim: other}}", "log: {level: error}\n");
    plant.reload();
    EXPECT_EQ(base::log().level(), spdlog::level::err);
    base::log().set_level(spdlog::level::off);
    plant.app->log_level_fixed = true;
    plant.reload();
    EXPECT_EQ(base::log().level(), spdlog::level::off);
}

TEST(Reload, AHundredTimesLeavesNothingBehind) {
    Plant plant;
    std::size_t timers = 0, readings = 0;
    for (int i = 0; i < 100; ++i) {
        plant.devices({Plant::a, "{id: x, profile: t/valve@1, link: bus, unit: 8}", Plant::c});
        plant.reload();
        plant.devices({Plant::a, Plant::b, Plant::c});
        EXPECT_EQ(plant.reload(), "devices: 1 added (b), 1 removed (x), 2 kept; links: 1 opened (bus), 1 closed (bus), 1 kept");
        if (i == 9) timers = plant.timers.waiting(), readings = plant.app->devices().readings();
    }
    EXPECT_LE(plant.timers.waiting(), timers + 2);
    EXPECT_EQ(plant.app->devices().readings(), readings);
    EXPECT_EQ(plant.app->devices().size(), 3U);
    EXPECT_EQ(plant.members(), "a:0:dev0 b:1:dev1 c:2:dev2");
}

// GW-074
TEST(Wishes, AServersEpmaxHastensThePollsOfWhatItObserves) {
    WholeGateway plant;
    plant.profile("slow", 1, "  temperature: {pin: 1, unit: Cel, every: 60s, to: 3303/0}\n");
    plant.devices({"{id: a, profile: t/slow@1, link: bus, unit: 1}"});
    ASSERT_TRUE(plant.start()) << plant.mistakes;
    plant.lives(2min);
    const auto polls = [&](std::chrono::seconds span) {
        const int before = plant.world.reads["bus"];
        plant.lives(span);
        return plant.world.reads["bus"] - before;
    };
    EXPECT_EQ(polls(10min), 10);
    EXPECT_EQ(plant.server.asks("PUT /dev0/3303/0/5700?epmax=5"), "2.04");
    EXPECT_EQ(polls(10min), 10);  // nobody observes it
    plant.server.observes("/dev0/3303/0/5700", 7);
    plant.lives(1min);
    EXPECT_NEAR(polls(10min), 120, 12);
    plant.devices({"{id: a, profile: t/slow@1, link: bus, unit: 1}", "{id: b, profile: t/slow@1, link: bus, unit: 2}"});
    plant.reload();
    plant.lives(2min);
    EXPECT_NEAR(polls(10min), 130, 12);  // also after its link was opened anew
    plant.server.cancels("/dev0/3303/0/5700", 7);
    plant.lives(2min);
    EXPECT_EQ(polls(10min), 20);
}

TEST(WhatServersWrote, SurvivesARestart) {
    Plant plant;
    EXPECT_EQ(plant.server.asks("PUT /dev0/3303/0/5700?pmin=7"), "2.04");
    plant.restart();
    EXPECT_NE(plant.server.asks("GET /dev0/3303/0/5700", {.accept = 40}).find("pmin=7"), std::string::npos);
}

TEST(Forgotten, ADeviceLeavesObject25AndComesBackWithItsPrefix) {
    WholeGateway plant;
    plant.write(
        "profiles/t/tag.yaml",
        "format: 1\nprofile: t/tag\nrevision: 1\ntitle: tag\nprotocol: sim\npoints:\n  temperature: {pin: 1, unit: Cel, "
        "every: 1s, to: 3303/0}\nhealth: {misses: 1, retry: {first: 1s, max: 1m}, forget: 1h}\n");
    plant.devices({"{id: a, profile: t/tag@1, link: bus, unit: 1}", "{id: b, profile: t/tag@1, link: bus, unit: 2}"});
    if (!plant.start()) GTEST_SKIP() << plant.mistakes;  // health: forget is read by the mapping
    plant.after(2s);
    plant.server.observes("/dev0/3303/0/5700", 7);
    plant.world.dead.insert(1);
    plant.lives(59min);
    EXPECT_EQ(plant.members(), "a:0:dev0 b:1:dev1");
    while (!plant.server.notified().empty()) {
    }
    plant.lives(2min);
    EXPECT_EQ(plant.members(), "b:1:dev1");
    EXPECT_EQ(plant.read("/dev0/3303/0/5700"), "4.04");
    EXPECT_EQ(plant.server.notified(), "#7 4.04 CON");
    plant.world.dead.clear();
    plant.lives(3min);
    EXPECT_EQ(plant.members(), "a:0:dev0 b:1:dev1");
    EXPECT_EQ(plant.read("/dev0/3303/0/5700"), "2.05 21");
}

TEST(Learned, IsToldAgainAfterARestartAndWrittenOnceAMinute) {
    Plant plant;
    plant.world.sinks.at("bus")->remember("holes t/meter@1", "holding 7");
    EXPECT_FALSE(std::filesystem::exists(plant.folder + "/state/learned"));
    plant.after(61s);
    EXPECT_TRUE(std::filesystem::exists(plant.folder + "/state/learned"));
    plant.world.sinks.at("bus")->remember("turnaround 1", "12ms");
    plant.restart();
    EXPECT_EQ(plant.world.recalled["bus"], (adapters::Words{{"holes t/meter@1", "holding 7"}, {"turnaround 1", "12ms"}}));
    EXPECT_TRUE(plant.world.recalled["other"].empty());
}
