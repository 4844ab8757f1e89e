#pragma once

#include "gateway/end_devices.hpp"

#include <cstdint>
#include <unordered_map>

namespace gateway {

/// Keeps a poll that was asked before a write from overwriting what was written (mapping format, section 3).
class WriteGuard {
public:
    using Stamp = std::uint64_t;
    /// Taken when a read is asked for.
    Stamp stamp() const { return last_; }
    /// When a write starts and again when it ends.
    void written(DeviceIndex device, PointNumber point) { at_[key(device, point)] = ++last_; }
    /// False: the point was written after the read was asked for; its answer may be older than the write.
    bool fresh(DeviceIndex device, PointNumber point, Stamp asked) const {
        if (at_.empty()) return true;
        const auto found = at_.find(key(device, point));
        return found == at_.end() || found->second <= asked;
    }

private:
    static std::uint64_t key(DeviceIndex device, PointNumber point) { return std::uint64_t{device} << 16 | point; }
    Stamp last_ = 0;
    std::unordered_map<std::uint64_t, Stamp> at_;  // at most one entry for each writable point
};

}  // namespace gateway
