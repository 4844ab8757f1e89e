#include "tests/unit/lwm2m/stage.hpp"

#include "lwm2m/dispatcher.hpp"

using namespace std::chrono_literals;

namespace {

class Operations : public Registered {
protected:
    static lwm2m::Bytes hex(std::string_view digits) { return *base::from_hex(digits); }
    std::string writes_hex(std::string_view line, std::string_view digits, std::uint16_t format) {
        return server.asks(line, {.format = format, .payload = hex(digits)});
    }
    std::string shown(std::string_view target) const {
        const auto* value = tree.find(target);
        return value == nullptr ? "(none)" : lwm2m::str(*value);
    }
};

struct Asked {
    const char* line;
    const char* answer;
};

// ---- paths: gateway digest 3

TEST_F(Operations, paths_are_read_as_the_specification_says) {
    const Asked cases[] = {
        {"GET /3/0/0", "2.05 Gateway"},
        {"GET /d01/3/0/0", "2.05 Meter"},  // GW-028
        {"GET /3/0/0/", "2.05 Gateway"},   // a trailing slash
        {"GET /", "4.05"},                 // the root is for composites
        {"GET /d01", "4.05"},              // GW-030
        {"GET /d01/", "4.05"},
        {"PUT /d01", "4.00"},
        {"POST /d01", "4.05"},
        {"DELETE /d01", "4.05"},
        {"DELETE /", "4.05"},  // CORE-044
        {"GET /nosuch", "4.04"},
        {"GET /nosuch/3/0", "4.04"},  // GW-029
        {"GET /nosuch/3/0/0/0/0/0", "4.04"},
        {"PUT /nosuch/3/0/0", "4.04"},
        {"FETCH /nosuch", "4.04"},
        {"POST /bs", "4.04"},
        {"GET /D01/3/0/0", "4.04"},    // byte for byte
        {"GET /d01/d01/3/0", "4.05"},  // no gateway behind a gateway
        {"GET /4", "4.04"},
        {"GET /3/1", "4.04"},
        {"GET /3/1/0", "4.04"},
        {"GET /3/0/99", "4.04"},
        {"GET /3/0/7/9", "4.04"},
        {"GET /d01/4", "4.04"},
        {"GET /d01/3303/9/5700", "4.04"},
        {"GET /d01/0/0/0", "4.04"},  // GW-072
        {"GET /3/0/0/0", "4.05"},    // CORE-056
        {"GET /d01/3303/0/5700/0", "4.05"},
        {"GET /3/0/0/0/0", "4.05"},  // CORE-058
        {"GET /d01/3/0/0/0/0", "4.05"},
        {"GET /65535", "4.05"},
        {"GET /3/65535", "4.05"},
        {"GET /3/99999", "4.05"},
        {"GET /3/4294967296", "4.05"},
        {"GET /3/0/00", "4.05"},
        {"GET /3/+0/0", "4.05"},
        {"GET /3/-1", "4.05"},
        {"GET /3/abc", "4.05"},
        {"GET /3//0", "4.05"},
        {"GET //3/0", "4.05"},
        {"GET //0/0/0", "4.05"},  // no way round to the keys
        {"GET /d01/3/0x0", "4.05"},
        {"PATCH /3/0/14", "5.01"},
    };
    for (const auto& c : cases) EXPECT_EQ(server.asks(c.line), c.answer) << c.line;
}

// CORE-057 ETS-0221
TEST_F(Operations, security_objects_are_closed_to_every_operation) {
    for (const char* object : {"/0", "/21", "/23"})
        for (const char* rest : {"", "/0", "/0/0", "/0/0/0", "/0/0/0/0", "/65535", "/x"}) {
            const std::string path = std::string(object) + rest;
            for (const char* method : {"GET ", "PUT ", "POST ", "DELETE ", "FETCH ", "iPATCH "})
                EXPECT_EQ(server.asks(method + path), "4.01") << method << path;
            EXPECT_EQ(server.asks("GET " + path, {.accept = link}), "4.01");
            EXPECT_EQ(server.asks("PUT " + path + "?pmin=30&pmax=45"), "4.01");
            EXPECT_EQ(server.writes("PUT " + path, "x"), "4.01");
            EXPECT_EQ(server.observes(path, 9), "4.01");
            EXPECT_EQ(server.cancels(path, 0), "4.01");
        }
    EXPECT_EQ(client->observations(), 0u);
}

// ---- Read

// CORE-051 CORE-164 ETS-0222 ETS-0223 ETS-0224 ETS-0225
TEST_F(Operations, every_level_is_read) {
    EXPECT_EQ(server.asks("GET /d01/3303", {.accept = json}),
              R"(2.05 [{"bn":"/d01/3303/","n":"0/5601","v":17.5},{"n":"0/5700","v":22.1},{"n":"0/5701","vs":"Cel"}])");
    EXPECT_EQ(server.asks("GET /d01/3303/0", {.accept = json}),
              R"(2.05 [{"bn":"/d01/3303/0/","n":"5601","v":17.5},{"n":"5700","v":22.1},{"n":"5701","vs":"Cel"}])");
    EXPECT_EQ(server.asks("GET /d01/3303/0/5700", {.accept = json}), R"(2.05 [{"bn":"/d01/3303/0/5700","v":22.1}])");
    EXPECT_EQ(server.asks("GET /3/0/7/1"), "2.05 5000");
    EXPECT_EQ(server.response().content_format, text);
    // Without Accept: text for one value, octets for opaque, else SenML CBOR.
    EXPECT_EQ(server.asks("GET /d01/19/0/2").substr(0, 4), "2.05");
    EXPECT_EQ(server.response().content_format, opaque);
    EXPECT_EQ(server.response().payload, (lwm2m::Bytes{0xAB, 0xCD}));
    for (const char* path : {"GET /d01/3303", "GET /d01/3303/0", "GET /3/0/7", "GET /16"}) {
        EXPECT_EQ(server.asks(path).substr(0, 4), "2.05") << path;
        EXPECT_EQ(server.response().content_format, senml) << path;
    }
}

// CORE-052
TEST_F(Operations, an_object_without_instances_is_read_as_empty) {
    tree.take_away("/16/0");
    EXPECT_EQ(server.asks("GET /16", {.accept = json}), "2.05 []");
}

// CORE-053 CORE-054
TEST_F(Operations, what_cannot_be_read_is_refused_alone_and_left_out_of_a_whole) {
    EXPECT_EQ(server.asks("GET /3/0/4"), "4.05");
    EXPECT_EQ(server.asks("GET /d01/3303/0/5605"), "4.05");
    EXPECT_EQ(server.asks("GET /3/0", {.accept = json}).find("\"4\""), std::string::npos);
}

// CORE-055 CORE-163 CORE-165
TEST_F(Operations, a_format_that_cannot_say_it_is_not_acceptable) {
    const std::tuple<const char*, std::uint16_t, const char*> cases[] = {
        {"GET /3/0/9", 0, "2.05"},       {"GET /3/0/9", 42, "4.06"},     {"GET /3/0/9", 60, "2.05"},
        {"GET /3/0/9", 110, "2.05"},     {"GET /3/0/9", 112, "2.05"},    {"GET /3/0/9", 11542, "2.05"},
        {"GET /3/0/9", 11544, "2.05"},   {"GET /3/0/9", 320, "4.06"},    {"GET /3/0/9", 322, "4.06"},
        {"GET /3/0/9", 50, "4.06"},      {"GET /3/0/9", 11543, "4.06"},  {"GET /3/0/9", 65535, "4.06"},
        {"GET /3/0", 0, "4.06"},         {"GET /3/0", 60, "4.06"},       {"GET /3/0", 42, "4.06"},
        {"GET /3", 11542, "2.05"},       {"GET /3/0/7", 0, "4.06"},      {"GET /3/0/7", 11542, "2.05"},
        {"GET /d01/19/0/2", 42, "2.05"}, {"GET /d01/19/0/2", 0, "2.05"}, {"GET /d01/3303/0", 11544, "2.05"},
    };
    for (const auto& [line, accept, answer] : cases)
        EXPECT_EQ(server.asks(line, {.accept = accept}).substr(0, 4), answer) << line << " " << accept;
    const auto reads = tree.reads;
    server.asks("GET /d01/3303/0", {.accept = 0});
    EXPECT_EQ(tree.reads, reads);  // no device is bothered for it
}

// gateway digest 11
// GW-067, GW-068
TEST_F(Operations, what_a_device_says_becomes_the_code_of_the_table) {
    using lwm2m::Errc;
    const std::pair<Errc, const char*> cases[] = {
        {Errc::bad_request, "4.00"}, {Errc::not_found, "4.04"},     {Errc::not_allowed, "4.05"},
        {Errc::busy, "5.03"},        {Errc::offline, "5.03"},       {Errc::timeout, "5.04"},
        {Errc::malformed, "5.02"},   {Errc::not_supported, "5.01"}, {Errc::internal, "5.00"}};
    for (const auto& [errc, answer] : cases) {
        tree.fail("d01", errc);
        EXPECT_EQ(server.asks("GET /d01/3303/0/5700"), answer);
        EXPECT_EQ(server.writes("PUT /d01/3306/0/5850", "1"), answer);
        EXPECT_EQ(server.asks("POST /d01/3303/0/5605"), answer);
    }
    tree.fail("d01", Errc::bad_request);  // RFC 7252 5.5.2: and a bad value's answer says what is wrong with it
    server.writes("PUT /d01/3306/0/5850", "1");
    EXPECT_EQ(base::as_text(server.response().payload), "told to fail");
    tree.fail("d01", Errc::offline);  // GW-066
    server.asks("GET /d01/3303/0/5700");
    EXPECT_EQ(server.response().max_age, 60u);
    tree.fail("d01", Errc::busy);
    server.asks("GET /d01/3303/0/5700");
    EXPECT_EQ(server.response().max_age, 5u);
    EXPECT_EQ(server.asks("GET /d02/3306/0/5850"), "2.05 0");
}

// GW-069
TEST_F(Operations, a_slow_device_is_answered_when_it_answers) {
    tree.hold();
    EXPECT_EQ(server.asks("GET /d01/3303/0/5700"), "");
    after(3s);
    tree.release();
    EXPECT_EQ(server.reply(), "2.05 22.1");
    EXPECT_EQ(server.answers_given(), 1);
}

TEST_F(Operations, not_too_many_wait_for_slow_devices) {
    tree.hold();
    for (std::size_t i = 0; i < lwm2m::Dispatcher::most_waiting; ++i) EXPECT_EQ(server.asks("GET /d01/3303/0/5700"), "");
    EXPECT_EQ(server.asks("GET /d01/3303/0/5700"), "5.03");
    EXPECT_EQ(server.response().max_age, 1u);
    tree.release();
    EXPECT_EQ(server.asks("GET /d01/3303/0/5700"), "2.05 22.1");
}

TEST_F(Operations, a_device_may_answer_after_the_client_is_gone) {
    tree.hold();
    server.asks("GET /d01/3303/0/5700");
    server.observes("/d01/3303/0/5700", 4);
    client.reset();
    tree.release();
    EXPECT_EQ(server.reply(), "5.00");
}

// ---- Discover

// GW-032 GW-033 CORE-092 CORE-093
TEST_F(Operations, discover_tells_nodes_to_the_asked_depth_and_never_the_prefix) {
    const Asked cases[] = {
        {"GET /d01/3303?depth=0", "2.05 </3303>;ver=1.1"},
        {"GET /d01/3303?depth=1", "2.05 </3303>;ver=1.1,</3303/0>"},
        {"GET /d01/3303?depth=2", "2.05 </3303>;ver=1.1,</3303/0>,</3303/0/5601>,</3303/0/5605>,</3303/0/5700>,</3303/0/5701>"},
        {"GET /d01/3303", "2.05 </3303>;ver=1.1,</3303/0>,</3303/0/5601>,</3303/0/5605>,</3303/0/5700>,</3303/0/5701>"},
        {"GET /d01/3303/0", "2.05 </3303/0>,</3303/0/5601>,</3303/0/5605>,</3303/0/5700>,</3303/0/5701>"},
        {"GET /3/0", "2.05 </3/0>,</3/0/0>,</3/0/4>,</3/0/7>;dim=2,</3/0/9>,</3/0/14>"},
        {"GET /3/0?depth=0", "2.05 </3/0>"},
        {"GET /3/0?depth=2", "2.05 </3/0>,</3/0/0>,</3/0/4>,</3/0/7>;dim=2,</3/0/7/0>,</3/0/7/1>,</3/0/9>,</3/0/14>"},
        {"GET /3?depth=3",
         "2.05 </3>;ver=1.2,</3/0>,</3/0/0>,</3/0/4>,</3/0/7>;dim=2,</3/0/7/0>,</3/0/7/1>,</3/0/9>,</3/0/14>"},
        {"GET /3/0/7", "2.05 </3/0/7>;dim=2,</3/0/7/0>,</3/0/7/1>"},
        {"GET /3/0/7?depth=0", "2.05 </3/0/7>;dim=2"},
        {"GET /16?depth=1", "2.05 </16>,</16/0>"},
        {"GET /16/0/0", "2.05 </16/0/0>;dim=1,</16/0/0/0>"},
        {"GET /3/0/4", "2.05 </3/0/4>"},
        {"GET /3/0/7/0", "4.05"},
        {"GET /", "4.05"},
        {"GET /d01", "4.05"},
        {"GET /4", "4.04"},
        {"GET /3/1", "4.04"},
        {"GET /3/0/99", "4.04"},
        {"GET /d09/3", "4.04"},
        {"GET /3?depth=4", "4.00"},
        {"GET /3?depth=", "4.00"},
        {"GET /3?depth=-1", "4.00"},
        {"GET /3?depth=1&depth=1", "4.00"},
    };
    for (const auto& c : cases) EXPECT_EQ(server.asks(c.line, {.accept = link}), c.answer) << c.line;
    EXPECT_EQ(server.response().content_format, std::nullopt);
}

// CORE-095 ETS-0260 ETS-0261; the examples of core digest 5.1
TEST_F(Operations, discover_tells_attributes_attached_and_for_the_target_inherited) {
    EXPECT_EQ(server.asks("PUT /3?pmin=10"), "2.04");
    EXPECT_EQ(server.asks("PUT /3/0?pmax=60"), "2.04");
    EXPECT_EQ(server.asks("PUT /3/0/7?gt=50&lt=42.2"), "2.04");
    EXPECT_EQ(server.asks("PUT /3/0/7/1?lt=45"), "2.04");
    EXPECT_EQ(server.asks("GET /3", {.accept = link}),
              "2.05 </3>;ver=1.2;pmin=10,</3/0>;pmax=60,</3/0/0>,</3/0/4>,</3/0/7>;dim=2;gt=50;lt=42.2,</3/0/9>,</3/0/14>");
    EXPECT_EQ(server.asks("GET /3/0/7", {.accept = link}),
              "2.05 </3/0/7>;dim=2;pmin=10;pmax=60;gt=50;lt=42.2,</3/0/7/0>,</3/0/7/1>;lt=45");
    EXPECT_EQ(server.asks("GET /3/0?depth=0", {.accept = link}), "2.05 </3/0>;pmin=10;pmax=60");
    EXPECT_EQ(server.asks("GET /d01/3", {.accept = link}), "2.05 </3>;ver=1.2,</3/0>,</3/0/0>,</3/0/9>");
}

// ---- Write-Attributes

TEST_F(Operations, attributes_belong_to_nodes_that_exist) {
    const Asked cases[] = {
        {"PUT /3?pmin=1", "2.04"},       {"PUT /3/0?pmin=1", "2.04"},      {"PUT /3/0/9?gt=1", "2.04"},
        {"PUT /3/0/7/0?st=5", "2.04"},   {"PUT /d01/3303?pmin=1", "2.04"}, {"PUT /?pmin=1", "4.05"},
        {"PUT /d01?pmin=1", "4.05"},     {"PUT /4?pmin=1", "4.04"},        {"PUT /3/1?pmin=1", "4.04"},
        {"PUT /3/0/99?pmin=1", "4.04"},  {"PUT /3/0/7/9?pmin=1", "4.04"},  {"PUT /d09/3?pmin=1", "4.04"},
        {"PUT /3/0/9/0?pmin=1", "4.05"}, {"PUT /3?gt=1", "4.00"},          {"PUT /3/0/9?hqmax=3", "2.04"},
        {"PUT /3/0/9?pmin=x", "4.00"},   {"PUT /3/0/9?st=0", "4.00"},      {"PUT /3/0/9?lt=9&gt=8", "4.00"},
        {"PUT /3/0/0?gt=1", "4.00"},
    };
    for (const auto& c : cases) EXPECT_EQ(server.asks(c.line), c.answer) << c.line;
    EXPECT_EQ(server.writes("PUT /3/0/14?pmin=1", "x"), "4.00");  // a value as well
}

// ---- Write

// CORE-059 CORE-060 CORE-061 CORE-062 GW-012 GW-034 ETS-0256
TEST_F(Operations, resources_are_written) {
    EXPECT_EQ(server.writes("PUT /d01/3306/0/5850", "1"), "2.04");
    EXPECT_EQ(shown("/d01/3306/0/5850"), "true");
    EXPECT_EQ(shown("/d02/3306/0/5850"), "false");
    EXPECT_EQ(server.writes("PUT /3/0/14", "+01:00"), "2.04");
    EXPECT_EQ(shown("/3/0/14"), "\"+01:00\"");
    EXPECT_EQ(writes_hex("PUT /d01/19/0/2", "00ff", opaque), "2.04");
    EXPECT_EQ(writes_hex("PUT /d01/19/0/0/3", "0a", opaque), "2.04");
    EXPECT_EQ(shown("/d01/19/0/0/3"), "0a");
    EXPECT_EQ(writes_hex("PUT /d01/3306/0/5851", "182a", cbor), "2.04");
    EXPECT_EQ(shown("/d01/3306/0/5851"), "42");
    EXPECT_EQ(server.writes("PUT /d01/3306/0/5851", R"([{"bn":"/d01/3306/0/5851","v":43}])", json), "2.04");
    EXPECT_EQ(shown("/d01/3306/0/5851"), "43");
    tree.log.clear();

    const std::tuple<const char*, const char*, std::uint16_t, const char*> bad[] = {
        {"PUT /d01/3306/0/5850", "true", text, "4.00"},
        {"PUT /d01/3306/0/5850", "2", text, "4.00"},
        {"PUT /d01/3306/0/5850", "", text, "4.00"},
        {"PUT /d01/3306/0/5851", "abc", text, "4.00"},
        {"PUT /d01/3306/0/5851", "-1", text, "4.00"},
        {"PUT /d01/3306/0/5851", "101", text, "4.00"},
        {"PUT /d01/3306/0/5851", "9223372036854775808", text, "4.00"},
        {"PUT /d01/3306/0/5850", "1", 50, "4.15"},
        {"PUT /d01/3306/0/5850", "1", link, "4.15"},
        {"PUT /d01/3306/0/5850", "1", etch, "4.15"},
        {"PUT /d01/3306/0/5850", "1", 11543, "4.15"},
        {"PUT /d01/3306/0/5850", "[", json, "4.00"},
        {"PUT /d01/3306/0/5850", "", json, "4.00"},
        {"PUT /d01/3306/0/5850", "[]", json, "4.00"},
        {"PUT /d01/3306/0/5850", R"([{"n":"/d02/3306/0/5850","vb":true}])", json, "4.00"},  // GW-052
        {"PUT /d01/3306/0/5850", R"([{"n":"/d01/3306/0/5851","v":1}])", json, "4.00"},
        {"PUT /3/0/14", R"([{"n":"/d01/3/0/14","vs":"x"}])", json, "4.00"},  // GW-053
        {"PUT /3/0/0", "x", text, "4.05"},
        {"PUT /3/0/4", "x", text, "4.05"},
        {"PUT /25/0/1", "x", text, "4.05"},
        {"PUT /25/0/1", "x", 50, "4.05"},
        {"PUT /d01/3303/0/5700", "1", text, "4.05"},
        {"PUT /3/0/99", "x", text, "4.04"},
        {"PUT /3/1/14", "x", text, "4.04"},
        {"PUT /d01/3306/7/5850", "1", text, "4.04"},
        {"PUT /d09/3306/0/5850", "1", text, "4.04"},
        {"PUT /d01/3306/0/5850/0", "1", text, "4.05"},
        {"PUT /3", "x", json, "4.05"},
        {"PUT /16/0/0", "x", text, "4.00"},      // one value for a multiple resource
        {"PUT /d01/3306/0", "1", text, "4.00"},  // CORE-163
        {"POST /d01/3306/0/5850", "[{\"vb\":true}]", json, "4.05"},
        {"POST /d01/3306/0/5850", "\xF5", cbor, "4.15"},
        {"POST /d01/3306/0/5850/0", "1", json, "4.05"},
    };
    for (const auto& [line, payload, format, answer] : bad)
        EXPECT_EQ(server.writes(line, payload, format), answer) << line << " " << payload << " as " << format;
    EXPECT_EQ(server.asks("PUT /3/0/14", {.payload = {'x'}}), "4.00");
    EXPECT_EQ(server.asks("PUT /3/0/14"), "4.00");
    EXPECT_EQ(tree.log, std::vector<std::string>{});
}

// CORE-065 CORE-068 GW-054
TEST_F(Operations, instances_are_written_in_part) {
    EXPECT_EQ(server.writes("POST /d01/3306/0", R"([{"bn":"/d01/3306/0/","n":"5850","vb":true},{"n":"5851","v":9}])", json),
              "2.04");
    EXPECT_EQ(shown("/d01/3306/0/5850"), "true");
    EXPECT_EQ(shown("/d01/3306/0/5851"), "9");
    // names without the prefix
    EXPECT_EQ(server.writes("POST /d01/3306/0", R"([{"n":"/3306/0/5850","vb":false}])", json), "2.04");
    EXPECT_EQ(shown("/d01/3306/0/5850"), "false");
    EXPECT_EQ(shown("/d01/3306/0/5851"), "9");
    // what is not served here is ignored: unknown to the object, known but absent
    EXPECT_EQ(server.writes("POST /d01/3306/0",
                            R"([{"bn":"/d01/3306/0/","n":"999","v":1},{"n":"5750","vs":"x"},{"n":"5851","v":8}])", json),
              "2.04");
    EXPECT_EQ(shown("/d01/3306/0/5851"), "8");
    EXPECT_EQ(shown("/d01/3306/0/5750"), "(none)");
}

TEST_F(Operations, one_bad_value_and_nothing_of_the_message_is_done) {
    const char* bad[] = {
        R"([{"bn":"/d01/3306/0/","n":"5850","vb":true},{"n":"5851","v":101}])",
        R"([{"bn":"/d01/3306/0/","n":"5850","vb":true},{"n":"5851","vs":"x"}])",
        R"([{"bn":"/d01/3306/0/","n":"5850","vb":true},{"n":"5851/0","v":1}])",
        R"([{"bn":"/d01/3306/0/","n":"5850","vb":true},{"n":"5850","vb":false}])",
        R"([{"n":"/d01/3306/0/5850","vb":true},{"n":"/d01/3306/1/5850","vb":true}])",
        R"([{"n":"/d01/3306/0/5850","vb":true},{"n":"/d01/3/0/9","v":1}])",
    };
    for (const char* payload : bad) EXPECT_EQ(server.writes("POST /d01/3306/0", payload, json), "4.00") << payload;
    EXPECT_EQ(server.writes("POST /3/0", R"([{"bn":"/3/0/","n":"14","vs":"x"},{"n":"0","vs":"y"}])", json), "4.05");
    EXPECT_EQ(server.writes("POST /3/0", R"([{"bn":"/3/0/","n":"14","vs":"x"},{"n":"4","vs":"y"}])", json), "4.05");
    EXPECT_EQ(tree.log, std::vector<std::string>{});
}

// CORE-063 CORE-064
TEST_F(Operations, an_instance_is_replaced_when_it_is_complete) {
    EXPECT_EQ(server.writes("PUT /1/0", R"([{"bn":"/1/0/","n":"2","v":5}])", json), "4.00");  // the lifetime is mandatory
    EXPECT_EQ(shown("/1/0/1"), "300");
    EXPECT_EQ(server.writes("PUT /1/0", R"([{"bn":"/1/0/","n":"1","v":60}])", json), "2.04");
    EXPECT_EQ(shown("/1/0/1"), "60");
    EXPECT_EQ(shown("/1/0/6"), "(none)");
    EXPECT_EQ(server.writes("PUT /16/7", R"([{"n":"/16/7/0/0","vs":"x"}])", json), "4.04");
    EXPECT_EQ(server.asks("POST /1/0"), "4.00");  // CORE-072
}

// ETS-0215
TEST_F(Operations, tlv_of_the_oma_tests_is_understood) {
    EXPECT_EQ(writes_hex("POST /1/0", "c10265c10601", tlv), "2.04");
    EXPECT_EQ(shown("/1/0/2"), "101");
    EXPECT_EQ(writes_hex("PUT /1/0", "c1013cc10205c10600", tlv), "2.04");
    EXPECT_EQ(shown("/1/0/1"), "60");
}

// CORE-066 CORE-067
TEST_F(Operations, a_multiple_resource_is_replaced_or_added_to) {
    EXPECT_EQ(server.writes("POST /16/0/0", R"([{"bn":"/16/0/0/","n":"1","vs":"Yellow"},{"n":"3","vs":"Blue"}])", json),
              "2.04");
    EXPECT_EQ(shown("/16/0/0/0"), "\"Host\"");
    EXPECT_EQ(shown("/16/0/0/3"), "\"Blue\"");
    EXPECT_EQ(server.writes("PUT /16/0/0", R"([{"bn":"/16/0/0/","n":"2","vs":"Red"}])", json), "2.04");
    EXPECT_EQ(shown("/16/0/0/0"), "(none)");
    EXPECT_EQ(shown("/16/0/0/2"), "\"Red\"");
    EXPECT_EQ(server.writes("PUT /16/0/0/2", "Green"), "2.04");  // ETS-0228
    EXPECT_EQ(shown("/16/0/0/2"), "\"Green\"");
}

// CORE-069
TEST_F(Operations, a_link_leads_to_something_in_the_same_tree) {
    const std::pair<const char*, const char*> cases[] = {{"65535:65535", "2.04"}, {"3306:0", "2.04"}, {"3306:65535", "2.04"},
                                                         {"3306:9", "4.00"},      {"9999:0", "4.00"}, {"9999:65535", "4.00"},
                                                         {"25:0", "4.00"},        {"65535:0", "4.00"}};
    for (const auto& [value, answer] : cases) EXPECT_EQ(server.writes("PUT /d01/19/0/5", value), answer) << value;
}

// ---- Execute

// CORE-071 CORE-073 CORE-074
TEST_F(Operations, executables_are_executed_with_arguments_of_the_grammar) {
    EXPECT_EQ(server.asks("POST /3/0/4"), "2.04");
    EXPECT_EQ(server.writes("POST /3/0/4", "0='10.3',1"), "2.04");
    EXPECT_EQ(server.asks("POST /1/0/8?0='U'"), "2.04");  // both forms are in the specification
    EXPECT_EQ(server.asks("POST /d01/3303/0/5605"), "2.04");
    EXPECT_EQ(tree.log, (std::vector<std::string>{"execute /3/0/4", "execute /3/0/4 0='10.3',1", "execute /1/0/8 0='U'",
                                                  "execute /d01/3303/0/5605"}));
    EXPECT_EQ(server.asks("POST /3/0/0"), "4.05");
    EXPECT_EQ(server.asks("POST /d01/3306/0/5850"), "4.05");
    EXPECT_EQ(server.asks("POST /3/0/99"), "4.04");
    EXPECT_EQ(server.asks("POST /3/1/4"), "4.04");
    EXPECT_EQ(server.asks("POST /d02/3303/0/5605"), "4.04");
    EXPECT_EQ(server.asks("POST /3/0/4", {.format = cbor}), "4.15");
    EXPECT_EQ(server.asks("POST /3/0/4", {.format = senml, .payload = {0x80}}), "4.05");
    EXPECT_EQ(server.writes("POST /3/0/4", "0,0"), "4.00");
    EXPECT_EQ(tree.log.size(), 4u);
}

TEST(ExecuteArguments, follow_the_grammar) {
    for (const char* good : {"", "5", "2='10.3'", "0,1,2,3,4", "0=''", "0='a=b,c',9", "7='http://x?y'"})
        EXPECT_TRUE(lwm2m::check_arguments(good)) << good;
    for (const char* bad : {",",      "0,",      ",0", "00",  "10",      "a",  "0=",       "0='",   "0='a", "0=a",
                            "0='a''", "0='a b'", "0 ", "0,0", "0='x',0", "-1", "0='\x01'", "0=''1", "0;1",  "'0'"})
        EXPECT_FALSE(lwm2m::check_arguments(bad)) << bad;
    EXPECT_FALSE(lwm2m::check_arguments("0='" + std::string(5000, 'x') + "'"));
}

// ---- Create, Delete

// CORE-075 CORE-076 CORE-077 CORE-078 CORE-079 CORE-080 ETS-0680 GW-011
TEST_F(Operations, instances_are_created_where_the_tree_allows_it) {
    EXPECT_EQ(server.writes("POST /16", R"([{"n":"/16/5/0/0","vs":"x"}])", json), "2.01");
    EXPECT_EQ(shown("/16/5/0/0"), "\"x\"");
    EXPECT_EQ(server.writes("POST /16", R"([{"n":"/16/5/0/0","vs":"x"}])", json), "4.00");
    EXPECT_EQ(writes_hex("POST /16", "830041007801", tlv), "4.00");  // bytes over the end
    EXPECT_EQ(writes_hex("POST /16", "8300410078", tlv), "2.01 /16 /1");
    EXPECT_EQ(writes_hex("POST /16", "a1821019ffffa100a1006178", lwm2m_cbor), "2.01 /16 /2");
    EXPECT_EQ(server.writes("POST /16", R"([{"n":"/16/6/0/0","vs":"x"},{"n":"/16/6/9","vs":"read-only"}])", json), "2.01");
    EXPECT_EQ(shown("/16/6/9"), "(none)");
    EXPECT_EQ(server.writes("POST /16", R"([{"n":"/16/7/0/0","vs":"x"},{"n":"/16/8/0/0","vs":"y"}])", json), "4.00");
    EXPECT_EQ(server.writes("POST /16", R"([{"n":"/3/0/14","vs":"x"}])", json), "4.00");
    EXPECT_EQ(server.writes("POST /16", R"([{"n":"/16/7/0","vs":"x"}])", json), "4.00");  // not an instance of it
    EXPECT_EQ(server.writes("POST /16", "x", text), "4.15");
    EXPECT_EQ(server.writes("POST /16", "x", 50), "4.15");
    EXPECT_EQ(server.asks("POST /16", {.payload = {1}}), "4.00");
    EXPECT_EQ(server.asks("POST /16"), "4.00");
    EXPECT_EQ(server.asks("POST /3"), "4.05");
    EXPECT_EQ(server.asks("POST /4"), "4.04");
    EXPECT_EQ(server.asks("POST /d09/16"), "4.04");
    EXPECT_EQ(server.asks("POST /d01/3303"), "4.05");
    EXPECT_EQ(writes_hex("POST /25", "c80003616263", tlv), "4.05");
}

// CORE-081 CORE-082 CORE-083 ETS-0685 GW-013
TEST_F(Operations, instances_are_deleted_with_their_attributes) {
    server.asks("PUT /16/0?pmin=9");
    EXPECT_EQ(server.asks("DELETE /16/0"), "2.02");
    EXPECT_EQ(server.asks("GET /16/0"), "4.04");
    tree.set("/16/0/0/0", std::string("again"));
    EXPECT_EQ(server.asks("GET /16/0?depth=0", {.accept = link}), "2.05 </16/0>");
    tree.set("/16/0/0/1", std::string("more"));
    EXPECT_EQ(server.asks("DELETE /16/0/0/1"), "2.02");
    EXPECT_EQ(server.asks("DELETE /16/0/0/1"), "4.04");
    EXPECT_EQ(server.asks("DELETE /3/0"), "4.05");
    EXPECT_EQ(server.asks("DELETE /25/0"), "4.05");
    EXPECT_EQ(server.asks("DELETE /d01/3303/0"), "4.05");
    EXPECT_EQ(server.asks("DELETE /16/9"), "4.04");
    EXPECT_EQ(server.asks("DELETE /16"), "4.05");
    EXPECT_EQ(server.asks("DELETE /16/0/0"), "4.05");
    EXPECT_EQ(server.asks("DELETE /3/0/7/0"), "4.05");
    EXPECT_EQ(server.asks("DELETE /3/0/9/0"), "4.05");
}

// ---- composites

// GW-041 GW-042 GW-043 CORE-085 CORE-086 CORE-087 ETS-0235 ETS-0236 ETS-0281
TEST_F(Operations, a_composite_read_mixes_trees_and_leaves_out_what_is_not_there) {
    const auto fetch = [&](std::string_view body, std::optional<std::uint16_t> accept = json) {
        const auto bytes = base::as_bytes(body);
        return server.asks("FETCH /", {.accept = accept, .format = etch, .payload = {bytes.begin(), bytes.end()}});
    };
    EXPECT_EQ(
        fetch(
            R"([{"n":"/d01/3303/0/5700"},{"n":"/d02/3306/0/5850"},{"n":"/3/0/9"},{"n":"/d09/3/0"},{"n":"/3/0/4"},{"n":"/0"},{"n":"/9"}])"),
        R"(2.05 [{"bn":"/","n":"d01/3303/0/5700","v":22.1},{"n":"d02/3306/0/5850","vb":false},{"n":"3/0/9","v":100}])");
    EXPECT_EQ(fetch(R"([{"n":"/9/0"}])"), "2.05 []");
    const std::string overlapping = fetch(R"([{"n":"/3/0/9"},{"n":"/3/0"}])");
    EXPECT_EQ(overlapping.find("3/0/9"), overlapping.rfind("3/0/9")) << overlapping;
    const std::string root = fetch(R"([{"n":"/"}])");
    EXPECT_EQ(root.find("d01/"), std::string::npos) << root;
    EXPECT_EQ(root.find("\"0/0"), std::string::npos) << root;
    EXPECT_NE(root.find("\"3/0/0"), std::string::npos) << root;
    const std::string device = fetch(R"([{"n":"/d02"}])");
    EXPECT_NE(device.find("d02/3306/0/5850"), std::string::npos) << device;
    EXPECT_EQ(fetch(R"([{"n":"/3/0/9","v":1}])"), "4.00");  // CORE-088
    EXPECT_EQ(fetch(R"([{"n":"/3/0/9"}])", text), "4.06");
    EXPECT_EQ(server.asks("FETCH /", {.format = lwm2m_cbor, .payload = {0xA0}}), "4.15");
    EXPECT_EQ(server.asks("FETCH /"), "4.00");
    EXPECT_EQ(server.asks("FETCH /3/0", {.format = etch}), "4.05");
    EXPECT_EQ(server.asks("FETCH /d01", {.format = etch}), "4.05");
    tree.fail("d01", lwm2m::Errc::timeout);
    EXPECT_EQ(fetch(R"([{"n":"/d01/3303/0/5700"},{"n":"/3/0/9"}])"), R"(2.05 [{"bn":"/","n":"3/0/9","v":100}])");
}

// GW-044 CORE-089 ETS-0257
TEST_F(Operations, a_composite_write_is_done_as_a_whole_or_not_at_all) {
    EXPECT_EQ(server.writes("iPATCH /", R"([{"n":"/d02/3306/0/5850","vb":true},{"n":"/d09/3306/0/5850","vb":true}])", json),
              "4.04");
    EXPECT_EQ(server.writes("iPATCH /", R"([{"n":"/d02/3306/0/5850","vb":true},{"n":"/d01/3303/0/5700","v":1}])", json),
              "4.05");
    EXPECT_EQ(server.writes("iPATCH /", R"([{"n":"/d02/3306/0/5850","vb":true},{"n":"/0/0/0","vs":"x"}])", json), "4.01");
    EXPECT_EQ(server.writes("iPATCH /", R"([{"n":"/d02/3306/0/5850","vb":true},{"n":"/d01/3306/0/5851","v":101}])", json),
              "4.00");
    EXPECT_EQ(server.writes("iPATCH /", R"([{"n":"/d02/3306/0/5850","vb":true},{"n":"/d02/3306/0/999","v":1}])", json), "4.04");
    EXPECT_EQ(server.writes("iPATCH /", "x", text), "4.15");
    EXPECT_EQ(server.asks("iPATCH /"), "4.00");
    EXPECT_EQ(tree.log, std::vector<std::string>{});
    EXPECT_EQ(
        server.writes("iPATCH /",
                      R"([{"n":"/d02/3306/0/5850","vb":true},{"n":"/3/0/14","vs":"x"},{"n":"/d01/3306/0/5851","v":1}])", json),
        "2.04");
    EXPECT_EQ(shown("/d02/3306/0/5850"), "true");
    EXPECT_EQ(shown("/d01/3306/0/5851"), "1");
    // the vector of the OMA tests, adapted to what this tree serves
    EXPECT_EQ(writes_hex("iPATCH /", "82a321652f312f302f0061320218 65a200613604f5", senml), "2.04");
    EXPECT_EQ(shown("/1/0/2"), "101");
    EXPECT_EQ(shown("/1/0/6"), "true");
}

// CORE-090
TEST_F(Operations, a_null_in_a_composite_write_deletes_a_resource_instance) {
    tree.set("/16/0/0/1", std::string("more"));
    EXPECT_EQ(server.writes("iPATCH /", R"([{"n":"/16/0/0/1","v":null}])", etch), "2.04");
    EXPECT_EQ(shown("/16/0/0/1"), "(none)");
    EXPECT_EQ(server.writes("iPATCH /", R"([{"n":"/16/0/0/1","v":null}])", etch), "4.04");
    EXPECT_EQ(server.writes("iPATCH /", R"([{"n":"/3/0/14","v":null}])", etch), "4.00");
}

}  // namespace
