#pragma once

#include "adapters/ble/address.hpp"
#include "adapters/ble/uuid.hpp"
#include "gateway/base/bytes.hpp"
#include "gateway/base/time.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace adapters::ble {

/// The most that one report brings: an extended advertisement has 1,650 bytes (Core 5.4, vol 6, B 2.3.4.9). What is more
/// is no advertisement, and dropped by whoever makes this.
constexpr std::size_t longest_data = 1'650, most_data_items = 64, longest_name = 248;

/// One report of one radio about one device.
struct Advertisement {
    Address address;
    AddressType type = AddressType::fixed;
    std::string adapter;               ///< the radio that heard it: "hci0"
    std::optional<std::int16_t> rssi;  ///< dBm; nothing when the radio does not say
    std::string name;                  ///< "": not said in this report
    std::optional<bool> connectable;   ///< nothing: not known
    /// Only what this report brought: data of an earlier one would be taken for a new measurement.
    std::vector<std::pair<std::uint16_t, base::Bytes>> manufacturer;  ///< company number, and what follows it
    std::vector<std::pair<Uuid, base::Bytes>> service_data;
    std::vector<Uuid> services;  ///< that it says it has
    base::Instant at{};
    base::WallTime wall{};

    /// Null when the report has none of that company or service.
    const base::Bytes* of_company(std::uint16_t company) const {
        for (const auto& [number, data] : manufacturer)
            if (number == company) return &data;
        return nullptr;
    }
    const base::Bytes* of_service(const Uuid& service) const {
        for (const auto& [uuid, data] : service_data)
            if (uuid == service) return &data;
        return nullptr;
    }
};

}  // namespace adapters::ble
