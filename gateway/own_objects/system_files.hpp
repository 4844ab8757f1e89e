#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What the kernel tells in /proc and /sys. `root` is "" on a real system; tests give a folder that looks like one.
namespace gateway::own_objects {

/// At most 64 kB of a file; nothing when it cannot be read.
std::optional<std::string> read_file(const std::string& path);
/// A file that holds one whole number.
std::optional<std::int64_t> read_number(const std::string& path);
/// One word: the text without the line end.
std::optional<std::string> read_word(const std::string& path);
/// Names in a folder, sorted.
std::vector<std::string> names_in(const std::string& folder);

struct Memory {
    std::int64_t total = 0, free = 0;  ///< kB of 1,000 bytes
};
/// /proc/meminfo: MemTotal and MemAvailable.
Memory memory(const std::string& root);

/// /sys/class/power_supply.
struct PowerSource {
    std::int64_t kind = 6;  ///< of 3/0/6: 1 internal battery, 5 USB, 6 mains
    std::optional<std::int64_t> millivolts, milliamperes;
    std::optional<std::int64_t> level;   ///< per cent
    std::optional<std::int64_t> status;  ///< of 3/0/20: 0 normal, 1 charging, 2 full, 4 low, 6 unknown
};
std::vector<PowerSource> power_sources(const std::string& root);
/// There is a supply from outside, and none of them gives anything.
bool mains_off(const std::string& root);

/// "Europe/Berlin", from /etc/timezone or where /etc/localtime leads; "UTC" when neither tells.
std::string time_zone(const std::string& root);

struct Interface {
    std::string name;
    std::int64_t bearer = 41;  ///< of 4/0/0: 41 Ethernet, 21 WLAN, 22 Bluetooth, 6 LTE, 0 unknown cellular
    bool up = false;
    std::optional<std::int64_t> dbm, quality;  ///< of wireless ones
    std::int64_t sent = 0, received = 0;       ///< bytes since the start of the system
};
/// All but the loopback.
std::vector<Interface> interfaces(const std::string& root);
struct Route {
    std::string interface, router;  ///< the default route with the least metric; "" for none
};
Route default_route(const std::string& root);
/// Addresses of all interfaces but the loopback, without scope.
std::vector<std::string> ip_addresses();

}  // namespace gateway::own_objects
