// Who may use a link, and when: a serial line modelled with its times, on manual time.
#include "tests/fakes/scripted_field.hpp"

#include <gtest/gtest.h>
#include <algorithm>

using namespace std::chrono_literals;
using base::Errc;
using fakes::Field;
using fakes::Meters;
using gateway::Presence;

namespace {

/// Longest and mean time between two reads of a device.
struct Gaps {
    double longest = 0, mean = 0;
    std::size_t count = 0;
};
Gaps gaps(const Field& field, adapters::DeviceId device) {
    Gaps its;
    base::Instant last{};
    for (const auto& read : field.meters.driver->reads) {
        if (read.device != device) continue;
        if (last != base::Instant{}) {
            const double gap = std::chrono::duration<double>(read.when - last).count();
            its.longest = std::max(its.longest, gap);
            its.mean += gap;
            ++its.count;
        }
        last = read.when;
    }
    its.mean /= static_cast<double>(std::max<std::size_t>(its.count, 1));
    return its;
}

}  // namespace

TEST(BusFairness, ThirtyOneLivingUnitsBesideADeadOneKeepTheirPeriod) {
    Field field(32);
    field.bus().frame = 20ms;  // 31 of them: 62 % of the line
    field.bus().timeout = 300ms;
    field.bus().failing[31] = {Errc::timeout, "no answer within 300ms"};
    field.start();
    field.after(10s);  // it is known as dead
    ASSERT_EQ(field.devices.at(31).presence, Presence::offline);
    field.bus().reads.clear();
    field.after(10min);
    for (adapters::DeviceId d = 0; d < 31; ++d) {
        const auto its = gaps(field, d);
        EXPECT_NEAR(its.mean, 1.0, 0.1) << d;
        EXPECT_LE(its.longest, 1.4) << d;  // one probe may stand in the way, never two
    }
}

