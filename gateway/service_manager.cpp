#include "gateway/service_manager.hpp"

#include "gateway/base/log.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace gateway {

namespace {

/// A datagram socket that is connected to `address`, a path or "@" and an abstract name; -1 when that cannot be.
int connected(std::string_view address) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (address.size() < 2 || address.size() >= sizeof to.sun_path || (address[0] != '/' && address[0] != '@')) {
        errno = EINVAL;
        return -1;
    }
    std::memcpy(to.sun_path, address.data(), address.size());
    if (address[0] == '@') to.sun_path[0] = '\0';
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return -1;
    // Its queue may be full for a moment; READY=1 is worth waiting for, but not for ever.
    const timeval patience{1, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), length) == 0) return socket;
    ::close(socket);
    return -1;
}

/// Zero when the variable is not there or no number.
std::uint64_t number(const char* variable) {
    const char* text = std::getenv(variable);
    std::uint64_t value = 0;
    if (text != nullptr) std::from_chars(text, text + std::strlen(text), value);
    return value;
}

}  // namespace

ServiceManager::ServiceManager(base::Timers& timers) : timers_(timers), alarm_(timers) {
    const char* address = std::getenv("NOTIFY_SOCKET");
    if (address == nullptr) return;
    socket_ = connected(address);
    if (socket_ < 0) base::log().warn("NOTIFY_SOCKET leads nowhere: {}", std::strerror(errno));
}

ServiceManager::~ServiceManager() {
    if (socket_ >= 0) ::close(socket_);
}

void ServiceManager::tell(std::string_view message) const {
    if (socket_ >= 0 && ::send(socket_, message.data(), message.size(), MSG_NOSIGNAL) < 0)
        base::log().warn("systemd did not take {}: {}", message.substr(0, message.find('=')), std::strerror(errno));
}

void ServiceManager::ready(std::function<std::string()> healthy) {
    healthy_ = std::move(healthy);
    tell("READY=1");
    const auto limit_us = number("WATCHDOG_USEC"), whose = number("WATCHDOG_PID");
    if (limit_us == 0 || (whose != 0 && whose != static_cast<std::uint64_t>(::getpid()))) return;
    every_ = base::Milliseconds(std::max<std::uint64_t>(limit_us / 3000, 100));
    feed();
}

void ServiceManager::feed() {
    if (const auto stuck = healthy_(); stuck.empty()) {
        tell("WATCHDOG=1");
    } else {
        base::log().error("no sign of life for systemd's watchdog: {}", stuck);
    }
    alarm_.set(timers_.now() + every_, [this] { feed(); });
}

void ServiceManager::status(const std::string& line) {
    if (line == told_) return;
    told_ = line;
    tell("STATUS=" + line);
}

void ServiceManager::reloading() {
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(timers_.now().time_since_epoch()).count();
    tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now));
}

void ServiceManager::reloaded() { tell("READY=1"); }

void ServiceManager::stopping() {
    alarm_.cancel();
    tell("STOPPING=1");
}

}  // namespace gateway
