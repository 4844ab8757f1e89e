#include "adapters/modbus/read_plan.hpp"

#include "tests/fakes/manual_timers.hpp"

#include <gtest/gtest.h>
#include <algorithm>

namespace adapters::modbus {
namespace {

Extent holding(std::uint16_t address, std::uint16_t count = 1) { return {Table::holding, address, count}; }
Extent coil(std::uint16_t address) { return {Table::coil, address, 1}; }

std::string plan(const std::vector<Extent>& extents, const ReadLimits& limits = {}, const Holes& holes = {}) {
    std::string text;
    for (const Block& block : plan_reads(extents, limits, holes)) text += (text.empty() ? "" : "; ") + describe(block, extents);
    return text;
}

TEST(ReadPlan, NothingAskedIsNoRequest) { EXPECT_EQ(plan({}), ""); }

TEST(ReadPlan, ASinglePointIsOneRequest) { EXPECT_EQ(plan({holding(100)}), "holding 100"); }

TEST(ReadPlan, AdjacentPointsShareARequestInAnyOrder) {
    EXPECT_EQ(plan({holding(2, 2), holding(0), holding(1)}), "holding 0..3  4 registers");
}

TEST(ReadPlan, AHundredAdjacentRegistersAreOneRequest) {
    std::vector<Extent> extents;
    for (std::uint16_t address = 0; address < 100; ++address) extents.push_back(holding(address));
    EXPECT_EQ(plan(extents), "holding 0..99  100 registers");
}

TEST(ReadPlan, TheExampleMeterIsReadAsItsManualSays) {  // docs: the mapping format's example
    const ReadLimits limits{60, 512, 19};
    EXPECT_EQ(plan({holding(1, 2), holding(14), holding(20), holding(21), coil(0)}, limits),
              "coil 0; holding 1..21  21 registers, 2 gaps");
    EXPECT_EQ(plan({holding(0), holding(10, 4), holding(100)}, limits), "holding 0..13  14 registers, 1 gap; holding 100");
}

TEST(ReadPlan, AGapIsBridgedUpToTheLimitAndNoFurther) {
    EXPECT_EQ(plan({holding(0), holding(11)}, {125, 2000, 10}), "holding 0..11  12 registers, 1 gap");
    EXPECT_EQ(plan({holding(0), holding(12)}, {125, 2000, 10}), "holding 0; holding 12");
    EXPECT_EQ(plan({holding(0), holding(2)}, {125, 2000, 0}), "holding 0; holding 2");
}

TEST(ReadPlan, ABitCostsASixteenthOfARegister) {
    EXPECT_EQ(plan({coil(0), coil(33)}, {125, 2000, 2}), "coil 0..33  34 bits, 1 gap");
    EXPECT_EQ(plan({coil(0), coil(34)}, {125, 2000, 2}), "coil 0; coil 34");
}

TEST(ReadPlan, TablesAreNeverMixed) {
    EXPECT_EQ(plan({holding(0), {Table::input, 1, 1}, coil(2), {Table::discrete, 3, 1}}),
              "coil 2; discrete 3; input 1; holding 0");
}

TEST(ReadPlan, ARequestEndsAtTheDevicesLimit) {
    EXPECT_EQ(plan({holding(0, 2), holding(2, 2), holding(4, 2)}, {4, 2000, 0}),
              "holding 0..3  4 registers; holding 4..5  2 registers");
}

TEST(ReadPlan, NoRequestIsLargerThanTheProtocolAllows) {
    std::vector<Extent> extents;
    for (std::uint16_t address = 0; address < 300; ++address) extents.push_back(holding(address));
    for (std::uint16_t address = 0; address < 4100; ++address) extents.push_back(coil(address));
    EXPECT_EQ(plan(extents, {60000, 60000, 5}),
              "coil 0..1999  2000 bits; coil 2000..3999  2000 bits; coil 4000..4099  100 bits; "
              "holding 0..124  125 registers; holding 125..249  125 registers; holding 250..299  50 registers");
}

TEST(ReadPlan, EqualAndOverlappingPointsShareTheirRegisters) {
    const std::vector<Extent> extents{holding(10, 2), holding(10, 2), holding(11), holding(10, 4)};
    const auto blocks = plan_reads(extents, {}, {});
    ASSERT_EQ(blocks.size(), 1U);
    EXPECT_EQ(blocks[0].count, 4);
    EXPECT_EQ(blocks[0].points.size(), 4U);
}

TEST(ReadPlan, TheLastRegisterCanBeRead) {
    EXPECT_EQ(plan({holding(65534, 2), holding(65533)}), "holding 65533..65535  3 registers");
}

TEST(ReadPlan, AHoleIsReadAroundAndItsPointAlone) {
    Holes holes;
    holes.forbid(Table::holding, 2, 3);
    const ReadLimits limits{125, 2000, 10};
    EXPECT_EQ(plan({holding(0), holding(1), holding(3), holding(4)}, limits, holes),
              "holding 0..1  2 registers; holding 3..4  2 registers");
    EXPECT_EQ(plan({holding(0), holding(1), holding(2), holding(3)}, limits, holes),
              "holding 0..1  2 registers; holding 2; holding 3");
    EXPECT_EQ(plan({holding(2), holding(2)}, limits, holes), "holding 2");
    EXPECT_EQ(plan({{Table::input, 1, 1}, {Table::input, 3, 1}}, limits, holes), "input 1..3  3 registers, 1 gap")
        << "another table";
}

TEST(ReadPlan, ALearnedLengthHolds) {
    Holes holes;
    holes.limit(Table::holding, 3);
    holes.limit(Table::holding, 5);  // no step back
    EXPECT_EQ(plan({holding(0), holding(1), holding(2), holding(3)}, {}, holes), "holding 0..2  3 registers; holding 3");
}

TEST(ReadPlan, EveryPointIsInExactlyOneBlockThatHoldsIt) {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        SCOPED_TRACE(seed);
        fakes::FixedRandom random(seed);
        const auto below = [&](std::uint64_t limit) { return static_cast<std::uint16_t>(random.next() % limit); };
        std::vector<Extent> extents;
        for (std::size_t i = below(60); i > 0; --i) {
            const auto table = static_cast<Table>(below(4));
            const std::uint16_t count = is_bits(table) ? std::uint16_t{1} : static_cast<std::uint16_t>(1 + below(8));
            extents.push_back({table, below(400), count});
        }
        const ReadLimits limits{static_cast<std::uint16_t>(8 + below(118)), static_cast<std::uint16_t>(1 + below(2000)),
                                below(40)};
        Holes holes;
        for (std::size_t i = below(10); i > 0; --i) {
            const std::uint16_t at = below(400);
            holes.forbid(static_cast<Table>(below(4)), at, at + 1U + below(3));
        }
        std::vector<unsigned> served(extents.size());
        for (const Block& block : plan_reads(extents, limits, holes)) {
            EXPECT_LE(block.count, is_bits(block.table) ? limits.bits : limits.registers);
            for (const auto index : block.points) {
                ++served[index];
                EXPECT_EQ(extents[index].table, block.table);
                EXPECT_GE(extents[index].address, block.address);
                EXPECT_LE(extents[index].end(), block.end());
            }
            if (holes.touches(block.table, block.address, block.end())) {
                for (const auto index : block.points)
                    EXPECT_EQ(extents[index], extents[block.points[0]]) << "only the point itself may lie on a hole";
            }
        }
        EXPECT_TRUE(std::all_of(served.begin(), served.end(), [](unsigned times) { return times == 1; }));
    }
}

TEST(Split, PartsAtTheWidestGapNearTheMiddle) {
    const std::vector<Extent> extents{holding(0), holding(1), holding(5), holding(6), holding(7)};
    const auto blocks = plan_reads(extents, {125, 2000, 10}, {});
    ASSERT_EQ(blocks.size(), 1U);
    const auto halves = split(blocks[0], extents);
    ASSERT_EQ(halves.size(), 2U);
    EXPECT_EQ(describe(halves[0], extents), "holding 0..1  2 registers");
    EXPECT_EQ(describe(halves[1], extents), "holding 5..7  3 registers");
}

TEST(Split, ReachesEverySinglePointInFewSteps) {
    std::vector<Extent> extents;
    for (std::uint16_t address = 0; address < 64; ++address) extents.push_back(holding(address));
    std::vector<Block> open = plan_reads(extents, {}, {});
    std::size_t deepest = 0;
    for (std::size_t depth = 0; !open.empty(); ++depth) {
        deepest = depth;
        std::vector<Block> next;
        for (const Block& block : open)
            for (Block& half : split(block, extents)) next.push_back(std::move(half));
        open = std::move(next);
    }
    EXPECT_EQ(deepest, 6U);
}

TEST(Split, PointsThatBeginTogetherArePartedByLengthAndTwinsNot) {
    const std::vector<Extent> extents{holding(10), holding(10, 2), holding(10, 2)};
    const auto blocks = plan_reads(extents, {}, {});
    const auto halves = split(blocks.at(0), extents);
    ASSERT_EQ(halves.size(), 2U);
    EXPECT_EQ(halves[0].count, 1);
    EXPECT_EQ(halves[1].count, 2);
    EXPECT_TRUE(split(halves[0], extents).empty());
    EXPECT_TRUE(split(halves[1], extents).empty());
}

TEST(GapOfLine, IsWhatOneMoreRequestCosts) {
    // Silence and character of the usual lines; a device that thinks for 10 ms.
    EXPECT_EQ(gap_of_line(10 * 1e6 / 9600, 3.5 * 10 * 1e6 / 9600, 10'000), 15);
    EXPECT_EQ(gap_of_line(11 * 1e6 / 9600, 3.5 * 11 * 1e6 / 9600, 10'000), 14);
    EXPECT_EQ(gap_of_line(11 * 1e6 / 19200, 3.5 * 11 * 1e6 / 19200, 10'000), 19);
    EXPECT_EQ(gap_of_line(11 * 1e6 / 38400, 1750, 10'000), 30);
    EXPECT_EQ(gap_of_line(10 * 1e6 / 115200, 1750, 10'000), 84);
}

}  // namespace
}  // namespace adapters::modbus
