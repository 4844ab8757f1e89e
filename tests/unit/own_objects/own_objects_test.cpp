#include "lwm2m/dispatcher.hpp"
#include "tests/unit/own_objects/stage.hpp"

#include <algorithm>

using namespace std::chrono_literals;
using lwm2m::Path;

namespace {

// OBJ-001
TEST_F(OwnObjects, have_all_that_is_mandatory) {
    add_server(2);
    start();
    for (const Path& instance : tree.own.list({})) {
        if (instance.level() != Path::Level::instance) continue;
        const auto* object = tree.own.object(instance.object());
        ASSERT_NE(object, nullptr) << instance.str();
        for (const auto& resource : object->resources)
            EXPECT_TRUE(!resource.mandatory || tree.own.exists(*instance.child(resource.id)))
                << instance.str() << '/' << resource.id;
    }
}

// OBJ-002
TEST_F(OwnObjects, values_have_the_types_and_ranges_of_their_definitions) {
    add_server(2);
    start();
    int seen = 0;
    for (const auto& entry : tree.own.read({})) {
        const auto* definition = tree.own.definition(entry.target.path);
        ASSERT_NE(definition, nullptr) << entry.target.str();
        const auto typed = lwm2m::coerce(entry.value, definition->type);
        ASSERT_TRUE(typed) << entry.target.str();
        EXPECT_EQ(*typed, entry.value) << entry.target.str();
        EXPECT_TRUE(lwm2m::in_range(*definition, entry.value)) << entry.target.str();
        EXPECT_EQ(definition->multiple, entry.target.path.level() == Path::Level::resource_instance) << entry.target.str();
        ++seen;
    }
    EXPECT_GT(seen, 60);
}

// ---- 3 Device

// OBJ-004
TEST_F(OwnObjects, device_lists_its_errors_by_the_rules_of_the_standard) {
    start();
    const auto codes = [this] { return server.asks("GET /3/0/11", {.accept = json}); };
    const auto look_with = [&](std::vector<std::int64_t> wrong) {
        troubles = std::move(wrong);
        device->look();
        return codes();
    };
    EXPECT_EQ(codes(), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":0}])");
    EXPECT_EQ(look_with({8}), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":8}])");
    EXPECT_EQ(look_with({16, 8, 8}), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":8},{"n":"1","v":16}])");
    EXPECT_EQ(look_with({16, 0, 33}), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":16}])");
    EXPECT_EQ(server.asks("POST /3/0/12"), "2.04");
    EXPECT_EQ(codes(), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":16}])");  // it is still wrong
    troubles.clear();
    EXPECT_EQ(server.asks("POST /3/0/12"), "2.04");
    EXPECT_EQ(codes(), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":0}])");
}

// OBJ-004
TEST_F(OwnObjects, device_tells_those_who_observe_its_errors) {
    start();
    server.observes("/3/0/11", 7, json);
    server.observes("/3/0/11/0", 8);
    troubles = {8};
    device->look();
    after(0s);
    std::vector<std::string> told{server.notified(), server.notified()};
    std::sort(told.begin(), told.end());
    EXPECT_EQ(told[0], R"(#7 2.05 [{"bn":"/3/0/11/","n":"0","v":8}])");
    EXPECT_EQ(told[1], "#8 2.05 8");
    device->look();  // nothing new
    after(1h);
    EXPECT_EQ(server.notified(), "");
    troubles = {};
    device->look();
    after(0s);
    EXPECT_EQ(server.notifications(), 2u);
}

TEST_F(OwnObjects, device_says_when_its_memory_its_battery_or_the_mains_fail) {
    start();
    const auto codes = [this] {
        device->look();
        return server.asks("GET /3/0/11", {.accept = json});
    };
    file("proc/meminfo", "MemTotal:        3200000 kB\nMemAvailable:     99000 kB\n");
    EXPECT_EQ(codes(), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":5}])");
    file("proc/meminfo", "MemTotal:        3200000 kB\nMemAvailable:    101000 kB\n");
    EXPECT_EQ(codes(), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":0}])");
    file("sys/class/power_supply/AC/type", "Mains\n");
    file("sys/class/power_supply/AC/online", "0\n");
    file("sys/class/power_supply/BAT0/type", "Battery\n");
    file("sys/class/power_supply/BAT0/capacity", "61\n");
    file("sys/class/power_supply/BAT0/status", "Discharging\n");
    EXPECT_EQ(codes(), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":2}])");
    file("sys/class/power_supply/BAT0/capacity", "9\n");
    EXPECT_EQ(codes(), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":2},{"n":"1","v":1}])");
    file("sys/class/power_supply/AC/online", "1\n");
    file("sys/class/power_supply/BAT0/status", "Charging\n");
    EXPECT_EQ(codes(), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":0}])");
}

// OBJ-005
TEST_F(OwnObjects, device_numbers_its_power_sources_alike) {
    file("sys/class/power_supply/AC/type", "Mains\n");
    file("sys/class/power_supply/AC/online", "1\n");
    file("sys/class/power_supply/BAT0/type", "Battery\n");
    file("sys/class/power_supply/BAT0/capacity", "61\n");
    file("sys/class/power_supply/BAT0/status", "Charging\n");
    file("sys/class/power_supply/BAT0/voltage_now", "12100000\n");
    file("sys/class/power_supply/BAT0/current_now", "800000\n");
    file("sys/class/power_supply/mouse/type", "Battery\n");
    file("sys/class/power_supply/mouse/scope", "Device\n");
    start();
    EXPECT_EQ(server.asks("GET /3/0/6", {.accept = json}), R"(2.05 [{"bn":"/3/0/6/","n":"0","v":6},{"n":"1","v":1}])");
    EXPECT_EQ(server.asks("GET /3/0/7", {.accept = json}), R"(2.05 [{"bn":"/3/0/7/","n":"1","v":12100}])");
    EXPECT_EQ(server.asks("GET /3/0/8", {.accept = json}), R"(2.05 [{"bn":"/3/0/8/","n":"1","v":800}])");
    EXPECT_EQ(server.asks("GET /3/0/9"), "2.05 61");
    EXPECT_EQ(server.asks("GET /3/0/20"), "2.05 1");
}

TEST_F(OwnObjects, device_without_a_battery_does_not_speak_of_one) {
    start();
    EXPECT_EQ(server.asks("GET /3/0/9"), "4.04");
    EXPECT_EQ(server.asks("GET /3/0", {.accept = link}).find("</3/0/6>"), std::string::npos);
}

// OBJ-006 ETS-0651
TEST_F(OwnObjects, device_shows_a_written_time_that_goes_on_and_a_written_zone) {
    start();
    EXPECT_EQ(server.asks("GET /3/0/13"), "2.05 1800000000");
    EXPECT_EQ(server.asks("GET /3/0/15"), "2.05 Europe/Berlin");
    // 13: 1367491215, 14: "+02:00", 15: "Europe/Paris"
    EXPECT_EQ(writes_hex("POST /3/0", "c40d5182428fc60e2b30323a3030c80f0c4575726f70652f5061726973"), "2.04");
    after(10s);
    EXPECT_EQ(server.asks("GET /3/0/13"), "2.05 1367491225");
    EXPECT_EQ(server.asks("GET /3/0/14"), "2.05 +02:00");
    EXPECT_EQ(server.asks("GET /3/0/15"), "2.05 Europe/Paris");
    for (const char* wrong : {"2:00", "+15:00", "+02:60", "+0200"})
        EXPECT_EQ(server.writes("PUT /3/0/14", wrong), "4.00") << wrong;
    EXPECT_EQ(server.writes("PUT /3/0/15", "not a zone"), "4.00");
    EXPECT_EQ(server.writes("PUT /3/0/13", "-5"), "4.00");
    EXPECT_EQ(server.asks("GET /3/0/15"), "2.05 Europe/Paris");
}

TEST_F(OwnObjects, device_tells_the_memory_that_is_there) {
    start();
    EXPECT_EQ(server.asks("GET /3/0/10"), "2.05 512000");  // kB of 1,000 bytes
    EXPECT_EQ(server.asks("GET /3/0/21"), "2.05 2048000");
}

// ETS-0241
TEST_F(OwnObjects, device_restarts_and_is_reset_where_the_site_allows_it) {
    start();
    EXPECT_EQ(server.asks("POST /3/0/4"), "2.04");
    EXPECT_EQ(restarts, 1);
    EXPECT_EQ(server.asks("POST /3/0/5"), "4.04");
}

TEST_F(OwnObjects, device_forgets_when_it_is_told_to) {
    int resets = 0;
    factory_reset = [&] { ++resets; };
    start();
    EXPECT_EQ(server.asks("POST /3/0/5"), "2.04");
    EXPECT_EQ(resets, 1);
}

// ---- 1 Server

// CORE-017
TEST_F(OwnObjects, server_is_disabled_for_its_timeout) {
    start();
    EXPECT_EQ(server.asks("GET /1/0/5"), "2.05 86400");
    EXPECT_EQ(server.writes("PUT /1/0/5", "20"), "2.04");
    EXPECT_EQ(server.asks("POST /1/0/4"), "2.04");
    after(0s);
    EXPECT_EQ(server.hears(), "DELETE /rd/0");
    server.answers(Code::deleted);
    after(19s);
    EXPECT_EQ(server.hears(), "");
    after(1s);
    EXPECT_EQ(server.hears().substr(0, 10), "POST /rd?e");
}

// CORE-020
TEST_F(OwnObjects, server_has_its_retries_when_they_are_written) {
    start();
    EXPECT_EQ(server.asks("GET /1/0/17"), "4.04");  // it is not there until it is written
    EXPECT_EQ(server.asks("GET /1/0", {.accept = link}).find("/1/0/17"), std::string::npos);
    EXPECT_EQ(server.writes("PUT /1/0/17", "2"), "2.04");
    EXPECT_EQ(server.writes("PUT /1/0/18", "3"), "2.04");
    EXPECT_EQ(server.asks("GET /1/0/17"), "2.05 2");
    server.ends_session();
    after(0s);
    server.hears();
    server.answers(Code::not_found);
    server.hears();
    server.is_unreachable();
    after(2900ms);
    EXPECT_EQ(server.hears(), "");
    after(100ms);
    EXPECT_NE(server.hears(), "");
    server.is_unreachable();
    after(1000h);
    EXPECT_EQ(server.hears(), "");
}

// OBJ-010
TEST_F(OwnObjects, unsigned_numbers_are_not_negative) {
    start();
    EXPECT_EQ(server.writes("PUT /1/0/17", "-1"), "4.00");
    EXPECT_EQ(server.writes("PUT /1/0/17", "4294967296"), "4.00");
}

// CORE-121 CORE-137
TEST_F(OwnObjects, server_says_how_notifications_go_and_whether_they_are_kept) {
    start();
    EXPECT_EQ(server.writes("PUT /1/0/26", "1"), "2.04");
    EXPECT_EQ(server.writes("PUT /1/0/26", "2"), "4.00");
    server.observes("/3/0/14", 7);
    EXPECT_EQ(server.writes("PUT /3/0/14", "+01:00"), "2.04");
    EXPECT_EQ(server.notified(), "#7 2.05 +01:00 CON");
    client->on_acknowledged(1, 7, server.last_notification.number);
    EXPECT_EQ(server.writes("PUT /1/0/6", "0"), "2.04");
    server.does_not_acknowledge(7);
    client->changed({"", Path::of({3, 0, 14})}, std::string("+03:00"), timers.wall());
    client->changed({"", Path::of({3, 0, 14})}, std::string("+04:00"), timers.wall());
    after(0s);
    server.hears();
    server.answers(Code::changed);
    EXPECT_EQ(server.notified(), "#7 2.05 +04:00 CON");
    EXPECT_EQ(server.notified(), "");
}

// CORE-026
TEST_F(OwnObjects, a_binding_that_cannot_be_changes_nothing) {
    start();
    EXPECT_EQ(server.writes("PUT /1/0/7", "T"), "4.00");
    EXPECT_EQ(server.writes("PUT /1/0/7", "U"), "2.04");
    EXPECT_EQ(server.asks("GET /1/0/7"), "2.05 U");
    EXPECT_EQ(server.asks("POST /1/0/8", {.format = text, .payload = {'0', '=', '\'', 'U', '\''}}), "2.04");
    after(0s);
    EXPECT_EQ(server.hears(), "POST /rd/0");
    EXPECT_EQ(server.asks("POST /1/0/8", {.format = text, .payload = {'0', '=', '\'', 'T', '\''}}), "4.00");
}

// CORE-063
TEST_F(OwnObjects, a_replaced_account_has_the_defaults_of_what_was_left_out) {
    start();
    for (const auto& [resource, value] : {std::pair{"2", "5"}, {"3", "50"}, {"5", "60"}, {"17", "3"}, {"23", "0"}})
        ASSERT_EQ(server.writes(std::string("PUT /1/0/") + resource, value), "2.04") << resource;
    // 1: 120, 6: true, 7: "U"
    EXPECT_EQ(writes_hex("PUT /1/0", "c10178c10601c10755"), "2.04");
    EXPECT_EQ(server.asks("GET /1/0/1"), "2.05 120");
    EXPECT_EQ(server.asks("GET /1/0/2"), "2.05 0");
    EXPECT_EQ(server.asks("GET /1/0/3"), "2.05 0");
    EXPECT_EQ(server.asks("GET /1/0/5"), "2.05 86400");
    EXPECT_EQ(server.asks("GET /1/0/17"), "4.04");
    EXPECT_EQ(server.asks("GET /1/0/23"), "2.05 1");
    EXPECT_EQ(writes_hex("PUT /1/0", "c10601c10755"), "4.00");  // the lifetime is mandatory
    EXPECT_EQ(server.asks("GET /1/0/1"), "2.05 120");
}

// CORE-063
TEST_F(OwnObjects, what_a_server_wrote_to_its_account_comes_back) {
    config.servers[0].retry.count = 9;
    saved =
        "1 1 60 300\n"  // the lifetime
        "1 3 600 0\n"   // default pmax
        "1 6 0 1\n"     // storing
        "1 14 7 0\n"    // the first Register waits so long
        "1 17 - 9\n"    // went when the account was replaced
        "1 18 5 -\n"    // came
        "1 23 0 1\n"    // Send
        "1 2 5 3\n"     // is configured otherwise now
        "1 26 2 0\n"    // cannot be
        "1 0 5 1\n1 4 1 0\n1 7 1 0\n2 1 60 300\n1 1 x 300\n1 5\n\nrubbish\n1 5 99999999999999999999 86400";
    add_server(3);
    delayed = 7s;
    start();
    const std::string lines = "1 1 60 300\n1 3 600 0\n1 6 0 1\n1 14 7 0\n1 17 - 9\n1 18 5 -\n1 23 0 1\n";
    EXPECT_EQ(server.asks("GET /1/0/1"), "2.05 60");
    EXPECT_EQ(server.asks("GET /1/0/2"), "2.05 0");
    EXPECT_EQ(server.asks("GET /1/0/3"), "2.05 600");
    EXPECT_EQ(server.asks("GET /1/0/17"), "4.04");
    EXPECT_EQ(server.asks("GET /1/0/18"), "2.05 5");
    EXPECT_EQ(server.asks("GET /1/1/1", {.by = 3}), "2.05 300");
    EXPECT_EQ(servers->export_state().substr(0, lines.size()), lines);
    int told = 0;
    servers->on_change = [&] { ++told; };
    EXPECT_EQ(server.writes("PUT /1/0/1", "300"), "2.04");
    EXPECT_EQ(server.writes("PUT /1/1/26", "1", text, 3), "2.04");
    EXPECT_EQ(server.writes("PUT /1/0/5", "-1"), "4.00");
    EXPECT_EQ(told, 2);
    EXPECT_EQ(servers->export_state(), "1 3 600 0\n1 6 0 1\n1 14 7 0\n1 17 - 9\n1 18 5 -\n1 23 0 1\n3 26 1 0\n");
}

// CORE-140
TEST_F(OwnObjects, server_mutes_send_by_itself) {
    config.servers[0].send = {60s, {*lwm2m::Target::parse("/3/0/10")}, true};
    start();
    EXPECT_EQ(server.asks("GET /1/0/23"), "2.05 0");
    EXPECT_EQ(server.writes("PUT /1/0/23", "1"), "2.04");
    after(100s);
    EXPECT_EQ(server.hears(), "");
    EXPECT_EQ(server.writes("PUT /1/0/23", "0"), "2.04");
    after(60s);
    EXPECT_EQ(server.hears(), "POST /dp");
}

// ---- 2 Access Control

// CORE-174 CORE-171
TEST_F(OwnObjects, access_rules_are_read_by_all_and_changed_by_their_owner) {
    add_server(2);
    config.servers[1].rights = lwm2m::right::read;
    start();
    std::string rule;
    for (const auto& [id, its] : client->access().rules())
        if (its.object == 3) rule = "/2/" + std::to_string(id);
    EXPECT_EQ(server.asks("GET " + rule + "/0", {.by = 2}), "2.05 3");
    EXPECT_EQ(server.asks("GET " + rule + "/3", {.by = 2}), "2.05 1");
    EXPECT_EQ(server.asks("GET " + rule + "/2", {.accept = json, .by = 2}),
              "2.05 [{\"bn\":\"" + rule + "/2/\",\"n\":\"2\",\"v\":1}]");
    EXPECT_EQ(server.writes("PUT " + rule + "/2/2", "31", text, 2), "4.01");
    EXPECT_EQ(server.writes("PUT /3/0/14", "+01:00", text, 2), "4.01");
    EXPECT_EQ(server.writes("PUT " + rule + "/2/2", "3", text, 1), "2.04");
    EXPECT_EQ(server.writes("PUT /3/0/14", "+01:00", text, 2), "2.04");
    EXPECT_EQ(server.writes("PUT " + rule + "/2/2", "32", text, 1), "4.00");
    EXPECT_EQ(server.asks("DELETE " + rule + "/2/2", {.by = 1}), "2.02");
    EXPECT_EQ(server.asks("GET /3/0/14", {.by = 2}), "4.01");
    EXPECT_EQ(server.asks("DELETE " + rule, {.by = 1}), "4.05");
    EXPECT_EQ(server.asks("POST /2", {.by = 1}), "4.05");
}

TEST_F(OwnObjects, an_access_rule_has_a_bound) {
    add_server(2);
    start();
    std::string rule, entries;
    for (const auto& [id, its] : client->access().rules())
        if (its.object == 3) rule = "/2/" + std::to_string(id);
    for (std::size_t i = 1; i <= lwm2m::AccessControl::most_entries; ++i)
        entries += fmt::format("{}{{\"n\":\"{}/2/{}\",\"v\":1}}", i == 1 ? "" : ",", rule, i);
    EXPECT_EQ(server.writes("PUT " + rule + "/2", "[" + entries + "]", json), "2.04");
    EXPECT_EQ(server.writes("PUT " + rule + "/2/999", "1"), "4.00");
    EXPECT_EQ(server.asks("GET " + rule + "/2/999"), "4.04");
}

TEST_F(OwnObjects, access_control_is_not_there_with_one_server) {
    start();
    EXPECT_EQ(server.asks("GET /2"), "4.04");
}

// ---- 4 Connectivity Monitoring, 6 Location, 7 Connectivity Statistics

// ETS-0701
TEST_F(OwnObjects, connectivity_tells_the_interface_of_the_default_route) {
    start();
    EXPECT_EQ(server.asks("GET /4/0", {.accept = json}),
              R"(2.05 [{"bn":"/4/0/","n":"0","v":41},{"n":"1/0","v":41},{"n":"2","v":0},{"n":"4/0","vs":"192.168.2.7"},)"
              R"({"n":"4/1","vs":"fe80::1"},{"n":"5/0","vs":"192.168.2.1"}])");
    file("sys/class/net/wlan0/operstate", "up\n");
    file("sys/class/net/wlan0/wireless/x", "");
    file("proc/net/wireless", "Inter-| sta-|\n face | tus |\n wlan0: 0000   54.  -56.  -256        0\n");
    file("proc/net/route",
         "Iface\nwlan0\t00000000\t0102A8C0\t0003\t0\t0\t50\t00000000\t0\t0\t0\neth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000"
         "000\n");
    EXPECT_EQ(server.asks("GET /4/0/0"), "2.05 21");
    EXPECT_EQ(server.asks("GET /4/0/2"), "2.05 -56");
    EXPECT_EQ(server.asks("GET /4/0/3"), "2.05 54");
}

// ETS-0710 ETS-0810 ETS-0910
TEST_F(OwnObjects, interfaces_place_and_counters_are_observed) {
    start();
    EXPECT_EQ(server.asks("PUT /4/0?pmin=2&pmax=10"), "2.04");
    EXPECT_EQ(server.asks("PUT /6/0?pmin=2&pmax=10"), "2.04");
    EXPECT_EQ(server.asks("PUT /7/0?pmin=2&pmax=10"), "2.04");
    for (int i = 0; i < 3; ++i) {
        const char* paths[] = {"/4/0", "/6/0", "/7/0"};
        EXPECT_EQ(server.observes(paths[i], static_cast<lwm2m::ObservationId>(i + 1), json).substr(0, 4), "2.05");
    }
    after(10s);
    EXPECT_EQ(server.notifications(), 3u);
}

// ETS-0801
TEST_F(OwnObjects, location_is_where_the_site_says) {
    start();
    EXPECT_EQ(server.asks("GET /6/0", {.accept = json}),
              R"(2.05 [{"bn":"/6/0/","n":"0","v":52.5},{"n":"1","v":13.4},{"n":"2","v":34},{"n":"5","v":1800000000}])");
}

// ETS-0901 ETS-0905
TEST_F(OwnObjects, statistics_count_between_start_and_stop_or_for_their_period) {
    start();
    EXPECT_EQ(server.asks("GET /7/0/2"), "2.05 0");
    EXPECT_EQ(server.asks("POST /7/0/6"), "2.04");
    file("sys/class/net/eth0/statistics/tx_bytes", "5250000\n");
    EXPECT_EQ(server.asks("GET /7/0/2"), "2.05 250");
    EXPECT_EQ(server.asks("POST /7/0/7"), "2.04");
    file("sys/class/net/eth0/statistics/tx_bytes", "9000000\n");
    EXPECT_EQ(server.asks("GET /7/0/2"), "2.05 250");
    EXPECT_EQ(server.writes("PUT /7/0/8", "60"), "2.04");
    EXPECT_EQ(server.asks("GET /7/0/8"), "2.05 60");
    server.asks("POST /7/0/6");
    file("sys/class/net/eth0/statistics/tx_bytes", "9100000\n");
    after(60s);
    EXPECT_EQ(server.asks("GET /7/0/2"), "2.05 100");
    file("sys/class/net/eth0/statistics/tx_bytes", "9900000\n");
    EXPECT_EQ(server.asks("GET /7/0/2"), "2.05 100");  // the period is over
    EXPECT_EQ(server.writes("PUT /7/0/8", "-1"), "4.00");
}

// ---- 16 Portfolio

// CORE-084
TEST_F(OwnObjects, created_and_deleted_instances_are_told_by_an_update) {
    start();
    EXPECT_EQ(server.writes("POST /16", R"([{"n":"/16/0/0/0","vs":"a"}])", json), "2.01");
    after(5s);
    EXPECT_EQ(server.hears(), "POST /rd/0");
    EXPECT_NE(server.heard_payload().find("</16/0>"), std::string::npos);
    server.answers(Code::changed);
    EXPECT_EQ(server.asks("DELETE /16/0"), "2.02");
    after(30s);
    EXPECT_EQ(server.hears(), "POST /rd/0");
    EXPECT_TRUE(server.heard_payload().ends_with("</16>")) << server.heard_payload();
}

TEST_F(OwnObjects, portfolio_is_bounded_and_comes_back_from_its_text) {
    start();
    for (std::size_t i = 0; i < gateway::own_objects::Portfolio::most_instances; ++i)
        ASSERT_EQ(server.writes("POST /16", R"([{"n":"/16/)" + std::to_string(i) + R"(/0/0","vs":"a \n b"}])", json), "2.01");
    EXPECT_EQ(server.writes("POST /16", R"([{"n":"/16/77/0/0","vs":"a"}])", json), "4.00");
    EXPECT_EQ(server.writes("PUT /16/0/0/1", std::string(1001, 'x')), "4.00");
    EXPECT_EQ(server.writes("PUT /16/0/0/1", std::string(1000, 'x')), "2.04");
    const std::string lines = portfolio->export_state();
    gateway::own_objects::Portfolio again;
    again.import_state("rubbish\n1\n1 2\n1 2 zz\n" + lines + "70000 0 61");
    EXPECT_EQ(again.export_state(), lines);
}

}  // namespace
