#pragma once

#include "adapters/modbus/bus.hpp"
#include "adapters/modbus/rtu_answer.hpp"
#include "adapters/modbus/stream.hpp"

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace adapters::modbus {

/// A bus over a stream of bytes, on the core loop, without a thread of its own: Modbus TCP (by TCP, by TLS, or from a device
/// that dials in), or the frames of a serial line behind a serial server or modem.
///
/// Modbus TCP: a request without an answer leaves the connection standing, because the transaction tells its late answer from
/// others; two in a row, or anything else that is odd, replace the connection.
/// RTU frames: nothing tells a late answer, but a new connection never brings one that the old one held up. So each
/// time-out and each oddity replaces the connection, and the unit is left alone as on a serial line. A device that dials in
/// cannot be dialled: there the line is drained instead, and a connection is given up after six silences in a row.
class StreamBus final : public Bus {
public:
    struct Options {
        const SerialLine* line = nullptr;  ///< behind it, for RTU frames; null: Modbus TCP. Copied.
        base::Bytes heartbeat{};           ///< that the device sends now and then
        base::Milliseconds idle{0};        ///< closes the connection when nobody asked for so long; 0: never
    };
    StreamBus(boost::asio::any_io_executor, base::Timers&, base::Random&, std::unique_ptr<Stream>, Options);
    ~StreamBus() override;

    void start(Changed) override;
    void stop(std::function<void()> stopped) override;
    void exchange(Request, base::Milliseconds timeout, Answer) override;
    void tap(Tap tap) override { tap_ = std::move(tap); }
    bool rtu_frames() const override { return rtu_; }
    std::optional<std::chrono::microseconds> turnaround() const override { return turnaround_; }
    base::Milliseconds settle(base::Milliseconds timeout) const override;

private:
    struct Exchange {
        Request request;
        base::Milliseconds timeout{};
        Answer answer;
        std::uint16_t transaction = 0;
        bool sent = false;
        unsigned attempts = 0;  // connections that were lost before it was sent
        std::uint64_t serial = 0;
        base::Instant given_at{}, sent_at{}, expires{};
        std::optional<base::Instant> heard{};  // its first byte
        std::optional<RtuAnswer> rtu{};
    };
    enum class Wire : std::uint8_t { closed, connecting, open };

    void connect();
    void connected(const std::string& how);
    void connect_failed(const base::Error&);
    void close();
    void lost(base::Errc code, const std::string& why, bool reconnect);
    void fresh_connection();
    void begin();
    void send();
    void wait();
    void readable();
    bool receive();
    bool take();
    bool take_tcp();
    bool take_rtu();
    void strip_heartbeats();
    void expired();
    void arm(base::Instant when);
    void hold();
    void finish_later(Result<Bytes>);
    bool heartbeat_begins() const;
    void finish(Result<Bytes>);
    void rest();
    void become(State, const std::string& why);
    void show(bool sent, ByteView adu);
    bool gone(std::uint64_t generation) const { return generation_ != generation; }

    boost::asio::any_io_executor executor_;
    base::Timers& timers_;
    base::Random& random_;
    const std::unique_ptr<Stream> stream_;
    const bool rtu_;
    const base::Milliseconds idle_;
    const base::Bytes heartbeat_;
    const std::chrono::microseconds silence_;  // between the frames of the line behind
    base::Timer expiry_;                       // of the request under way; may be armed too early, never too late
    base::Timer pause_;                        // before the next connection attempt
    base::Timer hold_;                         // before the request may be sent
    base::Timer idling_;
    base::Instant expiry_at_{};

    Changed changed_;
    Tap tap_;
    State state_ = State::starting;
    Wire wire_ = Wire::closed;
    std::optional<Exchange> exchange_;
    Bytes got_;                              // of a frame that is not whole yet; at most 600 bytes
    std::deque<std::uint16_t> abandoned_;    // transactions whose answers may still come; six at most
    std::vector<base::Instant> late_until_;  // by unit, for RTU: its answer may still come
    base::Instant quiet_until_{};            // nothing is sent before
    std::uint16_t transaction_ = 0;
    unsigned silent_ = 0;  // requests in a row without an answer
    bool served_ = false;  // this connection has answered
    bool echoes_ = false;  // the line behind brings back what is sent
    base::Milliseconds backoff_{0};
    std::optional<std::chrono::microseconds> turnaround_;
    std::uint64_t generation_ = 0;  // counts connections
    std::uint64_t serial_ = 0;      // counts requests
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace adapters::modbus
