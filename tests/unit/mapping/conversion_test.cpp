#include "mapping/conversion.hpp"

#include "mapping/conversion_rules.hpp"
#include "tests/unit/mapping/stage.hpp"

#include <bit>
#include <limits>
#include <random>

namespace mapping {

namespace {

using adapters::Encoding;
using adapters::Kind;
using adapters::Scalar;
using lwm2m::Type;
using lwm2m::Value;

Scalar i(std::int64_t number) { return number; }
Scalar u(std::uint64_t number) { return number; }

/// The conversion of a point written as in a profile; `to` chooses the resource's type.
Conversion of(const std::string& keys) {
    Stage stage;
    stage.points("  p: {pin: 1, " + keys + "}\n").device();
    const auto plan = stage.plan();
    return plan.devices.at(0).type->points.at(0).conversion;
}
std::string errors(const std::string& keys) { return Stage().points("  p: {pin: 1, " + keys + "}\n").device().errors(); }

std::string read(const Conversion& conversion, const Scalar& raw) {
    const auto reading = conversion.read(raw);
    if (!reading) return "error: " + reading.error().message;
    const char* qualities[] = {" never", " not available", " rejected", " old", ""};
    return lwm2m::str(reading->value) + qualities[static_cast<int>(reading->quality)];
}
std::string write(const Conversion& conversion, const Value& value) {
    const auto raw = conversion.write(value);
    if (raw) return scalar_text(*raw);
    EXPECT_EQ(raw.error().code, base::Errc::bad_request);
    return raw.error().message;
}

// -- Reading

TEST(ConversionReading, ADecimalScaleIsAppliedOnce) {
    const auto c = of("type: int16, scale: 0.1, to: 3303/0");
    EXPECT_EQ(read(c, i(229)), "22.9");
    EXPECT_EQ(read(c, i(-1)), "-0.1");
    EXPECT_EQ(read(c, i(3)), "0.3");
    for (std::int64_t raw = -32768; raw < 32768; ++raw)
        ASSERT_EQ(std::get<double>(c.read(i(raw))->value), static_cast<double>(raw) / 10) << raw;
}

TEST(ConversionReading, ScaleThenOffset) {
    const auto c = of("type: uint16, scale: 0.01, offset: -273.15, to: 3303/0");
    EXPECT_EQ(read(c, u(29315)), "20");
    EXPECT_EQ(read(c, u(0)), "-273.15");
    EXPECT_EQ(read(of("type: uint8, offset: -40, to: 3303/0"), u(65)), "25");
    EXPECT_EQ(read(of("type: float32, scale: 1000, to: 3305/0/5805"), Scalar(1.25)), "1250");
    EXPECT_EQ(read(of("type: float32, scale: 0.1, to: 3303/0"), Scalar(229.01)), "22.901");
}

TEST(ConversionReading, LargeCountersStayExactWithoutScale) {
    EXPECT_EQ(read(of("type: uint64, to: 3303/0"), u(9'007'199'254'740'992)), "9007199254740992");
    EXPECT_EQ(read(of("type: int64, to: 3348/0"), i(9'007'199'254'740'993)), "9007199254740993");
    EXPECT_EQ(read(of("type: uint64, to: 3348/0"), u(std::numeric_limits<std::uint64_t>::max())),
              "error: 18446744073709551615 is not in the range of a 64-bit integer");
}

TEST(ConversionReading, AnIntegerResourceIsRounded) {
    const auto c = of("type: uint16, scale: 0.1, to: 3/0/9");
    EXPECT_EQ(read(c, u(954)), "95");
    EXPECT_EQ(read(c, u(955)), "96");
}

TEST(ConversionReading, BooleansComeFromOneAndZero) {
    const auto c = of("type: uint16, to: 3342/0");
    EXPECT_EQ(read(c, u(0)), "false");
    EXPECT_EQ(read(c, u(1)), "true");
    EXPECT_EQ(read(c, Scalar(true)), "true");
    EXPECT_EQ(read(c, u(2)), "error: 2 is not 0 or 1");
}

TEST(ConversionReading, ABitIsTrueOrFalse) {
    const auto c = of("type: uint16, bit: 3, to: 3342/0");
    EXPECT_EQ(read(c, u(0x0008)), "true");
    EXPECT_EQ(read(c, u(0xFFF7)), "false");
    EXPECT_EQ(read(of("type: int16, bit: 15, to: 3342/0"), i(-1)), "true");
    EXPECT_EQ(read(of("type: uint64, bit: 63, to: 3342/0"), u(std::uint64_t{1} << 63)), "true");
}

TEST(ConversionReading, BitsAreANumberOfTheirOwn) {
    const auto c = of("type: uint16, bits: [4, 7], to: 3348/0");
    EXPECT_EQ(read(c, u(0xABCD)), "12");
    EXPECT_EQ(read(of("type: uint16, bits: [8, 15], scale: 0.5, to: 3303/0"), u(0x0300)), "1.5");
    EXPECT_EQ(read(of("type: uint64, bits: [0, 63], to: 3348/0"), u(5)), "5");
    EXPECT_EQ(read(of("type: uint16, bits: [0, 1], map: {0: 10, 3: 13}, to: 3348/0"), u(0xFF)), "13");
}

TEST(ConversionReading, InvalidMeansTheBitsOrTheNumber) {
    const auto bits = of("type: int16, invalid: [0x8000], to: 3303/0");
    EXPECT_EQ(read(bits, i(-32768)), "none not available");
    EXPECT_EQ(read(bits, i(0)), "0");
    EXPECT_EQ(read(of("type: int16, invalid: [-32768], to: 3303/0"), i(-32768)), "none not available");
    EXPECT_EQ(read(of("type: uint16, invalid: [0x8000, 65535], to: 3303/0"), u(0x8000)), "none not available");
    EXPECT_EQ(read(of("type: uint16, invalid: [0x8000, 65535], to: 3303/0"), u(65535)), "none not available");
    EXPECT_EQ(read(of("type: int32, invalid: [0x80000000], to: 3303/0"), i(std::numeric_limits<std::int32_t>::min())),
              "none not available");
    EXPECT_EQ(read(of("type: uint64, invalid: [0xFFFFFFFFFFFFFFFF], to: 3303/0"), u(std::numeric_limits<std::uint64_t>::max())),
              "none not available");
    EXPECT_EQ(read(of("type: float32, invalid: [0x7F7FFFFF], to: 3303/0"), Scalar(3.4028235e38)), "none not available");
    EXPECT_EQ(read(of("type: float32, to: 3303/0"), Scalar(std::numeric_limits<double>::quiet_NaN())), "none not available");
    EXPECT_EQ(read(of("type: string, invalid: [\"\", \"n/a\"], to: 3341/0"), Scalar(std::string("n/a"))), "none not available");
}

TEST(ConversionReading, MapTranslatesEachKind) {
    const auto c = of("type: uint16, map: {0: 0, 1: 1, 7: 2}, to: 3348/0");
    EXPECT_EQ(read(c, u(7)), "2");
    EXPECT_EQ(read(c, u(5)), "error: 5 is not in the map");
    EXPECT_EQ(read(of("type: string, map: {\"ON\": true, \"OFF\": false}, to: 3312/0"), Scalar(std::string("ON"))), "true");
    EXPECT_EQ(read(of("type: uint16, map: {0: \"idle\", 0x10: \"busy\"}, to: 3341/0"), u(16)), "\"busy\"");
    EXPECT_EQ(read(of("type: bool, map: {true: 100, false: 0}, to: 3320/0"), Scalar(true)), "100");
    EXPECT_EQ(read(of("type: uint16, map: {1: 10, 2: 25}, scale: 0.1, to: 3303/0"), u(2)), "2.5");
}

TEST(ConversionReading, OutOfRangeIsShownAsRejected) {
    const auto c = of("type: int16, scale: 0.1, range: [-40, 125], to: 3303/0");
    EXPECT_EQ(read(c, i(1250)), "125");
    EXPECT_EQ(read(c, i(1251)), "125.1 rejected");
    EXPECT_EQ(read(c, i(-401)), "-40.1 rejected");
}

TEST(ConversionReading, WhatCannotBeTheResourcesIsMalformed) {
    const auto c = of("type: int16, to: 3303/0");
    for (const auto& raw : {Scalar(std::string("21")), Scalar(base::Bytes{1, 2})}) {
        const auto reading = c.read(raw);
        ASSERT_FALSE(reading);
        EXPECT_EQ(reading.error().code, base::Errc::malformed);
    }
    EXPECT_EQ(read(c, Scalar(std::string("21"))), "error: \"21\" is not a number");
    EXPECT_EQ(read(of("type: string, to: 3341/0"), i(5)), "error: 5 is not text");
    EXPECT_EQ(read(of("type: uint16, bit: 0, to: 3342/0"), Scalar(1.5)), "error: 1.5 is not an integer with bits");
}

TEST(ConversionReading, WithoutRulesValuesPassAsTheyAre) {
    const Conversion c;
    EXPECT_EQ(read(c, i(-5)), "-5");
    EXPECT_EQ(read(c, Scalar(true)), "true");
    EXPECT_EQ(read(c, Scalar(1.5)), "1.5");
    EXPECT_EQ(read(c, Scalar(std::string("x"))), "\"x\"");
}

// -- Writing

TEST(ConversionWriting, GoesTheSameWayBack) {
    const auto c = of("type: uint16, scale: 0.1, to: 3308/0, write: {}");
    EXPECT_EQ(write(c, 22.9), "229");
    EXPECT_EQ(write(c, 0.3), "3");
    EXPECT_EQ(write(c, 6553.5), "65535");
    EXPECT_EQ(write(of("type: int16, scale: 0.01, offset: -40, to: 3308/0, write: {}"), -39.5), "50");
    EXPECT_EQ(write(of("type: float32, scale: 1000, to: 3308/0, write: {}"), 1250.0), "1.25");
}

TEST(ConversionWriting, BetweenTwoStepsOfTheRegisterTheNearerIsTaken) {
    const auto c = of("type: uint16, scale: 0.1, to: 3308/0, write: {}");
    EXPECT_EQ(write(c, 22.94), "229");
    EXPECT_EQ(write(c, 22.96), "230");
    EXPECT_EQ(write(c, static_cast<double>(22.9F)), "229");
    EXPECT_EQ(write(of("type: uint16, to: 3308/0, write: {}"), 7.4), "7");
}

TEST(ConversionWriting, WhatTheRegisterCannotHoldIsRefusedWithItsLimit) {
    const auto c = of("type: uint16, scale: 0.1, unit: A, to: 3308/0, write: {}");
    EXPECT_EQ(write(c, 6553.6), "6553.6 A is over what the device can hold, 6553.5 A");
    EXPECT_EQ(write(c, -0.1), "-0.1 A is under what the device can hold, 0 A");
    EXPECT_EQ(write(c, 6553.54), "65535");
    EXPECT_EQ(write(of("type: int16, scale: -1, to: 3308/0, write: {}"), 32769.0),
              "32769 is over what the device can hold, 32768");
    EXPECT_EQ(write(of("type: bcd16, to: 3308/0, write: {}"), 10000.0), "10000 is over what the device can hold, 9999");
    EXPECT_EQ(write(of("type: float32, to: 3308/0, write: {}"), 1e39),
              "1e+39 is over what the device can hold, 3.4028234663852886e+38");
    EXPECT_EQ(write(of("type: int64, to: 3308/0, write: {}"), 1e19),
              "1e+19 is over what the device can hold, 9.223372036854776e+18");
}

TEST(ConversionReading, AScaleThatLeadsBeyondAllNumbersIsMalformed) {
    EXPECT_EQ(read(of("type: float64, scale: 1e300, to: 3303/0"), Scalar(1e10)),
              "error: 10000000000 is not small enough for its scale");
}

TEST(ConversionWriting, LimitsOfTheProfileAreNamed) {
    const auto c = of("type: uint16, scale: 0.1, unit: A, to: 3308/0, write: {min: 6, max: 32, step: 0.5}");
    EXPECT_EQ(write(c, 33.0), "33 A is over the maximum 32 A");
    EXPECT_EQ(write(c, 5.9), "5.9 A is under the minimum 6 A");
    EXPECT_EQ(write(c, 6.5), "65");
    EXPECT_EQ(write(c, 6.6), "6.6 A is off the step of 0.5 A from 6 A");
    EXPECT_EQ(write(c, 32.0), "320");
    EXPECT_EQ(write(c, std::numeric_limits<double>::quiet_NaN()), "the value is not a finite number");
}

TEST(ConversionWriting, AStepIsMetByA32BitFloatToo) {
    const auto c = of("type: uint16, scale: 0.1, to: 3308/0, write: {min: 6, max: 32, step: 0.1}");
    for (int tenths = 60; tenths <= 320; ++tenths) {
        const double exact = static_cast<double>(tenths) / 10;
        ASSERT_EQ(write(c, exact), std::to_string(tenths));
        ASSERT_EQ(write(c, static_cast<double>(static_cast<float>(exact))), std::to_string(tenths)) << exact;
    }
    EXPECT_EQ(write(c, 6.05), "6.05 is off the step of 0.1 from 6");
}

TEST(ConversionWriting, BooleansAndMaps) {
    const auto coil = of("type: bool, to: 3312/0, write: {}");
    EXPECT_EQ(write(coil, true), "true");
    EXPECT_EQ(write(of("type: uint16, to: 3312/0, write: {}"), true), "1");
    const auto words = of("type: string, map: {\"ON\": true, \"OFF\": false}, to: 3312/0, write: {}");
    EXPECT_EQ(write(words, false), "\"OFF\"");
    const auto modes = of("type: uint16, map: {10: 0, 20: 1, 30: 2}, to: 3312/0/5851, write: {}");
    EXPECT_EQ(write(modes, std::int64_t{2}), "30");
    EXPECT_EQ(write(modes, std::int64_t{3}), "3 is not in the map; possible are 0, 1, 2");
    EXPECT_EQ(write(of("type: uint16, map: {1: 10, 2: 25}, scale: 0.1, to: 3308/0, write: {}"), 2.5), "2");
}

TEST(ConversionWriting, TheObjectsOwnLimitsHold) {
    // 3312/0/5851 Dimmer is 0..100.
    const auto c = of("type: uint16, to: 3312/0/5851, write: {max: 200}");
    EXPECT_EQ(write(c, std::int64_t{100}), "100");
    EXPECT_EQ(write(c, std::int64_t{101}), "101 is over the maximum 100");
}

TEST(ConversionWriting, NothingThatMeansNotAvailable) {
    EXPECT_EQ(write(of("type: uint16, invalid: [0xFFFF], to: 3308/0, write: {}"), 65535.0),
              "65535 means \"not available\" to the device");
}

TEST(ConversionWriting, SomeBitsOfARegisterAreWrittenByTheirOwnValue) {
    const auto one = of("type: uint16, bit: 3, to: 3312/0, write: {}");
    EXPECT_EQ(write(one, true), "true");
    EXPECT_EQ(write(one, false), "false");
    EXPECT_TRUE(one.shows(u(0x0018), Scalar(true)));
    EXPECT_FALSE(one.shows(u(0x0010), Scalar(true)));
    EXPECT_EQ(read(one, one.as_read(Scalar(true))), "true");

    const auto some = of("type: uint16, bits: [4, 6], scale: 10, to: 3308/0, write: {}");
    EXPECT_EQ(write(some, 70.0), "7");
    EXPECT_EQ(write(some, 80.0), "80 is over what the device can hold, 70");
    EXPECT_EQ(write(some, -10.0), "-10 is under what the device can hold, 0");
    EXPECT_TRUE(some.shows(u(0xFF5F), Scalar(std::int64_t{5})));
    EXPECT_FALSE(some.shows(u(0xFF5F), Scalar(std::int64_t{7})));
    EXPECT_EQ(read(some, some.as_read(i(5))), "50");

    const auto named = of("type: uint16, bits: [0, 1], map: {0: \"off\", 2: \"on\"}, to: 3341/0, write: {}");
    EXPECT_EQ(write(named, std::string("on")), "2");
}

TEST(ConversionWriting, TextIsBoundedByTheObject) {
    const auto c = of("type: string, to: 3341/0, write: {}");
    EXPECT_EQ(write(c, std::string("hello")), "\"hello\"");
    EXPECT_EQ(write(c, 5.0), "5 is not text");
}

TEST(Conversion, WhatIsReadCanBeWrittenBack) {
    const unsigned seed = std::random_device{}();
    std::mt19937_64 random(seed);
    const Conversion conversions[] = {of("type: uint16, scale: 0.1, to: 3308/0, write: {}"),
                                      of("type: int16, scale: 0.01, offset: 12.5, to: 3308/0, write: {}"),
                                      of("type: int32, scale: 0.001, offset: -40, to: 3308/0, write: {}"),
                                      of("type: uint16, scale: 3, to: 3308/0, write: {}"),
                                      of("type: int16, scale: 0.7, to: 3308/0, write: {}"),
                                      of("type: int16, scale: -0.1, to: 3308/0, write: {}"),
                                      of("type: int16, scale: 1e-6, to: 3308/0, write: {}")};
    for (const auto& c : conversions) {
        const Kind kind = *c.rules().kind;
        for (int n = 0; n < 5'000; ++n) {
            const std::uint64_t bits = random() & ((std::uint64_t{1} << adapters::width(kind)) - 1);
            base::Bytes wire(adapters::width(kind) / 8);
            for (std::size_t b = 0; b < wire.size(); ++b) wire[wire.size() - 1 - b] = static_cast<std::uint8_t>(bits >> 8 * b);
            const Encoding encoding{kind, static_cast<std::uint16_t>(wire.size()), {}};
            const auto raw = adapters::decode(encoding, wire);
            ASSERT_TRUE(raw);
            const auto reading = c.read(*raw);
            ASSERT_TRUE(reading) << "seed " << seed;
            const auto back = c.write(reading->value);
            ASSERT_TRUE(back) << "seed " << seed << ": " << back.error().message;
            ASSERT_TRUE(same(*back, *raw)) << "seed " << seed << ": " << scalar_text(*raw) << " came back as "
                                           << scalar_text(*back);
            ASSERT_EQ(adapters::encode(encoding, *back), wire) << "seed " << seed;
        }
    }
}

TEST(Conversion, AnyValueGivesAnAnswer) {
    const unsigned seed = std::random_device{}();
    std::mt19937_64 random(seed);
    const Conversion conversions[] = {Conversion(),
                                      of("type: int16, scale: 0.1, range: [0, 1], invalid: [0x8000], to: 3303/0"),
                                      of("type: uint64, scale: 1e-9, offset: 1e9, to: 3308/0, write: {step: 0.001}"),
                                      of("type: uint16, bits: [3, 9], to: 3348/0"),
                                      of("type: float64, scale: 1e300, to: 3308/0, write: {}"),
                                      of("type: int64, scale: 1e-300, to: 3308/0, write: {min: -1e300}"),
                                      of("to: 3312/0, write: {}")};
    for (int n = 0; n < 2'000; ++n) {
        const std::uint64_t bits = random() >> (random() % 64);
        const double number = std::bit_cast<double>(random());
        const Scalar raws[] = {Scalar((bits & 1) != 0), i(static_cast<std::int64_t>(bits)), u(bits),
                               Scalar(number),          Scalar(std::string(bits % 9, 'x')), Scalar(base::Bytes(bits % 5))};
        const Value values[] = {Value(),
                                Value((bits & 1) != 0),
                                Value(static_cast<std::int64_t>(bits)),
                                Value(bits),
                                Value(number),
                                Value(std::string(bits % 9, 'x')),
                                Value(base::Bytes(bits % 5)),
                                Value(lwm2m::ObjectLink{1, 2})};
        for (const auto& c : conversions) {
            for (const auto& raw : raws) {
                const auto reading = c.read(raw);
                if (!reading) continue;
                ASSERT_EQ(std::holds_alternative<std::monostate>(reading->value), reading->quality == Quality::not_available);
                if (const auto* d = std::get_if<double>(&reading->value)) {
                    ASSERT_TRUE(std::isfinite(*d)) << "seed " << seed << " " << scalar_text(raw);
                }
            }
            for (const auto& value : values) {
                const auto raw = c.write(value);
                if (!raw) continue;
                if (const auto* d = std::get_if<double>(&*raw)) {
                    ASSERT_TRUE(std::isfinite(*d)) << "seed " << seed << " " << lwm2m::str(value);
                }
            }
        }
    }
}

TEST(Conversion, SameLooksAtTheValueNotItsKind) {
    EXPECT_TRUE(same(i(1), u(1)));
    EXPECT_TRUE(same(i(1), Scalar(1.0)));
    EXPECT_TRUE(same(Scalar(true), u(1)));
    EXPECT_FALSE(same(i(-1), u(std::numeric_limits<std::uint64_t>::max())));
    EXPECT_FALSE(same(i(1), Scalar(1.5)));
    EXPECT_FALSE(same(i(1), Scalar(std::string("1"))));
}

// -- What cannot be right is refused when compiled; the whole texts are in tests/cases/mapping.

TEST(ConversionCheck, AWrongTypeForTheResource) {
    EXPECT_NE(errors("type: string, to: 3303/0").find("3303/0/5700"), std::string::npos);
    EXPECT_NE(errors("type: uint16, to: 3341/0").find("this point gives a whole number"), std::string::npos);
    EXPECT_NE(errors("type: float32, to: 3312/0").find("this point gives a number"), std::string::npos);
}

}  // namespace

}  // namespace mapping
