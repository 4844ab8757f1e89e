#include "tests/unit/lwm2m/stage.hpp"

#include "lwm2m/observer.hpp"

using namespace std::chrono_literals;
using lwm2m::ObservationId;

namespace {

constexpr const char* temperature = "/d01/3303/0/5700";

/// What a server missed (core digest 7.6).
class History : public Registered {
protected:
    void goes_away(ObservationId token = 7) {
        server.does_not_acknowledge(token);
        after(0s);
        ASSERT_EQ(server.hears().substr(0, 13), "POST /rd/5a3f");
    }
    void comes_back() { server.answers(Code::changed); }
    void sets(std::string_view path_and_query) { ASSERT_EQ(server.asks("PUT " + std::string(path_and_query)), "2.04"); }
};

// CORE-136
TEST_F(History, is_told_oldest_first_when_the_server_is_back) {
    server.observes(temperature, 7);
    goes_away();
    for (const double value : {23.0, 24.0, 25.0}) {
        after(1s);
        reports(temperature, value);
    }
    EXPECT_EQ(server.notified(), "");
    comes_back();
    EXPECT_EQ(server.notified(), "#7 2.05 23 CON");
    EXPECT_EQ(server.notified(), "#7 2.05 24 CON");
    EXPECT_EQ(server.notified(), "#7 2.05 25 CON");
    EXPECT_TRUE(server.last_notification.keep);  // none of them takes the place of another
    EXPECT_EQ(server.notified(), "");
    reports(temperature, 26.0);
    EXPECT_EQ(server.notified(), "#7 2.05 26");
}

// CORE-139
TEST_F(History, has_its_times_where_the_format_can_say_them) {
    server.observes(temperature, 7, json);
    goes_away();
    for (const double value : {23.0, 24.0, 25.0}) {
        after(10s);
        reports(temperature, value);
    }
    comes_back();
    EXPECT_EQ(server.notified(),
              R"(#7 2.05 [{"bn":"/d01/3303/0/5700","bt":1800000010,"v":23},{"t":10,"v":24},{"t":20,"v":25}] CON)");
    EXPECT_EQ(server.notified(), "");
}

// CORE-137
TEST_F(History, is_not_kept_when_the_server_does_not_want_it) {
    client->set_storing(1, false);
    server.observes(temperature, 7);
    goes_away();
    for (const double value : {23.0, 24.0, 25.0}) reports(temperature, value);
    comes_back();
    EXPECT_EQ(server.notified(), "#7 2.05 25");  // what it is now, if it differs from what was told
    EXPECT_EQ(server.notified(), "");
}

// CORE-138
TEST_F(History, is_as_long_as_hqmax_and_loses_the_oldest) {
    sets("/d01/3303/0/5700?hqmax=2");
    server.observes(temperature, 7);
    goes_away();
    for (const double value : {23.0, 24.0, 25.0, 26.0, 27.0}) reports(temperature, value);
    comes_back();
    EXPECT_EQ(server.notified(), "#7 2.05 26 CON");
    EXPECT_EQ(server.notified(), "#7 2.05 27 CON");
    EXPECT_EQ(server.notified(), "");
    sets("/d01/3303/0/5700?hqmax=0");
    goes_away();
    reports(temperature, 28.0);
    reports(temperature, 29.0);
    comes_back();
    EXPECT_EQ(server.notified(), "#7 2.05 29");
    EXPECT_EQ(server.notified(), "");
}

TEST_F(History, begins_with_what_was_not_acknowledged) {
    sets("/d01/3303/0/5700?con=1");
    server.observes(temperature, 7);
    reports(temperature, 23.0);
    EXPECT_EQ(server.notified(), "#7 2.05 23 CON");
    client->on_acknowledged(1, 7, server.last_notification.number);
    reports(temperature, 24.0);
    reports(temperature, 25.0);
    EXPECT_EQ(server.notified(), "#7 2.05 24 CON");
    EXPECT_EQ(server.notified(), "#7 2.05 25 CON");
    goes_away();  // 24 did not arrive, and 25 never left
    reports(temperature, 26.0);
    comes_back();
    EXPECT_EQ(server.notified(), "#7 2.05 24 CON");
    EXPECT_EQ(server.notified(), "#7 2.05 25 CON");
    EXPECT_EQ(server.notified(), "#7 2.05 26 CON");
    EXPECT_EQ(server.notified(), "");
}

TEST_F(History, holds_only_what_would_have_been_told) {
    sets("/d01/3303/0/5700?pmin=10&gt=30");
    server.observes(temperature, 7);
    after(10s);
    goes_away();
    reports(temperature, 25.0);
    reports(temperature, 31.0);
    after(1s);
    reports(temperature, 29.0);
    reports(temperature, 32.0);
    after(1s);
    comes_back();
    EXPECT_EQ(server.notified(), "#7 2.05 31 CON");
    EXPECT_EQ(server.notified(), "");
}

TEST_F(History, of_an_instance_has_all_its_values) {
    server.observes("/d01/3306/0", 7, json);
    goes_away();
    after(1s);
    reports("/d01/3306/0/5850", true);
    after(1s);
    reports("/d01/3306/0/5850", false);
    after(1s);
    comes_back();
    EXPECT_EQ(server.notified(), R"(#7 2.05 [{"bn":"/d01/3306/0/","bt":1800000001,"n":"5850","vb":true},{"n":"5851","v":50},)"
                                 R"({"n":"5850","t":1,"vb":false},{"n":"5851","t":1,"v":50}] CON)");
}

// core digest 7.6: Register makes observations void, and what was kept for them with it
TEST_F(History, is_forgotten_with_the_registration) {
    server.observes(temperature, 7);
    server.does_not_acknowledge(7);
    reports(temperature, 23.0);
    after(0s);
    server.hears();
    server.stays_silent();
    after(0s);
    EXPECT_EQ(server.hears().substr(0, 10), "POST /rd?e");
    server.answers(Code::created, {"rd", "2"});
    after(1s);
    EXPECT_EQ(server.notified(), "");
}

TEST_F(History, is_bounded_in_number_and_in_all) {
    server.observes(temperature, 7);
    for (ObservationId token = 8; token < 8 + 40; ++token) server.observes("/d01/3303/0", token, senml);
    goes_away();
    for (int i = 0; i < 500; ++i) {
        reports(temperature, 30.0 + i);
        after(1s);
        if (i == 100) server.hears();
    }
    comes_back();
    std::size_t single = 0;
    for (std::string told; !(told = server.notified()).empty();)
        if (told.rfind("#7 ", 0) == 0) ++single;
    EXPECT_LE(single, lwm2m::Observer::usually_kept);
    EXPECT_GT(single, 0u);
}

TEST_F(History, of_what_was_not_acknowledged_is_bounded_too) {
    for (ObservationId token = 1; token <= 40; ++token) server.observes("/16/0/0/0?con=1", token);
    for (int i = 0; i < 100; ++i) {  // 40 observations of 64 texts of 3 kB would be 7.5 MB
        reports("/16/0/0/0", std::string(3000, static_cast<char>('a' + i % 26)));
        while (!server.notified().empty()) {
        }
    }
    server.does_not_acknowledge(1);
    std::size_t again = 0;
    after(0s);
    server.hears();
    server.answers(Code::changed);
    while (!server.notified().empty()) ++again;
    EXPECT_GT(again, 100u);
    EXPECT_LE(again, lwm2m::Observer::most_kept_bytes / 3000);
}

// CORE-121
TEST_F(History, default_mode_of_the_server_object_says_what_is_confirmable) {
    server.observes(temperature, 7);
    client->set_default_confirmable(1, true);
    reports(temperature, 23.0);
    EXPECT_EQ(server.notified(), "#7 2.05 23 CON");
    sets("/d01/3303/0/5700?con=0");
    reports(temperature, 24.0);
    EXPECT_EQ(server.notified(), "#7 2.05 24");
    sets("/d01/3303/0/5700?con");
    client->set_default_confirmable(1, false);
    reports(temperature, 25.0);
    EXPECT_EQ(server.notified(), "#7 2.05 25");
}

}  // namespace
