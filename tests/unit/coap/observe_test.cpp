#include "tests/unit/coap/stage.hpp"

namespace stage {
namespace {

using lwm2m::Code;
using lwm2m::Lost;
using lwm2m::ObservationId;
using wire::BlockValue;
using wire::code;

class ObserveTest : public Stage {
protected:
    explicit ObserveTest(lwm2m::coap::Options options = quick()) : Stage(options) {}

    void SetUp() override {
        registered();
        engine.answer_at_once = [](const lwm2m::Request& request) {
            auto response = text("1");
            response.observing = request.observe == lwm2m::Observe::start && request.observation != 0;
            return response;
        };
    }
    /// Observes, and gives the number that the engine was told.
    ObservationId observe(const std::string& path, const std::string& token, std::uint32_t action = 0) {
        last = ask(wire::request(wire::get, path, ++id, token).with(wire::observe, action));
        return last ? engine.asked.back().request.observation : 0;
    }
    void notify(ObservationId observation, const std::string& value, bool confirmable) {
        transport.notify(main_server, observation, text(value), confirmable);
    }

    std::uint16_t id = 100;
    std::optional<wire::Message> last;
};

TEST_F(ObserveTest, AnObservationIsAcceptedAndItsNotificationsCarryItsTokenAndRisingNumbers) {
    const ObservationId observation = observe("/3303/0/5700", "tok");
    ASSERT_NE(observation, 0u);
    EXPECT_EQ(engine.asked.back().request.observe, lwm2m::Observe::start);
    ASSERT_TRUE(last->number(wire::observe));
    std::uint32_t number = *last->number(wire::observe);
    for (int i = 2; i < 6; ++i) {
        notify(observation, std::to_string(i), false);
        const auto notification = receive();
        ASSERT_TRUE(notification);
        EXPECT_EQ(notification->type, wire::Type::non);
        EXPECT_EQ(notification->token, (wire::Bytes{'t', 'o', 'k'}));
        EXPECT_EQ(notification->code, code(2, 5));
        EXPECT_EQ(notification->text(), std::to_string(i));
        EXPECT_GT(*notification->number(wire::observe), number);
        number = *notification->number(wire::observe);
    }
}

TEST_F(ObserveTest, TheSameTokenKeepsItsNumberAndCancelKnowsIt) {
    const ObservationId a = observe("/1", "a"), b = observe("/2", "b");
    EXPECT_NE(a, b);
    EXPECT_EQ(observe("/1", "a"), a);
    EXPECT_EQ(observe("/1", "a", 1), a);
    EXPECT_EQ(engine.asked.back().request.observe, lwm2m::Observe::cancel);
    EXPECT_FALSE(last->number(wire::observe));
    EXPECT_EQ(observe("/1", "a", 1), 0u) << "it is gone";
    EXPECT_EQ(observe("/1", "unknown", 1), 0u);
    notify(a, "x", false);
    EXPECT_TRUE(silent());
    notify(b, "y", false);
    EXPECT_EQ(receive()->text(), "y");
}

TEST_F(ObserveTest, AnObservationThatTheEngineRefusesIsForgotten) {
    engine.answer_at_once = [](const lwm2m::Request&) { return lwm2m::Response{Code::not_found}; };
    const ObservationId observation = observe("/9", "t");
    EXPECT_EQ(last->code, code(4, 4));
    EXPECT_FALSE(last->number(wire::observe));
    notify(observation, "x", false);
    EXPECT_TRUE(silent());
}

TEST_F(ObserveTest, ARepeatedObserveReachesTheEngineOnce) {
    const auto start = wire::request(wire::get, "/1", 50, "t").with(wire::observe, 0u);
    const auto first = ask(start), second = ask(start);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->encoded(), second->encoded());
    EXPECT_EQ(engine.asked.size(), 1u);
}

TEST_F(ObserveTest, FetchObservesToo) {
    auto composite =
        wire::request(wire::fetch, "", ++id, "c").with(wire::observe, 0u).with(wire::content_format, 320).body("[]");
    const auto answer = ask(composite);
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->number(wire::observe));
    notify(engine.asked.back().request.observation, "n", false);
    EXPECT_EQ(receive()->token, (wire::Bytes{'c'}));
}

