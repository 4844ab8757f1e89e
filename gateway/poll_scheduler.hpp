#pragma once

#include "gateway/end_devices.hpp"

#include <optional>
#include <queue>
#include <unordered_map>
#include <vector>

namespace gateway {

/// Decides which group of which device is read next on one link; does no I/O and owns no clock.
///
/// All groups are due at start, then each keeps its own phase, so that equal periods are spread over time. A period that
/// was missed is left out, never caught up. A device that is offline is only probed, when EndDevice::next_try has come,
/// and all probes together that are not answered take at most a tenth of the link's time.
class PollScheduler {
public:
    PollScheduler(const EndDevices&, const std::vector<DeviceIndex>& devices, base::Instant start);

    struct Due {
        DeviceIndex device = 0;
        std::uint16_t group = 0;
        bool probe = false;     ///< of a device that is offline: read its probe point, if it has one
        base::Instant since{};  ///< when it was due
    };
    /// The poll that has waited longest, if any is due. It is out of the plan until finished().
    std::optional<Due> take(base::Instant now);
    /// `asked`: when it left.
    void finished(const Due&, bool answered, base::Instant asked, base::Instant now);
    /// The device is back, or may be: everything of it is due now, but for `answered`, the group whose answer brought it
    /// back. While it still counts as offline only its first group is asked.
    static constexpr std::uint16_t no_group = 0xFFFF;
    void wake(DeviceIndex, base::Instant now, std::uint16_t answered = no_group);
    /// The next try of a device that is offline was brought forward.
    void probe(DeviceIndex);
    /// When take() may have something; Instant::max() for never.
    base::Instant next() const;

    /// A server's observation wants this group as often as `period`, if the link has time for it; nothing ends that.
    void hasten(DeviceIndex, std::uint16_t group, std::optional<base::Milliseconds> period, base::Instant now);
    /// How much of the link's time went into polls in about the last minute, 0 to 1.
    double busy(base::Instant now) const;
    /// Hastened groups keep to their own period while the link is busier than this, 0 to 1.
    void set_busy_limit(double limit) { busy_limit_ = limit; }
    /// So many polls at the same time make the link busy; 1 at first.
    void set_at_once(std::size_t polls) { at_once_ = static_cast<double>(polls); }

private:
    struct Slot {
        DeviceIndex device;
        std::uint16_t group;
        bool resting = false;  ///< planned in resting_
        bool woken = false;    ///< asked once as if the device were there
        base::Instant planned;
        base::Instant phase;
    };
    struct Entry {
        base::Instant when;
        std::uint32_t slot;
        bool operator>(const Entry& other) const { return std::tie(when, slot) > std::tie(other.when, other.slot); }
    };
    using Queue = std::priority_queue<Entry, std::vector<Entry>, std::greater<>>;

    void plan(std::uint32_t slot, base::Instant when);
    void rest(std::uint32_t slot);
    void prune(Queue&, bool resting) const;
    std::uint32_t slot_of(DeviceIndex device, std::uint16_t group) const { return first_slot_.at(device) + group; }
    const Group& group_of(const Slot& slot) const { return devices_.at(slot.device).info->groups[slot.group]; }
    base::Instant::duration period_of(std::uint32_t slot, base::Instant now) const;
    void spent(base::Instant::duration, base::Instant now);

    const EndDevices& devices_;
    std::vector<Slot> slots_;
    std::unordered_map<DeviceIndex, std::uint32_t> first_slot_;
    // An entry whose time is not its slot's any more is void; next() drops those.
    mutable Queue due_, resting_;
    base::Instant probe_after_{};
    std::unordered_map<std::uint32_t, base::Milliseconds> hastened_;
    double busy_limit_ = 1.0, at_once_ = 1.0;
    // A moving average with a time constant of 30 s.
    double load_ = 0;
    base::Instant load_at_{};
};

}  // namespace gateway
