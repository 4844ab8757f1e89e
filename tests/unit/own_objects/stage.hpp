#pragma once

#include "gateway/base/log.hpp"
#include "gateway/own_objects/access_control.hpp"
#include "gateway/own_objects/connectivity.hpp"
#include "gateway/own_objects/device.hpp"
#include "gateway/own_objects/own_tree.hpp"
#include "gateway/own_objects/portfolio.hpp"
#include "gateway/own_objects/server.hpp"
#include "lwm2m/client.hpp"
#include "tests/fakes/manual_timers.hpp"
#include "tests/fakes/memory_tree.hpp"
#include "tests/fakes/scripted_server.hpp"

#include <gtest/gtest.h>
#include <filesystem>
#include <fstream>

/// The gateway's own objects behind the real engine, one or two servers, and a folder that looks like /proc and /sys.
class OwnObjects : public testing::Test {
protected:
    using Code = lwm2m::Code;
    static constexpr std::uint16_t text = 0, link = 40, cbor = 60, json = 110, senml = 112, etch = 320, tlv = 11542;

    /// Paths without a prefix are the gateway's, all others those of a MemoryTree.
    struct Tree final : lwm2m::ObjectTree {
        explicit Tree(const lwm2m::ObjectCatalog& catalog) : own(catalog) {}
        bool has(std::string_view prefix) const override { return devices.has(prefix); }
        const lwm2m::ObjectDef* object(std::string_view prefix, lwm2m::ObjectId id) const override {
            return prefix.empty() ? own.object(id) : devices.object(prefix, id);
        }
        std::vector<lwm2m::Path> list(const lwm2m::Target& at) const override {
            return at.prefix.empty() ? own.list(at.path) : devices.list(at);
        }
        bool exists(const lwm2m::Target& at) const override {
            return at.prefix.empty() ? own.exists(at.path) : devices.exists(at);
        }
        const lwm2m::ResourceDef* definition(const lwm2m::Target& at) const override {
            return at.prefix.empty() ? own.definition(at.path) : devices.definition(at);
        }
        void read(const lwm2m::Target& at, lwm2m::Done<std::vector<lwm2m::Entry>> done) override {
            if (at.prefix.empty()) return done(own.read(at.path));
            devices.read(at, std::move(done));
        }
        void write(const lwm2m::Target& at, std::vector<lwm2m::Entry> entries, lwm2m::WriteMode mode,
                   lwm2m::Done<void> done) override {
            done(own.write(at.path, entries, mode));
        }
        void execute(const lwm2m::Target& at, std::string arguments, lwm2m::Done<void> done) override {
            done(own.execute(at.path, arguments));
        }
        void create(const lwm2m::Target& at, std::vector<lwm2m::Entry> entries, lwm2m::Done<lwm2m::InstanceId> done) override {
            done(own.create(at.path, entries));
        }
        void remove(const lwm2m::Target& at, lwm2m::Done<void> done) override { done(own.remove(at.path)); }

        gateway::own_objects::OwnTree own;
        fakes::MemoryTree devices;
    };

