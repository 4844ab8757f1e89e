#include "adapters/mqtt/connection.hpp"

#include "tests/unit/mqtt/stage.hpp"

namespace adapters::mqtt {
namespace {

using namespace std::chrono_literals;

struct Machine final : Connection::Handler {
    explicit Machine(LinkSettings settings = {}) : connection(settings, broker.maker(), timers, random, *this) {}
    ~Machine() { connection.stop(); }
    void up() override { said.push_back("up"); }
    void down(std::string why) override { said.push_back("down: " + why); }
    void received(Message message) override { said.push_back(message.topic + " " + message.payload); }

    void start() {
        connection.start();
        timers.advance(1ms);
    }
    std::shared_ptr<std::string> publish(const std::string& topic, int qos = 1, Milliseconds within = 4s) {
        auto answer = std::make_shared<std::string>("nothing yet");
        connection.publish({topic, "x", qos, false}, timers.now() + within, [answer](const Result<void>& result) {
            EXPECT_EQ(*answer, "nothing yet") << "answered twice";
            *answer = result ? "done" : result.error().message;
        });
        timers.advance(1ms);
        return answer;
    }
    std::size_t sent(const std::string& topic) const {
        return static_cast<std::size_t>(std::count_if(broker.published.begin(), broker.published.end(),
                                                      [&](const Message& message) { return message.topic == topic; }));
    }

