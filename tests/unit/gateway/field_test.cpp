// Polls, presence, reads and writes between an adapter and the engine, on manual time.
#include "tests/fakes/scripted_field.hpp"

#include <gtest/gtest.h>
#include <algorithm>

using namespace std::chrono_literals;
using base::Errc;
using fakes::Field;
using fakes::Meters;
using gateway::Presence;

namespace {

std::string error(Errc code) { return fmt::format("error {}", static_cast<int>(code)); }

std::string write(Field& field, const std::string& target, lwm2m::Value value) {
    const auto said = std::make_shared<std::string>("(no answer)");  // may be said after we have gone
    const auto at = *lwm2m::Target::parse(target);
    field.tree.write(at, {{at, std::move(value), {}}}, lwm2m::WriteMode::replace,
                     [said](base::Result<void> done) { *said = done ? "done" : error(done.error().code); });
    return *said;
}

}  // namespace

TEST(Polling, ReadsAGroupAtStartAndThenOnceAPeriod) {
    Field field;
    field.start();
    ASSERT_EQ(field.bus().reads.size(), 1U);
    EXPECT_EQ(field.bus().reads[0].points, (std::vector<adapters::PointIndex>{Meters::temperature, Meters::relay}));
    field.after(3s);
    EXPECT_EQ(field.bus().reads.size(), 4U);
}

TEST(Polling, SpreadsDevicesOfOnePeriodOverIt) {
    Field field(4);
    field.start();
    ASSERT_EQ(field.bus().reads.size(), 4U);  // all at once at start, for the first values
    field.bus().reads.clear();
    field.after(1s);
    ASSERT_EQ(field.bus().reads.size(), 4U);
    for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(field.bus().reads[i].when - field.bus().reads[i - 1].when, 250ms);
}

TEST(Polling, HasOnePollInFlightOnALinkAndNeverCatchesUp) {
    Field field(2);
    field.bus().hold = true;
    field.start();
    EXPECT_EQ(field.bus().reads.size(), 1U);
    field.after(10s);  // the answer takes ten periods
    EXPECT_EQ(field.bus().reads.size(), 1U);
    field.bus().hold = false;
    field.bus().release();
    EXPECT_LE(field.bus().reads.size(), 3U);
}

TEST(Polling, HasAsManyInFlightAsTheAdapterWantsAndEachGroupOnce) {
    Field field(4);
    field.bus().at_once = 3;
    field.bus().hold = true;
    field.start();
    ASSERT_EQ(field.bus().reads.size(), 3U);
    field.after(10s);
    EXPECT_EQ(field.bus().reads.size(), 3U);
    field.bus().release();  // one answer makes room for the fourth device
    ASSERT_EQ(field.bus().reads.size(), 4U);
    EXPECT_EQ(field.bus().reads[3].device, 3U);
    field.bus().release();
    field.after(1s);
    ASSERT_EQ(field.bus().reads.size(), 5U);
    EXPECT_NE(field.bus().reads[4].device, 2U);  // it and the fourth are still asked
}

TEST(Presence, ThreeMissesMakeADeviceOfflineAndOneAnswerBringsItBack) {
    Field field;
    field.start();
    EXPECT_EQ(field.devices.at(0).presence, Presence::online);
    field.bus().failing[0] = {Errc::timeout, "no answer within 1s"};
    field.after(1s);
    EXPECT_EQ(field.devices.at(0).presence, Presence::late);
    field.after(2s);
    EXPECT_EQ(field.devices.at(0).presence, Presence::offline);
    field.bus().failing.clear();
    field.after(3s);  // first retry 2 s, with at most a quarter more
    EXPECT_EQ(field.devices.at(0).presence, Presence::online);
}

TEST(Presence, AnOfflineDeviceIsAskedLessAndLess) {
    Field field;
    field.start();
    field.bus().failing[0] = {Errc::timeout, "no answer within 1s"};
    field.after(5s);
    field.bus().reads.clear();
    field.after(10min);
    EXPECT_LE(field.bus().reads.size(), 16U);  // 4 8 16 32 60 60 … seconds
    EXPECT_GE(field.bus().reads.size(), 8U);
}

TEST(Presence, ARefusalIsAnAnswer) {
    Field field;
    field.bus().failing[0] = {Errc::not_found, "illegal data address"};
    field.start();
    field.after(10s);
    EXPECT_EQ(field.devices.at(0).presence, Presence::online);
}

