// BTHome version 2, by the examples of its own description: bthome.io, "Format" and "Encryption".
#include "adapters/ble/aes_ccm.hpp"
#include "tests/unit/ble/device.hpp"

namespace adapters::ble {

namespace {

using namespace std::chrono_literals;

struct Example {
    std::string_view data, field, value;
};
TEST(BtHome, ReadsEveryKindOfObject) {
    constexpr Example examples[] = {
        {"0009", "packet_id", "9"},
        {"0161", "battery", "97"},
        {"02CA09", "temperature", "25.06"},
        {"03BF13", "humidity", "50.55"},
        {"04138A01", "pressure", "100883"},
        {"05138A14", "illuminance", "13460.67"},
        {"065E1F", "mass", "80.3"},
        {"073E1D", "mass", "33.9559248182"},  // 74.86 lb
        {"08CA06", "dew_point", "17.38"},
        {"0960", "count", "96"},
        {"0A138A14", "energy", "1346067"},
        {"0B021B00", "power", "69.14"},
        {"0C020C", "voltage", "3.074"},
        {"0D120C", "pm25", "3090"},
        {"0E021C", "pm10", "7170"},
        {"0F01", "generic", "true"},
        {"1001", "power_on", "true"},
        {"1100", "opening", "false"},
        {"12E204", "co2", "1250"},
        {"133301", "tvoc", "307"},
        {"14020C", "moisture", "30.74"},
        {"1501", "battery_low", "true"},
        {"1601", "battery_charging", "true"},
        {"1700", "carbon_monoxide", "false"},
        {"1801", "cold", "true"},
        {"1900", "connectivity", "false"},
        {"1A00", "door", "false"},
        {"1B01", "garage_door", "true"},
        {"1C01", "gas_detected", "true"},
        {"1D00", "heat", "false"},
        {"1E01", "light", "true"},
        {"1F01", "lock", "true"},
        {"2001", "moisture_detected", "true"},
        {"2100", "motion", "false"},
        {"2201", "moving", "true"},
        {"2301", "occupancy", "true"},
        {"2400", "plug", "false"},
        {"2500", "presence", "false"},
        {"2601", "problem", "true"},
        {"2701", "running", "true"},
        {"2800", "safety", "false"},
        {"2901", "smoke", "true"},
        {"2A00", "sound", "false"},
        {"2B00", "tamper", "false"},
        {"2C01", "vibration", "true"},
        {"2D01", "window", "true"},
        {"2E23", "humidity", "35"},
        {"2F23", "moisture", "35"},
        {"3A01", "button", "1"},
        {"3C0103", "dimmer_steps", "3"},
        {"3D0960", "count", "24585"},
        {"3E2A2C0960", "count", "1611213866"},
        {"3F020C", "rotation", "307.4"},
        {"400C00", "distance", "0.012"},
        {"414E00", "distance", "7.8"},
        {"424E3400", "duration", "13.39"},
        {"434E34", "current", "13.39"},
        {"444E34", "speed", "133.9"},
        {"451101", "temperature", "27.3"},
        {"4632", "uv_index", "5"},
        {"478756", "volume", "2215.1"},
        {"48DC87", "volume", "34.78"},
        {"49DC87", "volume_flow", "34.78"},
        {"4A020C", "voltage", "307.4"},
        {"4B138A14", "gas", "1346.067"},
        {"4C41018A01", "gas", "25821.505"},
        {"4D12138A14", "energy", "344593170"},
        {"4E87562A01", "volume", "19551.879"},
        {"4F87562A01", "water", "19551.879"},
        {"505D396164", "timestamp", "1684093277"},
        {"518756", "acceleration", "22.151"},
        {"528756", "gyroscope", "22.151"},
        {"530C48656C6C6F20576F726C6421", "text", "Hello World!"},
        {"540C48656C6C6F20576F726C6421", "raw", "48656c6c6f20576f726c6421"},
        {"5587562A01", "volume_storage", "19551.879"},
        {"56E803", "conductivity", "0.1"},
        {"57EA", "temperature", "-22"},
        {"58EA", "temperature", "-7.7"},
        {"59EA", "count", "-22"},
        {"5AEAEA", "count", "-5398"},
        {"5BEAEAEAEA", "count", "-353703190"},
        {"5C02FBFFFF", "power", "-12.78"},
        {"5D02EA", "current", "-5.63"},
        {"5E9F8C", "direction", "359.99"},
        {"5F020C", "precipitation", "307.4"},
        {"6001", "channel", "1"},
        {"610C27", "rotational_speed", "9996"},
        {"F00100", "device_type", "1"},
        {"F100010204", "firmware", "4.2.1.0"},
        {"F2000106", "firmware", "6.1.0"},
    };
    for (const auto& [data, field, value] : examples) {
        Device sensor("bthome");
        const auto report = sensor.service(0xFCD2, "40" + std::string(data));
        ASSERT_EQ(report.outcome, Outcome::values) << data << " " << report.why;
        EXPECT_EQ(sensor.say(report, field), value) << data;
    }
}

TEST(BtHome, SeveralOfOneKindAreCounted) {
    Device sensor("bthome");
    const auto report = sensor.service(0xFCD2, "40 02CA09 026010 3A00 3A01 3A04");
    EXPECT_EQ(sensor.say(report, "temperature"), "25.06");
    EXPECT_EQ(sensor.say(report, "temperature_2"), "41.92");
    EXPECT_EQ(sensor.say(report, "button"), "0");
    EXPECT_EQ(sensor.say(report, "button_2"), "1");
    EXPECT_EQ(sensor.say(report, "button_3"), "4");
    EXPECT_FALSE(named("bthome").find("button_9"));
    EXPECT_FALSE(named("bthome").find("button_1"));
    EXPECT_FALSE(named("bthome").find("packet_id_2"));
}

TEST(BtHome, TheSamePacketNumberIsTheSamePacket) {
    Device sensor("bthome");
    EXPECT_EQ(sensor.service(0xFCD2, "44 0009 3A01").outcome, Outcome::values);
    EXPECT_EQ(sensor.service(0xFCD2, "44 0009 3A01").outcome, Outcome::repeat);
    EXPECT_EQ(sensor.service(0xFCD2, "44 000A 3A01").outcome, Outcome::values);
}

TEST(BtHome, AnUnknownObjectEndsTheReportAndLosesNothingBeforeIt) {
    Device sensor("bthome");
    const auto report = sensor.service(0xFCD2, "40 02CA09 7F0102 03BF13");
    EXPECT_EQ(report.outcome, Outcome::values);
    EXPECT_EQ(sensor.say(report, "temperature"), "25.06");
    EXPECT_EQ(sensor.say(report, "humidity"), "");
    EXPECT_FALSE(report.why.empty());
}

TEST(BtHome, WhatIsCutOffIsNotRead) {
    for (const auto* data : {"40 02CA", "40 02CA09 03", "40 53", "40 530548656C", "40 5302FFFE", "40 1A02", "42 0102",
                             "20 02CA09", "60 02CA09", "41 A4", "41"}) {
        Device sensor("bthome");
        EXPECT_EQ(sensor.service(0xFCD2, data).outcome, Outcome::malformed) << data;
    }
}

// bthome.io, "Encryption"
constexpr std::string_view sensor_address = "54:48:E6:8F:80:A5", sensor_key = "231d39c1d7cc1ab1aee224cd096db932";

base::Bytes sealed(std::uint32_t counter, std::string_view objects, std::string_view key = sensor_key) {
    base::Bytes nonce = hex("5448E68F80A5D2FC41");
    for (unsigned i = 0; i < 4; ++i) nonce.push_back(static_cast<std::uint8_t>(counter >> (8 * i)));
    Key secret;
    const auto bytes = hex(key);
    std::copy_n(bytes.begin(), 16, secret.begin());
    const auto text = encrypt(secret, nonce, {}, hex(objects));
    base::Bytes data{0x41};
    data.insert(data.end(), text.begin(), text.end() - tag_size);
    data.insert(data.end(), nonce.end() - 4, nonce.end());
    data.insert(data.end(), text.end() - tag_size, text.end());
    return data;
}

TEST(BtHome, IsReadWithItsKey) {
    Device sensor("bthome", sensor_address, sensor_key);
    const auto report = sensor.service(0xFCD2, "41 A47266C95F73 00112233 78237214");
    ASSERT_EQ(report.outcome, Outcome::values) << report.why;
    EXPECT_EQ(sensor.say(report, "temperature"), "25.06");
    EXPECT_EQ(sensor.say(report, "humidity"), "50.55");
    EXPECT_EQ(sensor.memory.replay, 0x33221100U);
    EXPECT_EQ(sealed(0x33221100, "02CA0903BF13"), hex("41A47266C95F730011223378237214"));
}

TEST(BtHome, TheAddressMayStandInTheReport) {
    Device sensor("bthome", "11:22:33:44:55:66", sensor_key);
    EXPECT_EQ(sensor.service(0xFCD2, "41 A47266C95F73 00112233 78237214").outcome, Outcome::wrong_key);
    // The nonce holds the flags too, so this is another text.
    base::Bytes nonce = hex("5448E68F80A5D2FC4301000000");
    const auto text = encrypt(*sensor.security.key, nonce, {}, hex("0161"));
    base::Bytes data = hex("43A5808FE64854");
    data.insert(data.end(), text.begin(), text.begin() + 2);
    for (const auto byte : {1, 0, 0, 0}) data.push_back(static_cast<std::uint8_t>(byte));
    data.insert(data.end(), text.begin() + 2, text.end());
    const auto report = sensor.service(0xFCD2, data);
    EXPECT_EQ(sensor.say(report, "battery"), "97") << report.why;
}

TEST(BtHome, NoKeyAWrongKeyAndClearTextAreDifferentMistakes) {
    Device without("bthome", sensor_address);
    EXPECT_EQ(without.service(0xFCD2, sealed(5, "0161")).outcome, Outcome::no_key);
    Device wrong("bthome", sensor_address, "00000000000000000000000000000000");
    EXPECT_EQ(wrong.service(0xFCD2, sealed(5, "0161")).outcome, Outcome::wrong_key);
    EXPECT_FALSE(wrong.memory.replay) << "a message that nobody vouches for has moved the counter";
    Device with("bthome", sensor_address, sensor_key);
    EXPECT_EQ(with.service(0xFCD2, "40 0161").outcome, Outcome::not_encrypted);
}

TEST(BtHome, AnOldMessageIsNotTakenAgain) {
    Device sensor("bthome", sensor_address, sensor_key);
    EXPECT_EQ(sensor.service(0xFCD2, sealed(1000, "0161")).outcome, Outcome::values);
    EXPECT_EQ(sensor.service(0xFCD2, sealed(1000, "0161")).outcome, Outcome::repeat);
    EXPECT_EQ(sensor.service(0xFCD2, sealed(1001, "0161")).outcome, Outcome::values);
    EXPECT_EQ(sensor.service(0xFCD2, sealed(1000, "0160")).outcome, Outcome::replayed);
    EXPECT_EQ(sensor.service(0xFCD2, sealed(3, "0160")).outcome, Outcome::replayed) << "it was heard a moment ago";
    EXPECT_EQ(sensor.memory.replay, 1001U);
}

TEST(BtHome, ANewBatteryIsNoReplay) {
    Device sensor("bthome", sensor_address, sensor_key);
    EXPECT_EQ(sensor.service(0xFCD2, sealed(100'000, "0114")).outcome, Outcome::values);
    sensor.now += 2min;
    EXPECT_EQ(sensor.service(0xFCD2, sealed(3, "0164")).outcome, Outcome::values);
    EXPECT_EQ(sensor.memory.replay, 3U);
    EXPECT_EQ(sensor.service(0xFCD2, sealed(4, "0164")).outcome, Outcome::values);

    Device strict("bthome", sensor_address, sensor_key);
    strict.security.replay = Replay::strict;
    EXPECT_EQ(strict.service(0xFCD2, sealed(100'000, "0114")).outcome, Outcome::values);
    strict.now += 2min;
    EXPECT_EQ(strict.service(0xFCD2, sealed(3, "0164")).outcome, Outcome::replayed);
    strict.security.replay = Replay::ignored;
    EXPECT_EQ(strict.service(0xFCD2, sealed(90'000, "0164")).outcome, Outcome::values);
}

TEST(BtHome, TheCounterOfAnEarlierRunHolds) {
    Device sensor("bthome", sensor_address, sensor_key);
    sensor.memory.replay = 1000;  // as remembered
    EXPECT_EQ(sensor.service(0xFCD2, sealed(999, "0161")).outcome, Outcome::replayed);
    EXPECT_EQ(sensor.service(0xFCD2, sealed(1000, "0161")).outcome, Outcome::values) << "its values are not known any more";
    EXPECT_EQ(sensor.service(0xFCD2, sealed(1000, "0161")).outcome, Outcome::repeat);
}

}  // namespace

}  // namespace adapters::ble
