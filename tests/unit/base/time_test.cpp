#include "gateway/base/time.hpp"

#include "gateway/base/result.hpp"
#include "tests/fakes/manual_timers.hpp"

#include <gtest/gtest.h>
#include <optional>

namespace base {
namespace {

TEST(Timer, rings_once_and_not_after_its_owner_is_gone) {
    fakes::ManualTimers timers;
    int rung = 0;
    std::optional<Timer> timer(std::in_place, timers);
    timer->set(timers.now() + 10s, [&] { ++rung; });
    EXPECT_TRUE(timer->is_set());
    timers.advance(10s);
    EXPECT_EQ(rung, 1);
    EXPECT_FALSE(timer->is_set());
    timer->set(timers.now() + 10s, [&] { ++rung; });
    timer.reset();
    timers.advance(60s);
    EXPECT_EQ(rung, 1);
    EXPECT_EQ(timers.waiting(), 0U);
}

TEST(Timer, a_new_alarm_replaces_the_old_one) {
    fakes::ManualTimers timers;
    std::string rung;
    Timer timer(timers);
    timer.set(timers.now() + 1s, [&] { rung += "a"; });
    timer.set(timers.now() + 2s, [&] { rung += "b"; });
    timers.advance(5s);
    EXPECT_EQ(rung, "b");
}

TEST(Timer, can_be_set_again_from_its_own_alarm) {
    fakes::ManualTimers timers;
    int rung = 0;
    Timer timer(timers);
    std::function<void()> again = [&] {
        if (++rung < 3) timer.set(timers.now() + 1s, again);
    };
    timer.set(timers.now() + 1s, again);
    timers.advance(10s);
    EXPECT_EQ(rung, 3);
}

TEST(Random, a_unit_is_at_least_0_and_below_1) {
    struct Extremes final : Random {
        std::uint64_t number = 0;
        std::uint64_t next() override { return number; }
    } random;
    EXPECT_EQ(random.unit(), 0.0);
    random.number = ~std::uint64_t{0};
    EXPECT_LT(random.unit(), 1.0);
}

TEST(Error, tells_the_outermost_fact_first) {
    const Error inner{Errc::timeout, "no answer within 1s"};
    EXPECT_EQ(in("reading 'power'", in("unit 3", inner)),
              (Error{Errc::timeout, "reading 'power': unit 3: no answer within 1s"}));
}

}  // namespace
}  // namespace base
