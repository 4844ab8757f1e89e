#include "tests/unit/coap/stage.hpp"

namespace stage {
namespace {

using lwm2m::Code;
using lwm2m::Method;
using wire::code;

class RequestTest : public Stage {
protected:
    void SetUp() override { registered(); }
};

TEST_F(RequestTest, AReadIsAnsweredInItsAcknowledgement) {
    engine.answer_at_once = [](const lwm2m::Request&) { return text("21.5"); };
    const auto answer = ask(wire::request(wire::get, "/dev0/3303/0/5700", 0x1234, "tok").with(wire::accept, 0));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->type, wire::Type::ack);
    EXPECT_EQ(answer->id, 0x1234);
    EXPECT_EQ(answer->token, (wire::Bytes{'t', 'o', 'k'}));
    EXPECT_EQ(answer->code, code(2, 5));
    EXPECT_EQ(answer->number(wire::content_format), 0u);
    EXPECT_EQ(answer->text(), "21.5");
    const lwm2m::Request& request = engine.asked.at(0).request;
    EXPECT_EQ(request.method, Method::get);
    EXPECT_EQ(request.path, (std::vector<std::string>{"dev0", "3303", "0", "5700"}));
    EXPECT_EQ(request.accept, 0);
    EXPECT_FALSE(request.content_format);
    EXPECT_EQ(request.observe, lwm2m::Observe::none);
}

TEST_F(RequestTest, EveryMethodAndAnyPathReachTheEngine) {
    if (!full_libcoap) GTEST_SKIP();
    engine.answer_at_once = [](const lwm2m::Request&) { return lwm2m::Response{Code::changed}; };
    std::uint16_t id = 1;
    for (const std::uint8_t method : {wire::get, wire::post, wire::put, wire::del, wire::fetch, wire::patch, wire::ipatch})
        for (const std::string path : {"", "/3", "/a/b/c/d/e/f/g/h/i", "/.well-known/core"}) {
            auto message =
                wire::request(method, path, ++id, "t").with(wire::content_format, 112).with(wire::uri_query, "pmin=1");
            ASSERT_TRUE(ask(message.body("x"))) << int(method) << path;
            const lwm2m::Request& request = engine.asked.back().request;
            EXPECT_EQ(static_cast<std::uint8_t>(request.method), method);
            EXPECT_EQ(request.query, (std::vector<std::string>{"pmin=1"}));
            EXPECT_EQ(request.content_format, 112);
            EXPECT_EQ(request.payload, (lwm2m::Bytes{'x'}));
        }
    EXPECT_EQ(engine.asked.size(), 28u);
}

TEST_F(RequestTest, CreatedCarriesItsLocationAndBusyItsMaxAge) {
    engine.answer_at_once = [](const lwm2m::Request& request) {
        lwm2m::Response response{request.method == Method::post ? Code::created : Code::service_unavailable};
        if (request.method == Method::post)
            response.location = {"d01", "19", "3"};
        else
            response.max_age = 60;
        return response;
    };
    const auto created = ask(wire::request(wire::post, "/d01/19", 1, "a").with(wire::content_format, 11542).body("x"));
    EXPECT_EQ(created->texts(wire::location_path), (std::vector<std::string>{"d01", "19", "3"}));
    const auto busy = ask(wire::request(wire::get, "/d01/19", 2, "b"));
    EXPECT_EQ(busy->code, code(5, 3));
    EXPECT_EQ(busy->number(wire::max_age), 60u);
}

TEST_F(RequestTest, AnAnswerWithinASecondIsStillPiggybacked) {
    reply(wire::request(wire::get, "/3", 5, "t"));
    ASSERT_TRUE(run_until([this] { return engine.asked.size() == 1; }));
    EXPECT_TRUE(silent());
    timers.advance(900ms);
    EXPECT_TRUE(silent());
    std::move(engine.asked[0].reply)(text("late"));
    const auto answer = receive();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->type, wire::Type::ack);
    EXPECT_EQ(answer->id, 5);
    EXPECT_EQ(answer->text(), "late");
}

