#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

namespace adapters::modbus {

/// What a unit takes before it answers: the median of its last nine answers. What is told changes rarely (at the fifth
/// answer, then every 32, and only by more than a quarter and 1 ms), so that the requests planned with it stay the same.
class Turnaround {
public:
    using Microseconds = std::chrono::microseconds;
    static constexpr unsigned enough = 5;

    void add(Microseconds took) {
        last_[seen_ % last_.size()] =
            static_cast<std::uint32_t>(std::clamp<std::int64_t>(took.count(), 0, std::int64_t{60} * 1'000'000));
        ++seen_;
        if (seen_ == enough || seen_ % 32 == 0) settle();
    }
    bool measured() const { return seen_ >= enough; }
    Microseconds told() const { return Microseconds(told_); }  ///< only when measured

private:
    void settle() {
        auto sorted = last_;
        const auto end = sorted.begin() + std::min<std::ptrdiff_t>(seen_, static_cast<std::ptrdiff_t>(sorted.size()));
        const auto middle = sorted.begin() + (end - sorted.begin()) / 2;
        std::nth_element(sorted.begin(), middle, end);
        const std::uint32_t off = *middle > told_ ? *middle - told_ : told_ - *middle;
        if (seen_ == enough || off > std::max<std::uint32_t>(told_ / 4, 1000)) told_ = *middle;
    }

    std::array<std::uint32_t, 9> last_{};
    std::uint32_t seen_ = 0, told_ = 0;
};

}  // namespace adapters::modbus
