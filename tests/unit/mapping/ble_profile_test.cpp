// What a profile of protocol ble need not say: units, periods, signal strength; what lint misses in one; how its tests name the
// device's address and its secrets.
#include "config/yaml_reader.hpp"
#include "mapping/lint.hpp"
#include "mapping/vectors.hpp"
#include "tests/fakes/paper_ble.hpp"

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <algorithm>

namespace mapping {

namespace {

using namespace std::chrono_literals;

class BleProfile {
public:
    explicit BleProfile(const std::string& body) {
        const auto text = "format: 1\nprofile: x/y\nrevision: 1\ntitle: T\nsource: S\nprotocol: ble\n" + body;
        auto node = config::read_yaml(text, "y.yaml", diagnostics);
        EXPECT_TRUE(node) << diagnostics.str();
        if (node) root = std::move(*node);
    }
    static Bench bench() {
        static const auto catalog = lwm2m::ObjectCatalog::builtin();
        return {&catalog, [](std::string_view, base::Fields& link) { return fakes::PaperBle::create(link); }};
    }
    std::shared_ptr<const DeviceType> type() {
        const auto plan = compile_alone(root, nullptr, bench(), diagnostics);
        EXPECT_TRUE(plan) << diagnostics.str();
        return plan ? plan->devices.front().type : nullptr;
    }
    std::string advice() {
        const auto all = lint(root, "", bench(), diagnostics);
        EXPECT_TRUE(all) << diagnostics.str();
        std::string codes;
        for (const auto& one : all.value_or(std::vector<Advice>{})) codes += (codes.empty() ? "" : " ") + one.code;
        return codes;
    }
    std::string tests() {
        const auto run = run_vectors(root, bench(), diagnostics);
        if (!run) return diagnostics.str();
        std::string lines;
        for (const auto& result : run->results)
            if (!result.passed()) lines += fmt::format("{}: {}\n", result.name, fmt::join(result.differences, "; "));
        return lines;
    }

    base::Node root;
    base::Diagnostics diagnostics;
};

std::string fixed(const DeviceType& type, const std::string& path) {
    const auto wanted = lwm2m::Path::parse(path);
    for (const auto& resource : type.resources)
        if (resource.path == *wanted)
            return resource.source == Source::fixed   ? lwm2m::str(resource.fixed)
                   : resource.source == Source::point ? type.points[resource.number].name
                                                      : "something";
    return "";
}

const PointSpec& point(const DeviceType& type, std::string_view name) {
    return *std::find_if(type.points.begin(), type.points.end(), [name](const PointSpec& p) { return p.name == name; });
}

constexpr auto sensor = R"(
ble: {connect: per-poll, poll: 5m}
points:
  temperature: {char: 0x181A/0x2A6E, to: 3303/0}
  fahrenheit: {char: 0x181A/0x2A6E, scale: 1.8, offset: 32, to: 3303/1}
  said: {char: 0x181A/0x2A6F, unit: "/", to: 3304/0}
  often: {char: 0x181A/0x2A6D, every: 10s, to: 3315/0}
)";

// GW-008
TEST(BleProfile, TheFormatsUnitIsShownUnlessThePointChangesIt) {
    const auto type = BleProfile(sensor).type();
    ASSERT_TRUE(type);
    EXPECT_EQ(fixed(*type, "/3303/0/5701"), "\"Cel\"");
    EXPECT_EQ(fixed(*type, "/3303/1/5701"), "") << "degrees Fahrenheit are no Cel";
    EXPECT_EQ(fixed(*type, "/3304/0/5701"), "\"/\"");
    EXPECT_EQ(fixed(*type, "/3315/0/5701"), "\"Pa\"");
}

TEST(BleProfile, CharacteristicsAreReadAsOftenAsTheSectionSays) {
    const auto type = BleProfile(sensor).type();
    ASSERT_TRUE(type);
    EXPECT_EQ(point(*type, "temperature").period, 5min);
    EXPECT_EQ(point(*type, "often").period, 10s);
    const auto staying = BleProfile(
                             "ble: {connect: stay}\npoints:\n  a: {char: 0x181A/0x2A6E, to: 3303/0}\n"
                             "  b: {char: 0x180D/0x2A37, notify: true, to: 3346/0}\n")
                             .type();
    ASSERT_TRUE(staying);
    EXPECT_EQ(point(*staying, "a").period, 10s);
    EXPECT_EQ(point(*staying, "b").period, 0s) << "it comes by itself";
}

TEST(BleProfile, EveryDeviceShowsHowWellItIsHeard) {
    const auto type = BleProfile(sensor).type();
    ASSERT_TRUE(type);
    EXPECT_EQ(fixed(*type, "/3300/0/5700"), "signal");
    EXPECT_EQ(fixed(*type, "/3300/0/5701"), "\"dBm\"");
    EXPECT_EQ(fixed(*type, "/3300/0/5518"), "something");
    const auto taken = BleProfile("ble: {decode: eddystone}\npoints:\n  signal: {field: uptime, to: 3300/0}\n").type();
    ASSERT_TRUE(taken);
    EXPECT_EQ(fixed(*taken, "/3300/1/5700"), "radio_signal");
    const auto own = BleProfile("ble: {decode: eddystone}\npoints:\n  near: {field: rssi, to: 3300/7}\n").type();
    ASSERT_TRUE(own);
    EXPECT_EQ(fixed(*own, "/3300/0/5700"), "") << "the profile does it itself";
    EXPECT_EQ(fixed(*own, "/3300/7/5700"), "near");
}

constexpr auto climate = R"(
params: {key: {type: secret, default: ""}}
ble: {decode: bthome, key: "${key}"}
points:
  temperature: {field: temperature, to: 3303/0}
  battery: {field: battery, to: 3/0/9}
device: {manufacturer: X, model: M, serial: "${address}"}
health: {silence: 15m}
tests:
  - {name: plain, given: {"service:0xFCD2": "40 02CA09", rssi: -70}, expect: {3303/0/5700: 25.06, 3300/0/5700: -70}}
  - name: sealed
    with: {key: "231d39c1d7cc1ab1aee224cd096db932", address: "54:48:E6:8F:80:A5"}
    given: {"service:0xFCD2": "41 A47266C95F73 00112233 78237214"}
    expect: {3303/0/5700: 25.06, 3/0/2: "54:48:E6:8F:80:A5"}
)";
std::string with(const std::string& from, const std::string& to) {
    std::string body = climate;
    const auto at = body.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return body.replace(at, from.size(), to);
}

