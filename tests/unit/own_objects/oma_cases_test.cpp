#include "lwm2m/dispatcher.hpp"
#include "tests/unit/own_objects/stage.hpp"

using namespace std::chrono_literals;

/// Cases of the OMA interoperability test specification, as far as they are about the gateway's own objects. Names are
/// those of the cases.
namespace {

class OmaCase : public OwnObjects {
protected:
    void SetUp() override { start(); }
};

// ETS-0201 ETS-0652
TEST_F(OmaCase, plain_text_reads_of_the_device) {
    EXPECT_EQ(server.asks("GET /3/0/0", {.accept = text}), "2.05 lwm2m-gateway");
    EXPECT_EQ(server.asks("GET /3/0/1", {.accept = text}), "2.05 GW-1");
    EXPECT_EQ(server.asks("GET /3/0/2", {.accept = text}), "2.05 0042");
    EXPECT_EQ(server.asks("GET /3/0/3", {.accept = text}), "2.05 1.2.3");
}

// ETS-0203
TEST_F(OmaCase, tlv_read_of_the_device) {
    const std::string all = server.asks("GET /3/0", {.accept = tlv});
    EXPECT_EQ(all.substr(0, 9), "2.05 c800");
    EXPECT_NE(all.find("830b410000"), std::string::npos) << "the one error is wrapped: " << all;
}

// ETS-0204 ETS-0220: 1.1 and later need not have it
TEST_F(OmaCase, legacy_json_is_refused) {
    EXPECT_EQ(server.asks("GET /3/0", {.accept = std::uint16_t{11543}}), "4.06");
    EXPECT_EQ(server.writes("POST /1/0", "{}", 11543), "4.15");
}

// ETS-0205
TEST_F(OmaCase, plain_text_writes_of_the_server) {
    for (const auto& [path, value] : {std::pair{"/1/0/2", "101"}, {"/1/0/3", "1010"}, {"/1/0/5", "2000"}}) {
        EXPECT_EQ(server.writes(std::string("PUT ") + path, value), "2.04") << path;
        EXPECT_EQ(server.asks(std::string("GET ") + path), std::string("2.05 ") + value);
    }
}

// ETS-0211 ETS-0212
TEST_F(OmaCase, cbor_reads_and_writes_of_the_server) {
    EXPECT_EQ(server.asks("GET /1/0/0", {.accept = cbor}), "2.05 01");
    EXPECT_EQ(server.asks("GET /1/0/6", {.accept = cbor}), "2.05 f5");
    EXPECT_EQ(server.asks("GET /1/0/7", {.accept = cbor}), "2.05 6155");
    EXPECT_EQ(writes_hex("PUT /1/0/2", "1865", cbor), "2.04");
    EXPECT_EQ(writes_hex("PUT /1/0/3", "1903f2", cbor), "2.04");
    EXPECT_EQ(writes_hex("PUT /1/0/6", "f5", cbor), "2.04");
    EXPECT_EQ(server.asks("GET /1/0/3"), "2.05 1010");
}

// ETS-0215
TEST_F(OmaCase, tlv_partial_update_and_replace_of_the_server) {
    EXPECT_EQ(writes_hex("POST /1/0", "c10265c20303f2c20507d0c10601c10755"), "2.04");
    EXPECT_EQ(server.asks("GET /1/0/2"), "2.05 101");
    EXPECT_EQ(server.asks("GET /1/0/5"), "2.05 2000");
    EXPECT_EQ(writes_hex("PUT /1/0", "c2010120c10601c10755"), "2.04");
    EXPECT_EQ(server.asks("GET /1/0/1"), "2.05 288");
    EXPECT_EQ(server.asks("GET /1/0/2"), "2.05 0");
}

// ETS-0226 ETS-0227 ETS-0102 ETS-0107
TEST_F(OmaCase, a_written_lifetime_is_followed_by_an_update) {
    EXPECT_EQ(server.writes("POST /1/0", R"([{"bn":"/1/0/","n":"1","v":61},{"n":"6","vb":true}])", json), "2.04");
    after(0s);
    EXPECT_EQ(server.hears(), "POST /rd/0?lt=61");
    server.answers(Code::changed);
    EXPECT_EQ(server.writes("PUT /1/0/1", "63"), "2.04");
    after(0s);
    EXPECT_EQ(server.hears(), "POST /rd/0?lt=63");
    EXPECT_EQ(server.asks("GET /1/0/1"), "2.05 63");
}

// ETS-0230
TEST_F(OmaCase, write_composite_over_server_and_portfolio) {
    ASSERT_EQ(server.writes("POST /16", R"([{"n":"/16/0/0/0","vs":"x"}])", json), "2.01");
    EXPECT_EQ(
        server.writes(
            "iPATCH /",
            R"([{"n":"/1/0/1","v":61},{"n":"/1/0/6","vb":true},{"n":"/16/0/0/0","vs":"Host"},{"n":"/16/0/0/1","vs":"Maker"},)"
            R"({"n":"/16/0/0/2","vs":"Model"},{"n":"/16/0/0/3","vs":"Version"}])",
            json),
        "2.04");
    after(0s);
    EXPECT_EQ(server.hears(), "POST /rd/0?lt=61");
    EXPECT_EQ(server.asks("GET /16/0/0/3"), "2.05 Version");
}

// ETS-0231 ETS-0232
TEST_F(OmaCase, senml_reads_on_four_levels) {
    EXPECT_EQ(server.asks("GET /3/0/11/0", {.accept = json}), R"(2.05 [{"bn":"/3/0/11/0","v":0}])");
    EXPECT_EQ(server.asks("GET /3/0/11", {.accept = json}), R"(2.05 [{"bn":"/3/0/11/","n":"0","v":0}])");
    EXPECT_NE(server.asks("GET /3/0", {.accept = json}).find(R"({"n":"11/0","v":0})"), std::string::npos);
    EXPECT_NE(server.asks("GET /3", {.accept = json}).find(R"({"n":"0/11/0","v":0})"), std::string::npos);
    for (const char* path : {"/3/0/11/0", "/3/0/11", "/3/0", "/3"}) {
        EXPECT_EQ(server.asks(std::string("GET ") + path, {.accept = senml}).substr(0, 5), "2.05 ") << path;
        EXPECT_EQ(server.response().content_format, senml);
        EXPECT_GE(server.response().payload.at(0), 0x81) << "an array";
    }
}

// ETS-0233 ETS-0234 CORE-066 CORE-067 ETS-0228
TEST_F(OmaCase, identities_are_added_and_replaced) {
    ASSERT_EQ(server.writes("POST /16", R"([{"n":"/16/0/0/0","vs":"Red"},{"n":"/16/0/0/1","vs":"Green"}])", json), "2.01");
    EXPECT_EQ(server.writes("POST /16/0/0", R"([{"bn":"/16/0/0/","n":"1","vs":"Yellow"},{"n":"3","vs":"Blue"}])", json),
              "2.04");
    EXPECT_EQ(server.asks("GET /16/0/0", {.accept = json}),
              R"(2.05 [{"bn":"/16/0/0/","n":"0","vs":"Red"},{"n":"1","vs":"Yellow"},{"n":"3","vs":"Blue"}])");
    EXPECT_EQ(server.writes("PUT /16/0/0", R"([{"bn":"/16/0/0/","n":"1","vs":"Yellow"},{"n":"3","vs":"Blue"}])", json), "2.04");
    EXPECT_EQ(server.asks("GET /16/0/0", {.accept = json}),
              R"(2.05 [{"bn":"/16/0/0/","n":"1","vs":"Yellow"},{"n":"3","vs":"Blue"}])");
    EXPECT_EQ(server.writes("PUT /16/0/0/3", "test"), "2.04");
    EXPECT_EQ(server.asks("GET /16/0/0/3"), "2.05 test");
    EXPECT_EQ(server.asks("GET /16/0/0/1"), "2.05 Yellow");
}

// CORE-082 CORE-090
TEST_F(OmaCase, a_single_identity_is_deleted) {
    ASSERT_EQ(
        server.writes("POST /16", R"([{"n":"/16/0/0/0","vs":"Red"},{"n":"/16/0/0/1","vs":"Green"},{"n":"/16/0/0/2","vs":"B"}])",
                      json),
        "2.01");
    server.observes("/16/0/0/1", 7);
    EXPECT_EQ(server.asks("DELETE /16/0/0/1"), "2.02");
    EXPECT_EQ(server.notified(), "#7 4.04 CON");
    EXPECT_EQ(server.asks("DELETE /16/0/0/1"), "4.04");
    EXPECT_EQ(server.writes("iPATCH /", R"([{"n":"/16/0/0/2","v":null}])", etch), "2.04");
    EXPECT_EQ(server.asks("GET /16/0/0", {.accept = json}), R"(2.05 [{"bn":"/16/0/0/","n":"0","vs":"Red"}])");
}

// CORE-075 CORE-076 CORE-077 CORE-078 CORE-079 ETS-0680 ETS-0685
TEST_F(OmaCase, create_and_delete_by_the_rules) {
    EXPECT_EQ(writes_hex("POST /16", "8000"), "4.00");  // no identity in it
    EXPECT_EQ(server.asks("GET /16", {.accept = json}), "2.05 []");
    EXPECT_EQ(writes_hex("POST /16", "8600410061410162"), "2.01 /16 /0");
    EXPECT_EQ(server.asks("GET /16/0/0/1"), "2.05 b");
    EXPECT_EQ(server.writes("POST /16", R"([{"n":"/16/0/0/0","vs":"again"}])", json), "4.00");
    EXPECT_EQ(server.writes("POST /16", R"([{"n":"/16/4/0/0","vs":"x"},{"n":"/16/4/3","v":1}])", json),
              "2.01");  // 3 is kept by us
    EXPECT_EQ(server.asks("POST /16"), "4.00");
    EXPECT_EQ(server.asks("POST /3"), "4.05");
    EXPECT_EQ(server.asks("DELETE /3/0"), "4.05");
    EXPECT_EQ(server.asks("DELETE /16"), "4.05");
    EXPECT_EQ(server.asks("DELETE /16/9"), "4.04");
}

// ETS-1630 ETS-1635
TEST_F(OmaCase, portfolio_by_tlv) {
    EXPECT_EQ(writes_hex("POST /16", "0801098600410061410162"), "4.00");  // shorter than it says
    EXPECT_EQ(writes_hex("POST /16", "0801088600410061410162"), "2.01");
    EXPECT_NE(server.asks("GET /16", {.accept = link}).find("</16/1/0>;dim=2"), std::string::npos);
    EXPECT_EQ(server.asks("DELETE /16/1"), "2.02");
    EXPECT_EQ(server.asks("GET /16", {.accept = link}), "2.05 </16>");
}

// ETS-0237 CORE-164
TEST_F(OmaCase, reads_without_accept) {
    server.asks("GET /1");
    EXPECT_EQ(server.response().content_format, senml);
    server.asks("GET /3/0/0");
    EXPECT_EQ(server.response().content_format, text);
}

// ETS-0256 CORE-062
TEST_F(OmaCase, a_write_to_a_read_only_resource_changes_nothing) {
    EXPECT_EQ(server.writes("PUT /1/0/0", "123"), "4.05");
    EXPECT_EQ(server.asks("GET /1/0/0"), "2.05 1");
}

// ETS-0257
TEST_F(OmaCase, write_composite_over_server_and_device) {
    EXPECT_EQ(writes_hex("iPATCH /", "83a321612f0065312f302f32021865a20065312f302f3604f5a20066332f302f31330200", senml),
              "2.04");
    EXPECT_EQ(server.asks("GET /1/0/2"), "2.05 101");
    EXPECT_EQ(server.asks("GET /3/0/13"), "2.05 0");
}

// ETS-0264 ETS-0266
TEST_F(OmaCase, discover_by_depth) {
    EXPECT_EQ(server.asks("GET /4?depth=1", {.accept = link}), "2.05 </4>;ver=1.3,</4/0>");
    EXPECT_EQ(server.asks("PUT /3/0/11/0?gt=5"), "2.04");
    EXPECT_NE(server.asks("GET /3?depth=3", {.accept = link}).find("</3/0/11>;dim=1,</3/0/11/0>;gt=5"), std::string::npos);
    EXPECT_EQ(server.asks("GET /3?depth=2", {.accept = link}).find("</3/0/11/0>"), std::string::npos);
}

// CORE-094 CORE-092
TEST_F(OmaCase, discover_shows_how_many_there_are) {
    EXPECT_NE(server.asks("GET /3", {.accept = link}).find("</3/0/11>;dim=1"), std::string::npos);
    EXPECT_NE(server.asks("GET /4/0", {.accept = link}).find("</4/0/4>;dim=2"), std::string::npos);
}

// ETS-0280 ETS-0281 ETS-0229
TEST_F(OmaCase, read_composite) {
    EXPECT_EQ(fetch(R"([{"n":"/3/0/16"},{"n":"/3/0/11/0"},{"n":"/1/0/1"}])"),
              R"(2.05 [{"bn":"/","n":"3/0/16","vs":"U"},{"n":"3/0/11/0","v":0},{"n":"1/0/1","v":300}])");
    EXPECT_EQ(fetch(R"([{"n":"/1/0/1"},{"n":"/1/0/7"},{"n":"/1/0/8"}])"),
              R"(2.05 [{"bn":"/","n":"1/0/1","v":300},{"n":"1/0/7","vs":"U"}])");
}

// ETS-0301 ETS-0302
TEST_F(OmaCase, two_observations_with_periods_of_their_own) {
    EXPECT_EQ(server.asks("PUT /3/0/10?pmin=5&pmax=15"), "2.04");
    EXPECT_EQ(server.asks("PUT /3/0/21?pmin=10&pmax=20"), "2.04");
    server.observes("/3/0/10", 1);
    server.observes("/3/0/21", 2);
    after(15s);
    EXPECT_EQ(server.notified(), "#1 2.05 512000");
    after(5s);
    EXPECT_EQ(server.notified(), "#2 2.05 2048000");
    server.resets(1);
    server.resets(2);
    after(60s);
    EXPECT_EQ(server.notified(), "");
}

// CORE-168
TEST_F(OmaCase, a_write_of_nothing_is_wrong) {
    ASSERT_EQ(server.writes("POST /16", R"([{"n":"/16/0/0/0","vs":"x"}])", json), "2.01");
    EXPECT_EQ(server.writes("PUT /16/0", "", senml), "4.00");
    EXPECT_EQ(server.writes("POST /16/0", "", tlv), "4.00");
}

// OBJ-003
TEST_F(OmaCase, lengths_are_counted_in_octets) {
    lwm2m::ResourceDef definition;
    definition.type = lwm2m::Type::string;
    definition.least = 0;
    definition.most = 255;
    EXPECT_TRUE(lwm2m::in_range(definition, std::string(255, 'x')));
    EXPECT_FALSE(lwm2m::in_range(definition, std::string(256, 'x')));
    std::string umlauts;
    for (int i = 0; i < 128; ++i) umlauts += "\xC3\xA4";
    EXPECT_FALSE(lwm2m::in_range(definition, umlauts));  // 128 characters
    EXPECT_FALSE(lwm2m::in_range(definition, lwm2m::Bytes(256)));
}

// CORE-097
TEST_F(OmaCase, a_failure_that_has_no_code_of_its_own_is_a_5_xx) {
    tree.devices.add_object("d01", *tree.own.object(6));
    tree.devices.set("/d01/6/0/0", 1.0);
    for (const auto errc : {lwm2m::Errc::internal, lwm2m::Errc::offline, lwm2m::Errc::timeout, lwm2m::Errc::malformed,
                            lwm2m::Errc::not_supported, lwm2m::Errc::busy}) {
        tree.devices.fail("d01", errc);
        EXPECT_EQ(server.asks("GET /d01/6/0/0").front(), '5');
    }
}

// GW-019
TEST_F(OmaCase, object_26_of_the_older_edition_is_not_there) {
    EXPECT_EQ(server.asks("GET /26", {.accept = link}), "4.04");
    EXPECT_EQ(server.asks("GET /26"), "4.04");
}

// GW-062 CORE-044: what only a bootstrap server may ask
TEST_F(OmaCase, requests_of_the_bootstrap_interface_are_refused) {
    EXPECT_EQ(server.asks("DELETE /"), "4.05");
    EXPECT_EQ(server.asks("GET /", {.accept = link}), "4.05");
    EXPECT_EQ(server.asks("POST /bs"), "4.04");
    tree.devices.add_object("d01", *tree.own.object(6));
    EXPECT_EQ(server.asks("DELETE /d01"), "4.05");
    EXPECT_EQ(server.asks("GET /d01", {.accept = link}), "4.05");
}

}  // namespace
