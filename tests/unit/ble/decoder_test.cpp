// The built-in formats of beacons, by the vectors of their own descriptions and of libraries that read real devices.
#include "tests/unit/ble/device.hpp"

#include <map>

namespace adapters::ble {

namespace {

using namespace std::chrono_literals;

// -- RuuviTag: docs.ruuvi.com, "Test vectors" of formats 3 and 5

TEST(Ruuvi3, SaysWhatItsVectorsSay) {
    Device tag("ruuvi-3");
    const auto valid = tag.company(0x0499, "03291A1ECE1EFC18F94202CA0B53");
    ASSERT_EQ(valid.outcome, Outcome::values);
    EXPECT_EQ(tag.say(valid, "temperature"), "26.3");
    EXPECT_EQ(tag.say(valid, "humidity"), "20.5");
    EXPECT_EQ(tag.say(valid, "pressure"), "102766");
    EXPECT_EQ(tag.say(valid, "acceleration_x"), "-9.80665");
    EXPECT_EQ(tag.say(valid, "battery_voltage"), "2.899");
    const auto most = tag.company(0x0499, "03FF7F63FFFF7FFF7FFF7FFFFFFF");
    EXPECT_EQ(tag.say(most, "temperature"), "127.99");
    EXPECT_EQ(tag.say(most, "humidity"), "127.5");
    EXPECT_EQ(tag.say(most, "pressure"), "115535");
    EXPECT_EQ(tag.say(most, "battery_voltage"), "65.535");
    const auto least = tag.company(0x0499, "0300FF6300008001800180010000");
    EXPECT_EQ(tag.say(least, "temperature"), "-127.99");
    EXPECT_EQ(tag.say(least, "pressure"), "50000");
}

TEST(Ruuvi5, SaysWhatItsVectorsSay) {
    Device tag("ruuvi-5");
    const auto valid = tag.company(0x0499, "0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F");
    ASSERT_EQ(valid.outcome, Outcome::values);
    EXPECT_EQ(tag.say(valid, "temperature"), "24.3");
    EXPECT_EQ(tag.say(valid, "humidity"), "53.49");
    EXPECT_EQ(tag.say(valid, "pressure"), "100044");
    EXPECT_EQ(tag.say(valid, "acceleration_z"), "10.1596894");  // 1.036 g
    EXPECT_EQ(tag.say(valid, "battery_voltage"), "2.977");
    EXPECT_EQ(tag.say(valid, "tx_power"), "4");
    EXPECT_EQ(tag.say(valid, "movement_counter"), "66");
    EXPECT_EQ(tag.say(valid, "measurement_sequence"), "205");
    EXPECT_EQ(tag.say(valid, "mac"), "CB:B8:33:4C:88:4F");
    const auto most = tag.company(0x0499, "057FFFFFFEFFFE7FFF7FFF7FFFFFDEFEFFFECBB8334C884F");
    EXPECT_EQ(tag.say(most, "temperature"), "163.835");
    EXPECT_EQ(tag.say(most, "humidity"), "163.835");
    EXPECT_EQ(tag.say(most, "pressure"), "115534");
    EXPECT_EQ(tag.say(most, "battery_voltage"), "3.646");
    EXPECT_EQ(tag.say(most, "tx_power"), "20");
    EXPECT_EQ(tag.say(most, "measurement_sequence"), "65534");
    const auto least = tag.company(0x0499, "058001000000008001800180010000000000CBB8334C884F");
    EXPECT_EQ(tag.say(least, "temperature"), "-163.835");
    EXPECT_EQ(tag.say(least, "battery_voltage"), "1.6");
    EXPECT_EQ(tag.say(least, "tx_power"), "-40");
}

TEST(Ruuvi5, WhatItDoesNotKnowIsNoNumber) {
    Device tag("ruuvi-5");
    const auto report = tag.company(0x0499, "058000FFFFFFFF800080008000FFFFFFFFFFFFFFFFFFFFFF");
    ASSERT_EQ(report.outcome, Outcome::values);
    for (const auto& field : named("ruuvi-5").fields()) EXPECT_EQ(tag.say(report, field.name), "-") << field.name;
}

TEST(Ruuvi5, TheSameSequenceNumberIsTheSameMeasurement) {
    Device tag("ruuvi-5");
    const auto* said = "0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F";
    EXPECT_EQ(tag.company(0x0499, said).outcome, Outcome::values);
    EXPECT_EQ(tag.company(0x0499, said).outcome, Outcome::repeat);
    EXPECT_EQ(tag.company(0x0499, "0512FD5394C37C0004FFFC040CAC364200CECBB8334C884F").outcome, Outcome::values);
    tag.now += 1min;  // so long nobody repeats: it has begun anew
    EXPECT_EQ(tag.company(0x0499, "0512FD5394C37C0004FFFC040CAC364200CECBB8334C884F").outcome, Outcome::values);
}

TEST(Ruuvi, AnotherLengthOrFormatIsNotRead) {
    Device three("ruuvi-3"), five("ruuvi-5");
    EXPECT_EQ(three.company(0x0499, "03291A1ECE1EFC18F94202CA0B").outcome, Outcome::malformed);
    EXPECT_EQ(three.company(0x0499, "03291A64CE1EFC18F94202CA0B53").outcome, Outcome::malformed);  // 100 hundredths
    EXPECT_EQ(five.company(0x0499, "0512FC5394C37C0004FFFC040CAC364200CDCBB8334C88").outcome, Outcome::malformed);
    EXPECT_EQ(five.company(0x0499, "03291A1ECE1EFC18F94202CA0B53").outcome, Outcome::foreign);
    EXPECT_EQ(five.company(0x0498, "0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F").outcome, Outcome::foreign);
    EXPECT_EQ(five.company(0x0499, "").outcome, Outcome::foreign);
}

// -- MiBeacon: vectors of real devices from the tests of github.com/Bluetooth-Devices/xiaomi-ble and
// custom-components/ble_monitor

TEST(MiBeacon, ReadsAThermometerThatDoesNotEncrypt) {
    Device sensor("mibeacon", "A4:C1:38:B4:94:4C");
    const auto report = sensor.service(0xFE95, "50305b05034c94b438c1a40d10041001ea01");
    ASSERT_EQ(report.outcome, Outcome::values) << report.why;
    EXPECT_EQ(sensor.say(report, "temperature"), "27.2");
    EXPECT_EQ(sensor.say(report, "humidity"), "49");
    EXPECT_EQ(sensor.say(report, "frame"), "3");
    EXPECT_EQ(sensor.say(report, "product"), "1371");  // 0x055B LYWSD03MMC
    EXPECT_EQ(sensor.service(0xFE95, "50305b05034c94b438c1a40d10041001ea01").outcome, Outcome::repeat);
}

TEST(MiBeacon, IsReadWithItsKey) {
    Device sensor("mibeacon", "A4:C1:38:02:83:F4", "e9ea895fac7cca6d30532432a516f3a8");
    const auto* data = "58585b0550f4830238c1a495ef58763c26000097e2abb5";
    const auto report = sensor.service(0xFE95, data);
    ASSERT_EQ(report.outcome, Outcome::values) << report.why;
    EXPECT_EQ(sensor.say(report, "humidity"), "46.7");
    EXPECT_EQ(sensor.memory.replay, 0x2650U);  // 3 bytes before the tag, and the frame's number
    EXPECT_EQ(sensor.service(0xFE95, data).outcome, Outcome::repeat);
    Device wrong("mibeacon", "A4:C1:38:02:83:F4", "00000000000000000000000000000000");
    EXPECT_EQ(wrong.service(0xFE95, data).outcome, Outcome::wrong_key);
    Device without("mibeacon", "A4:C1:38:02:83:F4");
    EXPECT_EQ(without.service(0xFE95, data).outcome, Outcome::no_key);
}

TEST(MiBeacon, ReadsDoorAndMotion) {
    Device door("mibeacon", "A4:C1:38:0A:03:D6");
    EXPECT_EQ(door.say(door.service(0xFE95, "5040d60301d6030a38c1a419100100"), "opening"), "true");
    Device motion("mibeacon", "A4:C1:38:0A:00:83");
    const auto report = motion.service(0xFE95, "5040830a0183000a38c1a40f0003640000");
    EXPECT_EQ(motion.say(report, "motion"), "true");
    EXPECT_EQ(motion.say(report, "illuminance"), "100");
}

TEST(MiBeacon, AFrameWithoutObjectsOnlySaysThatItIsThere) {
    Device sensor("mibeacon", "A4:C1:38:D4:3C:48", "e9ea895fac7cca6d30532432a516f3a8");
    const auto report = sensor.service(0xFE95, "30585b0502483cd438c1a408");
    EXPECT_EQ(report.outcome, Outcome::values) << report.why;
    EXPECT_EQ(sensor.say(report, "temperature"), "");
}

TEST(MiBeacon, ObjectsOfOneProductAreNotThoseOfAnother) {
    // float32 21.53 as 0x4C01: a temperature where the product is known to mean it so.
    Device known("mibeacon", "66:55:44:33:22:11");
    EXPECT_EQ(known.say(known.service(0xFE95, "5050b55501112233445566014c0471 3dac41 024c0137"), "temperature"), "21.53");
    Device other("mibeacon", "66:55:44:33:22:11");
    EXPECT_EQ(other.say(other.service(0xFE95, "5050b45501112233445566014c0471 3dac41 024c0137"), "temperature"), "");
}

TEST(MiBeacon, WhatCannotBeIsNotRead) {
    for (const auto* data : {"", "5030", "50305b0503", "50305b05034c94b438c1", "50305b0503FF94b438c1a40d10041001ea01",
                             "50305b05034c94b438c1a40d10041001ea", "50305b05034c94b438c1a40d1003100100", "80305b0503",
                             "50105b05034c94b438c1a40d10041001ea01", "58585b05034c94b438c1a4010203040506",
                             "58205b05034c94b438c1a40102030405060708090a", "70305b05034c94b438c1a420"}) {
        Device sensor("mibeacon", "A4:C1:38:B4:94:4C", "e9ea895fac7cca6d30532432a516f3a8");
        sensor.security.key.reset();
        EXPECT_EQ(sensor.service(0xFE95, data).outcome, Outcome::malformed) << data;
    }
}

// -- Eddystone: github.com/google/eddystone, the frames' specifications

TEST(Eddystone, ReadsTelemetry) {
    Device beacon("eddystone");
    const auto report = beacon.service(0xFEAA, "20 00 0BB8 1580 00000102 00000E10");
    ASSERT_EQ(report.outcome, Outcome::values) << report.why;
    EXPECT_EQ(beacon.say(report, "battery_voltage"), "3");
    EXPECT_EQ(beacon.say(report, "temperature"), "21.5");
    EXPECT_EQ(beacon.say(report, "advertisement_count"), "258");
    EXPECT_EQ(beacon.say(report, "uptime"), "360");
    EXPECT_EQ(beacon.service(0xFEAA, "20 00 0BB8 1580 00000102 00000E10").outcome, Outcome::repeat);
    const auto unknown = beacon.service(0xFEAA, "20 00 0000 8000 00000103 00000E10");
    EXPECT_EQ(beacon.say(unknown, "battery_voltage"), "-");
    EXPECT_EQ(beacon.say(unknown, "temperature"), "-");
    const auto cold = beacon.service(0xFEAA, "20 00 0BB8 FE80 00000104 00000E10");
    EXPECT_EQ(beacon.say(cold, "temperature"), "-1.5");
}

TEST(Eddystone, ReadsItsNames) {
    Device beacon("eddystone");
    const auto uid = beacon.service(0xFEAA, "00 EE 00112233445566778899 AABBCCDDEEFF 0000");
    EXPECT_EQ(beacon.say(uid, "tx_power"), "-18");
    EXPECT_EQ(beacon.say(uid, "namespace"), "00112233445566778899");
    EXPECT_EQ(beacon.say(uid, "instance"), "aabbccddeeff");
    const auto url = beacon.service(0xFEAA, "10 EE 03 676F6F 2E676C 2F 78 07");
    EXPECT_EQ(beacon.say(url, "url"), "https://goo.gl/x.com");
    EXPECT_EQ(beacon.say(beacon.service(0xFEAA, "30 EE 0102030405060708"), "ephemeral_id"), "0102030405060708");
}

TEST(Eddystone, WhatCannotBeIsNotRead) {
    for (const auto* data : {"00EE0011", "10EE", "10EE0441", "10EE0020", "10EE0080", "2000", "20000BB8158000000102", "2002",
                             "20", "30EE01", "4000"}) {
        Device beacon("eddystone");
        EXPECT_EQ(beacon.service(0xFEAA, data).outcome, Outcome::malformed) << data;
    }
    Device beacon("eddystone");
    EXPECT_EQ(beacon.service(0xFEAA, "20 01 00112233445566778899AABBCCDDEEFF").outcome, Outcome::no_key);
    EXPECT_EQ(beacon.service(0xFEAB, "20 00 0BB8 1580 00000102 00000E10").outcome, Outcome::foreign);
}

TEST(IBeacon, SaysWhichItIs) {
    Device beacon("ibeacon");
    const auto report = beacon.company(0x004C, "0215 E2C56DB5DFFB48D2B060D0F5A71096E0 0001 0203 C5");
    ASSERT_EQ(report.outcome, Outcome::values);
    EXPECT_EQ(beacon.say(report, "uuid"), "e2c56db5-dffb-48d2-b060-d0f5a71096e0");
    EXPECT_EQ(beacon.say(report, "major"), "1");
    EXPECT_EQ(beacon.say(report, "minor"), "515");
    EXPECT_EQ(beacon.say(report, "tx_power"), "-59");
    EXPECT_EQ(beacon.company(0x004C, "1005031C").outcome, Outcome::foreign) << "Apple says much else";
    EXPECT_EQ(beacon.company(0x004C, "0215E2C5").outcome, Outcome::malformed);
}

// -- All of them

TEST(Decoders, EveryFieldHasANameAndAUnitThatIsOne) {
    for (std::size_t i = 0; i < decoder_names().size(); ++i) {
        const auto& its = decoder(i);
        EXPECT_EQ(its.name(), decoder_names()[i]);
        std::map<std::string_view, int> names;
        for (const auto& field : its.fields()) {
            EXPECT_FALSE(field.name.empty()) << its.name();
            EXPECT_EQ(++names[field.name], 1) << its.name() << " " << field.name;
            EXPECT_TRUE(its.find(field.name)) << field.name;
        }
    }
}

TEST(Decoders, AnyBytesAreTakenOrRefused) {
    std::uint64_t state = 1;
    const auto random = [&state] {
        state = state * 6364136223846793005U + 1442695040888963407U;
        return state >> 33;
    };
    std::size_t taken = 0;
    for (int round = 0; round < 20'000; ++round) {
        Advertisement advertisement;
        base::Bytes data(random() % 40);
        for (auto& byte : data) byte = static_cast<std::uint8_t>(random() % 4 == 0 ? random() : random() % 0x60);
        constexpr std::uint8_t first[] = {0x03, 0x05, 0x40, 0x41, 0x50, 0x58, 0x00, 0x10, 0x20, 0x02};
        if (!data.empty()) data[0] = first[random() % std::size(first)];
        for (const auto company : std::initializer_list<std::uint16_t>{0x0499, 0x004C})
            advertisement.manufacturer.emplace_back(company, data);
        for (const auto service : std::initializer_list<std::uint16_t>{0xFCD2, 0xFE95, 0xFEAA})
            advertisement.service_data.emplace_back(Uuid::of(service), data);
        for (std::size_t i = 0; i < decoder_names().size(); ++i) {
            Memory memory;
            Security security;
            if (round % 2 != 0) security.key.emplace();
            const auto report = decoder(i).decode(advertisement, security, memory);
            taken += report.outcome == Outcome::values ? 1U : 0U;
            EXPECT_TRUE(report.outcome == Outcome::values || report.values.empty());
            for (const auto& value : report.values) {
                ASSERT_LT(value.field.field, decoder(i).fields().size());
                ASSERT_LT(value.field.instance, decoder(i).fields()[value.field.field].most);
            }
        }
    }
    EXPECT_GT(taken, 100U);
}

}  // namespace

}  // namespace adapters::ble
