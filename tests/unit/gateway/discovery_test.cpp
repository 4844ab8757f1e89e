// Devices that were not in the files: found on a link, approved, and part of the whole; on manual time.
#include "tests/fakes/whole_gateway.hpp"

#include <gtest/gtest.h>

using namespace std::chrono_literals;
using adapters::Found;
using fakes::WholeGateway;
using State = gateway::Discovery::State;

namespace {

Found meter(const std::string& serial, int unit) {
    Found found;
    found.key = serial;
    found.site = {{"unit", std::to_string(unit)}};
    found.facts = {{"serial", serial}, {"vendor", "Acme"}};
    found.note = "answers 43/14";
    return found;
}

struct Bus : WholeGateway {
    explicit Bus(const std::string& approve = "approve: manual") {
        rule(approve);
        EXPECT_TRUE(start()) << mistakes;
        after(1500ms);
        world.log.clear();
    }
    void rule(const std::string& approve, const std::string& listed = "") {
        site("devices:\n  - {id: a, profile: t/meter@1, link: bus, unit: 1}\n" + listed +
             "discover:\n  - {name: meters, link: bus, look: all, make: {id: \"m-${serial}\", profile: t/meter@1, set: {tag: "
             "\"${serial}\"}}, " +
             approve + "}\n");
    }
    void finds(const Found& found) { world.sinks.at("bus")->found(0, found); }
    std::string state(const std::string& id) {
        for (const auto& entry : found())
            if (entry.id == id) return fmt::format("{}{}", name(entry.state), entry.running ? ", runs" : "");
        return "unknown";
    }
    std::string note(const std::string& id) {
        for (const auto& entry : found())
            if (entry.id == id) return entry.note;
        return "";
    }
};

}  // namespace

TEST(Discovery, ADeviceWaitsForApprovalAndThenJoins) {
    Bus bus;
    bus.finds(meter("77", 7));
    ASSERT_EQ(bus.found().size(), 1U);
    EXPECT_EQ(bus.state("m-77"), "pending");
    EXPECT_EQ(bus.note("m-77"), "waits for approval by hand; answers 43/14");
    bus.after(1min);
    EXPECT_EQ(bus.members(), "a:0:dev0");
    ASSERT_TRUE(bus.app->discovery().approve("m-77"));
    bus.after(6s);
    EXPECT_EQ(bus.state("m-77"), "approved, runs");
    EXPECT_EQ(bus.members(), "a:0:dev0 m-77:1:dev1");
    EXPECT_EQ(bus.read("/dev1/3303/0/5700"), "2.05 27");
    EXPECT_EQ(bus.read("/dev1/3/0/2"), "2.05 77");
    bus.after(6s);
    EXPECT_EQ(bus.server.hears(), "POST /rd/1");  // object 25 follows
    EXPECT_NE(bus.server.heard_payload().find("</25/1>"), std::string::npos);
}

TEST(Discovery, AnApprovedDeviceComesBackAfterARestart) {
    Bus bus;
    bus.finds(meter("77", 7));
    ASSERT_TRUE(bus.app->discovery().approve("77"));  // by its key
    bus.after(6s);
    bus.restart();
    bus.after(1500ms);
    EXPECT_EQ(bus.members(), "a:0:dev0 m-77:1:dev1");
    EXPECT_EQ(bus.state("m-77"), "approved, runs");
    EXPECT_EQ(bus.read("/dev1/3303/0/5700"), "2.05 27");
    EXPECT_EQ(bus.found()[0].last_seen, base::WallTime{});
    bus.finds(meter("77", 7));
    EXPECT_EQ(bus.found()[0].last_seen, bus.timers.wall());
    bus.after(1min);
    EXPECT_EQ(bus.world.count("close bus"), 0U);  // it is where it was
}

TEST(Discovery, ARuleApprovesByItselfUpToItsLimit) {
    Bus bus("approve: auto, limit: 3");
    for (int i = 10; i < 15; ++i) bus.finds(meter(std::to_string(i), i));
    bus.after(6s);
    EXPECT_EQ(bus.members(), "a:0:dev0 m-10:1:dev1 m-11:2:dev2 m-12:3:dev3");
    EXPECT_EQ(bus.world.count("open bus"), 1U);  // all three in one go
    EXPECT_EQ(bus.state("m-13"), "pending");
    EXPECT_EQ(bus.note("m-13"), "the rule has made 3 devices, which is its limit; answers 43/14");
    ASSERT_TRUE(bus.app->discovery().approve("m-13"));  // a person may
    bus.after(6s);
    EXPECT_EQ(bus.state("m-13"), "approved, runs");
}

