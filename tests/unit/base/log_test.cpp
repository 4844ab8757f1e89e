#include "gateway/base/log.hpp"

#include <gtest/gtest.h>
#include <spdlog/sinks/base_sink.h>

namespace base {
namespace {

// What the process logs while it lives.
class Captured {
public:
    Captured() : sink_(std::make_shared<Sink>()), before_(log().sinks()) { log().sinks() = {sink_}; }
    Captured(const Captured&) = delete;
    Captured& operator=(const Captured&) = delete;
    ~Captured() { log().sinks() = before_; }
    std::vector<std::string>& lines() { return sink_->lines; }

private:
    struct Sink final : spdlog::sinks::base_sink<std::mutex> {
        std::vector<std::string> lines;
        void sink_it_(const spdlog::details::log_msg& message) override {
            lines.emplace_back(message.payload.data(), message.payload.size());
        }
        void flush_() override {}
    };
    std::shared_ptr<Sink> sink_;
    std::vector<spdlog::sink_ptr> before_;
};

TEST(Printable, leaves_text_alone) {
    EXPECT_EQ(printable("holding:10 is 21.5 \xC2\xB0"
                        "C"),
              "holding:10 is 21.5 \xC2\xB0"
              "C");
    EXPECT_EQ(printable(""), "");
}

TEST(Printable, makes_control_characters_harmless) {
    EXPECT_EQ(printable("a\n\x1B[31m\x7F"), "a\\x0a\\x1b[31m\\x7f");
    EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
    EXPECT_EQ(printable("a\xC2\x9B"
                        "31m"),
              "a\\x9b31m");  // CSI in one character
}

TEST(Printable, makes_bytes_that_are_no_text_visible) { EXPECT_EQ(printable("a\xFF\xC3\xBC"), "a\\xff\\xc3\\xbc"); }

TEST(Printable, cuts_what_is_too_long_between_characters) {
    EXPECT_EQ(printable("abcdef", 3), "abc...");
    EXPECT_EQ(printable("abcdef", 6), "abcdef");
    EXPECT_EQ(printable("ab\xC3\xBC"
                        "def",
                        3),
              "ab...");
    EXPECT_EQ(printable("ab\xE2\x82\xAC"
                        "def",
                        4),
              "ab...");
    EXPECT_EQ(printable(std::string(1000, 'x')).size(), 203U);
}

TEST(Level, is_one_of_six_words) {
    EXPECT_EQ(parse_level("warn"), spdlog::level::warn);
    EXPECT_EQ(parse_level("error"), spdlog::level::err);
    EXPECT_EQ(parse_level("off"), spdlog::level::off);
    EXPECT_EQ(parse_level("loud").error(),
              (Error{Errc::bad_request, "unknown log level 'loud'; use trace, debug, info, warn, error or off"}));
    EXPECT_FALSE(parse_level("WARN"));
}

TEST(Once, says_a_thing_the_first_time_and_then_counts) {
    Captured captured;
    Once once;
    for (int i = 0; i < 1000; ++i) once.warn("unit 3", "unit 3 does not answer");
    EXPECT_EQ(captured.lines(),
              (std::vector<std::string>{"unit 3 does not answer", "unit 3 does not answer (10 times)",
                                        "unit 3 does not answer (100 times)", "unit 3 does not answer (1000 times)"}));
    EXPECT_EQ(once.count("unit 3"), 1000U);
    EXPECT_EQ(once.count("unit 4"), 0U);
}

TEST(Once, says_it_again_after_the_trouble_has_ended) {
    Captured captured;
    Once once;
    once.warn("unit 3", "away");
    once.warn("unit 3", "away");
    once.again("unit 3");
    once.warn("unit 3", "away");
    EXPECT_EQ(captured.lines().size(), 2U);
    EXPECT_EQ(once.count("unit 3"), 1U);
}

TEST(Once, remembers_a_bounded_number_of_things) {
    Captured captured;
    Once once;
    for (int i = 0; i < 100'000; ++i) once.warn("peer " + std::to_string(i), "garbage");
    EXPECT_EQ(once.count("peer 255"), 1U);
    EXPECT_EQ(once.count("peer 256"), 0U);
    EXPECT_LT(captured.lines().size(), 270U);
    once.again("peer 0");  // makes room
    once.warn("peer 100000", "garbage");
    EXPECT_EQ(once.count("peer 100000"), 1U);
}

}  // namespace
}  // namespace base
