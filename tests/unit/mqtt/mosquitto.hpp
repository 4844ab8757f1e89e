#pragma once

#include "adapters/mqtt/adapter.hpp"
#include "adapters/mqtt/descriptor.hpp"
#include "config/yaml_reader.hpp"
#include "gateway/asio_timers.hpp"
#include "tests/fakes/manual_timers.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

namespace adapters::mqtt {

inline int free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(fd);
    return ntohs(address.sin_port);
}

/// A real broker as a child process, in a folder of its own.
class Mosquitto {
public:
    /// `more`: lines of its configuration; FOLDER in it is its folder.
    explicit Mosquitto(std::string more = "allow_anonymous true\n") {
        char name[] = "/tmp/mqtt-test-XXXXXX";
        folder_ = ::mkdtemp(name);
        for (auto at = more.find("FOLDER"); at != std::string::npos; at = more.find("FOLDER"))
            more.replace(at, 6, folder_.string());
        std::ofstream(folder_ / "mosquitto.conf") << "listener " << port << " 127.0.0.1\nlog_dest none\n"
                                                  << (::geteuid() == 0 ? "user root\n" : "") << more;
    }
    ~Mosquitto() {
        kill();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    static bool there() { return std::filesystem::exists("/usr/sbin/mosquitto"); }

    const std::filesystem::path& folder() const { return folder_; }
    void file(const std::string& name, const std::string& text) const { std::ofstream(folder_ / name) << text; }
    void run(const std::string& command) const {
        ASSERT_EQ(std::system(fmt::format("cd {} && ({}) >/dev/null 2>&1", folder_.string(), command).c_str()), 0) << command;
    }
    void start() {
        const std::string config = folder_ / "mosquitto.conf";
        child_ = ::fork();
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const int none = ::open("/dev/null", O_RDWR);
            ::dup2(none, 1);
            ::dup2(none, 2);
            ::execl("/usr/sbin/mosquitto", "mosquitto", "-c", config.c_str(), static_cast<char*>(nullptr));
            ::_exit(127);
        }
        for (int i = 0; i < 500 && !listens(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        ASSERT_TRUE(listens()) << "mosquitto does not start";
    }
    void kill() {
        if (child_ <= 0) return;
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
        child_ = 0;
    }

    const int port = free_port();

private:
    bool listens() const {
        const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        const bool good = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
        ::close(fd);
        return good;
    }

    std::filesystem::path folder_;
    pid_t child_ = 0;
};

/// The adapter with Paho on a real loop.
class RealLink final : public Sink {
public:
    explicit RealLink(const std::string& link) {
        auto node = config::read_yaml(link, "g.yaml", diagnostics).value_or(base::Node{});
        Fields fields(node, "link 'house'", diagnostics);
        auto settings = read_link(fields);
        fields.done();
        EXPECT_TRUE(settings) << diagnostics.str();
        adapter = std::make_unique<MqttAdapter>(io.get_executor(), timers, random, settings.value_or(LinkSettings{}));
    }
    ~RealLink() {
        adapter.reset();
        io.restart();
        io.poll();
    }
    ShapeId shape(const std::string& section) {
        auto node = config::read_yaml(section, "p.yaml", diagnostics).value_or(base::Node{});
        Fields fields(node, "section 'mqtt'", diagnostics);
        return adapter->add_shape("acme/thing@1", &fields, diagnostics).value_or(0);
    }
    PointIndex point(ShapeId id, const std::string& keys) {
        nodes.push_back(config::read_yaml(keys, "p.yaml", diagnostics).value_or(base::Node{}));
        Fields fields(nodes.back(), "point 'p'", diagnostics);
        std::optional<Fields> write;
        if (const auto* given = fields.find("write"); given != nullptr) write.emplace(*given, "'write'", diagnostics);
        const auto index = adapter->add_point(id, fields, write ? &*write : nullptr, {true, write.has_value()});
        EXPECT_TRUE(diagnostics.ok()) << diagnostics.str();
        return index.value_or(0);
    }
    DeviceId device(ShapeId id) {
        const base::Node node = base::Node::map({}, {});
        Fields fields(node, "device", diagnostics);
        return adapter->add_device(id, fields).value_or(0);
    }
    void start() { adapter->start(*this); }
    void stop() {
        bool stopped = false;
        adapter->stop([&] { stopped = true; });
        ASSERT_TRUE(until([&] { return stopped; }));
    }
    /// Runs the loop until `done`; false after 20 s, which no test reaches.
    template <class F>
    bool until(F done) {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!done()) {
            if (std::chrono::steady_clock::now() > give_up) return false;
            io.restart();
            io.run_one_for(std::chrono::milliseconds(20));
        }
        return true;
    }
    bool link_is(const std::string& said) {
        return until([&] { return !links.empty() && links.back().starts_with(said); });
    }
    bool hears(const std::string& line) {
        return until([&] { return std::find(heard.begin(), heard.end(), line) != heard.end(); });
    }
    /// What became of it, once that is known; it may be known only when the link is stopped.
    std::shared_ptr<const std::string> write(DeviceId device, PointIndex point, Scalar value) {
        auto said = std::make_shared<std::string>();
        adapter->write(device, point, std::move(value), timers.now() + std::chrono::seconds(8),
                       [said](Result<void> result) { *said = result ? "done" : result.error().message; });
        return said;
    }

    void value(DeviceId device, PointIndex point, Scalar scalar, base::WallTime) override {
        heard.push_back(fmt::format("{}.{} = {}", device, point, plain_value(scalar)));
    }
    void old_value(DeviceId device, PointIndex point, Scalar scalar, base::WallTime) override {
        heard.push_back(fmt::format("{}.{} = {} (old)", device, point, plain_value(scalar)));
    }
    void link(bool up, std::string why) override { links.push_back(up ? "up" : "down: " + why); }

    boost::asio::io_context io;
    gateway::AsioTimers timers{io};
    fakes::FixedRandom random{static_cast<std::uint64_t>(::getpid())};
    base::Diagnostics diagnostics;
    std::deque<base::Node> nodes;
    std::unique_ptr<MqttAdapter> adapter;
    std::vector<std::string> links, heard;
};

}  // namespace adapters::mqtt
