#include "tests/unit/modbus/peers.hpp"
#include "tests/unit/modbus/stage.hpp"

namespace adapters::modbus {
namespace {

using base::Errc;
using namespace std::chrono_literals;
using Piece = ScriptedPeer::Piece;

/// One link with short patience, one device type of `count` holding registers from 0, and its units.
struct Plant {
    explicit Plant(const std::string& link, const std::string& more = ", timeout: 100ms")
        : stage("{modbus: \"" + link + "\"" + more + "}") {
        EXPECT_TRUE(stage.adapter) << stage.diagnostics.str();
        shape = stage.shape("limits: {gap: 0}");
    }
    std::vector<PointIndex> registers(std::initializer_list<int> addresses) {
        std::vector<PointIndex> points;
        for (const int address : addresses)
            points.push_back(stage.point(shape, fmt::format("{{at: holding:{}, write: {{}}}}", address)).value());
        return points;
    }
    DeviceId unit(int number) {
        return stage.device(shape, fmt::format("{{unit: {}}}", number), fmt::format("unit-{}", number)).value();
    }

    Stage stage;
    ShapeId shape = 0;
};

/// A scripted peer needs the loop, which the stage has, and the stage needs the port: so the peer has a loop of its own
/// until they meet.
struct Scripted {
    explicit Scripted(ScriptedPeer::Answer answer, const std::string& more = ", timeout: 100ms", const char* host = "127.0.0.1")
        : port(free_port()), plant("tcp://127.0.0.1:" + std::to_string(port), more) {
        peer = std::make_unique<ScriptedPeer>(plant.stage.io, plant.stage.timers, std::move(answer), host, port);
    }
    ~Scripted() { peer.reset(); }
    static std::uint16_t free_port() {
        boost::asio::io_context io;
        return boost::asio::ip::tcp::acceptor(io, {boost::asio::ip::make_address("127.0.0.1"), 0}).local_endpoint().port();
    }
    std::uint16_t port;
    Plant plant;
    std::unique_ptr<ScriptedPeer> peer;
};

std::vector<Piece> well(const Bytes& request) { return {{.bytes = good_answer(request)}}; }

TEST(Tcp, ReadsEveryTableOfALibmodbusDevice) {
    LibmodbusDevice device;
    Plant plant(device.listen());
    Stage& stage = plant.stage;
    const auto point = [&](const char* keys) { return stage.point(plant.shape, keys).value(); };
    const std::vector<PointIndex> points{point("at: holding:7"),
                                         point("{at: holding:8, type: uint32}"),
                                         point("{at: input:3, type: int16}"),
                                         point("at: coil:3"),
                                         point("at: coil:4"),
                                         point("at: discrete:11"),
                                         point("at: discrete:12"),
                                         point("at: discrete:21")};
    const DeviceId meter = plant.unit(1);
    stage.start();
    const auto values = stage.read(meter, points);
    ASSERT_EQ(values.size(), points.size());
    std::string text;
    for (const auto& value : values) text += show(value) + " ";
    EXPECT_EQ(text, "70 5242970 30 on off off on off ");  // 5242970 = 80 << 16 | 90
    EXPECT_EQ(stage.links, std::vector<std::string>{"up: connected"});
    EXPECT_EQ(device.functions(), (std::vector<int>{1, 2, 2, 4, 3})) << "one request a table; no gap was allowed";
    stage.stop();
}

TEST(Tcp, WritesWithTheFunctionThatThePointAsksFor) {
    LibmodbusDevice device;
    Plant plant(device.listen());
    Stage& stage = plant.stage;
    const auto point = [&](const char* keys) { return stage.point(plant.shape, keys).value(); };
    const auto relay = point("{at: coil:1, write: {}}"), relays = point("{at: coil:2, write: {using: multiple}}");
    const auto limit = point("{at: holding:5, write: {}}"), other = point("{at: holding:6, write: {using: multiple}}");
    const auto wide = point("{at: holding:10, type: float32, order: CDAB, write: {}}");
    const DeviceId meter = plant.unit(1);
    stage.start();
    EXPECT_TRUE(stage.write(meter, relay, true));
    EXPECT_TRUE(stage.write(meter, relays, true));
    EXPECT_TRUE(stage.write(meter, limit, std::int64_t{0x1234}));
    EXPECT_TRUE(stage.write(meter, other, std::uint64_t{99}));
    EXPECT_TRUE(stage.write(meter, wide, 229.01));
    EXPECT_EQ(device.functions(), (std::vector<int>{5, 15, 6, 16, 16}));
    EXPECT_TRUE(device.coil(1));
    EXPECT_TRUE(device.coil(2));
    EXPECT_EQ(device.holding(5), 0x1234);
    EXPECT_EQ(device.holding(6), 99);
    EXPECT_EQ(device.holding(10), 0x028F);
    EXPECT_EQ(device.holding(11), 0x4365);
    EXPECT_EQ(stage.read_one(meter, wide), "229.01");
    const auto refused = stage.write(meter, limit, std::int64_t{70000});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::bad_request);
    EXPECT_EQ(device.functions().size(), 6U) << "a value that does not fit never reaches the device";
    stage.stop();
}

TEST(Tcp, ADeviceWithoutFunction6IsWrittenWith16FromThenOn) {
    Scripted on([](const Bytes& request) -> std::vector<Piece> {
        return {{.bytes = request[7] == 6 ? exception_answer(request, 1) : good_answer(request)}};
    });
    const auto point = on.plant.registers({5})[0];
    const DeviceId meter = on.plant.unit(1);
    on.plant.stage.start();
    EXPECT_TRUE(on.plant.stage.write(meter, point, std::int64_t{1}));
    EXPECT_TRUE(on.plant.stage.write(meter, point, std::int64_t{2}));
    std::string functions;
    for (const Bytes& request : on.peer->requests) functions += fmt::format("{} ", request[7]);
    EXPECT_EQ(functions, "6 16 16 ");
}

TEST(Tcp, AForbiddenRegisterSpoilsNothingBesideItAndIsRemembered) {
    Scripted on([](const Bytes& request) -> std::vector<Piece> {
        const int first = request[8] << 8 | request[9], count = request[10] << 8 | request[11];
        const bool hole = first <= 5 && 5 < first + count;
        return {{.bytes = hole ? exception_answer(request, 2) : good_answer(request)}};
    });
    Stage& stage = on.plant.stage;
    const auto points = on.plant.registers({0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    const DeviceId meter = on.plant.unit(1);
    stage.start();
    const std::string expected = "0 1 2 3 4 unit 1: holding 5: the device says: no such address (exception 2) 6 7 8 9 ";
    const auto read = [&] {
        std::string text;
        for (const auto& value : stage.read(meter, points)) text += show(value) + " ";
        return text;
    };
    EXPECT_EQ(read(), expected);
    const std::size_t learning = on.peer->requests.size();
    EXPECT_LE(learning, 10U);
    EXPECT_EQ(read(), expected);
    EXPECT_EQ(on.peer->requests.size() - learning, 3U) << "before the hole, the hole, behind it";
    EXPECT_EQ(stage.read(meter, points)[5].error().code, Errc::not_found);
}

TEST(Tcp, AHoleInAGapIsReadAroundFromThenOn) {
    Scripted on([](const Bytes& request) -> std::vector<Piece> {
        const int first = request[8] << 8 | request[9], count = request[10] << 8 | request[11];
        return {{.bytes = first <= 5 && 5 < first + count ? exception_answer(request, 2) : good_answer(request)}};
    });
    Stage& stage = on.plant.stage;
    on.plant.shape = stage.shape("limits: {gap: 10}");
    const auto points = on.plant.registers({4, 6, 9});
    const DeviceId meter = on.plant.unit(1);
    EXPECT_EQ(stage.adapter->explain(meter, points), (std::vector<std::string>{"holding 4..9  6 registers, 2 gaps"}));
    stage.start();
    for (const auto& value : stage.read(meter, points)) EXPECT_TRUE(value);
    EXPECT_EQ(stage.adapter->explain(meter, points),
              (std::vector<std::string>{"holding 4", "holding 6..9  4 registers, 1 gap"}));
    const std::size_t before = on.peer->requests.size();
    for (const auto& value : stage.read(meter, points)) EXPECT_TRUE(value);
    EXPECT_EQ(on.peer->requests.size() - before, 2U);
}

TEST(Tcp, ADeviceThatTakesShortRequestsOnlyIsAskedWithShortOnes) {
    Scripted on([](const Bytes& request) -> std::vector<Piece> {
        return {{.bytes = request[11] > 4 ? exception_answer(request, 3) : good_answer(request)}};
    });
    Stage& stage = on.plant.stage;
    const auto points = on.plant.registers({0, 1, 2, 3, 4, 5, 6, 7});
    const DeviceId meter = on.plant.unit(1);
    stage.start();
    for (const auto& value : stage.read(meter, points)) EXPECT_TRUE(value);
    const std::size_t before = on.peer->requests.size();
    for (const auto& value : stage.read(meter, points)) EXPECT_TRUE(value);
    EXPECT_EQ(on.peer->requests.size() - before, 2U);
}

TEST(Tcp, ALateAnswerIsNeverTakenForAnother) {
    unsigned number = 0;
    Scripted on([&](const Bytes& request) -> std::vector<Piece> {
        return {{.after = ++number == 1 ? 130ms : 0ms, .bytes = good_answer(request)}};
    });
    Stage& stage = on.plant.stage;
    const auto points = on.plant.registers({40, 50});
    const DeviceId meter = on.plant.unit(1);
    stage.start();
    EXPECT_EQ(stage.read_one(meter, points[0]), "unit 1: holding 40: no answer within 100ms");
    unsigned reads = 0;
    for (const auto end = stage.timers.now() + 80ms; stage.timers.now() < end; ++reads)
        ASSERT_EQ(stage.read_one(meter, points[1]), "50");
    EXPECT_GT(reads, 1U);
    EXPECT_EQ(on.peer->connections, 1U) << "the transaction tells the late answer apart: the connection may stay";
}

TEST(Tcp, TwoAnswersMissingInARowReplaceTheConnection) {
    Scripted on([](const Bytes&) -> std::vector<Piece> { return {}; });
    Stage& stage = on.plant.stage;
    const auto points = on.plant.registers({1});
    const DeviceId meter = on.plant.unit(1);
    stage.start();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(stage.read(meter, points)[0].error().code, Errc::timeout);
    EXPECT_EQ(on.peer->connections, 2U);
    EXPECT_EQ(stage.links, std::vector<std::string>{"up: connected"}) << "the link was never down";
}

struct Wrong {
    const char* name;
    std::function<std::vector<Piece>(Bytes good)> spoil;
    Errc errc;
};

TEST(Tcp, NoWrongAnswerBecomesAValueAndTheNextReadIsGoodAgain) {
    const auto with = [](std::size_t at, std::uint8_t flip) {
        return [=](Bytes good) -> std::vector<Piece> {
            good[at] ^= flip;
            return {{.bytes = good}};
        };
    };
    const Wrong table[] = {
        {"transaction", with(1, 1), Errc::malformed},
        {"protocol", with(3, 1), Errc::malformed},
        {"unit", with(6, 1), Errc::malformed},
        {"function", with(7, 1), Errc::malformed},
        {"length too small", with(5, 1), Errc::malformed},
        {"length too large", with(5, 8), Errc::timeout},
        {"length absurd", with(4, 0x40), Errc::malformed},
        {"byte count", with(8, 2), Errc::malformed},
        {"byte count that libmodbus would wait for", with(8, 0x80), Errc::malformed},
        {"cut", [](Bytes good) -> std::vector<Piece> { return {{.bytes = Bytes(good.begin(), good.end() - 1)}}; },
         Errc::timeout},
        {"cut and closed",
         [](Bytes good) -> std::vector<Piece> { return {{.bytes = Bytes(good.begin(), good.end() - 1), .close = true}}; },
         Errc::malformed},
        {"closed", [](const Bytes&) -> std::vector<Piece> { return {{.close = true}}; }, Errc::offline},
        {"noise", [](const Bytes&) -> std::vector<Piece> { return {{.bytes = Bytes(64, 0xA5)}}; }, Errc::malformed},
        {"silence", [](const Bytes&) -> std::vector<Piece> { return {}; }, Errc::timeout},
    };
    for (const Wrong& wrong : table) {
        SCOPED_TRACE(wrong.name);
        unsigned number = 0;
        Scripted on([&](const Bytes& request) { return ++number == 2 ? wrong.spoil(good_answer(request)) : well(request); });
        Stage& stage = on.plant.stage;
        const auto point = on.plant.registers({300})[0];
        const DeviceId meter = on.plant.unit(7);
        stage.start();
        EXPECT_EQ(stage.read_one(meter, point), "300");
        const auto value = stage.read(meter, {point})[0];
        EXPECT_FALSE(value) << show(value);
        if (!value) {
            EXPECT_EQ(value.error().code, wrong.errc) << value.error().message;
        }
        EXPECT_EQ(stage.read_one(meter, point), "300");
        EXPECT_EQ(stage.links, std::vector<std::string>{"up: connected"});
    }
}

TEST(Tcp, BytesBehindAnAnswerDoNoHarm) {
    Scripted on([](const Bytes& request) -> std::vector<Piece> {
        Bytes adu = good_answer(request);
        adu.insert(adu.end(), {1, 2, 3, 4});
        return {{.bytes = adu}};
    });
    Stage& stage = on.plant.stage;
    const auto points = on.plant.registers({1, 2});
    const DeviceId meter = on.plant.unit(1);
    stage.start();
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(stage.read_one(meter, points[0]), "1");
        EXPECT_EQ(stage.read_one(meter, points[1]), "2");
    }
}

TEST(Tcp, AnAnswerThatComesInDropsIsReadWithoutSpinning) {
    Scripted on(
        [](const Bytes& request) -> std::vector<Piece> {
            std::vector<Piece> drops;
            for (const std::uint8_t byte : good_answer(request)) drops.push_back({.after = 10ms, .bytes = {byte}});
            return drops;
        },
        ", timeout: 2s");
    Stage& stage = on.plant.stage;
    const auto point = on.plant.registers({300})[0];
    const DeviceId meter = on.plant.unit(1);
    stage.start();
    ASSERT_TRUE(stage.up());
    std::optional<Adapter::Values> got;
    stage.adapter->read(meter, {point}, stage.timers.now() + 4s, [&](Adapter::Values values) { got = std::move(values); });
    std::size_t turns = 0;
    ASSERT_TRUE(stage.turn_until([&] { return ++turns > 1000 || got.has_value(); }));
    ASSERT_TRUE(got);
    EXPECT_EQ(show(got->at(0)), "300");
    EXPECT_LT(turns, 100U);
}

TEST(Tcp, ADeadUnitCostsOneTimeOutACallAndItsNeighboursNothing) {
    Scripted on([](const Bytes& request) { return request[6] == 2 ? std::vector<Piece>{} : well(request); });
    Stage& stage = on.plant.stage;
    const auto points = on.plant.registers({0, 10, 20, 30, 40});
    const DeviceId living = on.plant.unit(1), dead = on.plant.unit(2);
    stage.start();
    ASSERT_TRUE(stage.up());
    std::vector<std::string> order;
    stage.adapter->read(dead, points, stage.timers.now() + 4s, [&](const Adapter::Values& values) {
        for (const auto& value : values) EXPECT_EQ(value.error().code, Errc::timeout);
        order.emplace_back("dead");
    });
    stage.adapter->read(living, points, stage.timers.now() + 4s, [&](const Adapter::Values& values) {
        for (const auto& value : values) EXPECT_TRUE(value);
        order.emplace_back("living");
    });
    ASSERT_TRUE(stage.turn_until([&] { return order.size() == 2; }));
    EXPECT_EQ(order, (std::vector<std::string>{"dead", "living"}));
    EXPECT_EQ(on.peer->requests.size(), 6U) << "one to the dead, five to the living";
}

TEST(Tcp, ACallIsAnsweredByItsDeadlineEvenWhileTheDeviceMayStillAnswer) {
    Scripted on([](const Bytes& request) -> std::vector<Piece> { return {{.after = 80ms, .bytes = good_answer(request)}}; },
                ", timeout: 1s");
    Stage& stage = on.plant.stage;
    const auto points = on.plant.registers({1, 2});
    const DeviceId meter = on.plant.unit(1);
    stage.start();
    ASSERT_TRUE(stage.up());
    const auto value = stage.read(meter, {points[0]}, 30ms)[0];
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().code, Errc::timeout);
    EXPECT_EQ(value.error().message, "unit 1: no answer before the deadline");
    EXPECT_EQ(stage.read_one(meter, points[1]), "2");
    EXPECT_EQ(on.peer->connections, 1U);
}

TEST(Tcp, WritesGoBeforeWaitingReads) {
    Scripted on(well);
    Stage& stage = on.plant.stage;
    const auto points = on.plant.registers({0, 10, 20, 30});
    const DeviceId meter = on.plant.unit(1);
    stage.start();
    ASSERT_TRUE(stage.up());
    unsigned done = 0;
    stage.adapter->read(meter, points, stage.timers.now() + 4s, [&](const Adapter::Values&) { ++done; });
    stage.adapter->write(meter, points[0], std::int64_t{1}, stage.timers.now() + 4s, [&](const Result<void>&) { ++done; });
    ASSERT_TRUE(stage.turn_until([&] { return done == 2; }));
    std::string functions;
    for (const Bytes& request : on.peer->requests) functions += fmt::format("{} ", request[7]);
    EXPECT_EQ(functions, "3 6 3 3 3 ") << "between the requests of a read, too";
}

TEST(Tcp, AFullQueueIsSaidAtOnce) {
    Scripted on([](const Bytes&) -> std::vector<Piece> { return {}; }, ", timeout: 10s");
    Stage& stage = on.plant.stage;
    const auto points = on.plant.registers({1});
    const DeviceId meter = on.plant.unit(1);
    stage.start();
    ASSERT_TRUE(stage.up());
    unsigned busy = 0, offline = 0;
    for (std::size_t i = 0; i < ModbusAdapter::queue_limit + 3; ++i)
        stage.adapter->read(meter, points, stage.timers.now() + 10s, [&](const Adapter::Values& values) {
            (values[0].error().code == Errc::busy ? busy : offline) += 1;
        });
    ASSERT_TRUE(stage.turn_until([&] { return busy == 3; }));
    EXPECT_EQ(offline, 0U);
    stage.stop();
    EXPECT_EQ(offline, ModbusAdapter::queue_limit) << "stop() answers every waiting call";
}

TEST(Tcp, AfterStopNothingIsCalled) {
    Scripted on([](const Bytes& request) -> std::vector<Piece> { return {{.after = 5ms, .bytes = good_answer(request)}}; });
    Stage& stage = on.plant.stage;
    const auto points = on.plant.registers({1});
    const DeviceId meter = on.plant.unit(1);
    stage.start();
    ASSERT_TRUE(stage.up());
    unsigned answers = 0;
    stage.adapter->read(meter, points, stage.timers.now() + 4s, [&](const Adapter::Values& values) {
        ++answers;
        EXPECT_EQ(values[0].error().code, Errc::offline);
    });
    stage.stop();
    EXPECT_EQ(answers, 1U);
    const auto said = stage.links.size();
    on.peer->close_all();
    unsigned late = 0;
    stage.adapter->read(meter, points, stage.timers.now() + 4s, [&](const Adapter::Values&) { ++late; });
    ASSERT_TRUE(stage.turn_until([&] { return late == 1; })) << "calls after stop() are refused, not lost";
    EXPECT_EQ(stage.links.size(), said);
}

TEST(Tcp, AHostThatRefusesIsOfflineAtOnceAndComesBackByItself) {
    Scripted on(well);
    on.peer->stop_listening();
    Stage& stage = on.plant.stage;
    const auto points = on.plant.registers({1});
    const DeviceId meter = on.plant.unit(1);
    stage.start();
    ASSERT_TRUE(stage.link_is("down: connection refused"));
    const auto value = stage.read(meter, points)[0];
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().code, Errc::offline);
    EXPECT_EQ(value.error().message, fmt::format("tcp 127.0.0.1:{}: connection refused", on.port));
    on.peer = std::make_unique<ScriptedPeer>(stage.io, stage.timers, well, "127.0.0.1", on.port);
    ASSERT_TRUE(stage.up());
    EXPECT_EQ(stage.read_one(meter, points[0]), "1");
    EXPECT_EQ(stage.links, (std::vector<std::string>{"down: connection refused", "up: connected"}));
}

