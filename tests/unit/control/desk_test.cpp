#include "gateway/control/desk.hpp"

#include "tests/fakes/scripted_field.hpp"

#include <gtest/gtest.h>

namespace gateway::control {
namespace {

using base::Errc;

/// The desk's view of the scripted meters.
class Hall final : public Field {
public:
    explicit Hall(fakes::Field& scripted) : its(scripted) {}
    const mapping::Plan& plan() override { return its.meters.plan; }
    EndDevices& devices() override { return its.devices; }
    ValueStore& store() override { return its.store; }
    Intake& intake() override { return its.intake; }
    base::Timers& timers() override { return its.timers; }
    LinkHost::Status link(std::size_t number) const override { return its.links.status(number); }
    const Troubles::Trouble* trouble(DeviceIndex device, Troubles::Of of, std::uint16_t number) const override {
        return its.links.troubles().find(device, of, number);
    }
    void write(DeviceIndex device, PointNumber point, const lwm2m::Value& value,
               std::function<void(base::Result<void>)> done) override {
        const auto raw = its.broker.raw(device, point, value);
        if (!raw) return done(tl::unexpected(raw.error()));
        its.broker.write(device, point, *raw, value, std::move(done));
    }
    Json facts() const override { return Json{{"version", "0.1"}, {"endpoint", "gw"}, {"config", "/etc/x"}, {"pid", 7}}; }
    Discovery* discovery() override { return nullptr; }
    void reload(std::function<void(base::Result<Json>)> done) override { done(Json{{"text", "nothing changed"}}); }

    fakes::Field& its;
};

class Asked final : public Call {
public:
    Asked(std::string what, Json with) : Call(std::move(what), std::move(with)) {}
    void event(Json event) override { events.push_back(std::move(event)); }
    void done(base::Result<Json> result) override {
        EXPECT_FALSE(answer) << "answered twice";
        const auto let_go = std::exchange(on_gone, nullptr);
        answer = std::move(result);
    }
    std::vector<Json> events;
    std::optional<base::Result<Json>> answer;
};

class ControlDesk : public ::testing::Test {
protected:
    ControlDesk() { field.start(); }
    std::shared_ptr<Asked> ask(const std::string& what, Json with = Json::object()) {
        auto call = std::make_shared<Asked>(what, std::move(with));
        desk.handle(call);
        return call;
    }
    /// The answer, or {"error": kind-number, "message"}.
    Json answer(const std::string& what, Json with = Json::object()) {
        const auto call = ask(what, std::move(with));
        if (!call->answer) return "no answer";
        if (!*call->answer)
            return Json{{"error", static_cast<int>((*call->answer).error().code)},
                        {"message", (*call->answer).error().message}};
        return **call->answer;
    }
    static int code(Errc errc) { return static_cast<int>(errc); }

