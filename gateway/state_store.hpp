#pragma once

#include "adapters/api/adapter.hpp"
#include "gateway/base/node.hpp"
#include "gateway/base/result.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace gateway {

/// What a device was given, once and for ever: never handed to another device, also when this one is gone.
struct Given {
    std::string prefix;
    std::uint16_t instance = 0;  // of object 25
    friend bool operator==(const Given&, const Given&) = default;
};

/// A discovered device on which somebody decided.
struct FoundDevice {
    std::string rule, key, id, link, profile;
    bool approved = false;  ///< else refused
    adapters::Words site, facts;
    base::WallTime first_seen{};
    std::string note;
    base::Node device;  ///< as it would stand under `devices:`; secrets are references
};

/// All that must survive a restart, in the folder of --state. Every file is text, replaced in one atomic step and only
/// when something changed (flash); every line has its own check sum, so that damage costs no more than what it hit, and
/// what is vital is written twice. Without a folder it is kept in memory only.
///
/// | devices, devices.copy | prefix and object 25 instance of each device, and the next free numbers |
/// | found                 | discovered devices, approved and refused                               |
/// | learned               | what adapters remember, by link                                        |
/// | servers               | attributes, rights and names that servers wrote                        |
class StateStore {
public:
    /// Damage is told in the log. Errc::internal: the folder cannot be used.
    static base::Result<StateStore> open(const std::string& folder);

    // -- Prefixes.

    /// What the device has. `wanted`: the site's own prefix, "" for the next free devN.
    Given give(const std::string& device, const std::string& wanted);
    /// Device that owns a prefix, "" for none.
    std::string owner(const std::string& prefix) const;

    // -- Discovered devices, by (rule, key).

    using FoundKey = std::pair<std::string, std::string>;
    const std::map<FoundKey, FoundDevice>& found() const { return found_; }
    void keep(FoundDevice);
    void drop(const FoundKey&);

    // -- What adapters remember.

    static constexpr std::size_t most_keys = 256, most_value = 4'096, most_links = 1'000;
    adapters::Words learned(const std::string& link) const;
    /// An empty value forgets the key. False: over the limits above, nothing is kept.
    bool learn(const std::string& link, const std::string& key, std::string value);

    // -- What servers wrote (OwnSite::state), as one text of at most 16 MiB.

    const std::string& servers() const { return servers_; }
    void set_servers(std::string text);

    // -- Flash.

    /// Writes what changed. Errc::internal (disk full, read-only): it stays in memory and is tried again with the next.
    base::Result<void> save();
    bool dirty() const { return devices_dirty_ || found_dirty_ || learned_dirty_ || servers_dirty_; }

private:
    void read_devices();
    void read_found();
    void read_learned();
    void read_servers();
    base::Result<void> write(const std::string& name, const std::string& text) const;

    std::string folder_;
    std::map<std::string, Given> devices_;
    std::set<std::string> prefixes_;  // all that were ever given
    std::set<std::string> retired_;   // those that no device has any more
    std::uint32_t next_prefix_ = 0;
    std::uint32_t next_instance_ = 0;
    std::map<FoundKey, FoundDevice> found_;
    std::map<std::string, adapters::Words> learned_;
    std::string servers_;
    bool devices_dirty_ = false, found_dirty_ = false, learned_dirty_ = false, servers_dirty_ = false;
};

}  // namespace gateway
