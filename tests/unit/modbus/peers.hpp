#pragma once

#include "adapters/modbus/frame.hpp"
#include "gateway/base/time.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <modbus/modbus.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

/// The other end of the line.
namespace adapters::modbus {

/// A device of libmodbus' own making, in a thread: a second opinion on each frame. 100 of each table: holding and input
/// registers hold their address times 10, every third coil and every second discrete input is on.
class LibmodbusDevice {
public:
    LibmodbusDevice() : memory_(modbus_mapping_new(100, 100, 100, 100)) {
        for (int i = 0; i < 100; ++i) {
            memory_->tab_registers[i] = memory_->tab_input_registers[i] = static_cast<std::uint16_t>(i * 10);
            memory_->tab_bits[i] = i % 3 == 0 ? 1 : 0;
            memory_->tab_input_bits[i] = i % 2 == 0 ? 1 : 0;
        }
    }
    ~LibmodbusDevice() {
        ending_ = true;
        if (thread_.joinable()) thread_.join();
        modbus_mapping_free(memory_);
    }

    /// Listens on a free port of 127.0.0.1; the link to it.
    std::string listen() {
        context_.reset(modbus_new_tcp("127.0.0.1", 0));
        const int listener = modbus_tcp_listen(context_.get(), 4);
        sockaddr_in address{};
        socklen_t size = sizeof address;
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);  // NOLINT
        thread_ = std::thread([this, listener] { serve_tcp(listener); });
        return "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    }
    /// The device end of a pseudo-terminal; `unit` is its address.
    void serve_line(int master, int unit) {
        context_.reset(modbus_new_rtu("/dev/null", 19200, 'E', 8, 1));
        modbus_set_slave(context_.get(), unit);
        thread_ = std::thread([this, master] {
            while (!ending_)
                if (readable(master)) answer(master);
        });
    }
    std::uint16_t holding(int address) {
        const std::lock_guard lock(mutex_);
        return memory_->tab_registers[address];
    }
    bool coil(int address) {
        const std::lock_guard lock(mutex_);
        return memory_->tab_bits[address] != 0;
    }
    /// The function of each request so far.
    std::vector<int> functions() {
        const std::lock_guard lock(mutex_);
        return functions_;
    }

private:
    static bool readable(int fd) {
        pollfd one{fd, POLLIN, 0};
        return ::poll(&one, 1, 20) > 0;
    }
    bool answer(int fd) {
        modbus_set_socket(context_.get(), fd);
        std::uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];
        const int size = modbus_receive(context_.get(), request);
        if (size <= 0) return size == 0;  // 0: of another unit
        const std::lock_guard lock(mutex_);
        functions_.push_back(request[modbus_get_header_length(context_.get())]);
        return modbus_reply(context_.get(), request, size, memory_) > 0;
    }
    void serve_tcp(int listener) {
        int client = -1;
        while (!ending_) {
            if (client < 0 && readable(listener)) client = ::accept(listener, nullptr, nullptr);
            if (client >= 0 && readable(client) && !answer(client)) {
                ::close(client);
                client = -1;
            }
        }
        if (client >= 0) ::close(client);
        ::close(listener);
    }

    modbus_mapping_t* memory_;
    std::unique_ptr<modbus_t, void (*)(modbus_t*)> context_{nullptr, &modbus_free};
    std::mutex mutex_;
    std::vector<int> functions_;
    std::atomic<bool> ending_{false};
    std::thread thread_;
};

/// A TCP peer on the test's own loop that answers as the test says: well, late, in pieces, wrongly.
class ScriptedPeer {
public:
    struct Piece {
        base::Milliseconds after{0};
        Bytes bytes{};
        bool close = false;
    };
    using Answer = std::function<std::vector<Piece>(const Bytes& adu)>;

    ScriptedPeer(boost::asio::io_context& io, base::Timers& timers, Answer answer, const char* host = "127.0.0.1",
                 std::uint16_t port = 0)
        : timers_(timers), answer_(std::move(answer)), acceptor_(io, {boost::asio::ip::make_address(host), port}) {
        accept();
    }
    ~ScriptedPeer() { *alive_ = false; }

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    std::string link() const { return "tcp://127.0.0.1:" + std::to_string(port()); }
    void close_all() {
        for (auto& client : clients_) client->socket.close();
        clients_.clear();
    }
    void stop_listening() { acceptor_.close(); }

