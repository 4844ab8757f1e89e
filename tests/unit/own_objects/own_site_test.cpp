#include "tests/fakes/whole_gateway.hpp"

#include <gtest/gtest.h>
#include <set>

using namespace std::chrono_literals;

namespace {

struct Site : testing::Test, fakes::WholeGateway {
    Site() { devices({"{id: meter, profile: t/meter@1, link: bus, unit: 1}"}); }
    void configured(const std::string& more) {
        write("gateway.yaml", "format: 1\ngateway: gw\nservers: {main: {uri: \"coap://192.0.2.1\", security: nosec" + more +
                                  "}}\nlinks: {bus: {sim: bus}}\n");
    }
    std::string codes() { return server.asks("GET /3/0/11", {.accept = 110}); }
};

// GW-001 GW-003 GW-005
TEST_F(Site, object_25_has_one_instance_a_device_with_three_resources_that_nobody_writes) {
    devices({"{id: meter, profile: t/meter@1, link: bus, unit: 1}",
             "{id: \"urn:dev:os:32473-101\", profile: t/meter@1, link: bus, unit: 2}"});
    ASSERT_TRUE(start()) << mistakes;
    const auto nodes = app->tree().list({"", lwm2m::Path::of({25})});
    std::set<std::string> names, prefixes;
    std::size_t resources = 0;
    for (const auto& node : nodes) {
        if (node.level() != lwm2m::Path::Level::resource) continue;
        ++resources;
        const auto* definition = app->tree().definition({"", node});
        ASSERT_NE(definition, nullptr);
        EXPECT_TRUE(definition->readable && !definition->writable && !definition->multiple && definition->mandatory);
        const std::string said = server.asks("GET " + node.str(), {.accept = 0});
        if (node.resource() == 0) {
            EXPECT_TRUE(names.insert(said).second) << said;
        }
        if (node.resource() == 1) {
            EXPECT_TRUE(prefixes.insert(said).second) << said;
        }
        if (node.resource() == 3) {
            EXPECT_NE(said.find("</3303>;ver="), std::string::npos) << said;
        }
        EXPECT_EQ(server.writes("PUT " + node.str(), "x"), "4.05");
    }
    EXPECT_EQ(resources, 6u);  // 0, 1 and 3 of two
    EXPECT_TRUE(names.contains("2.05 urn:dev:os:32473-101"));
    EXPECT_EQ(names.size(), 2u);
    EXPECT_EQ(prefixes.size(), 2u);
    EXPECT_EQ(server.writes("POST /25", R"([{"n":"/25/7/0","vs":"x"}])", 110), "4.05");
    EXPECT_EQ(server.asks("DELETE /25/0"), "4.05");
    EXPECT_EQ(server.asks("GET /25/0/2"), "4.04");
}

// OBJ-011 OBJ-012
TEST_F(Site, a_value_of_a_device_tells_its_unit_and_its_time) {
    ASSERT_TRUE(start()) << mistakes;
    after(10s);
    EXPECT_EQ(server.asks("GET /dev0/3303/0/5700"), "2.05 21");
    EXPECT_EQ(server.asks("GET /dev0/3303/0/5701"), "2.05 Cel");
    const std::string time = server.asks("GET /dev0/3303/0/5518");
    ASSERT_EQ(time.substr(0, 5), "2.05 ");
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timers.wall().time_since_epoch()).count();
    EXPECT_NEAR(std::stod(time.substr(5)), static_cast<double>(seconds), 1.5);
}

// GW-018
TEST_F(Site, a_list_of_objects_that_is_longer_than_a_block_is_told_whole) {
    std::string points;
    for (int i = 0; i < 100; ++i) points += fmt::format("  t{}: {{pin: {}, every: 1m, to: 3303/{}/5700}}\n", i, 1 + i % 3, i);
    profile("rack", 1, points);
    devices({"{id: rack, profile: t/rack@1, link: bus, unit: 1}"});
    ASSERT_TRUE(start()) << mistakes;
    const std::string list = server.asks("GET /25/0/3", {.accept = 0});
    EXPECT_GT(list.size(), 1100u);  // a block has 1,024: BlockTest
    EXPECT_NE(list.find("</3303/0>,</3303/1>,"), std::string::npos);
    EXPECT_TRUE(list.ends_with("</3303/99>")) << list;
}

TEST_F(Site, what_a_server_wrote_to_its_account_survives_a_restart_until_the_file_says_otherwise) {
    configured(", lifetime: 5m");
    ASSERT_TRUE(start()) << mistakes;
    EXPECT_EQ(server.writes("PUT /1/0/1", "600"), "2.04");
    EXPECT_EQ(server.writes("PUT /1/0/3", "90"), "2.04");
    after(2s);    // saved by then, once for both
    app.reset();  // as by a power cut
    while (!server.hears().empty()) {
    }
    ASSERT_TRUE(start()) << mistakes;
    EXPECT_EQ(server.asks("GET /1/0/1"), "2.05 600");
    EXPECT_EQ(server.asks("GET /1/0/3"), "2.05 90");
    EXPECT_EQ(app->client().lifetime(1), 600s);
    stop();
    configured(", lifetime: 10m, max_period: 2m");
    ASSERT_TRUE(start()) << mistakes;
    EXPECT_EQ(server.asks("GET /1/0/1"), "2.05 600");
    EXPECT_EQ(server.asks("GET /1/0/3"), "2.05 120");
    stop();
    configured(", lifetime: 5m");
    ASSERT_TRUE(start()) << mistakes;
    EXPECT_EQ(server.asks("GET /1/0/1"), "2.05 300");
}

TEST_F(Site, a_link_that_is_away_is_a_peripheral_malfunction_until_it_is_back) {
    ASSERT_TRUE(start()) << mistakes;
    after(11s);
    EXPECT_EQ(codes(), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":0}])");
    server.observes("/3/0/11", 7, 110);
    world.sinks["bus"]->link(false, "unplugged");
    after(10s);
    EXPECT_EQ(server.notified(), R"(#7 2.05 [{"bn":"/3/0/11/","n":"0","v":8}])");
    EXPECT_EQ(server.asks("POST /3/0/12"), "2.04");
    EXPECT_EQ(codes(), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":8}])");
    world.sinks["bus"]->link(true, "plugged in");
    EXPECT_EQ(server.asks("POST /3/0/12"), "2.04");
    EXPECT_EQ(codes(), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":0}])");
}

TEST_F(Site, a_state_that_cannot_be_saved_is_an_error_of_the_gateway) {
    ASSERT_TRUE(start()) << mistakes;
    std::filesystem::remove_all(folder + "/state");
    EXPECT_EQ(server.writes("PUT /1/0/1", "600"), "2.04");
    after(12s);
    EXPECT_EQ(codes(), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":16}])");
    std::filesystem::create_directories(folder + "/state");
    after(70s);
    EXPECT_EQ(codes(), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":0}])");
}

}  // namespace
