#include "tests/unit/mqtt/stage.hpp"

namespace adapters::mqtt {
namespace {

using namespace std::chrono_literals;

const char* plug =
    "{from: [stat/plug/RESULT, tele/plug/STATE], pick: /POWER, refresh: {topic: cmnd/plug/POWER, payload: \"\"}, "
    "write: {topic: cmnd/plug/POWER, payload: \"${value}\", verify: 3s}}";

TEST(MqttAdapter, ValuesComeByThemselves) {
    Stage stage;
    const auto shape = stage.shape("{from: tele/plug/SENSOR}");
    stage.point(shape, "{pick: /ENERGY/Power}");
    stage.point(shape, "{pick: /ENERGY/Total}");
    stage.point(shape, "{from: tele/plug/STATE, pick: /Uptime}");
    stage.device(shape);
    stage.start();
    EXPECT_EQ(stage.links, Lines{"up"});
    stage.broker.say("tele/plug/SENSOR", R"({"ENERGY":{"Total":1.25,"Power":60}})");
    EXPECT_EQ(stage.news(), (Lines{"0.0 = 60", "0.1 = 1.25"}));
    stage.broker.say("tele/plug/SENSOR", R"({"ENERGY":{"Power":61}})");
    EXPECT_EQ(stage.news(), Lines{"0.0 = 61"}) << "a partial document changes nothing else";
    EXPECT_TRUE(stage.adapter->unasked(shape, 0));
}

TEST(MqttAdapter, OneConnectionServesAThousandDevices) {
    Stage stage;
    for (int i = 0; i < 1'000; ++i) {
        const auto shape = stage.shape(fmt::format("{{from: tele/p{}/SENSOR}}", i));
        stage.point(shape, "{pick: /t}");
        stage.device(shape);
    }
    stage.start();
    EXPECT_EQ(stage.broker.attempts, 1U);
    stage.broker.say("tele/p777/SENSOR", R"({"t":5})");
    EXPECT_EQ(stage.news(), Lines{"777.0 = 5"});
}

TEST(MqttAdapter, ARetainedValueIsOldFreshOrIgnoredAsTheProfileSays) {
    Stage stage;
    const auto shape = stage.shape("{from: t}");
    stage.point(shape, "{}");
    stage.point(shape, "{retained: fresh}");
    stage.point(shape, "{retained: ignore}");
    stage.device(shape);
    stage.start();
    stage.broker.say("t", "5", true);
    EXPECT_EQ(stage.news(), (Lines{"0.0 = 5 (old)", "0.1 = 5"}));
    stage.broker.say("t", "6");
    EXPECT_EQ(stage.news(), (Lines{"0.0 = 6", "0.1 = 6", "0.2 = 6"}));
    stage.broker.say("t", "6", true);
    EXPECT_EQ(stage.news(), Lines{"0.1 = 6"}) << "told again after a reconnect: no news, and no doubt";
}

TEST(MqttAdapter, AliveAndViaAreToldOnChange) {
    Stage stage;
    const auto shape = stage.shape("{from: t}",
                                   "{alive: {from: z/availability, pick: [/state, \"\"], online: online, offline: offline}, "
                                   "via: {from: z/bridge/state, pick: [/state, \"\"], online: online}}");
    stage.point(shape, "{}");
    stage.device(shape);
    stage.start();
    stage.broker.say("z/availability", R"({"state":"online"})", true);
    stage.broker.say("z/availability", "online");
    stage.broker.say("z/availability", "updating");
    stage.broker.say("z/bridge/state", R"({"state":"stopping"})");
    stage.broker.say("z/availability", "offline");
    EXPECT_EQ(stage.news(), (Lines{"0 alive up", "0 via down", "0 alive down"}));
}

TEST(MqttAdapter, WhatCannotBeIsCountedAndHarmsNothingBesides) {
    Stage stage;
    const auto shape = stage.shape("{from: t}");
    stage.point(shape, "{pick: /a, type: uint8}");
    stage.point(shape, "{pick: /b}");
    stage.device(shape);
    stage.start();
    stage.broker.say("t", R"({"a":"warm","b":1})");
    EXPECT_EQ(stage.news(), Lines{"0.1 = 1"});
    for (const std::string bad : {"\xFF", "{", "[[[[", "offline"}) stage.broker.say("t", bad);
    EXPECT_EQ(stage.news(), Lines{});
    EXPECT_EQ(stage.adapter->strange(), 9U);
}

TEST(MqttAdapter, AWriteIsPublishedAndItsStateIsAnsweredToTheRead) {
    Stage stage;
    const auto shape = stage.shape();
    const auto relay = stage.point(shape, plug);
    const auto device = stage.device(shape);
    stage.start();
    stage.timers.advance(100ms);
    stage.broker.published.clear();
    EXPECT_EQ(stage.write(device, relay, Scalar(std::string("ON"))), "done");
    EXPECT_EQ(stage.broker.last_published(), "cmnd/plug/POWER ON");
    EXPECT_EQ(stage.broker.published.back().qos, 1);
    EXPECT_FALSE(stage.broker.published.back().retained);
    stage.broker.say("stat/plug/RESULT", R"({"POWER":"ON"})");
    EXPECT_EQ(show(stage.read(device, {relay})[0]), "ON");
    EXPECT_EQ(stage.broker.published.size(), 1U) << "the state came by itself, nobody had to ask";
}

TEST(MqttAdapter, AReadAfterAWriteNeverAnswersWithWhatWasBefore) {
    Stage stage;
    const auto shape = stage.shape("{from: state}");
    const auto point = stage.point(shape, "{write: {topic: set, verify: 3s}}");
    const auto device = stage.device(shape);
    stage.start();
    stage.broker.say("state", "5");
    EXPECT_EQ(show(stage.read(device, {point})[0]), "5");
    stage.timers.advance(1s);
    stage.write(device, point, Scalar(std::int64_t{7}));
    const auto values = stage.read(device, {point}, 2s);
    EXPECT_EQ(values[0].error().code, base::Errc::timeout);
}

TEST(MqttAdapter, AReadAsksWhereThereIsAQuestion) {
    Stage stage;
    const auto shape = stage.shape();
    const auto relay = stage.point(shape, plug);
    const auto device = stage.device(shape);
    stage.start();
    stage.timers.advance(5s);
    stage.broker.published.clear();
    stage.broker.on_publish = [&](const Message& message) {
        if (message.topic == "cmnd/plug/POWER" && message.payload.empty())
            stage.broker.later([&] { stage.broker.say("stat/plug/RESULT", R"({"POWER":"OFF"})"); });
    };
    EXPECT_EQ(show(stage.read(device, {relay})[0]), "OFF");
    EXPECT_EQ(stage.broker.published.size(), 1U);
    stage.broker.on_publish = nullptr;
    stage.timers.advance(5s);
    EXPECT_EQ(stage.read(device, {relay})[0].error().code, base::Errc::timeout) << "asked, and no answer: a miss";
}

TEST(MqttAdapter, WhatWasNeverHeardIsNotInvented) {
    Stage stage;
    const auto shape = stage.shape("{from: t}");
    const auto point = stage.point(shape, "{}");
    const auto device = stage.device(shape);
    stage.start();
    const auto never = stage.read(device, {point});
    EXPECT_EQ(never[0].error(), (base::Error{base::Errc::offline, "no message has come yet"}));
    stage.broker.say("t", "1", true);
    EXPECT_EQ(show(stage.read(device, {point})[0]), "only a retained message of unknown age is there");
    stage.broker.mode = FakeBroker::Mode::refuse;
    stage.broker.cut();
    EXPECT_EQ(show(stage.read(device, {point})[0]), "the broker is away: the broker closed the connection");
}

TEST(MqttAdapter, ARefusedSubscriptionIsTheAnswerToARead) {
    Stage stage;
    stage.broker.forbidden = "t";
    const auto shape = stage.shape("{from: t}");
    const auto point = stage.point(shape, "{}");
    const auto device = stage.device(shape);
    stage.start();
    EXPECT_EQ(show(stage.read(device, {point})[0]), "the broker refuses the subscription to 't'");
}

TEST(MqttAdapter, AfterEachConnectItAsksForWhatOnlyAnAnswerTells) {
    Stage stage;
    const auto shape = stage.shape();
    stage.point(shape, plug);
    stage.point(shape, "{from: stat/plug/RESULT, pick: /POWER2, refresh: {topic: cmnd/plug/POWER, payload: \"\"}}");
    stage.device(shape);
    stage.start();
    stage.timers.advance(1s);
    EXPECT_EQ(stage.broker.published.size(), 1U) << "the same question once";
    stage.broker.cut();
    stage.timers.advance(3s);
    EXPECT_EQ(stage.broker.published.size(), 2U);
}

TEST(MqttAdapter, AValueThatDoesNotFitIsRefusedBeforeItIsSent) {
    Stage stage;
    const auto shape = stage.shape("{from: t}");
    const auto level = stage.point(shape, "{type: uint8, write: {topic: set}}");
    const auto door = stage.point(shape, "{states: [closed, open], write: {topic: door, states: [CLOSE, OPEN]}}");
    const auto device = stage.device(shape);
    stage.start();
    EXPECT_NE(stage.write(device, level, Scalar(std::int64_t{300})), "done");
    EXPECT_TRUE(stage.broker.published.empty());
    EXPECT_EQ(stage.write(device, door, Scalar(true)), "done");
    EXPECT_EQ(stage.broker.last_published(), "door OPEN");
}

TEST(MqttAdapter, BytesAreWrittenInTheirForm) {
    Stage stage;
    const auto shape = stage.shape("{from: up, bytes: base64, pick: /data}");
    const auto point =
        stage.point(shape, "{at: \"byte:0\", type: uint16, write: {topic: down, payload: {fPort: 10, data: \"${value}\"}}}");
    const auto device = stage.device(shape);
    stage.start();
    EXPECT_EQ(stage.write(device, point, Scalar(std::int64_t{258})), "done");
    EXPECT_EQ(stage.broker.last_published(), R"(down {"fPort":10,"data":"AQI="})");
    stage.broker.say("up", R"({"data":"AQI="})");
    EXPECT_EQ(stage.news(), Lines{"0.0 = 258"});
}

TEST(MqttAdapter, AStepPublishesAndNothingIsReadBack) {
    Stage stage;
    const auto shape = stage.shape("{from: t}");
    const auto step = stage.point(shape, "{topic: cmnd/plug/Restart, payload: \"1\"}", false);
    const auto device = stage.device(shape);
    stage.start();
    EXPECT_EQ(stage.write(device, step, Scalar(std::string())), "done");
    EXPECT_EQ(stage.broker.last_published(), "cmnd/plug/Restart 1");
    EXPECT_EQ(stage.adapter->sends(device, step, Scalar(true)).value(), Lines{"cmnd/plug/Restart 1"});
}

TEST(MqttAdapter, ASparkplugDeviceHangsOnItsNode) {
    Stage stage;
    const auto shape = stage.shape("{decode: sparkplug, group: G, node: \"N\", device: pump}");
    const auto flow = stage.point(shape, "{metric: Flow, write: {}}");
    const auto device = stage.device(shape);
    stage.start();
    EXPECT_EQ(stage.broker.topics(), (Lines{"spBv1.0/G/+/N", "spBv1.0/G/+/N/+"}));
    sparkplug::Payload birth;
    birth.seq = 0;
    const auto say = [&](const std::string& topic, const sparkplug::Payload& payload) {
        const auto bytes = sparkplug::encode(payload);
        stage.broker.say(topic, std::string(base::as_text(bytes)));
    };
    say("spBv1.0/G/NBIRTH/N", birth);
    sparkplug::Metric metric;
    metric.name = "Flow";
    metric.type = sparkplug::Type::float64;
    metric.value = 2.5;
    birth.seq = 1;
    birth.metrics = {metric};
    say("spBv1.0/G/DBIRTH/N/pump", birth);
    EXPECT_EQ(stage.news(), (Lines{"0 via up", "0 alive up", "0.0 = 2.5"}));
    EXPECT_EQ(stage.write(device, flow, Scalar(3.0)), "done");
    EXPECT_EQ(stage.broker.published.back().topic, "spBv1.0/G/DCMD/N/pump");
    say("spBv1.0/G/NDEATH/N", {});
    EXPECT_EQ(stage.news(), Lines{"0 via down"});
    stage.broker.say("spBv1.0/G/NDATA/N", "no protobuf");
    EXPECT_EQ(stage.adapter->strange(), 1U);
}

TEST(MqttAdapter, MistakesInAProfileAreTold) {
    const auto errors = [](const std::string& section, const std::string& point) {
        Stage stage;
        const auto shape = stage.shape(section);
        stage.point(shape, point);
        return stage.diagnostics.str();
    };
    EXPECT_NE(errors("{}", "{pick: /a}").find("nothing says on which topic it comes"), std::string::npos);
    EXPECT_NE(errors("{}", "{from: \"a/#/b\"}").find("'a/#/b' is no topic"), std::string::npos);
    EXPECT_NE(errors("{from: a}", "{write: {topic: b, payload: 1}}").find("the payload does not hold the value"),
              std::string::npos);
    EXPECT_NE(errors("{from: a}", "{write: {topic: b, retain: true}}").find("a retained command fires again"),
              std::string::npos);
    EXPECT_NE(errors("{decode: sparkplug, group: g}", "{metric: m}").find("'node' is missing"), std::string::npos);
    EXPECT_NE(errors("{decode: sparkplug, group: g, node: node}", "{pick: /a}").find("'metric' is missing"), std::string::npos);
    EXPECT_NE(errors("{from: a}", "{pikc: /a}").find("did you mean 'pick'?"), std::string::npos);
}

// -- Tools

TEST(MqttAdapter, AScanTellsTopicsAndKnownDevices) {
    Stage stage;
    stage.start();
    Lines found;
    std::string done;
    stage.adapter->scan(
        {{"for", "5s"}}, 1, [&](Found find) { found.push_back(find.key + ": " + find.note); }, [](const Adapter::Progress&) {},
        [&](Result<void> result) { done = result ? "done" : result.error().message; });
    stage.timers.advance(1ms);
    stage.broker.say("tasmota/discovery/AA/config", R"({"mac":"AA","t":"plug"})");
    stage.broker.say("sensors/x", "21.5");
    stage.broker.say("sensors/x", "21.6");
    stage.timers.advance(6s);
    EXPECT_EQ(done, "done");
    EXPECT_EQ(found,
              (Lines{"AA: a Tasmota device", R"(tasmota/discovery/AA/config: {"mac":"AA","t":"plug"})", "sensors/x: 21.5"}));
    EXPECT_EQ(stage.broker.unsubscribed, Lines{"#"});
}

TEST(MqttAdapter, OneMessageCanBeFetchedAndAPointSeenAsItIs) {
    Stage stage;
    const auto shape = stage.shape("{from: t}");
    const auto point = stage.point(shape, "{pick: /a, type: float64}");
    const auto device = stage.device(shape);
    stage.start();
    std::string raw, other, late;
    stage.adapter->read_raw(device, point, stage.timers.now() + 4s, [&](Result<Adapter::Raw> got) {
        raw = got ? fmt::format("{} {} as {}", got->request, show(*got->value), got->taken_as) : got.error().message;
    });
    stage.adapter->fetch({{"at", "x/#"}}, stage.timers.now() + 4s,
                         [&](Result<Adapter::Raw> got) { other = got ? got->request : got.error().message; });
    stage.adapter->fetch({{"at", "never"}}, stage.timers.now() + 4s,
                         [&](Result<Adapter::Raw> got) { late = got ? got->request : got.error().message; });
    stage.timers.advance(1ms);
    stage.broker.say("t", R"({"b":1})");
    EXPECT_EQ(raw, "");
    stage.broker.say("t", R"({"a":"1.5"})");
    EXPECT_EQ(raw, "t 1.5 as float64 at /a");
    stage.broker.say("x/y", "1", true);
    EXPECT_EQ(other, "x/y (retained)");
    stage.timers.advance(4s);
    EXPECT_EQ(late, "no message came");
}

TEST(MqttAdapter, OneMessageCanBePublishedPastAllProfiles) {
    Stage stage;
    stage.start();
    Lines lines;
    stage.adapter->trace([&](const Traffic& traffic) { lines.push_back(traffic.text); });
    const auto put = [&](const Words& address) {
        std::string said = "nothing";
        stage.adapter->put(address, stage.timers.now() + 4s,
                           [&](Result<void> done) { said = done ? "done" : done.error().message.substr(0, 15); });
        stage.timers.advance(1ms);
        return said;
    };
    EXPECT_EQ(put({{"at", "cmnd/x/POWER"}, {"value", "ON"}}), "done");
    EXPECT_EQ(put({{"at", "cmnd/+/POWER"}, {"value", "ON"}}), "say which topic");
    EXPECT_EQ(put({{"at", "a"}, {"value", std::string(65'537, 'x')}}), "say which topic");
    EXPECT_EQ(put({{"unit", "1"}, {"at", "a"}, {"value", "1"}}), "say which topic");
    EXPECT_EQ(lines, Lines{"cmnd/x/POWER  ON"});
}

TEST(MqttAdapter, ATraceShowsWhatGoesBothWays) {
    Stage stage;
    const auto shape = stage.shape("{from: t}");
    const auto point = stage.point(shape, "{write: {topic: set}}");
    const auto device = stage.device(shape);
    stage.start();
    Lines lines;
    stage.adapter->trace([&](const Traffic& traffic) { lines.push_back((traffic.sent ? "> " : "< ") + traffic.text); });
    stage.broker.say("t", "5", true);
    stage.write(device, point, Scalar(std::int64_t{6}));
    stage.adapter->trace(nullptr);
    stage.broker.say("t", "7");
    EXPECT_EQ(lines, (Lines{"< t (retained)  5", "> set  6"}));
}

TEST(MqttAdapter, AProfilesTestsNeedNoBroker) {
    Stage stage;
    const auto shape = stage.shape("{from: tele/plug/SENSOR}");
    stage.point(shape, "{pick: /ENERGY/Power}");
    const auto relay = stage.point(shape, plug);
    const auto device = stage.device(shape);
    const auto& given = stage.yaml("{tele/plug/SENSOR: '{\"ENERGY\":{\"Power\":60}}', tele/plug/STATE: {POWER: \"ON\"}}");
    const auto values = stage.adapter->pretend(device, given, stage.diagnostics);
    ASSERT_EQ(values.size(), 2U);
    EXPECT_EQ(show(*values[0]), "60");
    EXPECT_EQ(show(*values[1]), "ON");
    EXPECT_EQ(stage.adapter->sends(device, relay, Scalar(std::string("ON"))).value(), Lines{"cmnd/plug/POWER ON"});
    stage.adapter->pretend(device, stage.yaml("{tele/other/SENSOR: 1}"), stage.diagnostics);
    EXPECT_NE(stage.diagnostics.str().find("no point of acme/thing@1 listens to 'tele/other/SENSOR'"), std::string::npos);
}

TEST(MqttAdapter, StopAnswersEverybodyWhoWaits) {
    Stage stage;
    const auto shape = stage.shape();
    const auto relay = stage.point(shape, plug);
    const auto device = stage.device(shape);
    stage.start();
    std::string read, fetched;
    stage.adapter->read(device, {relay}, stage.timers.now() + 60s, [&](Adapter::Values values) { read = show(values[0]); });
    stage.adapter->fetch({{"at", "x"}}, stage.timers.now() + 60s,
                         [&](Result<Adapter::Raw> raw) { fetched = raw.error().message; });
    stage.timers.advance(1ms);
    stage.adapter->stop([] {});
    EXPECT_EQ(read, "the link is closed");
    EXPECT_EQ(fetched, "the link is closed");
}

}  // namespace
}  // namespace adapters::mqtt