TEST_F(RequestTest, ASlowAnswerIsAcknowledgedAfterASecondAndComesByItself) {  // TRANS-008
    reply(wire::request(wire::get, "/3", 5, "tok"));
    ASSERT_TRUE(run_until([this] { return engine.asked.size() == 1; }));
    timers.advance(1s);
    const auto empty = receive();
    ASSERT_TRUE(empty);
    EXPECT_EQ(empty->type, wire::Type::ack);
    EXPECT_EQ(empty->code, wire::empty);
    EXPECT_EQ(empty->id, 5);
    EXPECT_TRUE(empty->token.empty());
    std::move(engine.asked[0].reply)(text("slow"));
    const auto answer = receive();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->type, wire::Type::con);
    EXPECT_EQ(answer->token, (wire::Bytes{'t', 'o', 'k'}));
    EXPECT_EQ(answer->text(), "slow");
    const auto again = receive();
    ASSERT_TRUE(again) << "repeated until it is acknowledged";
    EXPECT_EQ(again->id, answer->id);
    reply(wire::ack(*answer));
    settle();
    const auto late = ask(wire::request(wire::get, "/3", 5, "tok"));
    ASSERT_TRUE(late);
    EXPECT_EQ(late->code, wire::empty) << "a repetition gets the same acknowledgement again";
    EXPECT_EQ(engine.asked.size(), 1u);
}

TEST_F(RequestTest, SeparateAnswersGoOneAfterTheOther) {
    for (std::uint16_t i = 0; i < 3; ++i)
        reply(wire::request(wire::get, "/" + std::to_string(i), i, std::string(1, char('a' + i))));
    ASSERT_TRUE(run_until([this] { return engine.asked.size() == 3; }));
    timers.advance(1s);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(receive()->code, wire::empty);
    for (auto& asked : engine.asked) std::move(asked.reply)(text(asked.request.path[0]));
    for (int i = 0; i < 3; ++i) {
        const auto answer = receive();
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->text(), std::to_string(i));
        EXPECT_TRUE(silent());
        reply(wire::ack(*answer));
    }
}

// GW-035
TEST_F(RequestTest, AnExecuteThatIsRepeatedRunsOnce) {  // TRANS-002
    engine.answer_at_once = [](const lwm2m::Request&) { return lwm2m::Response{Code::changed}; };
    const auto execute = wire::request(wire::post, "/3/0/4", 99, "tok");
    const auto first = ask(execute), second = ask(execute);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->encoded(), second->encoded());
    EXPECT_EQ(engine.asked.size(), 1u);
    ASSERT_TRUE(ask(wire::request(wire::post, "/3/0/4", 99, "other")));
    EXPECT_EQ(engine.asked.size(), 2u) << "the same message id with another token is another request";
    timers.advance(250s);
    ASSERT_TRUE(ask(execute));
    EXPECT_EQ(engine.asked.size(), 3u) << "EXCHANGE_LIFETIME is over";
}

// CORE-098
TEST_F(RequestTest, ARepeatedCreateGetsItsLocationAgain) {
    engine.answer_at_once = [](const lwm2m::Request&) {
        lwm2m::Response response{Code::created};
        response.location = {"d01", "19", "0"};
        return response;
    };
    const auto create = wire::request(wire::post, "/d01/19", 4, "t").with(wire::content_format, 11542).body("x");
    const auto first = ask(create), second = ask(create);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->encoded(), second->encoded());
    EXPECT_EQ(engine.asked.size(), 1u);
}

TEST_F(RequestTest, ARequestThatIsStillBeingServedIsNotServedTwice) {
    for (const std::uint8_t method : {wire::get, wire::put}) {
        engine.asked.clear();
        const auto slow = wire::request(method, "/3", std::uint16_t(20 + method), "t").with(wire::content_format, 0);
        reply(slow);
        reply(slow);
        const auto empty = receive();
        ASSERT_TRUE(empty) << "the repetition shows that the server waits";
        EXPECT_EQ(empty->code, wire::empty);
        EXPECT_EQ(engine.asked.size(), 1u);
        std::move(engine.asked[0].reply)(text("x"));
        const auto answer = receive();
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->type, wire::Type::con);
        reply(wire::ack(*answer));
        settle();
    }
}

