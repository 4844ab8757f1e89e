#pragma once

#include "gateway/base/bytes.hpp"
#include "gateway/base/result.hpp"

#include <functional>
#include <span>
#include <string>

namespace adapters::modbus {

/// One connection to a device or a serial server at a time, as a stream of bytes: TCP, TLS, or a device that dials in.
/// All calls and call-backs are on the core loop; nothing blocks it.
class Stream {
public:
    /// How it is connected ("connected", "connected to the fallback …"), or why it is not, in one line for the operator.
    /// Errc::timeout: it has waited long enough by itself, so the next try may come at once.
    using Opened = std::function<void(base::Result<std::string>)>;

    virtual ~Stream() = default;
    /// Connects. Calls `opened` once, never from within this call, unless close() comes first.
    virtual void open(Opened opened) = 0;
    /// Also ends open() and await(): no call-back after it.
    virtual void close() = 0;
    /// Closes for good; takes no more callers.
    virtual void end() { close(); }
    /// What has come, at most as much as `into` holds. 0: nothing now. Errc::offline: the connection is over.
    virtual base::Result<std::size_t> read(std::span<std::uint8_t> into) = 0;
    /// All of a frame, or Errc::offline. Nothing else waits in the buffer below: a frame of 260 bytes that does not fit
    /// means a peer that reads nothing.
    virtual base::Result<void> write(base::ByteView) = 0;
    /// Calls `ready` once, when read() has something to say.
    virtual void await(std::function<void()> ready) = 0;
    /// Between two requests: takes a better connection when there is one. True: it did; what came on the old one is void,
    /// and await() is to be called anew.
    virtual bool renew() { return false; }
    /// The device dials: a connection that was closed comes back when the device pleases.
    virtual bool passive() const { return false; }
};

}  // namespace adapters::modbus
