#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>

namespace adapters::modbus {

/// tests/faultkit/modbus_sim.py as a child process: Modbus slaves that share no code with any Modbus library, on TCP and
/// on a pseudo-terminal, with faults on demand.
class FaultySlaves {
public:
    /// `tcp` 0: any free port. `baud` 0: answers as fast as it can.
    explicit FaultySlaves(const std::string& map, int tcp = 0, int baud = 0) : folder_(make_folder()) {
        std::ofstream(folder_ / "map.json") << map;
        int out[2];
        if (::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
        const std::string program = std::string(FAULTKIT) + "/modbus_sim.py", port = std::to_string(tcp),
                          speed = std::to_string(baud);
        const std::string map_file = folder_ / "map.json", tty = line();
        child_ = ::fork();
        if (child_ == 0) {
            ::dup2(out[1], STDOUT_FILENO);
            ::setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
            ::execlp("python3", "python3", program.c_str(), "--map", map_file.c_str(), "--tcp", port.c_str(), "--rtu",
                     tty.c_str(), "--baud", speed.c_str(), static_cast<char*>(nullptr));
            ::_exit(127);
        }
        ::close(out[1]);
        std::promise<std::string> first;
        auto ready = first.get_future();
        drain_ = std::thread([from = out[0], first = std::move(first)]() mutable { drain(from, first); });
        const std::string said = ready.get();
        port_ = number(said, "\"tcp\": ");
        control_ = number(said, "\"control\": ");
        EXPECT_GT(control_, 0) << said;
    }
    ~FaultySlaves() {
        ::kill(child_, SIGTERM);
        ::waitpid(child_, nullptr, 0);
        drain_.join();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    int port() const { return port_; }
    std::string line() const { return folder_ / "tty"; }

    /// One command, one line of JSON.
    std::string tell(const std::string& command) const {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(static_cast<std::uint16_t>(control_));
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        std::string answer;
        if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) {  // NOLINT
            const std::string text = command + "\n";
            (void)!::write(fd, text.data(), text.size());
            std::array<char, 4096> piece;
            while (answer.empty() || answer.back() != '\n') {
                const auto count = ::read(fd, piece.data(), piece.size());
                if (count <= 0) break;
                answer.append(piece.data(), static_cast<std::size_t>(count));
            }
        }
        ::close(fd);
        EXPECT_NE(answer.find("\"ok\": true"), std::string::npos) << command << ": " << answer;
        return answer;
    }
    /// A number of the summary: "gap_violations", "requests", or one under "errors" (0 when absent).
    int counted(const std::string& what) const {
        const std::string key = "\"" + what + "\": ", summary = tell("summary");
        return summary.find(key) == std::string::npos ? 0 : number(summary, key);
    }

private:
    static std::filesystem::path make_folder() {
        std::string name = std::filesystem::temp_directory_path() / "modbus_XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
        return name;
    }
    static int number(const std::string& text, const std::string& key) {
        const auto at = text.find(key);
        return at == std::string::npos ? -1 : std::atoi(text.c_str() + at + key.size());
    }
    static void drain(int from, std::promise<std::string>& first) {
        std::string line;
        bool told = false;
        std::array<char, 4096> piece;
        for (;;) {
            const auto count = ::read(from, piece.data(), piece.size());
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) break;
            if (told) continue;
            line.append(piece.data(), static_cast<std::size_t>(count));
            if (const auto end = line.find('\n'); end != std::string::npos) {
                first.set_value(line.substr(0, end));
                told = true;
            }
        }
        ::close(from);
        if (!told) first.set_value("");
    }

    std::filesystem::path folder_;
    pid_t child_ = -1;
    int port_ = 0, control_ = 0;
    std::thread drain_;
};

}  // namespace adapters::modbus
