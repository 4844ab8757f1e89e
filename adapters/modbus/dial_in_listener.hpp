#pragma once

#include "adapters/modbus/dial_in.hpp"
#include "gateway/base/log.hpp"

#include <boost/asio/execution_context.hpp>
#include <map>

namespace adapters::modbus {

/// One address where devices dial in, shared by the links that wait there; it listens as long as there is one. At most 64
/// callers have not said their hello, for 10 s each; those above, and those whose hello is nobody's, are dropped, counted
/// and logged once.
class DialInListener final : public std::enable_shared_from_this<DialInListener> {
public:
    static constexpr std::size_t most_callers = 64;
    static constexpr base::Milliseconds hello_patience{10'000};

    /// The listener of this address on this loop, made when there is none.
    static std::shared_ptr<DialInListener> of(const boost::asio::any_io_executor&, base::Timers&, const TcpAddress&);

    DialInListener(boost::asio::any_io_executor, base::Timers&, TcpAddress);

    /// Errc::offline: cannot listen, or another link waits for the same hello.
    base::Result<void> attach(DialInStream&);
    void detach(DialInStream&);
    std::uint64_t dropped() const { return dropped_; }

private:
    struct Caller {
        explicit Caller(TcpStream::Tcp::socket accepted) : socket(std::move(accepted)) {}
        TcpStream::Tcp::socket socket;
        base::Bytes said;
        base::Instant until{};
    };
    using CallerPtr = std::shared_ptr<Caller>;  // a wait for its bytes ends with it

    base::Result<void> listen();
    void accept();
    void come(TcpStream::Tcp::socket);
    void listen_to(const CallerPtr&);
    void hear(const CallerPtr&);
    void hand_over(const CallerPtr&, std::size_t which);
    void drop(const CallerPtr&, const std::string& why);
    void arm();
    void sweep();
    std::vector<base::Bytes> hellos() const;

    boost::asio::any_io_executor executor_;
    base::Timers& timers_;
    const TcpAddress address_;
    TcpStream::Tcp::acceptor acceptor_;
    std::vector<DialInStream*> waiting_;
    std::list<CallerPtr> callers_;  // oldest first
    base::Timer patience_;          // with the oldest caller
    base::Timer again_;             // accepting failed
    base::Once said_;
    std::uint64_t dropped_ = 0;
};

}  // namespace adapters::modbus