    Bytes greeting;               // sent on each new connection
    std::vector<Bytes> requests;  // whole ADUs
    unsigned connections = 0;

private:
    using Tcp = boost::asio::ip::tcp;
    struct Client {
        Tcp::socket socket;
        std::array<std::uint8_t, largest_adu> frame{};
    };
    void accept() {
        acceptor_.async_accept([this, alive = alive_](const boost::system::error_code& error, Tcp::socket socket) {
            if (!*alive || error) return;
            ++connections;
            clients_.push_back(std::make_shared<Client>(Client{std::move(socket)}));
            clients_.back()->socket.set_option(Tcp::no_delay(true));
            if (!greeting.empty()) send(clients_.back(), {{.bytes = greeting}}, 0);
            read(clients_.back());
            accept();
        });
    }
    void read(const std::shared_ptr<Client>& client) {
        boost::asio::async_read(
            client->socket, boost::asio::buffer(client->frame, 6), [=, this, alive = alive_](const auto& error, std::size_t) {
                if (!*alive || error) return;
                const std::size_t rest = client->frame[5];
                boost::asio::async_read(client->socket, boost::asio::buffer(client->frame.data() + 6, rest),
                                        [=, this](const auto& failed, std::size_t) {
                                            if (!*alive || failed) return;
                                            requests.emplace_back(client->frame.begin(), client->frame.begin() + 6 +
                                                                                             static_cast<std::ptrdiff_t>(rest));
                                            send(client, answer_(requests.back()), 0);
                                            read(client);
                                        });
            });
    }
    void send(const std::shared_ptr<Client>& client, std::vector<Piece> pieces, std::size_t next) {
        if (next == pieces.size()) return;
        const Piece& piece = pieces[next];
        const auto go = [=, this, alive = alive_] {
            if (!*alive || !client->socket.is_open()) return;
            boost::system::error_code ignored;
            client->socket.send(boost::asio::buffer(pieces[next].bytes), 0, ignored);
            if (pieces[next].close) return void(client->socket.close(ignored));
            send(client, pieces, next + 1);
        };
        if (piece.after.count() == 0)
            go();
        else
            timers_.at(timers_.now() + piece.after, go);
    }

    base::Timers& timers_;
    Answer answer_;
    Tcp::acceptor acceptor_;
    std::vector<std::shared_ptr<Client>> clients_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// The right answer to a read of registers (each holds its address) or to a write.
inline Bytes good_answer(const Bytes& request) {
    const auto word = [&](std::size_t at) { return request[at] << 8 | request[at + 1]; };
    Bytes pdu(request.begin() + 7, request.begin() + 12);
    if (request[7] <= 4) {
        pdu.resize(1);
        const int count = word(10);
        pdu.push_back(static_cast<std::uint8_t>(request[7] <= 2 ? (count + 7) / 8 : count * 2));
        for (int i = 0; i < count && request[7] > 2; ++i) {
            pdu.push_back(static_cast<std::uint8_t>((word(8) + i) >> 8));
            pdu.push_back(static_cast<std::uint8_t>((word(8) + i) & 0xFF));
        }
        if (request[7] <= 2) pdu.resize(2U + pdu[1], 0xFF);
    }
    Bytes adu;
    adu.reserve(7 + pdu.size());
    adu.assign(request.begin(), request.begin() + 7);
    adu[5] = static_cast<std::uint8_t>(pdu.size() + 1);
    adu.insert(adu.end(), pdu.begin(), pdu.end());
    return adu;
}
inline Bytes exception_answer(const Bytes& request, std::uint8_t code) {
    Bytes adu(request.begin(), request.begin() + 9);
    adu[5] = 3;
    adu[7] |= 0x80;
    adu[8] = code;
    return adu;
}

/// A pseudo-terminal: `master` is the device's end, `path` the gateway's.
struct Pty {
    Pty() : master(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)) {
        ::grantpt(master);
        ::unlockpt(master);
        path = ::ptsname(master);
    }
    ~Pty() { unplug(); }
    void unplug() {
        if (master >= 0) ::close(master);
        master = -1;
    }
    int master;
    std::string path;
};

}  // namespace adapters::modbus
