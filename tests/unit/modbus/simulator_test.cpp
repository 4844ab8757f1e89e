#include "tests/unit/modbus/peers.hpp"
#include "tests/unit/modbus/stage.hpp"

#include <dlfcn.h>
#include <boost/asio/write.hpp>

namespace adapters::modbus {
namespace {

using base::Errc;

/// A simulated meter and the adapter that reads it, on one loop.
struct Bench {
    explicit Bench(const std::string& section = "limits: {gap: 20}") : model("modbus: tcp://192.0.2.1") {
        model_shape = model.shape(section);
        temperature = model.point(model_shape, "{at: holding:0, type: int16}").value();
        power = model.point(model_shape, "{at: holding:1, type: float32, order: CDAB}").value();
        far = model.point(model_shape, "at: holding:20").value();
        limit = model.point(model_shape, "{at: holding:100, write: {}}").value();
        name = model.point(model_shape, "{at: input:300, type: string, length: 4}").value();
        relay = model.point(model_shape, "{at: coil:0, write: {}}").value();
        door = model.point(model_shape, "at: discrete:3").value();
        model_device = model.device(model_shape, "unit: 1").value();
        simulator = descriptor().simulate(model.io.get_executor(), *model.adapter, model_device, "127.0.0.1:0",
                                          [this](std::string line) { log.push_back(std::move(line)); });
        where = simulator->start().value();
    }
    Bytes exchange(const char* hex) {  // a raw request from another client
        boost::asio::ip::tcp::socket client(model.io);
        client.connect({boost::asio::ip::make_address("127.0.0.1"),
                        static_cast<std::uint16_t>(std::stoi(where.substr(where.rfind(':') + 1)))});
        boost::asio::write(client, boost::asio::buffer(*base::from_hex(hex)));
        Bytes answer(260);
        std::optional<std::size_t> size;
        client.async_read_some(boost::asio::buffer(answer),
                               [&](const auto& error, std::size_t count) { size = error ? 0 : count; });
        EXPECT_TRUE(model.turn_until([&] { return size.has_value(); }));
        answer.resize(size.value_or(0));
        return answer;
    }

