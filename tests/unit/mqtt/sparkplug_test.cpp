#include "adapters/mqtt/sparkplug_host.hpp"

#include "tests/unit/mqtt/stage.hpp"

namespace adapters::mqtt::sparkplug {
namespace {

using namespace std::chrono_literals;

Metric metric(const std::string& name, Type type, Scalar value, std::optional<std::uint64_t> alias = {}) {
    Metric made;
    made.name = name;
    made.type = type;
    made.value = std::move(value);
    made.alias = alias;
    return made;
}
std::string bytes(std::vector<Metric> metrics, std::optional<std::uint64_t> seq = {}) {
    Payload payload;
    payload.seq = seq;
    payload.metrics = std::move(metrics);
    const auto coded = encode(payload);
    return std::string(base::as_text(coded));
}

struct Plant final : Host::Events {
    Plant() : host(timers, *this) { node = host.add_node("G", "N"); }
    void metric(std::size_t, std::string_view device, std::string_view name, Scalar value, WallTime) override {
        said.push_back(fmt::format("{}{}{} = {}", device, device.empty() ? "" : ":", name, plain_value(value)));
    }
    void alive(std::size_t, std::string_view device, bool up, std::string) override {
        said.push_back(fmt::format("{} {}", device.empty() ? "node" : device, up ? "up" : "down"));
    }
    void send(Message message) override { sent.push_back(std::move(message)); }
    void hear(const std::string& what, const std::string& payload) {
        const auto done = host.received(what, base::as_bytes(payload));
        if (!done) said.push_back("error: " + done.error().message);
    }
    Lines news() { return std::exchange(said, {}); }
    void born() {
        hear("spBv1.0/G/NBIRTH/N", bytes({sparkplug::metric("bdSeq", Type::uint64, std::uint64_t{4}),
                                          sparkplug::metric("Temp", Type::float32, 21.5, 7)},
                                         0));
    }

