#include "adapters/mqtt/topics.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <string>

namespace adapters::mqtt {
namespace {

std::vector<TopicTrie::Value> hits(const TopicTrie& trie, std::string_view topic) {
    std::vector<TopicTrie::Value> found;
    trie.match(topic, [&](TopicTrie::Value value) { found.push_back(value); });
    std::sort(found.begin(), found.end());
    return found;
}

TEST(Topics, AFilterHasWildcardsOnlyAsWholeLevels) {
    for (const auto* good : {"a", "a/b", "+", "#", "a/+/b", "a/#", "/", "a//b", "$SYS/#", "zigbee2mqtt/0x00158d/äöü"})
        EXPECT_TRUE(is_filter(good)) << good;
    for (const auto* bad : {"", "a+", "a/b#", "#/a", "a/#/b", "a\nb", "a\xFF"}) EXPECT_FALSE(is_filter(bad)) << bad;
    EXPECT_FALSE(is_topic("a/+"));
    EXPECT_FALSE(is_topic(std::string(2'000, 'a')));
    EXPECT_FALSE(is_filter(std::string(200, '/')));
}

// The examples of the specification: MQTT 5, 4.7.1 and 4.7.2.
TEST(Topics, WildcardsFitAsTheSpecificationSays) {
    EXPECT_TRUE(matches("sport/tennis/player1/#", "sport/tennis/player1"));
    EXPECT_TRUE(matches("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"));
    EXPECT_TRUE(matches("sport/+", "sport/"));
    EXPECT_FALSE(matches("sport/+", "sport"));
    EXPECT_TRUE(matches("+/+", "/finance"));
    EXPECT_FALSE(matches("+", "/finance"));
    EXPECT_FALSE(matches("#", "$SYS/uptime"));
    EXPECT_FALSE(matches("+/monitor/Clients", "$SYS/monitor/Clients"));
    EXPECT_TRUE(matches("$SYS/#", "$SYS/uptime"));
    EXPECT_FALSE(matches("a/b", "a/b/c"));
}

TEST(Topics, TheTrieFindsWhatMatchesFinds) {
    const std::vector<std::string> filters{"#",     "+",     "a",     "a/#",    "a/+", "a/b", "+/b",
                                           "a/b/c", "a/+/c", "+/+/+", "$SYS/#", "/",   "/+",  "a//c"};
    TopicTrie trie;
    for (std::size_t i = 0; i < filters.size(); ++i) trie.add(filters[i], static_cast<TopicTrie::Value>(i));
    for (const auto* topic : {"a", "b", "a/b", "a/x", "x/b", "a/b/c", "a/x/c", "a/b/c/d", "$SYS/x", "/", "/x", "a//c", ""}) {
        std::vector<TopicTrie::Value> expected;
        for (std::size_t i = 0; i < filters.size(); ++i)
            if (matches(filters[i], topic)) expected.push_back(static_cast<TopicTrie::Value>(i));
        EXPECT_EQ(hits(trie, topic), expected) << topic;
    }
}

TEST(Topics, OneTopicOfAHundredThousandCostsNoScan) {
    TopicTrie trie;
    for (TopicTrie::Value i = 0; i < 100'000; ++i) trie.add("tele/plug" + std::to_string(i) + "/SENSOR", i);
    EXPECT_EQ(trie.size(), 100'000U);
    EXPECT_EQ(hits(trie, "tele/plug77777/SENSOR"), std::vector<TopicTrie::Value>{77'777});
    EXPECT_TRUE(hits(trie, "tele/plug77777").empty());
    EXPECT_TRUE(hits(trie, std::string(1'000, '/')).empty());
}

TEST(Topics, NamesStandForWhatALevelHolds) {
    const auto pattern = TopicPattern::parse("shelly-${mac}/${what}/x");
    ASSERT_TRUE(pattern);
    EXPECT_EQ(pattern->filter(), "+/+/x");
    const auto found = pattern->match("shelly-a1b2/status/x");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->at("mac"), "a1b2");
    EXPECT_EQ(found->at("what"), "status");
    EXPECT_FALSE(pattern->match("other-a1b2/status/x"));
    EXPECT_FALSE(pattern->match("shelly-/status/x"));
    for (const auto* bad : {"${a}/${a}", "${a}${b}", "${}", "x/${A}", "${a", "+${a}", "a/#/${b}"})
        EXPECT_FALSE(TopicPattern::parse(bad)) << bad;
}

}  // namespace
}  // namespace adapters::mqtt
