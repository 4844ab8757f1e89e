#pragma once

#include "lwm2m/object_tree.hpp"
#include "lwm2m/transport.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace lwm2m {

/// Bits of /2/x/2 (OMA Core 1.2, object 2). Read is also Observe, Write-Attributes and the composites; Discover needs none.
namespace right {
constexpr std::uint8_t read = 1, write = 2, execute = 4, remove = 8, create = 16, all = 31;
}

/// Which server may do what with which instance of our own tree (OMA Core 1.2 8). With one server there is nothing to
/// control and all is allowed. With several, each instance has a rule, which object 2 shows.
///
/// Rules come from the configuration: the first server owns what the gateway serves, each server its own /1 instance; what
/// the others may do, their `rights` say. An instance that a server creates is owned by that server.
class AccessControl {
public:
    static constexpr InstanceId whole_object = 65535;
    static constexpr ServerId nobody = 65535;
    static constexpr ServerId everybody = 0;  ///< in an ACL: each server that has no entry of its own
    /// Entries of one ACL.
    static constexpr std::size_t most_entries = 64;

    using Acl = std::map<ServerId, std::uint8_t>;
    struct Rule {
        ObjectId object = 0;
        InstanceId instance = 0;  ///< whole_object: who may create
        ServerId owner = nobody;
        Acl acl;
        friend bool operator==(const Rule&, const Rule&) = default;
    };

    /// In the order of the configuration; instance i of object 1 belongs to the i-th.
    struct Account {
        ServerId server = 0;
        std::uint8_t rights = right::all;
    };
    explicit AccessControl(std::vector<Account> accounts) : accounts_(std::move(accounts)) {}

    bool enabled() const { return accounts_.size() > 1; }
    /// Device trees are free for all servers (Gateway 1.1 7), unless this is set: then the right to /25/x is the right to
    /// all that is below the prefix of x.
    void cover_devices(std::function<std::optional<InstanceId>(std::string_view prefix)> instance_of) {
        instance_of_ = std::move(instance_of);
    }

    /// Of a node at instance level or below. Create: of the object.
    bool allows(ServerId server, const Target& target, std::uint8_t what) const {
        if (!enabled() || (!target.prefix.empty() && !instance_of_)) return true;
        return look_up(server, target, what);
    }
    /// An object as a whole: whether there is something in it that `what` is allowed for, or nothing that is not.
    bool allows_some(ServerId server, const Target& object, const ObjectTree& tree, std::uint8_t what) const;
    /// Leaves what the server may read.
    void keep_readable(ServerId server, std::vector<Entry>& entries) const;

    /// Gives every instance of the tree its rule, and drops the rules of those that are gone. True: object 2 has changed.
    bool sync(const ObjectTree& tree);
    /// A server made an instance.
    void created(ServerId server, ObjectId object, InstanceId instance);

    // -- Object 2.

    const std::map<InstanceId, Rule>& rules() const { return rules_; }
    /// Errc::unauthorized for all but the owner.
    Result<void> may_change(ServerId server, InstanceId rule) const;
    void set_acl(InstanceId rule, Acl acl);
    void set_owner(InstanceId rule, ServerId owner);
    /// An instance of object 2 came, went, or was changed.
    std::function<void()> on_change;

    /// Lines `o i owner ssid=rights,…` of the rules that differ from the configuration's; import_state() reads them back
    /// and ignores what it cannot read. Rules of instances that are not there wait for the next sync().
    std::string export_state() const;
    void import_state(std::string_view text);

private:
    using Key = std::pair<ObjectId, InstanceId>;
    bool look_up(ServerId server, const Target& target, std::uint8_t what) const;
    const Rule* rule_of(ObjectId object, InstanceId instance) const;
    static std::uint8_t rights(const Rule& rule, ServerId server);
    Rule configured(ObjectId object, InstanceId instance) const;
    void add(Rule rule);
    void told() const {
        if (on_change) on_change();
    }

    std::vector<Account> accounts_;
    std::function<std::optional<InstanceId>(std::string_view)> instance_of_;
    std::map<InstanceId, Rule> rules_;
    std::map<Key, InstanceId> by_place_;
    std::map<Key, Rule> remembered_;  // imported, for instances that have not been seen yet
};

}  // namespace lwm2m
