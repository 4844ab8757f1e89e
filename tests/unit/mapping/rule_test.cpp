#include "tests/unit/mapping/stage.hpp"

namespace mapping {

namespace {

constexpr const char* profile =
    "format: 1\nprofile: x/y\nrevision: 1\nprotocol: fake\n"
    "params:\n  vendor: {type: string, default: \"\"}\n  ratio: {type: int, default: 1}\n  key: {type: secret, default: \"\"}\n"
    "fake: {key: \"${key}\"}\n"
    "points: {t: {pin: \"${ratio}\", to: 3303/0}}\ndevice: {manufacturer: \"${vendor}\"}\n";

Plan plan(const std::string& rule) {
    return Stage()
        .profile(profile)
        .secret("door", "42")
        .site("format: 1\ndiscover:\n  - {name: r, link: bus, " + rule + "}\n")
        .plan();
}

/// The device's line as one would write it.
std::string line(const base::Node& node) {
    if (node.kind() != base::Node::Kind::map)
        return node.kind() == base::Node::Kind::text ? '"' + node.written() + '"' : node.written();
    std::string text;
    for (const auto& member : node.members()) text += (text.empty() ? "" : ", ") + member.key + ": " + line(member.value);
    return '{' + text + '}';
}
std::string device(const Rule& rule, const adapters::Found& found) {
    const auto made = rule.device(found);
    return made ? line(*made) : made.error().message;
}

const adapters::Found meter{"4711", {{"slot", "7"}}, {{"serial", "4711"}, {"vendor", "Acme"}}, ""};

TEST(Rule, MakesTheDeviceAsItWouldBeWritten) {
    const auto site = plan(
        "area: north, make: {id: \"em-${serial}\", profile: x/y@1, set: {ratio: 40, key: \"${secret:door}\"}}, approve: "
        "manual");
    ASSERT_EQ(site.rules.size(), 1U);
    const auto& rule = site.rules[0];
    EXPECT_EQ(rule.name, "r");
    EXPECT_EQ(rule.approve, Rule::Approve::manual);
    EXPECT_EQ(rule.limit, 100U);
    EXPECT_EQ(device(rule, meter),
              "{id: \"em-4711\", profile: \"x/y@1\", link: \"bus\", slot: 7, set: {vendor: \"Acme\", ratio: 40, key: "
              "\"${secret:door}\"}}");
}

TEST(Rule, WhatItMakesCompiles) {
    Stage stage;
    stage.profile(profile).site(
        "format: 1\ndiscover:\n  - {name: r, link: bus, make: {id: \"em-${serial}\", profile: x/y@1, set: {ratio: "
        "\"${slot}\"}}, approve: "
        "auto}\n");
    const auto first = stage.plan();
    Stage next;
    next.profile(profile);
    next.sources.site.push_back(
        base::Node::map({}, {{"format", {}, base::Node::plain({}, "1")},
                             {"devices", {}, base::Node::list({}, {first.rules[0].device(meter).value()})}}));
    const auto second = next.plan();
    ASSERT_EQ(second.devices.size(), 1U);
    EXPECT_EQ(second.devices[0].id, "em-4711");
    EXPECT_EQ(lwm2m::str(resource_of(*second.devices[0].type, "/3/0/0")->fixed), "\"Acme\"");
}

TEST(Rule, DoesNotTrustWhatItFinds) {
    const auto site = plan("make: {id: \"em-${serial}\", profile: x/y@1}, approve: auto, limit: 3");
    const auto& rule = site.rules[0];
    auto found = meter;
    found.facts["vendor"] = "${secret:door}";
    EXPECT_EQ(device(rule, found), "rule 'r', 4711: its vendor holds '${'");
    found.facts["vendor"] = "Ac\nme";
    EXPECT_EQ(device(rule, found), "rule 'r', 4711: its vendor is no clean text");
    found.facts["vendor"] = std::string(200, 'x');
    EXPECT_EQ(device(rule, found), "rule 'r', 4711: its vendor has over 128 bytes");
    found.facts["vendor"] = "\xFF";
    EXPECT_EQ(device(rule, found), "rule 'r', 4711: its vendor is no clean text");
    found.facts.erase("vendor");
    EXPECT_EQ(device(rule, found), "{id: \"em-4711\", profile: \"x/y@1\", link: \"bus\", slot: 7}");
    found.facts.erase("serial");
    EXPECT_EQ(device(rule, found), "rule 'r', 4711: it does not say its serial");
    found.facts["serial"] = std::string(128, 'x');
    EXPECT_NE(device(rule, found).find("an id of 131 bytes"), std::string::npos);
}

TEST(Rule, ATextStaysText) {
    const auto site = plan("make: {id: \"em-${serial}\", profile: x/y@1}, approve: auto");
    auto found = meter;
    found.facts["vendor"] = "0012";
    found.site["slot"] = "007";
    EXPECT_EQ(device(site.rules[0], found),
              "{id: \"em-4711\", profile: \"x/y@1\", link: \"bus\", slot: \"007\", set: {vendor: \"0012\"}}");
}

TEST(Rule, AnAllowListNamesKeysPlacesOrIds) {
    const auto allows = [](const std::string& patterns, const adapters::Found& found) {
        return plan("make: {id: \"em-${serial}\", profile: x/y@1}, approve: allowlist, allow: [" + patterns + "]")
            .rules.at(0)
            .allows(found);
    };
    EXPECT_TRUE(allows("4711", meter));
    EXPECT_TRUE(allows("9999, \"47*\"", meter));
    EXPECT_TRUE(allows("7", meter)) << "its slot";
    EXPECT_TRUE(allows("\"em-4?11\"", meter)) << "its id";
    EXPECT_FALSE(allows("471, \"*2\", em, Acme", meter)) << "not what it says of itself";
    EXPECT_TRUE(allows("\"*\"", meter));
    EXPECT_FALSE(allows("\"" + std::string(64, '*') + "x\"", {std::string(4096, 'a'), {}, {{"serial", "1"}}, ""}));
}

}  // namespace

}  // namespace mapping
