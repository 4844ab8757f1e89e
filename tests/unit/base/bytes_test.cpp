#include "gateway/base/bytes.hpp"

#include <gtest/gtest.h>
#include <random>

namespace base {
namespace {

TEST(Hex, goes_there_and_back) {
    EXPECT_EQ(to_hex(Bytes{}), "");
    EXPECT_EQ(to_hex(Bytes{0x00, 0xF5, 0x0A}), "00f50a");
    EXPECT_EQ(from_hex("00F50a"), (Bytes{0x00, 0xF5, 0x0A}));
    EXPECT_EQ(from_hex(""), Bytes{});
    const auto seed = std::random_device{}();
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    for (int i = 0; i < 1000; ++i) {
        Bytes bytes(random() % 40);
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
        ASSERT_EQ(from_hex(to_hex(bytes)), bytes);
    }
}

TEST(Hex, blanks_may_stand_between_bytes_only) {
    EXPECT_EQ(from_hex(" A1 07  01 "), (Bytes{0xA1, 0x07, 0x01}));
    EXPECT_EQ(from_hex("A 1"), std::nullopt);
    EXPECT_EQ(from_hex("A1\t07"), std::nullopt);
}

TEST(Hex, wrong_and_missing_digits_are_refused) {
    for (const auto* wrong : {"A", "A1B", "G1", "1G", "0x01", "-1", "\xC3\xBC"})
        EXPECT_EQ(from_hex(wrong), std::nullopt) << wrong;
}

TEST(Utf8, is_what_rfc_3629_says) {
    for (const auto* good : {"", "abc", "\x7F", "\xC2\x80", "\xC3\xBC", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
                             "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"})
        EXPECT_TRUE(is_utf8(good)) << to_hex(as_bytes(good));
    EXPECT_TRUE(is_utf8(std::string_view("a\0b", 3)));
    for (const auto* bad : {"\x80", "\xBF", "\xC3", "\xC3(", "\xC0\xAF", "\xC1\xBF", "\xE0\x9F\xBF", "\xE2\x82", "\xED\xA0\x80",
                            "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF0\x9F\x98", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
                            "\xF8\x88\x80\x80\x80", "\xFE", "\xFF", "a\xC3"})
        EXPECT_FALSE(is_utf8(bad)) << to_hex(as_bytes(bad));
}

TEST(Cursor, reads_no_byte_twice_and_none_past_the_end) {
    const Bytes wire{1, 2, 3, 4, 5, 6};
    Cursor cursor(wire);
    EXPECT_EQ(cursor.byte(), 1);
    EXPECT_EQ(cursor.big_endian(2), 0x0203U);
    EXPECT_EQ(cursor.size(), 3U);
    EXPECT_EQ(cursor.take(4), std::nullopt) << "and takes nothing";
    EXPECT_EQ(to_hex(cursor.rest()), "040506");
    EXPECT_EQ(to_hex(cursor.take(3).value()), "040506");
    EXPECT_TRUE(cursor.empty());
    EXPECT_EQ(cursor.byte(), std::nullopt);
    EXPECT_EQ(cursor.big_endian(1), std::nullopt);
    EXPECT_TRUE(cursor.take(0)->empty());
}

TEST(Cursor, reads_numbers_of_up_to_eight_bytes) {
    const Bytes wire{0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0xFA, 0xF9, 0xF8};
    EXPECT_EQ(Cursor(wire).big_endian(8), 0xFFFEFDFCFBFAF9F8U);
    EXPECT_EQ(Cursor(wire).big_endian(3), 0xFFFEFDU);
}

}  // namespace
}  // namespace base
