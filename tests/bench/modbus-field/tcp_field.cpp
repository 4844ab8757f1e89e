#include "field.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace field {

std::string address_of(unsigned device) {
    return "127.1." + std::to_string(device / 250) + "." + std::to_string(device % 250 + 1);
}

namespace {

struct Connection {
    int fd = -1;
    std::uint32_t device = 0;
    bool listener = false;
    std::uint8_t buffer[600];
    std::size_t have = 0;
};

std::uint16_t word(const std::uint8_t* at) { return static_cast<std::uint16_t>(at[0] << 8 | at[1]); }

/// Answers the requests that lie in the buffer as a whole. False: not Modbus, or the peer went.
bool answer(Connection& c, Times& times) {
    const ssize_t got = read(c.fd, c.buffer + c.have, sizeof c.buffer - c.have);
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
    c.have += static_cast<std::size_t>(got);
    while (c.have >= 12) {
        const std::size_t length = 6U + word(c.buffer + 4);
        if (length != 12) return false;
        const std::uint8_t function = c.buffer[7];
        const std::uint16_t address = word(c.buffer + 8), count = word(c.buffer + 10);
        if ((function != 3 && function != 4) || count == 0 || count > 125) return false;
        times.note(c.device, function, address, count, Clock::now());
        std::uint8_t out[9 + 250];
        std::memcpy(out, c.buffer, 4);
        const auto rest = static_cast<std::uint16_t>(3 + 2 * count);
        out[4] = static_cast<std::uint8_t>(rest >> 8), out[5] = static_cast<std::uint8_t>(rest);
        out[6] = c.buffer[6], out[7] = function, out[8] = static_cast<std::uint8_t>(2 * count);
        for (unsigned i = 0; i < count; ++i) {
            const auto value = static_cast<std::uint16_t>(address + i);
            out[9 + 2 * i] = static_cast<std::uint8_t>(value >> 8), out[10 + 2 * i] = static_cast<std::uint8_t>(value);
        }
        if (write(c.fd, out, 9U + 2U * count) < 0) return false;
        c.have -= length;
        std::memmove(c.buffer, c.buffer + length, c.have);
    }
    return true;
}

}  // namespace

int serve(const Options& options) {
    const int poller = epoll_create1(EPOLL_CLOEXEC);
    std::vector<Connection*> all;
    const auto watch = [&](Connection* c) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = c;
        epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
        all.push_back(c);
    };
    for (unsigned n = 0; n < options.devices; ++n) {
        auto* c = new Connection;
        c->listener = true, c->device = n;
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int yes = 1;
        setsockopt(c->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(options.port);
        inet_pton(AF_INET, address_of(n).c_str(), &address.sin_addr);
        if (bind(c->fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(c->fd, 4) != 0) {
            std::perror(address_of(n).c_str());
            return 1;
        }
        watch(c);
    }
    std::puts("ready");
    std::fflush(stdout);
    Times times;
    const auto start = Clock::now();
    const auto begin = start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.warmup));
    const auto end = begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.duration));
    bool begun = false;
    unsigned connections = 0, dropped = 0;
    while (!over() && Clock::now() < end) {
        if (!begun && Clock::now() >= begin) {
            begun = true;
            times.begin(Clock::now());
            std::puts("begin");
            std::fflush(stdout);
        }
        epoll_event events[256];
        const int ready = epoll_wait(poller, events, 256, 20);
        for (int i = 0; i < ready; ++i) {
            auto* c = static_cast<Connection*>(events[i].data.ptr);
            if (c->listener) {
                auto* next = new Connection;
                next->device = c->device;
                next->fd = accept4(c->fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
                const int yes = 1;
                setsockopt(next->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                ++connections;
                watch(next);
            } else if (!answer(*c, times)) {
                close(c->fd);
                ++dropped;
            }
        }
    }
    std::printf("{%s, \"connections\": %u, \"dropped\": %u}\n", times.json(options.period, Clock::now()).c_str(), connections,
                dropped);
    std::fflush(stdout);
    for (auto* c : all) delete c;  // the descriptors go with the process
    close(poller);
    return 0;
}

}  // namespace field
