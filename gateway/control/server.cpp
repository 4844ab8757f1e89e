#include "gateway/control/server.hpp"

#include "gateway/base/log.hpp"
#include "gateway/control/request.hpp"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <optional>
#include <vector>

namespace gateway::control {

using base::Errc;
using base::fail;
using base::Result;
using boost::asio::local::stream_protocol;
using boost::system::error_code;

std::string default_socket() {
    std::string folder = "/run/lwm2m-gateway";
    if (const char* given = std::getenv("RUNTIME_DIRECTORY"); given != nullptr && *given != '\0')
        folder = std::string(given).substr(0, std::string_view(given).find(':'));
    return folder + "/control.sock";
}

/// One peer. Reads always, so that a peer that leaves is noticed whatever is going on.
class Server::Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(Server& server, stream_protocol::socket socket)
        : server_(&server), socket_(std::move(socket)), reading_(server.timers_), writing_(server.timers_) {}

    void start() {
        rest();
        read();
    }

    /// Says one thing and leaves.
    void turn_away(Errc code, std::string why) {
        closing_ = true;
        send(answer_line(0, fail(code, std::move(why))));
    }

    /// The peer left, or must; `server` is told in a turn of its own.
    void drop() {
        if (!socket_.is_open()) return;
        part();
        boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
            if (self->server_ != nullptr) self->server_->connections_.erase(self);
        });
    }

    /// The server goes: nobody is told.
    void leave() {
        part();
        server_ = nullptr;
    }

private:
    class OverSocket;

    void part() {
        error_code ignored;
        socket_.close(ignored);
        reading_.cancel();
        writing_.cancel();
        queue_.clear();
        if (const auto call = std::exchange(call_, nullptr)) call->left();
    }

    void rest() {
        const auto limit = pending_.empty() ? idle_limit : request_limit;
        reading_.set(server_->timers_.now() + limit, [this] {
            if (call_ != nullptr) return;  // busy with what it asked for
            ++server_->counts_.dropped;
            drop();
        });
    }

    void read() {
        socket_.async_read_some(boost::asio::buffer(chunk_),
                                [self = shared_from_this()](const error_code& error, std::size_t size) {
                                    if (error) return self->drop();
                                    self->took({self->chunk_.data(), size});
                                    if (self->socket_.is_open()) self->read();
                                });
    }

    void took(std::string_view text) {
        if (closing_) return;
        const bool whole = pending_.empty();
        pending_.append(text);
        if (pending_.size() > most_request) {
            // What is longer than any request may be, or sent without waiting for answers.
            const auto end = pending_.find('\n');
            ++server_->counts_.dropped;
            if (call_ == nullptr && (end == std::string::npos || end > most_request)) {
                pending_.clear();
                turn_away(Errc::too_large, fmt::format("a request has at most {} bytes", most_request));
            } else {
                drop();
            }
            return;
        }
        if (whole && call_ == nullptr) rest();
        next();
    }

    /// Takes the next whole line, once the last one's answer has left: so no more than one waits to be written.
    void next() {
        if (call_ != nullptr || closing_ || busy_ || !queue_.empty()) return;
        const auto end = pending_.find('\n');
        if (end == std::string::npos) return;
        const std::string line = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        auto request = parse_request(line);
        ++server_->counts_.served;
        if (!request) {
            send(answer_line(0, tl::unexpected(request.error())));
            return;
        }
        reading_.cancel();
        call_ = std::make_shared<OverSocket>(weak_from_this(), std::move(*request));
        server_->handler_(call_);
    }

    /// The next line in a turn of its own, so that a flood of requests leaves time for the devices.
    void turn() {
        boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
            if (!self->socket_.is_open() || self->call_ != nullptr) return;
            self->rest();
            self->next();
        });
    }

    void event(std::int64_t id, const Json& event) {
        if (!socket_.is_open()) return;
        if (queue_.size() >= most_events) {  // all of them events: an answer ends its call
            queue_.pop_front();
            ++lost_;
        }
        send(event_line(id, event, std::exchange(lost_, 0)));
    }

    void answered(std::int64_t id, const Result<Json>& result) {
        if (!socket_.is_open()) return;
        call_ = nullptr;
        send(answer_line(id, result));
    }

    void send(std::string line) {
        queue_.push_back(std::move(line));
        write();
    }

    void write() {
        if (busy_ || !socket_.is_open()) return;
        if (queue_.empty()) {
            if (closing_)
                drop();
            else if (call_ == nullptr)
                turn();
            return;
        }
        current_ = std::move(queue_.front());
        queue_.pop_front();
        busy_ = true;
        written_ = 0;
        write_on();
    }

    /// In pieces, so that the time limit is one of progress and not of a long answer.
    void write_on() {
        writing_.set(server_->timers_.now() + write_limit, [this] {
            ++server_->counts_.dropped;
            drop();
        });
        socket_.async_write_some(boost::asio::buffer(current_.data() + written_, current_.size() - written_),
                                 [self = shared_from_this()](const error_code& error, std::size_t size) {
                                     if (error) return self->drop();
                                     self->written_ += size;
                                     if (self->written_ < self->current_.size()) return self->write_on();
                                     self->writing_.cancel();
                                     self->busy_ = false;
                                     self->write();
                                 });
    }

    class OverSocket final : public Call {
    public:
        OverSocket(std::weak_ptr<Connection> connection, Request request)
            : Call(std::move(request.what), std::move(request.with)), connection_(std::move(connection)), id_(request.id) {}
        void event(Json event) override {
            if (const auto connection = open()) connection->event(id_, event);
        }
        void done(Result<Json> result) override {
            const auto connection = open();
            done_ = true;
            const auto freed = std::exchange(on_gone, nullptr);
            if (connection) connection->answered(id_, result);
        }
        void left() {
            done_ = true;
            if (const auto told = std::exchange(on_gone, nullptr)) told();
        }

    private:
        std::shared_ptr<Connection> open() { return done_ ? nullptr : connection_.lock(); }
        std::weak_ptr<Connection> connection_;
        std::int64_t id_;
        bool done_ = false;
    };

    Server* server_;  // null: it went
    stream_protocol::socket socket_;
    base::Timer reading_, writing_;
    std::array<char, 4096> chunk_{};
    std::string pending_;  // not yet a request
    std::shared_ptr<OverSocket> call_;
    std::deque<std::string> queue_;  // events and the answer after them
    std::uint64_t lost_ = 0;         // events
    std::string current_;
    std::size_t written_ = 0;
    bool busy_ = false, closing_ = false;
};

