#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <string>

/// What both subscribers and the publisher share.
namespace field {

inline std::int64_t now_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Counts messages and their age; a message says in `t` when it was made, in µs of this machine's steady clock. Ages are
/// kept by size, each power of two in 64 steps (1.6 %), so that what is measured does not grow with what measures it.
class Tally {
public:
    void add(std::int64_t made) {
        const auto now = now_us();
        if (count++ == 0) first = now;
        last = now;
        ++ages_[step_of(static_cast<std::uint64_t>(std::max<std::int64_t>(now - made, 0)))];
    }
    /// One line of JSON.
    std::string str() const;

    std::uint64_t count = 0;
    std::int64_t first = 0, last = 0;

private:
    static constexpr unsigned fine = 64, powers = 34;
    static std::size_t step_of(std::uint64_t age) {
        age = std::min<std::uint64_t>(age, (std::uint64_t{1} << powers) - 1);
        const auto width = static_cast<unsigned>(std::bit_width(age));
        if (width <= 7) return static_cast<std::size_t>(age);
        return (width - 7) * fine + static_cast<std::size_t>(age >> (width - 7));
    }
    /// The age that `part` of all messages do not exceed, in µs.
    std::uint64_t age_at(double part) const;

    std::array<std::uint32_t, (powers - 5) * fine> ages_{};
};

/// Plain Paho, nothing behind it: until `quiet` seconds without a message.
Tally bare(int port, int qos, double quiet);

}  // namespace field