TEST(Presence, ADeadNeighbourCostsNothingButItsOwnProbes) {
    Field field(2);
    field.start();
    field.bus().failing[1] = {Errc::timeout, "no answer within 1s"};
    field.after(10s);
    field.bus().reads.clear();
    field.after(60s);
    std::size_t living = 0;
    for (const auto& read : field.bus().reads) living += read.device == 0 ? 1 : 0;
    EXPECT_EQ(living, 60U);
}

TEST(Presence, ALostLinkTakesItsDevicesAlongAndItsReturnPollsThemAtOnce) {
    Field field(2);
    field.start();
    field.bus().sink->link(false, "connection refused");
    EXPECT_EQ(field.devices.at(0).presence, Presence::offline);
    EXPECT_EQ(field.read("/dev0/3/0/11"), "8");
    field.bus().reads.clear();
    field.after(60s);
    EXPECT_TRUE(field.bus().reads.empty());
    field.bus().sink->link(true, "connected");
    EXPECT_EQ(field.bus().reads.size(), 2U);
    EXPECT_EQ(field.devices.at(1).presence, Presence::online);
    EXPECT_EQ(field.read("/dev0/3/0/11"), "0");
}

TEST(Read, IsAnsweredFromTheStoreWhileTheReadingIsYoung) {
    Field field;
    field.start();
    field.bus().reads.clear();
    EXPECT_EQ(field.read("/dev0/3303/0/5700"), "21.5");
    EXPECT_TRUE(field.bus().reads.empty());
}

TEST(Read, AsksTheDeviceWhenThePointIsNotPolled) {
    Field field;
    field.start();
    field.bus().reads.clear();
    EXPECT_EQ(field.read("/dev0/3308/0/5900"), "16");
    EXPECT_EQ(field.bus().reads.size(), 1U);
    EXPECT_EQ(field.read("/dev0/3308/0/5900"), "16");
    EXPECT_EQ(field.bus().reads.size(), 1U);  // young now
    field.after(5s);
    field.bus().values[{0, Meters::limit}] = 20.0;
    EXPECT_EQ(field.read("/dev0/3308/0/5900"), "20");
}

TEST(Read, OfSeveralServersAtOnceIsOneRequest) {
    Field field;
    field.start();
    field.bus().reads.clear();
    field.bus().hold = true;
    int answers = 0;
    for (int i = 0; i < 5; ++i)
        field.tree.read(*lwm2m::Target::parse("/dev0/3308/0/5900"),
                        [&answers](const auto& entries) { answers += entries ? 1 : 0; });
    EXPECT_EQ(field.bus().reads.size(), 1U);
    field.bus().release();
    EXPECT_EQ(answers, 5);
}

// GW-067, GW-066
// GW-067, GW-066
TEST(Read, OfADeadDeviceTellsTheTimeoutAndLaterThatItIsAway) {
    Field field;
    field.bus().failing[0] = {Errc::timeout, "no answer within 1s"};
    field.start();
    EXPECT_EQ(field.read("/dev0/3303/0/5700"), error(Errc::timeout));
    field.bus().sink->link(false, "connection refused");
    EXPECT_EQ(field.read("/dev0/3303/0/5700"), error(Errc::offline));
}

TEST(Read, OfADeviceThatIsAwayDoesNotAskItAgainAndAgain) {
    Field field;
    field.bus().failing[0] = {Errc::timeout, "no answer within 1s"};
    field.start();
    field.after(2s);
    EXPECT_EQ(field.devices.at(0).presence, Presence::offline);
    field.bus().reads.clear();
    for (int i = 0; i < 100; ++i) EXPECT_EQ(field.read("/dev0/3303/0/5700"), error(Errc::offline));
    EXPECT_TRUE(field.bus().reads.empty());
    field.bus().failing.clear();
    field.after(3s);  // its own next try
    EXPECT_NE(field.read("/dev0/3303/0/5700"), error(Errc::offline));
}

TEST(Read, OfAnOfflineDeviceGivesTheLastValueMarked) {
    Field field;
    field.start();
    EXPECT_EQ(field.read("/dev0/3303/0/6042"), "4");
    field.bus().failing[0] = {Errc::timeout, "no answer within 1s"};
    field.after(1s);
    EXPECT_EQ(field.read("/dev0/3303/0/6042"), "3");
    field.after(3s);
    EXPECT_EQ(field.read("/dev0/3303/0/6042"), "2");
    EXPECT_EQ(field.read("/dev0/3303/0/5700"), "21.5");
}

