#include "gateway/discovery.hpp"

#include <algorithm>

namespace gateway {

using base::Errc;
using base::fail;
using base::Result;

std::string_view name(Discovery::State state) {
    switch (state) {
        case Discovery::State::pending: return "pending";
        case Discovery::State::approved: return "approved";
        case Discovery::State::refused: return "refused";
    }
    return "?";
}

namespace {

std::string id_of(const base::Node& device) {
    const auto* id = device.find("id");
    return id != nullptr ? id->written() : std::string();
}

/// What a stranger says of himself is kept within bounds.
void trim(adapters::Found& found) {
    constexpr std::size_t most_words = 32, most_text = 256;
    for (auto* words : {&found.site, &found.facts}) {
        while (words->size() > most_words) words->erase(std::prev(words->end()));
        for (auto& [name, word] : *words) word.resize(std::min(word.size(), most_text));
    }
    found.note.resize(std::min(found.note.size(), most_text));
}

bool same(const base::Node& a, const base::Node& b) {
    if (a.kind() != b.kind() || a.written() != b.written() || a.items().size() != b.items().size() ||
        a.members().size() != b.members().size())
        return false;
    for (std::size_t i = 0; i < a.items().size(); ++i)
        if (!same(a.items()[i], b.items()[i])) return false;
    for (const auto& member : a.members()) {
        const auto* other = b.find(member.key);
        if (other == nullptr || !same(member.value, *other)) return false;
    }
    return true;
}

/// Found again: the device keeps its name, whatever its facts would make of it now; where it is and how it is set is new.
base::Node renamed(const base::Node& device, const std::string& id) {
    auto members = device.members();
    for (auto& member : members)
        if (member.key == "id") member.value = base::Node::text(member.value.at(), id);
    return base::Node::map(device.at(), std::move(members));
}

}  // namespace

std::string Discovery::decide(const mapping::Rule& rule, const adapters::Found& found) const {
    using Approve = mapping::Rule::Approve;
    if (rule.approve == Approve::manual) return "waits for approval by hand";
    if (rule.approve == Approve::allowlist && !rule.allows(found)) return "is not on the rule's list";
    const auto made = std::count_if(state_.found().begin(), state_.found().end(), [&rule](const auto& entry) {
        return entry.first.first == rule.name && entry.second.approved;
    });
    if (static_cast<std::size_t>(made) >= rule.limit)
        return fmt::format("the rule has made {} devices, which is its limit", made);
    if (state_.found().size() >= most_approved) return fmt::format("there are {} discovered devices already", most_approved);
    return {};
}

void Discovery::found(const mapping::Rule& rule, adapters::Found found) {
    if (found.key.empty() || found.key.size() > 256) return;
    auto node = rule.device(found);
    if (!node) {
        strange_.warn(rule.name + "\n" + found.key,
                      fmt::format("rule '{}': what was found at {} cannot become a device: {}", base::printable(rule.name),
                                  base::printable(found.key), base::printable(node.error().message)));
        return;
    }
    const auto now = timers_.wall();
    const Key key{rule.name, found.key};
    auto why = decide(rule, found);
    trim(found);
    auto known = state_.found().find({rule.name, found.key});
    if (known == state_.found().end())  // a rule that was renamed, or another one: the device is the same
        known = std::find_if(state_.found().begin(), state_.found().end(), [&](const auto& entry) {
            return entry.first.second == found.key && entry.second.link == rule.link_name && entry.second.id == id_of(*node);
        });
    if (known != state_.found().end()) {
        seen_[{known->first.first, known->first.second}].last = now;
        auto device = renamed(*node, known->second.id);
        if (same(device, known->second.device)) return;
        FoundDevice its = known->second;
        base::log().info("discovered device '{}' is found elsewhere or otherwise now", base::printable(its.id));
        its.device = std::move(device);
        its.site = std::move(found.site);
        its.facts = std::move(found.facts);
        its.note = std::move(found.note);
        its.link = rule.link_name;
        its.profile = rule.profile;
        const bool runs = its.approved;
        state_.keep(std::move(its));
        if (runs && on_change) on_change();
        return;
    }
    FoundDevice its;
    its.rule = rule.name;
    its.key = found.key;
    its.id = id_of(*node);
    its.link = rule.link_name;
    its.profile = rule.profile;
    its.device = std::move(*node);
    its.site = std::move(found.site);
    its.facts = std::move(found.facts);
    its.note = std::move(found.note);
    const auto waiting = pending_.find(key);
    its.first_seen = waiting != pending_.end() ? waiting->second.device.first_seen : now;
    if (why.empty()) {
        if (waiting != pending_.end()) pending_.erase(waiting);
        base::log().info("discovered device '{}' ({}) joins by rule '{}'", base::printable(its.id), its.profile,
                         base::printable(rule.name));
        its.approved = true;
        seen_[key].last = now;
        keep(std::move(its));
        return;
    }
    if (waiting == pending_.end()) {
        if (pending_.size() >= most_pending) {
            pending_.erase(std::min_element(pending_.begin(), pending_.end(),
                                            [](const auto& a, const auto& b) { return a.second.turn < b.second.turn; }));
            ++forgotten_;
        }
        strange_.warn("found\n" + its.id + "\n" + found.key,
                      fmt::format("discovered device '{}' ({}) {}", base::printable(its.id), its.profile, why));
    }
    pending_[key] = {std::move(its), now, std::move(why), ++turn_};
}

void Discovery::keep(FoundDevice device) {
    state_.keep(std::move(device));
    if (on_change) on_change();
}

std::optional<Discovery::Key> Discovery::find(std::string_view which, base::Error& why) const {
    std::vector<Key> by_id, by_key;
    const auto look = [&](const FoundDevice& device) {
        if (device.id == which) by_id.push_back({device.rule, device.key});
        if (device.key == which) by_key.push_back({device.rule, device.key});
    };
    for (const auto& [key, waiting] : pending_) look(waiting.device);
    for (const auto& [key, device] : state_.found()) look(device);
    const auto& hits = by_id.empty() ? by_key : by_id;
    if (hits.size() == 1) return hits.front();
    if (hits.empty())
        why = {Errc::not_found, fmt::format("no device '{}' was discovered", base::printable(which))};
    else
        why = {Errc::bad_request, fmt::format("'{}' is the name of {} discovered devices; give the other of id and key",
                                              base::printable(which), hits.size())};
    return std::nullopt;
}

Result<void> Discovery::approve(std::string_view which) {
    base::Error why;
    const auto key = find(which, why);
    if (!key) return tl::unexpected(why);
    const auto known = state_.found().find({key->rule, key->key});
    if (known != state_.found().end() && known->second.approved) return {};
    if (state_.found().size() >= most_approved)
        return fail(Errc::too_large, fmt::format("there are {} discovered devices already", most_approved));
    FoundDevice its;
    if (const auto waiting = pending_.find(*key); waiting != pending_.end()) {
        its = std::move(waiting->second.device);
        seen_[*key].last = waiting->second.seen;
        pending_.erase(waiting);
    } else {
        its = known->second;
    }
    its.approved = true;
    base::log().info("discovered device '{}' ({}) joins, approved by hand", base::printable(its.id), its.profile);
    keep(std::move(its));
    return {};
}

Result<void> Discovery::refuse(std::string_view which) {
    base::Error why;
    const auto key = find(which, why);
    if (!key) return tl::unexpected(why);
    FoundDevice its;
    if (const auto waiting = pending_.find(*key); waiting != pending_.end()) {
        const auto refused = std::count_if(state_.found().begin(), state_.found().end(),
                                           [](const auto& entry) { return !entry.second.approved; });
        if (static_cast<std::size_t>(refused) >= most_refused)
            return fail(Errc::too_large, fmt::format("{} devices are refused already; forget some", refused));
        its = std::move(waiting->second.device);
        seen_[*key].last = waiting->second.seen;
        pending_.erase(waiting);
    } else {
        its = state_.found().at({key->rule, key->key});
        if (!its.approved) return {};
    }
    its.approved = false;
    base::log().info("discovered device '{}' is refused", base::printable(its.id));
    keep(std::move(its));
    return {};
}

Result<void> Discovery::forget(std::string_view which) {
    base::Error why;
    const auto key = find(which, why);
    if (!key) return tl::unexpected(why);
    pending_.erase(*key);
    seen_.erase(*key);
    if (state_.found().contains({key->rule, key->key})) {
        state_.drop({key->rule, key->key});
        if (on_change) on_change();
    }
    return {};
}

std::vector<Discovery::Entry> Discovery::list() const {
    std::vector<Entry> all;
    const auto add = [&all](const FoundDevice& device) -> Entry& {
        auto& entry = all.emplace_back();
        entry.id = device.id;
        entry.key = device.key;
        entry.rule = device.rule;
        entry.link = device.link;
        entry.profile = device.profile;
        entry.site = device.site;
        entry.facts = device.facts;
        entry.first_seen = device.first_seen;
        entry.note = device.note;
        return entry;
    };
    for (const auto& [key, waiting] : pending_) {
        auto& entry = add(waiting.device);
        entry.last_seen = waiting.seen;
        entry.note = entry.note.empty() ? waiting.why : waiting.why + "; " + entry.note;
    }
    for (const auto& [key, device] : state_.found()) {
        auto& entry = add(device);
        entry.state = device.approved ? State::approved : State::refused;
        if (const auto seen = seen_.find({key.first, key.second}); seen != seen_.end()) {
            entry.last_seen = seen->second.last;
            entry.running = device.approved && seen->second.running;
            if (device.approved && !seen->second.note.empty()) entry.note = seen->second.note;
        }
    }
    std::sort(all.begin(), all.end(),
              [](const Entry& a, const Entry& b) { return std::tie(a.state, a.id, a.key) < std::tie(b.state, b.id, b.key); });
    return all;
}

void Discovery::settled(const std::function<bool(const std::string& id)>& runs,
                        const std::map<std::string, std::string>& left_out) {
    for (const auto& [key, device] : state_.found()) {
        if (!device.approved) continue;
        auto& seen = seen_[{key.first, key.second}];
        const auto why = left_out.find(device.id);
        seen.running = why == left_out.end() && runs(device.id);
        seen.note = why == left_out.end() ? std::string() : why->second;
    }
}

}  // namespace gateway