TEST(Tcp, ACallDuringTheFirstConnectionWaitsForIt) {
    Scripted on(well);
    const auto points = on.plant.registers({1});
    const DeviceId meter = on.plant.unit(1);
    on.plant.stage.start();
    EXPECT_TRUE(on.plant.stage.links.empty());
    EXPECT_EQ(on.plant.stage.read_one(meter, points[0]), "1");
}

TEST(Tcp, ADeviceThatClosesAnIdleConnectionIsNotDown) {
    Scripted on(well);
    Stage& stage = on.plant.stage;
    const auto points = on.plant.registers({1});
    const DeviceId meter = on.plant.unit(1);
    stage.start();
    for (unsigned i = 1; i <= 5; ++i) {
        EXPECT_EQ(stage.read_one(meter, points[0]), "1");
        on.peer->close_all();
    }
    EXPECT_EQ(stage.links, std::vector<std::string>{"up: connected"});
}

TEST(Tcp, ADeviceThatIsSwitchedOffIsNoticedWithoutARead) {
    Scripted on(well);
    Stage& stage = on.plant.stage;
    const auto points = on.plant.registers({1});
    const DeviceId meter = on.plant.unit(1);
    stage.start();
    EXPECT_EQ(stage.read_one(meter, points[0]), "1");
    on.peer->stop_listening();
    on.peer->close_all();
    EXPECT_TRUE(stage.link_is("down: connection refused"));
}

