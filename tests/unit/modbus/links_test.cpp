#include "tests/unit/modbus/bridge.hpp"
#include "tests/unit/modbus/fault_kit.hpp"
#include "tests/unit/modbus/link_stage.hpp"
#include "tests/unit/modbus/peers.hpp"

#include <malloc.h>
#include <filesystem>

/// RTU frames over TCP, a second address, idle connections, and what a link costs.
namespace adapters::modbus {
namespace {

using base::Errc;
using namespace std::chrono_literals;

std::string rtu_over_tcp(std::uint16_t port) {
    return fmt::format("{{modbus: \"rtu+tcp://127.0.0.1:{}\", line: 115200 8N1}}", port);
}

/// A device of libmodbus behind a serial server.
struct ServedDevice {
    explicit ServedDevice(Bridge::Ways ways = {}) : bridge(wires.ends[1], std::move(ways)) {
        device.serve_line(wires.ends[0], 17);
    }
    Wires wires;
    LibmodbusDevice device;
    Bridge bridge;
};

TEST(RtuOverTcp, ReadsAndWritesADeviceBehindASerialServer) {
    ServedDevice served;
    LinkStage stage(rtu_over_tcp(served.bridge.port()));
    EXPECT_TRUE(stage.bus->rtu_frames());
    stage.start();
    ASSERT_TRUE(stage.up());
    EXPECT_EQ(stage.read(17, 7), "70");
    EXPECT_TRUE(stage.bus->turnaround());
    EXPECT_EQ(stage.ask({.unit = 17, .function = Function::write_register, .address = 5, .values = {0, 77}}), Bytes{});
    EXPECT_EQ(served.device.holding(5), 77);
    EXPECT_EQ(stage.read(17, 99), "990");
    EXPECT_EQ(stage.read(17, 100), "the device says: no such address (exception 2)");
    EXPECT_EQ(served.bridge.connections(), 1U);
    EXPECT_EQ(stage.said, std::vector<std::string>{"up: connected"});
    stage.stop();
}

TEST(RtuOverTcp, AnswersMayComeByteByByteAndBehindAnEcho) {
    for (const bool echo : {false, true}) {
        ServedDevice served({.slice = 1, .echo = echo});
        LinkStage stage(rtu_over_tcp(served.bridge.port()));
        stage.start();
        ASSERT_TRUE(stage.up());
        for (std::uint16_t i = 0; i < 10; ++i) EXPECT_EQ(stage.read(17, i), fmt::format("{}", i * 10)) << echo;
        const Request relay{.unit = 17, .function = Function::write_coil, .address = 1, .values = {1}};
        EXPECT_EQ(stage.ask(relay), Bytes{});
        EXPECT_TRUE(served.device.coil(1)) << "it was the device that said so, not the echo";
        EXPECT_EQ(served.bridge.connections(), 1U);
    }
}

TEST(RtuOverTcp, WhatANetworkHeldBackIsNeverTakenForTheNextAnswer) {
    ServedDevice served;
    LinkStage stage(rtu_over_tcp(served.bridge.port()));
    stage.start();
    ASSERT_TRUE(stage.up());
    for (int round = 0; round < 5; ++round) {
        served.bridge.hold(true);
        EXPECT_EQ(stage.read(17, 40, 60ms), "no answer within 60ms");
        served.bridge.hold(false);
        // Equal in unit, function and count: only the adapter's settle time and the new connection stand between.
        EXPECT_EQ(stage.bus->settle(60ms), 180ms);
        std::this_thread::sleep_for(20ms);
        ASSERT_EQ(stage.read(17, 50), "500");
    }
    EXPECT_EQ(served.bridge.connections(), 6U) << "each time-out brings a new connection";
    EXPECT_EQ(stage.said, std::vector<std::string>{"up: connected"}) << "the link was never down";
}

std::string map_of_units() {
    std::string text = "{\"units\": {";
    for (int unit = 1; unit <= 2; ++unit) {
        text += fmt::format("{}\"{}\": {{\"holding\": {{\"0\": [", unit > 1 ? ", " : "", unit);
        for (int i = 0; i < 100; ++i) text += fmt::format("{}{}", i > 0 ? ", " : "", unit * 1000 + i);
        text += "]}}";
    }
    return text + "}}";
}

TEST(RtuOverTcp, NoFaultMakesAWrongValueAndAllEndWithTheFault) {
    FaultySlaves slaves(map_of_units());
    Bridge bridge(open_raw(slaves.line()));
    LinkStage stage(rtu_over_tcp(bridge.port()));
    stage.start();
    ASSERT_TRUE(stage.up());
    for (const char* fault :
         {"exception 4", "silent", "late 90", "late 40", "split 5", "wrong_unit", "wrong_fc", "bad_crc", "wrong_len",
          "short_count", "stale", "truncate 4", "truncate 6", "extra 4", "garbage 16", "garbage 200", "echo", "garble"}) {
        SCOPED_TRACE(fault);
        slaves.tell(std::string("fault ") + fault + " count=0 unit=1");
        int right = 0;
        for (std::uint16_t i = 0; i < 6; ++i) {
            const Request request{
                .unit = 1, .address = static_cast<std::uint16_t>(10 * i), .count = static_cast<std::uint16_t>(2 + i % 3)};
            const auto bytes = stage.ask(request, 60ms);
            if (!bytes && bytes.error().code == Errc::timeout) std::this_thread::sleep_for(stage.bus->settle(60ms));
            if (!bytes) continue;
            ++right;
            EXPECT_EQ(bytes->at(0) << 8 | bytes->at(1), 1000 + 10 * i);
            EXPECT_EQ(bytes->at(2) << 8 | bytes->at(3), 1000 + 10 * i + 1);
            EXPECT_EQ(bytes->size(), request.count * 2U);
        }
        const std::string name = fault;
        if (name == "echo" || name == "late 40" || name == "split 5" || name == "extra 4") {
            EXPECT_GT(right, 0);  // all six on an idle machine; 20 ms of patience are not promised on a busy one
        } else if (name != "stale") {
            EXPECT_EQ(right, 0);
        }
        slaves.tell("clear");
        std::this_thread::sleep_for(stage.bus->settle(60ms));
        EXPECT_EQ(stage.read(2, 7), "2007");
        EXPECT_EQ(stage.read(1, 7), "1007");
    }
    EXPECT_EQ(stage.said, std::vector<std::string>{"up: connected"});
}

TEST(RtuOverTcp, TheSilenceOfTheLineBehindIsKept) {
    ServedDevice served;
    LinkStage stage(fmt::format("{{modbus: \"rtu+tcp://127.0.0.1:{}\", line: 1200 8E1}}", served.bridge.port()));
    stage.start();
    ASSERT_TRUE(stage.up());
    EXPECT_EQ(stage.read(17, 1), "10");
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(stage.read(17, 1), "10");
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 3 * 32ms);  // 3.5 characters at 1200 Bd are 32.1 ms
}

TEST(RtuOverTcp, ABroadcastIsAnsweredByNobodyAndGivesTheUnitsTime) {
    ServedDevice served;
    LinkStage stage(rtu_over_tcp(served.bridge.port()));
    stage.start();
    ASSERT_TRUE(stage.up());
    const Request all{.unit = 0, .function = Function::write_register, .address = 5, .values = {0, 78}, .broadcast = true};
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(stage.ask(all), Bytes{});
    EXPECT_EQ(stage.read(17, 5), "78");
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 100ms);
}