Server::Server(boost::asio::any_io_executor executor, base::Timers& timers, Handler handler)
    : executor_(executor), timers_(timers), handler_(std::move(handler)), acceptor_(executor), pause_(timers) {}

Server::~Server() { close(); }

Result<void> Server::listen(const std::string& path) {
    if (path.size() >= sizeof(sockaddr_un::sun_path))
        return fail(Errc::bad_request, fmt::format("the path is longer than {} bytes", sizeof(sockaddr_un::sun_path) - 1));
    error_code error;
    const auto folder = std::filesystem::path(path).parent_path();
    if (!folder.empty() && mkdir(folder.c_str(), 0750) != 0 && errno != EEXIST)
        return fail(Errc::internal, fmt::format("the folder {} cannot be made: {}", folder.string(),
                                                error_code(errno, boost::system::system_category()).message()));
    struct stat there {};
    if (lstat(path.c_str(), &there) == 0) {
        if (!S_ISSOCK(there.st_mode)) return fail(Errc::bad_request, fmt::format("{} is there and is no socket", path));
        stream_protocol::socket probe(executor_);
        probe.open(stream_protocol(), error);
        probe.non_blocking(true, error);  // its queue may be full: then there is somebody too
        probe.connect(stream_protocol::endpoint(path), error);
        if (!error || error != boost::asio::error::connection_refused)
            return fail(Errc::busy, fmt::format("another gateway serves {}", path));
        unlink(path.c_str());
    }
    acceptor_.open(stream_protocol(), error);
    if (!error) {
        const mode_t mask = umask(0177);  // nobody may come in between bind and chmod
        acceptor_.bind(stream_protocol::endpoint(path), error);
        umask(mask);
    }
    if (!error && chmod(path.c_str(), 0660) != 0) error.assign(errno, boost::system::system_category());
    if (!error) acceptor_.listen(16, error);
    if (error) {
        error_code ignored;
        acceptor_.close(ignored);
        return fail(Errc::internal, error.message());
    }
    if (lstat(path.c_str(), &there) == 0) inode_ = there.st_ino;
    path_ = path;
    accept();
    return {};
}

void Server::close() {
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    for (const auto& connection : std::exchange(connections_, {})) connection->leave();
    struct stat there {};
    if (!path_.empty() && lstat(path_.c_str(), &there) == 0 && there.st_ino == inode_) unlink(path_.c_str());
    path_.clear();
}

Server::Counts Server::counts() const {
    auto counts = counts_;
    counts.open = connections_.size();
    return counts;
}

void Server::accept() {
    acceptor_.async_accept([this, here = std::weak_ptr(here_)](const error_code& error, stream_protocol::socket socket) {
        if (here.expired() || !acceptor_.is_open()) return;
        if (error) {  // no descriptors left, most likely: they come back
            pause_.set(timers_.now() + std::chrono::seconds(1), [this] { accept(); });
            return;
        }
        welcome(std::move(socket));
        accept();
    });
}

Server::Peer Server::look_at(int socket) {
    ucred who{};
    socklen_t size = sizeof who;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return {};
    Peer peer{who.uid, true, who.uid == 0 || who.uid == geteuid() || who.gid == getegid()};
    // Its other groups; a kernel that does not tell them leaves the three above.
    std::vector<gid_t> groups(64);
    size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    int got = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
    if (got != 0 && errno == ERANGE && size <= 65'536 * sizeof(gid_t)) {
        groups.resize(size / sizeof(gid_t));
        got = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
    }
    if (got == 0) {
        groups.resize(size / sizeof(gid_t));
        peer.welcome = peer.welcome || std::find(groups.begin(), groups.end(), getegid()) != groups.end();
    }
    return peer;
}

void Server::welcome(stream_protocol::socket socket) {
    const Peer peer = look_at(socket.native_handle());
    const bool full = connections_.size() >= most_connections;
    if (peer.welcome && !full) {
        const auto connection = std::make_shared<Connection>(*this, std::move(socket));
        connections_.insert(connection);
        connection->start();
        return;
    }
    // Told in one piece that fits the socket's buffer, and closed: nothing is kept of who is not let in.
    ++counts_.refused;
    const auto line =
        peer.welcome
            ? answer_line(0, fail(Errc::busy, fmt::format("{} connections are open already", most_connections)))
            : answer_line(0, fail(Errc::unauthorized, "only root, the gateway's user and the members of its group may ask"));
    if (!peer.welcome && counts_.refused < 10)
        base::log().warn("control socket: user {} was refused", peer.known ? std::to_string(peer.user) : "unknown");
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(boost::asio::buffer(line), ignored);
}

}  // namespace gateway::control
