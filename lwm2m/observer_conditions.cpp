#include "lwm2m/observer_watch.hpp"

#include <algorithm>

/// Which conditions hold for an observation: attributes attached or inherited, the request's own, and what the server's
/// account says (OMA Core 1.2 7.3.2, core digest 7.3).
namespace lwm2m {

namespace {

std::optional<std::uint32_t> as_max_age(const Conditions& conditions) {
    if (!conditions.pmax) return std::nullopt;
    return static_cast<std::uint32_t>(conditions.pmax->count());
}

}  // namespace

Conditions Observer::conditions(const Watch& watch, const Target& of) const {
    const Asked& asked = watch.asked;
    // Core digest 7.3: a query of its own wins over everything attached; what is missing comes from the Server object. The
    // query of a composite can only say what belongs to objects, so that thresholds attached to its paths count still.
    Attributes a;
    if (!asked.own || !asked.paths.empty()) a = attributes_.inherited(asked.server, of);
    if (asked.own) {
        const Attributes attached = std::exchange(a, *asked.own);
        if (!asked.paths.empty()) {
            a.gt = attached.gt;
            a.lt = attached.lt;
            a.st = attached.st;
            a.edge = attached.edge;
        }
    }
    Conditions c;
    const auto account = accounts_.find(asked.server);
    const auto seconds = [](const std::optional<std::uint32_t>& n) {
        return n ? std::optional(std::chrono::seconds(*n)) : std::nullopt;
    };
    c.pmin = a.pmin                       ? std::chrono::seconds(*a.pmin)
             : account == accounts_.end() ? std::chrono::seconds(0)
                                          : account->second.pmin;
    c.pmax = seconds(a.pmax);
    if (!c.pmax && account != accounts_.end() && account->second.pmax.count() > 0) c.pmax = account->second.pmax;
    if (c.pmax && (c.pmax->count() == 0 || *c.pmax < c.pmin)) c.pmax.reset();
    c.epmin = seconds(a.epmin);
    c.epmax = seconds(a.epmax);
    if (c.epmax && c.epmax->count() == 0) c.epmax.reset();
    c.gt = a.gt;
    c.lt = a.lt;
    c.st = a.st;
    c.edge = a.edge;
    c.confirmable = a.con.value_or(account != accounts_.end() && account->second.confirmable);
    c.hqmax = a.hqmax;
    return c;
}

void Observer::renew_conditions(Watch& watch) {
    if (!watch.composite) {
        watch.state.change(conditions(watch, watch.asked.target), timers_.now());
        return;
    }
    for (Composite::Part& part : watch.composite->parts) part.state.change(conditions(watch, part.target), timers_.now());
}

void Observer::attributes_changed(ServerId server, const Target& at) {
    const auto branch = branches_.find(std::string_view(at.prefix));
    if (branch == branches_.end()) return;
    std::vector<Key> keys;
    for (auto it = branch->second.lower_bound(at.path); it != branch->second.end() && at.path.covers(it->first); ++it)
        if (it->second->asked.server == server) keys.push_back(it->second->key());
    for (const Key& key : keys) {
        Watch* watch = find(key);
        if (watch == nullptr) continue;
        renew_conditions(*watch);
        tell_wanted(*watch);
        process(*watch);
    }
}

void Observer::tell_wanted(const Watch& watch) const {
    if (!on_wanted) return;
    if (watch.asked.paths.empty()) on_wanted(watch.asked.target);
    for (const Target& path : watch.asked.paths) on_wanted(path);
}

std::optional<std::chrono::seconds> Observer::wanted_every(const Target& resource) const {
    const auto branch = branches_.find(std::string_view(resource.prefix));
    if (branch == branches_.end()) return std::nullopt;
    std::optional<std::chrono::seconds> shortest;
    using Level = Path::Level;
    for (auto level = Level::root;; level = static_cast<Level>(static_cast<int>(level) + 1)) {
        const auto [first, last] = branch->second.equal_range(resource.path.ancestor(level));
        for (auto it = first; it != last; ++it)
            if (const auto epmax = conditions(*it->second, resource).epmax; epmax && (!shortest || *epmax < *shortest))
                shortest = epmax;
        if (level >= resource.path.level()) return shortest;
    }
}

void Observer::set_default_periods(ServerId server, std::chrono::seconds pmin, std::chrono::seconds pmax) {
    Account& account = accounts_[server];
    account.pmin = std::max(pmin, std::chrono::seconds(0));
    account.pmax = std::max(pmax, std::chrono::seconds(0));
    for (const Key& key : account.count == 0 ? std::vector<Key>{} : keys_of(server)) {
        Watch* watch = find(key);
        if (watch == nullptr) continue;
        renew_conditions(*watch);
        process(*watch);
    }
}

void Observer::set_default_confirmable(ServerId server, bool confirmable) {
    Account& account = accounts_[server];
    account.confirmable = confirmable;
    for (const Key& key : account.count == 0 ? std::vector<Key>{} : keys_of(server)) renew_conditions(*find(key));
}

std::optional<std::uint32_t> Observer::max_age(ServerId server, ObservationId id) const {
    const Watch* watch = find({server, id});
    if (watch == nullptr) return std::nullopt;
    if (!watch->composite) return as_max_age(watch->state.conditions());
    std::optional<std::uint32_t> least;
    for (const Composite::Part& part : watch->composite->parts)
        if (const auto its = as_max_age(part.state.conditions())) least = std::min(least.value_or(*its), *its);
    return least;
}

}  // namespace lwm2m
