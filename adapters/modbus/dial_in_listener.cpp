#include "adapters/modbus/dial_in_listener.hpp"

#include <sys/socket.h>
#include <algorithm>
#include <array>
#include <boost/asio/query.hpp>
#include <cerrno>

namespace adapters::modbus {

using base::Bytes;
using base::ByteView;
using base::Errc;
using base::fail;
using base::Result;

namespace {

using namespace std::chrono_literals;

constexpr base::Milliseconds accept_pause = 1s;

/// The listeners of one loop, by their address.
class Listeners final : public boost::asio::execution_context::service {
public:
    using key_type = Listeners;
    inline static boost::asio::execution_context::id id;

    explicit Listeners(boost::asio::execution_context& context) : service(context) {}
    std::map<std::string, std::weak_ptr<DialInListener>> known;

private:
    void shutdown() override { known.clear(); }
};

}  // namespace

std::shared_ptr<DialInListener> DialInListener::of(const boost::asio::any_io_executor& executor, base::Timers& timers,
                                                   const TcpAddress& address) {
    auto& context = boost::asio::query(executor, boost::asio::execution::context);
    auto& known = boost::asio::use_service<Listeners>(context).known;
    std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
    auto& entry = known[address.text()];
    if (auto there = entry.lock()) return there;
    auto made = std::make_shared<DialInListener>(executor, timers, address);
    entry = made;
    return made;
}

DialInListener::DialInListener(boost::asio::any_io_executor executor, base::Timers& timers, TcpAddress address)
    : executor_(executor),
      timers_(timers),
      address_(std::move(address)),
      acceptor_(executor),
      patience_(timers),
      again_(timers) {}

Result<void> DialInListener::listen() {
    if (acceptor_.is_open()) return {};
    const TcpStream::Tcp::endpoint endpoint(boost::asio::ip::make_address(address_.host), address_.port);
    boost::system::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(boost::asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(static_cast<int>(most_callers), error);
    if (!error) acceptor_.native_non_blocking(true, error);
    if (!error) {
        accept();
        return {};
    }
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    return fail(Errc::offline, fmt::format("cannot wait for devices at {}: {}", address_.text(), reason(error)));
}

Result<void> DialInListener::attach(DialInStream& stream) {
    const Bytes& hello = stream.hello();
    for (const DialInStream* other : waiting_) {
        if (other->hello() == hello)
            return fail(Errc::offline, fmt::format("another link waits at {} for the same hello", address_.text()));
        if (other->hello().empty() || hello.empty())
            return fail(Errc::offline,
                        fmt::format("links that share {} are told apart by their hello, and one has none", address_.text()));
    }
    if (const auto listening = listen(); !listening) return listening;
    waiting_.push_back(&stream);
    return {};
}

void DialInListener::detach(DialInStream& stream) {
    std::erase(waiting_, &stream);
    if (!waiting_.empty()) return;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    again_.cancel();
    patience_.cancel();
    callers_.clear();
}

std::vector<Bytes> DialInListener::hellos() const {
    std::vector<Bytes> all;
    for (const DialInStream* stream : waiting_) all.push_back(stream->hello());
    return all;
}

void DialInListener::accept() {
    acceptor_.async_accept([weak = weak_from_this()](const boost::system::error_code& error, TcpStream::Tcp::socket socket) {
        const auto self = weak.lock();
        if (!self || !self->acceptor_.is_open() || error == boost::asio::error::operation_aborted) return;
        if (error) {  // out of descriptors, mostly: waiting for better times must not spin
            self->said_.warn("accept", fmt::format("no device can dial in at {}: {}", self->address_.text(), reason(error)));
            self->again_.set(self->timers_.now() + accept_pause, [raw = self.get()] { raw->accept(); });
            return;
        }
        self->said_.again("accept");
        self->come(std::move(socket));
        self->accept();
    });
}

void DialInListener::come(TcpStream::Tcp::socket socket) {
    if (waiting_.size() == 1 && waiting_[0]->hello().empty()) return waiting_[0]->arrived(std::move(socket), {});
    const CallerPtr caller = callers_.emplace_back(std::make_shared<Caller>(std::move(socket)));
    caller->until = timers_.now() + hello_patience;
    boost::system::error_code ignored;
    caller->socket.native_non_blocking(true, ignored);
    if (callers_.size() > most_callers) return drop(CallerPtr(callers_.front()), "too many at once that say nothing");
    arm();
    listen_to(caller);
}

void DialInListener::listen_to(const CallerPtr& caller) {
    caller->socket.async_wait(TcpStream::Tcp::socket::wait_read, [weak = weak_from_this(), weak_caller = std::weak_ptr(caller)](
                                                                     const boost::system::error_code& error) {
        const auto self = weak.lock();
        const auto there = weak_caller.lock();  // not after it was dropped
        if (!error && self && there) self->hear(there);
    });
}

void DialInListener::hear(const CallerPtr& caller) {
    std::array<std::uint8_t, 512> piece;
    const auto count = ::recv(caller->socket.native_handle(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return listen_to(caller);
    if (count <= 0) return drop(caller, "it hung up before its hello");
    caller->said.insert(caller->said.end(), piece.begin(), piece.begin() + count);
    const Greeted greeted = match_hello(caller->said, hellos());
    switch (greeted.as) {
        case Greeted::As::known: return hand_over(caller, greeted.which);
        case Greeted::As::unfinished: return listen_to(caller);
        case Greeted::As::unknown: return drop(caller, "its hello is nobody's");
    }
}

void DialInListener::hand_over(const CallerPtr& caller, std::size_t which) {
    const Bytes said = std::move(caller->said);
    TcpStream::Tcp::socket socket = std::move(caller->socket);
    callers_.remove(caller);
    DialInStream& stream = *waiting_.at(which);
    stream.arrived(std::move(socket), Bytes(said.begin() + static_cast<std::ptrdiff_t>(stream.hello().size()), said.end()));
}

void DialInListener::drop(const CallerPtr& caller, const std::string& why) {
    ++dropped_;
    boost::system::error_code ignored;
    const auto from = caller->socket.remote_endpoint(ignored);
    const std::string who = ignored ? std::string("somebody") : from.address().to_string();
    said_.warn("drop " + why, fmt::format("a caller at {} was dropped: {} ({}, said '{}')", address_.text(), why, who,
                                          base::printable(base::as_text(caller->said), 40)));
    callers_.remove(caller);
}

void DialInListener::arm() {
    if (!callers_.empty() && !patience_.is_set()) patience_.set(callers_.front()->until, [this] { sweep(); });
}

void DialInListener::sweep() {
    while (!callers_.empty() && callers_.front()->until <= timers_.now()) {
        const Greeted greeted = match_hello(callers_.front()->said, hellos());
        if (greeted.known_so_far)  // the longer hello that it might have been did not come
            hand_over(CallerPtr(callers_.front()), greeted.which);
        else
            drop(CallerPtr(callers_.front()), "it said no hello");
    }
    arm();
}

}  // namespace adapters::modbus