TEST(Tcp, APeerThatSpeaksFirstIsNoModbusDeviceAndIsLeftAlone) {
    Scripted on(well);
    on.peer->greeting = *base::from_hex("485454502f312e31203430300d0a");
    Stage& stage = on.plant.stage;
    const auto points = on.plant.registers({1});
    const DeviceId meter = on.plant.unit(1);
    stage.start();
    ASSERT_TRUE(stage.up());
    const auto value = stage.read(meter, points)[0];
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().code, Errc::malformed) << value.error().message;
    const unsigned connections = on.peer->connections;
    EXPECT_LE(connections, 3U);
    std::optional<bool> waited;
    stage.timers.at(stage.timers.now() + 100ms, [&] { waited = true; });
    ASSERT_TRUE(stage.turn_until([&] { return waited.has_value(); }));
    EXPECT_EQ(on.peer->connections, connections) << "no connection that nobody asked for";
}

TEST(Tcp, SpeaksIPv6AndNames) {
    for (const char* host : {"[::1]", "localhost"}) {
        boost::asio::io_context probe;
        boost::system::error_code error;
        boost::asio::ip::tcp::acceptor six(probe);
        six.open(boost::asio::ip::tcp::v6(), error);
        if (!error) six.bind({boost::asio::ip::make_address("::1"), 0}, error);
        if (error && host[0] == '[') continue;  // a machine without IPv6
        const std::uint16_t port = Scripted::free_port();
        Plant plant(fmt::format("tcp://{}:{}", host, port));
        ScriptedPeer peer(plant.stage.io, plant.stage.timers, well, host[0] == '[' ? "::1" : "127.0.0.1", port);
        const auto points = plant.registers({1});
        const DeviceId meter = plant.unit(1);
        plant.stage.start();
        EXPECT_EQ(plant.stage.read_one(meter, points[0]), "1") << host;
    }
}

