#include "tests/unit/modbus/stage.hpp"

/// The keys of a link, as its user writes them.
namespace adapters::modbus {
namespace {

std::optional<LinkSettings> settings_of(const std::string& link, std::string* complaints = nullptr) {
    base::Diagnostics diagnostics;
    const auto node = config::read_yaml(link, "gateway.yaml", diagnostics).value_or(base::Node{});
    Fields fields(node, "link 'bus'", diagnostics);
    auto settings = read_link(fields);
    fields.done();
    if (complaints != nullptr) {
        *complaints = diagnostics.str();
    } else {
        EXPECT_EQ(diagnostics.str(), "");
    }
    return settings;
}
std::string complaints(const std::string& link) {
    std::string text;
    EXPECT_FALSE(settings_of(link, &text)) << link;
    return text;
}

TEST(LinkSettings, EachKindSaysWhereItGoes) {
    EXPECT_EQ(settings_of("modbus: tcp://192.0.2.1")->where(), "tcp 192.0.2.1:502");
    EXPECT_EQ(settings_of("{modbus: rtu:/dev/ttyS0, line: 19200 8E1}")->where(), "rtu /dev/ttyS0 19200 8E1");
    EXPECT_EQ(settings_of("modbus: \"rtu+tcp://[2001:db8::1]:4001\"")->where(), "rtu+tcp [2001:db8::1]:4001");
    EXPECT_EQ(settings_of("modbus: dial-in://0.0.0.0:5020")->where(), "dial-in 0.0.0.0:5020");
    EXPECT_EQ(settings_of("{modbus: dial-in://0.0.0.0:5020, hello: \"IMEI:86\\r\\n\"}")->where(),
              "dial-in 0.0.0.0:5020 IMEI:86\\x0d\\x0a");
}

TEST(LinkSettings, RtuFramesHaveALineBehindThem) {
    const auto remote = settings_of("{modbus: rtu+tcp://192.0.2.1:4001, line: 19200 8E1, timeout: 2s, idle: 1m}");
    ASSERT_TRUE(remote->is_serial());
    EXPECT_EQ(remote->line()->baud, 19200);
    EXPECT_EQ(remote->timeout, base::Milliseconds(2000));
    EXPECT_EQ(remote->idle, base::Milliseconds(60'000));
    EXPECT_TRUE(settings_of("{modbus: dial-in://0.0.0.0:5020, framing: rtu, line: 4800 8N1}")->is_serial());
    EXPECT_FALSE(settings_of("{modbus: dial-in://0.0.0.0:5020}")->is_serial());
    EXPECT_FALSE(settings_of("modbus: tcp://192.0.2.1")->is_serial());
}

TEST(LinkSettings, AHelloIsTextOrBytes) {
    const auto hello = [](const char* text) {
        return std::get<DialIn>(settings_of(fmt::format("{{modbus: dial-in://0.0.0.0:5020, hello: {}}}", text))->to).hello;
    };
    EXPECT_EQ(hello("modem-7"), (Bytes{'m', 'o', 'd', 'e', 'm', '-', '7'}));
    EXPECT_EQ(hello("\"hex:01 02 ff\""), (Bytes{1, 2, 255}));
}

TEST(LinkSettings, TheDirectionOfAnRs485LineIsSaid) {
    const auto rs485 = [](const char* keys) {
        return std::get<SerialLine>(settings_of(fmt::format("{{modbus: rtu:/dev/ttyS0, rs485: {}}}", keys))->to).rs485;
    };
    EXPECT_EQ(rs485("{direction: kernel, after: 1ms}").direction, Rs485::Direction::kernel);
    EXPECT_EQ(rs485("{direction: kernel, after: 1ms}").after, std::chrono::milliseconds(1));
    EXPECT_EQ(rs485("{direction: rts, before: 200us}").before, std::chrono::microseconds(200));
    EXPECT_EQ(rs485("{}").direction, Rs485::Direction::automatic);
    EXPECT_EQ(std::get<SerialLine>(settings_of("modbus: rtu:/dev/ttyS0")->to).rs485.direction, Rs485::Direction::none);
}

TEST(LinkSettings, ASecondAddressIsOfTheSameKind) {
    EXPECT_EQ(settings_of("{modbus: tcp://192.0.2.1, fallback: tcp://192.0.2.2:1502}")->fallback->port, 1502);
    EXPECT_EQ(
        complaints("{modbus: tcp://192.0.2.1, fallback: rtu+tcp://192.0.2.2:1502}"),
        "gateway.yaml:1:37: link 'bus': 'rtu+tcp://192.0.2.2:1502' is no second address of this link; write another one of "
        "the same kind: tcp://HOST\n");
    EXPECT_EQ(complaints("{modbus: rtu:/dev/ttyS0, fallback: tcp://192.0.2.2}"),
              "gateway.yaml:1:36: link 'bus': there is nothing to fall back to on this kind of link; remove 'fallback'\n");
}

TEST(LinkSettings, WhatDoesNotBelongIsToldAllAtOnce) {
    EXPECT_EQ(complaints("{modbus: tcp://192.0.2.1, line: 9600 8N1, rs485: {}, hello: x, ca: /x, idle: 1ms}"),
              "gateway.yaml:1:33: link 'bus': 'line' belongs to a serial line; remove it, or write modbus: rtu:/dev/DEVICE\n"
              "gateway.yaml:1:50: link 'bus': 'rs485' belongs to a serial line of this machine; remove it; who has the line "
              "switches its direction\n"
              "gateway.yaml:1:61: link 'bus': 'hello' belongs to a device that dials in; remove it, or write modbus: "
              "dial-in://ADDRESS:PORT\n"
              "gateway.yaml:1:68: link 'bus': 'ca' belongs to TLS; remove it, or write modbus: tls://HOST\n"
              "gateway.yaml:1:78: link 'bus': 'idle' is 1ms, out of range; write a span from 1s to 1d\n");
    EXPECT_EQ(complaints("{modbus: rtu:/dev/ttyS0, rs485: {direction: both, after: 1s, aft: 1ms}, idle: 1m}"),
              "gateway.yaml:1:45: link 'bus': 'rs485': 'direction' cannot be 'both'; write one of auto, kernel, rts, none\n"
              "gateway.yaml:1:58: link 'bus': 'rs485': 'after' is 1s, out of range; write a span from 0s to 100ms\n"
              "gateway.yaml:1:62: unknown key 'aft' in link 'bus': 'rs485'; did you mean 'after'?\n"
              "gateway.yaml:1:79: link 'bus': only a connection that the gateway makes is closed when nobody asks; remove "
              "'idle'\n");
    EXPECT_EQ(complaints("{modbus: dial-in://meter.example, framing: ascii, line: 9600 8N1, hello: \"hex:0\"}"),
              "gateway.yaml:1:10: link 'bus': 'dial-in://meter.example' is no address to wait at; write an address of this "
              "machine, or 0.0.0.0 for all of them, and a port: dial-in://0.0.0.0:5020\n"
              "gateway.yaml:1:44: link 'bus': 'framing' cannot be 'ascii'; write one of tcp, rtu\n"
              "gateway.yaml:1:57: link 'bus': 'line' belongs to RTU frames; remove it, or write framing: rtu\n"
              "gateway.yaml:1:74: link 'bus': 'hello' is not 1 to 64 bytes; write the text, or hex: and the bytes in hex: "
              "\"hex:0102ff\"\n");
}

TEST(LinkSettings, NothingThatMayBeAKeyIsRepeated) {
    const std::string text =
        complaints("{modbus: tls://meter.example, ca: /nowhere/ca.pem, certificate: own.pem, key: hunter2}");
    EXPECT_NE(text.find("/nowhere/ca.pem cannot be read: No such file or directory"), std::string::npos) << text;
    EXPECT_NE(text.find("'key' is neither a file's whole path nor PEM text; write key: \"${secret:NAME}\""), std::string::npos)
        << text;
    EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
}

}  // namespace
}  // namespace adapters::modbus
