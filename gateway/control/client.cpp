#include "gateway/control/client.hpp"

#include "gateway/control/request.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace gateway::control {

using base::Errc;
using base::fail;
using base::Result;
using Clock = std::chrono::steady_clock;

Client::~Client() {
    if (socket_ >= 0) close(socket_);
}
Client::Client(Client&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), pending_(std::move(other.pending_)), last_(other.last_) {}
Client& Client::operator=(Client&& other) noexcept {
    std::swap(socket_, other.socket_);
    pending_ = std::move(other.pending_);
    last_ = other.last_;
    return *this;
}

Result<Client> Client::connect(const std::string& path) {
    sockaddr_un address{};
    if (path.size() >= sizeof address.sun_path) return fail(Errc::bad_request, "the socket's path is too long");
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    Client client;
    client.socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client.socket_ < 0) return fail(Errc::internal, "no socket: " + std::string(std::strerror(errno)));
    const timeval limit{5, 0};  // a full queue of connections
    setsockopt(client.socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (::connect(client.socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        if (errno == EACCES || errno == EPERM)
            return fail(Errc::unauthorized,
                        fmt::format("this user may not use {}; root, the gateway's user and its group may", path));
        return fail(Errc::offline, fmt::format("no gateway serves {}: {}", path, std::strerror(errno)));
    }
    return client;
}

Result<std::string> Client::line(Clock::time_point until) {
    for (;;) {
        if (const auto end = pending_.find('\n'); end != std::string::npos) {
            auto line = pending_.substr(0, end);
            pending_.erase(0, end + 1);
            return line;
        }
        if (pending_.size() > most_answer) return fail(Errc::malformed, "the answer is too long");
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
        if (left <= 0) return fail(Errc::timeout, "the gateway did not answer in time");
        pollfd wait{socket_, POLLIN, 0};
        const int ready = poll(&wait, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
        if (ready < 0 && errno == EINTR) return fail(Errc::timeout, "interrupted");
        if (ready <= 0) continue;
        std::array<char, 16 * 1024> chunk;
        const auto got = recv(socket_, chunk.data(), chunk.size(), 0);
        if (got <= 0) return fail(Errc::offline, "the gateway ended the connection");
        pending_.append(chunk.data(), static_cast<std::size_t>(got));
    }
}

Result<Json> Client::ask(const std::string& what, const Json& with, const OnEvent& on_event, bool endless) {
    const auto id = ++last_;
    const auto request = line_of(Json{{"v", protocol_version}, {"id", id}, {"do", what}, {"with", with}}) + "\n";
    for (std::size_t sent = 0; sent < request.size();) {
        const auto count = send(socket_, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) break;  // what it said before it closed says more than EPIPE
        sent += static_cast<std::size_t>(count);
    }
    for (;;) {
        const auto text = line(endless ? Clock::time_point::max() - std::chrono::hours(1) : Clock::now() + patience);
        if (!text) return tl::unexpected(text.error());
        const Json answer = Json::parse(*text, nullptr, false);
        if (!answer.is_object()) return fail(Errc::malformed, "the answer is no JSON object");
        if (const auto error = answer.find("error"); error != answer.end()) {
            const auto kind = error->value("kind", std::string()), message = error->value("message", std::string());
            return fail(errc_of(kind).value_or(Errc::internal), message);
        }
        if (answer.value("id", std::int64_t{0}) != id) return fail(Errc::malformed, "the answer belongs to another request");
        if (const auto ok = answer.find("ok"); ok != answer.end()) return *ok;
        const auto event = answer.find("event");
        if (event == answer.end()) return fail(Errc::malformed, "the answer says nothing");
        if (on_event && !on_event(*event, answer.value("dropped", std::uint64_t{0}))) {
            close(std::exchange(socket_, -1));
            return Json(nullptr);
        }
    }
}

}  // namespace gateway::control
