#include "tests/unit/coap/stage.hpp"

namespace stage {
namespace {

using lwm2m::Code;
using wire::BlockValue;
using wire::code;

std::string numbered(std::size_t size) {
    std::string text;
    while (text.size() < size) text += std::to_string(text.size()) + ",";
    text.resize(size);
    return text;
}

class BlockTest : public Stage {
protected:
    void SetUp() override { registered(); }

    std::optional<wire::Message> put_block(std::uint32_t number, bool more, std::size_t size, const std::string& body,
                                           const std::string& tag = "", std::optional<std::uint32_t> total = {}) {
        auto message = wire::request(wire::put, "/5/0/0", ++id, "t").with(wire::content_format, 42);
        message.block(wire::block1, number, more, size).body(body);
        if (total) message.with(wire::size1, *total);
        if (!tag.empty()) message.with(wire::request_tag, tag);
        return ask(message);
    }
    std::optional<wire::Message> get_block(const std::string& path, std::uint32_t number, std::size_t size) {
        return ask(wire::request(wire::get, path, ++id, "g").block(wire::block2, number, false, size));
    }

    std::uint16_t id = 100;
};

// GW-046
TEST_F(BlockTest, BlocksOfARequestAreJoined) {
    engine.answer_at_once = [](const lwm2m::Request&) { return lwm2m::Response{Code::changed}; };
    const std::string body = numbered(150);
    const auto first = put_block(0, true, 64, body.substr(0, 64));
    ASSERT_TRUE(first);
    EXPECT_EQ(first->code, code(2, 31));
    EXPECT_EQ(wire::block_of(*first, wire::block1), (BlockValue{0, true, 64}));
    EXPECT_TRUE(engine.asked.empty());
    EXPECT_EQ(put_block(1, true, 64, body.substr(64, 64))->code, code(2, 31));
    const auto last = put_block(2, false, 64, body.substr(128));
    EXPECT_EQ(last->code, code(2, 4));
    EXPECT_EQ(wire::block_of(*last, wire::block1), (BlockValue{2, false, 64}));
    ASSERT_EQ(engine.asked.size(), 1u);
    EXPECT_EQ(engine.asked[0].request.payload, lwm2m::Bytes(body.begin(), body.end()));
    EXPECT_EQ(engine.asked[0].request.content_format, 42);
}

TEST_F(BlockTest, ARepeatedBlockIsAnsweredAsBeforeAndJoinedOnce) {
    engine.answer_at_once = [](const lwm2m::Request&) { return lwm2m::Response{Code::changed}; };
    const std::string body = numbered(32);
    auto block = wire::request(wire::put, "/5/0/0", 1, "a").block(wire::block1, 0, true, 16).body(body.substr(0, 16));
    const auto once = ask(block), twice = ask(block);
    EXPECT_EQ(once->encoded(), twice->encoded());
    block = wire::request(wire::put, "/5/0/0", 2, "a").block(wire::block1, 1, false, 16).body(body.substr(16));
    EXPECT_EQ(ask(block)->code, code(2, 4));
    EXPECT_EQ(ask(block)->code, code(2, 4));
    ASSERT_EQ(engine.asked.size(), 1u);
    EXPECT_EQ(engine.asked[0].request.payload, lwm2m::Bytes(body.begin(), body.end()));
}

TEST_F(BlockTest, AGapIsIncompleteAndBlockZeroStartsAnew) {  // TRANS-017
    engine.answer_at_once = [](const lwm2m::Request&) { return lwm2m::Response{Code::changed}; };
    EXPECT_EQ(put_block(1, true, 16, std::string(16, 'x'))->code, code(4, 8)) << "no beginning";
    EXPECT_EQ(put_block(0, true, 16, std::string(16, 'a'))->code, code(2, 31));
    EXPECT_EQ(put_block(2, false, 16, "x")->code, code(4, 8)) << "a gap";
    EXPECT_EQ(put_block(0, true, 16, std::string(16, 'b'))->code, code(2, 31));
    EXPECT_EQ(put_block(1, false, 16, "c")->code, code(2, 4));
    ASSERT_EQ(engine.asked.size(), 1u);
    EXPECT_EQ(engine.asked[0].request.payload.size(), 17u);
    EXPECT_EQ(engine.asked[0].request.payload[0], 'b');
    EXPECT_EQ(put_block(0, true, 16, "short")->code, code(4, 0)) << "a block that is not the last is full";
}

TEST_F(BlockTest, TooMuchIsRefusedWithTheBound) {  // TRANS-017
    const auto told = put_block(0, true, 1024, std::string(1024, 'x'), "", 70'000);
    ASSERT_TRUE(told);
    EXPECT_EQ(told->code, code(4, 13));
    EXPECT_EQ(told->number(wire::size1), 65'536u);
    EXPECT_TRUE(told->value(wire::block1));
    for (std::uint32_t i = 0; i < 64; ++i) ASSERT_EQ(put_block(i, true, 1024, std::string(1024, 'x'))->code, code(2, 31)) << i;
    EXPECT_EQ(put_block(64, false, 1024, "x")->code, code(4, 13));
    EXPECT_TRUE(engine.asked.empty());
}

TEST_F(BlockTest, ASmallerSizeMidwayIsLegal) {  // TRANS-018
    engine.answer_at_once = [](const lwm2m::Request&) { return lwm2m::Response{Code::changed}; };
    EXPECT_EQ(put_block(0, true, 64, std::string(64, 'a'))->code, code(2, 31));
    EXPECT_EQ(put_block(4, true, 16, std::string(16, 'b'))->code, code(2, 31));
    EXPECT_EQ(put_block(5, false, 16, "c")->code, code(2, 4));
    EXPECT_EQ(engine.asked.at(0).request.payload.size(), 81u);
}

TEST_F(BlockTest, TransfersWithDifferentRequestTagsDoNotMix) {  // TRANS-023
    engine.answer_at_once = [](const lwm2m::Request&) { return lwm2m::Response{Code::changed}; };
    EXPECT_EQ(put_block(0, true, 16, std::string(16, 'a'), "A")->code, code(2, 31));
    EXPECT_EQ(put_block(0, true, 16, std::string(16, 'b'), "B")->code, code(2, 31));
    EXPECT_EQ(put_block(1, false, 16, "a", "A")->code, code(2, 4));
    EXPECT_EQ(put_block(1, false, 16, "b", "B")->code, code(2, 4));
    EXPECT_EQ(engine.asked.at(0).request.payload, lwm2m::Bytes(17, 'a'));
    EXPECT_EQ(engine.asked.at(1).request.payload, lwm2m::Bytes(17, 'b'));
}

TEST_F(BlockTest, ALongAnswerIsServedFromOneSnapshot) {  // TRANS-016
    const std::string value = numbered(2500);
    engine.answer_at_once = [&value, n = 0](const lwm2m::Request&) mutable { return text(n++ == 0 ? value : "changed since"); };
    const auto first = ask(wire::request(wire::get, "/25", ++id, "g"));
    ASSERT_TRUE(first);
    EXPECT_EQ(wire::block_of(*first, wire::block2), (BlockValue{0, true, 1024}));
    EXPECT_EQ(first->number(wire::size2), 2500u);
    ASSERT_TRUE(first->value(wire::etag));
    const auto last = get_block("/25", 2, 1024), middle = get_block("/25", 1, 1024);
    ASSERT_TRUE(last && middle) << "in any order";
    EXPECT_EQ(wire::block_of(*last, wire::block2), (BlockValue{2, false, 1024}));
    EXPECT_EQ(first->text() + middle->text() + last->text(), value);
    EXPECT_EQ(middle->value(wire::etag), first->value(wire::etag));
    EXPECT_EQ(middle->number(wire::content_format), 0u);
    EXPECT_EQ(engine.asked.size(), 1u);
    EXPECT_EQ(get_block("/25", 3, 1024)->code, code(4, 0)) << "beyond the end";
}

TEST_F(BlockTest, ANewReadIsANewSnapshotWithAnotherTag) {
    int n = 0;
    engine.answer_at_once = [&n](const lwm2m::Request&) { return text(std::string(1500, char('a' + n++))); };
    const auto old = ask(wire::request(wire::get, "/25", ++id, "g"));
    const auto fresh = ask(wire::request(wire::get, "/25", ++id, "h"));
    ASSERT_TRUE(old && fresh);
    EXPECT_NE(old->value(wire::etag), fresh->value(wire::etag));
    EXPECT_EQ(get_block("/25", 1, 1024)->value(wire::etag), fresh->value(wire::etag));
}

TEST_F(BlockTest, TheServerChoosesASmallerSize) {  // TRANS-018
    const std::string value = numbered(200);
    engine.answer_at_once = [&value](const lwm2m::Request&) { return text(value); };
    std::string got;
    for (std::uint32_t i = 0; i < 4; ++i) {
        const auto part = get_block("/25", i, 64);
        ASSERT_TRUE(part);
        EXPECT_EQ(wire::block_of(*part, wire::block2), (BlockValue{i, i < 3, 64}));
        got += part->text();
    }
    EXPECT_EQ(got, value);
    EXPECT_EQ(engine.asked.size(), 1u);
}

TEST_F(BlockTest, SeveralLongAnswersAreServedAtOnce) {
    engine.answer_at_once = [](const lwm2m::Request& request) { return text(std::string(1500, request.path[0][0])); };
    for (const std::string path : {"/a", "/b", "/c"}) ASSERT_TRUE(ask(wire::request(wire::get, path, ++id, "g")));
    for (const std::string path : {"/b", "/c", "/a"}) EXPECT_EQ(get_block(path, 1, 1024)->text(), std::string(476, path[1]));
    EXPECT_EQ(engine.asked.size(), 3u);
}

TEST_F(BlockTest, ASnapshotIsKeptForAMinuteThenTheValueIsReadAnew) {
    int n = 0;
    engine.answer_at_once = [&n](const lwm2m::Request&) { return text(std::string(1500, char('a' + n++))); };
    ASSERT_TRUE(ask(wire::request(wire::get, "/25", ++id, "g")));
    timers.advance(59s);
    EXPECT_EQ(get_block("/25", 1, 1024)->text()[0], 'a');
    timers.advance(59s);
    EXPECT_EQ(get_block("/25", 1, 1024)->text()[0], 'a') << "a minute after its last use";
    timers.advance(61s);
    EXPECT_EQ(get_block("/25", 1, 1024)->text()[0], 'b');
    EXPECT_EQ(engine.asked.size(), 2u);
}

TEST_F(BlockTest, ALongFetchGetsALongAnswer) {  // TRANS-020
    const std::string paths = numbered(100), value = numbered(100);
    engine.answer_at_once = [&value](const lwm2m::Request&) { return text(value); };
    const auto fetch = [this](std::string tag) {
        return wire::request(wire::fetch, "", ++id, tag).with(wire::content_format, 320);
    };
    EXPECT_EQ(ask(fetch("a").block(wire::block1, 0, true, 64).body(paths.substr(0, 64)))->code, code(2, 31));
    auto part = ask(fetch("b").block(wire::block2, 0, false, 64).block(wire::block1, 1, false, 64).body(paths.substr(64)));
    ASSERT_TRUE(part);
    EXPECT_EQ(part->code, code(2, 5));
    EXPECT_EQ(wire::block_of(*part, wire::block1), (BlockValue{1, false, 64}));
    EXPECT_EQ(wire::block_of(*part, wire::block2), (BlockValue{0, true, 64}));
    std::string got = part->text();
    part = ask(fetch("c").block(wire::block2, 1, false, 64));
    ASSERT_TRUE(part);
    got += part->text();
    EXPECT_EQ(got, value);
    ASSERT_EQ(engine.asked.size(), 1u);
    EXPECT_EQ(engine.asked[0].request.payload, lwm2m::Bytes(paths.begin(), paths.end()));
}

TEST_F(BlockTest, ALateLongAnswerIsBlockWiseToo) {
    reply(wire::request(wire::get, "/25", ++id, "g"));
    ASSERT_TRUE(run_until([this] { return engine.asked.size() == 1; }));
    timers.advance(1s);
    ASSERT_TRUE(receive());
    std::move(engine.asked[0].reply)(text(numbered(1500)));
    const auto first = receive();
    ASSERT_TRUE(first);
    reply(wire::ack(*first));
    EXPECT_EQ(wire::block_of(*first, wire::block2), (BlockValue{0, true, 1024}));
    EXPECT_EQ(first->text() + get_block("/25", 1, 1024)->text(), numbered(1500));
    EXPECT_EQ(engine.asked.size(), 1u);
}

TEST_F(BlockTest, AnAnswerBeyondTheBoundIsAnInternalError) {
    engine.answer_at_once = [](const lwm2m::Request&) { return text(std::string((4 << 20) + 1, 'x')); };
    EXPECT_EQ(ask(wire::request(wire::get, "/25", ++id, "g"))->code, code(5, 0));
}

}  // namespace
}  // namespace stage
