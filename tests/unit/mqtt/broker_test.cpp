#include "tests/unit/mqtt/mosquitto.hpp"

#include <dlfcn.h>
#include <algorithm>

/// The adapter with Paho in front of a real mosquitto: what stack.md knows of Paho's traps, one by one.
namespace adapters::mqtt {
namespace {

using namespace std::chrono_literals;

class RealBroker : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (!Mosquitto::there()) GTEST_SKIP() << "mosquitto is not installed";
    }
    std::string to(const Mosquitto& broker, const std::string& more = "") const {
        return fmt::format("{{mqtt: \"mqtt://127.0.0.1:{}\", version: {}{}}}", broker.port, GetParam(), more);
    }
};
INSTANTIATE_TEST_SUITE_P(Versions, RealBroker, testing::Values("3.1.1", "5"),
                         [](const auto& its) { return std::string(its.param) == "5" ? "v5" : "v311"; });

TEST_P(RealBroker, AWriteComesBackAsAValue) {
    Mosquitto broker;
    broker.start();
    RealLink link(to(broker));
    const auto shape = link.shape("{from: loop, qos: 1}");
    const auto point = link.point(shape, "{write: {topic: loop}}");
    const auto device = link.device(shape);
    link.start();
    ASSERT_TRUE(link.link_is("up"));
    EXPECT_FALSE(link.adapter->connection().refused("loop"));
    const auto said = link.write(device, point, Scalar(21.5));
    EXPECT_TRUE(link.hears("0.0 = 21.5"));
    EXPECT_TRUE(link.until([&] { return !said->empty(); }));
    EXPECT_EQ(*said, "done");
    link.stop();
}

TEST_P(RealBroker, AFirstConnectThatFailsIsTriedAgain) {
    Mosquitto broker;
    RealLink link(to(broker));
    link.point(link.shape("{from: a}"), "{}");
    link.start();
    ASSERT_TRUE(link.link_is("down"));
    broker.start();
    ASSERT_TRUE(link.link_is("up"));
    EXPECT_EQ(std::count(link.links.begin(), link.links.end(), "up"), 1);
}

TEST_P(RealBroker, AfterEachRestartItHearsAgainAndTheConnectIsToldOnce) {
    Mosquitto broker;
    broker.start();
    RealLink link(to(broker));
    const auto shape = link.shape("{from: loop}");
    const auto point = link.point(shape, "{write: {topic: loop}}");
    const auto device = link.device(shape);
    link.start();
    ASSERT_TRUE(link.link_is("up"));
    for (int round = 1; round <= 5; ++round) {
        broker.kill();
        ASSERT_TRUE(link.link_is("down"));
        broker.start();
        ASSERT_TRUE(link.link_is("up"));
        EXPECT_EQ(std::count(link.links.begin(), link.links.end(), "up"), round + 1);
        link.write(device, point, Scalar(std::int64_t{round}));
        EXPECT_TRUE(link.hears(fmt::format("0.0 = {}", round)));
    }
    link.stop();
}

TEST_P(RealBroker, ACommandDuringARestartArrivesOnce) {
    Mosquitto broker;
    broker.start();
    RealLink link(to(broker));
    const auto shape = link.shape("{from: loop, qos: 1}");
    const auto point = link.point(shape, "{write: {topic: loop}}");
    const auto device = link.device(shape);
    link.start();
    ASSERT_TRUE(link.link_is("up"));
    broker.kill();
    ASSERT_TRUE(link.link_is("down"));
    const auto said = link.write(device, point, Scalar(std::int64_t{77}));
    broker.start();
    EXPECT_TRUE(link.hears("0.0 = 77"));
    EXPECT_TRUE(link.until([&] { return !said->empty(); }));
    EXPECT_EQ(*said, "done");
    link.write(device, point, Scalar(std::int64_t{78}));
    EXPECT_TRUE(link.hears("0.0 = 78"));
    EXPECT_EQ(std::count(link.heard.begin(), link.heard.end(), "0.0 = 77"), 1);
}

TEST_P(RealBroker, AWrongPasswordIsSaidAndNotRepeated) {
    Mosquitto broker("password_file FOLDER/passwords\n");
    broker.run("touch passwords && chmod 600 passwords && mosquitto_passwd -b passwords gateway sesame");
    broker.start();
    {
        RealLink link(to(broker, ", user: gateway, password: wrong-one"));
        link.start();
        ASSERT_TRUE(link.link_is("down"));
        EXPECT_TRUE(link.links.back().find("the broker does not let us in") != std::string::npos ||
                    link.links.back().find("refuses user or password") != std::string::npos)
            << link.links.back();
        EXPECT_EQ(link.links.back().find("wrong-one"), std::string::npos);
    }
    RealLink link(to(broker, ", user: gateway, password: sesame"));
    link.start();
    EXPECT_TRUE(link.link_is("up"));
}

