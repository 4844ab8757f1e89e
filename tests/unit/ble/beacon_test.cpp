// From reports to a device's points: own beacons by the common byte grammar, decoders' fields, rules and counters.
#include "adapters/ble/beacon.hpp"
#include "adapters/ble/discovery.hpp"
#include "adapters/ble/replay.hpp"
#include "tests/unit/ble/device.hpp"
#include "tests/unit/ble/shape.hpp"

namespace adapters::ble {

namespace {

using namespace std::chrono_literals;

Advertisement of_company(std::uint16_t company, std::string_view data, base::Instant at = base::Instant{} + 1h) {
    Advertisement advertisement;
    advertisement.address = *Address::parse("C4:7C:8D:00:00:01");
    advertisement.manufacturer.emplace_back(company, hex(data));
    advertisement.at = at;
    return advertisement;
}
Advertisement of_service(std::uint16_t service, std::string_view data) {
    Advertisement advertisement = of_company(0x1234, "00");
    advertisement.manufacturer.clear();
    advertisement.service_data.emplace_back(Uuid::of(service), hex(data));
    return advertisement;
}

std::string said(const Heard& heard, std::size_t point) {
    for (const auto& [index, value] : heard.values)
        if (index == point) return value ? Device::text(*value) : "!" + value.error().message;
    return "";
}

// GW-008
TEST(OwnBeacon, IsReadByTheCommonByteGrammar) {
    TestShape leak(R"({company: 0xFFFF, starts_with: "A1", counter: {at: manufacturer:1}})");
    const auto water = leak.add("{at: manufacturer:2, bit: 0}");
    const auto temperature = leak.add("{at: manufacturer:3, type: int16}");
    const auto pressure = leak.add("{at: manufacturer:3, type: uint16, order: big}");
    const auto rest = leak.add("{at: manufacturer:3, type: bytes}");
    const auto text = leak.add("{at: manufacturer:6, type: string}");
    Memory memory;
    const auto heard = hear(leak.shape, of_company(0xFFFF, "A1 07 01 66 08 5F 4F6B"), memory);
    ASSERT_EQ(heard.outcome, Outcome::values);
    EXPECT_EQ(said(heard, water), "1");
    EXPECT_EQ(said(heard, temperature), "2150");
    EXPECT_EQ(said(heard, pressure), "26120");
    EXPECT_EQ(said(heard, rest), "66085f4f6b");
    EXPECT_EQ(said(heard, text), "Ok");
}

TEST(OwnBeacon, TheSameCountIsTheSameEventHeardAgain) {
    TestShape leak(R"({company: 0xFFFF, counter: {at: manufacturer:1}})");
    leak.add("{at: manufacturer:2}");
    Memory memory;
    EXPECT_EQ(hear(leak.shape, of_company(0xFFFF, "A1 07 01"), memory).outcome, Outcome::values);
    EXPECT_EQ(hear(leak.shape, of_company(0xFFFF, "A1 07 00"), memory).outcome, Outcome::repeat);
    EXPECT_EQ(hear(leak.shape, of_company(0xFFFF, "A1 08 00"), memory).outcome, Outcome::values);
    EXPECT_EQ(hear(leak.shape, of_company(0xFFFF, "A1"), memory).outcome, Outcome::malformed);
}

TEST(OwnBeacon, WhatIsOfAnotherKindSaysNothing) {
    TestShape custom("{service: 0x181A, length: 15}");
    const auto temperature = custom.add("{at: service:6, type: int16}");
    Memory memory;
    EXPECT_EQ(hear(custom.shape, of_service(0x181A, "A4C138123456 00D7 32 64 0BB8 05"), memory).outcome, Outcome::foreign);
    EXPECT_EQ(hear(custom.shape, of_service(0x181B, "563412 38C1A4 6608 8813 B80B 64 05 04"), memory).outcome,
              Outcome::foreign);
    EXPECT_EQ(said(hear(custom.shape, of_service(0x181A, "563412 38C1A4 6608 8813 B80B 64 05 04"), memory), temperature),
              "2150");
    TestShape other(R"({company: 0xFFFF, starts_with: "A1"})");
    other.add("{at: manufacturer:1}");
    EXPECT_EQ(hear(other.shape, of_company(0xFFFF, "A2 07"), memory).outcome, Outcome::foreign);
    EXPECT_EQ(hear(other.shape, of_company(0xFFFF, ""), memory).outcome, Outcome::foreign);
}

TEST(OwnBeacon, AValueBehindTheEndIsAnErrorOfItsOwn) {
    TestShape leak("{company: 0xFFFF}");
    const auto first = leak.add("{at: manufacturer:0}"), far = leak.add("{at: manufacturer:3, type: int16}");
    Memory memory;
    const auto heard = hear(leak.shape, of_company(0xFFFF, "07 01 66 08"), memory);
    EXPECT_EQ(said(heard, first), "7");
    EXPECT_EQ(heard.values.at(far).second.error().code, base::Errc::malformed);
}

TEST(Beacon, OnlyWhatThePointsNameIsHandedOn) {
    TestShape climate("{decode: bthome}");
    const auto second = climate.add("{field: temperature_2}"), first = climate.add("{field: temperature}");
    const auto humidity = climate.add("{field: humidity}");
    climate.add("{field: rssi}");
    Memory memory;
    const auto heard = hear(climate.shape, of_service(0xFCD2, "40 02CA09 026010 0161"), memory);
    EXPECT_EQ(heard.values.size(), 2U);
    EXPECT_EQ(said(heard, first), "25.06");
    EXPECT_EQ(said(heard, second), "41.92");
    EXPECT_EQ(said(heard, humidity), "");
}

TEST(Beacon, ADeviceThatIsOnlyAskedHearsNothing) {
    TestShape probe("{connect: stay}");
    probe.add("{char: 0x181A/0x2A6E}");
    Memory memory;
    EXPECT_EQ(hear(probe.shape, of_company(0xFFFF, "07"), memory).outcome, Outcome::foreign);
}

std::optional<DiscoveryRule> rule(const std::string& match) {
    base::Diagnostics diagnostics;
    const auto node = config::read_yaml("{match: " + match + "}", "rule.yaml", diagnostics);
    base::Fields fields(*node, "rule 'r'", diagnostics);
    auto read = read_rule(fields);
    EXPECT_TRUE(read) << diagnostics.str();
    return read;
}

TEST(BleDiscovery, AllThatTheRuleSaysMustFit) {
    auto tag = of_company(0x0499, "0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F");
    tag.rssi = std::int16_t{-80};
    tag.name = "Ruuvi 884F";
    tag.services.push_back(Uuid::of(0x180F));
    for (const auto* match : {"{company: 0x0499, rssi: -85}", "{name: \"Ruuvi *\"}", "{service: 0x180F}",
                              "{address: \"c4:7c:8d:*\"}", "{decode: ruuvi-5}"})
        EXPECT_TRUE(matches(*rule(match), tag)) << match;
    for (const auto* match : {"{company: 0x0499, rssi: -60}", "{company: 0x0498}", "{name: Ruuvi}", "{service: 0x181A}",
                              "{address: \"C5:*\"}", "{decode: bthome}", "{company: 0x0499, name: x}"})
        EXPECT_FALSE(matches(*rule(match), tag)) << match;
    tag.rssi.reset();
    EXPECT_FALSE(matches(*rule("{company: 0x0499, rssi: -85}"), tag)) << "nobody knows how near it is";
    EXPECT_TRUE(matches(*rule("{decode: bthome}"), of_service(0xFCD2, "41 A47266C95F73 00112233 78237214")));
}

TEST(BleDiscovery, AFindSaysWhereItIsAndWhatItSpeaks) {
    auto tag = of_company(0x0499, "0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F");
    tag.rssi = std::int16_t{-80};
    tag.name = "Ruuvi 884F";
    const auto find = found(tag);
    EXPECT_EQ(find.key, "C4:7C:8D:00:00:01");
    EXPECT_EQ(find.site, (Words{{"address", "C4:7C:8D:00:00:01"}}));
    EXPECT_EQ(find.facts,
              (Words{{"address", "C4:7C:8D:00:00:01"}, {"company", "0x0499"}, {"name", "Ruuvi 884F"}, {"rssi", "-80"}}));
    EXPECT_EQ(find.note, "ruuvi-5");
    EXPECT_EQ(found(of_service(0xFCD2, "41 A47266C95F73 00112233 78237214")).note, "bthome (encrypted)");
}

TEST(ReplayBook, CountersComeBackAfterARestart) {
    ReplayBook book;
    std::map<std::string, std::string, std::less<>> kept;
    const auto remember = [&](std::string key, std::string value) { kept[std::move(key)] = std::move(value); };
    const auto a = *Address::parse("C4:7C:8D:00:00:01"), b = *Address::parse("C4:7C:8D:00:00:41"),
               c = *Address::parse("C4:7C:8D:00:00:02");
    EXPECT_TRUE(book.note(a, 17));
    EXPECT_TRUE(book.note(b, 0xFFFF'FFFF));
    EXPECT_TRUE(book.note(c, 3));
    EXPECT_FALSE(book.note(c, 3)) << "nothing moved";
    book.save(remember);
    EXPECT_EQ(kept.size(), 2U);
    kept.clear();
    book.save(remember);
    EXPECT_TRUE(kept.empty()) << "nothing changed since";
    book.note(a, 18);
    book.note(c, 4);
    book.save(remember);
    ReplayBook later;
    kept["replay zz"] = "nonsense C4:7C:8D:00:00:09 C4:7C:8D:00:00:09=x C4:7C:8D:00:00:09=99999999999 =5";
    kept["holes"] = "C4:7C:8D:00:00:08=5";
    later.recall(kept);
    EXPECT_EQ(later.counter(a), 18U);
    EXPECT_EQ(later.counter(b), 0xFFFF'FFFFU);
    EXPECT_EQ(later.counter(c), 4U);
    EXPECT_FALSE(later.counter(*Address::parse("C4:7C:8D:00:00:09")));
    EXPECT_FALSE(later.counter(*Address::parse("C4:7C:8D:00:00:08")));
    later.forget(c);
    kept.clear();
    later.save(remember);
    EXPECT_EQ(kept, (std::map<std::string, std::string, std::less<>>{{"replay 02", ""}}));
}

TEST(ReplayBook, ManyDevicesStayWithinWhatIsKept) {
    ReplayBook book;
    std::size_t taken = 0;
    for (std::uint32_t i = 0; i < 10'000; ++i) {
        Address address;
        for (std::size_t b = 0; b < 4; ++b) address.bytes[2 + b] = static_cast<std::uint8_t>(i >> (24 - 8 * b));
        taken += book.note(address, 1'000'000'000 + i) ? 1U : 0U;
    }
    EXPECT_EQ(taken, most_devices);
    std::size_t keys = 0;
    book.save([&](const std::string&, const std::string& value) {
        ++keys;
        EXPECT_LE(value.size(), 4'096U);
    });
    EXPECT_EQ(keys, 64U);
}

}  // namespace

}  // namespace adapters::ble
