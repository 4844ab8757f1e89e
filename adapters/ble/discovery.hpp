#pragma once

#include "adapters/ble/settings.hpp"

namespace adapters::ble {

/// One rule of `discover:` on a radio. What is given must all fit.
struct DiscoveryRule {
    std::optional<std::uint16_t> company;
    std::optional<Uuid> service;       ///< that it says it has, or of its service data
    std::string name, address;         ///< patterns with * and ?; "": any
    std::optional<std::int16_t> rssi;  ///< at least
    const Decoder* decoder = nullptr;  ///< whose format it speaks, encrypted or not

    /// A find's facts: address, name, company, service, rssi.
    std::vector<std::string> facts() const;
};

/// Keys: match. Reports every mistake, then returns nothing.
std::optional<DiscoveryRule> read_rule(Fields& rule);
bool matches(const DiscoveryRule&, const Advertisement&);
/// The device as a scan or a rule tells it.
Found found(const Advertisement&);

}  // namespace adapters::ble