TEST(Links, EverythingThatGoesOverOneMayBeSeen) {
    LibmodbusDevice device;
    LinkStage stage("{modbus: \"" + device.listen() + "\"}");
    stage.start();
    ASSERT_TRUE(stage.up());
    std::vector<std::string> seen;
    stage.bus->tap([&](bool sent, const Bytes& adu) { seen.push_back((sent ? "> " : "< ") + base::to_hex(adu).substr(4)); });
    EXPECT_EQ(stage.read(1, 7), "70");
    EXPECT_EQ(seen, (std::vector<std::string>{"> 00000006010300070001", "< 000000050103020046"}));
    stage.bus->tap(nullptr);
    EXPECT_EQ(stage.read(1, 8), "80");
    EXPECT_EQ(seen.size(), 2U);
}

TEST(Links, AConnectionThatNobodyUsesIsGivenBackAndMadeAgain) {
    ServedDevice served;
    ManualLinkStage stage(
        fmt::format("{{modbus: \"rtu+tcp://127.0.0.1:{}\", line: 115200 8N1, idle: 10s}}", served.bridge.port()));
    stage.start();
    ASSERT_TRUE(stage.up());
    const auto read = [&] {
        stage.give({.unit = 17, .address = 7}, 2s);
        return stage.turn_until([&] {
            stage.clock.timers.advance(2ms);
            return stage.answer.has_value();
        });
    };
    ASSERT_TRUE(read());
    EXPECT_EQ(*stage.answer, (Bytes{0, 70}));
    stage.clock.timers.advance(9s);
    ASSERT_TRUE(read());
    EXPECT_EQ(served.bridge.connections(), 1U);
    stage.clock.timers.advance(11s);
    ASSERT_TRUE(read());
    EXPECT_EQ(*stage.answer, (Bytes{0, 70}));
    EXPECT_EQ(served.bridge.connections(), 2U);
    EXPECT_EQ(stage.said, std::vector<std::string>{"up: connected"}) << "it is not away meanwhile";
}

