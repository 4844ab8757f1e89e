#include "tests/unit/lwm2m/stage.hpp"

#include "lwm2m/observer.hpp"

#include <vector>

using namespace std::chrono_literals;
using lwm2m::ObservationId;

namespace {

constexpr const char* temperature = "/d01/3303/0/5700";
constexpr const char* relay = "/d01/3306/0/5850";

class Observing : public Registered {
protected:
    void sets(std::string_view path_and_query) { ASSERT_EQ(server.asks("PUT " + std::string(path_and_query)), "2.04"); }
    /// What the server is told when the values come one after the other, one second apart.
    std::vector<double> told_of(std::initializer_list<double> values, ObservationId token = 7) {
        std::vector<double> told;
        for (const double value : values) {
            after(1s);
            reports(temperature, value);
            for (std::string heard; !(heard = server.notified()).empty();) {
                EXPECT_EQ(heard.rfind("#" + std::to_string(token) + " 2.05 ", 0), 0u) << heard;
                told.push_back(std::stod(heard.substr(heard.rfind(' '))));
            }
        }
        return told;
    }
    void starts_at(double value) {
        tree.set(temperature, value);
        ASSERT_EQ(server.observes(temperature, 7, text).substr(0, 4), "2.05");
        ASSERT_TRUE(server.response().observing);
    }
};

using Told = std::vector<double>;

// CORE-099 CORE-114
TEST_F(Observing, begins_with_the_value_and_goes_on_with_each_change) {
    EXPECT_EQ(server.observes(temperature, 7), "2.05 22.1");
    EXPECT_TRUE(server.response().observing);
    EXPECT_EQ(client->observations(), 1u);
    reports(temperature, 22.2);
    EXPECT_EQ(server.notified(), "#7 2.05 22.2");
    reports(temperature, 22.2);
    reports("/d01/3303/0/5601", 1.0);
    reports("/d02/3306/0/5850", true);
    EXPECT_EQ(server.notified(), "");
    after(24h);
    EXPECT_EQ(server.notified(), "");
}

// CORE-100
TEST_F(Observing, is_refused_like_a_read) {
    EXPECT_EQ(server.observes("/3/0/4", 7), "4.05");
    EXPECT_EQ(server.observes("/3/0/99", 7), "4.04");
    EXPECT_EQ(server.observes("/d09/3/0", 7), "4.04");
    EXPECT_EQ(server.observes("/d01", 7), "4.05");
    EXPECT_EQ(server.observes("/", 7), "4.05");
    EXPECT_EQ(server.observes(temperature, 7, std::uint16_t{50}), "4.06");
    EXPECT_EQ(server.observes(temperature, 7, link), "4.06");
    tree.fail("d01", lwm2m::Errc::offline);
    EXPECT_EQ(server.observes(temperature, 7), "5.03");
    EXPECT_FALSE(server.response().observing);
    EXPECT_EQ(client->observations(), 0u);
    EXPECT_EQ(server.asks("FETCH /", {.format = etch, .observe = lwm2m::Observe::start, .token = 7}), "4.00");
}

// GW-039: names with the prefix, in the format asked for
TEST_F(Observing, keeps_the_format_of_its_beginning) {
    server.observes(temperature, 7, json);
    reports(temperature, 23.0);
    EXPECT_EQ(server.notified(), R"(#7 2.05 [{"bn":"/d01/3303/0/5700","v":23}])");
    server.observes(temperature, 8, text);
    reports(temperature, 24.0);
    EXPECT_EQ(server.notified(), R"(#7 2.05 [{"bn":"/d01/3303/0/5700","v":24}])");
    EXPECT_EQ(server.notified(), "#8 2.05 24");
}

// GW-040
TEST_F(Observing, the_same_path_in_other_trees_is_something_else) {
    server.observes("/d01/3306/0/5851", 1);
    server.observes("/d02/3306/0/5851", 2);
    server.observes("/3/0/9", 3);
    reports("/d02/3306/0/5851", std::int64_t{9});
    EXPECT_EQ(server.notified(), "#2 2.05 9");
    EXPECT_EQ(server.notified(), "");
}

// CORE-103 CORE-104
TEST_F(Observing, pmin_holds_back_a_fast_sensor) {
    sets("/d01/3303/0/5700?pmin=10");
    starts_at(20);
    after(1s);
    reports(temperature, 21.0);
    after(8s);
    EXPECT_EQ(server.notified(), "");
    reports(temperature, 22.0);
    after(900ms);
    EXPECT_EQ(server.notified(), "");
    after(100ms);
    EXPECT_EQ(server.notified(), "#7 2.05 22");
    after(30s);
    EXPECT_EQ(server.notified(), "");
    reports(temperature, 23.0);  // pmin is long over
    EXPECT_EQ(server.notified(), "#7 2.05 23");
}

TEST_F(Observing, a_change_that_reverted_inside_pmin_is_no_change) {
    sets("/d01/3303/0/5700?pmin=10");
    starts_at(20);
    after(1s);
    reports(temperature, 21.0);
    after(1s);
    reports(temperature, 20.0);
    after(60s);
    EXPECT_EQ(server.notified(), "");
}

// CORE-105
TEST_F(Observing, pmax_speaks_without_a_change_and_starts_anew_with_each_notification) {
    sets("/d01/3303/0/5700?pmax=10");
    starts_at(20);
    EXPECT_EQ(server.response().max_age, 10u);
    after(9900ms);
    EXPECT_EQ(server.notified(), "");
    after(100ms);
    EXPECT_EQ(server.notified(), "#7 2.05 20");
    EXPECT_EQ(server.last_notification.max_age, 10u);
    after(5s);
    reports(temperature, 21.0);
    EXPECT_EQ(server.notified(), "#7 2.05 21");
    after(9900ms);
    EXPECT_EQ(server.notified(), "");
    after(100ms);
    EXPECT_EQ(server.notified(), "#7 2.05 21");
}

// CORE-106 CORE-107 CORE-108
TEST_F(Observing, pmax_counts_when_it_is_not_below_pmin) {
    sets("/d01/3303/0/5700?pmin=2&pmax=1");
    starts_at(20);
    after(1min);
    EXPECT_EQ(server.notified(), "");
    EXPECT_EQ(server.response().max_age, std::nullopt);
    sets("/d01/3303/0/5700?pmax=0");
    after(1min);
    EXPECT_EQ(server.notified(), "");
    sets("/d01/3303/0/5700?pmin=3&pmax=3");
    EXPECT_EQ(server.notified(), "#7 2.05 20");  // overdue by the new rule
    after(3s);
    EXPECT_EQ(server.notified(), "#7 2.05 20");
    after(2s);
    EXPECT_EQ(server.notified(), "");
}

// CORE-110; the vectors of core digest 7.4
TEST_F(Observing, gt_tells_of_each_crossing) {
    sets("/d01/3303/0/5700?gt=45");
    starts_at(40);
    EXPECT_EQ(told_of({50, 60, 46, 40, 30, 44, 45, 45.1}), (Told{50, 40, 45.1}));
}
TEST_F(Observing, a_value_on_the_threshold_is_not_above_it) {
    sets("/d01/3303/0/5700?gt=45");
    starts_at(50);
    EXPECT_EQ(told_of({45, 50}), (Told{45, 50}));
}
// CORE-111
TEST_F(Observing, lt_tells_of_each_crossing) {
    sets("/d01/3303/0/5700?lt=20");
    starts_at(40);
    EXPECT_EQ(told_of({30, 10, 5, 30, 20, 19}), (Told{10, 30, 19}));
}
// CORE-112
TEST_F(Observing, st_tells_of_a_step_from_the_last_told_value) {
    sets("/d01/3303/0/5700?st=10");
    starts_at(48);
    EXPECT_EQ(told_of({55, 58, 60, 49, 48, 38.1, 38}), (Told{58, 48, 38}));
}
// CORE-113
TEST_F(Observing, gt_lt_and_st_are_joined_by_or) {
    const std::pair<std::pair<double, double>, bool> upper[] = {
        {{45, 50}, true}, {{38, 49}, true}, {{48, 42}, true}, {{48, 55}, false}};
    sets("/d01/3303/0/5700?gt=45&st=10");
    for (const auto& [values, told] : upper) {
        starts_at(values.first);
        EXPECT_EQ(told_of({values.second}).size(), told ? 1u : 0u) << values.first << " " << values.second;
    }
    sets("/d01/3303/0/5700?lt=20&gt=85&st=10");
    starts_at(87);
    EXPECT_EQ(told_of({99}), (Told{99}));
    starts_at(50);
    EXPECT_EQ(told_of({55, 15, 21, 86}), (Told{15, 21, 86}));
}

TEST_F(Observing, the_value_that_crossed_is_the_value_that_is_sent) {
    sets("/d01/3303/0/5700?gt=45");
    starts_at(40);
    tree.set(temperature, 10.0);  // the tree is ahead already
    client->changed(*lwm2m::Target::parse(temperature), 50.0, timers.wall());
    EXPECT_EQ(server.notified(), "#7 2.05 50");
}

TEST_F(Observing, a_crossing_inside_pmin_is_sent_when_pmin_ends_if_it_still_holds) {
    sets("/d01/3303/0/5700?gt=45&pmin=10");
    starts_at(40);
    after(1s);
    reports(temperature, 50.0);
    after(1s);
    reports(temperature, 60.0);
    after(8s);
    EXPECT_EQ(server.notified(), "#7 2.05 60");
    after(1s);
    reports(temperature, 40.0);
    after(1s);
    reports(temperature, 50.0);
    after(1min);
    EXPECT_EQ(server.notified(), "");
}

TEST_F(Observing, a_broken_sensor_is_told_once) {
    starts_at(20);
    reports(temperature, std::numeric_limits<double>::quiet_NaN());
    const std::size_t told = server.notifications();
    EXPECT_LE(told, 1u);
    reports(temperature, std::numeric_limits<double>::quiet_NaN());
    EXPECT_EQ(server.notifications(), told);
}

// CORE-119
TEST_F(Observing, edge_tells_of_one_direction_only) {
    sets("/d01/3306/0/5850?edge=1");
    server.observes(relay, 7);
    for (int i = 0; i < 2; ++i) {
        after(1s);
        reports(relay, true);
        EXPECT_EQ(server.notified(), "#7 2.05 1");
        after(1s);
        reports(relay, true);
        reports(relay, false);
        EXPECT_EQ(server.notified(), "");
    }
    sets("/d01/3306/0/5850?edge=0");
    reports(relay, true);
    EXPECT_EQ(server.notified(), "");
    reports(relay, false);
    EXPECT_EQ(server.notified(), "#7 2.05 0");
}

TEST_F(Observing, a_pulse_inside_pmin_is_told_when_its_edge_was_asked_for) {
    sets("/d01/3306/0/5850?edge=1&pmin=10");
    server.observes(relay, 7);
    after(1s);
    reports(relay, true);
    after(1s);
    reports(relay, false);
    after(8s);
    EXPECT_EQ(server.notified(), "#7 2.05 1");
    after(1min);
    EXPECT_EQ(server.notified(), "");
}

// CORE-120 CORE-122
TEST_F(Observing, con_asks_for_confirmation) {
    sets("/d01/3303/0/5700?con=1");
    starts_at(20);
    reports(temperature, 21.0);
    EXPECT_EQ(server.notified(), "#7 2.05 21 CON");
    sets("/d01/3303/0/5700?con=0");
    reports(temperature, 22.0);
    EXPECT_EQ(server.notified(), "#7 2.05 22");
}
TEST_F(Observing, one_in_24_hours_is_confirmable_whatever_their_rhythm) {
    for (const auto rhythm : {1h, 7h, 11h}) {
        starts_at(0);
        auto unconfirmed = 0h;
        for (int i = 1; i < 60; ++i) {
            after(rhythm);
            unconfirmed += rhythm;
            reports(temperature, static_cast<double>(i));
            const std::string heard = server.notified();
            ASSERT_NE(heard, "");
            if (heard.ends_with(" CON")) unconfirmed = 0h;
            EXPECT_LT(unconfirmed, 24h) << rhythm.count();
        }
        server.cancels(temperature, 7);
    }
}

// epmin, epmax: core digest 7.2
TEST_F(Observing, epmin_looks_no_more_often) {
    sets("/d01/3303/0/5700?epmin=10&gt=45");
    starts_at(40);
    after(1s);
    reports(temperature, 50.0);
    EXPECT_EQ(server.notified(), "");
    after(9s);
    EXPECT_EQ(server.notified(), "#7 2.05 50");
    after(1s);
    reports(temperature, 40.0);
    after(1s);
    reports(temperature, 50.0);
    after(1min);
    EXPECT_EQ(server.notified(), "");
}
TEST_F(Observing, epmax_looks_even_if_nobody_reports) {
    sets("/d01/3303/0/5700?epmax=10");
    starts_at(20);
    tree.set(temperature, 25.0);  // unheard
    const auto reads = tree.reads;
    after(9s);
    EXPECT_EQ(server.notified(), "");
    after(1s);
    EXPECT_EQ(server.notified(), "#7 2.05 25");
    after(60s);
    EXPECT_EQ(server.notified(), "");
    EXPECT_EQ(tree.reads - reads, 7u);
    sets("/d01/3303/0/5700?epmin=4&epmax=5");
    tree.fail("d01", lwm2m::Errc::timeout);
    after(60s);  // a device that is away is not asked in a circle
    EXPECT_LE(tree.reads - reads, 20u);
    EXPECT_EQ(server.notified(), "");
}

// CORE-109
TEST_F(Observing, defaults_come_from_the_server_object) {
    client->set_default_periods(1, 2s, 5s);
    starts_at(20);
    after(1s);
    reports(temperature, 21.0);
    EXPECT_EQ(server.notified(), "");
    after(1s);
    EXPECT_EQ(server.notified(), "#7 2.05 21");
    after(5s);
    EXPECT_EQ(server.notified(), "#7 2.05 21");
    client->set_default_periods(1, 0s, 0s);
    after(1min);
    EXPECT_EQ(server.notified(), "");
    sets("/d01/3303?pmax=3");
    server.notified();
    client->set_default_periods(1, 0s, 60s);
    after(3s);
    EXPECT_EQ(server.notified(), "#7 2.05 21");
}
TEST_F(Stage, default_periods_of_the_configuration_count_from_the_start) {
    config.servers[0].default_pmax = 5s;
    start_registered();
    server.observes(temperature, 7);
    after(5s);
    EXPECT_EQ(server.notified(), "#7 2.05 22.1");
}

// CORE-123 CORE-124 ETS-0310
TEST_F(Observing, attributes_are_inherited_and_count_at_once) {
    starts_at(20);
    sets("/d01/3303?pmax=100");
    sets("/d01/3303/0?pmax=20");
    after(20s);
    EXPECT_EQ(server.notified(), "#7 2.05 20");
    sets("/d01/3303/0/5700?pmax=5");
    after(5s);
    EXPECT_EQ(server.notified(), "#7 2.05 20");
    sets("/d02/3306?pmax=1");
    after(4s);
    EXPECT_EQ(server.notified(), "");
}

// CORE-125
TEST_F(Observing, attributes_below_the_observed_node_do_not_count) {
    sets("/d01/3303/0/5700?gt=45&pmin=100");
    server.observes("/d01/3303/0", 7, json);
    reports(temperature, 23.0);
    after(0s);
    EXPECT_EQ(server.notified(),
              R"(#7 2.05 [{"bn":"/d01/3303/0/","n":"5601","v":17.5},{"n":"5700","v":23},{"n":"5701","vs":"Cel"}])");
}

// CORE-127 CORE-128 ETS-0312 ETS-0313
TEST_F(Observing, parameters_of_its_own_win_over_what_is_attached) {
    sets("/d01/3303/0/5700?pmin=5&pmax=60&gt=100");
    EXPECT_EQ(server.observes("/d01/3303/0/5700?pmin=5&pmax=10", 1), "2.05 22.1");
    EXPECT_EQ(server.observes("/d01/3303/0/5700", 2), "2.05 22.1");
    after(5s);
    reports(temperature, 30.0);  // gt=100 is attached: for the second one only
    EXPECT_EQ(server.notified(), "#1 2.05 30");
    after(10s);
    EXPECT_EQ(server.notified(), "#1 2.05 30");
    after(10s);
    EXPECT_EQ(server.notified(), "#1 2.05 30");
    EXPECT_EQ(server.notified(), "");
    EXPECT_EQ(server.asks("GET /d01/3303/0/5700?depth=0", {.accept = link}), "2.05 </3303/0/5700>;pmin=5;pmax=60;gt=100");
    for (const char* query : {"?st=0", "?gt=1&lt=2", "?pmin", "?foo=1", "?epmin=2&epmax=1", "?edge=1"})
        EXPECT_EQ(server.observes(std::string(temperature) + query, 3), "4.00") << query;
    EXPECT_EQ(server.observes("/d01/3303/0?gt=1", 3), "4.00");
    EXPECT_EQ(client->observations(), 2u);
}

// CORE-130
TEST_F(Observing, an_instance_is_told_as_a_whole_and_once_for_one_poll) {
    server.observes("/d01/3306/0", 7, json);
    reports(relay, true);
    reports("/d01/3306/0/5851", std::int64_t{51});
    EXPECT_EQ(server.notified(), "");
    after(0s);
    EXPECT_EQ(server.notified(), R"(#7 2.05 [{"bn":"/d01/3306/0/","n":"5850","vb":true},{"n":"5851","v":51}])");
    after(1min);
    EXPECT_EQ(server.notified(), "");
}
TEST_F(Observing, an_object_obeys_pmin_and_pmax_too) {
    sets("/d01/3306?pmin=10&pmax=60");
    server.observes("/d01/3306", 7, json);
    reports(relay, true);
    after(9s);
    EXPECT_EQ(server.notified(), "");
    reports(relay, false);  // back again
    after(2s);
    EXPECT_EQ(server.notified(), "");
    after(48s);
    EXPECT_EQ(server.notified(), "");
    after(1s);
    EXPECT_EQ(server.notified(), R"(#7 2.05 [{"bn":"/d01/3306/","n":"0/5850","vb":false},{"n":"0/5851","v":50}])");
    reports(relay, true);
    after(10s);
    EXPECT_EQ(server.notified(), R"(#7 2.05 [{"bn":"/d01/3306/","n":"0/5850","vb":true},{"n":"0/5851","v":50}])");
}
TEST_F(Observing, a_multiple_resource_tells_when_one_of_its_instances_meets_the_condition) {
    sets("/3/0/7?gt=4000");
    server.observes("/3/0/7", 7, json);
    server.observes("/3/0/7/0", 8);
    reports("/3/0/7/0", std::int64_t{3900});
    after(0s);
    EXPECT_EQ(server.notified(), "");
    reports("/3/0/7/0", std::int64_t{4100});
    EXPECT_EQ(server.notified(), "#8 2.05 4100");
    after(0s);
    EXPECT_EQ(server.notified(), R"(#7 2.05 [{"bn":"/3/0/7/","n":"0","v":4100},{"n":"1","v":5000}])");
    tree.set("/3/0/7/0", std::int64_t{10});  // the resource is new as a whole
    tree.take_away("/3/0/7/1");
    client->changed_below(*lwm2m::Target::parse("/3/0/7"));
    EXPECT_EQ(server.notified(), "#8 2.05 10");
    after(0s);
    EXPECT_EQ(server.notified(), R"(#7 2.05 [{"bn":"/3/0/7/","n":"0","v":10}])");
}

// CORE-101 CORE-102 ETS-0303
TEST_F(Observing, ends_by_observe_1) {
    server.observes(temperature, 7);
    server.observes(temperature, 8);
    EXPECT_EQ(server.cancels(temperature, 7), "2.05 22.1");
    EXPECT_FALSE(server.response().observing);
    EXPECT_TRUE(server.ended.contains(7));
    reports(temperature, 23.0);
    EXPECT_EQ(server.notified(), "#8 2.05 23");
    EXPECT_EQ(server.notified(), "");
}
TEST_F(Observing, an_unknown_token_ends_all_at_or_below_the_path) {
    server.observes(temperature, 1);
    server.observes("/d01/3303/0/5601", 2);
    server.observes("/d01/3306/0/5850", 3);
    server.observes("/d01/3303", 4);
    EXPECT_EQ(server.cancels("/d01/3303/0", 0).substr(0, 4), "2.05");
    EXPECT_EQ(client->observations(), 2u);
    EXPECT_EQ(server.ended, (std::set<ObservationId>{1, 2}));
}
TEST_F(Observing, ends_by_reset) {
    server.observes(temperature, 7);
    reports(temperature, 23.0);
    EXPECT_EQ(server.notified(), "#7 2.05 23");
    server.resets(7);
    reports(temperature, 24.0);
    EXPECT_EQ(server.notified(), "");
    EXPECT_EQ(client->observations(), 0u);
    server.resets(7);
    server.resets(99);
}
TEST_F(Observing, the_same_token_again_replaces) {
    server.observes(temperature, 7);
    server.observes("/d01/3303/0/5601", 7);
    EXPECT_EQ(client->observations(), 1u);
    EXPECT_FALSE(server.ended.contains(7));
    reports(temperature, 23.0);
    EXPECT_EQ(server.notified(), "");
    reports("/d01/3303/0/5601", 1.0);
    EXPECT_EQ(server.notified(), "#7 2.05 1");
}
TEST_F(Observing, a_cancel_may_overtake_the_first_value) {
    tree.hold();
    EXPECT_EQ(server.observes(temperature, 7), "");
    server.resets(7);
    tree.release();
    EXPECT_EQ(server.reply(), "2.05 22.1");
    EXPECT_FALSE(server.response().observing);
    EXPECT_EQ(client->observations(), 0u);
}

// CORE-134 GW-073
TEST_F(Observing, is_void_after_a_register) {
    server.observes(temperature, 7);
    sets("/d01/3303/0/5700?pmax=5");
    client->update_now(1);
    after(0s);
    server.hears();
    server.answers(Code::not_found);
    server.hears();
    server.answers(Code::created, {"rd", "2"});
    EXPECT_EQ(client->observations(), 0u);
    EXPECT_TRUE(server.ended.contains(7));
    reports(temperature, 30.0);
    after(1min);
    EXPECT_EQ(server.notified(), "");
    // Attributes are kept per server.
    server.observes(temperature, 8);
    after(5s);
    EXPECT_EQ(server.notified(), "#8 2.05 30");
}

// core digest 7.5
TEST_F(Observing, a_server_that_does_not_acknowledge_is_asked_by_an_update_and_told_afterwards) {
    starts_at(20);
    server.observes(relay, 8);
    reports(temperature, 21.0);
    server.notified();
    server.does_not_acknowledge(7);
    reports(temperature, 22.0);
    reports(temperature, 23.0);
    EXPECT_EQ(server.notified(), "");
    after(0s);
    EXPECT_EQ(server.hears(), "POST /rd/5a3f");
    after(1s);
    EXPECT_EQ(server.notified(), "");
    server.answers(Code::changed);
    EXPECT_EQ(server.notified(), "#7 2.05 22 CON");
    EXPECT_EQ(server.notified(), "#7 2.05 23 CON");
    EXPECT_EQ(server.notified(), "");
    EXPECT_EQ(client->observations(), 2u);
}
TEST_F(Observing, a_whole_instance_that_changed_while_the_server_was_away_is_told_when_it_is_back) {
    server.observes("/d01/3306/0", 7, json);
    tree.hold();
    reports(relay, true);
    after(0s);
    server.does_not_acknowledge(7);
    tree.release();  // read for a notification that may not leave now
    after(0s);
    EXPECT_EQ(server.notified(), "");
    server.hears();
    server.answers(Code::changed);
    EXPECT_EQ(server.notified(),
              R"(#7 2.05 [{"bn":"/d01/3306/0/","bt":1800000000,"n":"5850","vb":true},{"n":"5851","v":50}] CON)");
    EXPECT_EQ(server.notified(), "");
}
TEST_F(Observing, a_server_that_is_gone_is_told_nothing_more) {
    starts_at(20);
    server.does_not_acknowledge(7);
    after(0s);
    server.hears();
    server.stays_silent();
    reports(temperature, 22.0);
    after(0s);
    EXPECT_EQ(server.notified(), "");
    EXPECT_EQ(server.hears().substr(0, 8), "POST /rd");
    EXPECT_EQ(client->observations(), 0u);
}
TEST_F(Observing, goes_on_in_a_new_session) {
    starts_at(20);
    server.ends_session();
    reports(temperature, 22.0);
    EXPECT_EQ(server.notified(), "");
    after(0s);
    server.hears();
    server.answers(Code::changed);
    EXPECT_EQ(server.notified(), "#7 2.05 22 CON");
}

// GW-027 GW-070
TEST_F(Observing, a_device_that_is_gone_ends_each_observation_with_one_4_04) {
    server.observes(temperature, 1);
    server.observes("/d01/3303", 2);
    server.observes("/d01/3/0", 3);
    server.observes("/d02/3306/0/5850", 4);
    tree.take_away_prefix("d01");
    client->prefix_removed("d01");
    std::set<std::string> heard;
    for (std::string next; !(next = server.notified()).empty();) EXPECT_TRUE(heard.insert(next).second) << next;
    EXPECT_EQ(heard, (std::set<std::string>{"#1 4.04 CON", "#2 4.04 CON", "#3 4.04 CON"}));
    EXPECT_EQ(client->observations(), 1u);
    after(1h);
    EXPECT_EQ(server.notified(), "");
    EXPECT_EQ(server.asks("GET /d01/3303/0/5700"), "4.04");
}
// CORE-081 CORE-145
TEST_F(Observing, a_deleted_instance_ends_its_observations) {
    server.observes("/16/0", 1);
    server.observes("/16/0/0", 2);
    server.observes("/16", 3, json);
    EXPECT_EQ(server.asks("DELETE /16/0"), "2.02");
    EXPECT_EQ(server.notified(), "#1 4.04 CON");
    EXPECT_EQ(server.notified(), "#2 4.04 CON");
    client->instances_changed();
    after(0s);
    EXPECT_EQ(server.notified(), "#3 2.05 []");
    EXPECT_EQ(server.notified(), "");
}

// GW-024
TEST_F(Observing, joins_leaves_and_new_object_lists_are_told_to_observers_of_25) {
    server.observes("/25", 1, json);
    server.observes("/25/1", 2, json);
    server.observes("/25/0/3", 3);
    tree.set("/25/2/0", std::string("new"));
    client->instances_changed();
    after(0s);
    EXPECT_NE(server.notified().find("2/0"), std::string::npos);
    EXPECT_EQ(server.notified(), "");
    reports("/25/0/3", std::string("</3>"));
    EXPECT_EQ(server.notified(), "#3 2.05 </3>");
    after(0s);
    EXPECT_EQ(server.notified().substr(0, 7), "#1 2.05");
    tree.take_away("/25/1");
    client->instances_changed();
    EXPECT_EQ(server.notified(), "#2 4.04 CON");
    after(0s);
    EXPECT_EQ(server.notified().substr(0, 7), "#1 2.05");
    EXPECT_EQ(server.notified(), "");
}

// gateway digest 9
TEST_F(Observing, a_device_that_is_away_is_not_told_as_an_error) {
    sets("/d01/3303?pmax=10");
    starts_at(20);
    server.observes("/d01/3303", 8, json);
    tree.fail("d01", lwm2m::Errc::offline);
    client->changed_below({"d01", {}});
    after(0s);
    EXPECT_EQ(server.notified(), "");
    after(10s);
    EXPECT_EQ(server.notified(), "#7 2.05 20");  // the last good value
    EXPECT_EQ(server.notified(), "");
    after(10s);
    EXPECT_EQ(server.notified(), "#7 2.05 20");
    tree.fail_no_more("d01");
    tree.set(temperature, 25.0);
    client->changed_below({"d01", {}});
    EXPECT_EQ(server.notified(), "#7 2.05 25");
    after(0s);
    EXPECT_EQ(server.notified().substr(0, 7), "#8 2.05");
}
TEST_F(Observing, a_last_good_value_tells_its_time_where_the_format_can) {
    sets("/d01/3303?pmax=10");
    server.observes(temperature, 7, json);
    reports(temperature, 25.5);
    EXPECT_EQ(server.notified(), R"(#7 2.05 [{"bn":"/d01/3303/0/5700","v":25.5}])");
    tree.fail("d01", lwm2m::Errc::offline);
    after(10s);
    EXPECT_EQ(server.notified(), R"(#7 2.05 [{"bn":"/d01/3303/0/5700","bt":1800000000,"v":25.5}])");
}
TEST_F(Observing, a_slow_device_does_not_hold_up_what_it_reports) {
    sets("/d01/3303?pmax=10");
    starts_at(20);
    tree.hold();
    after(10s);
    EXPECT_EQ(tree.waiting(), 1u);
    reports(temperature, 21.0);
    EXPECT_EQ(server.notified(), "#7 2.05 21");
    after(1min);
    EXPECT_EQ(tree.waiting(), 1u);  // one question at a time
    tree.release();
    EXPECT_EQ(server.notified(), "#7 2.05 21");
}

// ETS-0951
TEST_F(Stage, two_servers_observe_each_in_its_own_way) {
    config.servers.push_back(config.servers[0]);
    config.servers[1].account.id = 2;
    start();
    server.hears();
    server.answers(Code::created, {"rd", "1"});
    server.hears();
    server.answers(Code::created, {"rd", "2"});
    server.asks("PUT /d01/3303/0/5700?pmin=10", {.by = 1});
    server.observes(temperature, 1, {}, 1);
    server.observes(temperature, 2, {}, 2);
    reports(temperature, 23.0);
    EXPECT_EQ(server.notified(), "#2 2.05 23");
    after(10s);
    EXPECT_EQ(server.notified(), "#1 2.05 23");
    EXPECT_EQ(server.asks("GET /d01/3303/0/5700", {.accept = link, .by = 2}), "2.05 </3303/0/5700>");
    server.ends_session(1);
    reports(temperature, 24.0);
    EXPECT_EQ(server.notified(), "#2 2.05 24");
}

TEST_F(Observing, is_bounded_for_each_server) {
    for (ObservationId token = 1; token <= lwm2m::Observer::most_per_server; ++token) server.observes(temperature, token);
    EXPECT_EQ(server.observes(temperature, 20'000), "2.05 22.1");
    EXPECT_FALSE(server.response().observing);
    EXPECT_EQ(client->observations(), lwm2m::Observer::most_per_server);
    EXPECT_EQ(server.observes(temperature, 0), "2.05 22.1");  // the transport has no place for it
    EXPECT_FALSE(server.response().observing);
    server.cancels(temperature, 5);
    server.observes(temperature, 20'000);
    EXPECT_TRUE(server.response().observing);
}

TEST_F(Observing, is_bounded_by_paths_when_they_are_observed_together) {
    std::string paths = "[";
    for (int i = 0; i < 250; ++i) paths += fmt::format("{}{{\"n\":\"/d01/3303/{}/5700\"}}", i == 0 ? "" : ",", i);
    paths += "]";
    const auto bytes = base::as_bytes(paths);
    const auto observes_all = [&](ObservationId token) {
        server.asks("FETCH /", {.accept = 110,
                                .format = 320,
                                .payload = {bytes.begin(), bytes.end()},
                                .observe = lwm2m::Observe::start,
                                .token = token});
        return server.response().observing;
    };
    for (ObservationId token = 1; token <= lwm2m::Observer::most_per_server / 250; ++token)
        ASSERT_TRUE(observes_all(token)) << token;
    EXPECT_FALSE(observes_all(1000));
    EXPECT_FALSE(server.observes(temperature, 1001).empty());
    EXPECT_FALSE(server.response().observing);
    EXPECT_EQ(client->observations(), lwm2m::Observer::most_per_server / 250);
    client->on_lost(1, 1, lwm2m::Lost::reset);
    EXPECT_TRUE(observes_all(1000));
}

TEST_F(Observing, all_share_one_timer) {
    const auto before = timers.waiting();
    for (ObservationId token = 1; token <= 100; ++token)
        server.observes(std::string(temperature) + "?pmax=" + std::to_string(token), token);
    EXPECT_EQ(timers.waiting(), before + 1);
}

TEST_F(Observing, leaves_nothing_behind) {
    sets("/d01/3303?pmax=10");
    starts_at(20);
    server.observes("/d01/3303", 8);
    client->stop([] {});
    server.hears();
    server.answers(Code::deleted);
    EXPECT_EQ(timers.waiting(), 0u);
    EXPECT_EQ(client->observations(), 0u);
}

}  // namespace
