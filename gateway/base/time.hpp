#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

namespace base {

using namespace std::chrono_literals;

/// Monotonic: for deadlines and periods.
using Instant = std::chrono::steady_clock::time_point;
/// Time of day in UTC: for what a server is told. May jump.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;
using Milliseconds = std::chrono::milliseconds;

/// The only clock and the only way to wait. main() gives the real ones (gateway/asio_timers), tests
/// give tests/fakes/manual_timers.hpp. All calls and call-backs are on the core loop.
class Timers {
public:
    using Id = std::uint64_t;  // 0: none

    virtual Instant now() const = 0;
    virtual WallTime wall() const = 0;
    /// Calls `what` once at or soon after `when`, never from within this call.
    virtual Id at(Instant when, std::function<void()> what) = 0;
    /// After this returns `what` will not be called. Unknown and spent ids are ignored.
    virtual void cancel(Id id) = 0;

protected:
    ~Timers() = default;
};

/// One alarm that is cancelled with its owner.
class Timer {
public:
    explicit Timer(Timers& timers) : timers_(&timers) {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() { cancel(); }

    /// Replaces an alarm that is set.
    void set(Instant when, std::function<void()> what) {
        cancel();
        id_ = timers_->at(when, [this, what = std::move(what)] {
            id_ = 0;
            what();
        });
    }
    void cancel() {
        if (id_ != 0) timers_->cancel(std::exchange(id_, 0));
    }
    bool is_set() const { return id_ != 0; }

private:
    Timers* timers_;
    Timers::Id id_ = 0;
};

/// Where tokens, message ids and jitter come from; main() gives a cryptographic one.
class Random {
public:
    virtual std::uint64_t next() = 0;
    /// Uniform in [0, 1).
    double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

protected:
    ~Random() = default;
};

}  // namespace base
