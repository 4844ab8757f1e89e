#pragma once

#include "adapters/modbus/frame.hpp"
#include "gateway/base/time.hpp"

#include <functional>
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
    /// Only in state up, and only when the one before was answered. `timeout` runs from the last byte sent. Answers
    /// once, never from within this call: the data bytes of a read, or an error (timeout, offline, malformed, the
    /// device's exceptions).
    virtual void exchange(Request, base::Milliseconds timeout, Answer) = 0;
    /// How long a unit that did not answer is left alone, so that its late answer cannot be taken for the next one.
    virtual base::Milliseconds settle(base::Milliseconds timeout) const = 0;
};

}  // namespace adapters::modbus
