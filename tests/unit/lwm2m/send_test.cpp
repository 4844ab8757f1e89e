#include "tests/unit/lwm2m/stage.hpp"

using namespace std::chrono_literals;
using lwm2m::Target;

namespace {

std::vector<Target> paths(std::initializer_list<const char*> texts) {
    std::vector<Target> all;
    for (const char* text : texts) {
        const std::string_view path = text;  // "*/3303" is of every device
        if (path.starts_with("*"))
            all.push_back({"*", *lwm2m::Path::parse(path.substr(1))});
        else
            all.push_back(*Target::parse(path));
    }
    return all;
}

/// OMA Core 1.2 6.4.6, core digest 7.7, gateway digest 12
class Sending : public Stage {
protected:
    void start_sending(std::initializer_list<const char*> what, std::chrono::seconds every = 60s) {
        config.servers[0].send.every = every;
        config.servers[0].send.paths = paths(what);
        config.prefixes = [] { return std::vector<std::string>{"d01", "d02"}; };
        start_registered();
    }
    std::string names() {
        const lwm2m::codec::Lookup none = [](const Target&) { return nullptr; };
        const auto payload = server.heard_payload();
        const auto bytes = base::as_bytes(payload);
        const auto decoded = lwm2m::codec::decode(lwm2m::ContentFormat::senml_cbor, Target{}, bytes, none);
        std::string all;
        for (const auto& entry : decoded->entries) {
            EXPECT_TRUE(entry.at);
            all += (all.empty() ? "" : " ") + entry.target.str();
        }
        return all;
    }
};

// CORE-141 GW-056 GW-057 ETS-0306
TEST_F(Sending, goes_to_dp_with_times_and_devices_by_themselves) {
    start_sending({"/3/0/9", "/d01/3303/0/5700", "*/3306/0/5850"});
    after(1900ms);
    EXPECT_EQ(server.hears(), "");  // the server reads /25 first
    after(100ms);
    EXPECT_EQ(server.hears(), "POST /dp");
    EXPECT_EQ(server.heard_format(), senml);
    EXPECT_EQ(names(), "/3/0/9");
    EXPECT_EQ(server.hears(), "");  // one after the other
}

TEST_F(Sending, goes_on_with_the_devices_and_again_in_the_next_period) {
    start_sending({"/3/0/9", "/d01/3303/0/5700", "*/3306/0/5850"});
    after(2s);
    server.hears();
    server.answers(Code::changed);
    EXPECT_EQ(server.hears(), "POST /dp");
    EXPECT_EQ(names(), "/d01/3303/0/5700 /d01/3306/0/5850 /d02/3306/0/5850");
    server.answers(Code::changed);
    EXPECT_EQ(server.hears(), "");
    after(59s);
    EXPECT_EQ(server.hears(), "");
    after(1s);
    EXPECT_EQ(server.hears(), "POST /dp");
}

// GW-058
TEST_F(Sending, leaves_devices_out_for_a_server_that_does_not_know_gateways) {
    config.servers[0].send.devices = false;
    start_sending({"/d01/3303/0/5700", "*/3306/0/5850", "/3/0/9"});
    after(2s);
    EXPECT_EQ(server.hears(), "POST /dp");
    EXPECT_EQ(names(), "/3/0/9");
    server.answers(Code::changed);
    EXPECT_EQ(server.hears(), "");
}

// CORE-140 ETS-0307
TEST_F(Sending, is_muted_by_the_server) {
    start_sending({"/3/0/9"});
    client->set_mute_send(1, true);
    after(100s);
    EXPECT_EQ(server.hears(), "");
    EXPECT_EQ(client->send(1, paths({"/3/0/9"})).error().code, lwm2m::Errc::not_allowed);
    client->set_mute_send(1, false);
    after(60s);
    EXPECT_EQ(server.hears(), "POST /dp");
}

// CORE-140: nothing configured, /1/x/23 is absent or true
TEST_F(Sending, does_not_happen_unless_it_was_asked_for) {
    start_registered();
    EXPECT_FALSE(client->send(1, paths({"/3/0/9"})));
    EXPECT_EQ(server.hears(), "");
}

// CORE-142
TEST_F(Sending, never_tells_of_an_instance_that_the_server_does_not_know) {
    start_sending({"/16", "/3/0/9"});
    tree.set("/16/4/0/0", std::string("new"));
    after(2s);
    server.hears();
    EXPECT_EQ(names(), "/16/0/0/0 /3/0/9");
    server.answers(Code::changed);
    client->instances_changed();
    after(5s);
    EXPECT_EQ(server.hears(), "POST /rd/5a3f");
    server.answers(Code::changed);
    EXPECT_TRUE(client->send(1, paths({"/16"})));
    server.hears();
    EXPECT_EQ(names(), "/16/0/0/0 /16/4/0/0");
}

// ETS-0311
TEST_F(Sending, of_given_paths_is_done_at_once_and_one_at_a_time) {
    start_sending({"/3/0/9"}, 3600s);
    EXPECT_TRUE(client->send(1, paths({"/1/0/1", "/3/0/7/0"})));
    EXPECT_EQ(server.hears(), "POST /dp");
    EXPECT_EQ(names(), "/1/0/1 /3/0/7/0");
    EXPECT_EQ(client->send(1, paths({"/1/0/1"})).error().code, lwm2m::Errc::busy);
    server.answers(Code::changed);
    EXPECT_TRUE(client->send(1, paths({"/1/0/1"})));
    EXPECT_FALSE(client->send(9, paths({"/1/0/1"})));
}

TEST_F(Sending, that_is_not_known_brings_an_update_and_one_more_try) {
    start_sending({"/3/0/9"}, 3600s);
    after(2s);
    server.hears();
    server.answers(Code::not_found);
    after(0s);
    EXPECT_EQ(server.hears(), "POST /rd/5a3f");
    server.answers(Code::changed);
    after(5s);
    EXPECT_EQ(server.hears(), "POST /dp");
    server.answers(Code::not_found);
    after(100s);
    EXPECT_EQ(server.hears(), "");
}

TEST_F(Sending, that_is_refused_is_not_repeated) {
    start_sending({"/3/0/9"}, 3600s);
    after(2s);
    server.hears();
    server.answers(Code::bad_request);
    after(200s);
    EXPECT_EQ(server.hears(), "");
}

TEST_F(Sending, stops_while_the_server_is_away) {
    start_sending({"/3/0/9"});
    after(2s);
    server.hears();
    server.stays_silent();
    server.ends_session();
    after(0s);
    EXPECT_EQ(server.hears(), "POST /rd/5a3f");
    server.stays_silent();
    after(0s);
    EXPECT_EQ(server.hears().substr(0, 10), "POST /rd?e");
    after(100s);
    EXPECT_EQ(server.hears(), "");
}

TEST_F(Sending, of_much_goes_in_several_messages) {
    start_sending({"/d01"}, 3600s);
    for (int i = 0; i < 1200; ++i) tree.set("/d01/3303/" + std::to_string(i) + "/5700", 1.0);
    after(2s);
    int messages = 0;
    while (server.hears() == "POST /dp") {
        ++messages;
        server.answers(Code::changed);
    }
    EXPECT_EQ(messages, 3);
}

}  // namespace
