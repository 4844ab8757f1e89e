#include "gateway/base/log.hpp"
#include "tests/unit/coap/stage.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <spdlog/sinks/ostream_sink.h>
#include <algorithm>
#include <cstring>
#include <memory>
#include <sstream>

namespace stage {
namespace {

using lwm2m::Code;
using lwm2m::Errc;
using wire::code;

const lwm2m::Bytes key{0xd0, 0x0d, 0xfe, 0xed, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80, 0x90, 0xa0, 0xb0, 0xc0};

unsigned psk_of(SSL*, const char* identity, unsigned char* out, unsigned size) {
    if (std::strcmp(identity, "gw-0001") != 0 || size < key.size()) return 0;
    std::copy(key.begin(), key.end(), out);
    return static_cast<unsigned>(key.size());
}

/// A DTLS server by OpenSSL, which shares no code with the one under test.
class DtlsTest : public Stage {
protected:
    DtlsTest() : context_(SSL_CTX_new(DTLS_server_method()), SSL_CTX_free) {
        SSL_CTX_set_security_level(context_.get(), 0);  // CCM_8 is below its level 1
        SSL_CTX_set_cipher_list(context_.get(), "PSK-AES128-CCM8");
        SSL_CTX_set_psk_server_callback(context_.get(), psk_of);
    }

    void open_secure(const std::string& identity = "gw-0001", const lwm2m::Bytes& with = key) {
        lwm2m::ServerAccount account;
        account.id = main_server;
        account.name = "main";
        account.uri = "coaps://127.0.0.1:" + std::to_string(peer.port());
        account.identity = identity;
        account.key = with;
        const auto opened = transport.open(account);
        ASSERT_TRUE(opened) << opened.error().message;
    }
    /// The next client that knocks is the one that the server speaks with.
    void accept() {
        std::optional<wire::Bytes> hello;
        ASSERT_TRUE(run_until([&] { return (hello = peer.receive_bytes(MSG_PEEK)).has_value(); }));
        client_hello = *hello;
        ssl_ = {SSL_new(context_.get()), SSL_free};
        BIO* bio = BIO_new_dgram(peer.descriptor(), BIO_NOCLOSE);
        const std::unique_ptr<BIO_ADDR, decltype(&BIO_ADDR_free)> client{BIO_ADDR_new(), BIO_ADDR_free};
        BIO_ADDR_rawmake(client.get(), AF_INET, &peer.client().sin_addr, sizeof(in_addr), peer.client().sin_port);
        BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_PEER, 0, client.get());
        SSL_set_bio(ssl_.get(), bio, bio);
        SSL_set_accept_state(ssl_.get());
    }
    bool shake_hands() {
        return run_until([this] { return SSL_do_handshake(ssl_.get()) == 1; });
    }
    std::optional<wire::Message> receive_secure() {
        wire::Bytes bytes(2048);
        int count = 0;
        if (!run_until([&] { return (count = SSL_read(ssl_.get(), bytes.data(), int(bytes.size()))) > 0; }))
            return std::nullopt;
        bytes.resize(static_cast<std::size_t>(count));
        return wire::Message::decode(bytes);
    }
    void send_secure(const wire::Message& message) {
        const wire::Bytes bytes = message.encoded();
        EXPECT_GT(SSL_write(ssl_.get(), bytes.data(), int(bytes.size())), 0);
    }
    void registered_securely() {
        open_secure();
        send(register_uplink());
        accept();
        ASSERT_TRUE(shake_hands());
        const auto asked = receive_secure();
        ASSERT_TRUE(asked);
        send_secure(wire::ack(*asked, code(2, 1)));
        ASSERT_TRUE(run_until([this] { return answers.size() == 1; }));
        EXPECT_TRUE(answers[0]);
    }

    wire::Bytes client_hello;
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
};

// ETS-0401, TRANS-034
TEST_F(DtlsTest, RegistersAndServesReadsOverAPreSharedKey) {  // TRANS-034
    registered_securely();
    EXPECT_STREQ(SSL_get_cipher(ssl_.get()), "PSK-AES128-CCM8");
    engine.answer_at_once = [](const lwm2m::Request&) { return text("21.5"); };
    for (std::uint16_t i = 0; i < 20; ++i) {
        send_secure(wire::request(wire::get, "/dev0/3303/0/5700", i, "t"));
        const auto answer = receive_secure();
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->id, i);
        EXPECT_EQ(answer->text(), "21.5");
    }
}

TEST_F(DtlsTest, WhatIsSentWithinOneBurstIsAnsweredInFull) {
    registered_securely();
    engine.answer_at_once = [](const lwm2m::Request& request) { return text(request.path[0] + std::string(1000, '.')); };
    for (std::uint16_t i = 0; i < 100; ++i) send_secure(wire::request(wire::get, "/" + std::to_string(i), i, "t"));
    for (std::uint16_t i = 0; i < 100; ++i) {
        const auto answer = receive_secure();
        ASSERT_TRUE(answer) << i;
        EXPECT_EQ(answer->text(), std::to_string(i) + std::string(1000, '.'));
    }
}

