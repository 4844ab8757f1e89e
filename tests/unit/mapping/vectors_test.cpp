#include "mapping/vectors.hpp"

#include "tests/unit/mapping/bench.hpp"

#include <fmt/ranges.h>

namespace mapping {

namespace {

constexpr auto points = R"(
params:
  ratio: {type: int, default: 1}
points:
  temperature: {pin: 0, type: int16, scale: 0.1, invalid: [0x8000], range: [-40, 125], unit: Cel, to: 3303/0, application: inside}
  voltage: {pin: 1, type: uint16, to: 3316/0, unit: V}
  current: {pin: 2, type: uint16, scale: 0.01, to: 3317/0, unit: A}
  power: {calc: voltage * current * ratio, unit: W, to: 3305/0}
  relay: {pin: 3, type: bool, to: 3312/0, write: {verify: 1s}}
  limit: {pin: 4, type: uint16, scale: 0.1, to: 3308/0, unit: A, write: {min: 6, max: 32, verify: 1s}}
  hot: {pin: 5, type: bool}
actions:
  reset: {execute: 3305/0/5822, steps: [{write: {pin: 7, value: 1}}, {wait: 10ms}, {write: {pin: 8, value: 2}}]}
device: {manufacturer: X, model: M1, errors: {hot: 16}}
tests:
)";

/// All that one test says: "passed", or what differs.
std::string verdict(const std::string& test) {
    OnBench profile(points + test);
    const auto run = run_vectors(profile.root, profile.bench(), profile.diagnostics);
    if (!run) return "broken: " + profile.diagnostics.str();
    if (run->results.empty()) return "no tests";
    std::string all;
    for (const auto& result : run->results) {
        EXPECT_EQ(result.at.file, "y.yaml");
        all += result.passed() ? "passed\n" : fmt::format("{}\n", fmt::join(result.differences, "\n"));
    }
    return all;
}

TEST(Vectors, PassWhenAServerReadsWhatTheTestSays) {
    EXPECT_EQ(
        verdict("  - {name: a, given: {\"pin:0\": 245, \"pin:3\": true}, expect: {3303/0/5700: 24.5, 3312/0/5850: true}}\n"
                "  - {name: b, given: {\"pin:0\": -45}, expect: {3303/0/5700: -4.5}}\n"),
        "passed\npassed\n");
}

TEST(Vectors, TellWhatWasExpectedAndWhatCame) {
    EXPECT_EQ(
        verdict("  - {name: a, given: {\"pin:0\": 246, \"pin:3\": true}, expect: {3303/0/5700: 24.5, 3312/0/5850: false}}\n"),
        "3303/0/5700: expected 24.5, got 24.6\n3312/0/5850: expected false, got true\n");
}

TEST(Vectors, KnowCompanions) {
    EXPECT_EQ(verdict("  - name: a\n    given: {\"pin:0\": 245}\n"
                      "    expect: {3303/0/6042: 4, 3303/0/5601: 24.5, 3303/0/5602: 24.5, 3303/0/5603: -40, 3303/0/5701: Cel, "
                      "3303/0/5750: inside, 3/0/0: X, 3/0/11: 0, 3316/0/6042: 0, 3316/0/5700: null}\n"),
              "passed\n");
    EXPECT_EQ(verdict("  - {name: a, given: {\"pin:0\": 245}, expect: {3303/0/5518: 1, 3303/0/5605: 1}}\n"),
              "3303/0/5518: expected 1, got a time, which is not the same twice\n"
              "3303/0/5605: expected 1, got something that can only be executed\n");
}

TEST(Vectors, KnowQualities) {
    EXPECT_EQ(verdict("  - {name: not fitted, given: {\"pin:0\": -32768}, expect: {3303/0/6042: 1, 3303/0/5700: null, "
                      "3303/0/5601: null}}\n"
                      "  - {name: impossible, given: {\"pin:0\": 2000}, expect: {3303/0/6042: 2, 3303/0/5700: null}}\n"),
              "passed\npassed\n");
}

TEST(Vectors, WorkOutWhatIsMadeOfOthers) {
    EXPECT_EQ(
        verdict("  - {name: a, given: {\"pin:1\": 230, \"pin:2\": 150}, expect: {3305/0/5800: 345}}\n"
                "  - {name: b, with: {ratio: 40}, given: {\"pin:1\": 230, \"pin:2\": 150}, expect: {3305/0/5800: 13800}}\n"
                "  - {name: c, given: {\"pin:1\": 230}, expect: {3305/0/5800: null}}\n"),
        "passed\npassed\npassed\n");
}

TEST(Vectors, KnowErrorCodes) {
    EXPECT_EQ(verdict("  - {name: a, given: {\"pin:5\": true}, expect: {3/0/11/0: 16, 3/0/11/1: null}}\n"), "passed\n");
    EXPECT_EQ(verdict("  - {name: a, given: {\"pin:5\": false}, expect: {3/0/11/0: 16}}\n"), "3/0/11/0: expected 16, got 0\n");
}

TEST(Vectors, CompareWhatAWriteSends) {
    EXPECT_EQ(
        verdict("  - {name: a, write: {3312/0/5850: true, 3308/0/5900: 16.5}, sends: [\"pin 3 = true\", \"pin 4 = 165\"]}\n"),
        "passed\n");
    EXPECT_EQ(
        verdict("  - {name: a, write: {3308/0/5900: 16}, sends: [\"pin 4 = 161\", \"pin 4 = 162\"]}\n"),
        "sends: expected \"pin 4 = 161\", got \"pin 4 = 160\"\nsends: expected \"pin 4 = 162\", and nothing more was sent\n");
    EXPECT_EQ(verdict("  - {name: a, write: {3308/0/5900: 16}, sends: []}\n"), "sends: \"pin 4 = 160\" was sent too\n");
}

TEST(Vectors, TellWhyAWriteIsRefused) {
    const auto said = verdict("  - {name: a, write: {3308/0/5900: 33}, sends: []}\n");
    EXPECT_EQ(said.find("3308/0/5900: 33 is refused: "), 0U) << said;
    EXPECT_NE(said.find("32"), std::string::npos) << "the limit: " << said;
    EXPECT_EQ(verdict("  - {name: a, write: {3303/0/5700: 1}, sends: []}\n"),
              "3303/0/5700: the profile does not let a server write it\n");
}

TEST(Vectors, CompareWhatAnExecuteSends) {
    EXPECT_EQ(verdict("  - {name: a, execute: 3305/0/5822, sends: [\"pin 7 = 1\", \"pin 8 = 2\"]}\n"), "passed\n");
    EXPECT_EQ(verdict("  - {name: a, execute: 3/0/4, sends: [\"pin 7 = 1\"]}\n"),
              "3/0/4: no action of the profile does it (5.01)\nsends: expected \"pin 7 = 1\", and nothing more was sent\n");
}

TEST(Vectors, GiveAnExecuteItsArguments) {
    constexpr auto pulse =
        "points: {t: {pin: 1, to: 3303/0}}\n"
        "actions: {pulse: {execute: 3303/0/5605, args: {0: {type: int, min: 1, max: 60}}, steps: [{write: {pin: 7, type: "
        "uint16, value: "
        "\"${arg.0}\"}}]}}\n"
        "tests:\n  - {name: a, execute: 3303/0/5605, args: \"0='12'\", sends: [\"pin 7 = 12\"]}\n"
        "  - {name: b, execute: 3303/0/5605, args: \"0='61'\", sends: []}\n  - {name: c, execute: 3303/0/5605, sends: []}\n";
    OnBench profile(pulse);
    const auto run = run_vectors(profile.root, profile.bench(), profile.diagnostics);
    ASSERT_TRUE(run && run->results.size() == 3) << profile.diagnostics.str();
    EXPECT_TRUE(run->results[0].passed()) << run->results[0].differences.front();
    EXPECT_FALSE(run->results[1].passed()) << "over the limit";
    EXPECT_FALSE(run->results[2].passed()) << "it must be given";
}

TEST(Vectors, AreThemselvesChecked) {
    EXPECT_EQ(verdict("  - {name: a, given: {\"pin:99\": 1}, expect: {3303/0/5700: null}}\n"),
              "y.yaml:22:23: no point is at pin:99; give a pin that a point reads\n");
    EXPECT_EQ(verdict("  - {name: a, given: {\"pin:0\": 1}, expect: {3303/0/5701: Cel, 3304/0/5700: 1, 3303/0/5702: 1}}\n"),
              "3304/0/5700: the profile has no such resource; did you mean 3303/0/5700?\n"
              "3303/0/5702: the profile has no such resource; did you mean 3303/0/5602?\n");
    EXPECT_EQ(verdict("  - {name: a, with: {rato: 2}, given: {\"pin:1\": 1}, expect: {3316/0/5700: 1}}\n"),
              "y.yaml:22:22: device 'bench': x/y@1 has no parameter 'rato'; did you mean 'ratio'?\n");
    EXPECT_EQ(verdict("  - {name: a, given: {\"pin:0\": null}, expect: {3303/0/5700: 1}}\n"),
              "3303/0/5700: expected 1, got an error: a broken pin\n");
}

TEST(Vectors, NeedAValueForEachParameter) {
    OnBench profile(
        "params: {pin: {type: int}}\npoints: {t: {pin: \"${pin}\", to: 3303/0}}\n"
        "tests:\n  - {name: a, given: {\"pin:1\": 1}, expect: {3303/0/5700: 1}}\n"
        "  - {name: b, with: {pin: 7}, given: {\"pin:7\": 1}, expect: {3303/0/5700: 1}}\n");
    const auto run = run_vectors(profile.root, profile.bench(), profile.diagnostics);
    ASSERT_TRUE(run && run->results.size() == 2) << profile.diagnostics.str();
    EXPECT_EQ(run->profile, "x/y@1");
    EXPECT_EQ(run->failed(), 1U);
    EXPECT_EQ(run->results[0].differences, std::vector<std::string>{"parameter 'pin' has no value; add with: {pin: …}"});
    EXPECT_TRUE(run->results[1].passed());
}

TEST(Vectors, TakeFloatsForEqualThatPrintAlikeInADoubleOrAFloat32) {
    OnBench profile(
        "points: {t: {pin: 1, type: float64, to: 3303/0}}\n"
        "tests:\n  - {name: a, given: {\"pin:1\": 229.00999450683594}, expect: {3303/0/5700: 229.01}}\n"
        "  - {name: b, given: {\"pin:1\": 229.02}, expect: {3303/0/5700: 229.01}}\n");
    const auto run = run_vectors(profile.root, profile.bench(), profile.diagnostics);
    ASSERT_TRUE(run) << profile.diagnostics.str();
    EXPECT_TRUE(run->results[0].passed());
    EXPECT_EQ(run->results[1].differences, std::vector<std::string>{"3303/0/5700: expected 229.01, got 229.02"});
}

TEST(Vectors, OfABrokenProfileAreNotRun) {
    OnBench profile("points: {t: {pin: 1, to: 3303/0, scael: 2}}\n");
    EXPECT_FALSE(run_vectors(profile.root, profile.bench(), profile.diagnostics).has_value());
    EXPECT_EQ(profile.diagnostics.str(), "y.yaml:7:34: unknown key 'scael' in point 't'; did you mean 'scale'?\n");
}

TEST(Vectors, MayBeMissing) {
    OnBench profile("points: {t: {pin: 1, to: 3303/0}}\n");
    const auto run = run_vectors(profile.root, profile.bench(), profile.diagnostics);
    ASSERT_TRUE(run);
    EXPECT_TRUE(run->results.empty());
}

TEST(Vectors, OfWhatIsNoProfileAreNotRun) {
    for (const char* text : {"[]", "1", "{}", "{format: 1, protocol: fake}",
                             "{format: 1, profile: x/y, revision: 1, protocol: other, points: {}}"}) {
        base::Diagnostics diagnostics;
        OnBench any("points: {}\n");
        const auto node = config::read_yaml(text, "n.yaml", diagnostics);
        ASSERT_TRUE(node) << text;
        EXPECT_FALSE(run_vectors(*node, any.bench(), diagnostics).has_value()) << text;
        EXPECT_FALSE(diagnostics.ok()) << text;
    }
}

}  // namespace

}  // namespace mapping
