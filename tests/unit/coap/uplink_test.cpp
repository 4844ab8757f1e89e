#include "tests/unit/coap/stage.hpp"

#include <malloc.h>

namespace stage {
namespace {

using lwm2m::Errc;
using wire::code;

class UplinkTest : public Stage {};

TEST_F(UplinkTest, RegisterGoesOutAndBringsItsLocationHome) {
    open();
    send(register_uplink());
    const auto asked = receive();
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->type, wire::Type::con);
    EXPECT_EQ(asked->code, wire::post);
    EXPECT_EQ(asked->token.size(), 8u);
    EXPECT_EQ(asked->texts(wire::uri_path), (std::vector<std::string>{"rd"}));
    EXPECT_EQ(asked->texts(wire::uri_query), (std::vector<std::string>{"ep=gw", "lt=300"}));
    EXPECT_EQ(asked->number(wire::content_format), 40u);
    EXPECT_EQ(asked->text(), "</1/0>,</3/0>");
    reply(
        wire::ack(*asked, code(2, 1)).with(wire::location_path, "rd").with(wire::location_path, "5a3f").with(wire::max_age, 9));
    ASSERT_TRUE(run_until([this] { return answers.size() == 1; }));
    ASSERT_TRUE(answers[0]);
    EXPECT_EQ(answers[0]->code, lwm2m::Code::created);
    EXPECT_EQ(answers[0]->location, (std::vector<std::string>{"rd", "5a3f"}));
    EXPECT_EQ(answers[0]->max_age, 9u);
}

TEST_F(UplinkTest, ThePathOfTheServersUriComesFirst) {
    lwm2m::ServerAccount account;
    account.id = main_server;
    account.uri = "coap://127.0.0.1:" + std::to_string(peer.port()) + "/lwm2m";
    account.security = lwm2m::Security::nosec;
    ASSERT_TRUE(transport.open(account));
    send(register_uplink());
    const auto asked = receive();
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->texts(wire::uri_path), (std::vector<std::string>{"lwm2m", "rd"}));
}

TEST_F(UplinkTest, AServerIsReachedOverIpv6AndByItsName) {
    Peer six(AF_INET6);
    if (six.usable()) {
        lwm2m::ServerAccount account;
        account.id = 1;
        account.uri = "coap://[::1]:" + std::to_string(six.port());
        account.security = lwm2m::Security::nosec;
        ASSERT_TRUE(transport.open(account));
        transport.send(1, register_uplink(), [](const auto&) {});
        EXPECT_TRUE(run_until([&six] { return six.receive_bytes().has_value(); }));
    }
    // "localhost" is ::1 first where there is IPv6, and nobody listens there: all addresses are tried.
    open("localhost");
    send(register_uplink());
    const auto asked = receive();
    ASSERT_TRUE(asked);
    reply(wire::ack(*asked, code(2, 1)));
    ASSERT_TRUE(run_until([this] { return answers.size() == 1; }));
    EXPECT_TRUE(answers[0]);
}

TEST_F(UplinkTest, ANameThatNobodyHasIsOffline) {
    open("no-such-host.invalid");
    send(register_uplink());
    ASSERT_TRUE(run_until([this] { return answers.size() == 1; }));
    ASSERT_FALSE(answers[0]);
    EXPECT_EQ(answers[0].error().code, Errc::offline);
    EXPECT_TRUE(engine.closed.empty()) << "there was no session to close";
}

TEST_F(UplinkTest, AnUnansweredRequestIsRepeatedThenFailsAndEndsTheSession) {  // TRANS-001
    open();
    send(register_uplink());
    std::vector<wire::Message> seen;
    ASSERT_TRUE(run_until([this, &seen] {
        if (const auto bytes = peer.receive_bytes()) seen.push_back(*wire::Message::decode(*bytes));
        return !answers.empty();
    }));
    EXPECT_EQ(seen.size(), 3u) << "the first and two repetitions";
    for (const auto& message : seen) EXPECT_EQ(message.id, seen[0].id);
    ASSERT_FALSE(answers[0]);
    EXPECT_EQ(answers[0].error().code, Errc::timeout);
    EXPECT_EQ(engine.closed.size(), 1u);

    const std::uint16_t old_port = peer.client_port();
    send(register_uplink());
    const auto asked = receive();
    ASSERT_TRUE(asked) << "the next one opens a new session";
    EXPECT_NE(peer.client_port(), old_port);
}

