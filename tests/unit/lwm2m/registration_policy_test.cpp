#include "tests/unit/lwm2m/stage.hpp"

using namespace std::chrono_literals;

namespace {

/// What the Server object and the site say about when and how (OMA Core 1.2 6.2.1.1, core digest 3.3 and 3.5).
class Policy : public Stage {
protected:
    void add_server(lwm2m::ServerId id) {
        config.servers.push_back(config.servers[0]);
        config.servers.back().account.id = id;
    }
    /// Which server is spoken to next; 0: none.
    int hears_by() { return server.hears().empty() ? 0 : server.heard_by(); }
};

// CORE-020
TEST_F(Policy, attempts_double_their_distance_and_end_after_their_count) {
    config.servers[0].retry = {.count = 3, .timer = 2};
    start();
    server.hears();
    server.is_unreachable();
    after(1900ms);
    EXPECT_EQ(server.hears(), "");
    after(100ms);
    EXPECT_NE(server.hears(), "");  // 2 s
    server.is_unreachable();
    after(3900ms);
    EXPECT_EQ(server.hears(), "");
    after(100ms);
    EXPECT_NE(server.hears(), "");  // 4 s
    server.is_unreachable();
    after(240h);
    EXPECT_EQ(server.hears(), "");
    client->set_retry(1, {.count = 4});
    after(0s);
    EXPECT_NE(server.hears(), "");  // other settings, another chance
}

TEST_F(Policy, sequences_follow_each_other_after_their_pause) {
    config.servers[0].retry = {.count = 1, .pause = 100, .sequences = 2};
    start();
    server.hears();
    server.is_unreachable();
    after(99s);
    EXPECT_EQ(server.hears(), "");
    after(1s);
    EXPECT_NE(server.hears(), "");
    server.answers(Code::forbidden);
    after(1000h);
    EXPECT_EQ(server.hears(), "");
}

// CORE-022
TEST_F(Policy, servers_register_in_ascending_order) {
    add_server(2);
    config.servers[0].order = 2;
    config.servers[1].order = 1;
    start();
    EXPECT_EQ(hears_by(), 2);
    EXPECT_EQ(server.hears(), "");
    server.answers(Code::created, {"rd", "2"});
    after(0s);
    EXPECT_EQ(hears_by(), 1);
}

TEST_F(Policy, servers_of_equal_or_no_order_register_at_once) {
    add_server(2);
    add_server(3);
    config.servers[0].order = 1;
    config.servers[1].order = 1;
    start();
    EXPECT_EQ(hears_by() + hears_by() + hears_by(), 6);
}

TEST_F(Policy, a_server_that_fails_lets_the_next_one_go) {
    add_server(2);
    config.servers[0].order = 1;
    config.servers[1].order = 2;
    start();
    EXPECT_EQ(hears_by(), 1);
    server.is_unreachable();
    after(0s);
    EXPECT_EQ(hears_by(), 2);
}

// CORE-023
TEST_F(Policy, a_server_that_blocks_holds_up_the_next_until_it_is_there) {
    add_server(2);
    config.servers[0].order = 1;
    config.servers[0].failure_blocks = true;
    config.servers[1].order = 2;
    start();
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(hears_by(), 1);
        server.is_unreachable();
        after(90s);
    }
    EXPECT_EQ(hears_by(), 1);
    server.answers(Code::created, {"rd", "1"});
    after(0s);
    EXPECT_EQ(hears_by(), 2);
}

// CORE-024
TEST_F(Policy, the_first_attempt_waits_for_its_delay) {
    config.servers[0].initial_delay = 10s;
    start();
    after(9900ms);
    EXPECT_EQ(server.hears(), "");
    after(100ms);
    EXPECT_NE(server.hears(), "");
}

// CORE-017 ETS-0103
TEST_F(Policy, a_disabled_server_is_left_and_met_again_after_its_time) {
    start_registered();
    server.observes("/d01/3303/0/5700", 7);
    client->disable(1, 20s);
    EXPECT_EQ(server.hears(), "");  // the answer to the Execute comes first
    after(0s);
    EXPECT_EQ(server.hears(), "DELETE /rd/5a3f");
    server.answers(Code::deleted);
    EXPECT_EQ(client->state(1), State::disabled);
    EXPECT_EQ(server.sessions[1], 1);
    reports("/d01/3303/0/5700", 30.0);
    EXPECT_EQ(server.asks("GET /3/0/0"), "5.03");
    client->instances_changed();
    client->update_now(1);
    after(19900ms);
    EXPECT_EQ(server.hears(), "");
    EXPECT_EQ(server.notified(), "");
    after(100ms);
    EXPECT_EQ(server.hears(), "POST /rd?ep=gw&lt=300&lwm2m=1.2&b=U");
    server.answers(Code::created, {"rd", "2"});
    EXPECT_EQ(client->state(1), State::registered);
}

