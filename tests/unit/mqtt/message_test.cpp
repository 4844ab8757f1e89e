#include "tests/unit/mqtt/stage.hpp"

namespace adapters::mqtt {
namespace {

struct Written {
    std::optional<MessageTemplate> message;
    std::string errors;
};
Written read(const std::string& text, bool value = true) {
    base::Diagnostics diagnostics;
    const auto node = config::read_yaml(text, "p.yaml", diagnostics).value_or(base::Node{});
    Fields fields(node, "'write'", diagnostics);
    Written written{MessageTemplate::read(fields, value, 1), {}};
    fields.done();
    written.errors = diagnostics.str();
    return written;
}
std::string render(const std::string& text, const Scalar& value) {
    const auto written = read(text);
    return written.message ? written.message->render(value).payload : written.errors;
}

TEST(MqttMessage, AValueStandsInTextAsItIs) {
    EXPECT_EQ(render("{topic: t, payload: \"${value}\"}", Scalar(std::string("ON"))), "ON");
    EXPECT_EQ(render("{topic: t}", Scalar(21.5)), "21.5");
    EXPECT_EQ(render("{topic: t, payload: \"set ${value} now ${value}\"}", Scalar(true)), "set true now true");
    EXPECT_EQ(render("{topic: t, payload: 1}", Scalar(true)), "1");
}

TEST(MqttMessage, AValueInJsonKeepsItsType) {
    EXPECT_EQ(
        render("{topic: t, payload: {state: \"${value}\", level: 5, deep: [true, \"x${value}\"]}}", Scalar(std::int64_t{7})),
        R"({"state":7,"level":5,"deep":[true,"x7"]})");
    EXPECT_EQ(render("{topic: t, payload: {state: \"${value}\"}}", Scalar(std::string("a\"b"))), R"({"state":"a\"b"})");
    EXPECT_EQ(render("{topic: t, payload: {a: \"<${value}>\"}}", Scalar(std::string("\""))), R"({"a":"<\">"})");
    EXPECT_EQ(render("{topic: t, payload: {}}", Scalar(true)), "{}");
}

TEST(MqttMessage, ARetainedCommandIsRefused) {
    EXPECT_NE(read("{topic: t, payload: x, retain: true}").errors.find("a retained command fires again"), std::string::npos);
    EXPECT_EQ(read("{topic: t, payload: x, retain: false}").errors, "");
}

TEST(MqttMessage, MistakesAreTold) {
    EXPECT_NE(read("{payload: x}").errors.find("'topic' is missing"), std::string::npos);
    EXPECT_NE(read("{topic: \"a/+\"}").errors.find("is no topic to publish on"), std::string::npos);
    EXPECT_NE(read("{topic: \"a/${value}\"}").errors.find("a topic does not depend on the value"), std::string::npos);
    EXPECT_NE(read("{topic: a, payload: \"${vaule}\"}").errors.find("'${vaule}' has no meaning here"), std::string::npos);
    EXPECT_NE(read("{topic: a, payload: \"${value}\"}", false).errors.find("there is no value in a message that asks"),
              std::string::npos);
}

TEST(MqttMessage, TheSimulatorFindsTheValueAgain) {
    EXPECT_EQ(read("{topic: t, payload: {state: \"${value}\"}}").message->value_in(R"({"state":"ON"})"), "ON");
    EXPECT_EQ(read("{topic: t, payload: \"set ${value}!\"}").message->value_in("set 5!"), "5");
    EXPECT_EQ(read("{topic: t, payload: \"set ${value}!\"}").message->value_in("get 5!"), std::nullopt);
}

}  // namespace
}  // namespace adapters::mqtt
