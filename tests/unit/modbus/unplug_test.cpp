#include "tests/unit/modbus/link_stage.hpp"
#include "tests/unit/modbus/peers.hpp"

#include <sys/resource.h>
#include <filesystem>

/// A serial adapter that is pulled out and comes back, as another file each time.
namespace adapters::modbus {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::ptrdiff_t entries(const char* folder) { return std::distance(fs::directory_iterator(folder), {}); }

std::chrono::microseconds processor_time() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto sum = [](const timeval& t) { return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec); };
    return sum(used.ru_utime) + sum(used.ru_stime);
}

/// Answers each read of one register with `value`, in the test's own thread.
void answer(int master, int value) {
    std::array<std::uint8_t, 256> request;
    if (::read(master, request.data(), request.size()) <= 0) return;
    Bytes bytes{request[0], 3, 2, static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value & 0xFF)};
    const std::uint16_t sum = crc16(bytes);
    bytes.push_back(static_cast<std::uint8_t>(sum & 0xFF));
    bytes.push_back(static_cast<std::uint8_t>(sum >> 8));
    (void)!::write(master, bytes.data(), bytes.size());
}

TEST(Unplug, TwoHundredTimesWithoutALeakOrASpin) {
    constexpr int rounds = 200;
    std::string folder = fs::temp_directory_path() / "unplug_XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    const fs::path name = fs::path(folder) / "ttyMeter";
    ManualLinkStage stage(fmt::format("{{modbus: \"rtu:{}\", line: 115200 8N1}}", name.string()));
    std::unique_ptr<Pty> pty;
    const auto plug = [&] {
        pty = std::make_unique<Pty>();
        fs::create_symlink(pty->path, name);
    };
    const auto unplug = [&] {
        fs::remove(name);
        pty.reset();
    };
    const auto read = [&](int value) {
        stage.give({.unit = 1, .address = 7}, 2s);
        const bool answered = stage.turn_until([&] {
            pollfd one{pty->master, POLLIN, 0};
            if (::poll(&one, 1, 0) > 0) answer(pty->master, value);
            return stage.answer.has_value();
        });
        EXPECT_TRUE(answered);
        const Bytes right{static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value & 0xFF)};
        return answered && stage.answer->has_value() && **stage.answer == right;
    };
    plug();
    stage.start();
    ASSERT_TRUE(stage.up());
    ASSERT_TRUE(read(4711));
    const auto descriptors = entries("/proc/self/fd"), threads = entries("/proc/self/task");
    const auto begun = processor_time();
    for (int round = 0; round < rounds; ++round) {
        const std::size_t before = stage.said.size();
        if (round % 2 == 0) {
            unplug();
        } else {  // in the middle of a request
            stage.give({.unit = 1, .address = 7}, 2s);
            ASSERT_TRUE(stage.turn_until([&] {
                pollfd one{pty->master, POLLIN, 0};
                return ::poll(&one, 1, 0) > 0;
            }));
            unplug();
            ASSERT_TRUE(stage.turn_until([&] { return stage.answer.has_value(); }));
            EXPECT_EQ(stage.answer->error().code, base::Errc::offline);
        }
        ASSERT_TRUE(stage.turn_until([&] { return stage.said.size() > before; })) << "noticed without a read";
        EXPECT_EQ(stage.said.back(), fmt::format("down: {} is gone: it was unplugged", name.string()));
        if (round % 3 == 0) {  // away for a while: tried in vain, said nothing more
            for (int i = 0; i < 5; ++i) {
                stage.clock.timers.advance(4s);
                stage.turn_until([turns = 0]() mutable { return ++turns > 2; });
            }
            EXPECT_EQ(stage.said.size(), before + 1);
        }
        plug();
        ASSERT_TRUE(stage.turn_until([&] {
            stage.clock.timers.advance(100ms);
            return stage.said.back() == "up: open";
        }));
        ASSERT_TRUE(read(round)) << "the right value after round " << round;
    }
    EXPECT_EQ(entries("/proc/self/fd"), descriptors);
    EXPECT_EQ(entries("/proc/self/task"), threads);
    EXPECT_LT(processor_time() - begun, rounds * 20ms) << "a spin would take all the time of the test";
    EXPECT_EQ(stage.said.size(), 2U * rounds + 1);
    stage.stop();
    std::error_code ignored;
    fs::remove_all(folder, ignored);
}

}  // namespace
}  // namespace adapters::modbus
