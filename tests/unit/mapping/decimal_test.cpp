#include "mapping/decimal.hpp"

#include <gtest/gtest.h>
#include <cmath>
#include <limits>
#include <random>

namespace mapping {

namespace {

double times(const char* a, const char* b) { return (*Decimal::parse(a) * *Decimal::parse(b))->number(); }

TEST(Decimal, MultipliesAsOnPaper) {
    EXPECT_EQ(times("229", "0.1"), 22.9);
    EXPECT_EQ(times("3", "0.1"), 0.3);
    EXPECT_EQ(times("-7", "0.01"), -0.07);
    EXPECT_EQ(times("123456789", "1e-9"), 0.123456789);
    EXPECT_EQ(times("5", "1000"), 5000);
    EXPECT_EQ(times("0", "0.1"), 0);
}

TEST(Decimal, AddsAndSubtractsAsOnPaper) {
    EXPECT_EQ((*Decimal::parse("0.1") + *Decimal::parse("0.2"))->number(), 0.3);
    EXPECT_EQ((*Decimal::parse("25.5") - *Decimal::parse("40"))->number(), -14.5);
    EXPECT_EQ((*Decimal::parse("1e5") + *Decimal::parse("0.001"))->number(), 100000.001);
}

TEST(Decimal, DividesWhenTheQuotientIsFinite) {
    const auto quotient = *Decimal::parse("22.9") / *Decimal::parse("0.1");
    ASSERT_TRUE(quotient);
    EXPECT_EQ(quotient->rounded(), 229);
    EXPECT_TRUE(quotient->is_integer());
    EXPECT_EQ((*Decimal::parse("1") / *Decimal::parse("8"))->number(), 0.125);
    EXPECT_FALSE(*Decimal::parse("1") / *Decimal::parse("3"));
    EXPECT_EQ((*Decimal::parse("0.3") / *Decimal::parse("-0.03"))->rounded(), -10);
    EXPECT_EQ((*Decimal::parse("9") / *Decimal::parse("0.003"))->rounded(), 3000);
}

TEST(Decimal, ReadsWhatAFileMayHold) {
    EXPECT_EQ(Decimal::parse("0x1F")->number(), 31);
    EXPECT_EQ(Decimal::parse("+1.50")->number(), 1.5);
    EXPECT_EQ(Decimal::parse(".5")->number(), 0.5);
    EXPECT_EQ(Decimal::parse("1E3")->number(), 1000);
    for (const char* text : {"", "-", "1.2.3", "abc", "1e", "0x", "0xG", "1e999", "99999999999999999999", "."})
        EXPECT_FALSE(Decimal::parse(text)) << text;
}

TEST(Decimal, RoundsHalfAwayFromZero) {
    EXPECT_EQ(Decimal::parse("2.5")->rounded(), 3);
    EXPECT_EQ(Decimal::parse("-2.5")->rounded(), -3);
    EXPECT_EQ(Decimal::parse("2.4999")->rounded(), 2);
    EXPECT_EQ((Decimal{9'200'000'000'000'000'000, -19}.rounded()), 1);
    EXPECT_EQ((Decimal{4'200'000'000'000'000'000, -19}.rounded()), 0);
    EXPECT_EQ((Decimal{9'200'000'000'000'000'000, -20}.rounded()), 0);
    EXPECT_EQ((Decimal{5, 30}.rounded()), std::nullopt);
}

TEST(Decimal, GivesUpInsteadOfBeingWrong) {
    const Decimal large{std::numeric_limits<std::int64_t>::max(), 0};
    EXPECT_FALSE(large * large);
    EXPECT_FALSE(large + large);
    EXPECT_FALSE((Decimal{1, 300} * Decimal{1, 300}));
    EXPECT_FALSE(Decimal::of(std::numeric_limits<double>::infinity()));
    EXPECT_FALSE(Decimal::of(std::numeric_limits<double>::quiet_NaN()));
}

TEST(Decimal, NamesEachDoubleExactly) {
    const unsigned seed = std::random_device{}();
    std::mt19937_64 random(seed);
    for (int i = 0; i < 20'000; ++i) {
        const double number = std::ldexp(static_cast<double>(static_cast<std::int64_t>(random()) >> (random() % 60)),
                                         static_cast<int>(random() % 80) - 60);
        const auto decimal = Decimal::of(number);
        ASSERT_TRUE(decimal) << "seed " << seed << " " << number;
        ASSERT_EQ(decimal->number(), number) << "seed " << seed;
    }
}

TEST(Decimal, AScaleAppliedAndTakenBackIsTheSame) {
    const unsigned seed = std::random_device{}();
    std::mt19937_64 random(seed);
    for (int i = 0; i < 20'000; ++i) {
        const Decimal raw{static_cast<std::int64_t>(random()) >> (8 + random() % 50), 0};
        const Decimal scale{static_cast<std::int64_t>(random() % 99) + 1, -static_cast<int>(random() % 6)};
        const auto product = raw * scale;
        if (!product) continue;
        const auto back = *product / scale;
        ASSERT_TRUE(back) << "seed " << seed;
        ASSERT_EQ(back->rounded(), raw.mantissa) << "seed " << seed;
    }
}

}  // namespace

}  // namespace mapping
