#include "tests/unit/lwm2m/stage.hpp"

using namespace std::chrono_literals;
using lwm2m::ObservationId;

namespace {

constexpr const char* temperature = "/d01/3303/0/5700";
constexpr const char* relay = "/d02/3306/0/5850";

class Composite : public Registered {
protected:
    std::string observes_all(std::string_view body, ObservationId token = 7, std::string_view query = "",
                             lwm2m::Observe what = lwm2m::Observe::start) {
        const auto bytes = base::as_bytes(body);
        return server.asks(
            "FETCH /" + std::string(query),
            {.accept = json, .format = etch, .payload = {bytes.begin(), bytes.end()}, .observe = what, .token = token});
    }
    std::string shown(std::string_view target) const {
        const auto* value = tree.find(target);
        return value == nullptr ? "(none)" : lwm2m::str(*value);
    }
    void sets(std::string_view path_and_query) { ASSERT_EQ(server.asks("PUT " + std::string(path_and_query)), "2.04"); }
    void runs(std::chrono::milliseconds time) { after(time); }

    static constexpr const char* three = R"([{"n":"/d01/3303/0/5700"},{"n":"/d02/3306/0/5850"},{"n":"/3/0/9"}])";
};

// ---- Observe-Composite: OMA Core 1.2 6.4.4, core digest 7.1

// GW-045 CORE-131
TEST_F(Composite, observation_tells_all_of_its_paths_when_one_of_them_changes) {
    EXPECT_EQ(observes_all(three),
              R"(2.05 [{"bn":"/","n":"d01/3303/0/5700","v":22.1},{"n":"d02/3306/0/5850","vb":false},{"n":"3/0/9","v":100}])");
    EXPECT_TRUE(server.response().observing);
    EXPECT_EQ(client->observations(), 1u);
    reports(relay, true);
    after(0s);
    EXPECT_EQ(server.notified(),
              R"(#7 2.05 [{"bn":"/","n":"d01/3303/0/5700","v":22.1},{"n":"d02/3306/0/5850","vb":true},{"n":"3/0/9","v":100}])");
    reports(relay, true);
    reports("/d01/3303/0/5601", 1.0);  // not among them
    after(1s);
    EXPECT_EQ(server.notified(), "");
}

TEST_F(Composite, observation_tells_of_one_poll_once) {
    observes_all(three);
    reports(relay, true);
    reports(temperature, 30.0);
    after(0s);
    EXPECT_NE(server.notified(), "");
    EXPECT_EQ(server.notified(), "");
}

// CORE-133 ETS-0305
TEST_F(Composite, observation_ends_by_observe_1_and_the_same_list) {
    observes_all(three);
    EXPECT_EQ(observes_all(three, 7, "", lwm2m::Observe::cancel).substr(0, 4), "2.05");
    EXPECT_EQ(client->observations(), 0u);
    reports(relay, true);
    after(0s);
    EXPECT_EQ(server.notified(), "");
    observes_all(three);
    observes_all(R"([{"n":"/3/0/9"}])", 8);
    observes_all(three, 0, "", lwm2m::Observe::cancel);  // the token is not known
    EXPECT_EQ(client->observations(), 1u);
}

// CORE-132
TEST_F(Composite, observation_with_periods_of_its_own_does_not_look_at_attached_ones) {
    sets("/d01/3303/0/5700?pmin=0&pmax=60");
    observes_all(three, 7, "?pmin=2&pmax=5");
    EXPECT_EQ(server.response().max_age, 5u);
    after(4900ms);
    EXPECT_EQ(server.notified(), "");
    after(100ms);
    EXPECT_NE(server.notified(), "");
    reports(temperature, 25.0);
    after(1900ms);
    EXPECT_EQ(server.notified(), "");
    after(100ms);
    EXPECT_NE(server.notified(), "");
    EXPECT_EQ(observes_all(three, 8, "?gt=5"), "4.00");
    EXPECT_EQ(observes_all(three, 8, "?pmin"), "4.00");
    EXPECT_EQ(observes_all(three, 8, "?con=1").substr(0, 4), "2.05");
    reports(temperature, 26.0);
    after(0s);
    EXPECT_NE(server.notified().find(" CON"), std::string::npos);
}

// ETS-0304 ETS-0310
TEST_F(Composite, observation_obeys_what_is_attached_to_each_path) {
    sets("/d01/3303/0/5700?gt=30");
    sets("/d02/3306/0/5850?pmin=10");
    observes_all(three);
    reports(temperature, 25.0);
    after(0s);
    EXPECT_EQ(server.notified(), "");
    reports(relay, true);
    after(9s);
    EXPECT_EQ(server.notified(), "");
    after(1s);
    EXPECT_NE(server.notified(), "");
    reports(temperature, 31.0);
    after(0s);
    EXPECT_NE(server.notified().find("\"v\":31"), std::string::npos);
    sets("/3?pmax=5");  // later, at a level above
    after(4s);
    EXPECT_EQ(server.notified(), "");
    after(1s);
    EXPECT_NE(server.notified(), "");
}

// ETS-0308 ETS-0309
TEST_F(Composite, observation_picks_up_what_comes_and_goes_on_without_what_went) {
    observes_all(R"([{"n":"/16/0"},{"n":"/16/1"},{"n":"/3/0/9"}])");
    EXPECT_EQ(server.writes("POST /16", R"([{"n":"/16/1/0/0","vs":"new"}])", json), "2.01");
    after(0s);
    const std::string told = server.notified();
    EXPECT_NE(told.find(R"("16/1/0/0","vs":"new")"), std::string::npos) << told;
    EXPECT_NE(told.find(R"("16/0/0/0")"), std::string::npos) << told;
    EXPECT_EQ(server.asks("DELETE /16/1"), "2.02");
    after(0s);
    const std::string rest = server.notified();
    EXPECT_EQ(rest.find("16/1"), std::string::npos) << rest;
    EXPECT_NE(rest.find("#7 2.05"), std::string::npos) << rest;
    EXPECT_EQ(server.notified(), "");
    EXPECT_EQ(client->observations(), 1u);
}

TEST_F(Composite, observation_of_a_device_that_does_not_answer_says_nothing_of_changes) {
    observes_all(three);
    tree.fail("d01", lwm2m::Errc::timeout);
    client->changed_below({"d01", {}});
    after(1s);
    EXPECT_EQ(server.notified(), "");
    reports(relay, true);
    after(0s);
    const std::string told = server.notified();  // of the one that is away, what was known last
    EXPECT_NE(told.find("\"v\":22.1"), std::string::npos) << told;
    EXPECT_NE(told.find("\"vb\":true"), std::string::npos) << told;
}

TEST_F(Composite, observation_of_a_whole_device_goes_on_until_the_server_ends_it) {
    EXPECT_EQ(observes_all(R"([{"n":"/d02"}])").substr(0, 4), "2.05");
    tree.take_away_prefix("d02");
    client->prefix_removed("d02");
    after(0s);
    EXPECT_EQ(server.notified(), "#7 2.05 []");
    server.resets(7);
    EXPECT_EQ(client->observations(), 0u);
    EXPECT_TRUE(server.ended.contains(7));
}

// ---- Write-Composite: OMA Core 1.2 6.3.9

// GW-044 CORE-089: what was written before the device failed is written back
TEST_F(Composite, write_that_fails_half_way_is_undone) {
    tree.fail_half_way("/d02/3306/0/5850", lwm2m::Errc::timeout);
    EXPECT_EQ(server.writes(
                  "iPATCH /",
                  R"([{"n":"/3/0/14","vs":"+09:00"},{"n":"/d01/3306/0/5851","v":9},{"n":"/d02/3306/0/5850","vb":true}])", json),
              "5.04");
    EXPECT_EQ(shown("/d01/3306/0/5851"), "50");
    EXPECT_EQ(shown("/3/0/14"), "\"+02:00\"");
    EXPECT_EQ(shown("/d02/3306/0/5850"), "false");
    tree.fail_half_way("", lwm2m::Errc::timeout);
    EXPECT_EQ(server.writes("iPATCH /", R"([{"n":"/d01/3306/0/5851","v":9},{"n":"/d02/3306/0/5850","vb":true}])", json),
              "2.04");
    EXPECT_EQ(shown("/d01/3306/0/5851"), "9");
}

TEST_F(Composite, write_of_an_instance_that_fails_half_way_is_undone_too) {
    tree.fail_half_way("/d01/3306/0/5851", lwm2m::Errc::bad_request);
    EXPECT_EQ(server.writes("POST /d01/3306/0", R"([{"n":"5850","vb":true},{"n":"5851","v":9}])", json), "4.00");
    EXPECT_EQ(shown("/d01/3306/0/5850"), "false");
    EXPECT_EQ(shown("/d01/3306/0/5851"), "50");
}

// CORE-091
TEST_F(Composite, write_takes_lwm2m_cbor) {
    // {["d02",3306,0,5850]: true, [3,0,14]: "x"}
    EXPECT_EQ(
        server.asks("iPATCH /", {.format = lwm2m_cbor, .payload = *base::from_hex("a28463643032190cea001916daf58303000e6178")}),
        "2.04");
    EXPECT_EQ(shown("/d02/3306/0/5850"), "true");
    EXPECT_EQ(shown("/3/0/14"), "\"x\"");
}

// Bounds: one request names at most 256 paths or values.
TEST_F(Composite, request_of_too_many_is_refused_whole) {
    std::string many = "[";
    for (int i = 0; i < 257; ++i) many += std::string(i == 0 ? "" : ",") + R"({"n":"/16/)" + std::to_string(i) + "\"}";
    many += ']';
    EXPECT_EQ(observes_all(many), "4.00");
    EXPECT_EQ(client->observations(), 0u);
}

}  // namespace
