#include "lwm2m/access.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace lwm2m {

namespace {

using Level = Path::Level;

constexpr ObjectId server_object = 1, access_object = 2, gateway_object = 25;
constexpr std::size_t most_remembered = 65535;  // as many as there can be rules

bool has_rules(ObjectId object) { return object != 0 && object != access_object && object != 21 && object != 23; }
/// Objects whose instances are the gateway's to make.
bool is_kept(ObjectId object) { return object == server_object || object == gateway_object; }

}  // namespace

std::uint8_t AccessControl::rights(const Rule& rule, ServerId server) {
    if (const auto own = rule.acl.find(server); own != rule.acl.end()) return own->second;
    if (rule.owner == server) return right::all;
    const auto others = rule.acl.find(everybody);
    return others == rule.acl.end() ? std::uint8_t{0} : others->second;
}

const AccessControl::Rule* AccessControl::rule_of(ObjectId object, InstanceId instance) const {
    const auto found = by_place_.find({object, instance});
    return found == by_place_.end() ? nullptr : &rules_.at(found->second);
}

bool AccessControl::look_up(ServerId server, const Target& target, std::uint8_t what) const {
    ObjectId object = 0;
    InstanceId instance = whole_object;
    if (!target.prefix.empty()) {
        const auto device = instance_of_(target.prefix);
        if (!device) return true;  // no such device: what follows says so
        object = gateway_object;
        instance = *device;
    } else {
        if (target.path.level() == Level::root) return true;
        object = target.path.object();
        // Anyone may see who may do what, and nobody but the owner may change it.
        if (object == access_object) {
            if (what == right::read || target.path.level() < Level::instance) return true;
            return may_change(server, target.path.instance()).has_value();
        }
        if (what != right::create) {
            if (target.path.level() < Level::instance) return true;
            instance = target.path.instance();
        } else if (is_kept(object)) {
            return true;  // nobody can; that it is not allowed at all is the better answer
        }
    }
    const Rule* rule = rule_of(object, instance);
    return rule != nullptr && (rights(*rule, server) & what) != 0;
}

bool AccessControl::allows_some(ServerId server, const Target& object, const ObjectTree& tree, std::uint8_t what) const {
    if (!enabled() || (!object.prefix.empty() && !instance_of_)) return true;
    if (!object.prefix.empty()) return look_up(server, object, what);
    if (object.path.level() != Level::object || object.path.object() == access_object) return true;
    bool any = false;
    const ObjectId id = object.path.object();
    for (auto it = by_place_.lower_bound({id, 0}); it != by_place_.end() && it->first.first == id; ++it) {
        if (it->first.second == whole_object || !tree.exists({"", Path::of({id, it->first.second})})) continue;
        if ((rights(rules_.at(it->second), server) & what) != 0) return true;
        any = true;
    }
    return !any;
}

void AccessControl::keep_readable(ServerId server, std::vector<Entry>& entries) const {
    if (!enabled()) return;
    std::erase_if(entries, [&](const Entry& entry) { return !allows(server, entry.target, right::read); });
}

AccessControl::Rule AccessControl::configured(ObjectId object, InstanceId instance) const {
    Rule rule{object, instance, accounts_.empty() ? nobody : accounts_.front().server, {}};
    if (object == server_object) {
        rule.owner = instance < accounts_.size() ? accounts_[instance].server : nobody;
        return rule;  // a server's account is no other server's business
    }
    if (instance == whole_object) rule.owner = nobody;
    for (const Account& account : accounts_) {
        const std::uint8_t given =
            account.rights &
            (instance == whole_object ? right::create : static_cast<std::uint8_t>(right::all & ~right::create));
        // The owner has all that is not taken away.
        if (account.server == rule.owner && account.rights == right::all) continue;
        rule.acl.emplace(account.server, given);
    }
    return rule;
}

void AccessControl::add(Rule rule) {
    const Key place{rule.object, rule.instance};
    if (by_place_.contains(place)) return;
    InstanceId id = 0;
    if (!rules_.empty()) {
        id = static_cast<InstanceId>(rules_.rbegin()->first + 1);
        if (id >= 65535)  // gaps only when the end is reached
            for (id = 0; id < 65535 && rules_.contains(id);) ++id;
        if (id >= 65535) return;  // no number left: nobody but nobody has a right to it
    }
    by_place_.emplace(place, id);
    rules_.emplace(id, std::move(rule));
}

