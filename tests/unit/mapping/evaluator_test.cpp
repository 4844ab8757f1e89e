#include "mapping/evaluator.hpp"

#include "mapping/conversion_rules.hpp"
#include "tests/unit/mapping/stage.hpp"

#include <limits>

namespace mapping {

namespace {

using adapters::Scalar;

/// One device of these points; what it says becomes lines as a server would see them.
class Bench {
public:
    explicit Bench(const std::string& points, const std::string& device = "", const std::string& site = "") {
        Stage stage;
        stage.profile("format: 1\nprofile: x/y\nrevision: 1\nprotocol: fake\n" + device + "points:\n" + points).device(site);
        type_ = stage.plan().devices.at(0).type;
        evaluator_.emplace(type_);
    }
    /// "power=22.9 energy=5 (rejected)": what is told after these values came together.
    std::string feed(const std::vector<std::pair<std::string, Scalar>>& values) {
        Evaluator::Outcomes outcomes;
        std::string text;
        for (const auto& [name, raw] : values)
            if (const auto fed = evaluator_->feed(number(name), raw, outcomes); !fed)
                text += fmt::format("{}: {} ", name, fed.error().message);
        evaluator_->settle(outcomes);
        EXPECT_FALSE(evaluator_->waiting());
        const char* qualities[] = {" (never)", " (not available)", " (rejected)", " (old)", ""};
        for (const auto& [point, reading] : outcomes)
            text += fmt::format("{}={}{} ", type_->points[point].name, lwm2m::str(reading.value),
                                qualities[static_cast<int>(reading.quality)]);
        return text.empty() ? text : text.substr(0, text.size() - 1);
    }
    std::string feed(const std::string& name, Scalar raw) { return feed({{name, std::move(raw)}}); }
    std::string write(const std::string& name, const lwm2m::Value& value) {
        const auto raw = evaluator_->write(number(name), value);
        return raw ? scalar_text(*raw) : raw.error().message;
    }
    const PointSpec& point(const std::string& name) const { return type_->points.at(number(name)); }
    const DeviceType& type() const { return *type_; }

private:
    std::uint16_t number(const std::string& name) const {
        for (std::size_t i = 0; i < type_->points.size(); ++i)
            if (type_->points[i].name == name) return static_cast<std::uint16_t>(i);
        throw std::runtime_error("no point " + name);
    }
    std::shared_ptr<const DeviceType> type_;
    std::optional<Evaluator> evaluator_;
};

Scalar i(std::int64_t number) { return number; }
Scalar u(std::uint64_t number) { return number; }

// -- calc

TEST(Calc, WorksOnThePointsOwnValueAfterScale) {
    Bench bench("  power: {pin: 1, type: uint16, scale: 0.1, calc: value * ratio, unit: W, to: 3305/0/5800}\n",
                "params: {ratio: {type: int, default: 40}}\n");
    EXPECT_EQ(bench.feed("power", u(2290)), "power=9160");
    EXPECT_EQ(bench.feed("power", u(1)), "power=4");
}

TEST(Calc, APointMadeOfOthersComesWithThem) {
    Bench bench(
        "  voltage: {pin: 1, type: uint16, unit: V, to: 3316/0}\n"
        "  current: {pin: 2, type: uint16, scale: 0.1, unit: A, to: 3317/0}\n"
        "  power: {calc: voltage * current, unit: W, to: 3305/0/5800}\n"
        "  high: {calc: power > 2000, to: 3342/0}\n");
    EXPECT_EQ(bench.feed("voltage", u(230)), "voltage=230") << "the current is still to come";
    EXPECT_EQ(bench.feed("current", u(100)), "current=10 power=2300 high=true");
    // Both at once: never a new voltage beside an old current.
    EXPECT_EQ(bench.feed({{"voltage", u(200)}, {"current", u(50)}}), "voltage=200 current=5 power=1000 high=false");
    EXPECT_EQ(bench.point("power").index, no_index);
    EXPECT_EQ(bench.point("power").inputs, (std::vector<std::uint16_t>{0, 1}));
    EXPECT_EQ(bench.point("high").inputs, (std::vector<std::uint16_t>{0, 1}));
    EXPECT_TRUE(bench.point("voltage").inputs.empty());
}

TEST(Calc, WhatIsMadeOfSomethingMissingIsNotThere) {
    Bench bench(
        "  a: {pin: 1, type: uint16, invalid: [0xFFFF], range: [0, 100], to: 3303/0}\n"
        "  b: {pin: 2, type: uint16, to: 3303/1}\n"
        "  c: {calc: a / b, to: 3303/2}\n");
    bench.feed({{"a", u(10)}, {"b", u(4)}});
    EXPECT_EQ(bench.feed("a", u(65535)), "a=none (not available) c=none (not available)");
    EXPECT_EQ(bench.feed("a", u(20)), "a=20 c=5");
    EXPECT_EQ(bench.feed("b", u(0)), "b=0 c=none (not available)") << "division by zero";
    bench.feed("b", u(4));
    EXPECT_EQ(bench.feed("a", u(200)), "a=200 (rejected) c=50 (rejected)") << "what is made of doubtful is doubtful";
}

TEST(Calc, RangeAndTypeAreThoseOfTheResult) {
    Bench bench("  a: {pin: 1, type: uint16, calc: value - 100, range: [0, 50], to: 3348/0}\n");
    EXPECT_EQ(bench.feed("a", u(130)), "a=30");
    EXPECT_EQ(bench.feed("a", u(90)), "a=-10 (rejected)");
}

TEST(Calc, TextsAndConditions) {
    Bench bench(
        "  major: {pin: 1, type: uint16}\n"
        "  minor: {pin: 2, type: uint16}\n"
        "  state: {pin: 3, type: uint16, map: {0: \"idle\", 1: \"FAULT\"}, to: 3341/0}\n"
        "  fault: {calc: 'state == \"FAULT\"', to: 3342/0}\n",
        "device: {firmware: {calc: 'text(major) + \".\" + text(minor)'}}\n");
    EXPECT_EQ(bench.feed({{"major", u(2)}, {"minor", u(11)}}), "major=2 minor=11 device.firmware=\"2.11\"");
    EXPECT_EQ(bench.feed("state", u(1)), "state=\"FAULT\" fault=true");
}

TEST(Calc, OnlyWhatSomebodySeesIsPolled) {
    Bench bench(
        "  seen: {pin: 1, type: uint16, every: 1s, calc: value * factor, to: 3303/0}\n"
        "  factor: {pin: 2, type: uint16, every: start}\n"
        "  idle: {pin: 3, type: uint16, every: 1s}\n"
        "  hot: {pin: 4, type: uint16, bit: 3, every: 2s}\n",
        "device: {errors: {hot: 16}}\n");
    EXPECT_TRUE(bench.point("factor").at_start);
    EXPECT_EQ(bench.point("idle").period, Milliseconds{0});
    EXPECT_EQ(bench.point("hot").period, Milliseconds{2000});
    ASSERT_EQ(bench.type().errors.size(), 1U);
    EXPECT_EQ(bench.type().errors[0].code, 16);
}

TEST(Calc, ADeviceWithoutSuchPointsNeedsNoEvaluator) {
    Bench plain("  a: {pin: 1, type: uint16, scale: 0.1, to: 3303/0}\n");
    EXPECT_FALSE(Evaluator::needed(plain.type()));
    EXPECT_EQ(plain.feed("a", u(229)), "a=22.9");
}

// -- exponent

TEST(Exponent, IsTheOtherRegistersPowerOfTen) {
    Bench bench(
        "  reactive: {pin: 1, type: int16, exponent: sf, unit: var, invalid: [0x8000], to: 3305/0/5810}\n"
        "  sf: {pin: 2, type: sunssf, every: start}\n");
    EXPECT_EQ(bench.feed("reactive", i(-100)), "") << "its exponent is still to come";
    EXPECT_EQ(bench.feed("sf", i(-1)), "sf=-1 reactive=-10");
    EXPECT_EQ(bench.feed("reactive", i(229)), "reactive=22.9") << "exact";
    EXPECT_EQ(bench.feed({{"reactive", i(229)}, {"sf", i(2)}}), "sf=2 reactive=22900");
    EXPECT_EQ(bench.feed("reactive", i(-32768)), "reactive=none (not available)");
    EXPECT_EQ(bench.point("reactive").inputs, std::vector<std::uint16_t>{1});
}

TEST(Exponent, ThatIsNotImplementedMakesNoValue) {
    Bench bench(
        "  p: {pin: 1, type: uint16, exponent: sf, to: 3305/0/5800}\n"
        "  sf: {pin: 2, type: sunssf}\n");
    EXPECT_EQ(bench.feed({{"p", u(5)}, {"sf", i(-32768)}}), "sf=none (not available) p=none (not available)");
    EXPECT_EQ(bench.feed("sf", i(31)), "sf=31 p=none (not available)") << "no meter has that";
    EXPECT_EQ(bench.feed("sf", i(0)), "sf=0 p=5");
}

TEST(Exponent, IsUndoneWhenWriting) {
    Bench bench(
        "  limit: {pin: 1, type: uint16, exponent: sf, to: 3308/0, write: {max: 100}}\n"
        "  sf: {pin: 2, type: sunssf}\n");
    EXPECT_EQ(bench.write("limit", 22.9), "the exponent, point 'sf', is not known yet");
    bench.feed("sf", i(-1));
    EXPECT_EQ(bench.write("limit", 22.9), "229");
    EXPECT_EQ(bench.write("limit", 101.0), "101 is over the maximum 100");
    bench.feed("sf", i(-4));
    EXPECT_EQ(bench.write("limit", 22.9), "it works out as over what the device can hold, 65535");
}

// -- write.calc

TEST(WriteCalc, IsTheWayBack) {
    Bench bench(
        "  speed: {pin: 1, type: uint16, calc: value * 60, to: 3308/0, write: {calc: value / 60, min: 0, max: 6000}}\n"
        "  run: {pin: 2, type: uint16, calc: value == 7, to: 3312/0, write: {calc: 7 if value else 0}}\n");
    EXPECT_EQ(bench.write("speed", 120.0), "2");
    EXPECT_EQ(bench.write("speed", 6001.0), "6001 is over the maximum 6000");
    EXPECT_EQ(bench.feed("speed", u(2)), "speed=120");
    EXPECT_EQ(bench.write("run", true), "7");
    EXPECT_EQ(bench.write("run", false), "0");
}

TEST(WriteCalc, MayLookAtOtherPoints) {
    Bench bench(
        "  limit: {pin: 1, type: uint16, to: 3308/0, write: {calc: value * 100 / rated}}\n"
        "  rated: {pin: 2, type: uint16, every: start}\n");
    EXPECT_EQ(bench.write("limit", 2500.0), "a value that write.calc needs is not known yet");
    bench.feed("rated", u(5000));
    EXPECT_EQ(bench.write("limit", 2500.0), "50");
    bench.feed("rated", u(0));
    EXPECT_EQ(bench.write("limit", 2500.0), "write.calc has no result for this value");
    EXPECT_TRUE(bench.point("rated").at_start) << "polled although no server sees it";
}

// -- monotonic

TEST(MonotonicCounter, ARiseIsGoodAndAFallIsDoubted) {
    Bench bench("  e: {pin: 1, type: uint32, monotonic: {}, to: 3305/0/5805}\n");
    EXPECT_EQ(bench.feed("e", u(1000)), "e=1000");
    EXPECT_EQ(bench.feed("e", u(1000)), "e=1000");
    EXPECT_EQ(bench.feed("e", u(1005)), "e=1005");
    EXPECT_EQ(bench.feed("e", u(3)), "e=3 (rejected)");
    EXPECT_EQ(bench.feed("e", u(1006)), "e=1006") << "it was a bad reading";
    EXPECT_EQ(bench.feed("e", u(3)), "e=3 (rejected)") << "and is forgotten";
}

TEST(MonotonicCounter, ASecondReadingThatGoesOnConfirmsTheNewMeter) {
    Bench bench("  e: {pin: 1, type: uint32, monotonic: {wraps: 4294967295}, to: 3305/0/5805}\n");
    bench.feed("e", u(100'000));
    EXPECT_EQ(bench.feed("e", u(5)), "e=5 (rejected)");
    EXPECT_EQ(bench.feed("e", u(6)), "e=6");
    EXPECT_EQ(bench.feed("e", u(7)), "e=7");
    bench.feed("e", u(100));
    EXPECT_EQ(bench.feed("e", u(50)), "e=50 (rejected)");
    EXPECT_EQ(bench.feed("e", u(40)), "e=40 (rejected)") << "it fell again";
    EXPECT_EQ(bench.feed("e", u(40)), "e=40");
}

TEST(MonotonicCounter, AWrapIsGood) {
    Bench bench("  e: {pin: 1, type: uint32, monotonic: {wraps: 999999}, to: 3305/0/5805}\n");
    bench.feed("e", u(999'990));
    EXPECT_EQ(bench.feed("e", u(4)), "e=4");
    bench.feed("e", u(600'000));
    EXPECT_EQ(bench.feed("e", u(50'000)), "e=50000") << "449,999 over the top, 550,000 back";
    bench.feed("e", u(400'000));
    EXPECT_EQ(bench.feed("e", u(100'000)), "e=100000 (rejected)") << "300,000 back, 699,999 over the top";
}

TEST(MonotonicCounter, LargeCountersAreComparedExactly) {
    Bench bench("  e: {pin: 1, type: uint64, monotonic: {}, to: 3348/0}\n");
    bench.feed("e", u(9'007'199'254'740'993));
    EXPECT_EQ(bench.feed("e", u(9'007'199'254'740'992)), "e=9007199254740992 (rejected)");
}

TEST(MonotonicCounter, WhatIsOutOfRangeIsNoBase) {
    Bench bench("  e: {pin: 1, type: uint32, range: [0, 1000], monotonic: {}, to: 3305/0/5805}\n");
    bench.feed("e", u(10));
    EXPECT_EQ(bench.feed("e", u(5000)), "e=5000 (rejected)");
    EXPECT_EQ(bench.feed("e", u(11)), "e=11");
}

// -- deadband

TEST(Deadband, ASmallMoveIsNoNews) {
    Bench bench("  t: {pin: 1, type: int16, scale: 0.1, deadband: 0.5, to: 3303/0}\n");
    EXPECT_EQ(bench.feed("t", i(200)), "t=20");
    EXPECT_EQ(bench.feed("t", i(204)), "t=20");
    EXPECT_EQ(bench.feed("t", i(196)), "t=20");
    EXPECT_EQ(bench.feed("t", i(205)), "t=20.5") << "counted from what was told";
    EXPECT_EQ(bench.feed("t", i(209)), "t=20.5");
}

TEST(Deadband, TheSiteMayChangeIt) {
    Bench wide("  t: {pin: 1, type: int16, deadband: 1, to: 3303/0}\n", "", "points: {t: {deadband: 10}}");
    EXPECT_EQ(wide.point("t").deadband, 10.0);
    Bench none("  t: {pin: 1, type: int16, deadband: 1, to: 3303/0}\n", "", "points: {t: {deadband: 0}}");
    EXPECT_FALSE(Evaluator::needed(none.type()));
}

TEST(Evaluator, AValueThatCannotBeChangesNothing) {
    Bench bench(
        "  a: {pin: 1, type: string, map: {\"ON\": 1, \"OFF\": 0}}\n"
        "  b: {calc: a + 1, to: 3303/0}\n");
    EXPECT_EQ(bench.feed("a", Scalar(std::string("ON"))), "a=1 b=2");
    EXPECT_EQ(bench.feed("a", Scalar(std::string("maybe"))), "a: \"maybe\" is not in the map");
    EXPECT_EQ(bench.feed("a", Scalar(std::string("OFF"))), "a=0 b=1");
}

}  // namespace

}  // namespace mapping