TEST(Read, OfAnInstanceShowsWhatIsReadable) {
    Field field;
    field.start();
    field.bus().values[{0, Meters::temperature}] = 25.0;
    field.after(1s);
    // 5518, 5601, 5602, 5700, 5701, 6042
    EXPECT_EQ(field.read("/dev0/3303/0"), "1800000001 21.5 25 25 \"Cel\" 4");
}

// OBJ-007
// OBJ-007
TEST(Execute, ResetForgetsLeastAndGreatest) {
    Field field;
    field.start();
    field.bus().values[{0, Meters::temperature}] = 25.0;
    field.after(1s);
    bool done = false;
    field.tree.execute(*lwm2m::Target::parse("/dev0/3303/0/5605"), "",
                       [&done](base::Result<void> result) { done = result.has_value(); });
    EXPECT_TRUE(done);
    EXPECT_EQ(field.read("/dev0/3303/0/5601"), "25");
}

TEST(Execute, RunsTheStepsOfAnActionInOrder) {
    Field field;
    field.start();
    std::string said;
    field.bus().values[{0, Meters::relay}] = true;
    field.tree.execute(*lwm2m::Target::parse("/dev0/3/0/4"), "",
                       [&said](base::Result<void> result) { said = result ? "done" : error(result.error().code); });
    ASSERT_EQ(field.bus().writes.size(), 1U);
    field.after(100ms);
    EXPECT_EQ(said, "");  // waits for the relay to fall
    field.bus().values[{0, Meters::relay}] = false;
    field.after(100ms);
    EXPECT_EQ(said, "done");
}

TEST(Execute, WaitsForTheActionThatRuns) {
    Field field;
    field.start();
    std::vector<std::string> order;
    for (const char* name : {"first", "second"})
        field.tree.execute(*lwm2m::Target::parse("/dev0/3/0/4"), "", [&order, name](base::Result<void> done) {
            order.push_back(std::string(name) + (done ? " done" : " failed"));
        });
    EXPECT_EQ(field.bus().writes.size(), 1U);  // the second has sent nothing yet
    field.after(60ms);
    EXPECT_EQ(order, (std::vector<std::string>{"first done"}));
    EXPECT_EQ(field.bus().writes.size(), 2U);
    field.after(60ms);
    EXPECT_EQ(order, (std::vector<std::string>{"first done", "second done"}));
}

TEST(Execute, ManyAtOnceAreRefusedAndNoneStartsLate) {
    Field field;
    field.start();
    field.bus().values[{0, Meters::relay}] = true;  // each fails after its 50 ms + 500 ms
    std::vector<std::string> said(20, "(no answer)");
    for (auto& its : said)
        field.tree.execute(*lwm2m::Target::parse("/dev0/3/0/4"), "",
                           [&its](base::Result<void> done) { its = done ? "done" : error(done.error().code); });
    EXPECT_EQ(std::count(said.begin(), said.end(), error(Errc::busy)), 3);  // one runs, 16 wait
    field.after(30s);
    EXPECT_EQ(std::count(said.begin(), said.end(), "(no answer)"), 0);
    EXPECT_EQ(field.bus().writes.size(), 8U);  // what began within 4 s
    EXPECT_EQ(std::count(said.begin(), said.end(), error(Errc::timeout)), 9);
}

TEST(Execute, OfAnActionWhoseExpectationFailsIsTheDevicesError) {
    Field field;
    field.start();
    std::string said;
    field.bus().values[{0, Meters::relay}] = true;
    field.tree.execute(*lwm2m::Target::parse("/dev0/3/0/4"), "",
                       [&said](base::Result<void> result) { said = result ? "done" : error(result.error().code); });
    field.after(2s);
    EXPECT_EQ(said, error(Errc::internal));
    field.tree.execute(*lwm2m::Target::parse("/dev0/3/0/5"), "",
                       [&said](base::Result<void> result) { said = result ? "done" : error(result.error().code); });
    EXPECT_EQ(said, error(Errc::not_supported));
}

