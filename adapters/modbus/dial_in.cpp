#include "adapters/modbus/dial_in.hpp"

#include "adapters/modbus/dial_in_listener.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace adapters::modbus {

using base::Bytes;
using base::ByteView;
using base::Errc;
using base::fail;
using base::Result;

namespace {

using namespace std::chrono_literals;

constexpr base::Milliseconds first_patience = 5s, next_patience = 60s;

}  // namespace

Greeted match_hello(ByteView first_bytes, const std::vector<Bytes>& hellos) {
    Greeted best;
    bool may_be_longer = false;
    for (std::size_t i = 0; i < hellos.size(); ++i) {
        const Bytes& hello = hellos[i];
        const std::size_t common = std::min(hello.size(), first_bytes.size());
        if (!std::equal(hello.begin(), hello.begin() + static_cast<std::ptrdiff_t>(common), first_bytes.begin())) continue;
        if (common < hello.size())
            may_be_longer = true;
        else if (!best.known_so_far || hello.size() > hellos[best.which].size())
            best = {Greeted::As::known, i, true};
    }
    if (may_be_longer) best.as = Greeted::As::unfinished;
    return best;
}

DialInStream::DialInStream(boost::asio::any_io_executor executor, base::Timers& timers, TcpAddress listen, Bytes hello)
    : executor_(executor),
      timers_(timers),
      listen_(listen),
      hello_(std::move(hello)),
      tcp_(executor, timers, std::move(listen)),
      patience_(timers),
      alive_(std::make_shared<std::uint64_t>(0)) {}

/// From the loop, unless the connection is closed before.
void DialInStream::later(std::function<void()> what) {
    boost::asio::post(executor_, [alive = std::weak_ptr(alive_), generation = *alive_, what = std::move(what)] {
        if (const auto now = alive.lock(); now && *now == generation) what();
    });
}

void DialInStream::open(Opened opened) {
    close();
    opened_ = std::move(opened);
    if (!listener_) {
        auto listener = DialInListener::of(executor_, timers_, listen_);
        if (const auto attached = listener->attach(*this); !attached)
            return later([this, why = attached.error()] { std::exchange(opened_, nullptr)(tl::unexpected(why)); });
        listener_ = std::move(listener);
    }
    if (next_) return later([this] { take(); });
    patience_.set(timers_.now() + (nobody_came_ ? next_patience : first_patience), [this] {
        nobody_came_ = true;
        std::exchange(opened_, nullptr)(fail(Errc::timeout, "the device has not dialled in"));
    });
}

void DialInStream::arrived(TcpStream::Tcp::socket socket, Bytes early) {
    next_.emplace(Caller{std::move(socket), std::move(early)});
    if (opened_)
        later([this] { take(); });
    else if (const auto ready = std::exchange(ready_, nullptr))
        later(ready);  // read() tells it
}

void DialInStream::take() {
    if (!next_ || !opened_) return;
    patience_.cancel();
    nobody_came_ = false;
    boost::system::error_code error;
    const auto from = next_->socket.remote_endpoint(error);
    tcp_.adopt(std::move(next_->socket));
    early_ = std::move(next_->early);
    next_.reset();
    std::exchange(opened_, nullptr)(error ? std::string("the device dialled in")
                                          : fmt::format("dialled in from {}", from.address().to_string()));
}

Result<std::size_t> DialInStream::read(std::span<std::uint8_t> into) {
    if (next_) return fail(Errc::offline, "the device dialled in anew");
    if (early_.empty()) return tcp_.read(into);
    const std::size_t count = std::min(into.size(), early_.size());
    std::copy_n(early_.begin(), count, into.begin());
    early_.erase(early_.begin(), early_.begin() + static_cast<std::ptrdiff_t>(count));
    return count;
}

void DialInStream::await(std::function<void()> ready) {
    if (next_ || !early_.empty()) return later(std::move(ready));
    ready_ = std::move(ready);
    tcp_.await([this] {
        if (const auto now = std::exchange(ready_, nullptr)) now();
    });
}

void DialInStream::close() {
    ++*alive_;
    opened_ = nullptr;
    ready_ = nullptr;
    patience_.cancel();
    early_.clear();
    tcp_.close();
}

void DialInStream::end() {
    close();
    next_.reset();
    if (listener_) listener_->detach(*this);
    listener_.reset();
}

}  // namespace adapters::modbus
