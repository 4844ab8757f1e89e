#pragma once

#include "adapters/modbus/link_settings.hpp"
#include "adapters/modbus/stream.hpp"
#include "gateway/base/time.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <vector>

namespace adapters::modbus {

/// A TCP connection that we make, or (adopt()) one that was accepted. A name's addresses, at most four, are tried one after
/// the other with 3 s of patience each. A peer that is silently gone is noticed after a minute of idleness (keep-alive) or
/// 20 s after bytes that nobody acknowledged.
class TcpStream final : public Stream {
public:
    using Tcp = boost::asio::ip::tcp;

    TcpStream(boost::asio::any_io_executor, base::Timers&, TcpAddress);
    ~TcpStream() override { close(); }

    void open(Opened) override;
    void close() override;
    base::Result<std::size_t> read(std::span<std::uint8_t> into) override;
    base::Result<void> write(base::ByteView) override;
    void await(std::function<void()> ready) override;
    /// How much of it the buffer takes; 0: nothing now.
    base::Result<std::size_t> write_some(base::ByteView);
    /// As await(), for write_some().
    void await_room(std::function<void()> ready);

    void adopt(Tcp::socket accepted);
    bool is_open() const { return socket_.is_open(); }
    int descriptor() { return socket_.native_handle(); }

private:
    void try_next(std::vector<Tcp::endpoint> endpoints, std::string why);
    void connected();
    void failed(const std::string& why);
    void set_options();
    template <class F>
    auto guarded(F handler);

    const TcpAddress address_;
    Tcp::resolver resolver_;
    Tcp::socket socket_;
    base::Timers& timers_;
    base::Timer patience_;
    Opened opened_;
    std::shared_ptr<std::uint64_t> alive_;  // counts connections, so that a handler of an old one knows it
};

/// "connection refused", not "Connection refused [system:111 at …]".
std::string reason(const boost::system::error_code&);

}  // namespace adapters::modbus
