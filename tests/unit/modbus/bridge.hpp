#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>

namespace adapters::modbus {

inline int loopback_socket(std::uint16_t port, bool listening) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* address = reinterpret_cast<sockaddr*>(&at);  // NOLINT
    const bool good =
        listening ? ::bind(fd, address, sizeof at) == 0 && ::listen(fd, 8) == 0 : ::connect(fd, address, sizeof at) == 0;
    if (good) return fd;
    ::close(fd);
    return -1;
}
inline std::uint16_t port_of(int fd) {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);  // NOLINT
    return ntohs(at.sin_port);
}
inline std::uint16_t some_free_port() {
    const int fd = loopback_socket(0, true);
    const std::uint16_t port = port_of(fd);
    ::close(fd);
    return port;
}
/// A serial line as a serial server opens it.
inline int open_raw(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    termios raw{};
    if (fd >= 0 && ::tcgetattr(fd, &raw) == 0) {
        ::cfmakeraw(&raw);
        ::tcsetattr(fd, TCSANOW, &raw);
    }
    return fd;
}

/// Carries bytes between the gateway and a device in a thread, as a serial server or a modem does: one gateway at a time,
/// the newest.
class Bridge {
public:
    struct Ways {
        std::size_t slice = 0;             ///< bytes at a time to the gateway; 0: as they come
        std::string hello{}, heartbeat{};  ///< a modem's: at first, and before each piece to the gateway
        bool echo = false;                 ///< the gateway hears itself
    };
    /// Waits for the gateway at a free port. Owns `device`.
    explicit Bridge(int device) : Bridge(device, Ways{}) {}
    Bridge(int device, Ways ways) : device_(device), ways_(std::move(ways)), listener_(loopback_socket(0, true)) {
        port_ = port_of(listener_);
        thread_ = std::thread([this] { run(); });
    }
    /// Dials in at the port, again whenever the connection is lost.
    Bridge(int device, Ways ways, std::uint16_t dial) : device_(device), ways_(std::move(ways)), dial_(dial) {
        thread_ = std::thread([this] { run(); });
    }
    ~Bridge() {
        ending_ = true;
        thread_.join();
        for (const int fd : {device_, listener_, gateway_})
            if (fd >= 0) ::close(fd);
    }
    std::uint16_t port() const { return port_; }
    unsigned connections() const { return connections_; }
    void hold(bool held) { held_ = held; }  ///< keeps back what the device says, as a network that stalls
    void hang_up() { hang_up_ = true; }

private:
    void run() {
        while (!ending_) {
            if (hang_up_.exchange(false)) lose();
            if (gateway_ < 0 && dial_ != 0) dial();
            std::array<pollfd, 3> fds{{{gateway_, POLLIN, 0}, {listener_, POLLIN, 0}, {held_ ? -1 : device_, POLLIN, 0}}};
            if (::poll(fds.data(), fds.size(), 2) <= 0) continue;
            if (fds[1].revents != 0) {
                lose();
                gateway_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
                const int yes = 1;
                ::setsockopt(gateway_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                ++connections_;
                continue;
            }
            if (fds[0].revents != 0) from_gateway();
            if (fds[2].revents != 0) from_device();
        }
    }
    void dial() {
        gateway_ = loopback_socket(dial_, false);
        if (gateway_ < 0) return void(std::this_thread::sleep_for(std::chrono::milliseconds(5)));
        ++connections_;
        to_gateway(ways_.hello.data(), ways_.hello.size());
    }
    void lose() {
        if (gateway_ >= 0) ::close(gateway_);
        gateway_ = -1;
    }
    void from_gateway() {
        const auto count = ::read(gateway_, piece_.data(), piece_.size());
        if (count <= 0) return lose();
        (void)!::write(device_, piece_.data(), static_cast<std::size_t>(count));
        if (ways_.echo) to_gateway(piece_.data(), static_cast<std::size_t>(count));
    }
    void from_device() {
        const auto count = ::read(device_, piece_.data(), piece_.size());
        if (count <= 0) return void(std::this_thread::sleep_for(std::chrono::milliseconds(1)));
        to_gateway(ways_.heartbeat.data(), ways_.heartbeat.size());
        to_gateway(piece_.data(), static_cast<std::size_t>(count));
    }
    void to_gateway(const char* bytes, std::size_t size) {
        while (size > 0 && gateway_ >= 0) {
            const std::size_t part = ways_.slice > 0 ? std::min(ways_.slice, size) : size;
            if (::send(gateway_, bytes, part, MSG_NOSIGNAL) <= 0) return lose();
            bytes += part;
            size -= part;
            if (ways_.slice > 0) std::this_thread::sleep_for(std::chrono::microseconds(500));
        }
    }

    const int device_;
    const Ways ways_;
    int listener_ = -1, gateway_ = -1;
    std::uint16_t port_ = 0, dial_ = 0;
    std::array<char, 512> piece_{};
    std::atomic<bool> ending_{false}, held_{false}, hang_up_{false};
    std::atomic<unsigned> connections_{0};
    std::thread thread_;
};

/// A pair of ends of a line; the second goes to a Bridge, which owns it.
struct Wires {
    Wires() { (void)!::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()); }
    ~Wires() { ::close(ends[0]); }
    Wires(const Wires&) = delete;
    Wires& operator=(const Wires&) = delete;
    std::array<int, 2> ends{-1, -1};
};

}  // namespace adapters::modbus
