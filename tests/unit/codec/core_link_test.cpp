#include "lwm2m/codec/core_link.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

using lwm2m::Errc;
using lwm2m::codec::decode_links;
using lwm2m::codec::encode_links;
using lwm2m::codec::Link;

namespace {

std::string said(std::string_view text) {
    const auto links = decode_links(text);
    if (!links) return "error: " + links.error().message;
    std::string out;
    for (const Link& link : *links) {
        out += (out.empty() ? "" : " | ") + link.target;
        for (const auto& [name, value] : link.attributes) out += fmt::format(" {}={}", name, value);
    }
    return out;
}

}  // namespace

TEST(LinkFormat, writes_a_registration_without_white_space) {  // CORE-166; gateway digest 4
    EXPECT_EQ(encode_links({{"/", {{"ct", "110 112 11542 11544 320 322"}}},
                            {"/1", {{"ver", "1.2"}}},
                            {"/1/0", {}},
                            {"/25", {{"ver", "2.0"}}}}),
              "</>;ct=\"110 112 11542 11544 320 322\",</1>;ver=1.2,</1/0>,</25>;ver=2.0");
    EXPECT_EQ(encode_links({}), "");
}

TEST(LinkFormat, quotes_a_value_unless_it_is_a_number_a_version_or_a_name) {
    const std::pair<const char*, const char*> cases[] = {
        {"5", "5"},         {"-42.2", "-42.2"}, {"1.1", "1.1"},
        {"edge", "edge"},   {"a_b-c", "a_b-c"}, {"oma.lwm2m", "\"oma.lwm2m\""},
        {"1.", "\"1.\""},   {"-", "\"-\""},     {"coaps://x", "\"coaps://x\""},
        {"a b", "\"a b\""}, {"1e5", "\"1e5\""}, {"say \"x\\\"", "\"say \\\"x\\\\\\\"\""}};
    for (const auto& [value, written] : cases)
        EXPECT_EQ(encode_links({{"/3", {{"a", value}}}}), std::string("</3>;a=") + written);
    EXPECT_EQ(encode_links({{"/3", {{"obs", ""}}}}), "</3>;obs");
}

TEST(LinkFormat, reads_the_examples_of_the_standard) {
    EXPECT_EQ(said("</3>;pmin=10,</3/0>;pmax=60,</3/0/7>;dim=2;gt=50;lt=42.2"),
              "/3 pmin=10 | /3/0 pmax=60 | /3/0/7 dim=2 gt=50 lt=42.2");
    EXPECT_EQ(said("</>;lwm2m=1.2,</0/0>;ssid=101;uri=\"coaps://server_1.example.com\",</0/1>"),
              "/ lwm2m=1.2 | /0/0 ssid=101 uri=coaps://server_1.example.com | /0/1");
    EXPECT_EQ(said("</3/0>;ver=1.2,</5/0>;ver=1.1,</3303/0>,</3303/1>"), "/3/0 ver=1.2 | /5/0 ver=1.1 | /3303/0 | /3303/1");
    EXPECT_EQ(said(""), "");
}

TEST(LinkFormat, forgives_white_space_and_one_trailing_slash) {  // core digest 10
    EXPECT_EQ(said("</3/>, </4/0>,\r\n\t</5> "), "/3 | /4/0 | /5");
    EXPECT_EQ(said("</>"), "/");
    EXPECT_EQ(said("</3//>"), "/3//");
    EXPECT_EQ(said("</3>;a=\"x\\\"y\\\\\";b"), "/3 a=x\"y\\ b=");
}

TEST(LinkFormat, that_is_malformed_is_refused) {
    for (const char* bad :
         {"3",       "<",       "</3",           "</3> </4>",     "</3>,",           ",</3>",      "</3>,,</4>",
          "</3>;",   "</3>;=1", "</3>;a=",       "</3>;a=\"x",    "</3>;a=\"x\\",    "</3>;a=x y", "</3>x",
          "</3 /0>", "</3\n>",  "</3>;a=\"\n\"", "</3>;a=\"x\"y", "</3>;\xC3\xA4=1", "</\xFF>",    "</3>;a=<",
          "</3> ;a"}) {
        const auto links = decode_links(bad);
        ASSERT_FALSE(links) << bad;
        EXPECT_EQ(links.error().code, Errc::bad_request) << bad;
    }
}

TEST(LinkFormat, of_more_than_ten_thousand_links_is_refused) {
    std::string text = "</0>";
    for (int i = 1; i < 10'000; ++i) text += ",</1>";
    EXPECT_TRUE(decode_links(text));
    EXPECT_EQ(said(text + ",</1>"), "error: link-format: over 10,000 links");
}
