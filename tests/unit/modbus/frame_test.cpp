#include "adapters/modbus/frame.hpp"

#include <gtest/gtest.h>

namespace adapters::modbus {
namespace {

using base::Errc;
using base::from_hex;
using base::to_hex;

Request reading(Function function, std::uint16_t count) {
    return {.unit = 7, .function = function, .address = 0x10, .count = count};
}
Request writing(Function function, std::uint16_t count, Bytes values) {
    return {.unit = 7, .function = function, .address = 0x10, .count = count, .values = std::move(values)};
}

// Examples of the protocol's own description, 1.1b3, 6.1 to 6.12.
TEST(Pdu, IsWhatTheProtocolsDescriptionShows) {
    EXPECT_EQ(to_hex(pdu({.function = Function::read_coils, .address = 19, .count = 19})), "0100130013");
    EXPECT_EQ(to_hex(pdu({.function = Function::read_discrete, .address = 196, .count = 22})), "0200c40016");
    EXPECT_EQ(to_hex(pdu({.function = Function::read_holding, .address = 107, .count = 3})), "03006b0003");
    EXPECT_EQ(to_hex(pdu({.function = Function::read_input, .address = 8, .count = 1})), "0400080001");
    EXPECT_EQ(to_hex(pdu({.function = Function::write_coil, .address = 172, .values = {1}})), "0500acff00");
    EXPECT_EQ(to_hex(pdu({.function = Function::write_coil, .address = 172, .values = {0}})), "0500ac0000");
    EXPECT_EQ(to_hex(pdu({.function = Function::write_register, .address = 1, .values = {0, 3}})), "0600010003");
    EXPECT_EQ(to_hex(pdu({.function = Function::write_coils, .address = 19, .count = 10, .values = {0xCD, 0x01}})),
              "0f0013000a02cd01");
    EXPECT_EQ(to_hex(pdu({.function = Function::write_registers, .address = 1, .count = 2, .values = {0, 0x0A, 1, 2}})),
              "100001000204000a0102");
    EXPECT_EQ(to_hex(pdu({.function = Function::report_server_id})), "11");
    EXPECT_EQ(to_hex(pdu({.function = Function::mask_write, .address = 4, .values = {0, 0xF2, 0, 0x25}})), "16000400f20025");
    EXPECT_EQ(to_hex(pdu({.function = Function::write_read,
                          .address = 3,
                          .count = 6,
                          .values = {0, 0xFF, 0, 0xFF, 0, 0xFF},
                          .write_address = 14})),
              "1700030006000e00030600ff00ff00ff");
    EXPECT_EQ(to_hex(pdu({.function = Function::identify, .address = 0, .count = 1})), "2b0e0100");
}

TEST(RtuFrame, HasItsCheckSumLowByteFirst) {
    EXPECT_EQ(to_hex(rtu_adu({.unit = 1, .function = Function::read_holding, .address = 0, .count = 10})), "01030000000ac5cd");
}

TEST(TcpFrame, CarriesTransactionLengthAndUnit) {
    EXPECT_EQ(to_hex(tcp_adu(reading(Function::read_holding, 2), 0x1234)), "123400000006070300100002");
}

struct Case {
    const char* name;
    Request request;
    const char* answer;  // PDU
    const char* says;    // data in hex, or the error
};

std::string verdict(const Verdict& is) {
    return is.data ? to_hex(*is.data) : (is.belongs ? "" : "not the answer: ") + is.data.error().message;
}

Request identifying(std::uint16_t level, std::uint16_t object = 0) {
    return {.unit = 7, .function = Function::identify, .address = object, .count = level};
}

const Case cases[] = {
    {"a mask write", writing(Function::mask_write, 1, {0, 0xF2, 0, 0x25}), "16 0010 00F2 0025", ""},
    {"a mask write of other bits", writing(Function::mask_write, 1, {0, 0xF2, 0, 0x25}), "16 0010 00F2 0024",
     "not the answer: the answer confirms another write than was asked"},
    {"a mask write cut short", writing(Function::mask_write, 1, {0, 0xF2, 0, 0x25}), "16 0010 00F2",
     "not the answer: an answer to a write of 5 bytes, not 7"},
    {"written and read", writing(Function::write_read, 1, {0, 7}), "17 02 0007", "0007"},
    {"written and read too much", writing(Function::write_read, 1, {0, 7}), "17 04 0007 0008",
     "not the answer: an answer of 4 data bytes, asked were 2"},
    {"a server id", {.unit = 7, .function = Function::report_server_id}, "11 03 41 42 FF", "4142ff"},
    {"a server id cut short",
     {.unit = 7, .function = Function::report_server_id},
     "11 03 41 42",
     "not the answer: a server id of another length than it announces"},
    {"an identification", identifying(1), "2B 0E 01 01 00 00 02 00 02 4163 01 01 39",
     "0101000002000241630101"
     "39"},
    {"an identification that breaks off", identifying(1), "2B 0E 01 01 00 00 02 00 02 4163 01",
     "not the answer: an identification that breaks off"},
    {"an identification with a rest", identifying(1), "2B 0E 01 01 00 00 01 00 01 41 FF",
     "not the answer: an identification with more bytes than objects"},
    {"an identification of another level", identifying(2), "2B 0E 01 01 00 00 00",
     "not the answer: an identification of level 1, asked was 2"},
    {"an identification that cannot say whether it goes on", identifying(1), "2B 0E 01 01 01 00 00",
     "not the answer: an identification that says neither that more follows nor that none does"},
    {"another object", identifying(4, 2), "2B 0E 04 81 00 00 01 01 01 41",
     "not the answer: another object of the identification than was asked"},
    {"another MEI type", identifying(1), "2B 0D 01 01 00 00 00", "not the answer: no device identification"},
    {"no identification", identifying(1), "AB 01", "the device says: this function is not there (exception 1)"},
    {"registers", reading(Function::read_holding, 2), "03 04 0001 0002", "00010002"},
    {"input registers", reading(Function::read_input, 1), "04 02 FFFE", "fffe"},
    {"coils", reading(Function::read_coils, 9), "01 02 CD 01", "cd01"},
    {"discrete inputs", reading(Function::read_discrete, 8), "02 01 AC", "ac"},
    {"nothing at all", reading(Function::read_holding, 2), "", "not the answer: an empty answer"},
    {"another function", reading(Function::read_holding, 2), "04 04 0001 0002",
     "not the answer: an answer to function 4, asked was 3"},
    {"no count", reading(Function::read_holding, 2), "03", "not the answer: an answer without a count"},
    {"one register too few", reading(Function::read_holding, 2), "03 02 0001",
     "not the answer: an answer of 2 data bytes, asked were 4"},
    {"one register too many", reading(Function::read_holding, 2), "03 06 0001 0002 0003",
     "not the answer: an answer of 6 data bytes, asked were 4"},
    {"count does not fit, short", reading(Function::read_holding, 2), "03 04 0001 00",
     "not the answer: an answer that announces 4 data bytes and has 3"},
    {"count does not fit, long", reading(Function::read_holding, 2), "03 04 0001 0002 00",
     "not the answer: an answer that announces 4 data bytes and has 5"},
    {"bits for registers", reading(Function::read_coils, 9), "01 01 CD",
     "not the answer: an answer of 1 data bytes, asked were 2"},
    {"written coil", writing(Function::write_coil, 1, {1}), "05 0010 FF00", ""},
    {"written coil, other way round", writing(Function::write_coil, 1, {1}), "05 0010 0000",
     "not the answer: the answer confirms another write than was asked"},
    {"written register", writing(Function::write_register, 1, {0x12, 0x34}), "06 0010 1234", ""},
    {"written register, other address", writing(Function::write_register, 1, {0x12, 0x34}), "06 0011 1234",
     "not the answer: the answer confirms another write than was asked"},
    {"written register, other value", writing(Function::write_register, 1, {0x12, 0x34}), "06 0010 1235",
     "not the answer: the answer confirms another write than was asked"},
    {"written registers", writing(Function::write_registers, 2, {0, 1, 0, 2}), "10 0010 0002", ""},
    {"written registers, one only", writing(Function::write_registers, 2, {0, 1, 0, 2}), "10 0010 0001",
     "not the answer: the answer confirms another write than was asked"},
    {"written registers, their echo", writing(Function::write_registers, 2, {0, 1, 0, 2}), "10 0010 0002 04 0001 0002",
     "not the answer: an answer to a write of 10 bytes, not 5"},
    {"written coils", writing(Function::write_coils, 10, {0xCD, 0x01}), "0F 0010 000A", ""},
    {"exception", reading(Function::read_holding, 2), "83 02", "the device says: no such address (exception 2)"},
    {"exception of another function", reading(Function::read_holding, 2), "84 02",
     "not the answer: an answer to function 132, asked was 3"},
    {"exception with more", reading(Function::read_holding, 2), "83 02 00", "not the answer: an exception of 3 bytes"},
    {"exception without a number", reading(Function::read_holding, 2), "83", "not the answer: an exception of 1 bytes"},
    {"unknown exception", reading(Function::read_holding, 2), "83 63",
     "the device says: an exception that does not exist (exception 99)"},
};

TEST(CheckAnswer, AcceptsOnlyTheAnswerToTheRequest) {
    for (const Case& c : cases) EXPECT_EQ(verdict(check_answer(c.request, *from_hex(c.answer))), c.says) << c.name;
}

TEST(CheckAnswer, TellsTheDevicesRefusalsApart) {  // gateway digest 11
    const std::pair<int, Errc> codes[] = {{1, Errc::not_allowed}, {2, Errc::not_found}, {3, Errc::bad_request},
                                          {4, Errc::internal},    {5, Errc::busy},      {6, Errc::busy},
                                          {7, Errc::internal},    {8, Errc::malformed}, {10, Errc::malformed},
                                          {11, Errc::timeout},    {0, Errc::malformed}, {9, Errc::malformed}};
    for (const auto& [code, errc] : codes) {
        const Bytes answer{0x83, static_cast<std::uint8_t>(code)};
        const Verdict verdict = check_answer(reading(Function::read_holding, 1), answer);
        ASSERT_FALSE(verdict.data);
        EXPECT_EQ(verdict.data.error().code, errc) << code;
        EXPECT_TRUE(verdict.belongs);
    }
}

TEST(CheckTcpAnswer, AcceptsOnlyItsTransactionUnitAndLength) {
    const Request request = reading(Function::read_holding, 1);
    const std::pair<const char*, const char*> table[] = {
        {"0005 0000 0005 07 03 02 002A", "002a"},
        {"0006 0000 0005 07 03 02 002A", "not the answer: an answer to transaction 6, asked was 5"},
        {"0005 0001 0005 07 03 02 002A", "not the answer: protocol 1 instead of Modbus"},
        {"0005 0000 0005 08 03 02 002A", "not the answer: unit 8 answered, asked was 7"},
        {"0005 0000 0006 07 03 02 002A", "not the answer: a frame of another length than it announces"},
        {"0005 0000 0004 07 03 02 002A", "not the answer: a frame of another length than it announces"},
        {"0005 0000 0005 07 03 02 00", "not the answer: a frame of another length than it announces"},
        {"0005 0000 0003 07 83 06", "the device says: busy (exception 6)"},
        {"0005 0000 0002 07 83", "not the answer: an exception of 1 bytes"},
        {"0005 0000 0001 07", "not the answer: a frame of 1 bytes"},
        {"0005 0000 0000", "not the answer: a frame of 0 bytes"},
        {"0005 0000 0100 07 03 02 002A", "not the answer: a frame of 256 bytes"},
        {"0005", "not the answer: a frame of another length than it announces"},
        {"", "not the answer: a frame of another length than it announces"},
    };
    for (const auto& [adu, says] : table) EXPECT_EQ(verdict(check_tcp_answer(request, 5, *from_hex(adu))), says) << adu;
}

TEST(TcpAduSize, IsKnownFromTheSixthByteOn) {
    const Bytes adu = *from_hex("0005 0000 0005 07 03 02 002A");
    for (std::size_t seen = 0; seen < 6; ++seen) EXPECT_EQ(tcp_adu_size(ByteView(adu).first(seen)).value(), 0U);
    EXPECT_EQ(tcp_adu_size(ByteView(adu).first(6)).value(), 11U);
    EXPECT_EQ(tcp_adu_size(adu).value(), 11U);
}

TEST(CheckRtuAnswer, AcceptsOnlyItsUnit) {  // the check sum is libmodbus' part
    const Request request = reading(Function::read_holding, 1);
    const std::pair<const char*, const char*> table[] = {
        {"07 03 02 002A 0000", "002a"},
        {"08 03 02 002A 0000", "not the answer: unit 8 answered, asked was 7"},
        {"07 83 02 0000", "the device says: no such address (exception 2)"},
        {"07 03 02 002A 00 0000", "not the answer: an answer that announces 2 data bytes and has 3"},
        {"07 03 00", "not the answer: a frame of 3 bytes"},
    };
    for (const auto& [adu, says] : table) EXPECT_EQ(verdict(check_rtu_answer(request, *from_hex(adu))), says) << adu;
}

}  // namespace
}  // namespace adapters::modbus
