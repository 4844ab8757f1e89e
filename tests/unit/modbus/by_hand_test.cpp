#include "tests/unit/modbus/fake_line.hpp"

/// What the verbs read, write, scan and trace ask a link for, and the discovery rules.
namespace adapters::modbus {
namespace {

using namespace std::chrono_literals;

class ByHand : public ::testing::Test {
protected:
    ByHand() {
        shape = stage.shape("{addresses: one, never: [\"holding:201\"]}");
        power = stage.point(shape, "{at: holding:2, type: float32, order: CDAB}");
        relay = stage.point(shape, "at: coil:3");
        vendor = stage.point(shape, "identify: vendor");
        meter = stage.device(shape, "unit: 7", "meter-hall").value();
        auto& unit = stage.line->units[7];
        unit.holding(0, {0x00F5, 0x028F, 0x4365, 9});
        unit.holding(200, {0, 0});
        for (std::uint16_t i = 0; i < 10; ++i) unit.words[{Table::coil, i}] = i % 2;
        unit.objects = {{0, "Acme"}, {1, "EM24"}};
        stage.start();
    }
    std::string fetch(const Words& words) {
        std::optional<Result<Adapter::Raw>> got;
        stage.adapter->fetch(words, stage.timers.now() + 5s, [&](Result<Adapter::Raw> raw) { got = std::move(raw); });
        EXPECT_TRUE(stage.run_until([&] { return got.has_value(); }));
        if (!*got) return got->error().message;
        return fmt::format("{} = {}", (*got)->request, base::to_hex((*got)->bytes));
    }
    std::string raw(PointIndex point) {
        std::optional<Result<Adapter::Raw>> got;
        stage.adapter->read_raw(meter, point, stage.timers.now() + 5s, [&](Result<Adapter::Raw> raw) { got = std::move(raw); });
        EXPECT_TRUE(stage.run_until([&] { return got.has_value(); }));
        if (!*got) return got->error().message;
        return fmt::format("{} = {} = {} as {}", (*got)->request, base::to_hex((*got)->bytes), show((*got)->value.value()),
                           (*got)->taken_as);
    }
    std::string put(const Words& words) {
        std::optional<Result<void>> got;
        stage.adapter->put(words, stage.timers.now() + 5s, [&](Result<void> result) { got = std::move(result); });
        EXPECT_TRUE(stage.run_until([&] { return got.has_value(); }));
        return *got ? "done" : got->error().message;
    }