    OwnObjects() : catalog(lwm2m::ObjectCatalog::builtin()), tree(catalog) {
        base::log().set_level(spdlog::level::off);
        root = std::filesystem::temp_directory_path() /
               ("own-" + std::to_string(::getpid()) + "-" + testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::remove_all(root);
        file("proc/meminfo", "MemTotal:        2000000 kB\nMemFree:          100 kB\nMemAvailable:     500000 kB\n");
        file("etc/timezone", "Europe/Berlin\n");
        file("sys/class/net/eth0/operstate", "up\n");
        file("sys/class/net/eth0/statistics/tx_bytes", "5000000\n");
        file("sys/class/net/eth0/statistics/rx_bytes", "9000000\n");
        file("sys/class/net/lo/operstate", "unknown\n");
        file("proc/net/route",
             "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
             "eth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n");
        config.endpoint = "gw";
        add_server(1);
    }
    ~OwnObjects() override { std::filesystem::remove_all(root); }

    void add_server(lwm2m::ServerId id) {
        config.servers.emplace_back();
        config.servers.back().account = {id, "s" + std::to_string(id), "coaps://server", lwm2m::Security::psk, "gw", {1}};
    }
    void file(const std::string& path, const std::string& content) {
        std::filesystem::create_directories((root / path).parent_path());
        std::ofstream(root / path) << content;
    }
    void start() {
        using namespace gateway::own_objects;
        auto server_object = std::make_unique<Server>(config);
        servers = server_object.get();
        tree.own.add(std::move(server_object));
        Device::Facts facts;
        facts.model = "GW-1";
        facts.serial = "0042";
        facts.version = "1.2.3";
        facts.now = [this] { return timers.wall(); };
        facts.restart = [this] { ++restarts; };
        facts.factory_reset = factory_reset;
        facts.root = root;
        facts.troubles = [this] { return troubles; };
        auto device_object = std::make_unique<Device>(std::move(facts));
        device = device_object.get();
        device->on_errors = [this] { client->changed({"", lwm2m::Path::of({3, 0, 11})}, {}, timers.wall()); };
        tree.own.add(std::move(device_object));
        tree.own.add(
            std::make_unique<Connectivity>(Connectivity::Facts{root, [] {
                                                                   return std::vector<std::string>{"192.168.2.7", "fe80::1"};
                                                               }}));
        tree.own.add(std::make_unique<Statistics>(root, [this] { return timers.now(); }));
        tree.own.add(std::make_unique<Location>(Location::Place{52.5, 13.4, 34.0}, timers.wall()));
        auto portfolio_object = std::make_unique<Portfolio>();
        portfolio = portfolio_object.get();
        tree.own.add(std::move(portfolio_object));
        client = std::make_unique<lwm2m::Client>(server, tree, timers, random, config);
        servers->client = client.get();
        servers->import_state(saved);
        if (config.servers.size() > 1) tree.own.add(std::make_unique<AccessControl>(client->access()));
        tree.own.on_changed = [this](const lwm2m::Path& path, const lwm2m::Value& value) {
            client->changed({"", path}, value, timers.wall());
        };
        ASSERT_TRUE(client->start());
        for (std::size_t i = 0; i < config.servers.size(); ++i) {
            if (i + 1 == config.servers.size() && delayed.count() != 0) {
                after(delayed - std::chrono::milliseconds(1));
                ASSERT_EQ(server.hears(), "");
                after(std::chrono::milliseconds(1));
            }
            ASSERT_EQ(server.hears().substr(0, 8), "POST /rd");
            server.answers(Code::created, {"rd", std::to_string(i)});
        }
    }
    void after(std::chrono::milliseconds time) { timers.advance(time); }
    std::string writes_hex(std::string_view line, std::string_view digits, std::uint16_t format = tlv) {
        return server.asks(line, {.format = format, .payload = *base::from_hex(digits)});
    }
    std::string fetch(std::string_view body) {
        const auto bytes = base::as_bytes(body);
        return server.asks("FETCH /", {.accept = json, .format = etch, .payload = {bytes.begin(), bytes.end()}});
    }

    std::filesystem::path root;
    lwm2m::ObjectCatalog catalog;
    Tree tree;
    fakes::ManualTimers timers;
    fakes::FixedRandom random;
    fakes::ScriptedServer server;
    lwm2m::ClientConfig config;
    std::function<void()> factory_reset;
    int restarts = 0;
    std::vector<std::int64_t> troubles;    // codes of what is wrong beyond the machine
    std::chrono::milliseconds delayed{0};  // before the last Register
    std::string saved;                     // what object 1 said in an earlier life
    gateway::own_objects::Server* servers = nullptr;
    gateway::own_objects::Device* device = nullptr;
    gateway::own_objects::Portfolio* portfolio = nullptr;
    std::unique_ptr<lwm2m::Client> client;
};
