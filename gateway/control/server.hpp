#pragma once

#include "gateway/base/time.hpp"
#include "gateway/control/call.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>

namespace gateway::control {

/// The control socket: a UNIX stream socket of mode 0660 for root, the daemon's own user and the members of its group.
/// The kernel's word on the peer counts (SO_PEERCRED), whatever the mode of the file became.
///
/// Bounds: `most_connections`, over it "busy" and closed; one request at a time on each, further ones wait in 64 kB, and
/// more than that ends the connection, as do a request that is not whole within `request_limit`, `idle_limit` without any,
/// and a reader that takes nothing for `write_limit`.
class Server {
public:
    static constexpr std::size_t most_connections = 8;
    static constexpr std::size_t most_events = 256;  ///< that wait for a slow reader; then the oldest goes
    static constexpr std::chrono::seconds request_limit{10}, idle_limit{300}, write_limit{10};

    Server(boost::asio::any_io_executor, base::Timers&, Handler);
    ~Server();

    /// Makes the last folder of `path` when it is missing, and takes the place of a socket that nobody serves any more.
    /// Errc::busy: another gateway serves it. Errc::internal, bad_request: it cannot be made.
    base::Result<void> listen(const std::string& path);
    /// Drops everyone and takes the socket's file away.
    void close();

    struct Counts {
        std::uint64_t served = 0, refused = 0, dropped = 0;  ///< requests; connections refused and dropped
        std::size_t open = 0;
    };
    Counts counts() const;

private:
    class Connection;
    struct Peer {
        std::uint32_t user = 0;
        bool known = false, welcome = false;
    };
    static Peer look_at(int socket);
    void accept();
    void welcome(boost::asio::local::stream_protocol::socket);

    boost::asio::any_io_executor executor_;
    base::Timers& timers_;
    Handler handler_;
    boost::asio::local::stream_protocol::acceptor acceptor_;
    std::string path_;
    std::uint64_t inode_ = 0;
    std::unordered_set<std::shared_ptr<Connection>> connections_;
    base::Timer pause_;
    Counts counts_;
    std::shared_ptr<int> here_ = std::make_shared<int>();  // expires with us: what was accepted meanwhile is let go
};

/// Where the socket is unless somebody says otherwise: below $RUNTIME_DIRECTORY when systemd gives one.
std::string default_socket();

}  // namespace gateway::control
