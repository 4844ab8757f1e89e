#pragma once

#include "gateway/base/time.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace fakes {

/// Time that only moves when told. Hours of protocol in a moment.
class ManualTimers final : public base::Timers {
public:
    ManualTimers() = default;
    ManualTimers(const ManualTimers&) = delete;
    ManualTimers& operator=(const ManualTimers&) = delete;
    ~ManualTimers() { const auto dropped = std::exchange(alarms_, {}); }

    base::Instant now() const override { return now_; }
    base::WallTime wall() const override {
        return start_ + std::chrono::duration_cast<base::Milliseconds>(now_ - base::Instant{});
    }
    Id at(base::Instant when, std::function<void()> what) override {
        alarms_.emplace(std::pair{std::max(when, now_), ++last_}, std::move(what));
        return last_;
    }
    void cancel(Id id) override {
        std::erase_if(alarms_, [id](const auto& alarm) { return alarm.first.second == id; });
    }
    void advance(std::chrono::microseconds by) {
        const base::Instant until = now_ + by;
        while (!alarms_.empty() && alarms_.begin()->first.first <= until) {
            auto next = alarms_.extract(alarms_.begin());
            now_ = std::max(now_, next.key().first);
            next.mapped()();  // may plan more
        }
        now_ = until;
    }
    std::size_t waiting() const { return alarms_.size(); }
    void set_wall(base::WallTime at_zero) { start_ = at_zero; }

private:
    base::Instant now_{};
    base::WallTime start_{std::chrono::seconds(1'800'000'000)};
    Id last_ = 0;
    std::map<std::pair<base::Instant, Id>, std::function<void()>> alarms_;
};

/// The same numbers each time.
class FixedRandom final : public base::Random {
public:
    explicit FixedRandom(std::uint64_t seed = 1) : state_(seed) {}
    std::uint64_t next() override {  // splitmix64
        std::uint64_t z = state_ += 0x9E3779B97F4A7C15ULL;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ z >> 27) * 0x94D049BB133111EBULL;
        return z ^ z >> 31;
    }

private:
    std::uint64_t state_;
};

}  // namespace fakes
