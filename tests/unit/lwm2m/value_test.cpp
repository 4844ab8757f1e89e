#include "lwm2m/value.hpp"

#include <gtest/gtest.h>
#include <cmath>
#include <limits>

using lwm2m::Bytes;
using lwm2m::coerce;
using lwm2m::Errc;
using lwm2m::ObjectLink;
using lwm2m::Type;
using lwm2m::Value;

namespace {

Value text(const char* value) { return Value(std::string(value)); }
Value number(std::int64_t value) { return Value(value); }
constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

}  // namespace

TEST(Coerce, turns_a_value_into_the_type_of_its_resource) {
    const std::tuple<Value, Type, Value> cases[] = {
        {Value(5.0), Type::integer, number(5)},
        {Value(-9223372036854775808.0), Type::integer, number(INT64_MIN)},
        {Value(std::uint64_t{7}), Type::integer, number(7)},
        {Value(1.7e9), Type::time, number(1700000000)},
        {number(7), Type::unsigned_integer, Value(std::uint64_t{7})},
        {Value(18446744073709549568.0), Type::unsigned_integer, Value(std::uint64_t{18446744073709549568U})},
        {number(21), Type::floating, Value(21.0)},
        {Value(largest), Type::floating, Value(18446744073709551616.0)},
        {text("66:0"), Type::objlnk, Value(ObjectLink{66, 0})},
        {text("FFFF:FFFF"), Type::objlnk, Value(ObjectLink{})},
        {text("</3/0>"), Type::corelnk, text("</3/0>")},
        {Value(true), Type::boolean, Value(true)},
        {Value(Bytes{1}), Type::opaque, Value(Bytes{1})},
        {Value(), Type::none, Value()},
    };
    for (const auto& [value, type, expected] : cases) {
        const auto typed = coerce(value, type);
        ASSERT_TRUE(typed) << str(value) << " as " << name(type);
        EXPECT_EQ(*typed, expected) << str(value) << " as " << name(type);
    }
}

TEST(Coerce, refuses_what_would_be_another_value) {
    const std::pair<Value, Type> cases[] = {
        {Value(5.5), Type::integer},
        {Value(9223372036854775808.0), Type::integer},
        {Value(1e300), Type::integer},
        {Value(std::nan("")), Type::integer},
        {Value(largest), Type::integer},
        {number(-1), Type::unsigned_integer},
        {Value(-0.5), Type::unsigned_integer},
        {Value(18446744073709551616.0), Type::unsigned_integer},
        {Value(std::nan("")), Type::floating},
        {Value(INFINITY), Type::floating},
        {text("1"), Type::integer},
        {text("1.5"), Type::floating},
        {number(1), Type::boolean},  // only a format without booleans may say 1 for true
        {number(0), Type::boolean},
        {Value(true), Type::integer},
        {Value(true), Type::floating},
        {number(66), Type::string},
        {Value(Bytes{1}), Type::string},
        {text("x"), Type::opaque},
        {text("66"), Type::objlnk},
        {text("66:65536"), Type::objlnk},
        {text("66:-1"), Type::objlnk},
        {text("66:0 "), Type::objlnk},
        {Value(), Type::string},
        {number(1), Type::none},
    };
    for (const auto& [value, type] : cases) {
        const auto typed = coerce(value, type);
        ASSERT_FALSE(typed) << str(value) << " as " << name(type);
        EXPECT_EQ(typed.error().code, Errc::bad_request);
    }
}

TEST(Coerce, says_what_cannot_be_what) {
    EXPECT_EQ(coerce(text("x"), Type::integer).error().message, "text cannot be Integer");
    EXPECT_EQ(coerce(Value(-1.0), Type::unsigned_integer).error().message, "a float cannot be Unsigned Integer");
    EXPECT_EQ(coerce(number(-1), Type::unsigned_integer).error().message, "-1 is below the range of Unsigned Integer");
}

TEST(Decimal, is_plain_and_as_short_as_the_number_allows) {  // CORE-162
    const std::pair<double, const char*> cases[] = {{22.9, "22.9"},
                                                    {6.67e-11, "0.0000000000667"},
                                                    {0.1, "0.1"},
                                                    {-40, "-40"},
                                                    {0, "0"},
                                                    {1e15, "1000000000000000"},
                                                    {1e-7, "0.0000001"},
                                                    {230.0, "230"},
                                                    {3.4028234663852886e38, "340282346638528859811704183484516925440"}};
    for (const auto& [value, expected] : cases) EXPECT_EQ(lwm2m::decimal(value), expected);
}

TEST(Decimal, keeps_the_extremes) {
    for (const double value :
         {std::numeric_limits<double>::max(), -std::numeric_limits<double>::max(), std::numeric_limits<double>::min(),
          std::numeric_limits<double>::denorm_min(), -2.2250738585072011e-308}) {
        const std::string written = lwm2m::decimal(value);
        EXPECT_EQ(std::strtod(written.c_str(), nullptr), value) << written;
        EXPECT_EQ(written.find_first_of("eE"), std::string::npos);
    }
}

TEST(Value, is_a_number_for_thresholds_only_when_it_is_one) {
    EXPECT_EQ(numeric(Value(21.5)), 21.5);
    EXPECT_EQ(numeric(number(-3)), -3.0);
    EXPECT_EQ(numeric(Value(std::uint64_t{3})), 3.0);
    EXPECT_FALSE(numeric(Value(true)));
    EXPECT_FALSE(numeric(text("3")));
    EXPECT_FALSE(numeric(Value()));
}

TEST(Value, is_told_in_a_log) {
    EXPECT_EQ(str(Value(21.5)), "21.5");
    EXPECT_EQ(str(Value(true)), "true");
    EXPECT_EQ(str(text("text")), "\"text\"");
    EXPECT_EQ(str(Value(ObjectLink{66, 0})), "66:0");
    EXPECT_EQ(str(Value(Bytes{0xDE, 0xAD})), "dead");
    EXPECT_EQ(str(Value()), "none");
}
