#include "tests/unit/lwm2m/stage.hpp"

#include <ctime>

using namespace std::chrono_literals;
using lwm2m::AccessControl;
namespace right = lwm2m::right;

namespace {

/// Two servers: the first of the file, and one that may only read, unless a test says otherwise.
class Access : public Stage {
protected:
    void with_second(std::uint8_t rights = right::read) {
        tree.set("/1/1/0", std::int64_t{2});
        tree.set("/1/1/1", std::int64_t{300});
        config.servers.push_back(config.servers[0]);
        config.servers[1].account.id = 2;
        config.servers[1].rights = rights;
        start();
        for (int i = 0; i < 2; ++i) {
            server.hears();
            server.answers(Code::created, {"rd", std::to_string(i)});
        }
    }
    std::string asks(int by, std::string_view line, fakes::ScriptedServer::Ask ask = {}) {
        ask.by = static_cast<lwm2m::ServerId>(by);
        return server.asks(line, ask);
    }
    std::string writes(int by, std::string_view line, std::string_view body, std::uint16_t format = 0) {
        return server.writes(line, body, format, static_cast<lwm2m::ServerId>(by));
    }
    lwm2m::InstanceId rule_of(lwm2m::ObjectId object, lwm2m::InstanceId instance) {
        for (const auto& [id, rule] : client->access().rules())
            if (rule.object == object && rule.instance == instance) return id;
        ADD_FAILURE() << "no rule for /" << object << '/' << instance;
        return 0;
    }
    bool has_rule(lwm2m::ObjectId object, lwm2m::InstanceId instance) {
        for (const auto& [id, rule] : client->access().rules())
            if (rule.object == object && rule.instance == instance) return true;
        return false;
    }
};

// CORE-169
TEST_F(Access, of_a_single_server_is_full) {
    start_registered();
    EXPECT_FALSE(client->access().enabled());
    EXPECT_TRUE(client->access().rules().empty());
    EXPECT_EQ(server.asks("POST /3/0/4"), "2.04");
    EXPECT_EQ(server.writes("PUT /16/0/0/0", "x"), "2.04");
}

// The cost of a look-up grows with the logarithm of the rules, that of an instance that joins by one rule.
TEST(AccessRights, of_ten_thousand_instances_are_found_by_their_place) {
    AccessControl access({{1, right::all}, {2, right::read}});
    fakes::MemoryTree tree;
    lwm2m::ObjectDef gateway;
    gateway.id = 25;
    gateway.multiple = true;
    tree.add_object("", gateway);
    for (int i = 0; i < 10'000; ++i) tree.add_instance("/25/" + std::to_string(i));
    const auto began = std::clock();
    ASSERT_TRUE(access.sync(tree));
    const auto synced = std::clock();
    ASSERT_EQ(access.rules().size(), 10'000u);
    std::size_t allowed = 0;
    for (int round = 0; round < 10; ++round)
        for (std::uint16_t i = 0; i < 10'000; ++i) {
            allowed += access.allows(2, {"", lwm2m::Path::of({25, i, 1})}, right::read) ? 1U : 0U;
            allowed += access.allows(2, {"", lwm2m::Path::of({25, i, 1})}, right::write) ? 1U : 0U;
        }
    EXPECT_EQ(allowed, 100'000u);
    RecordProperty("sync_us", static_cast<int>((synced - began) * 1'000'000 / CLOCKS_PER_SEC));
    RecordProperty("look_up_ns", static_cast<int>((std::clock() - synced) * 5'000 / CLOCKS_PER_SEC));
}

// CORE-170
TEST(AccessRights, are_resolved_from_owner_own_entry_everybodys_entry_and_none) {
    AccessControl access({{1, right::all}, {2, right::all}});
    fakes::MemoryTree tree;
    lwm2m::ObjectDef portfolio;
    portfolio.id = 16;
    portfolio.multiple = true;
    tree.add_object("", portfolio);
    tree.add_instance("/16/0");
    ASSERT_TRUE(access.sync(tree));
    ASSERT_FALSE(access.sync(tree));
    lwm2m::InstanceId rule = 0;
    for (const auto& [id, its] : access.rules())
        if (its.instance == 0) rule = id;
    struct Case {
        lwm2m::ServerId owner;
        AccessControl::Acl acl;
        std::uint8_t rights;  // of server 2
    };
    const Case cases[] = {
        {2, {}, right::all},
        {2, {{2, 1}}, 1},
        {2, {{0, 1}}, right::all},
        {1, {}, 0},
        {1, {{2, 3}}, 3},
        {1, {{0, 5}}, 5},
        {1, {{0, 5}, {2, 2}}, 2},
        {1, {{0, 5}, {2, 0}}, 0},
        {AccessControl::nobody, {}, 0},
        {1, {{3, right::all}}, 0},
    };
    for (const Case& c : cases) {
        access.set_owner(rule, c.owner);
        access.set_acl(rule, c.acl);
        for (const std::uint8_t bit : {right::read, right::write, right::execute, right::remove})
            EXPECT_EQ(access.allows(2, {"", lwm2m::Path::of({16, 0})}, bit), (c.rights & bit) != 0)
                << &c - cases << ' ' << +bit;
    }
}

// CORE-171 ETS-0950
TEST_F(Access, that_is_denied_is_4_01) {
    with_second(0);
    const std::pair<const char*, const char*> cases[] = {
        {"GET /3/0/0", "4.01"},  {"GET /3/0", "4.01"},       {"GET /3", "4.01"},        {"PUT /3/0/9?pmin=1", "4.01"},
        {"POST /3/0/4", "4.01"}, {"DELETE /16/0", "4.01"},   {"GET /25", "4.01"},       {"GET /25/0/1", "4.01"},
        {"GET /1/0/1", "4.01"},  {"GET /1/1/1", "2.05 300"}, {"PUT /3?pmin=1", "2.04"}, {"GET /9/0", "4.04"},
    };
    for (const auto& [line, answer] : cases) EXPECT_EQ(asks(2, line), answer) << line;
    EXPECT_EQ(writes(2, "PUT /16/0/0/0", "x"), "4.01");
    EXPECT_EQ(writes(2, "PUT /3/0/14", "x"), "4.01");
    EXPECT_EQ(asks(2, "GET /3/0/0", {.observe = lwm2m::Observe::start, .token = 5}), "4.01");
    EXPECT_EQ(client->observations(), 0u);
    EXPECT_EQ(asks(1, "GET /3/0/0"), "2.05 Gateway");
}

// CORE-096
TEST_F(Access, is_not_needed_to_discover) {
    with_second(0);
    EXPECT_EQ(asks(2, "GET /3/0?depth=0", {.accept = link}), "2.05 </3/0>");
    EXPECT_NE(asks(2, "GET /1", {.accept = link}).find("</1/0/1>"), std::string::npos);
}

// CORE-172 CORE-173
TEST_F(Access, to_create_is_a_right_of_the_object_and_makes_an_owner) {
    with_second(right::read);
    EXPECT_EQ(writes(2, "POST /16", R"([{"n":"/16/7/0/0","vs":"x"}])", json), "4.01");
    client->access().set_acl(rule_of(16, AccessControl::whole_object), {{1, right::create}, {2, right::create}});
    EXPECT_EQ(writes(2, "POST /16", R"([{"n":"/16/7/0/0","vs":"x"}])", json), "2.01");
    const auto& rule = client->access().rules().at(rule_of(16, 7));
    EXPECT_EQ(rule.owner, 2);
    EXPECT_TRUE(rule.acl.empty());
    EXPECT_EQ(writes(2, "PUT /16/7/0/0", "mine"), "2.04");
    EXPECT_EQ(asks(1, "GET /16/7"), "4.01");
    EXPECT_EQ(writes(1, "POST /16", R"([{"n":"/16/8/0/0","vs":"x"}])", json), "2.01");
    EXPECT_EQ(asks(2, "DELETE /16/7"), "2.02");
    EXPECT_FALSE(has_rule(16, 7));
}

// CORE-174
TEST_F(Access, rules_are_changed_by_their_owner_only) {
    with_second(right::all);
    const auto rule = rule_of(3, 0);
    EXPECT_TRUE(client->access().may_change(1, rule));
    EXPECT_FALSE(client->access().may_change(2, rule));
    EXPECT_TRUE(client->access().allows(2, {"", lwm2m::Path::of({2, rule, 2})}, right::read));
    EXPECT_FALSE(client->access().allows(2, {"", lwm2m::Path::of({2, rule, 2})}, right::write));
}

// CORE-175
TEST_F(Access, of_a_whole_object_shows_what_may_be_read) {
    with_second(right::read);
    EXPECT_EQ(asks(2, "GET /1", {.accept = json}), R"(2.05 [{"bn":"/1/","n":"1/0","v":2},{"n":"1/1","v":300}])");
    client->access().set_acl(rule_of(25, 0), {{2, 0}});
    const std::string rest = asks(2, "GET /25", {.accept = json});
    EXPECT_EQ(rest.find("\"0/1\""), std::string::npos) << rest;
    EXPECT_NE(rest.find("\"1/1\""), std::string::npos) << rest;
    EXPECT_EQ(asks(2, "GET /25", {.accept = json, .observe = lwm2m::Observe::start, .token = 3}), rest);
    client->changed_below({"", lwm2m::Path::of({25, 1})});
    tree.set("/25/0/0", std::string("other"));
    client->changed_below({"", lwm2m::Path::of({25})});
    after(0s);
    EXPECT_EQ(server.notified(), "");  // nothing changed in what it may see
}

// CORE-176
TEST_F(Access, that_is_missing_for_one_value_refuses_a_composite_write) {
    with_second(right::read);
    client->access().set_acl(rule_of(16, 0), {{2, right::write}});
    EXPECT_EQ(writes(2, "iPATCH /", R"([{"n":"/16/0/0/0","vs":"x"},{"n":"/3/0/14","vs":"y"}])", json), "4.01");
    EXPECT_EQ(tree.log, std::vector<std::string>{});
    EXPECT_EQ(writes(2, "iPATCH /", R"([{"n":"/16/0/0/0","vs":"x"}])", json), "2.04");
}

// CORE-177
TEST_F(Access, that_is_missing_leaves_values_out_of_a_composite_read) {
    with_second(right::read);
    client->access().set_acl(rule_of(3, 0), {{2, 0}});
    const auto fetch = [&](std::string_view body) {
        const auto bytes = base::as_bytes(body);
        return asks(2, "FETCH /", {.accept = json, .format = etch, .payload = {bytes.begin(), bytes.end()}});
    };
    EXPECT_EQ(fetch(R"([{"n":"/3/0/9"},{"n":"/16/0/0/0"}])"), R"(2.05 [{"bn":"/","n":"16/0/0/0","vs":"Host"}])");
    EXPECT_EQ(fetch(R"([{"n":"/3/0/9"},{"n":"/3/0/0"}])"), "4.01");
    EXPECT_EQ(fetch(R"([{"n":"/"}])").find("\"3/0/9\""), std::string::npos);
}

// CORE-135
TEST_F(Access, that_was_taken_away_silences_notifications_until_it_is_back) {
    with_second(right::read);
    asks(2, "GET /3/0/9", {.observe = lwm2m::Observe::start, .token = 5});
    reports("/3/0/9", std::int64_t{99});
    EXPECT_EQ(server.notified(), "#5 2.05 99");
    client->access().set_acl(rule_of(3, 0), {{2, 0}});
    reports("/3/0/9", std::int64_t{98});
    after(1s);
    EXPECT_EQ(server.notified(), "");
    client->access().set_acl(rule_of(3, 0), {{2, right::read}});
    EXPECT_EQ(server.notified(), "#5 2.05 98");
}

// GW-059 GW-061
TEST_F(Access, does_not_reach_into_device_trees) {
    with_second(0);
    tree.creatable = {16, 19};
    EXPECT_EQ(asks(2, "GET /d01/3303/0/5700"), "2.05 22.1");
    EXPECT_EQ(writes(2, "PUT /d01/3306/0/5851", "3"), "2.04");
    EXPECT_EQ(asks(2, "POST /d01/3303/0/5605"), "2.04");
    EXPECT_EQ(writes(2, "POST /d01/19", R"([{"n":"/d01/19/1/1","v":3}])", json), "2.01");
    const auto rules = client->access().rules().size();
    EXPECT_EQ(asks(2, "DELETE /d01/19/1"), "2.02");
    EXPECT_EQ(client->access().rules().size(), rules);
}

// GW-060
TEST_F(Access, restricts_the_instances_of_object_25) {
    with_second(right::read);
    EXPECT_EQ(asks(2, "GET /25/0/1"), "2.05 d01");
    client->access().set_acl(rule_of(25, 0), {{2, 0}});
    EXPECT_EQ(asks(2, "GET /25/0/1"), "4.01");
    EXPECT_EQ(asks(2, "GET /25/1/1"), "2.05 d02");
}

TEST_F(Access, may_cover_device_trees_by_their_instance_of_object_25) {
    config.covered_device = [](std::string_view prefix) -> std::optional<lwm2m::InstanceId> {
        if (prefix == "d01") return lwm2m::InstanceId{0};
        if (prefix == "d02") return lwm2m::InstanceId{1};
        return std::nullopt;
    };
    with_second(right::read);
    client->access().set_acl(rule_of(25, 1), {{2, 0}});
    EXPECT_EQ(asks(2, "GET /d01/3303/0/5700"), "2.05 22.1");
    EXPECT_EQ(writes(2, "PUT /d01/3306/0/5851", "3"), "4.01");
    EXPECT_EQ(asks(2, "GET /d02/3306/0/5851"), "4.01");
    EXPECT_EQ(asks(2, "GET /d02/3306"), "4.01");
    EXPECT_EQ(asks(1, "GET /d02/3306/0/5851"), "2.05 0");
    EXPECT_EQ(asks(2, "GET /d09/3306/0/5851"), "4.04");
}

TEST_F(Access, follows_the_devices_that_come_and_go) {
    with_second(right::read);
    tree.set("/25/2/1", std::string("d03"));
    client->instances_changed();
    EXPECT_EQ(asks(2, "GET /25/2/1"), "2.05 d03");
    tree.take_away("/25/2");
    client->instances_changed();
    EXPECT_FALSE(has_rule(25, 2));
}

TEST_F(Access, and_attributes_survive_a_restart_as_text) {
    with_second(right::read);
    int told = 0;
    client->on_state_text = [&] { ++told; };
    asks(2, "PUT /3/0/9?pmin=5");
    client->access().set_acl(rule_of(3, 0), {{2, right::execute}});
    EXPECT_EQ(writes(1, "POST /16", R"([{"n":"/16/8/0/0","vs":"x"}])", json), "2.01");
    EXPECT_GE(told, 3);
    const std::string lines = client->export_state();

    lwm2m::Client again(server, tree, timers, random, config);
    again.import_state(lines);
    again.import_state("rubbish");
    ASSERT_TRUE(again.start());
    EXPECT_EQ(again.export_state(), lines);
    EXPECT_FALSE(again.access().allows(2, {"", lwm2m::Path::of({3, 0})}, right::read));
    EXPECT_TRUE(again.access().allows(2, {"", lwm2m::Path::of({3, 0})}, right::execute));
    EXPECT_FALSE(again.access().allows(2, {"", lwm2m::Path::of({16, 8})}, right::read));
}

}  // namespace
