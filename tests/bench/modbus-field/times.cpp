#include "field.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace field {

void Times::note(std::uint32_t device, std::uint8_t function, std::uint16_t address, std::uint16_t count,
                 Clock::time_point now) {
    auto& series = series_[(std::uint64_t{device} << 32) | (std::uint64_t{function} << 16) | address];
    if (series.requests != 0) series.distances.push_back(std::chrono::duration<float, std::milli>(now - series.last).count());
    series.count = count;
    series.last = now;
    ++series.requests;
}

void Times::begin(Clock::time_point now) {
    series_.clear();
    begun_ = now;
}

std::string Times::json(std::chrono::milliseconds period, Clock::time_point now) const {
    std::uint64_t requests = 0;
    std::vector<float> off;
    float longest = 0;
    for (const auto& [key, series] : series_) {
        requests += series.requests;
        for (const float distance : series.distances) {
            off.push_back(std::abs(distance - static_cast<float>(period.count())));
            longest = std::max(longest, distance);
        }
        // One that is overdue counts too, else a device that is never asked again would look punctual.
        const auto since = std::chrono::duration<float, std::milli>(now - series.last).count();
        longest = std::max(longest, since);
    }
    std::sort(off.begin(), off.end());
    const auto part = [&](double share) {
        return off.empty() ? 0.0
                           : static_cast<double>(off[static_cast<std::size_t>(share * static_cast<double>(off.size() - 1))]);
    };
    const auto within = [&](double limit) {
        const auto end = std::upper_bound(off.begin(), off.end(), static_cast<float>(limit));
        return off.empty() ? 0.0 : static_cast<double>(end - off.begin()) / static_cast<double>(off.size());
    };
    char text[400];
    std::snprintf(text, sizeof text,
                  "\"requests\": %llu, \"different\": %zu, \"seconds\": %.3f, \"off_ms\": {\"p50\": %.2f, \"p99\": %.2f, "
                  "\"max\": %.2f}, \"within_tenth\": %.5f, \"longest_ms\": %.1f",
                  static_cast<unsigned long long>(requests), series_.size(),
                  std::chrono::duration<double>(now - begun_).count(), part(0.5), part(0.99), part(1.0),
                  within(static_cast<double>(period.count()) / 10), static_cast<double>(longest));
    return text;
}

}  // namespace field
