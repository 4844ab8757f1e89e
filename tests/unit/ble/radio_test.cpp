// Radios, what they hear, and what comes and goes with bluetoothd.
#include "tests/unit/ble/radio_stage.hpp"

namespace adapters::ble {

namespace {

const base::Bytes ruuvi = base::from_hex("0512fc5394c37c0004fffc040cac364200cdcbb8334c884f").value();
Dict of_company(std::int64_t company, const base::Bytes& data) {
    return {{"ManufacturerData", Dict{{fmt::format("{}", company), data}}}};
}

/// A RuuviTag at C4:7C:8D:00:00:01 with temperature, signal strength and time.
DeviceId tag(RadioStage& stage) {
    const auto id = stage.shape("{listen: passive, company: 0x0499, decode: ruuvi-5}");
    stage.point(id, "{field: temperature}");
    stage.point(id, "{field: rssi}");
    return stage.device(id);
}

}  // namespace

TEST(Radio, ABeaconIsHeardWithItsSignalStrength) {
    RadioStage stage;
    const auto device = tag(stage);
    stage.start();
    EXPECT_EQ(stage.links, (Lines{"up"}));
    EXPECT_NE(stage.read(device, {0}).find("has not said it yet"), std::string::npos);
    stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    EXPECT_EQ(stage.news(), (Lines{"0.0 = 24.3", "0.1 = -60"}));
    EXPECT_EQ(stage.read(device, {0, 1}), "24.3 | -60");
}

TEST(Radio, WhatLayInTheTreeBeforeUsIsNoReport) {
    RadioStage stage;
    tag(stage);
    stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    stage.start();
    EXPECT_TRUE(stage.news().empty());
}

TEST(Radio, ARepeatedReportProvesThatTheDeviceIsThereAndIsNoNews) {
    RadioStage stage;
    tag(stage);
    stage.start();
    stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    stage.timers.advance(6s);
    stage.heard.clear();
    stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    EXPECT_EQ(stage.heard, (Lines{"0 alive"}));
    EXPECT_TRUE(stage.news().empty());
}

TEST(Radio, SwitchedOffItIsSwitchedOnAgain) {
    RadioStage stage;
    stage.bus->tree.clear();
    stage.bus->radio("hci0", false);
    tag(stage);
    stage.start();
    EXPECT_EQ(stage.bus->count("Set Powered true"), 1U);
    EXPECT_EQ(stage.links, (Lines{"up"})) << "one that is only being switched on is no trouble";
    stage.bus->change(FakeBus::hci0, bluez::adapter, {{"Powered", false}, {"Discovering", false}});
    stage.timers.advance(2s);
    EXPECT_EQ(stage.links.back(), "up");
    EXPECT_EQ(stage.bus->count("StartDiscovery"), 2U);
}

TEST(Radio, BlockedByRfkillIsSaidOnceWithItsRemedy) {
    RadioStage stage;
    stage.bus->tree.clear();
    stage.bus->radio("hci0", false);
    stage.bus->fail("Set Powered", "Blocked", "Blocked through rfkill", 100);
    tag(stage);
    stage.start();
    stage.timers.advance(10min);
    EXPECT_EQ(stage.links, (Lines{"down: hci0 is blocked by rfkill: rfkill unblock bluetooth"}));
    EXPECT_LT(stage.bus->count("Set Powered true"), 25U) << "the pauses grow";
    stage.bus->failing.clear();
    stage.timers.advance(2min);
    EXPECT_EQ(stage.links.back(), "up");
}

TEST(Radio, ARadioThatIsNotThereIsNamed) {
    RadioStage stage("{ble: hci7}");
    tag(stage);
    stage.start();
    stage.timers.advance(5s);
    EXPECT_EQ(stage.links, (Lines{"down: bluetoothd has no adapter hci7"}));
    EXPECT_EQ(stage.bus->count("StartDiscovery"), 0U) << "and another one is left alone";
}

TEST(Radio, ScansInWindowsWhereThereAreNoMonitors) {
    RadioStage stage;
    tag(stage);
    stage.start();
    for (int i = 0; i < 60; ++i) {
        stage.timers.advance(1s);
        stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    }
    EXPECT_EQ(stage.bus->count("StartDiscovery"), 3U);
    EXPECT_EQ(stage.bus->count("StopDiscovery"), 2U);
}

TEST(Radio, ScanActiveNeverPauses) {
    RadioStage stage("{ble: hci0, scan: active}");
    tag(stage);
    stage.start();
    for (int i = 0; i < 60; ++i) {
        stage.timers.advance(1s);
        stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    }
    EXPECT_EQ(stage.bus->count("StopDiscovery"), 0U);
}

TEST(Radio, AMonitorIsTakenForWorkingOnceAReportCame) {
    RadioStage stage;
    stage.bus->tree.clear();
    stage.bus->radio("hci0", true, true);
    tag(stage);
    stage.start();
    EXPECT_EQ(stage.bus->count("RegisterMonitor"), 1U);
    EXPECT_EQ(stage.bus->served.count("/lwm2m_gateway/monitor/hci0/all"), 1U);
    for (int i = 0; i < 300; ++i) {
        stage.timers.advance(1s);
        stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    }
    EXPECT_EQ(stage.bus->count("StartDiscovery"), 0U);
    EXPECT_NE(stage.adapter->where().find("passive"), std::string::npos);
}

TEST(Radio, AMonitorThatBringsNothingIsReplacedByActiveWindows) {
    RadioStage stage;
    stage.bus->tree.clear();
    stage.bus->radio("hci0", true, true);
    tag(stage);
    stage.start();
    stage.timers.advance(59s);
    EXPECT_EQ(stage.bus->count("StartDiscovery"), 0U);
    stage.timers.advance(2s);
    EXPECT_EQ(stage.bus->count("UnregisterMonitor"), 1U);
    EXPECT_EQ(stage.bus->count("StartDiscovery"), 1U);
    EXPECT_EQ(stage.adapter->scanner().counters().fallbacks, 1U);
}

TEST(Radio, ScanPassiveSaysWhatIsMissingAndNeverAsks) {
    RadioStage stage("{ble: hci0, scan: passive}");
    tag(stage);
    stage.start();
    stage.timers.advance(2min);
    ASSERT_EQ(stage.links.size(), 1U);
    EXPECT_NE(stage.links[0].find("--experimental"), std::string::npos);
    EXPECT_EQ(stage.bus->count("StartDiscovery"), 0U);
}

TEST(Radio, SilentItIsWokenInSteps) {
    RadioStage stage("{ble: hci0, scan: active}");
    tag(stage);
    stage.start();
    stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    stage.timers.advance(89s);
    EXPECT_EQ(stage.bus->count("StopDiscovery"), 0U);
    stage.timers.advance(3s);
    EXPECT_EQ(stage.bus->count("StopDiscovery"), 1U) << "first the scan";
    EXPECT_EQ(stage.bus->count("StartDiscovery"), 2U);
    EXPECT_EQ(stage.bus->count("Set Powered false"), 0U);
    stage.timers.advance(48s);
    EXPECT_EQ(stage.bus->count("Set Powered false"), 1U) << "then its power";
    EXPECT_EQ(stage.bus->count("Set Powered true"), 1U);
    EXPECT_EQ(stage.bus->count("StartDiscovery"), 3U);
    stage.timers.advance(50s);
    EXPECT_EQ(stage.adapter->scanner().counters().reported, 1U) << "then a person";
    stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    stage.timers.advance(60s);
    EXPECT_EQ(stage.adapter->scanner().counters().scan_restarts, 1U) << "heard again: all begins anew";
    const auto links = stage.links.size();
    EXPECT_EQ(links, 1U) << "none of this is an absence of the link";
}

TEST(Radio, BluetoothdGoesAndComes) {
    RadioStage stage;
    tag(stage);
    stage.start();
    stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    stage.news();
    for (int turn = 0; turn < 100; ++turn) {
        stage.bus->vanish();
        stage.timers.advance(1s);
        EXPECT_EQ(stage.links.back(), "down: bluetoothd went away");
        stage.bus->radio("hci0", false);
        stage.bus->appear();
        stage.timers.advance(1s);
        EXPECT_EQ(stage.links.back(), "up");
        auto data = ruuvi;
        data[2] = static_cast<std::uint8_t>(turn);
        data[17] = static_cast<std::uint8_t>(turn);
        stage.bus->advert(sensor, of_company(0x0499, data));
        EXPECT_GE(stage.news().size(), 1U) << turn;
        stage.timers.advance(12s);
    }
    EXPECT_LE(stage.adapter->bluez().all().size(), 1U);
    EXPECT_LT(stage.timers.waiting(), 20U) << "no alarm is left behind";
}

TEST(Radio, AReadUnderWayWhenBluetoothdGoesIsAnswered) {
    RadioStage stage;
    const auto device = stage.environment_sensor();
    stage.start();
    stage.bus->advert(sensor);
    std::string got;
    stage.adapter->read(device, {0}, stage.timers.now() + 30s, [&](Adapter::Values values) { got = show(values.at(0)); });
    stage.timers.advance(150ms);
    stage.bus->vanish();
    EXPECT_EQ(got, "bluetoothd went away");
    stage.timers.advance(60s);
    stage.bus->radio();
    stage.bus->appear();
    stage.timers.advance(1s);
    stage.bus->advert(sensor);
    EXPECT_EQ(stage.read(device, {0}), "21.37");
}

TEST(Radio, StoppingAnswersWhatWaits) {
    RadioStage stage;
    const auto device = stage.environment_sensor();
    stage.start();
    std::string got;
    bool stopped = false;
    stage.adapter->read(device, {0}, stage.timers.now() + 30s, [&](Adapter::Values values) { got = show(values.at(0)); });
    stage.adapter->stop([&] { stopped = true; });
    stage.timers.advance(1s);
    EXPECT_EQ(got, "the link is closed");
    EXPECT_TRUE(stopped);
}

TEST(Radio, StrangersAreForgottenOldestFirst) {
    RadioStage stage;
    tag(stage);
    stage.start();
    stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    for (int i = 0; i < 5'000; ++i)
        stage.bus->events->object_added(
            FakeBus::path_of(fmt::format("7{:01X}:00:00:00:{:02X}:{:02X}", i >> 16, (i >> 8) & 255, i & 255)),
            {{bluez::device, {{"RSSI", std::int64_t{-80}}, {"ManufacturerData", Dict{{"1", base::Bytes(20, 1)}}}}}});
    EXPECT_EQ(stage.adapter->bluez().all().size(), Bluez::most_strangers + 1);
    EXPECT_EQ(stage.adapter->bluez().peers(*Address::parse(sensor)).size(), 1U) << "the site's own device stays";
    stage.news();
    auto data = ruuvi;
    data[17] = 1;
    stage.bus->advert(sensor, of_company(0x0499, data));
    EXPECT_EQ(stage.news().size(), 1U);
}

TEST(Radio, WhateverTheBusSaysHarmsNothing) {
    RadioStage stage;
    tag(stage);
    stage.start();
    const auto path = FakeBus::path_of(sensor);
    for (const std::string& where :
         {path, std::string("/"), std::string("/org/bluez/hci0/dev_"), std::string("/org/bluez/hci0/dev_ZZ_ZZ"), path + "x",
          path + "/service/char", std::string()})
        for (const auto& value :
             std::vector<Value>{Value(), Value("x"), Value(true), Value(std::int64_t{-1}), Value(Dict{{"99999", "x"}}),
                                Value(Dict{{"x", base::Bytes{1}}}), Value(Dict{{"1177", base::Bytes(5'000, 1)}}),
                                Value(Strings(10'000, "x")), Value(std::string(100'000, 'x'))})
            for (const char* interface : {bluez::device, bluez::adapter, bluez::characteristic, bluez::service, "x"}) {
                Dict all;
                for (const char* name : {"RSSI", "ManufacturerData", "ServiceData", "UUIDs", "Name", "Address", "Connected",
                                         "Powered", "UUID", "Service", "Flags", "MTU", "Value"})
                    all[name] = value;
                stage.bus->events->object_added(where, {{interface, all}});
                stage.bus->events->changed(where, interface, all, {"RSSI", "x"});
                stage.bus->events->object_removed(where + "/y", {interface});
            }
    stage.timers.advance(5s);
    stage.news();
    stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    EXPECT_EQ(stage.news().front(), "0.0 = 24.3");
}

TEST(Radio, RulesAreToldOnceAMinuteAndNoFloodPassesThem) {
    RadioStage stage;
    stage.rule("{match: {company: 0x0499, rssi: -85}}");
    stage.start();
    stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    stage.bus->advert("C4:7C:8D:00:00:02", of_company(0x004C, ruuvi));
    EXPECT_EQ(stage.finds, (Lines{"0 C4:7C:8D:00:00:01"}));
    for (int i = 0; i < 59; ++i) {
        stage.timers.advance(1s);
        stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    }
    EXPECT_EQ(stage.finds.size(), 1U);
    stage.timers.advance(2s);
    stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    EXPECT_EQ(stage.finds.size(), 2U);
    for (int i = 0; i < 2'000; ++i)
        stage.bus->advert(fmt::format("70:00:00:00:{:02X}:{:02X}", i >> 8, i & 255), of_company(0x0499, ruuvi));
    EXPECT_LT(stage.finds.size(), 250U);
    EXPECT_GT(stage.adapter->counters().finds_dropped, 1'000U);
}

TEST(Radio, ReplayCountersAreRememberedAndRecalled) {
    const std::string section = "{listen: passive, service: 0xFCD2, decode: bthome, key: \"231d39c1d7cc1ab1aee224cd096db932\"}";
    const auto report = [](const char* data) {
        return Dict{{"ServiceData", Dict{{"0000fcd2-0000-1000-8000-00805f9b34fb", base::from_hex(data).value()}}}};
    };
    Words kept;
    {
        RadioStage stage;
        const auto id = stage.shape(section);
        stage.point(id, "{field: temperature}");
        stage.device(id, "54:48:E6:8F:80:A5");
        stage.start();
        stage.bus->advert("54:48:E6:8F:80:A5", report("41152f781762ca01112233b487fac6"));
        EXPECT_EQ(stage.news(), (Lines{"0.0 = 25.16"}));
        stage.timers.advance(2min);
        kept = stage.remembered;
    }
    ASSERT_EQ(kept.size(), 1U);
    RadioStage stage;
    const auto id = stage.shape(section);
    stage.point(id, "{field: temperature}");
    stage.device(id, "54:48:E6:8F:80:A5");
    stage.adapter->recall(kept);
    stage.start();
    stage.bus->advert("54:48:E6:8F:80:A5", report("41a47266c95f730011223378237214"));
    EXPECT_TRUE(stage.heard.empty()) << "neither a value nor a sign of life";
    EXPECT_EQ(stage.adapter->counters().by_outcome[static_cast<std::size_t>(Outcome::replayed)], 1U);
}

TEST(Radio, ToolsSeeReportsCharacteristicsAndStrangers) {
    RadioStage stage;
    const auto device = tag(stage);
    stage.start();
    std::string raw, fetched, done;
    stage.adapter->read_raw(device, 0, stage.timers.now() + 4s, [&](Result<Adapter::Raw> got) {
        raw = got ? base::to_hex(got->bytes) + " " + show(*got->value) + " " + got->taken_as : got.error().message;
    });
    Lines traffic;
    stage.adapter->trace([&](const Traffic& line) { traffic.push_back(line.text); });
    stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    EXPECT_EQ(raw, base::to_hex(ruuvi) + " 24.3 ruuvi-5");
    ASSERT_FALSE(traffic.empty());
    EXPECT_NE(traffic.front().find("hci0 hears C4:7C:8D:00:00:01 -60 dBm company 0x0499 0512fc"), std::string::npos)
        << traffic.front();
    stage.adapter->trace(nullptr);

    const std::string other = "C4:7C:8D:00:00:09";
    stage.bus->gatt(other, environment, {{temperature, {"read", "write"}, {0x59, 0x08}}});
    stage.bus->advert(other);
    stage.adapter->fetch({{"at", other + "/0x181A/0x2A6E"}, {"count", "1"}}, stage.timers.now() + 4s,
                         [&](Result<Adapter::Raw> got) { fetched = got ? base::to_hex(got->bytes) : got.error().message; });
    stage.timers.advance(2s);
    EXPECT_EQ(fetched, "5908");
    stage.adapter->put({{"at", other + "/0x181A/0x2A6E"}, {"value", "0102"}}, stage.timers.now() + 4s,
                       [&](const Result<void>& got) { done = got ? "done" : got.error().message; });
    stage.timers.advance(2s);
    EXPECT_EQ(done, "done");
    stage.adapter->fetch({{"at", "nonsense"}}, stage.timers.now() + 4s,
                         [&](const Result<Adapter::Raw>& got) { fetched = got.error().message; });
    stage.timers.advance(1ms);
    EXPECT_NE(fetched.find("say of which device"), std::string::npos);
    stage.timers.advance(30s);
    EXPECT_EQ(stage.bus->count("Disconnect"), 2U);

    Lines found;
    stage.adapter->scan(
        {{"for", "3s"}}, 1.0, [&](Found find) { found.push_back(find.key); }, nullptr,
        [&](const Result<void>&) { found.push_back("end"); });
    stage.timers.advance(1s);
    stage.bus->advert(sensor, of_company(0x0499, ruuvi));
    stage.timers.advance(4s);
    EXPECT_EQ(found, (Lines{sensor, "end"}));
}

}  // namespace adapters::ble
