#pragma once

#include "adapters/modbus/make_bus.hpp"
#include "config/yaml_reader.hpp"
#include "gateway/asio_timers.hpp"
#include "tests/fakes/manual_timers.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace adapters::modbus {

struct RealClock {
    explicit RealClock(boost::asio::io_context& io) : timers(io) {}
    gateway::AsioTimers timers;
};
struct ManualClock {
    explicit ManualClock(boost::asio::io_context&) {}
    fakes::ManualTimers timers;
};

/// A link without an adapter above it, made from the text that a user writes, on a real loop. The sockets are real; the
/// time is real or the test's own.
template <class Clock>
class LinkStageOn {
public:
    explicit LinkStageOn(const std::string& link) {
        const auto node = config::read_yaml(link, "gateway.yaml", diagnostics).value_or(base::Node{});
        Fields fields(node, "link 'bus'", diagnostics);
        settings = read_link(fields);
        fields.done();
        EXPECT_EQ(diagnostics.str(), "");
        if (settings) bus = make_bus(io.get_executor(), clock.timers, random, *settings);
    }
    ~LinkStageOn() {
        bus.reset();
        io.restart();
        io.poll();
    }

    void start() {
        bus->start([this](Bus::State state, const std::string& why) {
            said.push_back((state == Bus::State::up ? "up: " : "down: ") + why);
        });
    }
    void stop() {
        bool stopped = false;
        bus->stop([&] { stopped = true; });
        ASSERT_TRUE(turn_until([&] { return stopped; }));
    }
    /// Runs the loop until `done`; false after 10 s, which no test reaches.
    template <class F>
    bool turn_until(F done) {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!done()) {
            if (std::chrono::steady_clock::now() > give_up) return false;
            io.restart();
            io.run_one_for(std::chrono::milliseconds(1));
        }
        return true;
    }
    bool is(std::string_view last) {
        const bool so = turn_until([&] { return !said.empty() && said.back().find(last) != std::string::npos; });
        EXPECT_TRUE(so) << last << " is not '" << (said.empty() ? "" : said.back()) << "'";
        return so;
    }
    bool up() {
        return turn_until([&] { return !said.empty() && said.back().starts_with("up"); });
    }
    void give(Request request, base::Milliseconds timeout) {
        answer.reset();
        bus->exchange(std::move(request), timeout, [this](Result<Bytes> result) { answer = std::move(result); });
    }
    Result<Bytes> ask(Request request, base::Milliseconds timeout = std::chrono::seconds(2)) {
        give(std::move(request), timeout);
        EXPECT_TRUE(turn_until([&] { return answer.has_value(); }));
        return answer.value_or(base::fail(base::Errc::internal, "no answer at all"));
    }
    /// One holding register: its number, or what went wrong.
    std::string read(std::uint8_t unit, std::uint16_t address, base::Milliseconds timeout = std::chrono::seconds(2)) {
        const auto bytes = ask({.unit = unit, .address = address}, timeout);
        if (!bytes) return bytes.error().message;
        return fmt::format("{}", bytes->at(0) << 8 | bytes->at(1));
    }

    boost::asio::io_context io;
    base::Diagnostics diagnostics;
    fakes::FixedRandom random;
    Clock clock{io};
    std::optional<LinkSettings> settings;
    std::unique_ptr<Bus> bus;
    std::vector<std::string> said;
    std::optional<Result<Bytes>> answer;
};
using LinkStage = LinkStageOn<RealClock>;
using ManualLinkStage = LinkStageOn<ManualClock>;

}  // namespace adapters::modbus
