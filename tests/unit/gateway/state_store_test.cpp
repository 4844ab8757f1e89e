#include "gateway/state_store.hpp"

#include "gateway/base/log.hpp"

#include <gtest/gtest.h>
#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <vector>

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

// GW-009
// GW-009
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

// GW-010, GW-006
// GW-010, GW-006
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

namespace {

/// Two devices, one of them renamed, and what each has.
std::map<std::string, Given> three_prefixes(const std::string& folder) {
    auto store = *StateStore::open(folder);
    store.give("meter-a", "");
    store.give("meter-b", "roof");
    store.give("meter-c", "");
    store.give("meter-b", "hall");
    EXPECT_TRUE(store.save());
    return {{"meter-a", {"dev0", 0}}, {"meter-b", {"hall", 1}}, {"meter-c", {"dev1", 2}}};
}

std::vector<std::string> damaged(const std::string& whole) {
    std::vector<std::string> all;
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        all.push_back(whole.substr(0, cut));
        for (int bit = 0; bit < 8; ++bit) {
            all.push_back(whole);
            all.back()[cut] = static_cast<char>(all.back()[cut] ^ (1 << bit));
        }
    }
    return all;
}

}  // namespace

TEST(StateStore, LosesNothingWhenOneOfItsFilesIsDamaged) {
    base::log().set_level(spdlog::level::off);
    Folder folder;
    const auto wanted = three_prefixes(folder.path);
    const std::string whole = content(folder.path + "/devices");
    for (const auto& bad : damaged(whole)) {
        std::ofstream(folder.path + "/devices") << bad;
        auto store = *StateStore::open(folder.path);
        for (const auto& [id, given] : wanted) ASSERT_EQ(store.give(id, ""), given) << bad;
        ASSERT_EQ(store.give("new", ""), (Given{"dev2", 3}));
    }
    std::filesystem::remove(folder.path + "/devices");
    auto store = *StateStore::open(folder.path);
    EXPECT_EQ(store.give("meter-b", ""), wanted.at("meter-b"));
    ASSERT_TRUE(store.save());
    EXPECT_EQ(content(folder.path + "/devices"), whole);  // and is whole again
}

// Both copies hit at the same place: a device may get a new name, but never that of another.
TEST(StateStore, NeverGivesAnAddressAnewHoweverItsFilesAreDamaged) {
    base::log().set_level(spdlog::level::off);
    Folder folder;
    const auto before = three_prefixes(folder.path);
    const std::string whole = content(folder.path + "/devices");
    for (const auto& bad : damaged(whole)) {
        for (const char* name : {"/devices", "/devices.copy"}) std::ofstream(folder.path + name) << bad;
        auto store = *StateStore::open(folder.path);
        const auto stranger = store.give("stranger", "");
        for (const auto& [id, given] : before) {
            ASSERT_NE(stranger.prefix, given.prefix) << bad;
            ASSERT_NE(stranger.instance, given.instance) << bad;
        }
        ASSERT_NE(stranger.prefix, "roof");
        std::set<std::string> prefixes{stranger.prefix};
        std::set<std::uint16_t> instances{stranger.instance};
        for (const auto& [id, given] : before) {
            const auto now = store.give(id, "");
            ASSERT_TRUE(prefixes.insert(now.prefix).second) << bad;
            ASSERT_TRUE(instances.insert(now.instance).second) << bad;
        }
    }
}

