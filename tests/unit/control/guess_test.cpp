#include "gateway/control/guess.hpp"

#include <gtest/gtest.h>

namespace gateway::control {
namespace {

std::string likely(std::string_view hex) {
    const auto bytes = base::from_hex(hex);
    for (const auto& one : guess(*bytes))
        if (one.likely) return one.type + (one.order.empty() ? "" : " " + one.order) + " " + one.value;
    return "none";
}

TEST(Guess, SeesAFloatInEachOrder) {
    EXPECT_EQ(likely("4365028F"), "float32 ABCD 229.01");
    EXPECT_EQ(likely("028F4365"), "float32 CDAB 229.01");
    EXPECT_EQ(likely("65438F02"), "float32 BADC 229.01");
    EXPECT_EQ(likely("8F026543"), "float32 DCBA 229.01");
    EXPECT_EQ(likely("C1480000"), "float32 ABCD -12.5");
}

TEST(Guess, SeesADouble) {
    EXPECT_EQ(likely("406CA051EB851EB8"), "float64 ABCDEFGH 229.01");
    EXPECT_EQ(likely("1EB8EB85A051406C"), "float64 GHEFCDAB 229.01");
}

TEST(Guess, SeesIntegersByTheirEmptyUpperHalf) {
    EXPECT_EQ(likely("00001E61"), "uint32 ABCD 7777");
    EXPECT_EQ(likely("1E610000"), "uint32 CDAB 7777");
    EXPECT_EQ(likely("000000000001E240"), "uint64 ABCDEFGH 123456");
    EXPECT_EQ(likely("FFFFFFF6"), "int32 ABCD -10");
}

TEST(Guess, SeesOneRegister) {
    EXPECT_EQ(likely("00F5"), "uint16 AB 245");
    EXPECT_EQ(likely("FFF6"), "int16 AB -10");
}

TEST(Guess, SeesText) {
    EXPECT_EQ(likely("534E2D3030303432000000000000"), "string AB \"SN-00042\"");
    EXPECT_EQ(likely("41000000"), "float32 ABCD 8") << "one letter is none";
}

TEST(Guess, SeesDecimalDigits) { EXPECT_EQ(likely("1234567890123456"), "bcd64 1234567890123456"); }

TEST(Guess, MarksNothingWhereNothingSpeaksForAnything) {
    EXPECT_EQ(likely("0000"), "none");
    EXPECT_EQ(likely("FFFFFFFF"), "none");
    EXPECT_EQ(likely("8000"), "none");
}

TEST(Guess, ShowsAllTypesAndOrdersThatFit) {
    const auto count = [](std::string_view hex) { return guess(*base::from_hex(hex)).size(); };
    EXPECT_EQ(count("00F5"), 4U + 1 + 2);
    EXPECT_EQ(count("00F50000"), 4U + 1 + 12 + 1 + 2);
    EXPECT_EQ(count("00F5000000000000"), 4U + 1 + 12 + 1 + 12 + 1 + 2);
    EXPECT_EQ(count(""), 2U) << "a text of no length";
}

TEST(Guess, EveryGuessHasAReason) {
    for (const auto* hex : {"00F5", "7FC00000", "8F026543", "FFFFFFFFFFFFFFFF", "0000000000000000", "00F5028F436500FF4142"})
        for (const auto& one : guess(*base::from_hex(hex)))
            EXPECT_FALSE(one.reason.empty()) << hex << " " << one.type << " " << one.order;
}

TEST(Guess, IsALineForTheProfile) {
    const auto line = [](const std::string& at, std::string_view hex) {
        for (const auto& one : guess(*base::from_hex(hex)))
            if (one.likely) return point_line(at, one);
        return std::string("none");
    };
    EXPECT_EQ(line("holding:10", "028F4365"), "value: {at: \"holding:10\", type: float32, order: CDAB}");
    EXPECT_EQ(line("holding:300", "534E2D3030303432"), "value: {at: \"holding:300\", type: string, length: 4}");
}

}  // namespace
}  // namespace gateway::control
