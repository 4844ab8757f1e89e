#include "tests/unit/mqtt/stage.hpp"

namespace adapters::mqtt {
namespace {

using namespace std::chrono_literals;

TEST(MqttDiscovery, ATasmotaDeviceIsFoundByItsRetainedMessage) {
    Stage stage;
    stage.rule(
        "{topic: tasmota/discovery/+/config, when: {/md: \"*Plug*\"}, take: {topic: /t, serial: /mac, model: /md, firmware: "
        "/sw}}");
    stage.start();
    stage.broker.say("tasmota/discovery/B4E62D112233/config",
                     R"({"dn":"Pump","mac":"B4E62D112233","md":"Smart Plug","sw":"14.1.0","t":"pump"})", true);
    stage.broker.say("tasmota/discovery/B4E62D112244/config", R"({"mac":"B4E62D112244","md":"Bulb","t":"b"})", true);
    EXPECT_EQ(stage.finds, Lines{"0 B4E62D112233: firmware=14.1.0 model=Smart Plug serial=B4E62D112233"});
}

TEST(MqttDiscovery, EachItemOfAListIsADeviceAndARenameIsTheSameOne) {
    Stage stage;
    stage.rule(
        "{topic: zigbee2mqtt/bridge/devices, each: \"\", when: {/definition/model: [WSDCGQ11LM, SNZB-02]}, "
        "take: {name: /friendly_name, ieee: /ieee_address}}");
    stage.start();
    const std::string list =
        R"([{"ieee_address":"0x01","friendly_name":"Coordinator","definition":null},
            {"ieee_address":"0x02","friendly_name":"cellar","definition":{"model":"WSDCGQ11LM"}},
            {"friendly_name":"no address","definition":{"model":"SNZB-02"}}])";
    stage.broker.say("zigbee2mqtt/bridge/devices", list, true);
    auto renamed = list;
    renamed.replace(renamed.find("cellar"), 6, "attic!");
    stage.broker.say("zigbee2mqtt/bridge/devices", renamed);
    EXPECT_EQ(stage.finds, (Lines{"0 0x02: ieee=0x02 name=cellar", "0 0x02: ieee=0x02 name=attic!"}));
}

TEST(MqttDiscovery, AnyTopicPatternMakesDevices) {
    Stage stage;
    stage.rule("{topic: \"sensors/climate/${sid}/state\"}");
    stage.start();
    stage.broker.say("sensors/climate/0001/state", "hello");
    stage.broker.say("sensors/climate/0002/other", "hello");
    stage.broker.say("sensors/climate/0003/state", "");
    EXPECT_EQ(stage.finds, Lines{"0 0001: sid=0001"});
    EXPECT_EQ(stage.broker.topics(), Lines{"sensors/climate/+/state"});
}

TEST(MqttDiscovery, JoinsOfChirpStackAreFound) {
    Stage stage;
    stage.rule(
        "{topic: \"application/${app}/device/${dev_eui}/event/join\", take: {name: /deviceInfo/deviceName, type: "
        "/deviceInfo/deviceProfileName}}");
    stage.start();
    stage.broker.say("application/5d31/device/0102030405060708/event/join",
                     R"({"deviceInfo":{"deviceName":"cellar","deviceProfileName":"LHT65"}})");
    EXPECT_EQ(stage.finds, Lines{"0 0102030405060708: app=5d31 dev_eui=0102030405060708 name=cellar type=LHT65"});
}

