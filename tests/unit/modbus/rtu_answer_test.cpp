#include "adapters/modbus/rtu_answer.hpp"

#include <gtest/gtest.h>

/// What is found among the bytes of a serial line.
namespace adapters::modbus {
namespace {

using Heard = RtuAnswer::Heard;

Bytes framed(Bytes bytes) {
    const std::uint16_t sum = crc16(bytes);
    bytes.push_back(static_cast<std::uint8_t>(sum & 0xFF));
    bytes.push_back(static_cast<std::uint8_t>(sum >> 8));
    return bytes;
}
Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

const Request two{.unit = 7, .function = Function::read_holding, .address = 0x0102, .count = 2};
const Bytes two_answer = framed({7, 3, 4, 0x11, 0x22, 0x33, 0x44}), two_data{0x11, 0x22, 0x33, 0x44};
const Request relay{.unit = 7, .function = Function::write_coil, .address = 3, .values = {1}};

TEST(RtuAnswer, IsFoundInPiecesOfAnySize) {
    for (std::size_t size = 1; size <= two_answer.size(); ++size) {
        RtuAnswer answer(two, false);
        auto heard = Heard::unfinished;
        for (std::size_t at = 0; at < two_answer.size(); at += size) {
            ASSERT_EQ(heard, Heard::unfinished);
            heard = answer.take(ByteView(two_answer).subspan(at, std::min(size, two_answer.size() - at)));
        }
        ASSERT_EQ(heard, Heard::answer) << size;
        EXPECT_EQ(answer.result(), two_data);
        EXPECT_FALSE(answer.echoed());
    }
}

TEST(RtuAnswer, IsFoundBehindTheEchoOfItsRequest) {
    const Bytes bytes = rtu_adu(two) + two_answer;
    for (const bool known : {false, true})
        for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
            RtuAnswer answer(two, known);
            const auto first = answer.take(ByteView(bytes).first(cut));
            if (cut < bytes.size()) {
                ASSERT_EQ(first, Heard::unfinished) << cut;
                ASSERT_EQ(answer.take(ByteView(bytes).subspan(cut)), Heard::answer) << cut;
            }
            EXPECT_EQ(answer.result(), two_data);
            EXPECT_TRUE(answer.echoed());
        }
}

TEST(RtuAnswer, AnEchoWithoutAnAnswerIsNoAnswer) {
    RtuAnswer answer(two, false);
    EXPECT_EQ(answer.take(rtu_adu(two)), Heard::unfinished);
    EXPECT_TRUE(answer.echoed());
    EXPECT_FALSE(answer.begun());
    EXPECT_EQ(answer.broken_off().code, base::Errc::timeout);
}

TEST(RtuAnswer, OnAnEchoingLineAWriteIsDoneOnlyByTheSecondCopy) {
    RtuAnswer quiet(relay, false);
    EXPECT_EQ(quiet.take(rtu_adu(relay)), Heard::answer);
    RtuAnswer echoing(relay, true);
    EXPECT_EQ(echoing.take(rtu_adu(relay)), Heard::unfinished);
    EXPECT_EQ(echoing.take(rtu_adu(relay)), Heard::answer);
}

TEST(RtuAnswer, AGlitchOfTheDriverIsSkippedAndNoMore) {
    RtuAnswer answer(two, false);
    EXPECT_EQ(answer.take(Bytes{0x00, 0xFF} + two_answer), Heard::answer);
    RtuAnswer other(two, false);
    EXPECT_NE(other.take(Bytes{0x00, 0x00, 0x00} + two_answer), Heard::answer);
    RtuAnswer noise(two, false);
    EXPECT_NE(noise.take(Bytes{0x5A} + two_answer), Heard::answer);
}

TEST(RtuAnswer, AFrameOfAnotherUnitIsToldAndTheRestStaysGood) {
    RtuAnswer answer(two, false);
    EXPECT_EQ(answer.take(framed({9, 3, 2, 0, 1}) + two_answer), Heard::foreign);
    EXPECT_EQ(answer.foreign_unit(), 9);
    EXPECT_EQ(answer.result().error().message, "unit 9 answered, asked was 7");
    EXPECT_EQ(answer.take({}), Heard::answer);
    EXPECT_EQ(answer.result(), two_data);
}

TEST(RtuAnswer, NoWrongFrameIsTaken) {
    const std::pair<const char*, Bytes> table[] = {
        {"the answer's check sum is wrong", Bytes(two_answer.begin(), two_answer.end() - 1) + Bytes{0}},
        {"an answer of 2 data bytes, asked were 4", framed({7, 3, 2, 0, 1})},
        {"an answer to function 4, asked was 3", framed({7, 4, 4, 0, 1, 0, 2})},
        {"an answer of 260 bytes", {7, 3, 255}},
    };
    for (const auto& [why, bytes] : table) {
        RtuAnswer answer(two, false);
        EXPECT_EQ(answer.take(bytes), Heard::wrong) << why;
        EXPECT_EQ(answer.result().error().message, why);
        EXPECT_EQ(answer.result().error().code, base::Errc::malformed);
    }
    for (std::size_t bit = 0; bit < two_answer.size() * 8; ++bit) {
        Bytes flipped = two_answer;
        flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ 1U << bit % 8);
        RtuAnswer answer(two, false);
        EXPECT_NE(answer.take(flipped), Heard::answer) << bit;
    }
}

TEST(RtuAnswer, AnExceptionIsAnAnswer) {
    RtuAnswer answer(two, false);
    EXPECT_EQ(answer.take(framed({7, 0x83, 2})), Heard::answer);
    EXPECT_EQ(answer.result().error().code, base::Errc::not_found);
}

TEST(RtuAnswer, AFloodIsBounded) {
    RtuAnswer answer(two, false);
    const Bytes flood(100, 0x55);
    auto heard = Heard::unfinished;
    for (int i = 0; i < 100 && heard == Heard::unfinished; ++i) heard = answer.take(flood);
    EXPECT_EQ(heard, Heard::wrong);
}

}  // namespace
}  // namespace adapters::modbus
