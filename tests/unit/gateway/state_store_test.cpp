#include "gateway/state_store.hpp"

#include "gateway/base/log.hpp"

#include <gtest/gtest.h>
#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace {

struct Folder {
    Folder() {
        std::string name = std::filesystem::temp_directory_path() / "state-XXXXXX";
        path = mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path;
};

std::string content(const std::string& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

using gateway::Given;
using gateway::StateStore;

TEST(StateStore, GivesTheNextFreePrefixAndKeepsItOverARestart) {
    Folder folder;
    auto store = *StateStore::open(folder.path);
    EXPECT_EQ(store.give("meter-a", ""), (Given{"dev0", 0}));
    EXPECT_EQ(store.give("meter-b", "roof"), (Given{"roof", 1}));
    ASSERT_TRUE(store.save());
    auto again = *StateStore::open(folder.path);
    EXPECT_EQ(again.give("meter-b", ""), (Given{"roof", 1}));
    EXPECT_EQ(again.give("meter-a", ""), (Given{"dev0", 0}));
}

TEST(StateStore, NeverGivesAPrefixOrInstanceToAnotherDevice) {
    Folder folder;
    auto store = *StateStore::open(folder.path);
    store.give("gone", "");
    ASSERT_TRUE(store.save());
    auto again = *StateStore::open(folder.path);
    EXPECT_EQ(again.give("new", ""), (Given{"dev1", 1}));
    EXPECT_EQ(again.owner("dev0"), "gone");
    // The site renames a device: the old name stays taken, also after a restart.
    EXPECT_EQ(again.give("new", "hall"), (Given{"hall", 1}));
    ASSERT_TRUE(again.save());
    auto third = *StateStore::open(folder.path);
    EXPECT_EQ(third.give("newer", ""), (Given{"dev2", 2}));
}

TEST(StateStore, KeepsIdsWithOddCharacters) {
    Folder folder;
    auto store = *StateStore::open(folder.path);
    store.give("tab\there\\and\nline", "");
    ASSERT_TRUE(store.save());
    auto again = *StateStore::open(folder.path);
    EXPECT_EQ(again.give("tab\there\\and\nline", ""), (Given{"dev0", 0}));
    EXPECT_EQ(again.give("other", ""), (Given{"dev1", 1}));
}

TEST(StateStore, WritesOnlyWhenSomethingChanged) {
    Folder folder;
    auto store = *StateStore::open(folder.path);
    ASSERT_TRUE(store.save());
    EXPECT_FALSE(std::filesystem::exists(folder.path + "/devices"));
    store.give("a", "");
    ASSERT_TRUE(store.save());
    std::filesystem::remove(folder.path + "/devices");
    store.give("a", "");
    ASSERT_TRUE(store.save());
    EXPECT_FALSE(std::filesystem::exists(folder.path + "/devices"));
}

// Every cut of the file gives a store that works and has all whole lines.
TEST(StateStore, StartsFromAnyTruncatedOrDamagedFile) {
    base::log().set_level(spdlog::level::off);
    Folder folder;
    auto store = *StateStore::open(folder.path);
    store.give("meter-a", "");
    store.give("meter-b", "roof");
    store.give("meter-b", "hall");
    ASSERT_TRUE(store.save());
    const std::string whole = content(folder.path + "/devices");
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        std::ofstream(folder.path + "/devices") << whole.substr(0, cut);
        auto again = StateStore::open(folder.path);
        ASSERT_TRUE(again) << cut;
        const auto given = again->give("meter-a", "");
        EXPECT_NE(given.prefix, "") << cut;
        for (int bit = 0; bit < 8; ++bit) {
            std::string flipped = whole;
            flipped[cut] = static_cast<char>(flipped[cut] ^ (1 << bit));
            std::ofstream(folder.path + "/devices") << flipped;
            ASSERT_TRUE(StateStore::open(folder.path)) << cut;
        }
    }
}

TEST(StateStore, WithoutAFolderKeepsNothingAndSaysNothing) {
    auto store = *StateStore::open("");
    EXPECT_EQ(store.give("a", ""), (Given{"dev0", 0}));
    EXPECT_TRUE(store.save());
}

TEST(StateStore, SaysWhatIsWrongWithAFolderThatCannotBe) {
    const auto store = StateStore::open("/dev/null/state");
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().message, "/dev/null/state: no folder, and none can be made there");
}