TEST(Discovery, ARuleApprovesWhatIsOnItsList) {
    Bus bus("approve: allowlist, allow: [\"m-1?\", \"5*\"]");
    bus.finds(meter("12", 12));
    bus.finds(meter("20", 20));
    bus.finds(meter("55", 55));
    bus.after(6s);
    EXPECT_EQ(bus.state("m-12"), "approved, runs");
    EXPECT_EQ(bus.state("m-20"), "pending");
    EXPECT_EQ(bus.note("m-20"), "is not on the rule's list; answers 43/14");
    EXPECT_EQ(bus.state("m-55"), "approved, runs");
}

TEST(Discovery, ADeviceThatMovesIsFollowedUnderItsName) {
    Bus bus("approve: auto");
    bus.finds(meter("77", 7));
    bus.after(6s);
    ASSERT_EQ(bus.members(), "a:0:dev0 m-77:1:dev1");
    bus.finds(meter("77", 9));
    bus.after(6s);
    EXPECT_EQ(bus.members(), "a:0:dev0 m-77:1:dev1");
    bus.after(2s);
    EXPECT_EQ(bus.read("/dev1/3303/0/5700"), "2.05 29");
    EXPECT_EQ(bus.found()[0].site.at("unit"), "9");
}

TEST(Discovery, ARefusedDeviceIsNotAskedAboutAgain) {
    Bus bus;
    bus.finds(meter("77", 7));
    ASSERT_TRUE(bus.app->discovery().refuse("m-77"));
    bus.finds(meter("77", 7));
    EXPECT_EQ(bus.state("m-77"), "refused");
    bus.restart();
    bus.finds(meter("77", 7));
    EXPECT_EQ(bus.state("m-77"), "refused");
    ASSERT_TRUE(bus.app->discovery().forget("m-77"));
    EXPECT_EQ(bus.state("m-77"), "unknown");
    bus.finds(meter("77", 7));
    EXPECT_EQ(bus.state("m-77"), "pending");
}

TEST(Discovery, RefusingOneThatRunsTakesItOut) {
    Bus bus("approve: auto");
    bus.finds(meter("77", 7));
    bus.after(6s);
    bus.server.observes("/dev1/3303/0/5700", 7);
    ASSERT_TRUE(bus.app->discovery().refuse("m-77"));
    bus.after(6s);
    EXPECT_EQ(bus.members(), "a:0:dev0");
    EXPECT_EQ(bus.server.notified(), "#7 4.04 CON");
    EXPECT_EQ(bus.state("m-77"), "refused");
}

TEST(Discovery, ADeviceIsKnownAlsoWhenItsRuleIsRenamed) {
    Bus bus("approve: auto");
    bus.finds(meter("77", 7));
    bus.after(6s);
    bus.site(
        "devices:\n  - {id: a, profile: t/meter@1, link: bus, unit: 1}\ndiscover:\n  - {name: other, link: bus, look: all, "
        "make: {id: \"m-${serial}\", profile: t/meter@1, set: {tag: \"${serial}\"}}, approve: manual}\n");
    bus.reload();
    bus.finds(meter("77", 7));
    ASSERT_EQ(bus.found().size(), 1U);
    EXPECT_EQ(bus.state("m-77"), "approved, runs");
}

TEST(Discovery, WhatWasNeverFoundCannotBeDecidedOn) {
    Bus bus;
    EXPECT_EQ(bus.app->discovery().approve("m-1").error().code, base::Errc::not_found);
    EXPECT_EQ(bus.app->discovery().refuse("m-1").error().code, base::Errc::not_found);
    EXPECT_EQ(bus.app->discovery().forget("m-1").error().code, base::Errc::not_found);
}

