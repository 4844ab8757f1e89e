#include "tests/unit/modbus/bridge.hpp"
#include "tests/unit/modbus/fault_kit.hpp"
#include "tests/unit/modbus/link_stage.hpp"
#include "tests/unit/modbus/peers.hpp"

#include "adapters/modbus/dial_in_listener.hpp"

/// Devices that connect to us.
namespace adapters::modbus {
namespace {

using Ways = Bridge::Ways;
using namespace std::chrono_literals;

/// A connection to a Modbus TCP device, for a modem to carry.
int connect_to(const std::string& link) {
    return loopback_socket(static_cast<std::uint16_t>(std::stoi(link.substr(link.rfind(':') + 1))), false);
}
std::string dial_in(std::uint16_t port, const std::string& more = "") {
    return fmt::format("{{modbus: \"dial-in://127.0.0.1:{}\"{}}}", port, more);
}

TEST(DialIn, ADeviceThatDialsInIsReadAndFoundAgainWhenItDialsAnew) {
    LibmodbusDevice device;
    const std::string link = device.listen();
    LinkStage stage(dial_in(some_free_port()));
    stage.start();
    Bridge modem(connect_to(link), Ways{}, std::get<DialIn>(stage.settings->to).listen.port);
    EXPECT_TRUE(stage.is("up: dialled in from 127.0.0.1"));
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(stage.read(1, 7), "70");
        const unsigned before = modem.connections();
        modem.hang_up();
        ASSERT_TRUE(stage.turn_until([&] { return modem.connections() > before; }));
    }
    EXPECT_EQ(stage.read(1, 7), "70");
    EXPECT_EQ(stage.said.size(), 1U) << "a modem that dials at once was never away";
    stage.stop();
}

TEST(DialIn, FramesMayBeThoseOfASerialLine) {
    FaultySlaves slaves(R"({"units": {"17": {"holding": {"0-9": 5}}, "18": {"holding": {"0-9": 6}}}})");
    const std::uint16_t port = some_free_port();
    LinkStage stage(dial_in(port, ", framing: rtu, line: 115200 8N1"));
    EXPECT_TRUE(stage.bus->rtu_frames());
    stage.start();
    Bridge modem(open_raw(slaves.line()), {.slice = 1}, port);
    ASSERT_TRUE(stage.up());
    for (std::uint16_t i = 0; i < 10; ++i) EXPECT_EQ(stage.read(17, i), "5");
    // A dead unit costs its time-out, not the connection that takes a modem so long to make.
    slaves.tell("fault silent unit=18 count=0");
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(stage.read(18, 1, 30ms), "no answer within 30ms");
        EXPECT_EQ(stage.read(17, 1), "5");
    }
    // Nor does noise: the line is drained.
    slaves.tell("fault garbage 16 unit=17");
    EXPECT_FALSE(stage.ask({.unit = 17, .address = 1}, 100ms));
    EXPECT_EQ(stage.read(17, 1), "5");
    EXPECT_EQ(modem.connections(), 1U);
    EXPECT_EQ(stage.bus->settle(100ms), 10s) << "a mobile network may hold an answer back";
}

TEST(DialIn, ADeviceThatHasNotDialledIsSaidToBeAwayAndWelcomeAtAnyTime) {
    LibmodbusDevice device;
    const std::string link = device.listen();
    const std::uint16_t port = some_free_port();
    ManualLinkStage stage(dial_in(port));
    stage.start();
    stage.clock.timers.advance(5s);
    EXPECT_TRUE(stage.is("down: the device has not dialled in"));
    EXPECT_EQ(stage.read(1, 7), "not connected");
    stage.clock.timers.advance(3min);
    Bridge modem(connect_to(link), Ways{}, port);
    EXPECT_TRUE(stage.is("up: dialled in")) << "at once, not with the next try";
    EXPECT_EQ(stage.read(1, 7), "70");
    EXPECT_LE(stage.clock.timers.waiting(), 2U);
}

