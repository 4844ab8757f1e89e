#include "gateway/base/diagnostics.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace base {
namespace {

TEST(Diagnostics, tells_where_what_and_what_to_do) {
    Diagnostics diagnostics;
    EXPECT_TRUE(diagnostics.ok());
    EXPECT_EQ(diagnostics.str(), "");
    diagnostics.error({"boiler.yaml", 12, 7}, "unknown key 'adress' in point 'flow'", "did you mean 'address'?");
    EXPECT_FALSE(diagnostics.ok());
    EXPECT_EQ(diagnostics.str(), "boiler.yaml:12:7: unknown key 'adress' in point 'flow'; did you mean 'address'?\n");
}

TEST(Diagnostics, a_file_as_a_whole_has_no_line) {
    Diagnostics diagnostics;
    diagnostics.error({"gateway.yaml", 0, 0}, "there is none", "make one");
    EXPECT_EQ(diagnostics.str(), "gateway.yaml: there is none; make one\n");
}

TEST(Diagnostics, are_in_the_order_of_the_files) {
    Diagnostics diagnostics;
    diagnostics.error({"b.yaml", 1, 1}, "e", "r");
    diagnostics.error({"a.yaml", 10, 1}, "d", "r");
    diagnostics.error({"a.yaml", 9, 12}, "c", "r");
    diagnostics.error({"a.yaml", 9, 2}, "b", "r");
    diagnostics.error({"a.yaml", 0, 0}, "a", "r");
    EXPECT_EQ(diagnostics.str(), "a.yaml: a; r\na.yaml:9:2: b; r\na.yaml:9:12: c; r\na.yaml:10:1: d; r\nb.yaml:1:1: e; r\n");
}

TEST(Diagnostics, the_same_mistake_is_told_once_however_often_it_is_met) {
    Diagnostics diagnostics;
    for (int device = 0; device < 10'000; ++device) diagnostics.error({"em24.yaml", 3, 1}, "wrong", "mend it");
    diagnostics.error({"em24.yaml", 3, 1}, "wrong too", "mend it");
    EXPECT_EQ(diagnostics.str(), "em24.yaml:3:1: wrong too; mend it\nem24.yaml:3:1: wrong; mend it\n");
    EXPECT_EQ(diagnostics.different(), 2U);
    EXPECT_EQ(diagnostics.count(), 10'001U) << "a caller sees that something was reported, again or not";
}

TEST(Diagnostics, a_thousand_are_enough) {
    Diagnostics diagnostics;
    for (int line = 1; line <= 1000; ++line) diagnostics.error({"a.yaml", line, 1}, "wrong", "mend it");
    diagnostics.error({"a.yaml", 1, 1}, "wrong", "mend it");
    EXPECT_EQ(diagnostics.str().find("and more"), std::string::npos);
    diagnostics.error({"a.yaml", 1001, 1}, "wrong", "mend it");
    EXPECT_TRUE(
        diagnostics.str().ends_with("a.yaml:1000:1: wrong; mend it\nand more than these 1000 mistakes; mend them first\n"));
}

TEST(Diagnostics, a_mistake_is_one_line_and_harmless_to_a_terminal) {
    Diagnostics diagnostics;
    diagnostics.error({"a.yaml", 1, 1}, "unknown key 'a\n\x1B[31m'", "remove it");
    EXPECT_EQ(diagnostics.str(), "a.yaml:1:1: unknown key 'a\\x0a\\x1b[31m'; remove it\n");
    Diagnostics large;
    large.error({"a.yaml", 1, 1}, std::string(1'000'000, 'x'), "shorten it");
    EXPECT_EQ(large.str().size(), Diagnostics::most_text + 4);  // "...", newline
}

TEST(Nearest, is_the_word_that_was_meant) {
    const std::vector<std::string_view> keys{"address", "every", "type", "scale", "to"};
    EXPECT_EQ(nearest("adress", keys), "address");
    EXPECT_EQ(nearest("addrses", keys), "address");  // neighbours swapped
    EXPECT_EQ(nearest("evrey", keys), "every");
    EXPECT_EQ(nearest("tpye", keys), "type");
    EXPECT_EQ(nearest("scales", keys), "scale");
}

TEST(Nearest, is_nothing_when_no_word_is_near) {
    const std::vector<std::string_view> keys{"address", "every", "to"};
    EXPECT_EQ(nearest("temperature", keys), "");
    EXPECT_EQ(nearest("xx", keys), "") << "two edits make any word of two letters";
    EXPECT_EQ(nearest("", keys), "");
    EXPECT_EQ(nearest(std::string(1000, 'a'), keys), "");
    EXPECT_EQ(nearest("every", {}), "");
}

}  // namespace
}  // namespace base
