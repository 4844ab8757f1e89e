#pragma once

#include "adapters/modbus/tcp_stream.hpp"

#include <list>
#include <memory>
#include <optional>
#include <vector>

namespace adapters::modbus {

class DialInListener;

/// What the first bytes of a caller say, held against what each link of the address waits for.
struct Greeted {
    enum class As : std::uint8_t { unfinished, known, unknown };
    As as = As::unknown;
    std::size_t which = 0;  ///< known, or unfinished with `known_so_far`: the index of the longest hello that is there
    bool known_so_far = false;
};
/// No hello is empty, unless it is the only one.
Greeted match_hello(base::ByteView first_bytes, const std::vector<base::Bytes>& hellos);

/// The connection of a device that dials in. One at a time: a newer one replaces the older, since a modem that lost its
/// network dials anew long before the old connection is known to be dead. Several links may wait at one address, told apart
/// by their hello. open() waits: for 5 s, then, once it has said that nobody came, for a minute each.
class DialInStream final : public Stream {
public:
    DialInStream(boost::asio::any_io_executor, base::Timers&, TcpAddress listen, base::Bytes hello);
    ~DialInStream() override { end(); }

    void open(Opened) override;
    void close() override;
    void end() override;
    base::Result<std::size_t> read(std::span<std::uint8_t> into) override;
    base::Result<void> write(base::ByteView bytes) override { return tcp_.write(bytes); }
    void await(std::function<void()> ready) override;
    bool passive() const override { return true; }

    const base::Bytes& hello() const { return hello_; }
    /// From the listener: a device, and what it sent behind its hello.
    void arrived(TcpStream::Tcp::socket, base::Bytes early);

private:
    struct Caller {
        TcpStream::Tcp::socket socket;
        base::Bytes early;
    };
    void take();
    void later(std::function<void()>);

    boost::asio::any_io_executor executor_;
    base::Timers& timers_;
    const TcpAddress listen_;
    const base::Bytes hello_;
    TcpStream tcp_;
    base::Bytes early_;  // that read() gives first
    std::shared_ptr<DialInListener> listener_;
    std::optional<Caller> next_;
    base::Timer patience_;
    Opened opened_;
    std::function<void()> ready_;
    bool nobody_came_ = false;
    std::shared_ptr<std::uint64_t> alive_;  // as TcpStream's
};

}  // namespace adapters::modbus
