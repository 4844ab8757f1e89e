#include "mapping/lint.hpp"

#include "mapping/units.hpp"
#include "tests/unit/mapping/bench.hpp"

namespace mapping {

namespace {

constexpr auto good = R"(
groups: {fast: {every: 1s}}
points:
  temperature: {pin: 0, type: int16, scale: 0.1, range: [-40, 125], unit: Cel, group: fast, to: 3303/0}
  voltage: {pin: 1, type: float32, range: [0, 1000], unit: V, to: 3316/0}
  relay: {pin: 3, type: bool, to: 3312/0, write: {verify: 1s}}
actions:
  reboot: {execute: 3/0/4, steps: [{write: {pin: 7, value: 1}}]}
  reset: {execute: 3303/0/5605, steps: [{write: {pin: 7, value: 1}}, {expect: {pin: 8, equals: 0, within: 1s}}]}
device: {manufacturer: X, model: M1}
tests:
  - {name: a, given: {"pin:0": 245}, expect: {3303/0/5700: 24.5}}
  - {name: b, write: {3312/0/5850: true}, sends: ["pin 3 = true"]}
)";

/// "code@line" of all advice.
std::string codes(OnBench& profile, std::string_view file = "") {
    const auto advice = lint(profile.root, file, profile.bench(), profile.diagnostics);
    if (!advice) return "broken: " + profile.diagnostics.str();
    std::string all;
    for (const auto& one : *advice) {
        EXPECT_FALSE(one.what.empty());
        EXPECT_FALSE(one.remedy.empty());
        all += fmt::format("{}{}@{}", all.empty() ? "" : " ", one.code, one.at.line);
    }
    return all;
}
std::string codes(const std::string& body) {
    OnBench profile(body);
    return codes(profile);
}
/// `good` with one part replaced.
std::string codes_with(const std::string& from, const std::string& to) {
    std::string body = good;
    const auto at = body.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return codes(body.replace(at, from.size(), to));
}

TEST(Lint, HasNothingToSayOfAGoodProfile) { EXPECT_EQ(codes(good), ""); }

TEST(Lint, MissesTitleAndSource) {
    OnBench profile(good, "");
    EXPECT_EQ(codes(profile), "no-source@1 no-title@1");
}

TEST(Lint, MissesMakerAndModel) {
    EXPECT_EQ(codes_with("device: {manufacturer: X, model: M1}", "device: {model: M1}"), "device-unnamed@16");
}

TEST(Lint, HoldsTheNameAgainstTheFile) {
    for (const char* fine : {"x/y.yaml", "x/y@1.yaml", "x/y-1.yaml", ""}) {
        OnBench profile(good);
        EXPECT_EQ(codes(profile, fine), "") << fine;
    }
    OnBench profile(good);
    EXPECT_EQ(codes(profile, "x/z.yaml"), "file-name@2");
}

TEST(Lint, MissesTests) {
    const std::string body = good;
    EXPECT_EQ(codes(body.substr(0, body.find("tests:"))), "no-tests@1");
}

TEST(Lint, MissesATestOfWrites) {
    const std::string body = good;
    EXPECT_EQ(codes(body.substr(0, body.find("  - {name: b"))), "write-untested@12");
}

TEST(Lint, MissesAUnitWhereTheObjectShowsOne) {
    EXPECT_EQ(codes_with("unit: Cel, ", ""), "unit-missing@10");
    EXPECT_EQ(codes_with("unit: Cel, group: fast, to: 3303/0", "group: fast, to: 3303/0/5700"), "")
        << "then nothing shows a unit";
}

TEST(Lint, KnowsSenmlUnits) {
    EXPECT_EQ(codes_with("unit: Cel", "unit: °C"), "unit-unknown@10");
    EXPECT_EQ(codes_with("unit: Cel", "unit: C"), "unit-unknown@10") << "the coulomb";
    EXPECT_EQ(codes_with("unit: V", "unit: mV"), "");
}

TEST(Lint, SeesAUnitThatTheResourceDoesNotHave) {
    EXPECT_EQ(codes_with("voltage: {pin: 1", "energy: {pin: 9, type: uint32, unit: kWh, to: 3305/0/5805}\n  voltage: {pin: 1"),
              "unit-differs@11");
    EXPECT_EQ(codes_with("voltage: {pin: 1", "energy: {pin: 9, type: uint32, unit: Wh, to: 3305/0/5805}\n  voltage: {pin: 1"),
              "");
}

TEST(Lint, WantsWritesVerified) { EXPECT_EQ(codes_with("write: {verify: 1s}", "write: {}"), "write-unverified@12"); }

TEST(Lint, AsksWhatATemperatureSaysWithoutASensor) {
    EXPECT_EQ(codes_with("range: [-40, 125], ", ""), "nothing-invalid@10");
    EXPECT_EQ(codes_with("range: [-40, 125], ", "invalid: [0x8000], "), "");
}

TEST(Lint, WantsOneFloatWithARange) { EXPECT_EQ(codes_with("range: [0, 1000], ", ""), "float-unchecked@11"); }

TEST(Lint, FindsUnusedGroupsAndPoints) {
    EXPECT_EQ(codes_with("groups: {fast: {every: 1s}}", "groups: {fast: {every: 1s}, slow: {every: 1m}}"), "group-unused@8");
    EXPECT_EQ(codes_with("  voltage:", "  spare: {pin: 9, type: uint16}\n  voltage:"), "point-unused@11");
}

TEST(Lint, TakesAPointForUsedThatAnotherOneOrTheDeviceNeeds) {
    EXPECT_EQ(codes_with("  voltage:",
                         "  spare: {pin: 9, type: uint16}\n  power: {calc: spare * 2, unit: W, to: 3305/0}\n  voltage:"),
              "");
    EXPECT_EQ(
        codes_with(
            "  voltage:",
            "  factor: {pin: 9, type: sunssf}\n  c: {pin: 8, type: uint16, exponent: factor, unit: A, to: 3317/0}\n  voltage:"),
        "");
    std::string body = good;
    body.replace(body.find("  voltage:"), 0, "  hot: {pin: 9, type: bool}\n");
    body.replace(body.find("model: M1"), 9, "model: M1, errors: {hot: 16}");
    EXPECT_EQ(codes(body), "");
}

TEST(Lint, WantsActionsToLookWhatBecameOfThem) {
    EXPECT_EQ(codes_with(", {expect: {pin: 8, equals: 0, within: 1s}}", ""), "action-unchecked@15");
}

TEST(Lint, SaysWhereAndWhatToDo) {
    OnBench profile(
        codes_with("unit: V", "unit: KV").empty() ? "" : "points: {v: {pin: 1, type: uint16, unit: kv, to: 3316/0}}\n", "");
    const auto advice = lint(profile.root, "", profile.bench(), profile.diagnostics);
    ASSERT_TRUE(advice && !advice->empty());
    EXPECT_EQ(advice->back().str(),
              "y.yaml:5:42: 'kv' is no SenML unit; servers may not know it; take one of RFC 8428 and RFC 8798, with "
              "scale: where it needs one [unit-unknown]");
}

TEST(Lint, DoesNotLookAtABrokenProfile) {
    EXPECT_EQ(codes("points: {t: {pin: 1, to: 3303/0, scael: 2}}\n"),
              "broken: y.yaml:7:34: unknown key 'scael' in point 't'; did you mean 'scale'?\n");
}

TEST(SenmlUnits, AreTheRegistrysSymbols) {
    for (const char* unit : {"Cel", "%RH", "kWh", "var", "varh", "ppm", "/", "hPa", "1/min"})
        EXPECT_TRUE(is_senml_unit(unit)) << unit;
    for (const char* unit : {"", "°C", "KWh", "cel", "Volt", "rpm"}) EXPECT_FALSE(is_senml_unit(unit)) << unit;
    EXPECT_EQ(senml_unit_like("KWh"), "kWh");
    EXPECT_EQ(senml_unit_like("°C"), "Cel");
    EXPECT_EQ(senml_unit_like("RPM"), "1/min");
    EXPECT_EQ(senml_unit_like("furlong"), "");
}

}  // namespace

}  // namespace mapping