TEST_F(RequestTest, AReplyThatIsDroppedIsAnInternalError) {
    reply(wire::request(wire::get, "/3", 5, "t"));
    ASSERT_TRUE(run_until([this] { return engine.asked.size() == 1; }));
    engine.asked.clear();
    EXPECT_EQ(receive()->code, code(5, 0));
}

TEST_F(RequestTest, ARequestThatNeedsNoConfirmationGetsSuchAnAnswer) {
    engine.answer_at_once = [](const lwm2m::Request&) { return text("x"); };
    auto message = wire::request(wire::get, "/3", 5, "t");
    message.type = wire::Type::non;
    const auto answer = ask(message);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->type, wire::Type::non);
    EXPECT_EQ(answer->token, message.token);
    message.code = wire::post;
    message.id = 6;
    ASSERT_TRUE(ask(message));
    reply(message);
    EXPECT_TRUE(silent()) << "run once, answered once";
    EXPECT_EQ(engine.asked.size(), 2u);
}

TEST_F(RequestTest, UnknownCriticalOptionsAreRefusedAndOthersIgnored) {  // TRANS-004
    engine.answer_at_once = [](const lwm2m::Request&) { return text("x"); };
    std::uint16_t id = 1;
    for (const std::uint16_t option :
         {std::uint16_t{wire::if_match}, std::uint16_t{5}, std::uint16_t{9}, std::uint16_t{9999}}) {
        const auto answer = ask(wire::request(wire::get, "/3", ++id, "t").with(option, option == 5 ? "" : "v"));
        ASSERT_TRUE(answer) << option;
        EXPECT_EQ(answer->code, code(4, 2)) << option;
    }
    EXPECT_TRUE(engine.asked.empty());
    for (const std::uint16_t option : {std::uint16_t{9998}, std::uint16_t{wire::uri_host}, std::uint16_t{wire::uri_port}}) {
        const auto answer = ask(wire::request(wire::get, "/3", ++id, "t").with(option, "ab"));
        ASSERT_TRUE(answer) << option;
        EXPECT_EQ(answer->code, code(2, 5)) << option;
    }
    auto non = wire::request(wire::get, "/3", ++id, "t").with(9999, "v");
    non.type = wire::Type::non;
    reply(non);
    settle();
    const auto bytes = peer.receive_bytes();
    EXPECT_TRUE(!bytes || wire::Message::decode(*bytes)->type == wire::Type::rst) << "dropped (RFC 7252 5.4.1)";
}

TEST_F(RequestTest, ThePingIsAnswered) {  // TRANS-005
    // libcoap answers four a second, and none in the first quarter of a second of the process.
    std::optional<wire::Bytes> answer;
    ASSERT_TRUE(run_until([this, &answer] {
        reply({wire::Type::con, wire::empty, 4711});
        return (answer = peer.receive_bytes()).has_value();
    }));
    const auto pong = wire::Message::decode(*answer);
    ASSERT_TRUE(pong);
    EXPECT_EQ(pong->type, wire::Type::rst);
    EXPECT_EQ(pong->id, 4711);
    EXPECT_TRUE(engine.asked.empty());
}

TEST_F(RequestTest, TokensOfAnyLegalLengthComeBack) {  // TRANS-003
    engine.answer_at_once = [](const lwm2m::Request&) { return text("x"); };
    for (std::size_t length = 0; length <= 8; ++length) {
        const auto answer = ask(wire::request(wire::get, "/3", std::uint16_t(length + 1), std::string(length, 't')));
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->token, wire::Bytes(length, 't'));
    }
    const std::size_t served = engine.asked.size();
    wire::Bytes nine = wire::request(wire::get, "/3", 50, "12345678").encoded();
    nine[0] = 0x49;
    peer.send_bytes(nine);
    settle();
    EXPECT_EQ(engine.asked.size(), served);
}

