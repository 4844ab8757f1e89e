#pragma once

#include "adapters/ble/settings.hpp"

#include <set>
#include <unordered_map>

namespace adapters::ble {

/// The counters of encrypted beacons over restarts, packed for Sink::remember (256 keys of 4 kB): 64 keys "replay 00" to
/// "replay 3f", each device in that of its address's last byte. At most most_devices, and 140 with the same key.
class ReplayBook {
public:
    /// What was remembered. Whatever makes no sense is left alone.
    void recall(const Words& remembered);
    std::optional<std::uint32_t> counter(const Address&) const;
    /// Notes the device's greatest counter; true when it moved.
    bool note(const Address&, std::uint32_t counter);
    /// A device that is no more.
    void forget(const Address&);
    /// Hands on what changed since the last call.
    void save(const std::function<void(std::string key, std::string value)>& remember);

private:
    static constexpr std::size_t longest_entry = 4'000;  // bytes of one key's text before the last device
    std::unordered_map<Address, std::uint32_t> counters_;
    std::set<std::uint8_t> changed_;
};

}  // namespace adapters::ble
