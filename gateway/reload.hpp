#pragma once

#include "gateway/site.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace gateway {

/// What a reload did, for the log and the verb.
struct ReloadReport {
    std::vector<std::string> added, removed;  ///< devices, by id
    std::vector<std::string> changed;         ///< devices that are another thing now: other profile, parameters or points
    std::vector<std::string> moved;           ///< the same device at another place (unit, link): its values stay
    std::size_t kept = 0;                     ///< devices that nothing happened to
    std::vector<std::string> opened, closed;  ///< links; one that was opened anew is in both
    std::size_t links_kept = 0;
    std::vector<std::string> left_out;       ///< approved devices that cannot run, with the reason
    std::vector<std::string> needs_restart;  ///< what changed in the files and is not taken over: "servers"
    /// "2 devices added (a, b), 1 removed (c), 30 kept; link 'field' opened anew, 3 kept"
    std::string str() const;
};

/// What must happen to come from one site to another.
struct Changes {
    static constexpr std::size_t none = SIZE_MAX;
    std::vector<std::size_t> link_from;    ///< by new link: the old one that goes on in it, or none
    std::vector<std::size_t> link_to;      ///< by old link: the new one, or none: it ends
    std::vector<std::size_t> device_from;  ///< by new device: the old one with the same id, or none
    std::vector<bool> same_kind;           ///< by new device: the values of the old one hold for it
    std::vector<std::size_t> gone;         ///< old devices
    std::vector<std::string> needs_restart;
};
/// Links go on when their text, their devices and their rules are the same.
Changes compare(const Site& before, const Site& after);

}  // namespace gateway
