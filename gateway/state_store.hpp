#pragma once

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

/// Prefixes and object 25 instances by device id, kept in one small text file that is replaced in one atomic step
/// and only when something changed (flash). Without a folder it is kept in memory only.
class StateStore {
public:
    /// Reads `folder/devices`. A damaged line is dropped and told in the log; a missing file is an empty state.
    /// Errc::internal: the folder cannot be used.
    static base::Result<StateStore> open(const std::string& folder);

    /// What the device has. `wanted`: the site's own prefix, "" for the next free devN.
    Given give(const std::string& device, const std::string& wanted);
    /// Errc::internal (disk full, read-only): the change stays in memory and is tried again with the next save().
    base::Result<void> save();
    /// Device that owns a prefix, "" for none.
    std::string owner(const std::string& prefix) const;

private:
    std::string folder_;
    std::map<std::string, Given> devices_;
    std::set<std::string> prefixes_;  // all that were ever given
    std::set<std::string> retired_;   // those that no device has any more
    std::uint32_t next_prefix_ = 0;
    std::uint32_t next_instance_ = 0;
    bool dirty_ = false;
};

}  // namespace gateway