// CORE-007 CORE-144 ETS-0108
TEST_F(Policy, queue_mode_is_a_flag_without_a_value_and_requests_are_served_as_ever) {
    config.servers[0].queue = true;
    start();
    EXPECT_EQ(server.hears(), "POST /rd?ep=gw&lt=300&lwm2m=1.2&b=U&Q");
    server.answers(Code::created, {"rd", "5a3f"});
    after(230s);
    EXPECT_EQ(server.hears(), "POST /rd/5a3f");
    server.answers(Code::changed);
    EXPECT_EQ(server.asks("GET /3/0/0"), "2.05 Gateway");
}

// CORE-143 ETS-0109: longer than the 93 s that it must be
TEST_F(Policy, in_queue_mode_the_gateway_listens_all_the_time) {
    config.servers[0].queue = true;
    start();
    server.hears();
    server.answers(Code::created, {"rd", "5a3f"});
    after(90s);
    EXPECT_EQ(server.asks("GET /3/0/0"), "2.05 Gateway");
}

// CORE-027 ETS-0110 ETS-0111
TEST_F(Policy, a_profile_takes_the_place_of_the_list_until_the_server_wants_it) {
    config.servers[0].profile = "6:27354b9a";
    start();
    EXPECT_EQ(server.hears(), "POST /rd?ep=gw&lt=300&lwm2m=1.2&b=U&pid=6:27354b9a");
    EXPECT_EQ(server.heard_payload(), "");
    server.answers(Code::conflict);
    after(0s);
    EXPECT_EQ(server.hears(), "POST /rd?ep=gw&lt=300&lwm2m=1.2&b=U&pid=6:27354b9a");
    EXPECT_NE(server.heard_payload().find("</3/0>"), std::string::npos);
    server.answers(Code::created, {"rd", "5a3f"});
    EXPECT_EQ(client->state(1), State::registered);
}

TEST_F(Policy, a_server_that_reads_25_only_then_is_registered_with_anew_when_a_device_joins) {
    config.servers[0].register_on_join = true;
    start_registered();
    tree.set("/25/2/1", std::string("d03"));
    client->instances_changed();
    after(5s);
    EXPECT_EQ(server.hears(), "POST /rd?ep=gw&lt=300&lwm2m=1.2&b=U");
    EXPECT_NE(server.heard_payload().find("</25/2>"), std::string::npos);
    server.answers(Code::created, {"rd", "2"});
    client->instances_changed();  // nothing is new
    after(100s);
    EXPECT_EQ(server.hears(), "");
}

// GW-023 GW-024
TEST_F(Policy, a_new_object_list_of_a_device_is_told_to_its_observers_and_by_no_update) {
    start_registered();
    for (const auto& [path, token] : {std::pair{"/25/0/3", 1}, {"/25/0", 2}, {"/25", 3}})
        server.observes(path, static_cast<lwm2m::ObservationId>(token));
    tree.set("/25/0/3", std::string("</3303>;ver=1.1,</3303/0>"));
    client->changed_below({"", lwm2m::Path::of({25, 0, 3})});
    after(10s);
    EXPECT_EQ(server.notifications(), 3u);
    EXPECT_EQ(server.hears(), "");
}

// GW-025: a flapping radio link makes at most one Update in half a minute
TEST_F(Policy, devices_that_come_and_go_all_the_time_are_told_twice_a_minute) {
    start_registered();
    int updates = 0;
    for (int i = 0; i < 120; ++i) {
        if (i % 2 == 0)
            tree.set("/25/2/1", std::string("d03"));
        else
            tree.take_away("/25/2");
        if (i % 7 == 0) tree.set("/25/" + std::to_string(3 + i) + "/1", std::string("x"));
        client->instances_changed();
        after(1s);
        if (!server.hears().empty()) {
            ++updates;
            server.answers(Code::changed);
        }
    }
    EXPECT_LE(updates, 5);
    EXPECT_GE(updates, 3);
}

// CORE-178
TEST_F(Policy, a_registration_of_1_1_knows_nothing_of_1_2) {
    start();
    server.hears();
    server.answers(Code::precondition_failed);
    after(0s);
    server.hears();
    EXPECT_EQ(server.heard_payload().find("11544"), std::string::npos);
    server.answers(Code::created, {"rd", "5a3f"});
    EXPECT_EQ(server.asks("PUT /d01/3306/0/5850?edge=1"), "4.00");
    server.asks("GET /d01/3306/0");
    EXPECT_EQ(server.response().content_format, senml);
}

}  // namespace
