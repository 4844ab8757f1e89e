#pragma once

#include "adapters/modbus/frame.hpp"
#include "adapters/modbus/rtu_answer.hpp"
#include "adapters/modbus/serial_port.hpp"

#include <array>
#include <functional>
#include <optional>

namespace adapters::modbus {

/// The master of one serial line: blocking, for the bus's own thread. Before each request the line is drained and the
/// silence between frames kept, after a broadcast the turnaround delay; every answer is proved against its request; the
/// echo of an adapter that hears itself is recognised and dropped.
class SerialMaster {
public:
    static constexpr int lateness = 3;  ///< time-outs for which an answer may still come after one has passed
    /// What went over the line, in the order of its bytes.
    using Tap = std::function<void(bool sent, base::ByteView)>;

    /// `wake`: a descriptor that becomes readable when the thread is wanted; ends a wait for an answer.
    SerialMaster(SerialLine line, int wake, SerialPort::Ioctl ioctl = {});

    /// Errc::offline with a reason for the operator.
    Result<void> open();
    void close() { port_.close(); }
    bool is_open() const { return port_.is_open(); }
    /// Waits without end. False: the device is gone, and closed now. True: woken.
    bool idle();
    /// `timeout`: for the first byte of the answer, from the last one sent. Errc::offline: the device is gone, and
    /// closed now. Errc::timeout: no answer. Errc::malformed: an answer that cannot be it.
    Result<Bytes> exchange(const Request& request, base::Milliseconds timeout, const Tap& tap = {});
    /// Another speed and parity; the device is opened anew when they differ.
    Result<void> set_format(const SerialLine&);
    /// Of the last exchange that had an answer: from the last byte sent to the first one of the answer.
    std::optional<std::chrono::microseconds> turnaround() const { return turnaround_; }
    /// What an operator should know, since the last call.
    std::vector<std::string> take_notes() { return std::exchange(notes_, {}); }

private:
    using Clock = std::chrono::steady_clock;
    enum class Waited : std::uint8_t { bytes, nothing, woken, gone };
    enum class Echo : std::uint8_t { not_known, no, yes };

    Waited wait_until(Clock::time_point when, bool for_bytes);
    Result<void> quiet(base::Milliseconds patience);
    Result<Bytes> hear(const Request& request, base::Milliseconds timeout, const Tap& tap);
    void learn_echo(const Request& request, bool echoed);
    void forget();
    tl::unexpected<base::Error> gone(const std::string& why);
    std::chrono::microseconds time_of(std::size_t characters) const;

    SerialPort port_;
    const int wake_;
    Echo echo_ = Echo::not_known;
    bool echo_told_ = false;
    std::optional<std::chrono::microseconds> turnaround_;
    std::vector<std::string> notes_;
    Clock::time_point last_byte_{};                    // on the line, either way
    std::array<Clock::time_point, 256> late_until_{};  // answers of these units may still come
};

}  // namespace adapters::modbus