TEST_F(UplinkTest, AnAnswerMayComeByItselfAfterTheAcknowledgement) {
    if (!full_libcoap) GTEST_SKIP();
    open();
    send(register_uplink());
    const auto asked = receive();
    ASSERT_TRUE(asked);
    reply(wire::ack(*asked));
    settle();
    EXPECT_TRUE(answers.empty());
    wire::Message separate{wire::Type::con, code(2, 1), 77, asked->token};
    const auto acknowledged = ask(separate);
    ASSERT_TRUE(acknowledged);
    EXPECT_EQ(acknowledged->type, wire::Type::ack);
    EXPECT_EQ(acknowledged->id, 77);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_TRUE(answers[0]);
    EXPECT_EQ(ask(separate)->type, wire::Type::ack) << "acknowledged again";
    EXPECT_EQ(answers.size(), 1u) << "and answered once";
}

TEST_F(UplinkTest, AnAcknowledgementWithoutAnAnswerTimesOut) {
    open();
    send(register_uplink());
    const auto asked = receive();
    reply(wire::ack(*asked));
    settle();
    timers.advance(61s);
    ASSERT_EQ(answers.size(), 1u);
    ASSERT_FALSE(answers[0]);
    EXPECT_EQ(answers[0].error().code, Errc::timeout);
    EXPECT_TRUE(engine.closed.empty());
}

TEST_F(UplinkTest, AnAnswerThatNobodyAskedForIsReset) {  // TRANS-006
    registered();
    const auto reset = ask({wire::Type::con, code(2, 5), 9, {1, 2, 3}});
    ASSERT_TRUE(reset);
    EXPECT_EQ(reset->type, wire::Type::rst);
    EXPECT_EQ(reset->id, 9);
    reply({wire::Type::non, code(2, 5), 10, {1, 2, 3}});
    EXPECT_FALSE([this] {
        settle();
        const auto bytes = peer.receive_bytes();
        return bytes && wire::Message::decode(*bytes)->type != wire::Type::rst;
    }());
}

TEST_F(UplinkTest, AResetFailsTheRequest) {
    open();
    send(register_uplink());
    const auto asked = receive();
    reply(wire::rst(*asked));
    ASSERT_TRUE(run_until([this] { return answers.size() == 1; }));
    ASSERT_FALSE(answers[0]);
    EXPECT_EQ(answers[0].error().code, Errc::offline);
}

TEST_F(UplinkTest, RequestsGoOneAfterTheOther) {  // TRANS-010
    open();
    for (int i = 0; i < 3; ++i) send(register_uplink(std::to_string(i)));
    for (int i = 0; i < 3; ++i) {
        const auto asked = receive();
        ASSERT_TRUE(asked);
        EXPECT_EQ(asked->text(), std::to_string(i));
        EXPECT_TRUE(silent());
        reply(wire::ack(*asked, code(2, 4)));
    }
    ASSERT_TRUE(run_until([this] { return answers.size() == 3; }));
}

TEST_F(UplinkTest, TheQueueIsBounded) {
    open();
    for (int i = 0; i < 100; ++i) send(register_uplink());
    ASSERT_EQ(answers.size(), 35u) << "one on its way, 64 waiting";
    EXPECT_EQ(answers[0].error().code, Errc::busy);
    transport.close(main_server);
    EXPECT_EQ(answers.size(), 100u);
    EXPECT_EQ(answers.back().error().code, Errc::offline);
}

// CORE-030
TEST_F(UplinkTest, ALongRegistrationGoesInBlocks) {  // TRANS-021
    open();
    const std::string links(2500, 'l');
    send(register_uplink(links));
    std::string got;
    for (std::uint32_t i = 0; i < 3; ++i) {
        const auto asked = receive();
        ASSERT_TRUE(asked);
        const auto block = wire::block_of(*asked, wire::block1);
        ASSERT_TRUE(block);
        EXPECT_EQ(*block, (wire::BlockValue{i, i < 2, 1024}));
        EXPECT_EQ(asked->texts(wire::uri_query), (std::vector<std::string>{"ep=gw", "lt=300"})) << "on every block";
        if (i == 0) {
            EXPECT_EQ(asked->number(wire::size1), 2500u);
        }
        got += asked->text();
        reply(wire::ack(*asked, i < 2 ? code(2, 31) : code(2, 1)).block(wire::block1, i, i < 2, 1024));
    }
    EXPECT_EQ(got, links);
    ASSERT_TRUE(run_until([this] { return answers.size() == 1; }));
    EXPECT_EQ(answers[0]->code, lwm2m::Code::created);
}