TEST(Write, IsDoneOnlyWhenItReadsBack) {
    Field field;
    field.start();
    EXPECT_EQ(write(field, "/dev0/3312/0/5850", true), "done");
    EXPECT_EQ(field.read("/dev0/3312/0/5850"), "true");
    field.bus().deaf = 9;
    EXPECT_EQ(write(field, "/dev0/3312/0/5850", false), "(no answer)");
    std::string said = "(no answer)";
    const auto at = *lwm2m::Target::parse("/dev0/3312/0/5850");
    field.tree.write(at, {{at, false, {}}}, lwm2m::WriteMode::replace,
                     [&said](base::Result<void> done) { said = done ? "done" : error(done.error().code); });
    field.after(400ms);
    EXPECT_EQ(said, error(Errc::internal));
    EXPECT_EQ(field.read("/dev0/3312/0/5850"), "true");
}

TEST(Write, WithoutVerifyIsShownAtOnceAndAskedForAgain) {
    Field field;
    field.start();
    field.bus().reads.clear();
    EXPECT_EQ(write(field, "/dev0/3308/0/5900", 10.0), "done");
    EXPECT_EQ(field.bus().reads.size(), 1U);
    EXPECT_EQ(field.read("/dev0/3308/0/5900"), "10");
}

TEST(Write, IsNotUndoneByAPollThatWasAskedBefore) {
    Field field;
    field.start();
    field.bus().hold = true;
    field.after(1s);  // a poll is on its way, with the old relay
    ASSERT_EQ(field.bus().held.size(), 1U);
    auto old = std::move(field.bus().held.front());
    field.bus().held.clear();
    field.bus().hold = false;
    EXPECT_EQ(write(field, "/dev0/3312/0/5850", true), "done");
    field.bus().values[{0, Meters::relay}] = false;  // what the old answer says
    old();
    EXPECT_EQ(field.read("/dev0/3312/0/5850"), "true");
}

TEST(Write, ToWhatIsNotWritableOrNotThereReachesNoBus) {
    Field field;
    field.start();
    EXPECT_EQ(write(field, "/dev0/3303/0/5700", 1.0), error(Errc::not_allowed));
    EXPECT_EQ(write(field, "/dev0/3399/0/5700", 1.0), error(Errc::not_found));
    EXPECT_EQ(write(field, "/dev7/3312/0/5850", true), error(Errc::not_found));
    EXPECT_TRUE(field.bus().writes.empty());
}

TEST(Write, OfSeveralResourcesIsCheckedWholeBeforeTheFirstFrame) {
    Field field;
    field.start();
    const auto at = *lwm2m::Target::parse("/dev0/3312/0");
    std::string said;
    field.tree.write(
        at, {{*lwm2m::Target::parse("/dev0/3312/0/5850"), true, {}}, {*lwm2m::Target::parse("/dev0/3303/0/5700"), 1.0, {}}},
        lwm2m::WriteMode::partial, [&said](base::Result<void> done) { said = done ? "done" : error(done.error().code); });
    EXPECT_EQ(said, error(Errc::not_allowed));
    EXPECT_TRUE(field.bus().writes.empty());
}

TEST(ObjectTree, ListsADeviceFromObjectsDownToResourceInstances) {
    Field field;
    std::string all;
    for (const auto& path : field.tree.list({"dev0", {}})) all += path.str() + " ";
    EXPECT_EQ(all,
              "/3 /3/0 /3/0/4 /3/0/5 /3/0/11 /3/0/11/0 /3303 /3303/0 /3303/0/5518 /3303/0/5601 /3303/0/5602 /3303/0/5605 "
              "/3303/0/5700 "
              "/3303/0/5701 /3303/0/6042 /3308 /3308/0 /3308/0/5900 /3312 /3312/0 /3312/0/5850 ");
    EXPECT_TRUE(field.tree.exists({"dev0", lwm2m::Path::of({3, 0, 11, 0})}));
    EXPECT_FALSE(field.tree.exists({"dev0", lwm2m::Path::of({3, 0, 11, 1})}));
    EXPECT_FALSE(field.tree.exists({"dev0", lwm2m::Path::of({3303, 1})}));
    EXPECT_FALSE(field.tree.has("dev1"));
}

// GW-014, GW-015
// GW-014, GW-015
TEST(TypeInfo, TellsTheObjectsOfADeviceAsLinksWithoutPrefix) {  // GW: 25/x/3, gateway digest 5
    Field field;
    EXPECT_EQ(field.devices.at(0).info->links,
              "</3>;ver=1.2,</3/0>,</3303>;ver=1.1,</3303/0>,</3308>;ver=1.1,</3308/0>,</3312>;ver=1.1,</3312/0>");
}
