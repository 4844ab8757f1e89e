#include "gateway/control/capture.hpp"

#include <gtest/gtest.h>

namespace gateway::control {
namespace {

using base::as_bytes;
const base::WallTime at{base::Milliseconds(1'700'000'000'250)};

std::uint32_t big(std::string_view text, std::size_t from, std::size_t size) {
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < size; ++i) number = number << 8 | static_cast<std::uint8_t>(text[from + i]);
    return number;
}
std::uint32_t little(std::string_view text, std::size_t from) {
    std::uint32_t number = 0;
    for (std::size_t i = 4; i-- > 0;) number = number << 8 | static_cast<std::uint8_t>(text[from + i]);
    return number;
}
/// RFC 1071: over a header with its own check sum it is 0.
std::uint16_t sum(std::string_view text, std::uint32_t start = 0) {
    for (std::size_t i = 0; i < text.size(); ++i)
        start += static_cast<std::uint32_t>(static_cast<std::uint8_t>(text[i])) << (i % 2 == 0 ? 8 : 0);
    while (start > 0xFFFF) start = (start & 0xFFFF) + (start >> 16);
    return static_cast<std::uint16_t>(~start & 0xFFFF);
}

TEST(Capture, OfTcpIsAConversationOnPort502) {
    Capture capture(Capture::Kind::tcp);
    const auto header = capture.header();
    ASSERT_EQ(header.size(), 24U);
    EXPECT_EQ(little(header, 0), 0xA1B2C3D4U);
    EXPECT_EQ(little(header, 20), 101U) << "LINKTYPE_RAW";

    const auto request = capture.packet(true, at, *base::from_hex("000100000006010300000001"));
    const auto answer = capture.packet(false, at, *base::from_hex("00010000000501030200F5"));
    EXPECT_EQ(little(request, 0), 1'700'000'000U);
    EXPECT_EQ(little(request, 4), 250'000U);
    EXPECT_EQ(little(request, 8), 40U + 12);
    EXPECT_EQ(request.size(), 16U + 40 + 12);
    for (const auto& packet : {request, answer}) {
        const auto ip = std::string_view(packet).substr(16);
        EXPECT_EQ(big(ip, 0, 1), 0x45U);
        EXPECT_EQ(big(ip, 2, 2), ip.size());
        EXPECT_EQ(sum(ip.substr(0, 20)), 0) << "check sum of the IP header";
        const auto tcp = ip.substr(20);
        EXPECT_EQ(sum(tcp, big(ip, 12, 2) + big(ip, 14, 2) + big(ip, 16, 2) + big(ip, 18, 2) + 6 +
                               static_cast<std::uint32_t>(tcp.size())),
                  0)
            << "check sum of the TCP segment";
    }
    EXPECT_EQ(big(request, 16 + 20 + 2, 2), 502U) << "to the device";
    EXPECT_EQ(big(answer, 16 + 20, 2), 502U) << "from the device";
    EXPECT_EQ(big(answer, 16 + 20 + 8, 4), big(request, 16 + 20 + 4, 4) + 12) << "what was asked is acknowledged";
    EXPECT_EQ(request.substr(16 + 40), base::as_text(*base::from_hex("000100000006010300000001")));
}

TEST(Capture, OfASerialLineTellsDirectionAndKeepsTheCrc) {
    Capture capture(Capture::Kind::serial);
    EXPECT_EQ(little(capture.header(), 20), 250U) << "LINKTYPE_RTAC_SERIAL";
    const auto frame = *base::from_hex("010300000001840A");
    const auto sent = capture.packet(true, at, frame), heard = capture.packet(false, at, frame);
    EXPECT_EQ(little(sent, 8), 12U + 8);
    EXPECT_EQ(big(sent, 16, 4), 1'700'000'000U);
    EXPECT_EQ(big(sent, 24, 1), 1U);
    EXPECT_EQ(big(heard, 24, 1), 2U);
    EXPECT_EQ(sent.substr(28), base::as_text(frame));
}

TEST(Capture, TellsModbusTcpFromASerialFrame) {
    EXPECT_EQ(Capture::kind_of(*base::from_hex("000100000006010300000001")), Capture::Kind::tcp);
    EXPECT_EQ(Capture::kind_of(*base::from_hex("010300000001840A")), Capture::Kind::serial);
    EXPECT_EQ(Capture::kind_of({}), Capture::Kind::serial);
}

TEST(Capture, CutsWhatNoFrameCanBe) {
    Capture capture(Capture::Kind::tcp);
    EXPECT_EQ(capture.packet(true, at, base::Bytes(100'000)).size(), 16U + 40 + 1'400);
}

}  // namespace
}  // namespace gateway::control
