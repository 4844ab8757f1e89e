#include "adapters/modbus/tcp_stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <cerrno>
#include <cstring>

namespace adapters::modbus {

using base::ByteView;
using base::Errc;
using base::fail;
using base::Result;

namespace {

using namespace std::chrono_literals;

constexpr base::Milliseconds connect_patience = 3s;                                // one lost SYN is repeated after 1 s
constexpr std::size_t most_endpoints = 4;                                          // addresses of one name
constexpr int keep_alive_after = 30, keep_alive_every = 10, keep_alive_times = 3;  // s, s
constexpr unsigned unacknowledged = 20'000;                                        // ms

std::string lower_first(std::string text) {
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
    return text;
}

}  // namespace

std::string reason(const boost::system::error_code& error) { return lower_first(error.message()); }

/// A handler that does nothing once this object is gone or the connection it was made for is closed.
template <class F>
auto TcpStream::guarded(F handler) {
    return [alive = std::weak_ptr(alive_), generation = *alive_, handler = std::move(handler)](auto&&... arguments) mutable {
        if (const auto now = alive.lock(); now && *now == generation) handler(std::forward<decltype(arguments)>(arguments)...);
    };
}

TcpStream::TcpStream(boost::asio::any_io_executor executor, base::Timers& timers, TcpAddress address)
    : address_(std::move(address)),
      resolver_(executor),
      socket_(executor),
      timers_(timers),
      patience_(timers),
      alive_(std::make_shared<std::uint64_t>(0)) {}

void TcpStream::open(Opened opened) {
    close();
    opened_ = std::move(opened);
    boost::system::error_code error;
    const auto numeric = boost::asio::ip::make_address(address_.host, error);
    if (!error) return try_next({{numeric, address_.port}}, "");
    patience_.set(timers_.now() + connect_patience, [this] { failed("the name server does not answer"); });
    resolver_.async_resolve(address_.host, std::to_string(address_.port), Tcp::resolver::numeric_service,
                            guarded([this](const boost::system::error_code& unknown, const Tcp::resolver::results_type& found) {
                                if (unknown)
                                    return failed(fmt::format("the name {} is not known: {}", address_.host, reason(unknown)));
                                std::vector<Tcp::endpoint> endpoints;
                                for (const auto& entry : found)
                                    if (endpoints.size() < most_endpoints)
                                        endpoints.insert(endpoints.begin(), entry.endpoint());
                                try_next(std::move(endpoints), "the name has no address");
                            }));
}

// `endpoints` are tried from the back.
void TcpStream::try_next(std::vector<Tcp::endpoint> endpoints, std::string why) {
    if (endpoints.empty()) return failed(why);
    const auto endpoint = endpoints.back();
    endpoints.pop_back();
    boost::system::error_code ignored;
    socket_.close(ignored);
    patience_.set(timers_.now() + connect_patience, [this] {
        boost::system::error_code nothing;
        socket_.cancel(nothing);
    });
    socket_.async_connect(endpoint,
                          guarded([this, endpoints = std::move(endpoints)](const boost::system::error_code& error) mutable {
                              if (!error) return connected();
                              const bool impatient = error == boost::asio::error::operation_aborted;
                              try_next(std::move(endpoints), impatient ? "no answer to the connection request" : reason(error));
                          }));
}

void TcpStream::connected() {
    patience_.cancel();
    set_options();
    if (const auto opened = std::exchange(opened_, nullptr)) opened("connected");
}

void TcpStream::failed(const std::string& why) {
    const auto opened = std::exchange(opened_, nullptr);
    close();
    if (opened) opened(fail(Errc::offline, why));
}

void TcpStream::set_options() {
    boost::system::error_code ignored;
    socket_.set_option(Tcp::no_delay(true), ignored);
    socket_.set_option(boost::asio::socket_base::keep_alive(true), ignored);
    socket_.native_non_blocking(true, ignored);
    const auto set = [this](int name, auto value) {
        (void)::setsockopt(socket_.native_handle(), IPPROTO_TCP, name, &value, sizeof value);
    };
    set(TCP_KEEPIDLE, keep_alive_after);
    set(TCP_KEEPINTVL, keep_alive_every);
    set(TCP_KEEPCNT, keep_alive_times);
    set(TCP_USER_TIMEOUT, unacknowledged);
}

void TcpStream::adopt(Tcp::socket accepted) {
    close();
    socket_ = std::move(accepted);
    set_options();
}

void TcpStream::close() {
    ++*alive_;
    opened_ = nullptr;
    resolver_.cancel();
    patience_.cancel();
    boost::system::error_code ignored;
    socket_.close(ignored);
}

Result<std::size_t> TcpStream::read(std::span<std::uint8_t> into) {
    const auto count = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
    if (count > 0) return static_cast<std::size_t>(count);
    if (count == 0) return fail(Errc::offline, "the device closed the connection");
    if (errno == EAGAIN || errno == EINTR) return std::size_t{0};
    return fail(Errc::offline, lower_first(std::strerror(errno)));
}

Result<std::size_t> TcpStream::write_some(ByteView bytes) {
    const auto sent = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno == EAGAIN || errno == EINTR) return std::size_t{0};
    return fail(Errc::offline, lower_first(std::strerror(errno)));
}

Result<void> TcpStream::write(ByteView bytes) {
    const auto sent = write_some(bytes);
    if (!sent) return tl::unexpected(sent.error());
    if (*sent != bytes.size()) return fail(Errc::offline, "the device takes no more bytes");
    return {};
}

void TcpStream::await(std::function<void()> ready) {
    socket_.async_wait(Tcp::socket::wait_read,
                       guarded([ready = std::move(ready)](const boost::system::error_code&) { ready(); }));
}

void TcpStream::await_room(std::function<void()> ready) {
    socket_.async_wait(Tcp::socket::wait_write,
                       guarded([ready = std::move(ready)](const boost::system::error_code&) { ready(); }));
}

}  // namespace adapters::modbus
