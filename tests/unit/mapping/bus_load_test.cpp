#include "mapping/bus_load.hpp"

#include "tests/unit/mapping/stage.hpp"

namespace mapping {

namespace {

using namespace std::chrono_literals;

/// Ten meters with a point each second and two points each ten seconds.
class BusLoadTest : public testing::Test {
protected:
    BusLoadTest() {
        stage_.points(
            "  power: {pin: 1, every: 1s, to: 3305/0/5800}\n"
            "  energy: {pin: 2, every: 10s, to: 3305/0/5805}\n"
            "  voltage: {pin: 3, every: 10s, to: 3316/0}\n"
            "  serial: {pin: 4, every: start, to: 3/0/2, type: string}\n");
        stage_.site("format: 1\ndevices:\n  - {id: \"d${unit}\", profile: x/y@1, link: bus, unit: 1-10}\n");
    }
    Plan plan(std::chrono::microseconds point_cost, double limit, bool measured = false) {
        auto plan = stage_.plan();
        auto& bus = *stage_.adapters.front();
        bus.point_cost = point_cost;
        bus.limit = limit;
        bus.measured = measured;
        return plan;
    }

    Stage stage_;
    base::Diagnostics diagnostics_;
};

TEST_F(BusLoadTest, IsTheSumOfWhatEachPeriodTakes) {
    const auto loads = bus_loads(plan(50ms, 0.7));
    ASSERT_EQ(loads.size(), 1U);
    // Ten devices, each 50 ms of a second and 100 ms of ten; what is read at start counts nothing.
    EXPECT_DOUBLE_EQ(loads[0].busy, 10 * (0.05 + 0.01));
    EXPECT_EQ(loads[0].str(), "60 % busy (limit 70 %), turnaround assumed, not measured yet");
    EXPECT_TRUE(loads[0].fits());
}

TEST_F(BusLoadTest, SaysNothingOfTheTurnaroundOnceItIsMeasured) {
    EXPECT_EQ(bus_loads(plan(5ms, 0.7, true))[0].str(), "6.0 % busy (limit 70 %)");
}

TEST_F(BusLoadTest, RefusesAPlanOverTheLimitWithWhatWouldFit) {
    const auto too_much = plan(100ms, 0.7);
    check_bus_load(too_much, diagnostics_);
    EXPECT_EQ(
        diagnostics_.str(),
        "gateway.yaml:1:6: link 'bus': the polls of its 10 devices need 120 % of its time, and 70 % is the limit; x/y@1 needs "
        "120 % (10 devices); read less often, by a factor of 1.8 (every: 1s becomes 1.8s), take a faster line, or put devices "
        "on "
        "another link\n");
}

TEST_F(BusLoadTest, LetsAPlanWithinTheLimitPass) {
    check_bus_load(plan(50ms, 0.7), diagnostics_);
    EXPECT_TRUE(diagnostics_.ok());
}

TEST_F(BusLoadTest, IsNoMatterWhereTheLinkIsNoBottleneck) {
    const auto broker = plan(0ms, 0.7);
    EXPECT_EQ(bus_loads(broker)[0].str(), "");
    check_bus_load(broker, diagnostics_);
    EXPECT_TRUE(diagnostics_.ok());
    EXPECT_EQ(broker.str().find("busy"), std::string::npos);
}

TEST_F(BusLoadTest, IsPartOfWhatExplainPrints) {
    const auto text = plan(2500us, 0.7).str();
    EXPECT_NE(text.find("bus  fake  10 devices  3.0 % busy (limit 70 %), turnaround assumed, not measured yet\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("    1s     pin 1   2.5 ms\n"
                        "    10s    pin 2\n"
                        "    10s    pin 3   5.0 ms together\n"),
              std::string::npos)
        << text;
}

}  // namespace

}  // namespace mapping