    LineStage stage;
    ShapeId shape = 0;
    PointIndex power = 0, relay = 0, vendor = 0;
    DeviceId meter = 0;
};

TEST_F(ByHand, RawBytesComeWithTheirRequestAndValue) {
    EXPECT_EQ(raw(power), "unit 7 holding 1..2 = 028f4365 = 229.01 as float32 CDAB");
    EXPECT_EQ(raw(relay), "unit 7 coil 2 = 00 = off as bool");
    EXPECT_EQ(raw(vendor), "unit 7 device identification = 41636d65 = \"Acme\" as string");
}

TEST_F(ByHand, AnyAddressCanBeLookedAt) {
    EXPECT_EQ(fetch({{"unit", "7"}, {"at", "holding:0"}, {"count", "4"}}), "unit 7 holding 0..3 = 00f5028f43650009");
    EXPECT_EQ(fetch({{"unit", "7"}, {"at", "40001"}, {"addresses", "modicon"}}), "unit 7 holding 0 = 00f5");
    EXPECT_EQ(fetch({{"unit", "7"}, {"at", "coil:0"}, {"count", "10"}}), "unit 7 coil 0..9 = aa02");
    EXPECT_EQ(fetch({{"unit", "7"}, {"at", "input:0"}}), "unit 7 input 0: the device says: no such address (exception 2)");
    EXPECT_EQ(fetch({{"unit", "9"}, {"at", "input:0"}}), "unit 9 input 0: no answer within 200ms");
}

TEST_F(ByHand, WrongWordsAreToldAndNothingIsSent) {
    EXPECT_EQ(fetch({{"unit", "0"}, {"at", "holding:0"}}), "'0' is no unit; write 1 to 247");
    EXPECT_EQ(fetch({{"unit", "7"}}), "'' is no Modbus address; write holding:10, input:10, coil:10 or discrete:10");
    EXPECT_EQ(fetch({{"unit", "7"}, {"at", "holding:0"}, {"count", "126"}}),
              "'126' is no count; write 1 to 125, up to address 65535");
    EXPECT_EQ(fetch({{"unit", "7"}, {"at", "holding:65535"}, {"count", "2"}}),
              "'2' is no count; write 1 to 125, up to address 65535");
    EXPECT_EQ(fetch({{"unit", "7"}, {"at", "holding:0"}, {"cuont", "2"}}), "unknown word 'cuont'; did you mean 'count'?");
    EXPECT_EQ(put({{"unit", "7"}, {"at", "holding:0"}, {"value", "70000"}}),
              "'70000' is no content of a register; write a number from -32768 to 65535, such as 0x00F5");
    EXPECT_EQ(put({{"unit", "7"}, {"at", "input:0"}, {"value", "1"}}), "input can only be read");
    EXPECT_EQ(put({{"unit", "7"}, {"at", "coil:0"}, {"value", "2"}}), "'2' is no content of a coil; write true or false");
    EXPECT_EQ(put({{"unit", "7"}, {"at", "holding:0"}}), "there is no value; write value: 0x00F5");
    EXPECT_EQ(put({{"unit", "7"}, {"at", "holding:199"}, {"value", "1 2"}}),
              "holding 199..200 must never be written, says the profile of device 'meter-hall'");
    EXPECT_EQ(stage.line->story(), "");
}

TEST_F(ByHand, AnyAddressCanBeWrittenButAForbiddenOne) {
    EXPECT_EQ(put({{"unit", "7"}, {"at", "holding:3"}, {"value", "0x00F5"}}), "done");
    EXPECT_EQ(put({{"unit", "7"}, {"at", "holding:0"}, {"value", "-1 2"}}), "done");
    EXPECT_EQ(put({{"unit", "7"}, {"at", "coil:0"}, {"value", "true"}}), "done");
    EXPECT_EQ(put({{"unit", "7"}, {"at", "coil:1"}, {"value", "0,0,0"}}), "done");
    EXPECT_EQ(stage.line->story(), "7:6 7:16 7:5 7:15");
    const auto& unit = stage.line->units[7];
    EXPECT_EQ(unit.at(3), 0x00F5);
    EXPECT_EQ(unit.at(0), 0xFFFF);
    EXPECT_EQ(unit.at(1), 2);
    EXPECT_EQ(unit.at(0, Table::coil), 1);
    EXPECT_EQ(unit.at(3, Table::coil), 0);
}

TEST_F(ByHand, TheTraceShowsBothDirectionsExceptionsAndSilence) {
    std::vector<std::string> lines;
    stage.adapter->trace([&](const Traffic& traffic) { lines.push_back((traffic.sent ? "> " : "< ") + traffic.text); });
    fetch({{"unit", "7"}, {"at", "holding:0"}, {"count", "3"}});
    fetch({{"unit", "7"}, {"at", "holding:50"}});
    fetch({{"unit", "9"}, {"at", "coil:0"}, {"count", "3"}});
    put({{"unit", "7"}, {"at", "holding:0"}, {"value", "1 2"}});
    raw(vendor);
    fetch({{"unit", "7"}, {"at", "coil:0"}, {"count", "4"}});
    EXPECT_EQ(lines, (std::vector<std::string>{
                         "> unit 7 read holding 0..2", "< unit 7 holding 0..2 = 00F5 028F 4365", "> unit 7 read holding 50",
                         "< unit 7 exception 2 to function 3: no such address", "> unit 9 read coil 0..2",
                         "< unit 9: no answer within 200ms", "> unit 7 write holding 0..1 = 0001 0002",
                         "< unit 7 holding 0..1 written", "> unit 7 ask for identification, level 4 from object 0",
                         "< unit 7 vendor 'Acme'", "> unit 7 read coil 0..3", "< unit 7 coil 0..3 = 0101"}));
    stage.adapter->trace(nullptr);
    fetch({{"unit", "7"}, {"at", "holding:0"}});
    EXPECT_EQ(lines.size(), 12U);
}

/// "7 unit 7 vendor=Acme …" for each find.
std::string shown(const Found& found) {
    std::string text = found.key;
    for (const auto& [name, value] : found.facts)
        if (name != "unit") text += fmt::format(" {}={}", name, value);
    return text + (found.note.empty() ? "" : " (" + found.note + ")");
}

class Scan : public ::testing::Test {
protected:
    Scan() {
        auto& named = stage.line->units[3];
        named.holding(0, {1});
        named.objects = {{0, "Acme"}, {1, "EM24"}, {2, "1.4"}, {4, "Energy meter"}};
        named.highest_level = 2;
        auto& old = stage.line->units[5];  // speaks input registers only, and tells an id
        old.unheard = {3};
        old.words[{Table::input, 0}] = 1;
        old.unknown = {43};
        old.server_id = "PLC-5";
        stage.line->units[9].unheard = {3, 4, 17};  // 43/14 and nothing else
        stage.line->units[9].objects = {{0, "Zeta"}, {1, "T1"}, {2, "2"}};
        stage.line->units[11];  // refuses everything
    }
    std::string scan(const Words& options, double share = 1.0) {
        std::string text;
        std::optional<Result<void>> done;
        const Instant begin = stage.timers.now();
        stage.adapter->scan(
            options, share, [&](const Found& found) { text += shown(found) + "\n"; },
            [&](Adapter::Progress progress) { last = std::move(progress); },
            [&](Result<void> result) { done = std::move(result); });
        EXPECT_TRUE(stage.run_until([&] { return done.has_value(); }, 2000s));
        took = std::chrono::duration_cast<base::Milliseconds>(stage.timers.now() - begin);
        return *done ? text : done->error().message;
    }
    LineStage stage;
    Adapter::Progress last;
    base::Milliseconds took{0};
};

TEST_F(Scan, FindsWhoeverAnswersAnythingAndAsksForTheName) {
    stage.start();
    EXPECT_EQ(scan({{"units", "1-12"}}),
              "unit 3 name=Energy meter product=EM24 revision=1.4 vendor=Acme (answers holding 0)\n"
              "unit 5 server_id=PLC-5 (answers input 0)\n"
              "unit 9 product=T1 revision=2 vendor=Zeta (answers device identification)\n"
              "unit 11 (holding 0: the device says: no such address (exception 2))\n");
    EXPECT_EQ(last.of, 12U);
    EXPECT_EQ(last.now, "unit 12");
    EXPECT_EQ(scan({{"units", "3"}, {"identify", "no"}}), "unit 3 (answers holding 0)\n");
}

TEST_F(Scan, ASettledDeviceIsNamedAndNotAsked) {
    const auto shape = stage.shape();
    stage.point(shape, "at: holding:0");
    stage.device(shape, "unit: 3", "meter-hall");
    stage.start();
    EXPECT_EQ(scan({{"units", "3"}}), "unit 3 (is device 'meter-hall' already)\n");
    EXPECT_EQ(stage.line->story(), "");
}

TEST_F(Scan, TakesOnlyItsShare) {
    stage.start();
    scan({{"units", "100-120"}});
    const auto whole = took;
    scan({{"units", "100-120"}}, 0.1);
    EXPECT_GE(took, 9 * whole);
    EXPECT_LE(took, 11 * whole);
}

TEST_F(Scan, LetsThePollsGoFirst) {
    const auto shape = stage.shape();
    const auto point = stage.point(shape, "at: holding:0");
    const auto meter = stage.device(shape, "unit: 3").value();
    stage.start();
    int polls = 0;
    const std::function<void()> poll = [&] {
        stage.adapter->read(meter, {point}, stage.timers.now() + 300ms,
                            [&](const Adapter::Values& values) { polls += values[0] ? 1 : 0; });
        stage.timers.at(stage.timers.now() + 500ms, poll);
    };
    poll();
    scan({{"units", "100-120"}});
    EXPECT_GE(polls, static_cast<int>(took / 500ms) - 1) << "each within one frame of the scan";
}

TEST_F(Scan, GoesThroughSpeedsAndPutsTheLineBack) {
    stage.start();
    EXPECT_EQ(scan({{"units", "3"}, {"identify", "no"}, {"speeds", "9600,19200 8O1"}}),
              "unit 3 line=9600 8N1 (answers holding 0)\nunit 3 line=9600 8E1 (answers holding 0)\n"
              "unit 3 line=19200 8O1 (answers holding 0)\n");
    EXPECT_EQ(last.now, "unit 3 at 19200 8O1");
    EXPECT_EQ(stage.line->tuned, (std::vector<std::string>{"9600 8N1", "9600 8E1", "19200 8O1"}));
    scan({{"units", "3"}, {"identify", "no"}});
    EXPECT_EQ(stage.line->tuned.back(), "19200 8E1");
}

TEST_F(Scan, EndsSoonWhenCancelledAndRunsOnceAtATime) {
    stage.start();
    bool done = false;
    stage.adapter->scan(
        {}, 1.0, [](const Found&) {}, nullptr, [&](const Result<void>& result) { done = result.has_value(); });
    stage.run(1s);
    EXPECT_EQ(scan({}), "a scan of rtu /dev/ttyX 19200 8E1 runs already");
    stage.adapter->cancel_scan();
    stage.run(250ms);
    EXPECT_TRUE(done);
    EXPECT_EQ(scan({{"units", "3"}, {"identify", "no"}}), "unit 3 (answers holding 0)\n");
}

TEST_F(Scan, EndsSoonAlsoWhileTheOthersHaveTheirShareAndWithItsLink) {
    stage.start();
    std::vector<std::string> ends;
    const auto begin = [&] {
        stage.adapter->scan(
            {}, 0.001, [](const Found&) {}, nullptr,
            [&](const Result<void>& result) { ends.push_back(result ? "done" : result.error().message); });
        stage.run(1s);  // the first question took 200 ms, the second waits for 200 s
    };
    begin();
    stage.adapter->cancel_scan();
    stage.run(5ms);
    EXPECT_EQ(ends, std::vector<std::string>{"done"});
    begin();
    stage.adapter->stop([&] { ends.emplace_back("stopped"); });
    stage.run(5ms);
    EXPECT_EQ(ends, (std::vector<std::string>{"done", "the link is being closed", "stopped"}));
}

TEST_F(Scan, ByHandGoesBeforeTheRules) {
    stage.rule("{units: 1-12, share: 1%}");
    stage.start();
    stage.run(12s);  // the rule looks
    const auto before = stage.line->asked.size();
    EXPECT_GT(before, 0U);
    scan({{"units", "100-120"}});
    for (std::size_t i = before; i < stage.line->asked.size(); ++i) EXPECT_GE(stage.line->asked[i].request.unit, 100);
    ASSERT_TRUE(stage.run_until([&] { return stage.finds.size() == 4; }, 2000s)) << "and the rule looks again";
}

TEST_F(ByHand, ASilentUnitIsAskedEachTime) {
    stage.line->units[7].dead = true;
    const auto other = stage.device(shape, "unit: 8", "other").value();
    stage.line->units[8].holding(1, {0, 0});
    stage.read(other, {power});
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(fetch({{"unit", "7"}, {"at", "holding:0"}}), "unit 7 holding 0: no answer within 200ms");
    EXPECT_EQ(stage.line->asked.size(), 6U);
}

TEST_F(Scan, WrongOptionsAreTold) {
    stage.start();
    EXPECT_EQ(scan({{"units", "0-5"}}), "units cannot be '0-5'; write numbers from 1 to 247: 1-32, or 1,5,7-9");
    EXPECT_EQ(scan({{"identify", "maybe"}}), "identify cannot be 'maybe'; write yes or no");
    EXPECT_EQ(scan({{"speeds", "9601"}}), "'9601' is no line setting; write 9600, or \"9600 8E1\"");
    EXPECT_EQ(scan({{"timeout", "5"}}), "timeout cannot be '5'; write a span from 10ms to 1m");
    EXPECT_EQ(scan({}, 0), "a scan's share of the link is over 0, to 100 %");
    EXPECT_EQ(scan({{"unit", "3"}}), "unknown word 'unit'; did you mean 'units'?");
}

TEST_F(Scan, ARuleFindsItsDevicesByNameAndReadsTheirSerialNumber) {
    stage.line->units[3].holding(300, {0x4142, 0x3132});
    ASSERT_TRUE(
        stage.rule("{units: 1-12, every: 1h, share: 10%, identify: {vendor: \"Ac*\", product: \"EM2?\"}, "
                   "serial: {at: holding:300, type: string, length: 2}}"))
        << stage.diagnostics.str();
    stage.start();
    ASSERT_TRUE(stage.run_until([&] { return !stage.finds.empty(); }, 300s));
    EXPECT_EQ(shown(stage.finds[0]),
              "AB12 name=Energy meter product=EM24 revision=1.4 serial=AB12 vendor=Acme (answers holding 0)");
    EXPECT_EQ(stage.finds[0].site, (Words{{"unit", "3"}}));
    stage.run(3600s);
    EXPECT_EQ(stage.finds.size(), 2U) << "told again at each look; others never";
    EXPECT_EQ(stage.diagnostics.str(), "");
}

TEST_F(Scan, AConfiguredUnitIsNotLookedAtByARule) {
    const auto shape = stage.shape();
    stage.point(shape, "at: holding:0");
    stage.device(shape, "unit: 3");
    stage.rule("{units: 3, share: 100%}");
    stage.start();
    stage.run(60s);
    EXPECT_TRUE(stage.finds.empty());
    EXPECT_EQ(stage.line->story(), "");
}

TEST_F(Scan, MistakesInARuleAreToldAllAtOnce) {
    EXPECT_FALSE(stage.rule("{units: 0-3, every: 1s, share: 2, identify: {vendr: x, product: [1]}, serial: {type: string}}"));
    EXPECT_EQ(stage.diagnostics.str(),
              "rules.yaml:1:9: rule 'meters': 'units' cannot be 0-3; write units from 1 to 247: 1-32, or 1,5,7-9\n"
              "rules.yaml:1:21: rule 'meters': 'every' is 1s, out of range; write a span from 10s to 366d\n"
              "rules.yaml:1:32: rule 'meters': 'share' must be a part of the link's time; write it in percent: 2%\n"
              "rules.yaml:1:46: rule 'meters': identify: no device tells its 'vendr'; did you mean 'vendor'?\n"
              "rules.yaml:1:65: rule 'meters': identify: 'product' must be a text; write a text; * stands for anything: "
              "\"Acme*\"\n"
              "rules.yaml:1:79: rule 'meters': serial: 'at' is missing; write holding:10, input:10, coil:10 or discrete:10\n");
}

}  // namespace
}  // namespace adapters::modbus
