#include "gateway/base/node.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace base {
namespace {

using Kind = Node::Kind;

Node plain(std::string written) { return Node::plain({"f.yaml", 2, 5}, std::move(written)); }

TEST(Node, a_plain_scalar_is_what_yaml_1_2_core_says) {
    for (const auto* null : {"", "~", "null", "Null", "NULL"}) EXPECT_EQ(plain(null).kind(), Kind::null) << null;
    for (const auto* yes : {"true", "True", "TRUE"})
        EXPECT_TRUE(plain(yes).kind() == Kind::boolean && plain(yes).boolean()) << yes;
    for (const auto* no : {"false", "False", "FALSE"})
        EXPECT_TRUE(plain(no).kind() == Kind::boolean && !plain(no).boolean()) << no;
    for (const auto& [written, value] :
         std::vector<std::pair<std::string, std::int64_t>>{{"0", 0},
                                                           {"-5", -5},
                                                           {"+5", 5},
                                                           {"0x00F5", 245},
                                                           {"0xff", 255},
                                                           {"0o17", 15},
                                                           {"9223372036854775807", INT64_MAX},
                                                           {"-9223372036854775808", INT64_MIN}}) {
        EXPECT_EQ(plain(written).kind(), Kind::integer) << written;
        EXPECT_EQ(plain(written).integer(), value) << written;
        EXPECT_EQ(plain(written).number(), static_cast<double>(value)) << written;
        EXPECT_EQ(plain(written).written(), written);
    }
    for (const auto& [written, value] :
         std::vector<std::pair<std::string, double>>{{"1.5", 1.5},
                                                     {"-0.1", -0.1},
                                                     {".5", 0.5},
                                                     {"5.", 5.0},
                                                     {"1e3", 1000.0},
                                                     {"8E1", 80.0},
                                                     {"-1.5e-3", -0.0015},
                                                     {"+1.5", 1.5},
                                                     {"9223372036854775808", 9223372036854775808.0},
                                                     {"0xFFFFFFFFFFFFFFFF", 18446744073709551615.0}}) {
        EXPECT_EQ(plain(written).kind(), Kind::number) << written;
        EXPECT_EQ(plain(written).number(), value) << written;
    }
    for (const auto* text : {"yes",   "on",   "nULL", "tRUE",      "0x",        "0xG1", "0o8",   "-0x10", "1.2.3",
                             "1e",    "e5",   ".",    "-",         "+",         "--5",  "1 000", "300ms", "0x1FFFFFFFFFFFFFFFF",
                             "1e999", ".inf", ".nan", "192.0.2.1", "holding:10"})
        EXPECT_EQ(plain(text).kind(), Kind::text) << text;
}

TEST(Node, a_quoted_scalar_is_text_whatever_it_says) {
    for (const auto* text : {"", "true", "5", "null"}) {
        const Node node = Node::text({"f.yaml", 1, 1}, text);
        EXPECT_EQ(node.kind(), Kind::text);
        EXPECT_EQ(node.written(), text);
    }
}

TEST(Node, finds_the_members_of_a_map) {
    const Node map = Node::map({"f.yaml", 1, 1}, {{"a", {"f.yaml", 1, 1}, plain("1")}, {"b", {"f.yaml", 2, 1}, plain("2")}});
    ASSERT_NE(map.find("b"), nullptr);
    EXPECT_EQ(map.find("b")->integer(), 2);
    EXPECT_EQ(map.find("c"), nullptr);
    EXPECT_EQ(plain("5").find("a"), nullptr);
    EXPECT_EQ(Node().kind(), Kind::null);
}

// One key `k` with this value, read by `read`; what was said about it.
class Reading {
public:
    explicit Reading(Node value) : map_(Node::map({"f.yaml", 1, 1}, {{"k", {"f.yaml", 2, 1}, std::move(value)}})) {}
    Reading() : map_(Node::map({"f.yaml", 1, 1}, {})) {}

