#include "lwm2m/path.hpp"

#include <gtest/gtest.h>
#include <set>
#include <unordered_set>

using lwm2m::check_prefix;
using lwm2m::Errc;
using lwm2m::Path;
using lwm2m::Target;

TEST(Path, is_read_and_written_alike_at_every_level) {
    for (const char* text : {"/", "/0", "/3303", "/3303/0", "/3303/0/5700", "/3/0/6/65534"}) {
        const auto path = Path::parse(text);
        ASSERT_TRUE(path) << text;
        EXPECT_EQ(path->str(), text);
    }
    EXPECT_EQ(Path::parse("/")->level(), Path::Level::root);
    EXPECT_EQ(Path::parse("/3/0/6/1")->level(), Path::Level::resource_instance);
    EXPECT_EQ(*Path::parse("/3303/0/5700"), Path::of({3303, 0, 5700}));
}

TEST(Path, refuses_what_no_server_may_write) {
    for (const char* text : {"", "3", "3/0", "//", "/3/", "/3//0", "/-1", "/+3", "/03", "/00", "/65535", "/65536",
                             "/99999999999", "/ 3", "/3 ", "/a", "/3/0/x", "/3.0", "/0x3"}) {
        const auto path = Path::parse(text);
        ASSERT_FALSE(path) << text;
        EXPECT_EQ(path.error().code, Errc::bad_request) << text;
    }
}

TEST(Path, deeper_than_four_ids_is_not_allowed) {  // CORE-058
    ASSERT_FALSE(Path::parse("/3/0/0/0/0"));
    EXPECT_EQ(Path::parse("/3/0/0/0/0").error().code, Errc::not_allowed);
    EXPECT_EQ(Target::parse("/dev1/3/0/0/0/0").error().code, Errc::not_allowed);
}

TEST(Path, grows_and_shrinks_within_its_bounds) {
    const Path resource = Path::of({3, 0, 6});
    EXPECT_EQ(resource.child(1)->str(), "/3/0/6/1");
    EXPECT_FALSE(resource.child(65535));
    EXPECT_FALSE(resource.child(1)->child(0));
    EXPECT_EQ(resource.parent().str(), "/3/0");
    EXPECT_EQ(Path().parent(), Path());
    EXPECT_EQ(resource.ancestor(Path::Level::object).str(), "/3");
    EXPECT_EQ(resource.ancestor(Path::Level::resource_instance), resource);
    EXPECT_EQ(resource.child(9)->parent(), resource);  // the tail is cleared, or they would differ
}

TEST(Path, covers_itself_and_what_is_below) {
    const Path instance = Path::of({3303, 0});
    EXPECT_TRUE(instance.covers(instance));
    EXPECT_TRUE(instance.covers(Path::of({3303, 0, 5700})));
    EXPECT_TRUE(Path().covers(instance));
    EXPECT_FALSE(instance.covers(Path::of({3303})));
    EXPECT_FALSE(instance.covers(Path::of({3303, 1, 5700})));
}

TEST(Path, sorts_a_parent_before_its_children) {
    const std::set<Path> paths{Path::of({3, 0, 9}),    Path::of({3}),   Path::of({3, 0}), Path(),
                               Path::of({3, 0, 6, 1}), Path::of({1, 0})};
    std::string order;
    for (const Path& path : paths) order += path.str() + " ";
    EXPECT_EQ(order, "/ /1/0 /3 /3/0 /3/0/6/1 /3/0/9 ");
}

TEST(Path, hashes_levels_apart) {
    std::unordered_set<std::size_t> hashes;
    for (const Path& path : {Path(), Path::of({0}), Path::of({0, 0}), Path::of({0, 0, 0}), Path::of({0, 0, 0, 0})})
        hashes.insert(std::hash<Path>{}(path));
    EXPECT_EQ(hashes.size(), 5U);
}

TEST(Target, takes_the_first_segment_as_prefix_unless_it_is_all_digits) {
    const auto own = Target::parse("/3/0");
    ASSERT_TRUE(own);
    EXPECT_EQ(own->prefix, "");
    const auto device = Target::parse("/dev1/3303/0/5700");
    ASSERT_TRUE(device);
    EXPECT_EQ(device->prefix, "dev1");
    EXPECT_EQ(device->path.str(), "/3303/0/5700");
    EXPECT_EQ(Target::parse("/d01")->path, Path());
    EXPECT_EQ(Target::parse("/")->str(), "/");
    EXPECT_EQ(Target::parse("/3a/3/0")->prefix, "3a");
}

TEST(Target, takes_five_segments_with_a_prefix) {  // GW-047
    const auto target = Target::parse("/d01/19/0/0/7");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->path.level(), Path::Level::resource_instance);
    EXPECT_EQ(target->str(), "/d01/19/0/0/7");
}

TEST(Target, hands_an_unknown_prefix_on_so_that_it_is_not_found) {
    for (const char* text : {"/nobody/3/0", "/-/3", "/.well-known/3", "/\xC3\xA4/3/0"})
        EXPECT_TRUE(Target::parse(text)) << text;
}

TEST(Target, refuses_broken_names) {
    const std::string long_prefix = "/" + std::string(256, 'a') + "/3";
    for (const std::string& text : {std::string("//3/0"), std::string("/d01/"), std::string("/d01//3"),
                                    std::string("/d01/3/0//9"), std::string("/d01/d02/3"), std::string("/d\x01/3"),
                                    std::string("/\xFF/3"), std::string("d01/3"), std::string(), long_prefix}) {
        const auto target = Target::parse(text);
        ASSERT_FALSE(target) << text;
        EXPECT_EQ(target.error().code, Errc::bad_request) << text;
    }
}

TEST(Target, writes_itself_the_way_it_was_read) {
    for (const char* text : {"/", "/d01", "/d01/3", "/d01/3/0/6/1", "/3/0"}) EXPECT_EQ(Target::parse(text)->str(), text);
}

// GW-007, GW-008
TEST(Prefix, follows_the_grammar_of_configured_prefixes) {
    for (const char* good : {"dev0", "D", "a-b_c9", "abcdefghijklmnopqrstuvwxyz012345", "bs1", "RD"})
        EXPECT_TRUE(check_prefix(good)) << good;
    for (const char* bad : {"", "3", "3303", "1a", "-a", "_a", "a.b", "a/b", "a b", "\xC3\xA4",
                            "abcdefghijklmnopqrstuvwxyz0123456", "bs", "bspack", "rd", "dp"}) {
        ASSERT_FALSE(check_prefix(bad)) << bad;
        EXPECT_EQ(check_prefix(bad).error().code, Errc::bad_request);
    }
}
