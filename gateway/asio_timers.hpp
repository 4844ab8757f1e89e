#pragma once

#include "gateway/base/time.hpp"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>

namespace gateway {

/// The real clock. One kernel timer for all alarms.
class AsioTimers final : public base::Timers {
public:
    explicit AsioTimers(boost::asio::io_context& loop) : timer_(loop) {}

    AsioTimers(const AsioTimers&) = delete;
    AsioTimers& operator=(const AsioTimers&) = delete;
    ~AsioTimers();

    base::Instant now() const override { return std::chrono::steady_clock::now(); }
    base::WallTime wall() const override {
        return std::chrono::time_point_cast<base::Milliseconds>(std::chrono::system_clock::now());
    }
    Id at(base::Instant when, std::function<void()> what) override;
    void cancel(Id id) override;

private:
    using Key = std::pair<base::Instant, Id>;
    void arm();
    void fire();

    boost::asio::steady_timer timer_;
    base::Instant armed_ = base::Instant::max();
    bool firing_ = false;
    Id last_ = 0;
    std::map<Key, std::function<void()>> alarms_;
    std::map<Id, base::Instant> when_;
};

/// The kernel's random numbers, fetched in blocks.
class SystemRandom final : public base::Random {
public:
    std::uint64_t next() override;

private:
    std::array<std::uint64_t, 32> block_{};
    std::size_t used_ = block_.size();
};

}  // namespace gateway