TEST(StateStore, KeepsDiscoveredDevicesWithAllThatTheySay) {
    Folder folder;
    auto store = *StateStore::open(folder.path);
    gateway::FoundDevice device;
    device.rule = "meters on the bus";
    device.key = "SN \"1\"\t\\";
    device.id = "em24-1";
    device.link = "rs485-a";
    device.profile = "acme/em24@3";
    device.approved = true;
    device.site = {{"unit", "7"}};
    device.facts = {{"vendor", "Acme: \u00e4 # '"}, {"serial", "0012"}};
    device.first_seen = base::WallTime(std::chrono::seconds(1'800'000'000));
    device.note = "answers";
    device.device =
        base::Node::map({}, {{"id", {}, base::Node::text({}, "em24-1")},
                             {"unit", {}, base::Node::plain({}, "7")},
                             {"ratio", {}, base::Node::plain({}, "1.50")},
                             {"serial", {}, base::Node::text({}, "0012")},
                             {"set", {}, base::Node::map({}, {{"key", {}, base::Node::text({}, "${secret:em24}")}})}});
    store.keep(device);
    ASSERT_TRUE(store.save());
    const auto again = *StateStore::open(folder.path);
    ASSERT_EQ(again.found().size(), 1U);
    const auto& its = again.found().begin()->second;
    EXPECT_EQ(its.key, device.key);
    EXPECT_TRUE(its.approved);
    EXPECT_EQ(its.site, device.site);
    EXPECT_EQ(its.facts, device.facts);
    EXPECT_EQ(its.first_seen, device.first_seen);
    EXPECT_EQ(its.device.find("unit")->kind(), base::Node::Kind::integer);
    EXPECT_EQ(its.device.find("ratio")->written(), "1.50");
    EXPECT_EQ(its.device.find("serial")->kind(), base::Node::Kind::text);
    EXPECT_EQ(its.device.find("set")->find("key")->written(), "${secret:em24}");
    EXPECT_EQ(its.device.find("id")->at().file, "discovered device 'em24-1'");  // whose mistakes are its own
}

TEST(StateStore, ADamagedDiscoveredDeviceIsForgottenAndNoOther) {
    base::log().set_level(spdlog::level::off);
    Folder folder;
    auto store = *StateStore::open(folder.path);
    for (const char* id : {"a", "b"}) {
        gateway::FoundDevice device;
        device.rule = "r", device.key = id, device.id = id;
        device.approved = true;
        device.device = base::Node::map({}, {{"id", {}, base::Node::text({}, id)}});
        store.keep(device);
    }
    ASSERT_TRUE(store.save());
    const auto whole = content(folder.path + "/found");
    for (const auto& bad : damaged(whole)) {
        std::ofstream(folder.path + "/found") << bad;
        const auto again = *StateStore::open(folder.path);
        for (const auto& [key, device] : again.found()) {
            ASSERT_EQ(device.id, key.second);
            ASSERT_TRUE(device.approved);
        }
        ASSERT_LE(again.found().size(), 2U);
    }
}

TEST(StateStore, KeepsWhatALinkLearnedWithinBounds) {
    Folder folder;
    auto store = *StateStore::open(folder.path);
    EXPECT_TRUE(store.learn("bus", "holes", "holding 7\nholding 9"));
    EXPECT_TRUE(store.learn("bus", "gone", "x"));
    EXPECT_TRUE(store.learn("bus", "gone", ""));
    EXPECT_FALSE(store.learn("bus", "long", std::string(4'097, 'x')));
    for (int i = 0; i < 300; ++i) store.learn("other", std::to_string(i), "x");
    ASSERT_TRUE(store.save());
    const auto again = *StateStore::open(folder.path);
    EXPECT_EQ(again.learned("bus"), (adapters::Words{{"holes", "holding 7\nholding 9"}}));
    EXPECT_EQ(again.learned("other").size(), 256U);
    EXPECT_TRUE(again.learned("nobody").empty());
    EXPECT_FALSE(again.dirty());
}

TEST(StateStore, AFullDiskIsToldAndTriedAgain) {
    if (::geteuid() == 0 && !std::filesystem::exists("/dev/full")) GTEST_SKIP();
    Folder folder;
    auto store = *StateStore::open(folder.path);
    store.give("a", "");
    std::filesystem::create_symlink("/dev/full", folder.path + "/devices.copy.new");
    const auto saved = store.save();
    ASSERT_FALSE(saved);
    EXPECT_NE(saved.error().message.find("/devices.copy"), std::string::npos);
    EXPECT_TRUE(store.dirty());
    std::filesystem::remove(folder.path + "/devices.copy.new");
    ASSERT_TRUE(store.save());
    EXPECT_EQ((*StateStore::open(folder.path)).owner("dev0"), "a");
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