TEST(Discovery, OneThatCannotRunAnyMoreIsLeftOutAndTheRestRuns) {
    Bus bus("approve: auto");
    bus.finds(meter("77", 7));
    bus.finds(meter("78", 8));
    bus.after(6s);
    bus.rule("approve: auto", "  - {id: new, profile: t/meter@1, link: bus, unit: 7}\n");
    const auto said = bus.reload();
    EXPECT_NE(said.find("1 added (new), 1 removed (m-77), 2 kept"), std::string::npos) << said;
    EXPECT_NE(said.find("left out: m-77"), std::string::npos) << said;
    EXPECT_EQ(bus.state("m-77"), "approved");
    EXPECT_NE(bus.note("m-77").find("unit 7 is taken"), std::string::npos) << bus.note("m-77");
    EXPECT_EQ(bus.members(), "a:0:dev0 new:3:dev3 m-78:2:dev2");
    bus.restart();
    EXPECT_EQ(bus.state("m-77"), "approved");
    EXPECT_EQ(bus.state("m-78"), "approved, runs");
    bus.rule("approve: auto");  // the hand-written one goes: it is back
    bus.reload();
    EXPECT_EQ(bus.state("m-77"), "approved, runs");
    EXPECT_NE(bus.members().find("m-77:1:dev1"), std::string::npos);
}

TEST(Discovery, AProfileThatWentLeavesItsDevicesOut) {
    Bus bus("approve: auto");
    bus.site(
        "devices:\n  - {id: a, profile: t/valve@1, link: bus, unit: 1}\ndiscover:\n  - {name: meters, link: bus, make: {id: "
        "\"m-${serial}\", profile: t/meter@1}, approve: auto}\n");
    bus.reload();
    bus.finds(meter("77", 7));
    bus.after(6s);
    ASSERT_EQ(bus.state("m-77"), "approved, runs");
    std::filesystem::remove(bus.folder + "/config/profiles/t/meter.yaml");
    bus.site("devices:\n  - {id: a, profile: t/valve@1, link: bus, unit: 1}\n");
    EXPECT_NE(bus.reload().find("left out: m-77"), std::string::npos);
    bus.restart();
    ASSERT_NE(bus.app, nullptr) << bus.mistakes;
    EXPECT_EQ(bus.members(), "a:0:dev0");
    EXPECT_NE(bus.note("m-77").find("t/meter"), std::string::npos) << bus.note("m-77");
}

TEST(Discovery, AMistakeInTheFilesIsStillAMistakeAndStaysTheFilesOwn) {
    Bus bus("approve: auto");
    bus.finds(meter("77", 7));
    bus.after(6s);
    bus.rule("approve: auto", "  - {id: a, profile: t/meter@1, link: bus, unit: 2}\n");
    const auto said = bus.reload();
    EXPECT_NE(said.find("mistakes: devices.d/site.yaml"), std::string::npos) << said;
    EXPECT_EQ(said.find("m-77"), std::string::npos) << said;
}

TEST(Discovery, AFloodOfStrangersIsBoundedAndCounted) {
    Bus bus;
    for (int i = 0; i < 3'000; ++i) bus.finds(meter(fmt::format("{:05}", i), i % 200));
    EXPECT_EQ(bus.found().size(), gateway::Discovery::most_pending);
    EXPECT_EQ(bus.app->discovery().forgotten(), 2'000U);
    EXPECT_EQ(bus.state("m-00000"), "unknown");
    EXPECT_EQ(bus.state("m-02999"), "pending");
}

TEST(Discovery, StrangeFactsAreRefusedAndKeptShort) {
    Bus bus;
    auto found = meter("77", 7);
    found.facts["serial"] = "a\nb";
    bus.finds(found);
    EXPECT_TRUE(bus.found().empty());
    found.facts["serial"] = "77";
    for (int i = 0; i < 100; ++i) found.facts[fmt::format("fact{}", i)] = std::string(10'000, 'x');
    bus.finds(found);
    const auto all = bus.found();
    ASSERT_EQ(all.size(), 1U);
    std::size_t bytes = 0;
    for (const auto& [name, fact] : all[0].facts) bytes += fact.size();
    EXPECT_LE(bytes, 32U * 256U);
    found.key = std::string(10'000, 'k');
    bus.finds(found);
    EXPECT_EQ(bus.found().size(), 1U);
}

TEST(Discovery, ManyApprovalsAreOneReload) {
    Bus bus("approve: auto");
    for (int i = 10; i < 40; ++i) {
        bus.finds(meter(std::to_string(i), i));
        bus.after(1s);
    }
    bus.after(6s);
    EXPECT_EQ(bus.app->devices().count(), 31U);
    EXPECT_EQ(bus.world.count("open bus"), 1U);
}