TEST_F(RequestTest, GarbageHarmsNobody) {  // TRANS-007, TRANS-009
    engine.answer_at_once = [](const lwm2m::Request&) { return text("x"); };
    const wire::Bytes good = wire::request(wire::put, "/dev0/3303/0/5700", 60, "tok")
                                 .with(wire::content_format, 110)
                                 .with(wire::uri_query, "pmin=1")
                                 .block(wire::block1, 0, false, 64)
                                 .with(9998, std::string(300, 'x'))
                                 .body("[]")
                                 .encoded();
    for (std::size_t cut = 0; cut < good.size(); ++cut) peer.send_bytes(wire::ByteView(good).first(cut));
    wire::Bytes marker = wire::request(wire::put, "/3", 61, "t").encoded();
    marker.push_back(0xff);
    peer.send_bytes(marker);
    SCOPED_TRACE("seed 1");
    fakes::FixedRandom dice(1);
    for (int i = 0; i < 3000; ++i) {
        wire::Bytes bad = good;
        for (int flips = 0; flips < 1 + i % 4; ++flips) bad[dice.next() % bad.size()] = static_cast<std::uint8_t>(dice.next());
        if (i % 3 == 0) bad.resize(dice.next() % bad.size());
        peer.send_bytes(bad);
        settle();
        while (peer.receive_bytes()) {
        }
    }
    peer.send_bytes(wire::Bytes(1472, 0xff));
    peer.send_bytes(wire::Bytes(1473, 0x40));
    settle();
    while (peer.receive_bytes()) {
    }
    engine.asked.clear();
    const auto answer = ask(wire::request(wire::get, "/3", 0x7777, "goodtok"));
    ASSERT_TRUE(answer) << "it still serves";
    EXPECT_EQ(answer->text(), "x");
    EXPECT_EQ(engine.asked.size(), 1u);
}

TEST_F(RequestTest, StrangersAreNotServed) {  // TRANS-011
    Peer stranger;
    wire::Message knock = wire::request(wire::get, "/3", 1, "t");
    sockaddr_in client{};
    client.sin_family = AF_INET;
    client.sin_port = htons(peer.client_port());
    client.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const wire::Bytes bytes = knock.encoded();
    ASSERT_GT(
        ::sendto(stranger.descriptor(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&client), sizeof client), 0);
    settle();
    EXPECT_TRUE(engine.asked.empty());
}

TEST_F(RequestTest, TooManyAtOnceAreToldToComeAgain) {
    for (std::uint16_t i = 0; i < 64; ++i) reply(wire::request(wire::get, "/3", i, "t" + std::to_string(i)));
    ASSERT_TRUE(run_until([this] { return engine.asked.size() == 64; }));
    const auto one = wire::request(wire::put, "/3", 100, "x").with(wire::content_format, 0);
    const auto busy = ask(one);
    ASSERT_TRUE(busy);
    EXPECT_EQ(busy->code, code(5, 3));
    EXPECT_EQ(busy->number(wire::max_age), 1u);
    std::move(engine.asked[0].reply)(text("x"));
    ASSERT_TRUE(receive());
    reply(one);
    ASSERT_TRUE(run_until([this] { return engine.asked.size() == 65; }))
        << "it did not run, so it is not taken for a repetition";
}

TEST_F(RequestTest, AnswersOfADroppedSessionGoNowhere) {
    reply(wire::request(wire::get, "/3", 5, "t"));
    ASSERT_TRUE(run_until([this] { return engine.asked.size() == 1; }));
    transport.reconnect(main_server);
    std::move(engine.asked[0].reply)(text("x"));
    EXPECT_TRUE(silent());
    timers.advance(10s);
    EXPECT_TRUE(silent());
}

TEST_F(RequestTest, TheAccountMayBeClosedFromWithinARequest) {
    engine.answer_at_once = [this](const lwm2m::Request&) -> std::optional<lwm2m::Response> {
        transport.close(main_server);
        return text("x");
    };
    for (std::uint16_t i = 0; i < 3; ++i) reply(wire::request(wire::get, "/3", i, "t"));
    settle();
    EXPECT_EQ(engine.asked.size(), 1u);
}

}  // namespace
}  // namespace stage
