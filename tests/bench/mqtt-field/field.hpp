#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

/// What both subscribers and the publisher share.
namespace field {

inline std::int64_t now_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Counts messages and their age; a message says in `t` when it was made, in µs of this machine's steady clock.
struct Tally {
    std::uint64_t count = 0;
    std::int64_t first = 0, last = 0;
    std::vector<std::int64_t> ages;

    void add(std::int64_t made) {
        const auto now = now_us();
        if (count++ == 0) first = now;
        last = now;
        if (ages.size() < 4'000'000) ages.push_back(now - made);
    }
    /// One line of JSON.
    std::string str() const;
};

/// Plain Paho, nothing behind it: until `quiet` seconds without a message.
Tally bare(int port, int qos, double quiet);

}  // namespace field
