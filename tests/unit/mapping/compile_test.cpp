#include "mapping/compile.hpp"

#include "mapping/substitute.hpp"
#include "tests/unit/mapping/stage.hpp"

#include <algorithm>
#include <chrono>

namespace mapping {

namespace {

using namespace std::chrono_literals;

const char* meter = R"(format: 1
profile: acme/em
revision: 3
title: Meter
protocol: fake
params:
  first: {type: int, default: 10, min: 0, max: 99}
  word: {type: string, default: EM}
groups:
  fast: {every: 1s}
  once: {every: start}
points:
  temperature: {pin: "${first}", type: int16, scale: 0.1, unit: Cel, range: [-40, 125], group: fast, to: 3303/0}
  power: {pin: 11, type: float32, unit: W, every: 500ms, to: 3305/0/5800}
  relay: {pin: 12, type: bool, to: 3312/0, write: {verify: 300ms}}
  hidden: {pin: 13, type: uint16}
  model_number: {pin: 14, type: uint16, group: once, to: 3348/0}
actions:
  reset:
    execute: 3305/0/5822
    steps:
      - write: {pin: 20, type: uint16, value: 0x5AA5}
      - wait: 50ms
      - expect: {pin: 21, type: uint16, equals: 0, within: 2s}
device:
  manufacturer: Acme
  model: "${word}-24"
  serial: {pin: 30, type: uint32}
  power_source: mains
health: {misses: 5, retry: {first: 1s, max: 30s}, offline_value: none}
)";

const char* one = "format: 1\ndevices:\n  - {id: hall, profile: acme/em@3, link: bus}\n";

std::vector<std::string> paths(const DeviceType& type) {
    std::vector<std::string> found;
    for (const auto& resource : type.resources) found.push_back(resource.path.str());
    return found;
}

TEST(Compile, APointOnAnObjectBringsItsCompanions) {
    const auto plan = Stage().profile(meter).site(one).plan();
    const auto& type = *plan.devices.at(0).type;
    const std::vector<std::string> expected{"/3/0/0",       "/3/0/1",       "/3/0/2",       "/3/0/4",       "/3/0/6/0",
                                            "/3/0/11",      "/3/0/16",      "/3303/0/5518", "/3303/0/5601", "/3303/0/5602",
                                            "/3303/0/5603", "/3303/0/5604", "/3303/0/5605", "/3303/0/5700", "/3303/0/5701",
                                            "/3303/0/6042", "/3305/0/5800", "/3305/0/5822", "/3312/0/5518", "/3312/0/5850",
                                            "/3348/0/5518", "/3348/0/5547"};
    EXPECT_EQ(paths(type), expected);
    EXPECT_EQ(resource_of(type, "/3303/0/5701")->fixed, lwm2m::Value(std::string("Cel")));
    EXPECT_EQ(resource_of(type, "/3303/0/5603")->fixed, lwm2m::Value(-40.0));
    EXPECT_EQ(resource_of(type, "/3303/0/5604")->fixed, lwm2m::Value(125.0));
    EXPECT_EQ(resource_of(type, "/3303/0/5601")->source, Source::minimum);
    EXPECT_EQ(resource_of(type, "/3303/0/5605")->source, Source::reset_min_max);
    EXPECT_EQ(resource_of(type, "/3303/0/6042")->source, Source::quality);
    EXPECT_EQ(resource_of(type, "/3312/0/5518")->source, Source::timestamp);
    EXPECT_TRUE(resource_of(type, "/3312/0/5850")->writable);
    EXPECT_FALSE(resource_of(type, "/3303/0/5700")->writable);
    for (const auto& resource : type.resources) ASSERT_NE(resource.definition, nullptr);
    EXPECT_TRUE(std::is_sorted(type.resources.begin(), type.resources.end(),
                               [](const auto& a, const auto& b) { return a.path < b.path; }));
}

TEST(Compile, AWrittenOutResourceGoesBeforeACompanion) {
    const auto plan =
        Stage().points("  a: {pin: 1, unit: Cel, to: 3303/0}\n  b: {pin: 2, type: float32, to: 3303/0/5601}\n").device().plan();
    const auto& type = *plan.devices.at(0).type;
    EXPECT_EQ(resource_of(type, "/3303/0/5601")->source, Source::point);
    EXPECT_EQ(resource_of(type, "/3303/0/5601")->number, 1);
    EXPECT_EQ(resource_of(type, "/3303/0/5602")->source, Source::maximum);
}

TEST(Compile, EachObjectHasItsMainValue) {
    for (const auto& [to, path] : {std::pair{"3303/0", "/3303/0/5700"},
                                   {"3305/1", "/3305/1/5800"},
                                   {"3312/0", "/3312/0/5850"},
                                   {"3308/0", "/3308/0/5900"},
                                   {"3342/0", "/3342/0/5500"},
                                   {"3348/0", "/3348/0/5547"},
                                   {"3320/2", "/3320/2/5700"},
                                   {"3316/0", "/3316/0/5700"},
                                   {"3311/0", "/3311/0/5850"}}) {
        const auto plan = Stage().points(std::string("  p: {pin: 1, to: ") + to + "}\n").device().plan();
        const auto* resource = resource_of(*plan.devices.at(0).type, path);
        ASSERT_NE(resource, nullptr) << to;
        EXPECT_EQ(resource->source, Source::point);
    }
}

// GW-071, OBJ-001
TEST(Compile, EveryDeviceShowsObject3) {
    const auto plan = Stage().points("  p: {pin: 1, to: 3303/0}\n").device().plan();
    const auto& type = *plan.devices.at(0).type;
    EXPECT_EQ(resource_of(type, "/3/0/4")->source, Source::refused);
    EXPECT_EQ(resource_of(type, "/3/0/11")->source, Source::error_code);
    EXPECT_EQ(resource_of(type, "/3/0/16")->fixed, lwm2m::Value(std::string("U")));
    EXPECT_EQ(resource_of(type, "/3/0/0"), nullptr);
}

TEST(Compile, DeviceTextsAreFixedOrReadAtStart) {
    Stage stage;
    const auto plan = stage.profile(meter).site(one).plan();
    const auto& type = *plan.devices.at(0).type;
    EXPECT_EQ(resource_of(type, "/3/0/0")->fixed, lwm2m::Value(std::string("Acme")));
    EXPECT_EQ(resource_of(type, "/3/0/1")->fixed, lwm2m::Value(std::string("EM-24")));
    EXPECT_EQ(resource_of(type, "/3/0/6/0")->fixed, lwm2m::Value(std::int64_t{6}));
    const auto* serial = resource_of(type, "/3/0/2");
    ASSERT_EQ(serial->source, Source::point);
    const auto& point = type.points.at(serial->number);
    EXPECT_TRUE(point.at_start);
    EXPECT_EQ(point.period, 0ms);
    EXPECT_EQ(stage.adapters.at(0)->shapes.at(0).at(point.index).pin, 30);
    EXPECT_EQ(point.conversion.read(std::uint64_t{1234567})->value,
              lwm2m::Value(std::string("1234567")));  // a number is a text here
}

TEST(Compile, PeriodsComeFromGroupPointOrDefault) {
    const auto plan = Stage().profile(meter).site(one).plan();
    const auto& type = *plan.devices.at(0).type;
    EXPECT_EQ(point_of(type, "temperature")->period, 1000ms);
    EXPECT_EQ(point_of(type, "temperature")->max_age, 1500ms);
    EXPECT_EQ(point_of(type, "power")->period, 500ms);
    EXPECT_EQ(point_of(type, "relay")->period, 10'000ms);
    EXPECT_EQ(point_of(type, "hidden")->period, 0ms);  // nobody sees it
    EXPECT_FALSE(point_of(type, "hidden")->at_start);
    EXPECT_TRUE(point_of(type, "model_number")->at_start);
    EXPECT_GT(point_of(type, "model_number")->max_age, 24h);
    EXPECT_EQ(point_of(type, "relay")->verify, 300ms);
    EXPECT_TRUE(point_of(type, "relay")->writable);
}

TEST(Compile, HealthIsRead) {
    const auto plan = Stage().profile(meter).site(one).plan();
    const auto& health = plan.devices.at(0).type->health;
    EXPECT_EQ(health.misses, 5U);
    EXPECT_EQ(health.retry_first, 1s);
    EXPECT_EQ(health.retry_max, 30s);
    EXPECT_FALSE(health.keep_value_offline);
}

TEST(Compile, AnActionIsStepsWithADeadline) {
    Stage stage;
    const auto plan = stage.profile(meter).site(one).plan();
    const auto& type = *plan.devices.at(0).type;
    const auto* resource = resource_of(type, "/3305/0/5822");
    ASSERT_EQ(resource->source, Source::action);
    const auto& action = type.actions.at(resource->number);
    ASSERT_EQ(action.steps.size(), 3U);
    const auto& write = std::get<WriteStep>(action.steps[0]);
    EXPECT_TRUE(same(write.value, std::int64_t{0x5AA5}));
    const auto& points = stage.adapters.at(0)->shapes.at(0);
    EXPECT_EQ(points.at(write.index).pin, 20);
    EXPECT_TRUE(points.at(write.index).access.write);
    EXPECT_FALSE(points.at(write.index).access.read);
    EXPECT_EQ(std::get<WaitStep>(action.steps[1]).span, 50ms);
    const auto& expect = std::get<ExpectStep>(action.steps[2]);
    EXPECT_TRUE(same(expect.equals, std::uint64_t{0}));
    EXPECT_EQ(points.at(expect.index).pin, 21);
    EXPECT_TRUE(points.at(expect.index).access.read);
    EXPECT_EQ(action.deadline, 4000ms + 50ms + 2000ms);
}

TEST(Compile, AnActionOnRebootReplacesTheRefusedOne) {
    const auto plan =
        Stage()
            .points(
                "  p: {pin: 1, to: 3303/0}\nactions:\n  reboot: {execute: 3/0/4, steps: [{write: {pin: 2, value: true}}]}\n")
            .device()
            .plan();
    EXPECT_EQ(resource_of(*plan.devices.at(0).type, "/3/0/4")->source, Source::action);
}

TEST(Compile, AParameterTakesItsTypeWhereItStandsAlone) {
    Stage stage;
    stage.profile(meter).site(
        "format: 1\ndevices:\n  - {id: hall, profile: acme/em@3, link: bus, set: {first: 42, word: X}}\n");
    const auto plan = stage.plan();
    EXPECT_EQ(stage.adapters.at(0)->shapes.at(0).at(0).pin, 42);
    EXPECT_EQ(resource_of(*plan.devices.at(0).type, "/3/0/1")->fixed, lwm2m::Value(std::string("X-24")));
}

TEST(Compile, ASecretComesFromItsFileAndReachesOnlyTheAdapter) {
    Stage stage;
    stage
        .profile(
            "format: 1\nprofile: x/y\nrevision: 1\nprotocol: fake\nparams: {pass: {type: secret}}\nfake: {key: "
            "\"${pass}\"}\npoints:\n  p: {pin: 1, to: 3303/0}\n")
        .device("set: {pass: \"${secret:door}\"}")
        .secret("door", "sesame");
    const auto plan = stage.plan();
    EXPECT_EQ(stage.adapters.at(0)->key, "sesame");
    EXPECT_EQ(plan.str().find("sesame"), std::string::npos);
}

TEST(Compile, ASecretInClearIsRefusedAndNotRepeated) {
    const auto text = Stage()
                          .profile(
                              "format: 1\nprofile: x/y\nrevision: 1\nprotocol: fake\nparams: {pass: {type: secret}}\nfake: "
                              "{key: \"${pass}\"}\npoints:\n  p: {pin: 1, to: 3303/0}\n")
                          .device("set: {pass: sesame}")
                          .errors();
    EXPECT_NE(text.find("parameter 'pass' is a secret"), std::string::npos) << text;
    EXPECT_EQ(text.find("sesame"), std::string::npos) << text;
}

TEST(Compile, ALinksSecretReachesItsAdapterAndNobodyElse) {
    Stage stage;
    stage.links("bus: {fake: here, key: \"${secret:door}\"}")
        .points("  p: {pin: 1, to: 3303/0}\n")
        .device()
        .secret("door", "sesame");
    const auto plan = stage.plan();
    EXPECT_EQ(stage.link_key, "sesame");
    EXPECT_EQ(plan.str().find("sesame"), std::string::npos);
}

TEST(Compile, ALinksSecretThatIsMissingOrWouldBeShownIsTold) {
    EXPECT_EQ(
        Stage().links("bus: {fake: here, key: \"${secret:door}\"}").errors(),
        "gateway.yaml:1:24: link 'bus': secret 'door': there is no such file; make the file, readable by the gateway only\n");
    EXPECT_NE(Stage()
                  .links("bus: {fake: \"${secret:door}\"}")
                  .secret("door", "sesame")
                  .errors()
                  .find("gateway.yaml:1:13: link 'bus': the secret 'door' could be shown here; only key, password and their "
                        "like take secrets"),
              std::string::npos);
    EXPECT_NE(
        Stage().links("bus: {fake: here, key: \"-----BEGIN PRIVATE KEY-----\"}").errors().find("'key' stands here in clear"),
        std::string::npos);
}

TEST(Compile, UnitsOfARangeBecomeDevices) {
    const auto plan = Stage()
                          .profile(meter)
                          .site(
                              "format: 1\ndevices:\n  - {id: \"sub-${unit}\", profile: acme/em@3, link: bus, unit: 20-27, "
                              "prefix: \"s${unit}\"}\n")
                          .plan();
    ASSERT_EQ(plan.devices.size(), 8U);
    EXPECT_EQ(plan.devices.front().id, "sub-20");
    EXPECT_EQ(plan.devices.back().id, "sub-27");
    EXPECT_EQ(plan.devices.back().prefix, "s27");
    for (const auto& device : plan.devices) EXPECT_EQ(device.type, plan.devices.front().type);
}

TEST(Compile, TheSiteChangesSinglePoints) {
    const auto plan =
        Stage()
            .profile(meter)
            .site(
                "format: 1\ndevices:\n  - {id: a, profile: acme/em@3, link: bus}\n  - id: b\n    profile: acme/em@3\n    link: "
                "bus\n    points:\n"
                "      power: {every: 2s}\n      temperature: {use: false}\n      relay: {write: none, every: start}\n")
            .plan();
    const auto& changed = *plan.devices.at(1).type;
    EXPECT_NE(plan.devices.at(0).type, plan.devices.at(1).type);
    EXPECT_EQ(point_of(changed, "power")->period, 2s);
    EXPECT_EQ(point_of(changed, "temperature"), nullptr);
    EXPECT_EQ(resource_of(changed, "/3303/0/5700"), nullptr);
    EXPECT_FALSE(resource_of(changed, "/3312/0/5850")->writable);
    EXPECT_TRUE(point_of(changed, "relay")->at_start);
    EXPECT_TRUE(resource_of(*plan.devices.at(0).type, "/3312/0/5850")->writable);
}

TEST(Compile, DevicesThatAreAlikeShareTheirTypeAcrossLinks) {
    Stage stage;
    stage.profile(meter)
        .links("a: {fake: 1}\nb: {fake: 2}\n")
        .site(
            "format: 1\ndevices:\n  - {id: d1, profile: acme/em@3, link: a}\n  - {id: d2, profile: acme/em@3, link: a}\n  - "
            "{id: d3, profile: acme/em@3, link: b}\n"
            "  - {id: d4, profile: acme/em@3, link: b, set: {word: other}}\n");
    const auto plan = stage.plan();
    EXPECT_EQ(plan.devices[0].type, plan.devices[1].type);
    EXPECT_EQ(plan.devices[0].type, plan.devices[2].type);
    EXPECT_NE(plan.devices[0].type, plan.devices[3].type);
    EXPECT_EQ(stage.adapters.at(0)->shapes.size(), 1U);  // bound once for each link
    EXPECT_EQ(stage.adapters.at(1)->shapes.size(), 2U);
}

TEST(Compile, AnAddressIsALinkOfItsOwnAndSharedByTheSameAddress) {
    const auto plan = Stage()
                          .profile(meter)
                          .site(
                              "format: 1\ndevices:\n  - {id: d1, profile: acme/em@3, address: \"tcp://192.0.2.1\", unit: 1}\n  "
                              "- {id: d2, profile: acme/em@3, address: \"tcp://192.0.2.1\", unit: 2}\n"
                              "  - {id: d3, profile: acme/em@3, address: \"tcp://192.0.2.2\", unit: 1}\n")
                          .plan();
    ASSERT_EQ(plan.links.size(), 3U);
    EXPECT_EQ(plan.links[1].name, "tcp://192.0.2.1");
    EXPECT_EQ(plan.devices[0].link, 1U);
    EXPECT_EQ(plan.devices[1].link, 1U);
    EXPECT_EQ(plan.devices[2].link, 2U);
}

TEST(Compile, TheFirstOfTwoProfilesWithOneNameCounts) {
    const auto plan =
        Stage().points("  own: {pin: 1, to: 3303/0}\n").points("  shipped: {pin: 1, to: 3303/0}\n").device().plan();
    EXPECT_EQ(plan.devices.at(0).type->points.at(0).name, "own");
}

TEST(Compile, AMistakeOfAProfileIsToldOnceForAllItsDevices) {
    std::string devices = "format: 1\ndevices:\n";
    for (int n = 0; n < 500; ++n)
        devices += fmt::format("  - {{id: d{}, profile: x/y@1, link: bus, set: {{pin: {}}}}}\n", n, n % 90);
    Stage stage;
    stage
        .profile(
            "format: 1\nprofile: x/y\nrevision: 1\nprotocol: fake\nparams: {pin: {type: int}}\npoints:\n  p: {pin: \"${pin}\", "
            "to: 3303/0, write: {}}\n")
        .site(devices);
    const auto text = stage.errors();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    EXPECT_LT(stage.diagnostics.count(), 100U);
}

TEST(Compile, ProfilesAreFreeOfTheDevicesSet) {
    EXPECT_EQ(Stage().site("format: 1\ndevices: []\n").plan().devices.size(), 0U);
    EXPECT_EQ(Stage().plan().devices.size(), 0U);
}

TEST(Compile, TenThousandDevicesCompileAtOnceAndStaySmall) {
    std::string devices = "format: 1\ndevices:\n";
    for (int n = 0; n < 10'000; ++n)
        devices += fmt::format("  - {{id: \"d{}\", profile: acme/em@3, link: bus, slot: {}}}\n", n, n);
    Stage stage;
    stage.profile(meter).site(devices);
    const auto before = std::chrono::steady_clock::now();
    const auto plan = stage.plan();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
    RecordProperty("seconds", std::to_string(took.count()));
    EXPECT_EQ(plan.devices.size(), 10'000U);
    for (const auto& device : plan.devices) ASSERT_EQ(device.type, plan.devices.front().type);
    EXPECT_LE(sizeof(Device), 200U);
}

TEST(Substitute, ReplacesInValuesOnly) {
    base::Diagnostics diagnostics;
    const auto node = config::read_yaml("a: \"${x}\"\nb: [\"t/${x}/${y}\", \"${z}\", \"${\"]\n", "f", diagnostics);
    ASSERT_TRUE(node);
    const Parameters parameters{{"x", base::Node::plain({}, "7")}, {"y", base::Node::text({}, "up")}};
    const auto result = substitute(*node, parameters);
    EXPECT_EQ(result.find("a")->kind(), base::Node::Kind::integer);
    EXPECT_EQ(result.find("a")->at(), node->find("a")->at());
    EXPECT_EQ(result.find("b")->items()[0].written(), "t/7/up");
    EXPECT_EQ(result.find("b")->items()[1].written(), "${z}");
    EXPECT_EQ(result.find("b")->items()[2].written(), "${");
}

TEST(Substitute, AParameterIsNotReadAgain) {
    const Parameters parameters{{"x", base::Node::text({}, "${y}")}, {"y", base::Node::text({}, "no")}};
    EXPECT_EQ(substitute(base::Node::text({}, "a ${x}"), parameters).written(), "a ${y}");
}

}  // namespace

}  // namespace mapping
