#include "gateway/reload.hpp"

#include <fmt/ranges.h>
#include <algorithm>
#include <unordered_map>

namespace gateway {

namespace {

/// "3 added (a, b, c)"; of many the first ones.
void tell(std::vector<std::string>& parts, const std::vector<std::string>& ids, std::string_view what) {
    constexpr std::size_t shown = 5;
    if (ids.empty()) return;
    const auto last = ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), shown));
    parts.push_back(
        fmt::format("{} {} ({}{})", ids.size(), what, fmt::join(ids.begin(), last, ", "), ids.size() > shown ? ", …" : ""));
}

}  // namespace

std::string ReloadReport::str() const {
    std::vector<std::string> parts;
    tell(parts, added, "added");
    tell(parts, removed, "removed");
    tell(parts, changed, "changed");
    tell(parts, moved, "moved");
    parts.push_back(fmt::format("{} kept", kept));
    std::string text = fmt::format("devices: {}", fmt::join(parts, ", "));
    parts.clear();
    tell(parts, opened, "opened");
    tell(parts, closed, "closed");
    parts.push_back(fmt::format("{} kept", links_kept));
    text += fmt::format("; links: {}", fmt::join(parts, ", "));
    if (!left_out.empty()) text += fmt::format("; left out: {}", fmt::join(left_out, "; "));
    if (!needs_restart.empty()) text += fmt::format("; needs a restart: {}", fmt::join(needs_restart, ", "));
    return text;
}

Changes compare(const Site& before, const Site& after) {
    Changes changes;
    const auto &old_plan = *before.plan, &new_plan = *after.plan;
    std::unordered_map<std::string_view, std::size_t> old_devices, old_links;
    for (std::size_t i = 0; i < old_plan.devices.size(); ++i) old_devices[old_plan.devices[i].id] = i;
    // The name alone does not tell two links apart: one may be called like another's address.
    const auto key = [](const mapping::Link& link) { return link.adapter + '\n' + link.name; };
    std::vector<std::string> old_keys;
    old_keys.reserve(old_plan.links.size());
    for (const auto& link : old_plan.links) old_keys.push_back(key(link));
    for (std::size_t i = 0; i < old_keys.size(); ++i) old_links.try_emplace(old_keys[i], i);

    const auto count = [](const mapping::Plan& plan) {
        std::vector<std::size_t> devices(plan.links.size());
        for (const auto& device : plan.devices) ++devices[device.link];
        return devices;
    };
    const auto old_count = count(old_plan), new_count = count(new_plan);
    changes.link_from.assign(new_plan.links.size(), Changes::none);
    changes.link_to.assign(old_plan.links.size(), Changes::none);
    for (std::size_t i = 0; i < new_plan.links.size(); ++i) {
        const auto old = old_links.find(key(new_plan.links[i]));
        if (old == old_links.end() || changes.link_to[old->second] != Changes::none) continue;
        if (before.digests.links[old->second] != after.digests.links[i] || old_count[old->second] != new_count[i]) continue;
        changes.link_from[i] = old->second;
        changes.link_to[old->second] = i;
    }
    std::vector<bool> seen(old_plan.devices.size());
    for (std::size_t i = 0; i < new_plan.devices.size(); ++i) {
        const auto& device = new_plan.devices[i];
        const auto old = old_devices.find(device.id);
        const bool known = old != old_devices.end();
        changes.device_from.push_back(known ? old->second : Changes::none);
        changes.same_kind.push_back(known && before.digests.devices[old->second].kind == after.digests.devices[i].kind);
        if (known) seen[old->second] = true;
        // One device that is another or elsewhere: its link begins anew, and so does the one that it comes from.
        const std::size_t from = changes.link_from[device.link];
        if (from != Changes::none && (!known || old_plan.devices[old->second].link != from ||
                                      before.digests.devices[old->second].place != after.digests.devices[i].place)) {
            changes.link_from[device.link] = Changes::none;
            changes.link_to[from] = Changes::none;
        }
    }
    for (std::size_t i = 0; i < seen.size(); ++i)
        if (!seen[i]) changes.gone.push_back(i);
    if (before.digests.servers != after.digests.servers)
        changes.needs_restart.push_back("the gateway's own settings and its servers'");
    return changes;
}

}  // namespace gateway