    fakes::ManualTimers timers;
    fakes::FixedRandom random;
    FakeBroker broker{timers};
    std::vector<std::string> said;
    Connection connection;
};

TEST(MqttConnection, IsUpOnlyWhenTheBrokerGrantedTheSubscriptions) {
    Machine machine;
    machine.connection.want("a/#", 1);
    machine.broker.deaf = true;
    machine.start();
    EXPECT_FALSE(machine.connection.is_up());
    EXPECT_EQ(machine.broker.topics(), Lines{"a/#"});
    machine.broker.deaf = false;
    machine.timers.advance(20s);  // the silent broker is given up, the next attempt succeeds
    EXPECT_EQ(machine.said, (Lines{"down: the broker does not answer a subscription", "up"}));
}

TEST(MqttConnection, SubscribesAgainAfterEachConnect) {
    Machine machine;
    machine.connection.want("a", 0);
    machine.connection.want("b", 1);
    machine.start();
    for (int round = 0; round < 5; ++round) {
        machine.broker.subscribed.clear();
        machine.broker.cut();
        machine.timers.advance(20s);
        EXPECT_TRUE(machine.connection.is_up());
        EXPECT_EQ(machine.broker.topics(), (Lines{"a", "b"}));
    }
}

TEST(MqttConnection, TheSameFilterIsAskedForOnceWithTheHigherQos) {
    Machine machine;
    machine.connection.want("a", 0);
    machine.connection.want("a", 2);
    machine.connection.want("a", 1);
    machine.start();
    EXPECT_EQ(machine.broker.subscribed, (std::vector<Filter>{{"a", 2}}));
}

TEST(MqttConnection, ManyFiltersGoInPacketsThatABrokerTakes) {
    Machine machine;
    for (int i = 0; i < 1'000; ++i) machine.connection.want(fmt::format("device/{}", i), 0);
    machine.start();
    EXPECT_TRUE(machine.connection.is_up());
    EXPECT_EQ(machine.broker.subscribed.size(), 1'000U);
    EXPECT_EQ(*std::max_element(machine.broker.packets.begin(), machine.broker.packets.end()), Connection::filters_a_packet);
}

TEST(MqttConnection, ARefusedSubscriptionIsKnownAndTriedAgain) {
    Machine machine;
    machine.connection.want("a", 0);
    machine.connection.want("secret", 0);
    machine.broker.forbidden = "secret";
    machine.start();
    EXPECT_TRUE(machine.connection.is_up());
    EXPECT_TRUE(machine.connection.refused("secret"));
    EXPECT_FALSE(machine.connection.refused("a"));
    machine.broker.forbidden.clear();
    machine.timers.advance(61s);
    EXPECT_FALSE(machine.connection.refused("secret"));
}

TEST(MqttConnection, ComesBackWithGrowingPausesAndAtLeastEveryFiveSeconds) {
    Machine machine;
    machine.broker.mode = FakeBroker::Mode::refuse;
    machine.start();
    machine.timers.advance(60s);
    EXPECT_EQ(machine.said, Lines{"down: no connection to the broker"}) << "told once";
    EXPECT_GE(machine.broker.attempts, 14U);
    EXPECT_LE(machine.broker.attempts, 32U);
    machine.broker.mode = FakeBroker::Mode::accept;
    machine.timers.advance(5s);
    EXPECT_TRUE(machine.connection.is_up());
}

TEST(MqttConnection, AnotherReasonIsToldToo) {
    Machine machine;
    machine.broker.mode = FakeBroker::Mode::refuse;
    machine.start();
    machine.broker.refusal = "the broker refuses user or password";
    machine.timers.advance(10s);
    EXPECT_EQ(machine.said, (Lines{"down: no connection to the broker", "down: the broker refuses user or password"}));
}

TEST(MqttConnection, ABrokerThatSaysNothingIsGivenUp) {
    Machine machine;
    machine.broker.mode = FakeBroker::Mode::silent;
    machine.start();
    machine.timers.advance(9s);
    EXPECT_EQ(machine.said, Lines{"down: no answer from the broker"});
    machine.broker.mode = FakeBroker::Mode::accept;
    machine.timers.advance(20s);
    EXPECT_TRUE(machine.connection.is_up());
}

TEST(MqttConnection, ALineThatBreaksAtOnceDoesNotResetThePause) {
    Machine machine;
    machine.start();
    for (int i = 0; i < 60 && machine.timers.now() < base::Instant{} + 60s; ++i) {
        if (machine.connection.is_up()) machine.broker.cut();
        machine.timers.advance(1s);
    }
    EXPECT_LE(machine.broker.attempts, 32U);
}

TEST(MqttConnection, ACommandWaitsForTheBrokerUntilItsDeadlineAndNoLonger) {
    Machine machine;
    machine.start();
    machine.broker.mode = FakeBroker::Mode::refuse;
    machine.broker.cut();
    const auto early = machine.publish("early", 1, 10s);
    const auto late = machine.publish("late", 1, 2s);
    machine.timers.advance(3s);
    EXPECT_EQ(*late, "the broker is away: no connection to the broker");
    machine.broker.mode = FakeBroker::Mode::accept;
    machine.timers.advance(6s);
    EXPECT_EQ(*early, "done");
    machine.timers.advance(60s);
    EXPECT_EQ(machine.sent("early"), 1U);
    EXPECT_EQ(machine.sent("late"), 0U) << "never later than its deadline";
}

TEST(MqttConnection, QosOneIsSentAgainWithinItsDeadlineAndNoOther) {
    Machine machine;
    machine.start();
    machine.broker.deaf = true;
    const auto zero = machine.publish("zero", 0, 6s);
    const auto one = machine.publish("one", 1, 6s);
    const auto two = machine.publish("two", 2, 6s);
    machine.broker.cut();
    machine.broker.deaf = false;
    machine.timers.advance(2s);
    EXPECT_EQ(*one, "done");
    EXPECT_EQ(*zero, "the connection to the broker broke; whether the message arrived is not known");
    EXPECT_EQ(*two, "the connection to the broker broke; whether the message arrived is not known");
    EXPECT_EQ(machine.sent("one"), 2U);
    EXPECT_EQ(machine.sent("two"), 1U) << "never twice";
}

TEST(MqttConnection, AMessageThatNobodyAcknowledgesMeansThatNobodyIsThere) {
    Machine machine;
    machine.start();
    machine.broker.deaf = true;
    const auto answer = machine.publish("x", 1, 4s);
    machine.timers.advance(5s);
    EXPECT_EQ(*answer, "the broker does not acknowledge the message");
    machine.timers.advance(4s);
    EXPECT_NE(std::find(machine.said.begin(), machine.said.end(), "down: the broker does not acknowledge a message"),
              machine.said.end());
    machine.broker.deaf = false;
    machine.timers.advance(20s);
    EXPECT_TRUE(machine.connection.is_up());
    EXPECT_EQ(machine.sent("x"), 1U) << "its sender was told; it is not sent again";
}

TEST(MqttConnection, TheQueueIsBounded) {
    LinkSettings settings;
    settings.offline_queue = 3;
    Machine machine(settings);
    machine.broker.mode = FakeBroker::Mode::refuse;
    machine.start();
    std::vector<std::shared_ptr<std::string>> answers;
    for (int i = 0; i < 4; ++i) answers.push_back(machine.publish(fmt::format("{}", i), 1, 30s));
    EXPECT_EQ(*answers[3], "3 messages wait for the broker already");
    EXPECT_EQ(*answers[0], "nothing yet");
    machine.broker.mode = FakeBroker::Mode::accept;
    machine.timers.advance(10s);
    EXPECT_EQ(*answers[0], "done");
}

TEST(MqttConnection, FewMessagesAreUnderWayAtATime) {
    Machine machine;
    machine.start();
    machine.broker.deaf = true;
    for (int i = 0; i < 100; ++i) machine.publish(fmt::format("{}", i), 1, 4s);
    EXPECT_EQ(machine.broker.published.size(), Connection::messages_in_flight);
}

TEST(MqttConnection, TheBrokerIsToldHowLongACommandIsGood) {
    Machine machine;
    machine.start();
    machine.publish("x", 1, 3s);
    EXPECT_EQ(machine.broker.expiries.back(), 3000ms);
}

TEST(MqttConnection, AnotherSetOfSubscriptionsIsAnotherSession) {
    LinkSettings settings;
    settings.kept = true;
    settings.client_id = "edge";
    Machine one(settings), same(settings), other(settings);
    one.connection.want("a", 0);
    same.connection.want("a", 0);
    other.connection.want("a", 0);
    other.connection.want("b", 0);
    EXPECT_EQ(one.connection.session_name(), same.connection.session_name());
    EXPECT_NE(one.connection.session_name(), other.connection.session_name());
    EXPECT_TRUE(one.connection.session_name().starts_with("edge-"));
    one.start();
    EXPECT_FALSE(one.broker.clean);
    EXPECT_EQ(one.broker.clients.back(), one.connection.session_name());
    Machine clean;
    clean.start();
    EXPECT_TRUE(clean.broker.clean);
}

TEST(MqttConnection, StopAnswersEverybodyAndNothingComesAfterIt) {
    Machine machine;
    machine.start();
    machine.broker.deaf = true;
    const auto flying = machine.publish("flying", 1, 60s);
    machine.connection.stop();
    EXPECT_EQ(*flying, "the link is closed");
    EXPECT_EQ(machine.broker.line, nullptr);
    const auto after = machine.publish("after");
    machine.timers.advance(60s);
    EXPECT_EQ(*after, "the link is closed");
    EXPECT_EQ(machine.broker.attempts, 1U);
}

TEST(MqttConnection, AListenerForAWhileLeavesNothingBehind) {
    Machine machine;
    machine.connection.want("a", 0);
    machine.start();
    machine.connection.want_for_now("#", 0);
    machine.connection.want_for_now("a", 0);
    machine.timers.advance(1ms);
    machine.connection.unwant("#");
    machine.connection.unwant("a");
    EXPECT_EQ(machine.broker.unsubscribed, Lines{"#"});
    EXPECT_EQ(machine.connection.filters(), 1U);
}

}  // namespace
}  // namespace adapters::mqtt