TEST(BusFairness, ManyDeadUnitsTogetherTakeATenthOfTheLine) {
    Field field(20);
    field.bus().frame = 20ms;
    field.bus().timeout = 500ms;
    for (adapters::DeviceId d = 4; d < 20; ++d) field.bus().failing[d] = {Errc::timeout, "no answer within 500ms"};
    field.start();
    field.after(5min);
    field.bus().reads.clear();
    field.after(10min);
    std::map<adapters::DeviceId, int> probes;
    int all = 0;
    for (const auto& read : field.bus().reads)
        if (read.device >= 4) ++probes[read.device], ++all;
    EXPECT_LE(all * 500, 600'000 / 10);
    EXPECT_GE(all * 500, 600'000 / 20);  // and they do get theirs
    EXPECT_EQ(probes.size(), 16U);       // each of them
    for (adapters::DeviceId d = 0; d < 4; ++d) EXPECT_NEAR(gaps(field, d).mean, 1.0, 0.1) << d;
}

TEST(BusFairness, AServersReadAndWriteWaitForTheFrameInProgressOnly) {
    Field field(32);
    field.bus().frame = 50ms;  // more than there is
    field.start();
    field.after(60s);
    const auto asked = field.timers.now();
    base::Instant answered{};
    const auto at = *lwm2m::Target::parse("/dev7/3308/0/5900");
    field.tree.read(at, [&](const auto& entries) {
        EXPECT_TRUE(entries);
        answered = field.timers.now();
    });
    field.after(1s);
    ASSERT_NE(answered, base::Instant{});
    EXPECT_LE(answered - asked, 150ms);
    const auto sent = field.timers.now();
    const auto relay = *lwm2m::Target::parse("/dev7/3308/0/5900");
    answered = {};
    field.tree.write(relay, {{relay, 10.0, {}}}, lwm2m::WriteMode::replace, [&](const auto& done) {
        EXPECT_TRUE(done);
        answered = field.timers.now();
    });
    field.after(1s);
    ASSERT_NE(answered, base::Instant{});
    EXPECT_LE(answered - sent, 100ms);
}

TEST(BusFairness, ALinkWithTooMuchToDoServesAllInTurn) {
    Field field(32);
    field.bus().frame = 50ms;  // 32 of them take 1.6 s of each second
    field.start();
    field.after(60s);
    field.bus().reads.clear();
    field.after(60s);
    for (adapters::DeviceId d = 0; d < 32; ++d) {
        EXPECT_GE(gaps(field, d).count, 25U) << d;
        EXPECT_LE(gaps(field, d).longest, 2.5) << d;
    }
}

TEST(BusFairness, ADeviceThatStopsAnsweringIsAskedByOneGroupOnly) {
    Field field(1, [](mapping::DeviceType& type) { type.points[Meters::relay].period = base::Milliseconds(1100); });
    field.bus().failing[0] = {Errc::timeout, "no answer"};
    field.start();
    const auto first = field.bus().reads.front().points;
    field.after(3s);
    for (const auto& read : field.bus().reads) EXPECT_EQ(read.points, first);
    EXPECT_EQ(field.devices.at(0).presence, Presence::offline);
    field.bus().failing.clear();
    field.after(5s);
    EXPECT_EQ(field.read("/dev0/3312/0/5850"), "false");
}

TEST(Hastened, AGroupIsReadMoreOftenWhileTheLinkHasTime) {
    Field field(2);
    field.bus().frame = 20ms;
    field.start();
    field.after(10s);
    field.links.hasten(0, 0, 200ms);
    field.bus().reads.clear();
    field.after(60s);
    EXPECT_NEAR(gaps(field, 0).mean, 0.2, 0.02);
    EXPECT_NEAR(gaps(field, 1).mean, 1.0, 0.1);
    field.links.hasten(0, 0, std::nullopt);
    field.after(2s);
    field.bus().reads.clear();
    field.after(60s);
    EXPECT_NEAR(gaps(field, 0).mean, 1.0, 0.1);
}

TEST(Hastened, NobodyIsReadLessForIt) {
    Field field(32);
    field.bus().frame = 25ms;  // 80 %
    field.start();
    field.after(60s);
    for (gateway::DeviceIndex d = 0; d < 16; ++d) field.links.hasten(d, 0, 100ms);
    field.after(60s);
    field.bus().reads.clear();
    field.after(60s);
    for (adapters::DeviceId d = 16; d < 32; ++d) EXPECT_LE(gaps(field, d).mean, 1.25) << d;
}

TEST(Computed, PointsAreReadByTheirInputs) {
    Field field(1, [](mapping::DeviceType& type) {
        auto& limit = type.points[Meters::limit];  // has no period of its own
        mapping::PointSpec sum;
        sum.name = "sum";
        sum.index = mapping::no_index;
        sum.inputs = {2};
        sum.period = base::Milliseconds(2000);
        limit.max_age = {};
        type.points.push_back(sum);
    });
    field.start();
    ASSERT_EQ(field.bus().reads.size(), 2U);
    EXPECT_EQ(field.bus().reads[1].points, (std::vector<adapters::PointIndex>{Meters::limit}));
    field.after(10s);
    const auto its = std::count_if(field.bus().reads.begin(), field.bus().reads.end(),
                                   [](const auto& read) { return read.points.front() == Meters::limit; });
    EXPECT_EQ(its, 6);
}

TEST(Computed, AReadAsksForTheInputsThatAreOld) {
    Field field(1, [](mapping::DeviceType& type) {
        mapping::PointSpec sum;
        sum.name = "sum";
        sum.index = mapping::no_index;
        sum.inputs = {0, 2};
        sum.max_age = base::Milliseconds(1000);
        type.points.push_back(sum);
    });
    field.start();
    std::vector<gateway::PointNumber> wanted;
    field.broker.stale(0, 3, wanted);
    EXPECT_EQ(wanted, (std::vector<gateway::PointNumber>{2}));  // the temperature was polled just now
    EXPECT_FALSE(field.broker.fresh(0, 3));
    field.broker.refresh(0, wanted, [](const auto&) {});
    EXPECT_TRUE(field.broker.fresh(0, 3));
}