    fakes::ManualTimers timers;
    Lines said;
    std::vector<Message> sent;
    Host host;
    std::size_t node;
};

TEST(Sparkplug, EveryTypeGoesThereAndBack) {
    const std::vector<Metric> all{metric("a", Type::int8, std::int64_t{-5}),
                                  metric("b", Type::int16, std::int64_t{-300}),
                                  metric("c", Type::int32, std::int64_t{-70000}),
                                  metric("d", Type::int64, std::int64_t{-5'000'000'000}),
                                  metric("e", Type::uint8, std::uint64_t{200}),
                                  metric("f", Type::uint64, std::uint64_t{1} << 63),
                                  metric("g", Type::float32, 0.1),
                                  metric("h", Type::float64, 0.1),
                                  metric("i", Type::boolean, true),
                                  metric("j", Type::string, std::string("ä")),
                                  metric("k", Type::bytes, Bytes{1, 2}),
                                  metric("l", Type::uint32, std::uint64_t{4'000'000'000})};
    const auto back = decode(base::as_bytes(bytes(all, 3)));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->seq, 3U);
    ASSERT_EQ(back->metrics.size(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(back->metrics[i].value, all[i].value) << all[i].name;
}

TEST(Sparkplug, BytesOfAnotherImplementationAreRead) {
    // {timestamp: 1486144502122, metrics: {name: "My Metric", alias: 1, timestamp: 1479123452194, datatype: 12,
    // string_value: "Test"}, seq: 2}: the values of the specification's example, put down by the rules of Protocol Buffers.
    const auto wire = base::from_hex(
        "08 ea f2 f5 a8 a0 2b 12 1c 0a 09 4d 79 20 4d 65 74 72 69 63 10 01 18 a2 82 83 95 86 2b 20 0c 7a 04 54 65 73 74 18 02");
    ASSERT_TRUE(wire);
    const auto payload = decode(*wire);
    ASSERT_TRUE(payload);
    ASSERT_EQ(payload->metrics.size(), 1U);
    EXPECT_EQ(payload->metrics[0].name, "My Metric");
    EXPECT_EQ(payload->metrics[0].value, Scalar(std::string("Test")));
    EXPECT_EQ(payload->metrics[0].alias, 1U);
    EXPECT_EQ(payload->timestamp, 1486144502122U);
    EXPECT_EQ(payload->seq, 2U);
}

TEST(Sparkplug, WhatIsCutOrWrongIsRefused) {
    const std::string whole = bytes({metric("Temp", Type::float32, 21.5)}, 1);
    for (std::size_t cut = 1; cut < whole.size(); ++cut) {
        const auto got = decode(base::as_bytes(whole).first(cut));
        EXPECT_TRUE(!got || got->metrics.size() <= 1U);
    }
    for (const auto* hex : {"12", "12 7f", "0f", "00", "12 02 52 01", "ff ff ff ff ff ff ff ff ff ff ff 01"}) {
        const auto wire = base::from_hex(hex);
        EXPECT_FALSE(decode(*wire)) << hex;
    }
}

TEST(Sparkplug, ABirthNamesWhatDataTellsByAlias) {
    Plant plant;
    plant.host.connected();
    plant.born();
    EXPECT_EQ(plant.news(), (Lines{"node up", "bdSeq = 4", "Temp = 21.5"}));
    Metric later;
    later.alias = 7;
    later.type = Type::float32;
    later.value = 22.0;
    plant.hear("spBv1.0/G/NDATA/N", bytes({later}, 1));
    EXPECT_EQ(plant.news(), Lines{"Temp = 22"});
}

TEST(Sparkplug, DataWithoutItsTypeTakesThatOfTheBirth) {
    Plant plant;
    plant.host.connected();
    plant.hear("spBv1.0/G/NBIRTH/N", bytes({metric("Cold", Type::int16, std::int64_t{-1}, 1)}, 0));
    plant.news();
    Metric later = metric("", Type::int16, std::int64_t{-20}, 1);
    auto payload = bytes({later}, 1);
    // The datatype field (20 02) taken out of the metric.
    const auto at = payload.find("\x20\x02");
    ASSERT_NE(at, std::string::npos);
    payload.erase(at, 2);
    payload[1] = static_cast<char>(payload[1] - 2);
    plant.hear("spBv1.0/G/NDATA/N", payload);
    EXPECT_EQ(plant.news(), Lines{"Cold = -20"});
}

TEST(Sparkplug, AGapAsksForARebirthOnceAndNotInAStorm) {
    Plant plant;
    plant.host.connected();
    plant.timers.advance(1ms);
    EXPECT_EQ(plant.sent.size(), 1U) << "at the start nothing is known";
    plant.born();
    plant.timers.advance(20s);
    plant.sent.clear();
    for (std::uint64_t seq = 5; seq < 200; seq += 2)
        plant.hear("spBv1.0/G/NDATA/N", bytes({metric("Temp", Type::float32, 1.0)}, seq));
    plant.timers.advance(5s);
    ASSERT_EQ(plant.sent.size(), 1U);
    EXPECT_EQ(plant.sent[0].topic, "spBv1.0/G/NCMD/N");
    const auto asked = decode(base::as_bytes(plant.sent[0].payload));
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->metrics.at(0).name, "Node Control/Rebirth");
    EXPECT_EQ(asked->metrics.at(0).value, Scalar(true));
    plant.timers.advance(10min);
    EXPECT_LE(plant.sent.size(), 8U) << "the pause doubles";
    plant.born();
    plant.sent.clear();
    plant.timers.advance(30min);
    EXPECT_TRUE(plant.sent.empty());
}

TEST(Sparkplug, AThousandNodesAreAskedFiveASecond) {
    Plant plant;
    for (int i = 0; i < 1'000; ++i) plant.host.add_node("G", fmt::format("n{}", i));
    plant.host.connected();
    plant.timers.advance(10s);
    EXPECT_LE(plant.sent.size(), 52U);
    EXPECT_GE(plant.sent.size(), 45U);
}

TEST(Sparkplug, ADeathOfAnEarlierLifeIsNone) {
    Plant plant;
    plant.host.connected();
    plant.born();
    plant.news();
    plant.hear("spBv1.0/G/NDEATH/N", bytes({metric("bdSeq", Type::uint64, std::uint64_t{3})}));
    EXPECT_EQ(plant.news(), Lines{});
    plant.hear("spBv1.0/G/NDEATH/N", bytes({metric("bdSeq", Type::uint64, std::uint64_t{4})}));
    EXPECT_EQ(plant.news(), Lines{"node down"});
}

TEST(Sparkplug, DevicesOfANodeAreBornAndDie) {
    Plant plant;
    plant.host.connected();
    plant.born();
    plant.news();
    plant.hear("spBv1.0/G/DBIRTH/N/pump", bytes({metric("Flow", Type::float64, 1.25, 9)}, 1));
    EXPECT_EQ(plant.news(), (Lines{"pump up", "pump:Flow = 1.25"}));
    plant.hear("spBv1.0/G/DDEATH/N/pump", bytes({}, 2));
    EXPECT_EQ(plant.news(), Lines{"pump down"});
}

TEST(Sparkplug, ANullIsNoNumberAndAHistoricalValueNoNews) {
    Plant plant;
    plant.host.connected();
    plant.born();
    plant.news();
    Metric none = metric("Temp", Type::float32, 1.0);
    none.is_null = true;
    Metric once = metric("Temp", Type::float32, 1.0);
    once.historical = true;
    plant.hear("spBv1.0/G/NDATA/N", bytes({none, once}, 1));
    EXPECT_EQ(plant.news(), Lines{"Temp = nan"});
}

TEST(Sparkplug, ACommandHasTheTypeThatTheNodeTold) {
    Plant plant;
    plant.host.connected();
    EXPECT_EQ(plant.host.command(plant.node, "", "Temp", Scalar(1.0)).error().code, base::Errc::offline);
    plant.born();
    const auto message = plant.host.command(plant.node, "", "Temp", Scalar(std::int64_t{5}));
    ASSERT_TRUE(message);
    EXPECT_EQ(message->topic, "spBv1.0/G/NCMD/N");
    EXPECT_EQ(message->qos, 0);
    const auto payload = decode(base::as_bytes(message->payload));
    EXPECT_EQ(payload->metrics.at(0).type, Type::float32);
    EXPECT_EQ(payload->metrics.at(0).value, Scalar(5.0));
    EXPECT_FALSE(plant.host.command(plant.node, "", "Temp", Scalar(std::string("warm"))));
}

}  // namespace
}  // namespace adapters::mqtt::sparkplug