TEST_F(ObserveTest, AConfirmableNotificationIsRepeatedUntilItIsAcknowledged) {
    const ObservationId observation = observe("/1", "t");
    notify(observation, "2", true);
    const auto first = receive(), again = receive();
    ASSERT_TRUE(first && again);
    EXPECT_EQ(first->type, wire::Type::con);
    EXPECT_EQ(first->encoded(), again->encoded());
    reply(wire::ack(*first));
    settle();
    while (peer.receive_bytes()) {
    }
    notify(observation, "3", true);
    EXPECT_EQ(receive()->text(), "3");
    EXPECT_TRUE(engine.lost.empty());
}

TEST_F(ObserveTest, AResetEndsTheObservationWhetherConfirmableOrNot) {  // TRANS-015
    if (!full_libcoap) GTEST_SKIP();
    for (const bool confirmable : {false, true}) {
        const ObservationId observation = observe("/1", confirmable ? "c" : "n");
        notify(observation, "2", confirmable);
        const auto notification = receive();
        ASSERT_TRUE(notification);
        reply(wire::rst(*notification));
        ASSERT_TRUE(run_until([this] { return !engine.lost.empty(); })) << confirmable;
        EXPECT_EQ(engine.lost.back(), (std::pair{observation, Lost::reset}));
        engine.lost.clear();
        notify(observation, "3", confirmable);
        EXPECT_TRUE(silent());
    }
}

TEST_F(ObserveTest, OneConfirmableAtATimeAndTheNewestValueWaits) {  // TRANS-010, TRANS-014
    const ObservationId a = observe("/1", "a"), b = observe("/2", "b");
    notify(a, "a1", true);
    const auto first = receive();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->text(), "a1");
    notify(b, "b1", true);
    notify(a, "a2", true);
    notify(b, "b2", true);
    notify(a, "a3", true);
    reply(wire::ack(*first));
    std::vector<std::string> values;
    for (int i = 0; i < 2; ++i) {
        auto next = receive();
        while (next && next->id == first->id) next = receive();  // a repetition that was on its way
        ASSERT_TRUE(next);
        values.push_back(next->text());
        reply(wire::ack(*next));
    }
    EXPECT_EQ(values, (std::vector<std::string>{"b2", "a3"}));
    EXPECT_TRUE(silent());
}

TEST_F(ObserveTest, WhatIsToBeKeptWaitsInItsOrderAndTellsOfItsArrival) {
    const ObservationId a = observe("/1", "a"), b = observe("/2", "b");
    const auto numbered = [&](ObservationId observation, const std::string& value, std::uint32_t number, bool keep) {
        auto response = text(value);
        response.number = number;
        response.keep = keep;
        transport.notify(main_server, observation, std::move(response), true);
    };
    numbered(b, "first", 0, false);
    auto next = receive();
    ASSERT_TRUE(next);
    numbered(a, "newest", 1, false);
    numbered(a, "old", 2, true);  // what is kept comes in place of what waited
    numbered(a, "older", 3, true);
    numbered(a, "now", 4, false);
    numbered(a, "now at last", 5, false);
    reply(wire::ack(*next));
    std::vector<std::string> values;
    for (int i = 0; i < 3; ++i) {
        auto told = receive();
        while (told && told->id == next->id) told = receive();
        ASSERT_TRUE(told);
        values.push_back(told->text());
        reply(wire::ack(*told));
        next = told;
    }
    EXPECT_EQ(values, (std::vector<std::string>{"old", "older", "now at last"}));
    ASSERT_TRUE(run_until([this] { return engine.arrived.size() == 3; }));
    EXPECT_EQ(engine.arrived, (std::vector<std::pair<ObservationId, std::uint32_t>>{{a, 2}, {a, 3}, {a, 5}}));
    numbered(a, "x", 6, true);
    next = receive();
    numbered(a, "y", 7, true);
    numbered(a, "z", 8, true);
    transport.end(main_server, a);
    reply(wire::ack(*next));
    EXPECT_TRUE(silent());
}