TEST(Links, TheSecondAddressServesWhileTheFirstIsAwayAndNoLonger) {
    LibmodbusDevice second;
    const std::string second_link = second.listen();
    const std::uint16_t port = some_free_port();
    ManualLinkStage stage(fmt::format("{{modbus: \"tcp://127.0.0.1:{}\", fallback: \"{}\"}}", port, second_link));
    stage.start();
    EXPECT_TRUE(stage.is("up: connected to the fallback " + second_link.substr(6) + " (connection refused)"));
    EXPECT_EQ(stage.read(1, 7), "70");
    EXPECT_EQ(second.functions().size(), 1U);
    const auto turn_a_little = [&] { stage.turn_until([turns = 0]() mutable { return ++turns > 10; }); };
    stage.clock.timers.advance(61s);  // still not there
    turn_a_little();
    EXPECT_EQ(stage.read(1, 8), "80");
    EXPECT_EQ(second.functions().size(), 2U);

    const int listener = loopback_socket(port, true);
    stage.clock.timers.advance(61s);
    int first = -1;
    ASSERT_TRUE(stage.turn_until([&] {
        pollfd one{listener, POLLIN, 0};
        if (first < 0 && ::poll(&one, 1, 0) > 0) first = ::accept(listener, nullptr, nullptr);
        return first >= 0;
    }));
    turn_a_little();
    stage.give({.unit = 1, .address = 9}, 2s);
    std::array<char, 12> request{};
    ASSERT_TRUE(stage.turn_until([&] { return ::recv(first, request.data(), request.size(), MSG_DONTWAIT) == 12; }));
    EXPECT_EQ(request[9], 9) << "asked at the first address again";
    const Bytes answer{static_cast<std::uint8_t>(request[0]), static_cast<std::uint8_t>(request[1]), 0, 0, 0, 5, 1, 3, 2, 1, 2};
    (void)!::write(first, answer.data(), answer.size());
    ASSERT_TRUE(stage.turn_until([&] { return stage.answer.has_value(); }));
    EXPECT_EQ(*stage.answer, (Bytes{1, 2}));
    EXPECT_EQ(stage.said.size(), 1U) << "the link was up all the time";
    ::close(first);
    ::close(listener);
}

TEST(Links, BothAddressesAwayIsSaidOfBoth) {
    const std::uint16_t a = some_free_port(), b = some_free_port();
    LinkStage stage(fmt::format("{{modbus: \"tcp://127.0.0.1:{}\", fallback: \"tcp://127.0.0.1:{}\"}}", a, b));
    stage.start();
    EXPECT_TRUE(stage.is(fmt::format("down: connection refused; the fallback 127.0.0.1:{}: connection refused", b)));
}

TEST(Links, APeerThatIsSilentlyGoneIsNoticedByTheKernel) {
    LibmodbusDevice device;
    LinkStage stage("{modbus: \"" + device.listen() + "\"}");
    stage.start();
    ASSERT_TRUE(stage.up());
    // The one TCP socket of this process that is no listener and not the device's: ours has the options.
    int found = 0;
    for (int fd = 3; fd < 256; ++fd) {
        int idle = 0;
        unsigned user = 0;
        socklen_t size = sizeof idle, user_size = sizeof user;
        if (::getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &size) != 0 || idle != 30) continue;
        ::getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user, &user_size);
        EXPECT_EQ(user, 20'000U);
        ++found;
    }
    EXPECT_EQ(found, 1);
}

TEST(Links, ATcpLinkIsSmallAndHasNoThread) {
    constexpr int links = 200;
    boost::asio::io_context io;
    gateway::AsioTimers timers(io);
    fakes::FixedRandom random;
    const int listener = loopback_socket(0, true);
    std::vector<int> accepted;
    const auto threads = [] { return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {}); };
    const auto threads_before = threads();
    LinkSettings settings;
    settings.to = TcpAddress{"127.0.0.1", port_of(listener)};
    std::vector<std::unique_ptr<Bus>> buses;
    buses.reserve(links);
    const std::size_t before = ::mallinfo2().uordblks;
    int up = 0;
    for (int i = 0; i < links; ++i) {
        buses.push_back(make_bus(io.get_executor(), timers, random, settings));
        buses.back()->start([&](Bus::State state, const std::string&) { up += state == Bus::State::up ? 1 : 0; });
        for (int turn = 0; turn < 1000 && up <= i; ++turn) {
            io.restart();
            io.run_one_for(5ms);
            pollfd one{listener, POLLIN, 0};
            if (::poll(&one, 1, 0) > 0) accepted.push_back(::accept(listener, nullptr, nullptr));
        }
    }
    ASSERT_EQ(up, links);
    const std::size_t each = (::mallinfo2().uordblks - before) / links;
    RecordProperty("bytes_each", static_cast<int>(each));
    EXPECT_LT(each, 4096U) << "bytes of a connected TCP link";
    EXPECT_EQ(threads(), threads_before);
    buses.clear();
    io.restart();
    io.poll();
    for (const int fd : accepted) ::close(fd);
    ::close(listener);
}

}  // namespace
}  // namespace adapters::modbus
