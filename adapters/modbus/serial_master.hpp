#pragma once

#include "adapters/modbus/frame.hpp"
#include "adapters/modbus/link_settings.hpp"

#include <modbus/modbus.h>
#include <array>
#include <memory>

namespace adapters::modbus {

/// The master of one serial line: blocking, for the bus's own thread. Before each request the line is drained and the
/// silence between frames kept; libmodbus frames and checks the sum; every answer is proved against its request.
class SerialMaster {
public:
    static constexpr int lateness = 3;  ///< time-outs for which an answer may still come after one has passed

    /// `wake`: a descriptor that becomes readable when the thread is wanted; ends a wait for an answer.
    SerialMaster(SerialLine line, int wake);
    ~SerialMaster() { close(); }

    /// Errc::offline with a reason for the operator.
    Result<void> open();
    void close();
    bool is_open() const { return fd_ >= 0; }
    /// Waits without end. False: the device is gone, and closed now. True: woken.
    bool idle();
    /// `timeout`: for the first byte of the answer, from the last one sent. Errc::offline: the device is gone, and
    /// closed now. Errc::timeout: no answer. Errc::malformed: an answer that cannot be it.
    Result<Bytes> exchange(const Request& request, base::Milliseconds timeout);

private:
    using Clock = std::chrono::steady_clock;
    enum class Waited : std::uint8_t { bytes, nothing, woken, gone };

    Waited wait_until(Clock::time_point when, bool for_bytes);
    Result<void> quiet(base::Milliseconds patience);
    tl::unexpected<base::Error> gone(const std::string& why);
    std::chrono::microseconds time_of(std::size_t characters) const;

    const SerialLine line_;
    const int wake_;
    std::unique_ptr<modbus_t, void (*)(modbus_t*)> modbus_{nullptr, &modbus_free};
    int fd_ = -1;
    Clock::time_point last_byte_{};                    // on the line, either way
    std::array<Clock::time_point, 256> late_until_{};  // answers of these units may still come
};

}  // namespace adapters::modbus