TEST(BleProfile, ItsTestsSayTheAddressAndWhatStandsInASecret) {
    EXPECT_EQ(BleProfile(climate).tests(), "");
    EXPECT_NE(BleProfile(with("A5\"}\n    given", "A6\"}\n    given")).tests().find("wrong key"), std::string::npos);
    EXPECT_NE(BleProfile(with("231d39", "331d39")).tests().find("wrong key"), std::string::npos);
    const auto short_key = BleProfile(with("231d39c1d7cc1ab1aee224cd096db932", "231d39c1")).tests();
    EXPECT_NE(short_key.find("'key' is no key"), std::string::npos) << short_key;
    EXPECT_EQ(short_key.find("231d39c1"), std::string::npos) << "a secret is not repeated";
}

TEST(BleProfile, AMisspeltGivenIsTold) {
    for (const auto* wrong : {"\"services:0xFCD2\": \"40 02CA09\"", "\"service:0xFCD2\": \"40 02CA0\"",
                              "\"0x181A/0x2A6E\": \"0000\"", "rssi: far", "\"manufacturer:0x0499\": \"05\""})
        EXPECT_NE(BleProfile(with("\"service:0xFCD2\": \"40 02CA09\"", wrong)).tests(), "") << wrong;
}

TEST(BleProfile, LintMissesWhatOnlyARadioNeeds) {
    EXPECT_EQ(BleProfile(climate).advice(), "");
    EXPECT_EQ(BleProfile(with("health: {silence: 15m}", "")).advice(), "no-silence");
    auto keyless =
        with("params: {key: {type: secret, default: \"\"}}\nble: {decode: bthome, key: \"${key}\"}", "ble: {decode: bthome}");
    keyless.resize(keyless.find("  - name: sealed"));
    EXPECT_EQ(BleProfile(keyless).advice(), "no-key");
    EXPECT_EQ(BleProfile(with("temperature, to: 3303/0", "power, to: 3305/0/5805")).advice(), "unit-differs")
        << "Wh, and the format has W";
}

}  // namespace

}  // namespace mapping