TEST_F(ObserveTest, AnUnacknowledgedNotificationIsLostAndEndsTheSession) {
    const ObservationId a = observe("/1", "a");
    notify(a, "2", true);
    notify(a, "3", true);
    ASSERT_TRUE(run_until([this] { return !engine.closed.empty(); }));
    ASSERT_EQ(engine.lost.size(), 1u);
    EXPECT_EQ(engine.lost[0], (std::pair{a, Lost::timeout}));
    while (peer.receive_bytes()) {
    }
    notify(a, "4", true);
    EXPECT_TRUE(silent()) << "there is no session to send it over";

    send(register_uplink());
    const auto update = receive();
    ASSERT_TRUE(update);
    reply(wire::ack(*update, code(2, 4)));
    const auto notification = receive();
    ASSERT_TRUE(notification) << "the observation outlives the session, until the engine ends it";
    EXPECT_EQ(notification->text(), "4") << "the newest value only";
}

TEST_F(ObserveTest, AnErrorIsTheLastNotification) {
    const ObservationId a = observe("/1", "a");
    notify(a, "2", true);
    const auto first = receive();
    notify(a, "3", true);
    transport.notify(main_server, a, lwm2m::Response{Code::not_found}, true);
    transport.end(main_server, a);
    reply(wire::ack(*first));
    auto gone = receive();
    while (gone && gone->id == first->id) gone = receive();
    ASSERT_TRUE(gone);
    EXPECT_EQ(gone->code, code(4, 4));
    EXPECT_EQ(gone->token, (wire::Bytes{'a'}));
    EXPECT_FALSE(gone->number(wire::observe));
    reply(wire::ack(*gone));
    settle();
    notify(a, "4", true);
    EXPECT_TRUE(silent());
}

TEST_F(ObserveTest, AValueOfAnObservationThatEndedIsNotSent) {
    const ObservationId a = observe("/1", "a"), b = observe("/2", "b");
    notify(a, "a1", true);
    const auto first = receive();
    notify(b, "b1", true);
    transport.end(main_server, b);
    reply(wire::ack(*first));
    settle();
    while (const auto bytes = peer.receive_bytes()) {
        EXPECT_NE(wire::Message::decode(*bytes)->text(), "b1");
    }
}

TEST_F(ObserveTest, ALongNotificationIsCompletedByReadsOfWhatWasNotified) {  // TRANS-019
    const ObservationId a = observe("/25/0/3", "a");
    const std::string value = std::string(1024, 'x') + "the rest";
    notify(a, value, true);
    const auto first = receive();
    ASSERT_TRUE(first);
    reply(wire::ack(*first));
    EXPECT_EQ(wire::block_of(*first, wire::block2), (BlockValue{0, true, 1024}));
    EXPECT_TRUE(first->number(wire::observe));
    const std::size_t asked = engine.asked.size();
    const auto rest = ask(wire::request(wire::get, "/25/0/3", ++id, "other").block(wire::block2, 1, false, 1024));
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->text(), "the rest");
    EXPECT_EQ(rest->value(wire::etag), first->value(wire::etag));
    EXPECT_FALSE(rest->number(wire::observe));
    EXPECT_EQ(engine.asked.size(), asked) << "the engine was not asked";
}

TEST_F(ObserveTest, RequestsOfOursComeBeforeNotifications) {
    const ObservationId a = observe("/1", "a"), b = observe("/2", "b");
    notify(a, "a1", true);
    const auto first = receive();
    notify(b, "b1", true);
    send(register_uplink());
    reply(wire::ack(*first));
    auto next = receive();
    while (next && next->id == first->id) next = receive();
    ASSERT_TRUE(next);
    EXPECT_EQ(next->code, wire::post);
}

class FewObservationsTest : public ObserveTest {
protected:
    FewObservationsTest()
        : ObserveTest([] {
              auto options = quick();
              options.max_observations = 2;
              return options;
          }()) {}
};

TEST_F(FewObservationsTest, OverTheBoundItIsAPlainRead) {
    EXPECT_NE(observe("/1", "a"), 0u);
    EXPECT_NE(observe("/2", "b"), 0u);
    EXPECT_EQ(observe("/3", "c"), 0u);
    EXPECT_EQ(last->code, code(2, 5));
    EXPECT_FALSE(last->number(wire::observe));
    EXPECT_EQ(observe("/1", "a", 1) != 0, true);
    EXPECT_NE(observe("/3", "c"), 0u);
}

}  // namespace
}  // namespace stage
