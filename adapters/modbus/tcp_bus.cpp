#include "adapters/modbus/tcp_bus.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>

namespace adapters::modbus {

using base::Errc;
using base::fail;
using base::Milliseconds;

namespace {

using namespace std::chrono_literals;

constexpr Milliseconds connect_patience = 3s;               // one lost SYN is repeated after 1 s
constexpr Milliseconds first_pause = 1s, last_pause = 48s;  // 60 s with the jitter
constexpr unsigned most_silent = 2;
constexpr std::size_t most_endpoints = 4;  // addresses of one name

/// "connection refused", not "Connection refused [system:111 at …]".
std::string reason(const boost::system::error_code& error) {
    std::string text = error.message();
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
    return text;
}

}  // namespace

/// A handler that does nothing once this object is gone or the connection it was made for is closed.
template <class F>
auto TcpBus::guarded(F handler) {
    return [alive = std::weak_ptr(alive_), generation = *alive_, handler = std::move(handler)](auto&&... arguments) mutable {
        if (const auto now = alive.lock(); now && *now == generation) handler(std::forward<decltype(arguments)>(arguments)...);
    };
}

TcpBus::TcpBus(boost::asio::any_io_executor executor, base::Timers& timers, base::Random& random, TcpAddress address)
    : executor_(std::move(executor)),
      timers_(timers),
      random_(random),
      address_(std::move(address)),
      resolver_(executor_),
      socket_(executor_),
      modbus_(modbus_new_tcp("127.0.0.1", 502), &modbus_free),  // never connects: it is given our sockets
      expiry_(timers),
      connecting_(timers),
      transaction_(static_cast<std::uint16_t>(random.next())),
      alive_(std::make_shared<std::uint64_t>(0)) {
    if (modbus_ == nullptr) throw std::bad_alloc();
    modbus_set_byte_timeout(modbus_.get(), 0, 1);  // what it takes is there already; if not, it must not wait
    modbus_set_response_timeout(modbus_.get(), 0, 1);
}

TcpBus::~TcpBus() { close(); }

void TcpBus::start(Changed changed) {
    changed_ = std::move(changed);
    connect();
}

void TcpBus::stop(std::function<void()> stopped) {
    changed_ = nullptr;
    exchange_.reset();
    connecting_.cancel();
    expiry_.cancel();
    close();
    state_ = State::away;
    boost::asio::post(executor_, std::move(stopped));
}

void TcpBus::become(State state, const std::string& why) {
    if (state_ == state) return;
    state_ = state;
    if (changed_) changed_(state, why);
}

// -- Connecting

void TcpBus::connect() {
    close();
    wire_ = Wire::connecting;
    boost::system::error_code error;
    const auto numeric = boost::asio::ip::make_address(address_.host, error);
    if (!error) return try_next({{numeric, address_.port}}, "");
    connecting_.set(timers_.now() + connect_patience, [this] { connect_failed("the name server does not answer"); });
    resolver_.async_resolve(
        address_.host, std::to_string(address_.port), Tcp::resolver::numeric_service,
        guarded([this](const boost::system::error_code& failed, const Tcp::resolver::results_type& found) {
            if (failed) return connect_failed(fmt::format("the name {} is not known: {}", address_.host, reason(failed)));
            std::vector<Tcp::endpoint> endpoints;
            for (const auto& entry : found)
                if (endpoints.size() < most_endpoints) endpoints.insert(endpoints.begin(), entry.endpoint());
            try_next(std::move(endpoints), "the name has no address");
        }));
}

// `endpoints` are tried from the back.
void TcpBus::try_next(std::vector<Tcp::endpoint> endpoints, std::string why) {
    if (endpoints.empty()) return connect_failed(why);
    const auto endpoint = endpoints.back();
    endpoints.pop_back();
    boost::system::error_code ignored;
    socket_.close(ignored);
    connecting_.set(timers_.now() + connect_patience, [this] {
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

void TcpBus::connected() {
    connecting_.cancel();
    boost::system::error_code ignored;
    socket_.set_option(Tcp::no_delay(true), ignored);
    socket_.set_option(boost::asio::socket_base::keep_alive(true), ignored);
    socket_.native_non_blocking(true, ignored);
    modbus_set_socket(modbus_.get(), socket_.native_handle());
    wire_ = Wire::open;
    served_ = false;
    silent_ = 0;
    awaited_ = 1;
    abandoned_.clear();
    backoff_ = 0ms;
    wait();
    become(State::up, "connected");
    if (wire_ == Wire::open && exchange_ && !exchange_->sent) send();
}

void TcpBus::connect_failed(const std::string& why) {
    close();
    backoff_ = std::clamp(backoff_ * 2, first_pause, last_pause);
    const auto pause = std::chrono::duration_cast<Milliseconds>(backoff_ * (1 + random_.unit() / 4));
    connecting_.set(timers_.now() + pause, [this] { connect(); });
    become(State::away, why);
    finish(fail(Errc::offline, why));
}

void TcpBus::close() {
    ++*alive_;
    resolver_.cancel();
    connecting_.cancel();
    modbus_set_socket(modbus_.get(), -1);
    boost::system::error_code ignored;
    socket_.close(ignored);
    wire_ = Wire::closed;
}

/// The connection cannot be gone on with. Without `reconnect` the next request makes a new one, so that a peer that
/// accepts and closes is asked no more often than somebody wants to know. A request that is not sent yet gets one more
/// connection.
void TcpBus::lost(Errc code, const std::string& why, bool reconnect) {
    const bool again = exchange_ && !exchange_->sent && exchange_->attempts++ == 0;
    if (reconnect || again)
        connect();
    else
        close();
    if (exchange_ && !again) finish(fail(code, why));
}

// -- One request

void TcpBus::exchange(Request request, Milliseconds timeout, Answer answer) {
    exchange_.emplace(Exchange{std::move(request), timeout, std::move(answer)});
    if (wire_ == Wire::open) return send();
    if (wire_ == Wire::closed && state_ != State::away) connect();
    if (state_ == State::away) boost::asio::post(executor_, guarded([this] { finish(fail(Errc::offline, "not connected")); }));
}

void TcpBus::send() {
    Exchange& exchange = *exchange_;
    // What the peer did while nobody asked is seen now, while it costs nothing: this request is not on its way yet.
    pollfd before{socket_.native_handle(), POLLIN | POLLRDHUP, 0};
    if (::poll(&before, 1, 0) > 0) {
        if ((before.revents & ~POLLIN) != 0) return lost(Errc::offline, "the device closed the connection", false);
        if (abandoned_.empty()) return lost(Errc::malformed, "bytes that nobody asked for", false);
    }
    exchange.transaction = ++transaction_;
    const Bytes adu = tcp_adu(exchange.request, exchange.transaction);
    const auto sent = ::send(socket_.native_handle(), adu.data(), adu.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    // Nothing else is in the buffer: a frame that does not fit as a whole means a peer that reads nothing.
    if (sent != static_cast<ssize_t>(adu.size()))
        return lost(Errc::offline, sent < 0 ? std::strerror(errno) : "the device takes no more bytes", false);
    exchange.sent = true;
    exchange.expires = timers_.now() + exchange.timeout;
    if (!expiry_.is_set() || expiry_at_ > exchange.expires) arm(exchange.expires);
}

std::size_t TcpBus::unread() {
    int count = 0;
    if (::ioctl(socket_.native_handle(), FIONREAD, &count) != 0 || count < 0) return 0;
    return static_cast<std::size_t>(count);
}

void TcpBus::arm(base::Instant when) {
    expiry_at_ = when;
    expiry_.set(when, [this] { expired(); });
}

void TcpBus::expired() {
    if (!exchange_ || !exchange_->sent) return;
    if (timers_.now() < exchange_->expires) return arm(exchange_->expires);
    const auto why = fmt::format("no answer within {}", base::span_text(exchange_->timeout));
    if (unread() > 0 || ++silent_ >= most_silent) return lost(Errc::timeout, why, true);
    abandoned_.push_back(exchange_->transaction);
    finish(fail(Errc::timeout, why));
}

void TcpBus::finish(Result<Bytes> result) {
    if (!exchange_) return;
    const Answer answer = std::move(exchange_->answer);
    exchange_.reset();
    answer(std::move(result));  // may give the next request
}

// -- What comes

void TcpBus::wait() {
    socket_.async_wait(Tcp::socket::wait_read, guarded([this](const boost::system::error_code& error) {
                           if (error) return lost(Errc::offline, reason(error), served_);
                           readable();
                       }));
}

void TcpBus::readable() {
    const std::uint64_t generation = *alive_;
    for (int turn = 0; turn < 4; ++turn) {
        const bool more = take_frame();
        if (*alive_ != generation) return;  // closed, or replaced: the new one waits by itself
        if (!more) break;
    }
    wait();
}

/// Looks at what lies in the socket; takes it only when it is a whole frame. True: there may be another.
bool TcpBus::take_frame() {
    std::array<std::uint8_t, largest_adu> buffer;
    const auto peeked = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_PEEK | MSG_DONTWAIT);
    if (peeked < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (peeked <= 0) {
        lost(Errc::offline, peeked == 0 ? "the device closed the connection" : std::strerror(errno), served_);
        return false;
    }
    const ByteView seen(buffer.data(), static_cast<std::size_t>(peeked));
    const auto size = tcp_adu_size(seen);
    if (!size) {
        lost(Errc::malformed, size.error().message, served_);
        return false;
    }
    if (*size == 0 || *size > seen.size()) {
        pollfd end{socket_.native_handle(), POLLRDHUP, 0};
        if (::poll(&end, 1, 0) > 0)
            lost(Errc::malformed, "the device closed the connection in the middle of an answer", served_);
        else
            await_bytes(*size == 0 ? 6 : *size);
        return false;
    }
    await_bytes(1);
    const ByteView adu = seen.first(*size);

    if (const auto late = std::find(abandoned_.begin(), abandoned_.end(), tcp_transaction(adu)); late != abandoned_.end()) {
        abandoned_.erase(late);
        (void)::recv(socket_.native_handle(), buffer.data(), *size, MSG_DONTWAIT);
        return true;
    }
    if (!exchange_ || !exchange_->sent) {
        lost(Errc::malformed, "an answer that nobody asked for", served_);
        return false;
    }
    const Verdict verdict = check_tcp_answer(exchange_->request, exchange_->transaction, adu);
    std::array<std::uint8_t, MODBUS_MAX_ADU_LENGTH> taken;
    if (!verdict.belongs || modbus_receive_confirmation(modbus_.get(), taken.data()) != static_cast<int>(*size)) {
        lost(Errc::malformed, verdict.data ? "the answer could not be taken" : verdict.data.error().message, served_);
        return false;
    }
    served_ = true;
    silent_ = 0;
    finish(verdict.data.map([](ByteView data) { return Bytes(data.begin(), data.end()); }));
    return false;
}

/// The socket counts as readable only when this many bytes are there (or its end): a device that sends its answer in
/// drops does not keep the loop turning.
void TcpBus::await_bytes(std::size_t count) {
    if (count == awaited_) return;
    awaited_ = count;
    const int low_water = static_cast<int>(count);
    (void)::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVLOWAT, &low_water, sizeof low_water);
}

}  // namespace adapters::modbus
