#pragma once

#include "adapters/modbus/bus.hpp"
#include "adapters/modbus/link_settings.hpp"

#include <modbus/modbus.h>
#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <memory>
#include <optional>

namespace adapters::modbus {

/// Modbus TCP on the core loop: Asio connects and waits; libmodbus takes an answer from the socket once it lies there
/// as a whole and was found to be the right one. (libmodbus 3.1.6 sends every raw request as transaction 0, which would
/// make a late answer look like the next one: so the request's frame is ours.)
///
/// A request without an answer leaves the connection standing, because the transaction tells its late answer from
/// others; two in a row, or anything else that is odd, replace the connection.
class TcpBus final : public Bus {
public:
    TcpBus(boost::asio::any_io_executor, base::Timers&, base::Random&, TcpAddress);
    ~TcpBus() override;

    void start(Changed) override;
    void stop(std::function<void()> stopped) override;
    void exchange(Request, base::Milliseconds timeout, Answer) override;
    base::Milliseconds settle(base::Milliseconds) const override { return base::Milliseconds{0}; }

private:
    using Tcp = boost::asio::ip::tcp;
    struct Exchange {
        Request request;
        base::Milliseconds timeout{};
        Answer answer;
        std::uint16_t transaction = 0;
        bool sent = false;
        unsigned attempts = 0;  // connections that were lost before it was sent
        base::Instant expires{};
    };
    enum class Wire : std::uint8_t { closed, connecting, open };

    void connect();
    void try_next(std::vector<Tcp::endpoint> endpoints, std::string why);
    void connected();
    void connect_failed(const std::string& why);
    void close();
    void lost(base::Errc code, const std::string& why, bool reconnect);
    void send();
    void wait();
    void readable();
    bool take_frame();
    void await_bytes(std::size_t count);
    void expired();
    std::size_t unread();
    void arm(base::Instant when);
    void finish(Result<Bytes>);
    void become(State, const std::string& why);
    template <class F>
    auto guarded(F handler);

    boost::asio::any_io_executor executor_;
    base::Timers& timers_;
    base::Random& random_;
    const TcpAddress address_;
    Tcp::resolver resolver_;
    Tcp::socket socket_;
    std::unique_ptr<modbus_t, void (*)(modbus_t*)> modbus_;
    base::Timer expiry_;      // of the request under way; may be armed too early, never too late
    base::Timer connecting_;  // patience with a connection attempt, or the pause before the next
    base::Instant expiry_at_{};

    Changed changed_;
    State state_ = State::starting;
    Wire wire_ = Wire::closed;
    std::optional<Exchange> exchange_;
    std::deque<std::uint16_t> abandoned_;  // transactions whose answers may still come; two at most
    std::uint16_t transaction_ = 0;
    unsigned silent_ = 0;      // requests in a row without an answer
    bool served_ = false;      // this connection has answered
    std::size_t awaited_ = 1;  // SO_RCVLOWAT
    base::Milliseconds backoff_{0};
    std::shared_ptr<std::uint64_t> alive_;  // the value counts connections, so that a handler of an old one knows it
};

}  // namespace adapters::modbus
