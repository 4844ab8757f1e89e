#include "tests/unit/mqtt/stage.hpp"

namespace adapters::mqtt {
namespace {

struct Rules {
    PayloadDefaults defaults;
    std::optional<PayloadRule> rule;
    std::string errors;
};
Rules rules(const std::string& point, const std::string& section = "{}") {
    base::Diagnostics diagnostics;
    const auto node = config::read_yaml(point, "p.yaml", diagnostics).value_or(base::Node{});
    const auto its = config::read_yaml(section, "s.yaml", diagnostics).value_or(base::Node{});
    Fields fields(node, "point 'p'", diagnostics), section_fields(its, "section 'mqtt'", diagnostics);
    Rules made;
    made.defaults = read_defaults(section_fields);
    made.rule = read_payload_rule(fields, made.defaults);
    fields.done();
    section_fields.done();
    made.errors = diagnostics.str();
    return made;
}
std::string said(const std::string& point, std::string_view payload, const std::string& section = "{}") {
    const auto made = rules(point, section);
    if (!made.rule) return made.errors;
    Payload bytes(base::as_bytes(payload));
    const auto value = take(*made.rule, bytes);
    if (!value) return "error: " + value.error().message;
    return *value ? plain_value(**value) : "nothing";
}

TEST(MqttPayload, PlainPayloadsAreNumbersBooleansAndText) {
    EXPECT_EQ(said("{}", " 21.5\n"), "21.5");
    EXPECT_EQ(said("{}", "ON"), "ON");
    EXPECT_EQ(said("{}", "true"), "true");
    EXPECT_EQ(said("{}", ""), "nothing");
    EXPECT_EQ(said("{}", "{\"a\": 1}"), "error: a JSON document where one value was expected; say 'pick'");
    EXPECT_EQ(said("{}", "\xFF\xFE"), "error: a payload that is neither text nor JSON");
}

TEST(MqttPayload, APartialDocumentSaysNothingOfTheRest) {
    EXPECT_EQ(said("{pick: /humidity}", R"({"temperature": 21})"), "nothing");
    EXPECT_EQ(said("{pick: /temperature}", R"({"temperature": null})"), "nothing");
    EXPECT_EQ(said("{pick: /temperature}", R"({"temperature": {"value": 1}})"), "error: /temperature holds no single value");
    EXPECT_EQ(said("{pick: /temperature}", "offline"), "error: a payload that is no JSON");
}

TEST(MqttPayload, TheFirstAlternativeThatIsThereCounts) {
    EXPECT_EQ(said("{pick: [/state, \"\"]}", R"({"state": "online"})"), "online");
    EXPECT_EQ(said("{pick: [/state, \"\"]}", "online"), "online");
    EXPECT_EQ(said("{pick: [/POWER1, /POWER]}", R"({"POWER": "ON"})"), "ON");
}

TEST(MqttPayload, ATypeSaysWhatAPlainValueMustBe) {
    EXPECT_EQ(said("{type: float64}", "\"21.5\""), "21.5");
    EXPECT_EQ(said("{type: uint16}", "21.5"), "error: '21.5' is no whole number");
    EXPECT_EQ(said("{type: float32}", "warm"), "error: 'warm' is no number");
    EXPECT_EQ(said("{type: bool}", "On"), "true");
    EXPECT_EQ(said("{type: bool}", "0"), "false");
    EXPECT_EQ(said("{type: string}", "12"), "12");
    EXPECT_EQ(said("{states: [closed, open]}", "open"), "true");
    EXPECT_EQ(said("{states: [closed, open]}", "ajar"), "error: 'ajar' is neither 'closed' nor 'open'");
}

TEST(MqttPayload, ConditionsChooseTheMessage) {
    EXPECT_EQ(said("{pick: /v, when: {/fPort: 2}}", R"({"fPort": 2, "v": 7})"), "7");
    EXPECT_EQ(said("{pick: /v, when: {/fPort: 2}}", R"({"fPort": 5, "v": 7})"), "nothing");
    EXPECT_EQ(said("{pick: /v, when: {/m: [\"A*\", B]}}", R"({"m": "Acme", "v": 7})"), "7");
}

TEST(MqttPayload, FramesAreReadByTheCommonByteGrammar) {
    const std::string section = "{bytes: base64, pick: /data}";
    // CB F6 0B 0D 03 76
    EXPECT_EQ(said("{at: \"byte:2\", type: int16}", R"({"data": "y/YLDQN2"})", section), "2829");
    EXPECT_EQ(said("{at: \"byte:-2\", type: uint16}", R"({"data": "y/YLDQN2"})", section), "886");
    EXPECT_EQ(said("{at: \"byte:2\", type: int16, order: little}", R"({"data": "y/YLDQN2"})", section), "3339");
    EXPECT_EQ(said("{at: \"byte:5\", type: uint16}", R"({"data": "y/YLDQN2"})", section),
              "error: a frame of 6 bytes has no uint16 at byte 5");
    EXPECT_EQ(said("{at: \"byte:0\", type: uint16}", R"({"data": "###"})", section), "error: '###' is no base64");
    EXPECT_EQ(said("{bytes: hex, at: \"byte:1\", type: uint8}", "0x01 ff"), "255");
    EXPECT_EQ(said("{bytes: raw, at: \"byte:1\", type: uint8}", std::string("\x00\x07", 2)), "7");
    EXPECT_EQ(said("{bytes: raw}", std::string("\x00\x07", 2)), "0007");
}

TEST(MqttPayload, RecordsAreFoundByTheirHeaders) {
    // Milesight: 01 75 battery, 03 67 temperature, 04 68 humidity.
    const std::string section = "{bytes: hex, order: little, channels: {\"0175\": 1, \"0367\": 2, \"0468\": 1}}";
    EXPECT_EQ(said("{at: \"channel:0367\", type: int16}", "01755C03673401046865", section), "308");
    EXPECT_EQ(said("{at: \"channel:0468\", type: uint8}", "01755C03673401046865", section), "101");
    EXPECT_EQ(said("{at: \"channel:0468\", type: uint8}", "01755C03670468", section), "nothing")
        << "data that looks like a header";
    EXPECT_EQ(said("{at: \"channel:0468\", type: uint8}", "FFFF046865", section), "nothing");
    EXPECT_EQ(said("{at: \"channel:0367\", type: int16}", "0367", section), "nothing");
    EXPECT_NE(said("{at: \"channel:0999\", type: int16}", "", section).find("is not among the profile's channels"),
              std::string::npos);
}

TEST(MqttPayload, MistakesInAProfileAreTold) {
    EXPECT_NE(rules("{at: \"byte:1\"}").errors.find("nothing says how the payload holds them"), std::string::npos);
    EXPECT_NE(rules("{pick: humidity}").errors.find("'humidity' is no JSON Pointer"), std::string::npos);
    EXPECT_NE(rules("{order: little}").errors.find("the payload is taken as text"), std::string::npos);
    EXPECT_NE(rules("{bytes: base64, at: \"bit:1\", type: uint8}").errors.find("is no place in a frame"), std::string::npos);
    EXPECT_NE(rules("{states: [a]}").errors.find("'states' are two words"), std::string::npos);
}

TEST(MqttPayload, Base64IsThatOfRfc4648) {
    for (const auto& [plain, coded] : {std::pair<const char*, const char*>{"", ""},
                                       {"f", "Zg=="},
                                       {"fo", "Zm8="},
                                       {"foo", "Zm9v"},
                                       {"foob", "Zm9vYg=="},
                                       {"fooba", "Zm9vYmE="},
                                       {"foobar", "Zm9vYmFy"}}) {
        EXPECT_EQ(to_base64(base::as_bytes(plain)), coded);
        const auto back = from_base64(coded);
        ASSERT_TRUE(back);
        EXPECT_EQ(base::as_text(*back), plain);
    }
    EXPECT_FALSE(from_base64("Zg=X"));
    EXPECT_FALSE(from_base64("Z"));
}

}  // namespace
}  // namespace adapters::mqtt