TEST_F(UplinkTest, AServerMayAskForSmallerBlocks) {  // TRANS-021
    open();
    const std::string links = std::string(1000, 'a') + std::string(1000, 'b');
    send(register_uplink(links));
    auto asked = receive();
    ASSERT_TRUE(asked);
    reply(wire::ack(*asked, code(2, 31)).block(wire::block1, 0, true, 1024));
    asked = receive();
    ASSERT_TRUE(asked);
    reply(wire::ack(*asked, code(4, 13)).block(wire::block1, 1, true, 256));  // from the beginning again
    std::string got;
    for (std::uint32_t i = 0; got.size() < links.size(); ++i) {
        asked = receive();
        ASSERT_TRUE(asked);
        ASSERT_EQ(*wire::block_of(*asked, wire::block1), (wire::BlockValue{i, i < 7, 256}));
        got += asked->text();
        reply(wire::ack(*asked, i < 7 ? code(2, 31) : code(2, 1)).block(wire::block1, i, i < 7, 256));
    }
    EXPECT_EQ(got, links);
    ASSERT_TRUE(run_until([this] { return answers.size() == 1; }));
    EXPECT_TRUE(answers[0]);
}

TEST_F(UplinkTest, ALongAnswerIsFetchedBlockByBlock) {
    open();
    send(register_uplink());
    auto asked = receive();
    ASSERT_TRUE(asked);
    reply(wire::ack(*asked, code(2, 4)).block(wire::block2, 0, true, 16).body("0123456789abcdef"));
    asked = receive();
    ASSERT_TRUE(asked);
    EXPECT_EQ(*wire::block_of(*asked, wire::block2), (wire::BlockValue{1, false, 16}));
    EXPECT_TRUE(asked->payload.empty());
    reply(wire::ack(*asked, code(2, 4)).block(wire::block2, 1, false, 16).body("gh"));
    ASSERT_TRUE(run_until([this] { return answers.size() == 1; }));
    EXPECT_EQ(std::string(answers[0]->payload.begin(), answers[0]->payload.end()), "0123456789abcdefgh");
}

TEST_F(UplinkTest, AnEchoIsGivenBackOnce) {  // TRANS-022
    open();
    send(register_uplink());
    auto asked = receive();
    ASSERT_TRUE(asked);
    const wire::Bytes first_token = asked->token;
    reply(wire::ack(*asked, code(4, 1)).with(wire::echo, wire::Bytes{1, 2, 3}));
    asked = receive();
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->value(wire::echo), (wire::Bytes{1, 2, 3}));
    EXPECT_NE(asked->token, first_token);
    EXPECT_EQ(asked->text(), "</1/0>,</3/0>");
    reply(wire::ack(*asked, code(4, 1)).with(wire::echo, wire::Bytes{4}));
    ASSERT_TRUE(run_until([this] { return answers.size() == 1; }));
    EXPECT_EQ(answers[0]->code, lwm2m::Code::unauthorized);
}

TEST_F(UplinkTest, ReconnectFailsWhatWaitsAndStartsAnew) {
    open();
    send(register_uplink());
    ASSERT_TRUE(receive());
    const std::uint16_t old_port = peer.client_port();
    transport.reconnect(main_server);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].error().code, Errc::offline);
    send(register_uplink());
    ASSERT_TRUE(receive());
    EXPECT_NE(peer.client_port(), old_port);
    EXPECT_TRUE(engine.closed.empty()) << "the engine knows";
}

TEST_F(UplinkTest, ASessionMayBeDroppedFromWithinAnAnswer) {
    open();
    int answered = 0;
    transport.send(main_server, register_uplink(), [this, &answered](const auto&) {
        ++answered;
        transport.close(main_server);
    });
    const auto asked = receive();
    ASSERT_TRUE(asked);
    reply(wire::ack(*asked, code(2, 1)));
    ASSERT_TRUE(run_until([&answered] { return answered == 1; }));
    settle();
}

std::size_t heap_in_use() { return mallinfo2().uordblks; }  // the address sanitizer counts in its own way

TEST_F(UplinkTest, AThousandReconnectsLeaveNothingBehind) {
    open();
    std::size_t before = 0;
    for (int i = 0; i < 1200; ++i) {
        if (i == 200) before = heap_in_use();
        send(register_uplink());
        settle();
        peer.receive_bytes();
        transport.reconnect(main_server);
    }
    EXPECT_LT(heap_in_use(), before + 64 * 1024);
    EXPECT_EQ(timers.waiting(), 0u);
    EXPECT_EQ(answers.size(), 1200u);
}

TEST_F(UplinkTest, AnEngineThatAsksAgainAtOnceDoesNotHoldTheLoop) {
    open();
    lwm2m::Uplink impossible;
    impossible.path = {std::string(300, 'x')};
    int failed = 0;
    std::function<void(lwm2m::Result<lwm2m::UplinkAnswer>)> again = [&](const lwm2m::Result<lwm2m::UplinkAnswer>& answer) {
        EXPECT_FALSE(answer);
        if (++failed < 1000) transport.send(main_server, impossible, again);
    };
    transport.send(main_server, impossible, again);
    EXPECT_TRUE(run_until([&failed] { return failed == 1000; }));
    EXPECT_TRUE(silent());
}

}  // namespace
}  // namespace stage
