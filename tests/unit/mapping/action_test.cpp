#include "mapping/conversion_rules.hpp"
#include "tests/unit/mapping/stage.hpp"

namespace mapping {

namespace {

Action action(const std::string& text) {
    Stage stage;
    stage
        .profile("format: 1\nprofile: x/y\nrevision: 1\nprotocol: fake\npoints: {t: {pin: 1, to: 3303/0}}\nactions:\n  go: {" +
                 text + "}\n")
        .device();
    return stage.plan().devices.at(0).type->actions.at(0);
}

/// What an Execute with these arguments writes and expects, or why not.
std::string steps(const Action& action, const std::string& arguments) {
    const auto bound = action.bind(arguments);
    if (!bound) {
        EXPECT_EQ(bound.error().code, base::Errc::bad_request);
        return bound.error().message;
    }
    std::string text;
    for (const auto& step : *bound) {
        if (const auto* write = std::get_if<WriteStep>(&step)) text += scalar_text(write->value) + ' ';
        if (const auto* expect = std::get_if<ExpectStep>(&step)) text += '?' + scalar_text(expect->equals) + ' ';
    }
    return text;
}

TEST(Arguments, FillTheSteps) {
    const auto go = action(
        "execute: 3305/0/5822, args: {0: {type: int, min: 1, max: 10}, 1: {type: bool, default: false}},"
        "steps: [{write: {pin: 1, type: uint16, value: \"${arg.0}\"}}, {write: {pin: 2, type: bool, value: \"${arg.1}\"}},"
        "{expect: {pin: 3, type: uint16, equals: \"${arg.0}\", within: 1s}}]");
    EXPECT_EQ(steps(go, "0='7'"), "7 false ?7 ");
    EXPECT_EQ(steps(go, "0='7',1='true'"), "7 true ?7 ");
    EXPECT_EQ(steps(go, "1,0='7'"), "7 true ?7 ") << "a bare digit is a flag";
}

TEST(Arguments, AreCheckedBeforeAnythingIsSent) {
    const auto go = action(
        "execute: 3305/0/5822, args: {0: {type: int, min: 1, max: 100000}},"
        "steps: [{write: {pin: 1, type: uint16, value: \"${arg.0}\"}}]");
    EXPECT_EQ(steps(go, ""), "action 'go': argument 0 is missing");
    EXPECT_EQ(steps(go, "0"), "action 'go': argument 0 is '', and must be a whole number");
    EXPECT_EQ(steps(go, "0='seven'"), "action 'go': argument 0 is 'seven', and must be a whole number");
    EXPECT_EQ(steps(go, "0='7.5'"), "action 'go': argument 0 is '7.5', and must be a whole number");
    EXPECT_EQ(steps(go, "0='0'"), "action 'go': argument 0: 0 is under the minimum 1");
    EXPECT_EQ(steps(go, "0='100001'"), "action 'go': argument 0: 100001 is over the maximum 100000");
    EXPECT_EQ(steps(go, "0='70000'"), "action 'go': 70000 is over what the device can hold, 65535");
    EXPECT_EQ(steps(go, "0='7',1='8'"), "action 'go' takes no argument 1");
    EXPECT_EQ(steps(go, "0='7"), "arguments read 0='text',1,2='text', each digit once");
    EXPECT_EQ(steps(go, "0='7',"), "arguments read 0='text',1,2='text', each digit once");
    EXPECT_EQ(steps(go, "0='7',0='8'"), "arguments read 0='text',1,2='text', each digit once");
}

TEST(Arguments, StandInTexts) {
    const auto go = action(
        "execute: 3305/0/5822, args: {0: {type: string, max: 5}, 1: {type: float, default: 1.5}},"
        "steps: [{write: {pin: 1, type: string, value: \"SET ${arg.0} ${arg.1}!\"}}]");
    EXPECT_EQ(steps(go, "0='A'"), "\"SET A 1.5!\" ");
    EXPECT_EQ(steps(go, "0='A',1='0.10'"), "\"SET A 0.10!\" ");
    EXPECT_EQ(steps(go, "0='ABCDEF'"), "action 'go': argument 0: 6 bytes are over the maximum 5");
}

TEST(Arguments, AnActionWithoutThemTakesNone) {
    const auto go = action("execute: 3305/0/5822, steps: [{write: {pin: 1, type: uint16, value: 1}}]");
    EXPECT_EQ(steps(go, ""), "1 ");
    EXPECT_EQ(steps(go, "0='1'"), "action 'go' takes no argument 0");
}

TEST(Actions, BytesAreWrittenInHex) {
    const auto go = action("execute: 3305/0/5822, steps: [{write: {pin: 1, type: bytes, bytes: \"5AA5 0001\"}}]");
    EXPECT_EQ(steps(go, ""), "5aa50001 ");
}

}  // namespace

}  // namespace mapping
