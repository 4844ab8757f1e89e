// Devices that are connected to: GATT through bluetoothd.
#include "tests/unit/ble/radio_stage.hpp"

namespace adapters::ble {

TEST(Session, ReadsOverAConnectionThatIsGivenUpAfterwards) {
    RadioStage stage;
    const auto device = stage.environment_sensor();
    stage.start();
    stage.bus->advert(sensor);
    EXPECT_EQ(stage.read(device, {0, 1}), "21.37 | 45.12");
    EXPECT_EQ(stage.bus->count("ReadValue"), 2U);
    stage.timers.advance(3s);
    EXPECT_EQ(stage.bus->count("Disconnect"), 1U);
    EXPECT_EQ(stage.read(device, {0}), "21.37");
    EXPECT_EQ(stage.bus->count("Connect"), 2U);
}

TEST(Session, WaitsForTheObjectsWhateverComesFirst) {
    for (const bool told : {true, false}) {
        RadioStage stage;
        const auto device = stage.environment_sensor();
        stage.bus->resolved_first = true;
        stage.bus->tells_connected = told;
        stage.start();
        stage.bus->advert(sensor);
        EXPECT_EQ(stage.read(device, {0}), "21.37");
    }
}

TEST(Session, ScansActivelyForADeviceThatNobodyHasHeard) {
    RadioStage stage;
    const auto device = stage.environment_sensor();
    stage.start();
    std::string got;
    stage.adapter->read(device, {0}, stage.timers.now() + 20s, [&](Adapter::Values values) { got = show(values.at(0)); });
    stage.timers.advance(1s);
    EXPECT_EQ(stage.bus->count("StartDiscovery"), 1U);
    stage.bus->advert(sensor);
    stage.timers.advance(2s);
    EXPECT_EQ(got, "21.37");
}

TEST(Session, ADeviceThatIsNotThereIsAnsweredInTimeAndSaidSo) {
    RadioStage stage;
    const auto device = stage.environment_sensor();
    stage.start();
    EXPECT_EQ(stage.read(device, {0}, 4s), "reading 0x181A/0x2A6E of C4:7C:8D:00:00:01: no radio hears it");
}

TEST(Session, ConnectsThatBreakAtOnceAreTriedAgain) {
    RadioStage stage;
    const auto device = stage.environment_sensor();
    stage.start();
    stage.bus->advert(sensor);
    stage.bus->fail("Connect", "Failed", "le-connection-abort-by-local", 2);
    EXPECT_EQ(stage.read(device, {0}), "21.37");
    EXPECT_EQ(stage.bus->count("Connect"), 3U);
}

TEST(Session, TriesNoMoreThanFourTimes) {
    RadioStage stage;
    const auto device = stage.environment_sensor();
    stage.start();
    stage.bus->advert(sensor);
    stage.bus->fail("Connect", "Failed", "le-connection-abort-by-local", 20);
    EXPECT_EQ(stage.read(device, {0}, 30s), "connecting to C4:7C:8D:00:00:01: le-connection-abort-by-local");
    EXPECT_EQ(stage.bus->count("Connect"), 4U);
}

TEST(Session, AnAttemptThatBluetoothdWouldGoOnWithIsEnded) {
    RadioStage stage;
    const auto device = stage.environment_sensor();
    stage.start();
    stage.bus->advert(sensor);
    stage.bus->hanging.insert("Connect");
    EXPECT_EQ(stage.read(device, {0}, 30s), "C4:7C:8D:00:00:01 does not take a connection");
    EXPECT_EQ(stage.bus->count("Disconnect"), 1U);
}

TEST(Session, AnObjectThatBluetoothdForgotIsLookedForAnew) {
    RadioStage stage;
    const auto device = stage.environment_sensor();
    stage.start();
    stage.bus->advert(sensor);
    stage.bus->fail("Connect", "org.freedesktop.DBus.Error.UnknownObject");
    EXPECT_EQ(stage.read(device, {0}), "21.37");
}

TEST(Session, ChangedServicesAreFoundUnderTheirNewPaths) {
    RadioStage stage;
    const auto device = stage.environment_sensor("{connect: stay}");
    stage.start();
    stage.bus->advert(sensor);
    stage.timers.advance(2s);
    EXPECT_EQ(stage.read(device, {0}), "21.37");
    const auto old = stage.bus->char_path(sensor, temperature);
    // The paths die without a word, as after a lost signal, and come back as others.
    const auto object = stage.bus->tree[old];
    stage.bus->tree.erase(old);
    stage.bus->tree[old + "9"] = object;
    stage.bus->tree[old + "9"][bluez::characteristic]["UUID"] = temperature;
    EXPECT_EQ(stage.read(device, {0}, 4s), "21.37");
    EXPECT_EQ(stage.bus->count("Connect"), 1U);
}

TEST(Session, ADeadBearerIsCutByUs) {
    RadioStage stage;
    const auto device = stage.environment_sensor("{connect: stay}");
    stage.start();
    stage.bus->advert(sensor);
    stage.timers.advance(2s);
    stage.bus->hanging.insert("ReadValue");
    EXPECT_NE(stage.read(device, {1}, 4s).find("no answer in time"), std::string::npos);
    stage.timers.advance(8s);
    EXPECT_GE(stage.bus->count("Disconnect"), 1U);
    stage.bus->hanging.clear();
    stage.timers.advance(5s);
    EXPECT_EQ(stage.read(device, {0}), "21.37");
}

TEST(Session, AReadAnsweredTooLateIsShownAllTheSame) {
    RadioStage stage;
    const auto device = stage.environment_sensor();
    stage.bus->connect_time = 6s;
    stage.start();
    stage.bus->advert(sensor);
    EXPECT_NE(stage.read(device, {0}, 4s).find("no connection in time"), std::string::npos);
    stage.news();
    stage.timers.advance(4s);
    EXPECT_EQ(stage.news(), (Lines{"0.0 = 21.37"}));
}

TEST(Session, AWriteGoesOutOnceOrNotAtAll) {
    RadioStage stage;
    const auto id = stage.shape("{connect: per-poll}");
    stage.point(id, "{char: 0x181A/0x2A6E, type: uint16, write: {}}");
    const auto device = stage.device(id);
    stage.bus->gatt(sensor, environment, {{temperature, {"read", "write"}, {0x10, 0x00}}});
    stage.start();
    stage.bus->advert(sensor);
    EXPECT_EQ(stage.write(device, 0, std::int64_t{0x1234}), "done");
    EXPECT_EQ(stage.read(device, {0}), fmt::format("{}", 0x1234));
    const auto* how = property<std::string>(*stage.bus->calls[stage.bus->calls.size() - 2].arguments.back().as<Dict>(), "type");
    (void)how;
    // The connection is not there before the deadline: nothing is sent later.
    stage.timers.advance(5s);
    stage.bus->connect_time = 6s;
    EXPECT_NE(stage.write(device, 0, std::int64_t{5}, 4s).find("no connection in time"), std::string::npos);
    stage.timers.advance(20s);
    EXPECT_EQ(stage.bus->count("WriteValue"), 1U);
    // The connection breaks while it is under way: not sent again.
    stage.bus->connect_time = 100ms;
    stage.bus->fail("WriteValue", "Failed", "Operation failed with ATT error: 0x0e");
    EXPECT_NE(stage.write(device, 0, std::int64_t{6}).find("0x0e"), std::string::npos);
    stage.timers.advance(20s);
    EXPECT_EQ(stage.bus->count("WriteValue"), 2U);
}

TEST(Session, ErrorsOfTheDeviceKeepTheirMeaning) {
    const std::map<std::string, std::pair<std::string, base::Errc>> known{
        {"Operation failed with ATT error: 0x01", {"Failed", base::Errc::not_found}},
        {"Operation failed with ATT error: 0x0d", {"Failed", base::Errc::bad_request}},
        {"Operation failed with ATT error: 0xff", {"Failed", base::Errc::bad_request}},
        {"Operation failed with ATT error: 0x11", {"Failed", base::Errc::busy}},
        {"Operation failed with ATT error: 0x80", {"Failed", base::Errc::internal}},
        {"Operation failed with ATT error: 0x0f", {"Failed", base::Errc::unauthorized}},
        {"Invalid Length", {"InvalidValueLength", base::Errc::bad_request}},
        {"Write not permitted", {"NotPermitted", base::Errc::not_allowed}},
        {"Not paired", {"NotPermitted", base::Errc::unauthorized}},
        {"Not connected", {"Failed", base::Errc::offline}},
        {"Operation is not supported", {"NotSupported", base::Errc::not_allowed}},
        {"Input/output error", {"Failed", base::Errc::offline}},
        {"le-connection-abort-by-local", {"Failed", base::Errc::timeout}},
        {"Operation already in progress", {"InProgress", base::Errc::busy}}};
    for (const auto& [text, expected] : known)
        EXPECT_EQ(error_of({"org.bluez.Error." + expected.first, text}, "x").code, expected.second) << text;
    EXPECT_EQ(error_of({std::string(failures::no_reply), ""}, "reading").message, "reading: no answer in time");
    EXPECT_NE(error_of({std::string(failures::access_denied), "…"}, "x").message.find("D-Bus policy"), std::string::npos);
}

TEST(Session, NotificationsComeByADescriptorOrByProperties) {
    for (const bool acquires : {true, false}) {
        RadioStage stage;
        stage.bus->acquires = acquires;
        stage.environment_sensor("{connect: stay}", ", notify: true");
        stage.start();
        stage.bus->advert(sensor);
        stage.timers.advance(2s);
        stage.news();
        if (acquires) {
            ASSERT_EQ(stage.bus->lines.size(), 1U);
            stage.bus->lines.front()->heard({0x0C, 0xFE});
        } else {
            EXPECT_EQ(stage.bus->count("StartNotify"), 1U);
            stage.bus->change(stage.bus->char_path(sensor, temperature), bluez::characteristic,
                              {{"Value", base::Bytes{0x0C, 0xFE}}});
        }
        EXPECT_EQ(stage.news(), (Lines{"0.0 = -5"}));
        stage.bus->drop(sensor);
        stage.bus->advert(sensor);
        stage.timers.advance(5s);
        EXPECT_EQ(stage.bus->count("Connect"), 2U);
        EXPECT_EQ(stage.bus->count(acquires ? "AcquireNotify" : "StartNotify"), 2U);
    }
}

TEST(Session, WhatCanOnlyBeNotifiedIsWaitedForAtAPoll) {
    RadioStage stage;
    const auto id = stage.shape("{connect: per-poll}");
    stage.point(id, "{char: 0x181A/0x2A6E, notify: true}");
    const auto device = stage.device(id);
    stage.bus->gatt(sensor, environment, {{temperature, {"indicate"}, {}}});
    stage.start();
    stage.bus->advert(sensor);
    std::string got;
    stage.adapter->read(device, {0}, stage.timers.now() + 10s, [&](Adapter::Values values) { got = show(values.at(0)); });
    stage.timers.advance(1s);
    stage.bus->change(stage.bus->char_path(sensor, temperature), bluez::characteristic, {{"Value", base::Bytes{0x59, 0x08}}});
    EXPECT_EQ(got, "21.37");
    EXPECT_NE(stage.read(device, {0}, 10s).find("nothing was notified"), std::string::npos);
}

TEST(Session, PairsWithThePasskeyOfTheSiteAndWithNobodyElse) {
    RadioStage stage;
    const auto device =
        stage.environment_sensor("{connect: per-poll, pair: {mode: passkey, passkey: 123456, require: authenticated}}");
    stage.bus->tables[sensor][environment][0].encrypted = true;
    stage.bus->passkey = 123456;
    stage.start();
    EXPECT_EQ(stage.bus->count("RegisterAgent"), 1U);
    stage.bus->advert(sensor);
    EXPECT_EQ(stage.bus->agent("RequestPasskey", {Value(ObjectPath{FakeBus::path_of(sensor)})}), "Rejected");
    EXPECT_EQ(stage.read(device, {0}), "21.37");
    EXPECT_EQ(stage.bus->count("Pair"), 1U);
    EXPECT_EQ(stage.bus->agent("RequestPasskey", {Value(ObjectPath{FakeBus::path_of(sensor)})}), "Rejected");
    stage.timers.advance(5s);
    EXPECT_EQ(stage.read(device, {0}), "21.37");
    EXPECT_EQ(stage.bus->count("Pair"), 1U) << "the bond is kept";
}

TEST(Session, AWrongPasskeyIsSaidAndTheDeviceIsNotThere) {
    RadioStage stage;
    const auto device = stage.environment_sensor("{connect: per-poll, pair: {mode: passkey, passkey: 1}}");
    stage.bus->passkey = 123456;
    stage.start();
    stage.bus->advert(sensor);
    stage.heard.clear();
    const auto said = stage.read(device, {0}, 20s);
    EXPECT_NE(said.find("is the passkey the right one?"), std::string::npos) << said;
    EXPECT_EQ(said.find("123456"), std::string::npos);
    ASSERT_FALSE(stage.news().empty());
}

TEST(Session, AServerThatReadsInALoopDoesNotPairInALoop) {
    RadioStage stage;
    const auto device = stage.environment_sensor("{connect: per-poll, pair: {mode: passkey, passkey: 1}}");
    stage.bus->passkey = 123456;
    stage.start();
    stage.bus->advert(sensor);
    const auto reads = [&] {
        for (int i = 0; i < 20; ++i)
            EXPECT_NE(stage.read(device, {0}, 1s).find("is the passkey the right one?"), std::string::npos);
    };
    reads();
    EXPECT_EQ(stage.bus->count("Pair"), 1U);
    stage.timers.advance(5s);
    reads();
    EXPECT_EQ(stage.bus->count("Pair"), 2U);
    stage.timers.advance(5s);
    reads();
    EXPECT_EQ(stage.bus->count("Pair"), 2U) << "each rest is twice as long";
    stage.bus->passkey = 1;
    stage.timers.advance(5s);
    EXPECT_EQ(stage.read(device, {0}, 20s), "21.37");
}

TEST(Session, ALostBondIsMadeAnewWhereTheProfileAllowsIt) {
    RadioStage stage;
    const auto device = stage.environment_sensor("{connect: per-poll, pair: {mode: just-works}}");
    stage.start();
    stage.bus->bonded.insert(sensor);
    stage.bus->advert(sensor);
    stage.bus->resolves = false;  // as with a device that was reset: connected, and nothing comes
    stage.read(device, {0}, 25s);
    stage.read(device, {0}, 25s);
    EXPECT_EQ(stage.bus->count("RemoveDevice"), 1U);
    stage.bus->resolves = true;
    stage.bus->advert(sensor);
    EXPECT_EQ(stage.read(device, {0}, 20s), "21.37");
    EXPECT_EQ(stage.bus->count("Pair"), 1U);
}

TEST(Session, ABondMadeByHandIsNeverThrownAway) {
    RadioStage stage;
    const auto device = stage.environment_sensor();
    stage.start();
    stage.bus->bonded.insert(sensor);
    stage.bus->advert(sensor);
    stage.bus->resolves = false;
    for (int i = 0; i < 4; ++i) stage.read(device, {0}, 25s);
    EXPECT_EQ(stage.bus->count("RemoveDevice"), 0U);
}

TEST(Session, AnEncryptedValueWithoutPairingInTheProfileSaysWhatToWrite) {
    RadioStage stage;
    const auto device = stage.environment_sensor();
    stage.bus->tables[sensor][environment][0].encrypted = true;
    stage.start();
    stage.bus->advert(sensor);
    const auto said = stage.read(device, {0});
    EXPECT_NE(said.find("write pair: into its profile"), std::string::npos) << said;
}

TEST(Session, ANewFirmwareHasItsServicesReadAnew) {
    constexpr const char* information = "0000180a-0000-1000-8000-00805f9b34fb";
    constexpr const char* revision = "00002a26-0000-1000-8000-00805f9b34fb";
    RadioStage stage;
    const auto device =
        stage.environment_sensor("{connect: per-poll, on_new_firmware: {char: 0x180A/0x2A26, do: forget-services}}");
    stage.bus->gatt(sensor, information, {{revision, {"read"}, {'1', '.', '0'}}});
    stage.start();
    stage.bus->advert(sensor);
    EXPECT_EQ(stage.read(device, {0}), "21.37");
    EXPECT_EQ(stage.bus->count("RemoveDevice"), 0U);
    EXPECT_EQ(stage.remembered["firmware C4:7C:8D:00:00:01"], "1.0");
    stage.timers.advance(5s);
    stage.bus->tables[sensor][information][0].value = {'1', '.', '1'};
    std::string got;
    stage.adapter->read(device, {0}, stage.timers.now() + 20s, [&](Adapter::Values values) { got = show(values.at(0)); });
    stage.timers.advance(2s);
    EXPECT_EQ(stage.bus->count("RemoveDevice"), 1U);
    stage.bus->advert(sensor);
    stage.timers.advance(5s);
    EXPECT_EQ(got, "21.37");
}

TEST(Session, ConnectionsAreCountedAndEverybodyHasHisTurn) {
    RadioStage stage("{ble: hci0, connections: 2}");
    const auto id = stage.shape("{connect: per-poll}");
    stage.point(id, "{char: 0x181A/0x2A6E}");
    std::vector<std::string> addresses;
    for (int i = 0; i < 6; ++i) {
        addresses.push_back(fmt::format("C4:7C:8D:00:01:{:02X}", i));
        stage.device(id, addresses.back());
        stage.bus->gatt(addresses.back(), environment, {{temperature, {"read"}, {0x59, 0x08}}});
    }
    stage.start();
    for (const auto& address : addresses) stage.bus->advert(address);
    std::size_t answered = 0, most = 0;
    for (DeviceId d = 0; d < 6; ++d)
        stage.adapter->read(d, {0}, stage.timers.now() + 30s,
                            [&](Adapter::Values values) { answered += values.at(0).has_value() ? 1U : 0U; });
    for (int i = 0; i < 300; ++i) {
        stage.timers.advance(100ms);
        most = std::max(most, stage.adapter->slots().used("hci0"));
    }
    EXPECT_EQ(answered, 6U);
    EXPECT_EQ(most, 2U);
}

TEST(Session, OneWhoOnlyStaysConnectedGivesWayToOneWhoWaitsForLong) {
    RadioStage stage("{ble: hci0, connections: 1}");
    stage.environment_sensor("{connect: stay}");
    const auto other = stage.shape("{connect: per-poll}");
    stage.point(other, "{char: 0x181A/0x2A6E}");
    const auto device = stage.device(other, "C4:7C:8D:00:00:02");
    stage.bus->gatt("C4:7C:8D:00:00:02", environment, {{temperature, {"read"}, {0x59, 0x08}}});
    stage.start();
    stage.bus->advert(sensor);
    stage.bus->advert("C4:7C:8D:00:00:02");
    stage.timers.advance(2min);
    EXPECT_EQ(stage.read(device, {0}, 28s), "21.37");
    stage.timers.advance(20s);
    EXPECT_TRUE(*property<bool>(stage.bus->tree[FakeBus::path_of(sensor)][bluez::device], "Connected")) << "and comes back";
}

TEST(Session, TheRadioThatHearsItBestIsTaken) {
    RadioStage stage("{ble: [hci0, hci1]}");
    const auto device = stage.environment_sensor();
    stage.bus->radio("hci1");
    stage.start();
    stage.bus->advert(sensor, {{"RSSI", std::int64_t{-90}}}, "hci0");
    stage.bus->advert(sensor, {{"RSSI", std::int64_t{-50}}}, "hci1");
    stage.read(device, {0});
    const auto connect =
        std::find_if(stage.bus->calls.begin(), stage.bus->calls.end(), [](const auto& c) { return c.member == "Connect"; });
    ASSERT_NE(connect, stage.bus->calls.end());
    EXPECT_EQ(connect->path, FakeBus::path_of(sensor, "hci1"));
}

TEST(Session, NothingThatADeviceSaysBreaksIt) {
    RadioStage stage;
    const auto device = stage.environment_sensor("{connect: stay}", ", notify: true");
    stage.start();
    stage.bus->advert(sensor);
    stage.timers.advance(2s);
    stage.news();
    const auto path = stage.bus->char_path(sensor, temperature);
    for (const auto& value : std::vector<Value>{Value(base::Bytes{}), Value(base::Bytes(600, 1)), Value("text"), Value(true),
                                                Value(base::Bytes{1})})
        stage.bus->change(path, bluez::characteristic, {{"Value", value}});
    EXPECT_TRUE(stage.news().empty());
    stage.bus->tables[sensor][environment][1].value = base::Bytes(5'000, 0xFF);
    EXPECT_NE(stage.read(device, {1}).find("longer than a value can be"), std::string::npos);
}

}  // namespace adapters::ble