bool AccessControl::sync(const ObjectTree& tree) {
    if (!enabled()) return false;
    std::set<Key> there;
    for (const Path& path : tree.list(Target{})) {
        if (!has_rules(path.object())) continue;
        if (path.level() == Level::instance) there.insert({path.object(), path.instance()});
        if (path.level() != Level::object || is_kept(path.object())) continue;
        const ObjectDef* object = tree.object("", path.object());
        if (object != nullptr && object->multiple) there.insert({path.object(), whole_object});
    }
    bool changed = false;
    for (auto it = by_place_.begin(); it != by_place_.end();) {
        if (there.contains(it->first)) {
            ++it;
            continue;
        }
        rules_.erase(it->second);
        it = by_place_.erase(it);
        changed = true;
    }
    for (const Key& place : there) {
        if (by_place_.contains(place)) continue;
        const auto remembered = remembered_.find(place);
        add(remembered != remembered_.end() ? remembered->second : configured(place.first, place.second));
        changed = true;
    }
    return changed;
}

void AccessControl::created(ServerId server, ObjectId object, InstanceId instance) {
    if (!enabled() || !has_rules(object)) return;
    add({object, instance, server, {}});
    told();
}

Result<void> AccessControl::may_change(ServerId server, InstanceId rule) const {
    const auto found = rules_.find(rule);
    if (found != rules_.end() && found->second.owner != server) return fail(Errc::unauthorized, "only the owner may change it");
    return {};
}

void AccessControl::set_acl(InstanceId rule, Acl acl) {
    const auto found = rules_.find(rule);
    if (found == rules_.end() || found->second.acl == acl) return;
    found->second.acl = std::move(acl);
    told();
}

void AccessControl::set_owner(InstanceId rule, ServerId owner) {
    const auto found = rules_.find(rule);
    if (found == rules_.end() || found->second.owner == owner) return;
    found->second.owner = owner;
    told();
}

std::string AccessControl::export_state() const {
    std::string text;
    const auto line = [&](const Rule& rule) {
        text += fmt::format("{} {} {} ", rule.object, rule.instance, rule.owner);
        bool first = true;
        for (const auto& [server, rights] : rule.acl) {
            if (!std::exchange(first, false)) text += ',';
            text += fmt::format("{}={}", server, rights);
        }
        text += '\n';
    };
    for (const auto& [id, rule] : rules_)
        if (rule != configured(rule.object, rule.instance)) line(rule);
    for (const auto& [place, rule] : remembered_)
        if (!by_place_.contains(place)) line(rule);
    return text;
}

void AccessControl::import_state(std::string_view text) {
    const auto number = [](std::string_view& from, std::uint32_t most) -> std::optional<std::uint16_t> {
        std::uint32_t value = 0;
        const auto [end, error] = std::from_chars(from.data(), from.data() + from.size(), value);
        if (error != std::errc{} || value > most) return std::nullopt;
        from.remove_prefix(static_cast<std::size_t>(end - from.data()));
        if (!from.empty()) from.remove_prefix(1);  // what parts it from the next
        return static_cast<std::uint16_t>(value);
    };
    while (!text.empty() && remembered_.size() < most_remembered) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const auto object = number(line, 65534), instance = number(line, 65535), owner = number(line, 65535);
        if (!object || !instance || !owner || !has_rules(*object)) continue;
        Rule rule{*object, *instance, *owner, {}};
        bool good = true;
        while (good && !line.empty() && rule.acl.size() < most_entries) {
            const auto server = number(line, 65534), rights = number(line, right::all);
            good = server && rights;
            if (good) rule.acl[*server] = static_cast<std::uint8_t>(*rights);
        }
        if (!good) continue;
        if (const auto known = by_place_.find({*object, *instance}); known != by_place_.end()) rules_.at(known->second) = rule;
        remembered_[{*object, *instance}] = std::move(rule);
    }
}

}  // namespace lwm2m