TEST_P(RealBroker, ARefusedSubscriptionIsSeenInTheSuback) {
    // mosquitto's own lists refuse no subscription, they only send nothing; its plugin for roles does.
    const std::string plugin = "/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so";
    if (!std::filesystem::exists(plugin)) GTEST_SKIP() << plugin << " is not there";
    Mosquitto broker("allow_anonymous true\nplugin " + plugin + "\nplugin_opt_config_file FOLDER/roles.json\n");
    broker.file(
        "roles.json",
        R"({"defaultACLAccess":{"publishClientSend":true,"publishClientReceive":true,"subscribe":false,"unsubscribe":true}})");
    broker.start();
    for (const int filters : {1, 2, 9}) {
        RealLink link(to(broker));
        const auto shape = link.shape("{}");
        for (int i = 0; i < filters; ++i) link.point(shape, fmt::format("{{from: closed/{}}}", i));
        const auto device = link.device(shape);
        link.start();
        ASSERT_TRUE(link.link_is("up"));
        for (int i = 0; i < filters; ++i) {
            const auto said = std::make_shared<std::string>();
            link.adapter->read(device, {static_cast<PointIndex>(i)}, link.timers.now() + 10s,
                               [said](Adapter::Values values) { *said = values[0] ? "a value" : values[0].error().message; });
            EXPECT_TRUE(link.until([&] { return !said->empty(); }));
            EXPECT_EQ(*said, fmt::format("the broker refuses the subscription to 'closed/{}'", i));
        }
    }
}

TEST_P(RealBroker, ItCanBeStoppedInEveryState) {
    Mosquitto broker;
    for (const bool running : {false, true}) {
        if (running) broker.start();
        for (const auto wait : {0ms, 1ms, 5ms, 20ms, 100ms}) {
            RealLink link(to(broker));
            link.point(link.shape("{from: a}"), "{}");
            link.start();
            const auto until = std::chrono::steady_clock::now() + wait;
            link.until([&] { return std::chrono::steady_clock::now() >= until; });
            link.stop();
        }
        RealLink never_stopped(to(broker));
        never_stopped.start();
        never_stopped.until([&, turns = 0]() mutable { return ++turns > 3; });
    }
}

TEST_P(RealBroker, AKeptSessionBringsWhatWasMissed) {
    Mosquitto broker;
    broker.start();
    const auto keys = to(broker, ", session: kept, client_id: edge, qos: 1");
    {
        RealLink link(keys);
        const auto shape = link.shape("{from: event}");
        link.point(shape, "{}");
        link.device(shape);
        link.start();
        ASSERT_TRUE(link.link_is("up"));
        link.stop();
    }
    broker.run(fmt::format("mosquitto_pub -p {} -q 1 -t event -m 5", broker.port));
    RealLink link(keys);
    const auto shape = link.shape("{from: event}");
    link.point(shape, "{}");
    link.device(shape);
    link.start();
    EXPECT_TRUE(link.hears("0.0 = 5"));
}

TEST_P(RealBroker, TlsTrustsOnlyWhatItIsToldAndLooksAtTheName) {
    Mosquitto broker(
        "allow_anonymous true\ncafile FOLDER/ca.pem\ncertfile FOLDER/broker.pem\nkeyfile FOLDER/broker.key\n"
        "require_certificate true\n");
    const std::string sign = "openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 ";
    broker.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca "
        "&& "
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout o.key -out other.pem -days 2 -subj "
        "/CN=other && "
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout broker.key -out b.csr -subj /CN=localhost && "
        "echo subjectAltName=DNS:localhost > san && " +
        sign +
        "-in b.csr -out broker.pem -extfile san && "
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout us.key -out us.csr -subj /CN=gateway && " +
        sign + "-in us.csr -out us.pem && chmod 644 *.key");
    broker.start();
    const auto keys = [&](const std::string& host, const std::string& ca) {
        const auto folder = broker.folder().string();
        return fmt::format("{{mqtt: \"mqtts://{}:{}\", version: {}, ca: {}/{}, certificate: {}/us.pem, key: {}/us.key}}", host,
                           broker.port, GetParam(), folder, ca, folder, folder);
    };
    RealLink good(keys("localhost", "ca.pem"));
    good.start();
    EXPECT_TRUE(good.link_is("up"));
    RealLink stranger(keys("localhost", "other.pem"));
    stranger.start();
    ASSERT_TRUE(stranger.link_is("down"));
    EXPECT_NE(stranger.links.back().find("TLS"), std::string::npos) << stranger.links.back();
    RealLink misnamed(keys("127.0.0.1", "ca.pem"));
    misnamed.start();
    ASSERT_TRUE(misnamed.link_is("down"));
    EXPECT_TRUE(std::find(misnamed.links.begin(), misnamed.links.end(), "up") == misnamed.links.end());
    RealLink plain(fmt::format("{{mqtt: \"mqtt://127.0.0.1:{}\"}}", broker.port));
    plain.start();
    EXPECT_TRUE(plain.link_is("down"));
}

TEST(MqttPlugin, LoadsByItsOneSymbol) {
    void* library = dlopen(MQTT_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library, nullptr) << dlerror();
    const auto* found = static_cast<const Descriptor*>(dlsym(library, "lwm2m_gateway_adapter"));
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->api, adapter_api);
    EXPECT_STREQ(found->name, "mqtt");
}

}  // namespace
}  // namespace adapters::mqtt
