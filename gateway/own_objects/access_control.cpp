#include "gateway/own_objects/access_control.hpp"

namespace gateway::own_objects {

namespace {
enum : ResourceId { object = 0, object_instance = 1, acl = 2, owner = 3 };
}

std::vector<InstanceId> AccessControl::instances() const {
    std::vector<InstanceId> all;
    for (const auto& [instance, rule] : rules_.rules()) all.push_back(instance);
    return all;
}

const std::vector<ResourceId>& AccessControl::resources() const {
    static const std::vector<ResourceId> all{object, object_instance, acl, owner};
    return all;
}

Value AccessControl::read(InstanceId instance, ResourceId resource) const {
    const auto& rule = rules_.rules().at(instance);
    switch (resource) {
        case object: return std::int64_t{rule.object};
        case object_instance: return std::int64_t{rule.instance};
        case owner: return std::int64_t{rule.owner};
        default: return {};
    }
}

Values AccessControl::read_multiple(InstanceId instance, ResourceId) const {
    Values values;
    for (const auto& [server, rights] : rules_.rules().at(instance).acl) values.emplace_back(server, std::int64_t{rights});
    return values;
}

Result<void> AccessControl::may_write(InstanceId, ResourceId resource, const Value& value) const {
    if (resource != owner) return fail(Errc::not_allowed, "this resource is kept by the gateway");
    const auto* number = std::get_if<std::int64_t>(&value);
    if (number == nullptr || *number < 1 || *number > 65535) return fail(Errc::bad_request, "an owner is a Short Server ID");
    return {};
}

void AccessControl::write(InstanceId instance, ResourceId, const Value& value) {
    rules_.set_owner(instance, static_cast<lwm2m::ServerId>(std::get<std::int64_t>(value)));
}

Result<void> AccessControl::may_write_multiple(InstanceId, ResourceId resource, const Values& whole) const {
    if (resource != acl) return fail(Errc::not_allowed, "this resource is kept by the gateway");
    if (whole.size() > lwm2m::AccessControl::most_entries)
        return fail(Errc::bad_request, fmt::format("over {} entries", lwm2m::AccessControl::most_entries));
    for (const auto& [server, value] : whole)
        if (const auto* rights = std::get_if<std::int64_t>(&value); rights == nullptr || *rights < 0 || *rights > 31)
            return fail(Errc::bad_request, "rights are 0 to 31");
    return {};
}

void AccessControl::write_multiple(InstanceId instance, ResourceId, Values whole) {
    lwm2m::AccessControl::Acl entries;
    for (const auto& [server, value] : whole) entries[server] = static_cast<std::uint8_t>(std::get<std::int64_t>(value));
    rules_.set_acl(instance, std::move(entries));
}

void AccessControl::reset(InstanceId instance, ResourceId resource) {
    if (resource == acl) rules_.set_acl(instance, {});
}

}  // namespace gateway::own_objects