TEST(DialIn, TheNewerConnectionReplacesTheOlderOne) {
    LibmodbusDevice device;
    const std::string link = device.listen();
    const std::uint16_t port = some_free_port();
    LinkStage stage(dial_in(port));
    stage.start();
    const int dead = loopback_socket(port, false);  // what a modem leaves behind that lost its network
    ASSERT_TRUE(stage.up());
    stage.give({.unit = 1, .address = 7}, 5s);
    Bridge modem(connect_to(link), Ways{}, port);
    ASSERT_TRUE(stage.turn_until([&] { return stage.answer.has_value(); }));
    EXPECT_EQ(stage.answer->error().message, "the device dialled in anew") << "nobody waits for the old one";
    EXPECT_EQ(stage.read(1, 7), "70");
    char end = 0;
    ::fcntl(dead, F_SETFL, O_NONBLOCK);
    ASSERT_TRUE(stage.turn_until([&] { return ::recv(dead, &end, 1, 0) == 0 || ::recv(dead, &end, 1, MSG_PEEK) == 0; }));
    ::close(dead);
    EXPECT_EQ(stage.said.size(), 1U);
}

/// Links of one loop, as in the gateway.
struct Shared {
    explicit Shared(const std::vector<std::string>& links) {
        for (const auto& text : links) {
            base::Diagnostics diagnostics;
            const auto node = config::read_yaml(text, "gateway.yaml", diagnostics).value_or(base::Node{});
            Fields fields(node, "link", diagnostics);
            auto settings = read_link(fields);
            EXPECT_EQ(diagnostics.str(), "");
            said.emplace_back();
            buses.push_back(make_bus(io.get_executor(), timers, random, settings.value()));
        }
    }
    ~Shared() {
        buses.clear();
        io.restart();
        io.poll();
    }
    void start(std::size_t i) {
        buses[i]->start([this, i](Bus::State state, const std::string& why) {
            said[i] = (state == Bus::State::up ? "up: " : "down: ") + why;
        });
    }
    template <class F>
    bool turn_until(F done) {
        const auto give_up = std::chrono::steady_clock::now() + 10s;
        while (!done()) {
            if (std::chrono::steady_clock::now() > give_up) return false;
            io.restart();
            io.run_one_for(5ms);
        }
        return true;
    }
    std::string read(std::size_t i, std::uint16_t address) {
        std::optional<Result<Bytes>> got;
        buses[i]->exchange({.unit = 1, .address = address}, 2s, [&](Result<Bytes> result) { got = std::move(result); });
        EXPECT_TRUE(turn_until([&] { return got.has_value(); }));
        if (!got || !*got) return got ? got->error().message : "";
        return fmt::format("{}", (**got)[0] << 8 | (**got)[1]);
    }
    boost::asio::io_context io;
    gateway::AsioTimers timers{io};
    fakes::FixedRandom random;
    std::vector<std::unique_ptr<Bus>> buses;
    std::vector<std::string> said;
};

TEST(DialIn, ModemsThatShareAPortAreToldApartByTheirHello) {
    LibmodbusDevice one, two;
    const std::string link_one = one.listen(), link_two = two.listen();
    const std::uint16_t port = some_free_port();
    Shared links({dial_in(port, ", hello: \"modem-1\""), dial_in(port, ", hello: \"modem-12\"")});
    links.start(0);
    links.start(1);
    Bridge second(connect_to(link_two), {.slice = 3, .hello = "modem-12"}, port);
    ASSERT_TRUE(links.turn_until([&] { return links.said[1].starts_with("up"); }));
    EXPECT_EQ(links.read(1, 7), "70");
    EXPECT_TRUE(links.said[0].empty());
    // A shorter hello that might become the longer one is known when more follows, or nothing.
    Bridge first(connect_to(link_one), {.hello = "modem-1"}, port);
    EXPECT_EQ(two.functions().size(), 1U);
    const auto listener = DialInListener::of(links.io.get_executor(), links.timers, {"127.0.0.1", port});
    // Strangers are dropped, whatever they say or do not say.
    for (const std::string greeting : {"GET / HTTP/1.1\r\n\r\n", "modem-2", "\x16\x03\x01"}) {
        const std::uint64_t before = listener->dropped();
        const int stranger = loopback_socket(port, false);
        (void)!::write(stranger, greeting.data(), greeting.size());
        EXPECT_TRUE(links.turn_until([&] { return listener->dropped() > before; })) << greeting;
        ::close(stranger);
    }
    EXPECT_EQ(links.read(1, 8), "80") << "nobody was disturbed";
}

