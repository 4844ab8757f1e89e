#pragma once

#include "gateway/base/log.hpp"
#include "lwm2m/client.hpp"
#include "tests/fakes/manual_timers.hpp"
#include "tests/fakes/memory_tree.hpp"
#include "tests/fakes/scripted_server.hpp"

#include <gtest/gtest.h>

/// A gateway with two devices, a server and a clock. Tree:
///     /0/0 /1/0 /3/0 /16/0 /25/0 /25/1    own; instances of 16 may be created
///     /d01/3/0 /d01/3303/0 /d01/3306/0 /d01/19/0
///     /d02/3306/0
class Stage : public testing::Test {
protected:
    using Code = lwm2m::Code;
    using Type = lwm2m::Type;
    using State = lwm2m::RegistrationState;

    static constexpr std::uint16_t text = 0, link = 40, opaque = 42, cbor = 60, json = 110, senml = 112, etch = 320,
                                   tlv = 11542, lwm2m_cbor = 11544;

    static lwm2m::ObjectDef object(lwm2m::ObjectId id, lwm2m::Version version, bool multiple,
                                   std::vector<lwm2m::ResourceDef> resources) {
        lwm2m::ObjectDef definition;
        definition.id = id;
        definition.version = version;
        definition.multiple = multiple;
        definition.resources = std::move(resources);
        return definition;
    }

    Stage() {
        using fakes::resource;
        base::log().set_level(spdlog::level::off);
        tree.add_object("", object(0, {1, 2}, true, {resource(0, "", Type::string)}));
        tree.add_object(
            "", object(1, {1, 2}, true,
                       {resource(0, "R", Type::integer, false, true), resource(1, "RW", Type::integer, false, true),
                        resource(2, "RW", Type::integer), resource(6, "RW", Type::boolean), resource(8, "E", Type::none)}));
        const auto device =
            object(3, {1, 2}, false,
                   {resource(0, "R", Type::string), resource(4, "E", Type::none), resource(7, "R", Type::integer, true),
                    resource(9, "R", Type::integer), resource(14, "RW", Type::string)});
        tree.add_object("", device);
        tree.add_object(
            "", object(16, {1, 0}, true, {resource(0, "RW", Type::string, true, true), resource(9, "R", Type::string)}));
        tree.add_object(
            "", object(25, {2, 0}, true,
                       {resource(0, "R", Type::string), resource(1, "R", Type::string), resource(3, "R", Type::corelnk)}));
        tree.creatable = {16};
        tree.set("/0/0/0", std::string("coap://server"));
        tree.set("/1/0/0", std::int64_t{1});
        tree.set("/1/0/1", std::int64_t{300});
        tree.set("/1/0/2", std::int64_t{0});
        tree.set("/1/0/6", true);
        tree.set("/1/0/8", {});
        tree.set("/3/0/0", std::string("Gateway"));
        tree.set("/3/0/4", {});
        tree.set("/3/0/7/0", std::int64_t{3800});
        tree.set("/3/0/7/1", std::int64_t{5000});
        tree.set("/3/0/9", std::int64_t{100});
        tree.set("/3/0/14", std::string("+02:00"));
        tree.set("/16/0/0/0", std::string("Host"));
        for (int i = 0; i < 2; ++i) {
            const std::string instance = "/25/" + std::to_string(i);
            tree.set(instance + "/0", "urn:dev:os:32473-10" + std::to_string(i + 1));
            tree.set(instance + "/1", "d0" + std::to_string(i + 1));
            tree.set(instance + "/3", std::string("</3306>;ver=1.1,</3306/0>"));
        }
        tree.add_object("d01", device);
        auto percent = resource(5851, "RW", Type::integer);
        percent.least = 0;
        percent.most = 100;
        const auto relay =
            object(3306, {1, 1}, true,
                   {resource(5750, "RW", Type::string), resource(5850, "RW", Type::boolean, false, true), percent});
        tree.add_object("d01", object(3303, {1, 1}, true,
                                      {resource(5601, "R", Type::floating), resource(5605, "E", Type::none),
                                       resource(5700, "R", Type::floating, false, true), resource(5701, "R", Type::string)}));
        tree.add_object("d01", relay);
        tree.add_object("d01", object(19, {1, 0}, true,
                                      {resource(0, "RW", Type::opaque, true, true), resource(1, "RW", Type::integer),
                                       resource(2, "RW", Type::opaque), resource(5, "RW", Type::objlnk)}));
        tree.set("/d01/3/0/0", std::string("Meter"));
        tree.set("/d01/3/0/9", std::int64_t{50});
        tree.set("/d01/3303/0/5601", 17.5);
        tree.set("/d01/3303/0/5605", {});
        tree.set("/d01/3303/0/5700", 22.1);
        tree.set("/d01/3303/0/5701", std::string("Cel"));
        tree.set("/d01/3306/0/5850", false);
        tree.set("/d01/3306/0/5851", std::int64_t{50});
        tree.set("/d01/19/0/0/0", lwm2m::Bytes{1, 2});
        tree.set("/d01/19/0/1", std::int64_t{7});
        tree.set("/d01/19/0/2", lwm2m::Bytes{0xAB, 0xCD});
        tree.set("/d01/19/0/5", lwm2m::ObjectLink{});
        tree.add_object("d02", relay);
        tree.set("/d02/3306/0/5750", std::string("pump"));
        tree.set("/d02/3306/0/5850", false);
        tree.set("/d02/3306/0/5851", std::int64_t{0});

        config.endpoint = "gw";
        config.servers.resize(1);
        config.servers[0].account = {1, "main", "coaps://server", lwm2m::Security::psk, "gw", {1, 2, 3}};
    }

    void start() {
        client = std::make_unique<lwm2m::Client>(server, tree, timers, random, config);
        client->on_state = [this](lwm2m::ServerId, State state) { states.push_back(state); };
        ASSERT_TRUE(client->start());
    }
    void start_registered() {
        start();
        ASSERT_EQ(server.hears(), "POST /rd?ep=gw&lt=300&lwm2m=1.2&b=U");
        server.answers(Code::created, {"rd", "5a3f"});
    }
    void after(std::chrono::milliseconds time) { timers.advance(time); }

    /// A device reports a value: the tree has it, and the client is told.
    void reports(std::string_view target, const lwm2m::Value& value) {
        tree.set(target, value);
        client->changed(*lwm2m::Target::parse(target), value, timers.wall());
    }

    fakes::ManualTimers timers;
    fakes::FixedRandom random;
    fakes::MemoryTree tree;
    fakes::ScriptedServer server;
    lwm2m::ClientConfig config;
    std::vector<State> states;
    std::unique_ptr<lwm2m::Client> client;
};

class Registered : public Stage {
protected:
    void SetUp() override { start_registered(); }
};