    Stage model;  // only its bound points are used; its own link is never started
    ShapeId model_shape = 0;
    PointIndex temperature = 0, power = 0, far = 0, limit = 0, name = 0, relay = 0, door = 0;
    DeviceId model_device = 0;
    std::vector<std::string> log;
    std::unique_ptr<Simulator> simulator;
    std::string where;
};

TEST(Simulator, IsTheMeterThatTheProfileDescribes) {
    Bench bench;
    ASSERT_TRUE(bench.simulator->set(bench.temperature, std::int64_t{-55}));
    ASSERT_TRUE(bench.simulator->set(bench.power, 229.01));
    ASSERT_TRUE(bench.simulator->set(bench.name, std::string("pump-7")));
    ASSERT_TRUE(bench.simulator->set(bench.door, true));
    EXPECT_EQ(show(bench.simulator->get(bench.power)), "229.01");
    EXPECT_EQ(show(bench.simulator->get(bench.name)), "\"pump-7\"");

    // The same profile on the link to it, over the same loop.
    base::Diagnostics diagnostics;
    const auto link = config::read_yaml(fmt::format("modbus: tcp://{}", bench.where), "gateway.yaml", diagnostics).value();
    Fields fields(link, "link", diagnostics);
    bench.model.adapter = descriptor().create(bench.model.io.get_executor(), bench.model.timers, bench.model.random, fields);
    bench.model_shape = bench.model.shape("limits: {gap: 20}");
    std::vector<PointIndex> points;
    for (const char* keys : {"{at: holding:0, type: int16}", "{at: holding:1, type: float32, order: CDAB}",
                             "{at: input:300, type: string, length: 4}", "at: discrete:3", "{at: coil:0, write: {}}",
                             "{at: holding:100, write: {}}"})
        points.push_back(bench.model.point(bench.model_shape, keys).value());
    const DeviceId meter = bench.model.device(bench.model_shape, "unit: 1").value();
    bench.model.start();
    std::string text;
    for (const auto& value : bench.model.read(meter, points)) text += show(value) + " ";
    EXPECT_EQ(text, "-55 229.01 \"pump-7\" on off 0 ");
    EXPECT_TRUE(bench.model.write(meter, points[4], true));
    EXPECT_TRUE(bench.model.write(meter, points[5], std::int64_t{0x5AA5}));
    EXPECT_EQ(show(bench.simulator->get(bench.relay)), "on");
    EXPECT_EQ(show(bench.simulator->get(bench.limit)), "23205");
    EXPECT_EQ(bench.log,
              (std::vector<std::string>{"unit 1  read coil 0", "unit 1  read discrete 3", "unit 1  read input 300..303",
                                        "unit 1  read holding 0..2", "unit 1  read holding 100", "unit 1  write coil 0 = on",
                                        "unit 1  write holding 100 = 0x5AA5"}));
}

TEST(Simulator, RefusesWhatTheDeviceHasNot) {
    Bench bench;
    const std::tuple<const char*, const char*, const char*> table[] = {
        {"0001 0000 0006 01 03 0000 0003", "000100000009010306000000000000", "unit 1  read holding 0..2"},
        {"0002 0000 0006 01 03 0000 0004", "000200000003018302", "unit 1  read holding 0..3  refused: no such address"},
        {"0003 0000 0006 02 03 0000 0001", "00030000000302830b", "unit 2  refused: only unit 1 is here"},
        {"0004 0000 0005 01 2B 0E 01 00", "00040000000301ab01", "unit 1  refused: function 43"},
        {"0005 0000 0006 01 03 0000 007E", "000500000003018303", "unit 1  read holding 0..125  refused: no such request"},
        {"0006 0000 0006 01 03 0000 0000", "000600000003018303", "unit 1  read holding 0  refused: no such request"},
        {"0007 0000 0006 01 05 0000 1234", "000700000003018503", "unit 1  write coil 0  refused: no such request"},
        {"0008 0000 0006 01 05 0000 FF00", "00080000000601050000ff00", "unit 1  write coil 0 = on"},
        {"0009 0000 0009 01 10 0064 0001 02 1234", "00090000000601100064 0001", "unit 1  write holding 100 = 0x1234"},
        // Counts that do not fit their bytes: where the library would read past the frame.
        {"000A 0000 0009 01 10 0064 0002 04 1234", "000a00000003019003",
         "unit 1  write holding 100..101  refused: no such request"},
        {"000B 0000 0008 01 0F 0000 07D0 FA 00", "000b00000003018f03", "unit 1  write coil 0..1999  refused: no such request"},
        {"000C 0000 0003 01 03 00", "000c00000003018303", "unit 1  read holding 0  refused: no such request"},
        {"000D 0000 0006 01 04 FFFF 0002", "000d00000003018402", "unit 1  read input 65535..65536  refused: no such address"},
    };
    for (const auto& [request, answer, line] : table) {
        EXPECT_EQ(base::to_hex(bench.exchange(request)), base::to_hex(*base::from_hex(answer))) << request;
        EXPECT_EQ(bench.log.back(), line);
    }
}

TEST(Simulator, ServesSeveralClientsAndDropsNoise) {
    Bench bench;
    EXPECT_TRUE(bench.exchange("47455420 2f20 4854 5450 2f31 2e31 0d0a").empty()) << "closed without an answer";
    for (int i = 0; i < 40; ++i) EXPECT_EQ(bench.exchange("0001 0000 0006 01 01 0000 0001").size(), 10U);
}

TEST(Simulator, SaysWhyItCannotStart) {
    Bench bench;
    const auto second =
        descriptor().simulate(bench.model.io.get_executor(), *bench.model.adapter, bench.model_device, bench.where, nullptr);
    EXPECT_EQ(second->start().error().message, fmt::format("cannot listen on {}: Address already in use", bench.where));
    const auto nowhere = descriptor().simulate(bench.model.io.get_executor(), *bench.model.adapter, bench.model_device,
                                               "meter.example:502", nullptr);
    EXPECT_EQ(nowhere->start().error().message, "'meter.example:502' is no address to listen on; write 127.0.0.1:1502");
    EXPECT_EQ(nowhere->start().error().code, Errc::bad_request);
}

TEST(Simulator, SetTakesOnlyWhatThePointCanHold) {
    Bench bench;
    EXPECT_EQ(bench.simulator->set(bench.temperature, std::int64_t{40000}).error().code, Errc::bad_request);
    EXPECT_EQ(bench.simulator->set(bench.relay, std::string("on")).error().code, Errc::bad_request);
    EXPECT_EQ(bench.simulator->set(PointIndex{99}, true).error().code, Errc::not_found);
}

TEST(Plugin, IsLoadedByItsOneSymbolAndPlaysItsOwnDevices) {
    void* plugin = ::dlopen(MODBUS_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(plugin, nullptr) << ::dlerror();
    const auto* exported = static_cast<const Descriptor*>(::dlsym(plugin, "lwm2m_gateway_adapter"));
    ASSERT_NE(exported, nullptr);
    EXPECT_EQ(exported->api, adapter_api);
    EXPECT_STREQ(exported->build, adapter_build);
    EXPECT_STREQ(exported->name, "modbus");
    Stage stage("modbus: tcp://192.0.2.1");
    base::Diagnostics diagnostics;
    const auto link = config::read_yaml("modbus: tcp://192.0.2.10", "gateway.yaml", diagnostics).value();
    Fields fields(link, "link", diagnostics);
    stage.adapter = exported->create(stage.io.get_executor(), stage.timers, stage.random, fields);
    EXPECT_EQ(stage.adapter->where(), "tcp 192.0.2.10:502");
    const ShapeId shape = stage.shape();
    const auto point = stage.point(shape, "at: holding:1").value();
    const DeviceId meter = stage.device(shape, "unit: 1").value();
    const auto simulator = exported->simulate(stage.io.get_executor(), *stage.adapter, meter, "127.0.0.1:0", nullptr);
    ASSERT_NE(simulator, nullptr);
    EXPECT_TRUE(simulator->set(point, std::int64_t{7}));
    EXPECT_TRUE(simulator->start());
}

TEST(Simulator, TellsItsNameAndTakesMasksAndWritesThatAreReadBack) {
    Stage model("modbus: tcp://192.0.2.1");
    const auto bind = [](Stage& stage) {
        const auto shape = stage.shape();
        stage.point(shape, "{at: holding:20, bit: 3, write: {using: mask}}");
        stage.point(shape, "{at: holding:21, write: {using: write_read}}");
        stage.point(shape, "identify: vendor");
        stage.point(shape, "identify: model");
        return stage.device(shape, "unit: 1").value();
    };
    std::vector<std::string> log;
    const auto simulator = descriptor().simulate(model.io.get_executor(), *model.adapter, bind(model), "127.0.0.1:0",
                                                 [&](std::string line) { log.push_back(std::move(line)); });
    Stage stage("{modbus: \"tcp://" + simulator->start().value() + "\"}");
    const auto meter = bind(stage);
    ASSERT_TRUE(simulator->set(2, std::string("Acme")));
    stage.start();
    // Both ends turn: the simulator's loop is another.
    const auto turn = [&](auto ask) {
        bool done = false;
        ask([&] { done = true; });
        return stage.turn_until([&] {
            model.io.restart();
            model.io.poll();
            return done;
        });
    };
    std::vector<std::string> values;
    ASSERT_TRUE(turn([&](auto done) {
        stage.adapter->read(meter, {2, 3, 0}, stage.timers.now() + std::chrono::seconds(4),
                            [&, done](const Adapter::Values& got) {
                                for (const auto& value : got) values.push_back(show(value));
                                done();
                            });
    }));
    EXPECT_EQ(values, (std::vector<std::string>{"\"Acme\"", "\"simulated\"", "0"}));
    for (const PointIndex point : {PointIndex{0}, PointIndex{1}})
        ASSERT_TRUE(turn([&](auto done) {
            stage.adapter->write(meter, point, std::int64_t{1}, stage.timers.now() + std::chrono::seconds(4),
                                 [done](const Result<void>& result) {
                                     EXPECT_TRUE(result) << result.error().message;
                                     done();
                                 });
        }));
    EXPECT_EQ(show(simulator->get(0)), "8");
    EXPECT_EQ(show(simulator->get(1)), "1");
    EXPECT_EQ(log, (std::vector<std::string>{"unit 1  read holding 20", "unit 1  ask for identification, level 2 from object 0",
                                             "unit 1  write holding 20: and FFF7 or 0008",
                                             "unit 1  write holding 21 = 0001, read holding 21"}));
}

}  // namespace
}  // namespace adapters::modbus
