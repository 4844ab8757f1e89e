#pragma once

#include "adapters/modbus/bus.hpp"
#include "adapters/modbus/link_settings.hpp"
#include "adapters/modbus/serial_master.hpp"
#include "gateway/base/log.hpp"

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

namespace adapters::modbus {

/// A serial line: one thread with one command at a time (its queue is the adapter's), results posted to the loop.
/// A device file that is gone or cannot be opened is tried again after 1 s, at most 4 s.
class RtuBus final : public Bus {
public:
    RtuBus(boost::asio::any_io_executor, base::Timers&, base::Random&, SerialLine, SerialPort::Ioctl = {});
    ~RtuBus() override;

    void start(Changed) override;
    void stop(std::function<void()> stopped) override;
    void exchange(Request, base::Milliseconds timeout, Answer) override;
    void tap(Tap) override;
    bool rtu_frames() const override { return true; }
    Result<void> tune(const SerialLine&) override;
    std::optional<std::chrono::microseconds> turnaround() const override { return turnaround_; }
    /// Nothing in a serial frame tells a late answer from the next one: an answer may be late by three time-outs, and is
    /// then thrown away before the next request to its unit.
    base::Milliseconds settle(base::Milliseconds timeout) const override { return SerialMaster::lateness * timeout; }

private:
    struct Command {
        std::optional<Request> request;  // none: open the device
        base::Milliseconds timeout{};
        SerialLine line{};  // its speed and parity
    };
    void run();
    void tell(std::vector<std::string> notes);
    void give(std::optional<Command>);
    void closed(const std::string& why);
    void become(State, const std::string& why);
    void join();
    template <class F>
    void to_loop(F);

    boost::asio::any_io_executor executor_;
    base::Random& random_;
    base::Timers& timers_;
    const SerialLine line_;
    const SerialPort::Ioctl ioctl_;
    SerialLine format_;  // what the next exchange is to have
    base::Timer retry_;
    base::Milliseconds backoff_{0};
    Changed changed_;
    State state_ = State::starting;
    Answer answer_;
    Tap tap_;
    std::optional<std::chrono::microseconds> turnaround_;
    base::Once said_;
    std::function<void()> stopped_;
    boost::asio::any_io_executor busy_;  // keeps the loop alive while the thread runs
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);

    int wake_ = -1;  // eventfd
    std::atomic<bool> tapped_{false};
    std::mutex mutex_;
    std::optional<Command> command_;  // under mutex_
    bool ending_ = false;             // under mutex_
    std::thread thread_;
};

}  // namespace adapters::modbus
