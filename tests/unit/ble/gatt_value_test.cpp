// Between a characteristic's bytes and a point: the SIG's formats, own types, parts, bits, other places to write to.
#include "adapters/ble/gatt_value.hpp"
#include "tests/unit/ble/device.hpp"
#include "tests/unit/ble/shape.hpp"

namespace adapters::ble {

namespace {

class Characteristics : public testing::Test {
protected:
    const PointShape& point(const std::string& keys, const std::string& write = "") {
        return shape_.point(shape_.add(keys, write));
    }
    static std::string value(const PointShape& point, std::string_view bytes) {
        const auto got = value_of(point, hex(bytes));
        if (!got) return "!";
        if (!*got) return "";
        return Device::text(**got);
    }
    TestShape shape_{"{connect: stay}"};
};

TEST_F(Characteristics, OfTheSigBringTheirFormat) {
    const auto& temperature = point("{char: 0x181A/0x2A6E}");
    EXPECT_EQ(temperature.unit, "Cel");
    EXPECT_EQ(temperature.kind, Kind::float64);
    EXPECT_EQ(value(temperature, "0CFE"), "-5");
    EXPECT_EQ(value(temperature, "0080"), "-");
    EXPECT_EQ(value(temperature, "0C"), "!");
    const auto& contact = point("{char: 0x180D/0x2A37, field: contact}");
    EXPECT_EQ(value(contact, "0648"), "true");
    EXPECT_EQ(value(contact, "0048"), "") << "the strap cannot tell";
}

TEST_F(Characteristics, OfTheSigMayBeReadAsSomethingElse) {
    EXPECT_EQ(value(point("{char: 0x181A/0x2A6E, type: int16}"), "0CFE"), "-500");
    EXPECT_EQ(value(point("{char: 0x181A/0x2A6E, at: byte:1, type: uint8}"), "0CFE"), "254");
}

TEST_F(Characteristics, OfAMakerAreReadByTheCommonByteGrammar) {
    EXPECT_EQ(value(point("{char: 1234/1235, type: uint16}"), "3C00"), "60");
    EXPECT_EQ(value(point("{char: 1234/1235, type: uint16, order: big}"), "003C"), "60");
    EXPECT_EQ(value(point("{char: 1234/1235, at: byte:2, type: int32}"), "0000FEFFFFFF07"), "-2");
    EXPECT_EQ(value(point("{char: 1234/1235, type: uint16}"), "3C"), "!");
    EXPECT_EQ(value(point("{char: 1234/1235}"), "0102"), "0102");
    EXPECT_EQ(value(point("{char: 1234/1235, type: string}"), "4F6B00"), "Ok");
    EXPECT_EQ(value(point("{char: 1234/1235, type: string, length: 2}"), "4F6B21"), "Ok");
    EXPECT_EQ(value(point("{char: 1234/1235, type: float32}"), "713DAC41"), "21.53");
}

TEST_F(Characteristics, AreWrittenWhole) {
    const auto& interval = point("{char: 0x1809/0x2A21}", "{}");
    EXPECT_FALSE(needs_present(interval));
    EXPECT_EQ(bytes_of(interval, std::int64_t{120}), hex("7800"));
    EXPECT_EQ(bytes_of(point("{char: 1234/1235, type: int16}", "{}"), std::int64_t{-2}), hex("FEFF"));
    EXPECT_EQ(bytes_of(point("{char: 1234/1235, type: string}", "{}"), std::string("Ok")), hex("4F6B"));
    EXPECT_EQ(bytes_of(point("{char: 1234/1235}", "{}"), hex("0102")), hex("0102"));
    EXPECT_EQ(bytes_of(point("{char: 1234/1235, type: int16}", "{}"), std::int64_t{40'000}).error().code,
              base::Errc::bad_request);
    EXPECT_EQ(bytes_of(point("{char: 1234/1235}", "{}"), std::string("Ok")).error().code, base::Errc::bad_request);
    EXPECT_EQ(bytes_of(point("{char: 1234/1235, type: string}", "{}"), std::string(513, 'x')).error().code,
              base::Errc::bad_request);
}

TEST_F(Characteristics, APartIsWrittenAndTheRestStays) {
    const auto& level = point("{char: 1234/1235, at: byte:1, type: uint16}", "{}");
    ASSERT_TRUE(needs_present(level));
    EXPECT_EQ(bytes_of(level, std::int64_t{0x0201}, hex("AABBCCDD")), hex("AA0102DD"));
    EXPECT_EQ(bytes_of(level, std::int64_t{1}, hex("AABB")).error().code, base::Errc::malformed);
}

TEST_F(Characteristics, SomeBitsAreWrittenAndTheOthersStay) {
    const auto& lock = point("{char: 1234/1235, type: uint8, bit: 3}", "{}");
    ASSERT_TRUE(needs_present(lock));
    EXPECT_EQ(bytes_of(lock, true, hex("A0")), hex("A8"));
    EXPECT_EQ(bytes_of(lock, false, hex("FF")), hex("F7"));
    const auto& mode = point("{char: 1234/1235, type: uint16, bits: [4, 7]}", "{}");
    EXPECT_EQ(bytes_of(mode, std::int64_t{5}, hex("FFFF")), hex("5FFF"));
    EXPECT_EQ(bytes_of(mode, std::int64_t{16}, hex("FFFF")).error().code, base::Errc::bad_request);
    EXPECT_EQ(bytes_of(mode, std::int64_t{-1}, hex("FFFF")).error().code, base::Errc::bad_request);
}

TEST_F(Characteristics, AWriteMayGoElsewhereAndWithoutAnAnswer) {
    const auto& wanted = point("{char: 1234/1235, type: int16}", "{char: 1234/1236, response: false}");
    EXPECT_EQ(wanted.gatt()->at.text(), "0x1234/0x1235");
    EXPECT_EQ(wanted.write_place().at.text(), "0x1234/0x1236");
    EXPECT_FALSE(wanted.response);
    EXPECT_EQ(bytes_of(wanted, std::int64_t{1}), hex("0100"));
    EXPECT_TRUE(point("{char: 1234/1235, type: int16}", "{}").response);
}

}  // namespace

}  // namespace adapters::ble