TEST_F(DtlsTest, TheHelloOffersTheRequiredSuiteFirstNoCbcAndAConnectionId) {  // TRANS-035, TRANS-045
    if (!full_libcoap) GTEST_SKIP();
    open_secure();
    send(register_uplink());
    accept();
    // Record header 13, handshake header 12, version 2, random 32; then session id, cookie, suites, compression, extensions.
    base::Cursor in(client_hello);
    ASSERT_TRUE(in.take(13 + 12 + 2 + 32));
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(in.take(*in.byte()));
    base::Cursor suites(*in.take(*in.big_endian(2)));
    std::vector<std::uint64_t> offered;
    while (const auto suite = suites.big_endian(2)) offered.push_back(*suite);
    ASSERT_FALSE(offered.empty());
    EXPECT_EQ(offered[0], 0xC0A8u) << "TLS_PSK_WITH_AES_128_CCM_8";
    for (const std::uint64_t suite : offered) EXPECT_NE(suite, 0x00AEu) << "CBC";
    ASSERT_TRUE(in.take(*in.byte()));
    base::Cursor extensions(*in.take(*in.big_endian(2)));
    std::vector<std::uint64_t> names;
    while (const auto name = extensions.big_endian(2)) {
        names.push_back(*name);
        ASSERT_TRUE(extensions.take(*extensions.big_endian(2)));
    }
    EXPECT_TRUE(std::ranges::count(names, 54u)) << "connection_id, RFC 9146";
    EXPECT_TRUE(std::ranges::count(names, 23u)) << "extended_master_secret";
    EXPECT_FALSE(std::ranges::count(names, 0u)) << "no server name for an address";
}

TEST_F(DtlsTest, AnEndlessHandshakeEndsAfterAMinute) {
    open_secure();
    send(register_uplink());
    settle();
    timers.advance(59s);
    EXPECT_TRUE(answers.empty());
    timers.advance(2s);
    ASSERT_EQ(answers.size(), 1u);
    ASSERT_FALSE(answers[0]);
    EXPECT_EQ(answers[0].error().code, Errc::offline);
    EXPECT_EQ(engine.closed.size(), 1u);
    EXPECT_EQ(timers.waiting(), 0u);
}

TEST_F(DtlsTest, AWrongKeyMakesNoSessionAndIsNeverLogged) {  // TRANS-050
    std::ostringstream log;
    const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log);
    base::log().sinks().push_back(sink);
    base::log().set_level(spdlog::level::trace);
    lwm2m::Bytes wrong = key;
    wrong[0] ^= 1;
    open_secure("gw-0001", wrong);
    send(register_uplink());
    accept();
    ASSERT_TRUE(run_until([this] {  // the server has the key exchange and waits for what only the right key makes
        SSL_do_handshake(ssl_.get());
        const auto state = SSL_get_state(ssl_.get());
        return state == TLS_ST_SR_KEY_EXCH || state == TLS_ST_SR_CHANGE;
    }));
    settle();
    SSL_do_handshake(ssl_.get());
    timers.advance(61s);
    base::log().sinks().pop_back();
    base::log().set_level(spdlog::level::info);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].error().code, Errc::offline);
    EXPECT_EQ(log.str().find(base::to_hex(wrong).substr(2, 16)), std::string::npos);
    EXPECT_EQ(log.str().find("fe ed"), std::string::npos);
}

TEST_F(DtlsTest, AServerThatEndsTheSessionIsMetAgainByTheNextRequest) {
    if (!full_libcoap) GTEST_SKIP();
    registered_securely();
    SSL_shutdown(ssl_.get());
    ASSERT_TRUE(run_until([this] { return !engine.closed.empty(); }));
    answers.clear();
    while (peer.receive_bytes()) {
    }
    registered_securely();
}

TEST_F(DtlsTest, ForgedRecordsAreDropped) {  // TRANS-048
    registered_securely();
    engine.answer_at_once = [](const lwm2m::Request&) { return text("x"); };
    for (std::size_t size = 1; size < 200; size += 7) {
        wire::Bytes forged(size, 0x41);
        const wire::Bytes head{23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 1, 0, 0, static_cast<std::uint8_t>(size > 13 ? size - 13 : 0)};
        std::copy_n(head.begin(), std::min(size, head.size()), forged.begin());
        peer.send_bytes(forged);
    }
    settle();
    send_secure(wire::request(wire::get, "/3", 1, "t"));
    const auto answer = receive_secure();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->text(), "x");
    EXPECT_TRUE(engine.closed.empty());
}

}  // namespace
}  // namespace stage