TEST(MqttDiscovery, AFloodOfDevicesIsCut) {
    Stage stage;
    stage.rule("{topic: \"d/${id}\"}");
    stage.start();
    for (int i = 0; i < 20'000; ++i) stage.broker.say(fmt::format("d/{}", i), "1");
    EXPECT_EQ(stage.finds.size(), 10'000U);
    EXPECT_GE(stage.adapter->strange(), 1U);
    stage.timers.advance(1s);
    stage.broker.say("d/true", "1");
    EXPECT_EQ(stage.finds.back(), "0 true: id=true") << "a true device still comes through, later";
}

TEST(MqttDiscovery, HostilePayloadsFindNothing) {
    Stage stage;
    stage.rule("{topic: x, each: \"\", take: {id: /id}}");
    stage.start();
    for (const std::string payload : {"", "{", "null", "5", "[1,2,[3]]", "[{\"id\":{}}]", "\xFF\xFE", "[{\"id\":null}]"})
        stage.broker.say("x", payload);
    stage.broker.say("x", "[{\"id\":\"" + std::string(5'000, 'a') + "\"}]");
    EXPECT_EQ(stage.finds, Lines{});
}

TEST(MqttDiscovery, MistakesInARuleAreTold) {
    Stage stage;
    const auto errors = [&](const std::string& text) {
        stage.diagnostics = {};
        stage.rule(text);
        return stage.diagnostics.str();
    };
    EXPECT_NE(errors("{}").find("'topic' is missing"), std::string::npos);
    EXPECT_NE(errors("{topic: \"a/#/b\"}").find("is no topic"), std::string::npos);
    EXPECT_NE(errors("{topic: a, each: \"\", take: {name: /n}}").find("nothing says which fact tells one device from another"),
              std::string::npos);
    EXPECT_NE(errors("{topic: a, take: {serial: /s}, key: serail}").find("did you mean 'serial'?"), std::string::npos);
    EXPECT_EQ(errors("{topic: a, each: \"\", take: {name: /n}, key: name}"), "");
}

TEST(MqttDiscovery, TheFactsOfARuleAreKnownBeforehand) {
    Stage stage;
    const auto rule = stage.rule("{topic: \"a/${sid}\", take: {model: /m}}");
    EXPECT_EQ(stage.adapter->facts(rule), (Lines{"model", "sid", "topic"}));
}

// -- Home Assistant

TEST(HomeAssistant, SimpleTemplatesBecomePointers) {
    EXPECT_EQ(pointer_of_template(""), "");
    EXPECT_EQ(pointer_of_template("{{ value }}"), "");
    EXPECT_EQ(pointer_of_template("{{ value_json.temperature }}"), "/temperature");
    EXPECT_EQ(pointer_of_template("{{value_json.a.b|float|round(1)}}"), "/a/b");
    EXPECT_EQ(pointer_of_template("{{ value_json['x/y'][0].z | default('') }}"), "/x~1y/0/z");
    for (const auto* computes : {"{{ value_json.a * 2 }}", "{% if value %}1{% endif %}", "{{ value | multiply(2) }}",
                                 "{{ states('x') }}", "{{ value_json.a }}{{ value }}"})
        EXPECT_EQ(pointer_of_template(computes), std::nullopt) << computes;
}

TEST(HomeAssistant, ASensorIsFoundWithItsUnitAndObject) {
    Stage stage;
    stage.rule("{decode: homeassistant, when: {/component: sensor}, key: unique_id}");
    stage.start();
    stage.broker.say(
        "homeassistant/sensor/garden/temperature/config",
        R"({"~":"garden","uniq_id":"garden_t","name":"Temperature","stat_t":"~/state","val_tpl":"{{ value_json.t }}",
                         "unit_of_meas":"°C","dev_cla":"temperature","avty_t":"~/status",
                         "dev":{"ids":["g1"],"mf":"Acme","mdl":"Garden","sw":"1.2"}})",
        true);
    ASSERT_EQ(stage.finds.size(), 1U);
    for (const auto* part :
         {"0 garden_t:", " state_topic=garden/state", " pick=/t", " unit=Cel", " object=3303/0",
          " availability_topic=garden/status", " manufacturer=Acme", " model=Garden", " serial=g1", " firmware=1.2"})
        EXPECT_NE(stage.finds[0].find(part), std::string::npos) << part << " in " << stage.finds[0];
    stage.broker.say("homeassistant/switch/x/config", R"({"uniq_id":"s","stat_t":"s","cmd_t":"c"})");
    stage.broker.say("homeassistant/light/x/config", R"({"uniq_id":"l","stat_t":"s","cmd_t":"c"})");
    stage.broker.say("homeassistant/sensor/x/config", R"({"uniq_id":"n"})");
    EXPECT_EQ(stage.finds.size(), 1U);
}

TEST(HomeAssistant, ASwitchBringsItsWordsAndTopics) {
    const std::string text =
        R"({"unique_id":"relay","state_topic":"r/state","command_topic":"r/set","payload_on":"1","payload_off":"0",
            "state_on":"on","state_off":"off","availability":[{"topic":"r/av","value_template":"{{ value_json.state }}"}]})";
    const auto facts = home_assistant("homeassistant/switch/relay/config", *Json::parse(text));
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->at("command_topic"), "r/set");
    EXPECT_EQ(facts->at("on"), "1");
    EXPECT_EQ(facts->at("state_off"), "off");
    EXPECT_EQ(facts->at("object"), "3312/0");
    EXPECT_EQ(facts->at("availability_topic"), "r/av");
    EXPECT_EQ(facts->at("availability_pick"), "/state");
}

TEST(HomeAssistant, EnergyIsBroughtIntoWattHours) {
    const auto facts = home_assistant("homeassistant/sensor/e/config",
                                      *Json::parse(R"({"stat_t":"e","unit_of_meas":"kWh","dev_cla":"energy"})"));
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->at("scale"), "1000");
    EXPECT_EQ(facts->at("unit"), "Wh");
    EXPECT_EQ(facts->at("object"), "3305/0/5805");
    EXPECT_EQ(facts->at("unique_id"), "homeassistant/sensor/e/config");
}

}  // namespace
}  // namespace adapters::mqtt
