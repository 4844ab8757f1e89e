#include "lwm2m/coap/blockwise.hpp"
#include "lwm2m/coap/credentials.hpp"
#include "lwm2m/coap/duplicate_filter.hpp"
#include "lwm2m/coap/observations.hpp"
#include "lwm2m/coap/uri.hpp"

#include <gtest/gtest.h>

namespace lwm2m::coap {
namespace {

Token token(const std::string& text) {
    Token t;
    t.size = static_cast<std::uint8_t>(text.size());
    std::copy(text.begin(), text.end(), t.bytes.begin());
    return t;
}

using namespace std::chrono_literals;

constexpr base::Instant start{};

TEST(Uri, TakesNamesAddressesPortsAndPaths) {
    const auto name = parse_uri("coap://server.example");
    ASSERT_TRUE(name);
    EXPECT_EQ(name->host, "server.example");
    EXPECT_EQ(name->port, 5683);
    EXPECT_FALSE(name->secure);
    const auto secure = parse_uri("COAPS://192.0.2.1");
    ASSERT_TRUE(secure);
    EXPECT_EQ(secure->port, 5684);
    EXPECT_TRUE(secure->secure);
    const auto literal = parse_uri("coap://[2001:db8::1]:15683/a%20b/c/");
    ASSERT_TRUE(literal);
    EXPECT_EQ(literal->host, "2001:db8::1");
    EXPECT_EQ(literal->port, 15683);
    EXPECT_EQ(literal->path, (std::vector<std::string>{"a b", "c"}));
}

TEST(Uri, RefusesWhatNoServerIsCalled) {
    for (const std::string wrong : {"", "http://a", "coap://", "coap://:5683", "coap://a:0", "coap://a:65536", "coap://a:1x",
                                    "coap://[::1", "coap://[::1]5683", "coap://2001:db8::1", "coap://u@a", "coap://a?b",
                                    "coap://a#b", "coap://a b", "coap://a/%zz", "coap://[::g]x"})
        EXPECT_FALSE(parse_uri(wrong)) << wrong;
    EXPECT_FALSE(parse_uri("coap://" + std::string(254, 'a')));
    EXPECT_FALSE(parse_uri("coap://a/" + std::string(256, 'b')));  // TRANS-025
    EXPECT_TRUE(parse_uri("coap://a/" + std::string(255, 'b')));
}

TEST(Credentials, KeepTheLengthsOfThePreSharedKeyMode) {  // TRANS-034
    ServerAccount account;
    account.identity = std::string(128, 'i');
    account.key = Bytes(64, 1);
    EXPECT_TRUE(check_credentials(account, true));
    EXPECT_FALSE(check_credentials(account, false));
    account.key.push_back(1);
    EXPECT_FALSE(check_credentials(account, true));
    account.key = Bytes(1, 1);
    account.identity += 'i';
    EXPECT_FALSE(check_credentials(account, true));
    account.security = Security::nosec;
    EXPECT_TRUE(check_credentials(account, false));
    EXPECT_FALSE(check_credentials(account, true));
}

TEST(Observe, NumbersCountOnOverTheEndOfTheirRange) {  // TRANS-013
    std::uint32_t number = 0xFFFFFE;
    for (int i = 0; i < 4; ++i) {
        const std::uint32_t next = next_sequence(number, start + std::chrono::microseconds(std::uint64_t{0xFFFFF0} << 16));
        EXPECT_TRUE(is_newer(next, number)) << number << " -> " << next;
        EXPECT_LE(next, 0xFFFFFFu);
        number = next;
    }
    EXPECT_EQ(number, 2u);
}

TEST(Observe, ANewObservationStartsAboveOneThatEnded) {
    Observations observations(1, 10);
    base::Instant now = start + 20h;
    const ObservationId first = observations.start(token("a"), "k", now);
    std::uint32_t last = observations.find(first)->sequence;
    observations.end(first);
    now += 1s;
    const ObservationId second = observations.start(token("a"), "k", now);
    EXPECT_NE(second, first);
    EXPECT_TRUE(is_newer(observations.find(second)->sequence, last));
}

TEST(Observe, ATokenKeepsItsNumberAndTheirCountIsBounded) {
    Observations observations(1, 2);
    const ObservationId a = observations.start(token("a"), "k", start);
    EXPECT_EQ(observations.start(token("a"), "l", start), a);
    EXPECT_NE(observations.start(token("b"), "k", start), 0u);
    EXPECT_EQ(observations.start(token("c"), "k", start), 0u);
    EXPECT_EQ(observations.start(token("a"), "k", start), a);
    observations.end(a);
    EXPECT_EQ(observations.find(token("a")), 0u);
    EXPECT_NE(observations.start(token("c"), "k", start), 0u);
    EXPECT_NE(Observations(2, 2).start(token("a"), "k", start), a) << "unique among servers too";
}

TEST(Duplicates, AreKnownByMessageAndTokenForTheirTime) {  // TRANS-002
    DuplicateFilter filter(10, 247s);
    DuplicateFilter::Answer answer;
    answer.response.code = Code::created;
    answer.response.location = {"d01", "19", "0"};
    filter.remember(1, token("a"), answer, start);
    filter.remember(2, token("b"), {false, Response{Code::changed}, {}}, start);
    ASSERT_NE(filter.find(1, token("a"), start), nullptr);
    EXPECT_EQ(filter.find(1, token("a"), start)->response.location.size(), 3u);
    EXPECT_EQ(filter.find(2, token("b"), start)->response.code, Code::changed);
    EXPECT_EQ(filter.find(1, token("b"), start), nullptr) << "another request that came round to the same message id";
    EXPECT_EQ(filter.find(1, token("a"), start + 248s), nullptr);
    filter.forget_old(start + 248s);
    EXPECT_TRUE(filter.empty());
}

TEST(Duplicates, AreForgottenOldestFirstWhenThereAreTooMany) {
    DuplicateFilter filter(3, 247s);
    for (std::uint16_t id = 0; id < 10; ++id) {
        filter.remember(id, token("a"), {}, start + std::chrono::milliseconds(id));
        filter.remember(id, token("b"), {}, start + std::chrono::milliseconds(id));  // the same id again takes its place
    }
    EXPECT_EQ(filter.find(6, token("b"), start), nullptr);
    EXPECT_NE(filter.find(9, token("b"), start), nullptr);
}

TEST(Blocks, OptionValuesAreThoseOfTheStandard) {  // RFC 7959 2.2
    const Bytes value{0x2A, 0xBE};
    const auto block = Block::decode(value);
    ASSERT_TRUE(block);
    EXPECT_EQ(*block, (Block{0x2AB, true, 1024}));
    EXPECT_EQ(block->encoded(), 0x2ABEu);
    EXPECT_FALSE(Block::decode(Bytes{0x07})) << "size exponent 7 is reserved";
    EXPECT_FALSE(Block::decode(Bytes{0, 0, 0, 0}));
    EXPECT_EQ(Block::decode({})->size, 16);
    EXPECT_EQ(block_size_for(1000), 512);
    EXPECT_EQ(block_size_for(5), 16);
    EXPECT_EQ(block_size_for(9999), 1024);
}

TEST(Bodies, TheOneIdleForLongestGivesWay) {
    RequestBodies bodies(2, 1000, 247s);
    const Bytes part(16, 'x');
    Bytes whole;
    using Outcome = RequestBodies::Outcome;
    EXPECT_EQ(bodies.add("a", {0, true, 16}, part, {}, start, whole), Outcome::more);
    EXPECT_EQ(bodies.add("b", {0, true, 16}, part, {}, start, whole), Outcome::more);
    EXPECT_EQ(bodies.add("a", {1, true, 16}, part, {}, start, whole), Outcome::more);
    EXPECT_EQ(bodies.add("c", {0, true, 16}, part, {}, start, whole), Outcome::more);
    EXPECT_EQ(bodies.size(), 2u);
    EXPECT_EQ(bodies.add("b", {1, false, 16}, part, {}, start, whole), Outcome::incomplete);
    EXPECT_EQ(bodies.add("a", {2, false, 16}, part, {}, start, whole), Outcome::complete);
    EXPECT_EQ(whole.size(), 48u);
    EXPECT_EQ(bodies.add("c", {1, false, 16}, part, {}, start + 248s, whole), Outcome::incomplete) << "too late";
}

TEST(Bodies, ABlockThatDiffersFromTheOneBeforeEndsTheTransfer) {
    RequestBodies bodies(2, 1000, 247s);
    const Bytes part(16, 'x'), other(16, 'y');
    Bytes whole;
    using Outcome = RequestBodies::Outcome;
    EXPECT_EQ(bodies.add("a", {0, true, 16}, part, {}, start, whole), Outcome::more);
    EXPECT_EQ(bodies.add("a", {1, true, 16}, part, {}, start, whole), Outcome::more);
    EXPECT_EQ(bodies.add("a", {1, true, 16}, part, {}, start, whole), Outcome::more) << "once more, the same";
    EXPECT_EQ(bodies.add("a", {1, true, 16}, other, {}, start, whole), Outcome::incomplete);
    EXPECT_EQ(bodies.size(), 0u);
}

TEST(SnapshotStore, IsBoundedInNumberAndBytes) {
    Snapshots snapshots(2, 100, 60s);
    const auto of = [](std::size_t size) {
        Response response{Code::content};
        response.payload = Bytes(size, 'x');
        return response;
    };
    EXPECT_EQ(snapshots.keep("big", {}, of(101), 1, start), nullptr);
    EXPECT_NE(snapshots.keep("a", {}, of(40), 1, start), nullptr);
    EXPECT_NE(snapshots.keep("b", {}, of(40), 2, start), nullptr);
    EXPECT_NE(snapshots.find("a", {}, start), nullptr);
    EXPECT_NE(snapshots.keep("c", {}, of(10), 3, start), nullptr);
    EXPECT_EQ(snapshots.find("b", {}, start), nullptr) << "idle for longest";
    EXPECT_NE(snapshots.keep("d", {}, of(95), 4, start), nullptr);
    EXPECT_EQ(snapshots.size(), 1u);
    EXPECT_EQ(snapshots.find("d", {}, start + 61s), nullptr);
    snapshots.forget_old(start + 61s);
    EXPECT_EQ(snapshots.size(), 0u);
    EXPECT_NE(snapshots.keep("e", {}, of(100), 5, start), nullptr) << "and its bytes are free again";
}

TEST(Keys, TellRequestsApart) {
    Request a, b;
    a.path = {"1", "2"};
    b.path = {"12"};
    EXPECT_NE(resource_key(a), resource_key(b));
    b.path = a.path;
    EXPECT_EQ(resource_key(a), resource_key(b));
    b.accept = 110;
    EXPECT_NE(resource_key(a), resource_key(b));
    EXPECT_NE(body_key(a, Bytes{1}), body_key(a, Bytes{2}));  // TRANS-023
}

}  // namespace
}  // namespace lwm2m::coap