    fakes::Field field{2};
    Hall hall{field};
    Desk desk{hall};
};

TEST_F(ControlDesk, TellsLinksAndDevicesByPresence) {
    field.after(std::chrono::seconds(3));
    const auto status = answer("status");
    EXPECT_EQ(status["endpoint"], "gw");
    ASSERT_EQ(status["links"].size(), 1U);
    EXPECT_EQ(status["links"][0]["name"], "bus");
    EXPECT_EQ(status["links"][0]["state"], "up");
    EXPECT_EQ(status["devices"]["total"], 2);
    EXPECT_EQ(status["devices"]["online"], 2);
    EXPECT_EQ(status["devices"]["offline"], 0);
}

TEST_F(ControlDesk, ListsDevicesAndShowsOneWithItsPoints) {
    field.after(std::chrono::seconds(3));
    const auto list = answer("devices");
    ASSERT_EQ(list["devices"].size(), 2U);
    EXPECT_EQ(list["devices"][1]["id"], "meter-1");
    EXPECT_EQ(list["devices"][1]["prefix"], "dev1");
    const auto one = answer("devices", {{"device", "meter-1"}});
    ASSERT_EQ(one["points"].size(), 3U);
    EXPECT_EQ(one["points"][0]["name"], "temperature");
    EXPECT_EQ(one["points"][0]["value"], 21.5);
    EXPECT_EQ(one["points"][0]["quality"], "good");
    EXPECT_EQ(one["points"][0]["paths"][0], "3303/0/5700");
    EXPECT_LE(one["points"][0]["age_ms"], 1'500);
    EXPECT_EQ(one["points"][2]["quality"], "never read") << "read on demand only";
}

TEST_F(ControlDesk, ReadsNowWhateverThePolls) {
    field.after(std::chrono::seconds(3));
    field.bus().values[{0, fakes::Meters::temperature}] = 22.75;
    const auto call = ask("read", {{"device", "meter-0"}, {"point", "temperature"}});
    ASSERT_TRUE(call->answer && *call->answer);
    ASSERT_EQ(call->events.size(), 1U);
    EXPECT_EQ(call->events[0]["value"], 22.75);
    EXPECT_EQ((**call->answer)["points"][0]["value"], 22.75);
    EXPECT_EQ(field.read("/dev0/3303/0/5700"), "22.75") << "servers hear of it too";
}

TEST_F(ControlDesk, ReadsAllPointsOfADeviceOneAfterTheOther) {
    field.after(std::chrono::seconds(3));
    field.bus().hold = true;
    const auto call = ask("read", {{"device", "meter-0"}});
    EXPECT_FALSE(call->answer);
    for (int i = 0; i < 3; ++i) field.bus().release();
    ASSERT_TRUE(call->answer && *call->answer);
    EXPECT_EQ((**call->answer)["points"].size(), 3U);
}

TEST_F(ControlDesk, StopsReadingForWhoLeft) {
    field.after(std::chrono::seconds(3));
    field.bus().hold = true;
    const auto call = ask("read", {{"device", "meter-0"}});
    const auto reads = field.bus().reads.size();
    ASSERT_TRUE(call->on_gone);
    std::exchange(call->on_gone, nullptr)();
    field.bus().release();
    EXPECT_EQ(field.bus().reads.size(), reads) << "no further point is asked for";
    EXPECT_FALSE(call->answer);
}

TEST_F(ControlDesk, TellsWhyAPointCannotBeRead) {
    field.after(std::chrono::seconds(3));
    field.bus().failing.insert_or_assign(0, base::Error{Errc::timeout, "no answer within 1s"});
    const auto call = ask("read", {{"device", "meter-0"}, {"point", "relay"}});
    ASSERT_EQ(call->events.size(), 1U);
    EXPECT_EQ(call->events[0]["kind"], "timeout");
    EXPECT_EQ(call->events[0]["error"], "no answer within 1s");
}

TEST_F(ControlDesk, WritesThroughConversionAndReadsBack) {
    field.after(std::chrono::seconds(3));
    const auto done = answer("write", {{"device", "meter-0"}, {"point", "relay"}, {"value", true}});
    EXPECT_EQ(done["name"], "relay") << done.dump();
    ASSERT_EQ(field.bus().writes.size(), 1U);
    EXPECT_EQ(std::get<bool>(field.bus().writes[0].value), true);
}

TEST_F(ControlDesk, SendsNothingForAMistake) {
    field.after(std::chrono::seconds(3));
    const auto reads = field.bus().reads.size();
    EXPECT_EQ(answer("write", {{"device", "meter-0"}, {"point", "temperature"}, {"value", 1}})["error"],
              code(Errc::not_allowed));
    EXPECT_EQ(answer("write", {{"device", "meter-9"}, {"point", "relay"}, {"value", true}})["error"], code(Errc::not_found));
    EXPECT_EQ(answer("write", {{"device", "meter-0"}, {"point", "relai"}, {"value", true}})["error"], code(Errc::not_found));
    EXPECT_EQ(answer("write", {{"device", "meter-0"}, {"point", "relay"}})["error"], code(Errc::bad_request));
    EXPECT_EQ(answer("write", {{"device", "meter-0"}, {"point", "relay"}, {"value", Json::array()}})["error"],
              code(Errc::bad_request));
    EXPECT_EQ(answer("write", {{"device", "meter-0"}, {"point", "relay"}, {"value", true}, {"force", true}})["error"],
              code(Errc::bad_request));
    EXPECT_EQ(answer("read", {{"point", "relay"}})["error"], code(Errc::bad_request));
    EXPECT_EQ(answer("read", {{"device", "meter-0"}, {"point", 7}})["error"], code(Errc::bad_request));
    EXPECT_EQ(answer("put", {{"link", "bus"}, {"address", {{"at", "holding:1"}, {"value", "1"}}}})["error"],
              code(Errc::not_allowed))
        << "without force";
    EXPECT_EQ(answer("dance")["error"], code(Errc::not_found));
    EXPECT_EQ(answer("status", {{"verbose", true}})["error"], code(Errc::bad_request));
    EXPECT_TRUE(field.bus().writes.empty());
    EXPECT_EQ(field.bus().reads.size(), reads);
}

TEST_F(ControlDesk, ProposesTheNameThatWasMeant) {
    EXPECT_NE(answer("read", {{"device", "meter-O"}})["message"].get<std::string>().find("meter-0"), std::string::npos);
    EXPECT_NE(
        answer("read", {{"device", "meter-0"}, {"point", "temprature"}})["message"].get<std::string>().find("temperature"),
        std::string::npos);
    EXPECT_NE(answer("trace", {{"link", "buss"}})["message"].get<std::string>().find("'bus'"), std::string::npos);
}

TEST_F(ControlDesk, RefusesWhatTheLinkCannotDo) {
    EXPECT_EQ(answer("scan", {{"link", "bus"}})["error"], code(Errc::not_allowed));
    EXPECT_EQ(answer("fetch", {{"link", "bus"}, {"address", {{"at", "holding:1"}}}})["error"], code(Errc::not_allowed));
    EXPECT_EQ(answer("put", {{"link", "bus"}, {"address", {{"at", "holding:1"}}}, {"force", true}})["error"],
              code(Errc::not_allowed));
    EXPECT_EQ(answer("scan", {{"link", "bus"}, {"share", 2}})["error"], code(Errc::bad_request));
    EXPECT_EQ(answer("discover", {{"op", "list"}})["error"], code(Errc::not_supported));
}

TEST_F(ControlDesk, LetsNoMoreThanEightTraceOneLink) {
    std::vector<std::shared_ptr<Asked>> calls;
    for (std::size_t i = 0; i < Desk::most_tracers; ++i) calls.push_back(ask("trace", {{"link", "bus"}}));
    EXPECT_EQ(answer("trace", {{"link", "bus"}})["error"], code(Errc::busy));
    ASSERT_TRUE(calls[2]->on_gone);
    std::exchange(calls[2]->on_gone, nullptr)();
    const auto next = ask("trace", {{"link", "bus"}});
    EXPECT_FALSE(next->answer) << "there is room again";
    EXPECT_EQ(next->events[0]["link"]["name"], "bus");
}

TEST_F(ControlDesk, ReloadIsAnsweredWithWhatItDid) { EXPECT_EQ(answer("reload")["text"], "nothing changed"); }

}  // namespace
}  // namespace gateway::control
