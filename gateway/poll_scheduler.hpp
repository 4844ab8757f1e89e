#pragma once

#include "gateway/end_devices.hpp"

#include <optional>
#include <queue>
#include <vector>

namespace gateway {

/// Decides which group of which device is read next on each link; does no I/O and owns no clock.
///
/// All groups are due at start, then each keeps its own phase, so that equal periods are spread over time. A period that
/// was missed is left out, never caught up. A device that is offline is only probed, by its first group, when
/// EndDevice::next_try has come.
class PollScheduler {
public:
    PollScheduler(const EndDevices&, std::size_t links, base::Instant start);

    struct Due {
        DeviceIndex device;
        std::uint16_t group;
        base::Instant since;  ///< when it was due
    };
    /// The poll of this link that has waited longest, if any is due. It is out of the plan until finished().
    std::optional<Due> take(std::size_t link, base::Instant now);
    void finished(const Due&, bool answered, base::Instant now);
    /// The device is back: everything of it is due now, but for `answered`, the group whose answer brought it back.
    static constexpr std::uint16_t no_group = 0xFFFF;
    void wake(DeviceIndex, base::Instant now, std::uint16_t answered = no_group);
    /// When take() may have something; Instant::max() for never.
    base::Instant next(std::size_t link) const;

private:
    struct Entry {
        base::Instant when;
        std::uint32_t slot;
        bool operator>(const Entry& other) const { return std::tie(when, slot) > std::tie(other.when, other.slot); }
    };
    struct Slot {
        DeviceIndex device;
        std::uint16_t group;
        base::Instant planned;  ///< an entry with another time is void
        base::Instant phase;
    };
    using Queue = std::priority_queue<Entry, std::vector<Entry>, std::greater<>>;

    void plan(std::uint32_t slot, base::Instant when);
    std::size_t link_of(const Slot& slot) const { return devices_.at(slot.device).spec->link; }
    const Group& group_of(const Slot& slot) const { return devices_.at(slot.device).info->groups[slot.group]; }

    const EndDevices& devices_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> first_slot_;  // by device
    mutable std::vector<Queue> queues_;      // by link; next() drops void entries
};

}  // namespace gateway
