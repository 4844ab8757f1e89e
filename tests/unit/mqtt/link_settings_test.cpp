#include "adapters/mqtt/link_settings.hpp"

#include "config/yaml_reader.hpp"

#include <gtest/gtest.h>

namespace adapters::mqtt {
namespace {

using namespace std::chrono_literals;

struct Read {
    std::optional<LinkSettings> settings;
    std::string errors;
};
Read link(const std::string& text) {
    base::Diagnostics diagnostics;
    const auto node = config::read_yaml(text, "g.yaml", diagnostics).value_or(base::Node{});
    Fields fields(node, "link 'house'", diagnostics);
    Read read{read_link(fields), {}};
    fields.done();
    read.errors = diagnostics.str();
    return read;
}

TEST(MqttLink, TheShortFormHasGoodDefaults) {
    const auto read = link("{mqtt: \"mqtt://broker.example\"}");
    ASSERT_TRUE(read.settings) << read.errors;
    EXPECT_EQ(read.settings->where(), "mqtt broker.example:1883");
    EXPECT_FALSE(read.settings->v5);
    EXPECT_FALSE(read.settings->kept);
    EXPECT_EQ(read.settings->keepalive, 15s);
    EXPECT_EQ(link("{mqtt: \"mqtts://[2001:db8::1]\"}").settings->where(), "mqtts [2001:db8::1]:8883");
}

TEST(MqttLink, EverythingCanBeSaid) {
    const auto read = link(
        "{mqtt: \"mqtts://broker.example:18883\", version: 5, user: gateway, password: sesame, ca: /etc/hostname, "
        "certificate: /etc/hostname, key: /etc/hostname, client_id: edge, keepalive: 30s, qos: 1, session: kept, "
        "session_expiry: 2h, offline_queue: 5, retry: {first: 1s, max: 2s}}");
    ASSERT_TRUE(read.settings) << read.errors;
    EXPECT_TRUE(read.settings->v5 && read.settings->tls && read.settings->kept);
    EXPECT_EQ(read.settings->password, "sesame");
    EXPECT_EQ(read.settings->where(), "mqtts broker.example:18883");
    EXPECT_EQ(read.settings->offline_queue, 5U);
    EXPECT_EQ(read.settings->session_expiry, 2h);
    EXPECT_EQ(link("{mqtt: \"mqtt://b\", version: 3.1.1}").errors, "");
}

TEST(MqttLink, EveryMistakeIsToldAtOnceAndNoSecretWithIt) {
    const auto read = link(
        "{mqtt: \"http://b\", version: 4, password: [sesame], ca: relative.pem, keepalive: 1ms, qos: 3, session: kept, "
        "retry: {first: 9s, max: 1s}, pasword: x}");
    EXPECT_FALSE(read.settings);
    for (const auto* part : {"'http://b' is no broker's address", "'version' cannot be '4'", "'password' must be text",
                             "'ca' without TLS", "'keepalive' is 1ms, out of range", "'qos' is 3",
                             "a kept session needs a name", "'first' is over 'max'", "unknown key 'pasword'"})
        EXPECT_NE(read.errors.find(part), std::string::npos) << part << "\n" << read.errors;
    EXPECT_EQ(read.errors.find("sesame"), std::string::npos);
}

TEST(MqttLink, APasswordInTheAddressIsRefusedAndNotRepeated) {
    const auto read = link("{mqtt: \"mqtt://user:sesame@broker.example\"}");
    EXPECT_FALSE(read.settings);
    EXPECT_EQ(read.errors.find("sesame"), std::string::npos) << read.errors;
}

TEST(MqttLink, WhatBelongsTogetherIsAskedForTogether) {
    EXPECT_NE(link("{mqtt: \"mqtts://b\", certificate: /etc/hostname}").errors.find("'certificate' and 'key' belong together"),
              std::string::npos);
    EXPECT_NE(link("{mqtt: \"mqtts://b\", ca: /no/such.pem}").errors.find("there is no file '/no/such.pem'"),
              std::string::npos);
    EXPECT_NE(link("{mqtt: \"mqtt://b\", password: x}").errors.find("'password' without 'user'"), std::string::npos);
    EXPECT_NE(link("{mqtt: \"mqtt://b\", session_expiry: 1h}").errors.find("only a kept session of MQTT 5 has an end"),
              std::string::npos);
    for (const auto* bad : {"mqtt://", "mqtt://b:0", "mqtt://b:70000", "mqtt://b c", "mqtt://[::1", "mqtt://-b"})
        EXPECT_FALSE(link(fmt::format("{{mqtt: \"{}\"}}", bad)).settings) << bad;
}

}  // namespace
}  // namespace adapters::mqtt
