#include "tests/unit/lwm2m/stage.hpp"

using namespace std::chrono_literals;

namespace {

class Registration : public Stage {};

constexpr const char* first_register = "POST /rd?ep=gw&lt=300&lwm2m=1.2&b=U";

// CORE-001 CORE-005 CORE-006 CORE-028 GW-002 GW-020 ETS-0101
TEST_F(Registration, tells_own_objects_with_versions_and_formats_and_nothing_of_devices_or_security) {
    start();
    EXPECT_EQ(server.hears(), first_register);
    EXPECT_EQ(server.heard_format(), link);
    EXPECT_EQ(server.heard_payload(),
              "</>;ct=\"60 110 112 320 322 11542 11544\",</1>;ver=1.2,</1/0>,</3>;ver=1.2,</3/0>,</16/0>,</25>;ver=2.0,</25/0>,"
              "</25/1>");
    EXPECT_EQ(client->state(1), State::registering);
    server.answers(Code::created, {"rd", "5a3f"});
    EXPECT_EQ(client->state(1), State::registered);
    EXPECT_EQ(client->status(), "main: registered as /rd/5a3f, lwm2m 1.2");
    EXPECT_EQ(states, (std::vector{State::registering, State::registered}));
}

// CORE-002
TEST_F(Registration, names_the_configured_lifetime) {
    config.servers[0].lifetime = 123s;
    start();
    EXPECT_EQ(server.hears(), "POST /rd?ep=gw&lt=123&lwm2m=1.2&b=U");
}

TEST_F(Registration, names_an_object_without_instances) {
    tree.take_away("/16/0");
    start();
    server.hears();
    EXPECT_NE(server.heard_payload().find(",</16>,"), std::string::npos);
}

// CORE-003
TEST_F(Registration, steps_down_to_1_1_at_once) {
    start();
    server.hears();
    server.answers(Code::precondition_failed);
    EXPECT_EQ(server.hears(), "POST /rd?ep=gw&lt=300&lwm2m=1.1&b=U");
    EXPECT_EQ(server.heard_payload(),
              "</>;ct=\"60 110 112 11542\",</1>;ver=1.2,</1/0>,</3>;ver=1.2,</3/0>,</16/0>,</25>;ver=2.0,</25/0>,</25/1>");
    server.answers(Code::created, {"rd", "1"});
    EXPECT_EQ(client->status(), "main: registered as /rd/1, lwm2m 1.1");
    // and stays there when it has to register again
    server.ends_session();
    after(0s);
    server.hears();
    server.answers(Code::not_found);
    EXPECT_EQ(server.hears(), "POST /rd?ep=gw&lt=300&lwm2m=1.1&b=U");
}

// GW-026: 1.0 is never tried
TEST_F(Registration, refused_in_both_versions_waits_and_begins_with_1_2_again) {
    start();
    server.hears();
    server.answers(Code::precondition_failed);
    server.hears();
    server.answers(Code::precondition_failed);
    EXPECT_EQ(server.hears(), "");
    EXPECT_EQ(client->state(1), State::away);
    after(2s);
    EXPECT_EQ(server.hears(), first_register);
}

// CORE-004
TEST_F(Registration, does_not_step_down_when_refused_for_another_reason) {
    for (const Code code : {Code::bad_request, Code::forbidden, Code::internal}) {
        SCOPED_TRACE(lwm2m::str(code));
        start();
        server.hears();
        server.answers(code);
        EXPECT_EQ(server.hears(), "");
        EXPECT_EQ(client->status(), "main: away (" + lwm2m::str(code) + "), next try in 2 s");
        after(2s);
        EXPECT_EQ(server.hears(), first_register);
    }
}

TEST_F(Registration, a_location_is_needed) {
    start();
    server.hears();
    server.answers(Code::created);
    EXPECT_EQ(client->state(1), State::away);
}

TEST_F(Registration, a_server_that_is_away_is_asked_soon_then_less_and_less_for_ever) {
    start();
    const auto begin = timers.now();
    std::vector<double> pauses;
    int tries = 0;
    while (timers.now() - begin < 24h) {
        if (server.hears().empty()) {
            after(100ms);
            continue;
        }
        ++tries;
        server.stays_silent();
        const auto failed = timers.now();
        while (client->state(1) != State::registering) after(100ms);
        if (pauses.size() < 10) pauses.push_back(std::chrono::duration<double>(timers.now() - failed).count());
    }
    const std::vector<double> plain{1, 2, 4, 8, 16, 32, 60, 60, 60, 60};
    ASSERT_EQ(pauses.size(), plain.size());
    for (std::size_t i = 0; i < plain.size(); ++i) {
        EXPECT_GE(pauses[i], plain[i]);
        EXPECT_LE(pauses[i], plain[i] * 1.5 + 0.2);
    }
    EXPECT_GT(tries, 900);   // it never gives up
    EXPECT_LT(tries, 1450);  // and never asks more often than once a minute
    // Each try begins with a new name look-up and handshake.
    EXPECT_EQ(server.sessions[1], tries);
    after(90s);
    server.hears();
    server.answers(Code::created, {"rd", "1"});
    EXPECT_EQ(client->state(1), State::registered);
}

// CORE-029 TRANS-024
TEST_F(Registration, waits_as_long_as_a_busy_server_says) {
    start();
    server.hears();
    server.answers(Code::service_unavailable, {}, 30);
    after(29s);
    EXPECT_EQ(server.hears(), "");
    after(2s);
    EXPECT_EQ(server.hears(), first_register);
}

// CORE-009 CORE-013: lt - 93 s, 5 % either way
TEST_F(Registration, updates_before_the_lifetime_ends_with_nothing_but_the_location) {
    start_registered();
    for (int i = 0; i < 5; ++i) {
        int seconds = 0;
        std::string heard;
        while ((heard = server.hears()).empty() && seconds < 300) {
            after(1s);
            ++seconds;
        }
        EXPECT_GE(seconds, 196);
        EXPECT_LE(seconds, 218);
        EXPECT_EQ(heard, "POST /rd/5a3f");
        EXPECT_EQ(server.heard_payload(), "");
        server.answers(Code::changed);
    }
}

TEST_F(Registration, a_short_lifetime_is_renewed_at_its_half) {
    config.servers[0].lifetime = 20s;
    start();
    server.hears();
    server.answers(Code::created, {"rd", "1"});
    after(9s);
    EXPECT_EQ(server.hears(), "");
    after(2s);
    EXPECT_EQ(server.hears(), "POST /rd/1");
}

TEST_F(Registration, even_a_lifetime_of_one_second_does_not_make_a_flood) {
    config.servers[0].lifetime = 1s;
    start();
    server.hears();
    server.answers(Code::created, {"rd", "1"});
    int updates = 0;
    for (int i = 0; i < 1000; ++i) {
        after(10ms);
        if (server.hears().empty()) continue;
        ++updates;
        server.answers(Code::changed);
    }
    EXPECT_GE(updates, 15);
    EXPECT_LE(updates, 25);
}

// CORE-012
TEST_F(Registration, a_lifetime_of_zero_needs_no_update) {
    config.servers[0].lifetime = 0s;
    start();
    server.hears();
    server.answers(Code::created, {"rd", "1"});
    after(240h);
    EXPECT_EQ(server.hears(), "");
}

// CORE-008
TEST_F(Registration, replays_the_location_as_it_came) {
    start();
    server.hears();
    server.answers(Code::created, {"rd", "a", "b%20c"});
    client->update_now(1);
    after(0s);
    EXPECT_EQ(server.hears(), "POST /rd/a/b%20c");
    server.answers(Code::changed);
    client->stop([] {});
    EXPECT_EQ(server.hears(), "DELETE /rd/a/b%20c");
}

// CORE-014 ETS-0105
TEST_F(Registration, registers_again_when_the_server_has_forgotten) {
    for (const Code code : {Code::not_found, Code::bad_request, Code::internal, Code::unauthorized}) {
        SCOPED_TRACE(lwm2m::str(code));
        start_registered();
        after(220s);
        EXPECT_EQ(server.hears(), "POST /rd/5a3f");
        server.answers(code);
        EXPECT_EQ(server.hears(), first_register);
        EXPECT_EQ(server.sessions[1], 0);
        server.answers(Code::created, {"rd", "2"});
        EXPECT_EQ(client->status(), "main: registered as /rd/2, lwm2m 1.2");
    }
}

TEST_F(Registration, registers_again_over_a_new_session_when_an_update_is_not_answered) {
    start_registered();
    after(220s);
    server.hears();
    server.stays_silent();
    EXPECT_EQ(server.hears(), "");  // not while the transport takes the session down
    after(0s);
    EXPECT_EQ(server.sessions[1], 1);
    EXPECT_EQ(server.hears(), first_register);
    server.stays_silent();
    after(2s);
    EXPECT_EQ(server.hears(), first_register);
    server.answers(Code::created, {"rd", "2"});
    EXPECT_EQ(states, (std::vector{State::registering, State::registered, State::away, State::registering, State::away,
                                   State::registering, State::registered}));
}

TEST_F(Registration, a_busy_server_is_asked_again_for_the_same_update) {
    start_registered();
    client->instances_changed();
    tree.set("/25/2/0", std::string("x"));
    after(5s);
    EXPECT_EQ(server.hears(), "POST /rd/5a3f");
    server.answers(Code::service_unavailable, {}, 10);
    EXPECT_EQ(client->state(1), State::registered);
    after(9s);
    EXPECT_EQ(server.hears(), "");
    after(1s);
    EXPECT_EQ(server.hears(), "POST /rd/5a3f");
    EXPECT_NE(server.heard_payload().find("</25/2>"), std::string::npos);
}

TEST_F(Registration, a_server_that_stays_busy_beyond_the_lifetime_is_registered_with_anew) {
    start_registered();
    after(220s);
    server.hears();
    server.answers(Code::service_unavailable, {}, 200);
    EXPECT_EQ(client->state(1), State::away);
    after(199s);
    EXPECT_EQ(server.hears(), "");
    after(1s);
    EXPECT_EQ(server.hears(), first_register);
}

// CORE-010 CORE-084 GW-021 GW-025
TEST_F(Registration, many_joins_make_one_update_with_the_full_list) {
    start_registered();
    for (int i = 2; i < 12; ++i) {
        tree.set("/25/" + std::to_string(i) + "/0", std::string("x"));
        client->instances_changed();
        after(400ms);
    }
    EXPECT_EQ(server.hears(), "");
    after(1s);
    EXPECT_EQ(server.hears(), "POST /rd/5a3f");
    EXPECT_EQ(server.heard_format(), link);
    EXPECT_EQ(server.heard_payload(),
              "</>;ct=\"60 110 112 320 322 11542 11544\",</1>;ver=1.2,</1/0>,</3>;ver=1.2,</3/0>,</16/0>,</25>;ver=2.0,</25/0>,"
              "</25/1>,</25/2>,</25/3>,</25/4>,</25/5>,</25/6>,</25/7>,</25/8>,</25/9>,</25/10>,</25/11>");
    server.answers(Code::changed);
    after(60s);
    EXPECT_EQ(server.hears(), "");
}

// GW-022
TEST_F(Registration, a_leave_is_told_with_the_full_list) {
    start_registered();
    tree.take_away("/25/0");
    client->instances_changed();
    after(5s);
    server.hears();
    EXPECT_NE(server.heard_payload().find("</25>;ver=2.0,</25/1>"), std::string::npos);
}

TEST_F(Registration, a_device_that_comes_and_goes_within_the_debounce_is_not_told) {
    start_registered();
    tree.set("/25/2/0", std::string("x"));
    client->instances_changed();
    after(2s);
    tree.take_away("/25/2");
    client->instances_changed();
    after(20s);
    EXPECT_EQ(server.hears(), "");
}

TEST_F(Registration, a_join_during_an_update_is_told_by_the_next) {
    start_registered();
    client->update_now(1);
    after(0s);
    EXPECT_EQ(server.hears(), "POST /rd/5a3f");
    tree.set("/25/2/0", std::string("x"));
    client->instances_changed();
    after(7s);
    EXPECT_EQ(server.hears(), "");  // one at a time
    server.answers(Code::changed);
    EXPECT_EQ(server.hears(), "POST /rd/5a3f");
    EXPECT_NE(server.heard_payload().find("</25/2>"), std::string::npos);
}

TEST_F(Registration, a_join_during_the_register_is_told_by_an_update) {
    start();
    server.hears();
    tree.set("/25/2/0", std::string("x"));
    client->instances_changed();
    server.answers(Code::created, {"rd", "1"});
    after(5s);
    EXPECT_EQ(server.hears(), "POST /rd/1");
    EXPECT_NE(server.heard_payload().find("</25/2>"), std::string::npos);
}

// CORE-011 ETS-0102 ETS-0107: the Write is answered first
TEST_F(Registration, a_written_lifetime_is_answered_then_told_at_once) {
    start_registered();
    tree.on_write = [&](const lwm2m::Entry& entry) {
        if (entry.target.str() == "/1/0/1")
            client->lifetime_changed(1, std::chrono::seconds(std::get<std::int64_t>(entry.value)));
    };
    EXPECT_EQ(server.writes("PUT /1/0/1", "120"), "2.04");
    EXPECT_EQ(server.hears(), "");
    after(0s);
    EXPECT_EQ(server.hears(), "POST /rd/5a3f?lt=120");
    EXPECT_EQ(server.heard_payload(), "");
    server.answers(Code::changed);
    EXPECT_EQ(client->lifetime(1), 120s);
    after(55s);
    EXPECT_EQ(server.hears(), "");
    after(10s);
    EXPECT_EQ(server.hears(), "POST /rd/5a3f");
}

TEST_F(Registration, a_lifetime_written_during_an_update_is_told_by_the_next) {
    start_registered();
    client->update_now(1);
    after(0s);
    server.hears();
    client->lifetime_changed(1, 60s);
    after(0s);
    server.answers(Code::changed);
    after(0s);
    EXPECT_EQ(server.hears(), "POST /rd/5a3f?lt=60");
}

// CORE-015 ETS-0104
TEST_F(Registration, an_executed_update_trigger_brings_an_update_without_parameters) {
    start_registered();
    client->update_now(1);
    EXPECT_EQ(server.hears(), "");
    after(0s);
    EXPECT_EQ(server.hears(), "POST /rd/5a3f");
}

TEST_F(Registration, a_new_session_of_a_known_key_goes_on_with_an_update) {
    start_registered();
    server.ends_session();
    after(0s);
    EXPECT_EQ(server.hears(), "POST /rd/5a3f");
    server.answers(Code::changed);
    EXPECT_EQ(states.size(), 2u);  // never away
}

// CORE-025: without security our address is our name
TEST_F(Registration, a_new_session_without_security_begins_with_a_register) {
    config.servers[0].account.security = lwm2m::Security::nosec;
    start_registered();
    server.ends_session();
    after(0s);
    EXPECT_EQ(server.hears(), first_register);
}

TEST_F(Registration, a_session_that_ends_at_once_each_time_is_not_renewed_in_a_circle) {
    start_registered();
    int updates = 0;
    for (int i = 0; i < 600; ++i) {
        if (!server.hears().empty()) {
            ++updates;
            server.answers(Code::changed);
        }
        server.ends_session();
        after(100ms);
    }
    EXPECT_LT(updates, 12);
}

TEST_F(Registration, a_lifetime_that_ran_out_means_register) {
    start_registered();
    after(220s);
    server.hears();  // an Update that is answered much too late
    after(200s);
    server.answers(Code::service_unavailable, {}, 1);
    EXPECT_EQ(client->state(1), State::away);
    after(1s);
    EXPECT_EQ(server.hears(), first_register);
}

// CORE-019
TEST_F(Registration, leaves_with_a_deregister) {
    start_registered();
    bool left = false;
    client->stop([&] { left = true; });
    EXPECT_EQ(server.hears(), "DELETE /rd/5a3f");
    EXPECT_FALSE(left);
    server.answers(Code::deleted);
    EXPECT_TRUE(left);
    EXPECT_TRUE(server.accounts.empty());
    EXPECT_EQ(client->state(1), State::deregistered);
    after(1h);
    EXPECT_EQ(server.hears(), "");
    EXPECT_EQ(timers.waiting(), 0u);
}

TEST_F(Registration, leaving_does_not_wait_for_a_silent_server) {
    start_registered();
    int left = 0;
    client->stop([&] { ++left; });
    server.hears();
    after(1900ms);
    EXPECT_EQ(left, 0);
    after(200ms);
    EXPECT_EQ(left, 1);
    server.answers(Code::deleted);  // too late
    EXPECT_EQ(left, 1);
}

TEST_F(Registration, leaving_without_a_registration_is_immediate) {
    start();
    server.hears();
    server.answers(Code::forbidden);
    int left = 0;
    client->stop([&] { ++left; });
    EXPECT_EQ(left, 1);
    after(1h);
    EXPECT_EQ(server.hears(), "");
    EXPECT_EQ(client->state(1), State::deregistered);
}

TEST_F(Registration, leaving_while_registering_undoes_what_the_server_took) {
    start();
    server.hears();
    int left = 0;
    client->stop([&] { ++left; });
    EXPECT_EQ(left, 0);
    server.answers(Code::created, {"rd", "1"});
    EXPECT_EQ(server.hears(), "DELETE /rd/1");
    EXPECT_EQ(left, 0);
    server.answers(Code::deleted);
    EXPECT_EQ(left, 1);
    EXPECT_EQ(client->state(1), State::deregistered);
}

TEST_F(Registration, leaving_while_registering_ends_with_a_refusal_or_after_two_seconds) {
    for (const bool refused : {true, false}) {
        start();
        server.hears();
        int left = 0;
        client->stop([&] { ++left; });
        if (refused)
            server.answers(Code::forbidden);
        else
            after(2s);
        EXPECT_EQ(left, 1);
        EXPECT_EQ(client->state(1), State::deregistered);
        after(1h);
        EXPECT_EQ(server.hears(), "");
    }
}

// CORE-018
TEST_F(Registration, nothing_is_served_before_it_is_complete) {
    start();
    server.hears();
    server.is_unreachable();
    EXPECT_EQ(server.asks("GET /3/0/0"), "5.03");
    EXPECT_EQ(server.response().max_age, 1u);
}

TEST_F(Registration, a_request_that_overtakes_the_answer_to_our_register_waits_for_it) {
    start();
    server.hears();
    EXPECT_EQ(server.asks("GET /3/0/0"), "");
    server.answers(Code::created, {"rd", "1"});
    EXPECT_EQ(server.reply(), "2.05 Gateway");

    client->update_now(1);
    after(0s);
    server.hears();
    server.answers(Code::not_found);
    server.hears();
    EXPECT_EQ(server.asks("GET /3/0/0"), "");
    server.answers(Code::forbidden);
    EXPECT_EQ(server.reply(), "5.03");
}

TEST_F(Registration, only_a_few_requests_wait_for_it) {
    start();
    server.hears();
    for (int i = 0; i < 16; ++i) EXPECT_EQ(server.asks("GET /3/0/0"), "");
    EXPECT_EQ(server.asks("GET /3/0/0"), "5.03");
}

TEST_F(Registration, requests_of_a_server_that_was_left_are_refused) {
    start_registered();
    client->stop([] {});
    EXPECT_EQ(server.asks("GET /3/0/0"), "5.03");
}

TEST_F(Registration, an_account_that_cannot_be_is_an_error_at_start) {
    config.servers[0].account.uri = "";
    client = std::make_unique<lwm2m::Client>(server, tree, timers, random, config);
    const auto started = client->start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().message, "server 'main': no URI");
}

// ETS-0950
TEST_F(Registration, two_servers_are_independent) {
    config.servers.push_back(config.servers[0]);
    config.servers[1].account.id = 2;
    config.servers[1].account.name = "second";
    config.servers[1].lifetime = 60s;
    start();
    EXPECT_EQ(server.hears(), first_register);
    server.stays_silent();
    EXPECT_EQ(server.hears(), "POST /rd?ep=gw&lt=60&lwm2m=1.2&b=U");
    EXPECT_EQ(server.heard_by(), 2);
    server.answers(Code::created, {"rd", "2"});
    EXPECT_EQ(client->status(), "main: away (no answer), next try in 2 s; second: registered as /rd/2, lwm2m 1.2");
    EXPECT_EQ(server.asks("GET /3/0/0", {.by = 1}), "5.03");
    EXPECT_EQ(server.asks("GET /3/0/0", {.by = 2}), "2.05 Gateway");
}

TEST_F(Registration, a_client_that_is_gone_hears_no_late_answer) {
    start();
    server.hears();
    client.reset();
    server.answers(Code::created, {"rd", "1"});
    EXPECT_EQ(timers.waiting(), 0u);
}

}  // namespace
