#include "gateway/control/request.hpp"

#include <gtest/gtest.h>

namespace gateway::control {
namespace {

using base::Errc;

TEST(Request, SaysWhatAndWith) {
    const auto request = parse_request(R"({"v":1,"id":7,"do":"read","with":{"device":"meter"}})");
    ASSERT_TRUE(request) << request.error().message;
    EXPECT_EQ(request->id, 7);
    EXPECT_EQ(request->what, "read");
    EXPECT_EQ(request->with["device"], "meter");
}

TEST(Request, WithoutWithHasNothing) {
    const auto request = parse_request(R"({"v":1,"do":"status"})");
    ASSERT_TRUE(request) << request.error().message;
    EXPECT_TRUE(request->with.empty());
}

TEST(Request, AnythingElseIsRefusedWithAReason) {
    for (const std::string line : {"",
                                   "{}",
                                   "[]",
                                   "null",
                                   "7",
                                   "\"status\"",
                                   "{\"v\":1}",
                                   "{\"do\":\"status\"}",
                                   R"({"v":2,"do":"status"})",
                                   R"({"v":"1","do":"status"})",
                                   R"({"v":1,"do":7})",
                                   R"({"v":1,"do":"status","with":[]})",
                                   R"({"v":1,"do":"status","id":"a"})",
                                   R"({"v":1,"do":"status","id":1.5})",
                                   R"({"v":1,"do":"status","id":18446744073709551615})",
                                   R"({"v":1,"do":"status","extra":1})",
                                   R"({"v":1,"do":"status"} trailing)",
                                   R"({"v":1,"do":"status")",
                                   "{\"v\":1,\"do\":\"\xff\"}",
                                   R"({"v":1,"do":""})"}) {
        const auto request = parse_request(line);
        ASSERT_FALSE(request) << line;
        EXPECT_EQ(request.error().code, Errc::bad_request) << line;
        EXPECT_FALSE(request.error().message.empty());
    }
}

TEST(Request, DeepNestingIsRefusedBeforeItIsParsed) {
    const auto nested = [](std::size_t depth) {
        return R"({"v":1,"do":"read","with":{"x":)" + std::string(depth, '[') + std::string(depth, ']') + "}}";
    };
    EXPECT_TRUE(parse_request(nested(most_depth - 2)));
    EXPECT_FALSE(parse_request(nested(most_depth - 1)));
    EXPECT_FALSE(parse_request(nested(30'000)));
    EXPECT_TRUE(parse_request(R"({"v":1,"do":"read","with":{"x":"[[[[[[[[[[[[[[[[ \"[[["}})"))
        << "brackets in a text do not count";
}

TEST(Request, LongerThanTheLimitIsTooLarge) {
    const auto request = parse_request(R"({"v":1,"do":"read","with":{"x":")" + std::string(most_request, 'a') + "\"}}");
    ASSERT_FALSE(request);
    EXPECT_EQ(request.error().code, Errc::too_large);
}

TEST(Answer, CarriesResultOrError) {
    EXPECT_EQ(answer_line(3, Json{{"a", 1}}), "{\"v\":1,\"id\":3,\"ok\":{\"a\":1}}\n");
    EXPECT_EQ(answer_line(3, base::fail(Errc::offline, "away")),
              "{\"v\":1,\"id\":3,\"error\":{\"kind\":\"offline\",\"message\":\"away\"}}\n");
    EXPECT_EQ(event_line(3, Json{{"a", 1}}, 2), "{\"v\":1,\"id\":3,\"event\":{\"a\":1},\"dropped\":2}\n");
}

TEST(Answer, IsOneLineWhateverADeviceSaid) {
    const auto line = answer_line(1, Json{{"text", "a\nb\xff"}});
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_TRUE(Json::accept(line));
}

TEST(Answer, ThatIsTooLongBecomesAnError) {
    const auto line = answer_line(1, Json{{"text", std::string(most_answer, 'a')}});
    EXPECT_LT(line.size(), 1'000U);
    EXPECT_NE(line.find("too_large"), std::string::npos);
}

TEST(Answer, ErrorKindsHaveWordsBothWays) {
    for (int i = 0; i <= static_cast<int>(Errc::internal); ++i)
        EXPECT_EQ(errc_of(word(static_cast<Errc>(i))), static_cast<Errc>(i));
    EXPECT_FALSE(errc_of("nonsense"));
}

TEST(Arguments, AreTypedAndNoneIsOverlooked) {
    const Json with{{"device", "m"}, {"share", 0.2}, {"force", true}, {"value", 7}, {"words", {{"unit", "7"}}}};
    Arguments arguments(with);
    EXPECT_EQ(arguments.need("device"), "m");
    EXPECT_EQ(arguments.number("share", 0, 1), 0.2);
    EXPECT_TRUE(arguments.flag("force"));
    EXPECT_EQ(arguments.scalar("value"), 7);
    EXPECT_EQ(arguments.words("words").at("unit"), "7");
    EXPECT_TRUE(arguments.done());
}

TEST(Arguments, TellTheFirstMistake) {
    const auto mistake = [](const Json& with, const std::function<void(Arguments&)>& ask) {
        Arguments arguments(with);
        ask(arguments);
        const auto done = arguments.done();
        return done ? std::string() : done.error().message;
    };
    EXPECT_NE(mistake(Json::object(), [](auto& a) { a.need("device"); }).find("device"), std::string::npos);
    EXPECT_NE(mistake(Json{{"device", 7}}, [](auto& a) { a.text("device"); }).find("text"), std::string::npos);
    EXPECT_NE(mistake(Json{{"device", std::string(5'000, 'a')}}, [](auto& a) { a.text("device"); }), "");
    EXPECT_NE(mistake(Json{{"share", 2}}, [](auto& a) { a.number("share", 0, 1); }).find("0 to 1"), std::string::npos);
    EXPECT_NE(mistake(Json{{"share", "x"}}, [](auto& a) { a.number("share", 0, 1); }), "");
    EXPECT_NE(mistake(Json{{"force", 1}}, [](auto& a) { a.flag("force"); }), "");
    EXPECT_NE(mistake(Json{{"value", Json::array()}}, [](auto& a) { a.scalar("value"); }), "");
    EXPECT_NE(mistake(Json{{"words", {{"unit", 7}}}}, [](auto& a) { a.words("words"); }), "");
    EXPECT_NE(mistake(Json{{"devcie", "m"}}, [](auto& a) { a.text("device"); }).find("devcie"), std::string::npos);
}

}  // namespace
}  // namespace gateway::control
