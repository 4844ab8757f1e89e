#pragma once

#include "adapters/modbus/frame.hpp"
#include "adapters/modbus/link_settings.hpp"
#include "gateway/base/time.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace adapters::modbus {

/// The wire under an adapter: carries one request at a time and minds its own connection. All calls and call-backs are
/// on the core loop; nothing blocks it.
class Bus {
public:
    enum class State : std::uint8_t {
        starting,  ///< the first attempt is under way: requests wait
        up,        ///< requests may be given (a short reconnect may come before one is sent)
        away       ///< known to be away; tried again with back-off
    };
    using Changed = std::function<void(State, const std::string& why)>;
    using Answer = std::function<void(Result<Bytes>)>;

    virtual ~Bus() = default;
    virtual void start(Changed) = 0;
    /// Forgets the request under way, closes, then calls `stopped` from the loop. No call-back after it.
    virtual void stop(std::function<void()> stopped) = 0;
    /// Only in state up, and only when the one before was answered. A broadcast (Request::broadcast) counts as answered, by
    /// no bytes, when its last byte was sent; the bus then keeps the turnaround delay of 100 ms by itself (serial line 1.02,
    /// 2.4.1). `timeout` runs from the last byte sent. Answers once, never from within this call: the data bytes of a read,
    /// or an error (timeout, offline, malformed, the device's exceptions).
    virtual void exchange(Request, base::Milliseconds timeout, Answer) = 0;
    /// Every frame from now on, as it stands on the wire; null ends it. Called on the loop.
    using Tap = std::function<void(bool sent, Bytes adu)>;
    virtual void tap(Tap) {}
    /// Its frames are those of a serial line (unit, PDU, check sum), not those of Modbus TCP.
    virtual bool rtu_frames() const { return false; }
    /// Another speed and parity from the next exchange on, for a scan. Only between two exchanges.
    virtual Result<void> tune(const SerialLine&) {
        return base::fail(base::Errc::not_allowed, "this link has no speed of its own");
    }
    /// How long the device of the last exchange thought: from the last byte sent to the first one of its answer, time on the
    /// network included. Nothing when no answer came. For the `Answer` to ask.
    virtual std::optional<std::chrono::microseconds> turnaround() const { return std::nullopt; }
    /// How long a unit that did not answer is left alone, so that its late answer cannot be taken for the next one.
    virtual base::Milliseconds settle(base::Milliseconds timeout) const = 0;
};

}  // namespace adapters::modbus
