#include "adapters/mqtt/json.hpp"

#include <gtest/gtest.h>
#include <cmath>

namespace adapters::mqtt {
namespace {

std::string at(const std::string& text, const std::string& pointer) {
    const auto json = Json::parse(text);
    if (!json) return "no JSON";
    const auto place = Pointer::parse(pointer).value().find(*json);
    if (!place) return "nothing";
    const auto scalar = json->scalar(*place);
    return scalar ? plain_value(*scalar) : "no scalar";
}

TEST(MqttJson, NumbersKeepTheirKind) {
    const auto json = Json::parse("[1, -5, 18446744073709551615, 22.9, 1e3, -0.0, 123456789012345678901]");
    ASSERT_TRUE(json);
    const auto item = [&](std::size_t i) { return *json->scalar(*json->item(0, i)); };
    EXPECT_EQ(item(0), Scalar(std::int64_t{1}));
    EXPECT_EQ(item(1), Scalar(std::int64_t{-5}));
    EXPECT_EQ(item(2), Scalar(std::uint64_t{18446744073709551615U}));
    EXPECT_EQ(item(3), Scalar(22.9));
    EXPECT_EQ(item(4), Scalar(1000.0));
    EXPECT_TRUE(std::holds_alternative<double>(item(6)));
}

TEST(MqttJson, WhatIsNoJsonIsNone) {
    for (const auto* bad :
         {"",        "{",         "}",     "[1,]",  "{\"a\":1,}", "01",  "1.",  ".5",   "+1",       "nul", "truex", "\"a",
          "\"\\x\"", "\"\\u12\"", "[1 2]", "{a:1}", "\"a\nb\"",   "1 2", "NaN", "\xFF", "\"\xC3\"", "--1", "1e",    "ON"})
        EXPECT_FALSE(Json::parse(bad)) << bad;
    EXPECT_FALSE(Json::parse(std::string(100'000, '[')));
    EXPECT_FALSE(Json::parse("[" + std::string(400'000, ',') + "]"));
    std::string many = "[0";
    for (int i = 0; i < 250'000; ++i) many += ",0";
    EXPECT_FALSE(Json::parse(many + "]"));
}

TEST(MqttJson, TextsAreUnescaped) {
    EXPECT_EQ(at(R"({"a\"b": "x\ny\u00e4\ud83d\ude00"})", "/a\"b"), "x\nyä😀");
    EXPECT_EQ(at(R"(["\ud83d"])", "/0"), "\xEF\xBF\xBD");
    EXPECT_EQ(json_text("a\"b\\c\n\x01"), "\"a\\\"b\\\\c\\n\\u0001\"");
}

TEST(MqttJson, PointersFollowRfc6901) {
    const std::string text = R"({"a": {"b": [1, {"c": true}]}, "": 5, "x/y": 6, "m~n": 7, "0": 8, "twin": 1, "twin": 2})";
    EXPECT_EQ(at(text, "/a/b/0"), "1");
    EXPECT_EQ(at(text, "/a/b/1/c"), "true");
    EXPECT_EQ(at(text, "/a/b/2"), "nothing");
    EXPECT_EQ(at(text, "/a/b"), "no scalar");
    EXPECT_EQ(at(text, "/"), "5");
    EXPECT_EQ(at(text, "/x~1y"), "6");
    EXPECT_EQ(at(text, "/m~0n"), "7");
    EXPECT_EQ(at(text, "/0"), "8");
    EXPECT_EQ(at(text, "/twin"), "2");
    EXPECT_EQ(at("5", ""), "5");
    for (const auto* bad : {"a", "/~2", "/[=x]", "/[x]"}) EXPECT_FALSE(Pointer::parse(bad)) << bad;
}

TEST(MqttJson, AFilterPicksTheItemThatSaysSo) {
    const std::string text = R"({"sensors": [{"id": 1, "t": 20}, {"id": 2, "t": 30}], "map": {"x": {"n": "b", "v": 4}}})";
    EXPECT_EQ(at(text, "/sensors/[id=2]/t"), "30");
    EXPECT_EQ(at(text, "/sensors/[id=3]/t"), "nothing");
    EXPECT_EQ(at(text, "/map/[n=b]/v"), "4");
}

TEST(MqttJson, ValuesAreWrittenAsJsonAndPlain) {
    EXPECT_EQ(json_value(Scalar(std::string("ON"))), "\"ON\"");
    EXPECT_EQ(json_value(Scalar(true)), "true");
    EXPECT_EQ(json_value(Scalar(21.5)), "21.5");
    EXPECT_EQ(json_value(Scalar(std::nan(""))), "null");
    EXPECT_EQ(plain_value(Scalar(50.0)), "50");
    EXPECT_EQ(plain_value(Scalar(std::string("ON"))), "ON");
}

}  // namespace
}  // namespace adapters::mqtt