TEST(Tcp, AnUnknownNameIsSaidInWords) {
    Plant plant("tcp://no-such-host.invalid");
    plant.stage.start();
    ASSERT_TRUE(plant.stage.turn_until([&] { return !plant.stage.links.empty(); }));
    EXPECT_EQ(plant.stage.links[0].substr(0, 55), "down: the name no-such-host.invalid is not known: host ");
}

TEST(Tcp, ADevicesPauseIsKept) {
    Scripted on(well);
    Stage& stage = on.plant.stage;
    on.plant.shape = stage.shape("{pause: 30ms, limits: {gap: 0}}");
    const auto points = on.plant.registers({0, 10, 20});
    const DeviceId meter = on.plant.unit(1);
    stage.start();
    ASSERT_TRUE(stage.up());
    const auto begun = stage.timers.now();
    for (const auto& value : stage.read(meter, points)) EXPECT_TRUE(value);
    EXPECT_GE(stage.timers.now() - begun, 60ms);
}

TEST(Tcp, ReadOnlyAndUnknownPointsAreRefusedBeforeTheBus) {
    Scripted on(well);
    Stage& stage = on.plant.stage;
    const auto input = stage.point(on.plant.shape, "at: input:1").value();
    const auto only_written = stage.point(on.plant.shape, "at: coil:15", true, false).value();
    const DeviceId meter = on.plant.unit(1);
    stage.start();
    const auto values = stage.read(meter, {input, only_written, PointIndex{99}});
    EXPECT_EQ(show(values.at(0)), "1");
    EXPECT_EQ(values.at(1).error().code, Errc::not_allowed);
    EXPECT_EQ(values.at(2).error().code, Errc::internal);
    EXPECT_EQ(stage.write(meter, input, std::int64_t{1}).error().code, Errc::not_allowed);
    EXPECT_EQ(on.peer->requests.size(), 1U);
    EXPECT_TRUE(stage.read(meter, {}).empty());
}

}  // namespace
}  // namespace adapters::modbus