    template <class Read>
    std::string said(Read read) {
        Diagnostics diagnostics;
        Fields fields(map_, "point 'flow'", diagnostics);
        const auto value = read(fields);
        fields.done();
        EXPECT_EQ(bool(value), diagnostics.ok() && map_.find("k") != nullptr);
        return diagnostics.str();
    }
    std::string text() {
        return said([](Fields& f) { return f.text("k"); });
    }
    std::string boolean() {
        return said([](Fields& f) { return f.boolean("k"); });
    }
    std::string integer() {
        return said([](Fields& f) { return f.integer("k", 1, 125); });
    }
    std::string number() {
        return said([](Fields& f) { return f.number("k"); });
    }
    std::string span() {
        return said([](Fields& f) { return f.span("k"); });
    }
    std::string choice() {
        return said([](Fields& f) { return f.choice("k", {"auto", "kernel", "16"}); });
    }
    std::string list() {
        return said([](Fields& f) { return f.list("k"); });
    }
    std::string map() {
        return said([](Fields& f) { return f.map("k"); });
    }

private:
    Node map_;
};

const Node a_text = Node::text({"f.yaml", 2, 5}, "abc");
const Node a_list = Node::list({"f.yaml", 2, 5}, {});
const Node a_map = Node::map({"f.yaml", 2, 5}, {});

TEST(Fields, take_what_is_of_their_kind) {
    EXPECT_EQ(Reading(a_text).text(), "");
    EXPECT_EQ(Reading(plain("true")).boolean(), "");
    EXPECT_EQ(Reading(plain("1")).integer(), "");
    EXPECT_EQ(Reading(plain("0x7D")).integer(), "");
    EXPECT_EQ(Reading(plain("1")).number(), "");
    EXPECT_EQ(Reading(plain("-1.5")).number(), "");
    EXPECT_EQ(Reading(plain("300ms")).span(), "");
    EXPECT_EQ(Reading(plain("auto")).choice(), "");
    EXPECT_EQ(Reading(plain("16")).choice(), "") << "a word may look like a number";
    EXPECT_EQ(Reading(a_list).list(), "");
    EXPECT_EQ(Reading(a_map).map(), "");
}

TEST(Fields, an_absent_key_is_no_mistake) {
    for (const auto& said : {Reading().text(), Reading().boolean(), Reading().integer(), Reading().number(), Reading().span(),
                             Reading().choice(), Reading().list(), Reading().map()})
        EXPECT_EQ(said, "");
}

TEST(Fields, tell_what_is_of_another_kind) {
    const std::string at = "f.yaml:2:5: point 'flow': ";
    EXPECT_EQ(Reading(plain("5")).text(), at + "'k' must be text, not a whole number; write it in quotes: k: \"5\"\n");
    EXPECT_EQ(Reading(plain("true")).text(), at + "'k' must be text, not true or false; write it in quotes: k: \"true\"\n");
    EXPECT_EQ(Reading(plain("")).text(), at + "'k' must be text, not nothing; write one word or a quoted text\n");
    EXPECT_EQ(Reading(a_list).text(), at + "'k' must be text, not a list; write one word or a quoted text\n");
    EXPECT_EQ(Reading(a_text).boolean(), at + "'k' must be true or false, not text; write true or false, without quotes\n");
    EXPECT_EQ(Reading(plain("1")).boolean(),
              at + "'k' must be true or false, not a whole number; write true or false, without quotes\n");
    EXPECT_EQ(Reading(plain("1.5")).integer(),
              at + "'k' must be a whole number, not a number; write a whole number from 1 to 125\n");
    EXPECT_EQ(Reading(plain("0")).integer(), at + "'k' is 0, out of range; write a whole number from 1 to 125\n");
    EXPECT_EQ(Reading(plain("0x7E")).integer(), at + "'k' is 0x7E, out of range; write a whole number from 1 to 125\n");
    EXPECT_EQ(Reading(a_text).number(), at + "'k' must be a number, not text; write a number, without quotes\n");
    EXPECT_EQ(Reading(a_map).number(), at + "'k' must be a number, not a map; write a number, without quotes\n");
    EXPECT_EQ(Reading(plain("300")).span(), at + "'k' is a bare number; write its unit: 300s or 300ms\n");
    EXPECT_EQ(Reading(a_text).span(),
              at + "'k' is not a span of time; write a number with its unit: 300ms, 5s, 10m, 1h or 1d\n");
    EXPECT_EQ(Reading(plain("kernle")).choice(), at + "'k' cannot be 'kernle'; did you mean 'kernel'?\n");
    EXPECT_EQ(Reading(a_text).choice(), at + "'k' cannot be 'abc'; write one of auto, kernel, 16\n");
    EXPECT_EQ(Reading(a_text).list(), at + "'k' must be a list, not text; write [a, b] or one `- item` a line\n");
    EXPECT_EQ(Reading(a_text).map(), at + "'k' must be a map, not text; write it as `key: value` lines\n");
}

TEST(Fields, a_choice_of_another_kind_is_named_by_it) {
    const std::string at = "f.yaml:2:5: point 'flow': ";
    EXPECT_EQ(Reading(a_list).choice(), at + "'k' cannot be a list; write one of auto, kernel, 16\n");
    EXPECT_EQ(Reading(plain("")).choice(), at + "'k' cannot be nothing; write one of auto, kernel, 16\n");
}

TEST(Fields, tell_keys_that_nobody_asked_for) {
    Diagnostics diagnostics;
    const Node map = Node::map({"f.yaml", 1, 1}, {{"adress", {"f.yaml", 1, 1}, plain("1")},
                                                  {"unit", {"f.yaml", 2, 1}, plain("1")},
                                                  {"colour_of_case", {"f.yaml", 3, 1}, plain("1")}});
    Fields fields(map, "device 'd'", diagnostics);
    fields.integer("unit", 0, 255);
    fields.known("address");
    fields.done();
    EXPECT_EQ(diagnostics.str(),
              "f.yaml:1:1: unknown key 'adress' in device 'd'; did you mean 'address'?\n"
              "f.yaml:3:1: unknown key 'colour_of_case' in device 'd'; known keys: address, unit\n");
}

TEST(Fields, tell_what_is_missing_at_the_map) {
    Diagnostics diagnostics;
    const Node map = Node::map({"f.yaml", 7, 3}, {});
    Fields fields(map, "device 'd'", diagnostics);
    EXPECT_EQ(fields.need("id", "write id: NAME"), nullptr);
    EXPECT_FALSE(fields.has("id"));
    fields.done();
    EXPECT_EQ(diagnostics.str(), "f.yaml:7:3: device 'd': 'id' is missing; write id: NAME\n");
}

TEST(Fields, of_what_is_no_map_tell_that_and_nothing_more) {
    Diagnostics diagnostics;
    const Node text = Node::text({"f.yaml", 7, 3}, "abc");
    Fields fields(text, "device 'd'", diagnostics);
    EXPECT_FALSE(fields.valid());
    EXPECT_EQ(fields.need("id", "write id: NAME"), nullptr);
    fields.done();
    EXPECT_EQ(diagnostics.str(), "f.yaml:7:3: device 'd' is text, not a map; write it as `key: value` lines\n");
}

TEST(Span, has_a_number_and_a_unit) {
    using namespace std::chrono_literals;
    EXPECT_EQ(parse_span("250us"), 250us);
    EXPECT_EQ(parse_span("300ms"), 300ms);
    EXPECT_EQ(parse_span("5s"), 5s);
    EXPECT_EQ(parse_span("1.5s"), 1500ms);
    EXPECT_EQ(parse_span("0.1ms"), 100us);
    EXPECT_EQ(parse_span("10m"), 10min);
    EXPECT_EQ(parse_span("25h"), 25h);
    EXPECT_EQ(parse_span("30d"), 720h);
    EXPECT_EQ(parse_span("0s"), 0us);
    EXPECT_EQ(parse_span("3660d"), 3660 * 24h);
    for (const auto* wrong : {"", "5", "s", "5 s", " 5s", "5S", "5sec", "5w", "-5s", "+5s", "1.5.5s", ".5s", "5.s", "1e3s",
                              "5ss", "3661d", "99999999999999999999h", "ms5"})
        EXPECT_EQ(parse_span(wrong), std::nullopt) << wrong;
}

TEST(Span, is_told_in_its_shortest_exact_form) {
    using namespace std::chrono_literals;
    EXPECT_EQ(span_text(0us), "0s");
    EXPECT_EQ(span_text(250us), "250us");
    EXPECT_EQ(span_text(1ms), "1ms");
    EXPECT_EQ(span_text(1500us), "1.5ms");
    EXPECT_EQ(span_text(250ms), "250ms");
    EXPECT_EQ(span_text(1s), "1s");
    EXPECT_EQ(span_text(1500ms), "1.5s");
    EXPECT_EQ(span_text(90s), "90s");
    EXPECT_EQ(span_text(5min), "5m");
    EXPECT_EQ(span_text(25h), "25h");
    EXPECT_EQ(span_text(48h), "2d");
    for (const std::chrono::microseconds span : {1us, 999us, 1001us, 123456789us, 86'400'000'001us, 315'360'000'000'001us})
        EXPECT_EQ(parse_span(span_text(span)), span) << span_text(span);
}

}  // namespace
}  // namespace base