TEST(DialIn, CallersThatSayNothingAreFewAndNotForLong) {
    const std::uint16_t port = some_free_port();
    ManualLinkStage stage(dial_in(port, ", hello: \"modem-1\""));
    stage.start();
    const auto listener = DialInListener::of(stage.io.get_executor(), stage.clock.timers, {"127.0.0.1", port});
    std::vector<int> silent;
    for (std::size_t i = 0; i < DialInListener::most_callers + 6; ++i) {
        silent.push_back(loopback_socket(port, false));
        stage.turn_until([turns = 0]() mutable { return ++turns > 2; });
    }
    ASSERT_TRUE(stage.turn_until([&] { return listener->dropped() == 6; }));
    stage.clock.timers.advance(10s);
    EXPECT_EQ(listener->dropped(), DialInListener::most_callers + 6);
    for (const int fd : silent) ::close(fd);
}

TEST(DialIn, ASlowHelloAndAHeartbeatAreNoTrouble) {
    LibmodbusDevice device;
    const std::string link = device.listen();
    const std::uint16_t port = some_free_port();
    LinkStage stage(dial_in(port, ", hello: \"IMEI:86\\r\\n\", heartbeat: \"hex:ff00ff\""));
    stage.start();
    Bridge modem(connect_to(link), {.slice = 1, .hello = "IMEI:86\r\n", .heartbeat = std::string("\xFF\0\xFF", 3)}, port);
    ASSERT_TRUE(stage.up());
    for (std::uint16_t i = 0; i < 5; ++i) EXPECT_EQ(stage.read(1, i), fmt::format("{}", i * 10));
    EXPECT_EQ(modem.connections(), 1U);
}

TEST(DialIn, WhatCannotBeSharedIsToldAndMendsItself) {
    const std::uint16_t port = some_free_port();
    Shared links({dial_in(port, ", hello: a"), dial_in(port, ", hello: a"), dial_in(port)});
    for (std::size_t i = 0; i < 3; ++i) links.start(i);
    ASSERT_TRUE(links.turn_until([&] { return !links.said[1].empty() && !links.said[2].empty(); }));
    EXPECT_EQ(links.said[1], fmt::format("down: another link waits at 127.0.0.1:{} for the same hello", port));
    EXPECT_EQ(links.said[2],
              fmt::format("down: links that share 127.0.0.1:{} are told apart by their hello, and one has none", port));
    bool stopped = false;
    links.buses[0]->stop([&] { stopped = true; });
    ASSERT_TRUE(links.turn_until([&] { return stopped; }));
    LibmodbusDevice device;
    Bridge modem(connect_to(device.listen()), {.hello = "a"}, port);
    ASSERT_TRUE(links.turn_until([&] { return links.said[1].starts_with("up") || links.said[2].starts_with("up"); }));
}

TEST(DialIn, AnAddressThatIsTakenIsToldInWords) {
    const int other = loopback_socket(0, true);
    LinkStage stage(dial_in(port_of(other)));
    stage.start();
    EXPECT_TRUE(stage.is(fmt::format("down: cannot wait for devices at 127.0.0.1:{}: address already in use", port_of(other))));
    ::close(other);
}

TEST(Hello, TheLongestOneThatIsThereCounts) {
    const std::vector<Bytes> hellos{{'a', 'b'}, {'a', 'b', 'c', 'd'}, {'x'}};
    const auto as = [&](std::string_view said) {
        const Greeted greeted = match_hello(base::as_bytes(said), hellos);
        switch (greeted.as) {
            case Greeted::As::known: return fmt::format("{}", greeted.which);
            case Greeted::As::unfinished: return std::string(greeted.known_so_far ? "more, or 0" : "more");
            case Greeted::As::unknown: break;
        }
        return std::string("nobody");
    };
    EXPECT_EQ(as(""), "more");
    EXPECT_EQ(as("a"), "more");
    EXPECT_EQ(as("ab"), "more, or 0");
    EXPECT_EQ(as("abx"), "0");
    EXPECT_EQ(as("abc"), "more, or 0");
    EXPECT_EQ(as("abcd"), "1");
    EXPECT_EQ(as("x123"), "2");
    EXPECT_EQ(as("b"), "nobody");
}

}  // namespace
}  // namespace adapters::modbus
