#include "gateway/own_objects/server.hpp"

namespace gateway::own_objects {

namespace {
enum : ResourceId {
    short_id = 0,
    lifetime = 1,
    default_pmin = 2,
    default_pmax = 3,
    storing = 6,
    binding = 7,
    update_trigger = 8
};
constexpr std::int64_t most_lifetime = 30LL * 86400;
}  // namespace

Server::Server(const lwm2m::ClientConfig& config) {
    for (const auto& server : config.servers)
        accounts_.push_back(
            {server.account.id, server.lifetime.count(), server.default_pmin.count(), server.default_pmax.count()});
}

std::vector<InstanceId> Server::instances() const {
    std::vector<InstanceId> all;
    for (std::size_t i = 0; i < accounts_.size(); ++i) all.push_back(static_cast<InstanceId>(i));
    return all;
}

const std::vector<ResourceId>& Server::resources() const {
    static const std::vector<ResourceId> all{short_id, lifetime, default_pmin, default_pmax, storing, binding, update_trigger};
    return all;
}

Value Server::read(InstanceId instance, ResourceId resource) const {
    const Account& account = accounts_[instance];
    switch (resource) {
        case short_id: return std::int64_t{account.id};
        case lifetime: return account.lifetime;
        case default_pmin: return account.pmin;
        case default_pmax: return account.pmax;
        case storing: return account.storing;
        case binding: return std::string("U");
        default: return {};
    }
}

Result<void> Server::may_write(InstanceId, ResourceId resource, const Value& value) const {
    const auto* number = std::get_if<std::int64_t>(&value);
    switch (resource) {
        case lifetime:
            // A lifetime of some seconds would be nothing but Updates; 0 would never end.
            if (number == nullptr || *number < 15 || *number > most_lifetime)
                return fail(Errc::bad_request, "a lifetime is 15 s to 30 days");
            return {};
        case default_pmin:
        case default_pmax:
            if (number == nullptr || *number < 0 || *number > most_lifetime)
                return fail(Errc::bad_request, "a default period is 0 s to 30 days");
            return {};
        case storing: return {};
        case binding:
            if (value != Value{std::string("U")}) return fail(Errc::bad_request, "the only binding is U");
            return {};
        default: return fail(Errc::not_allowed, "this resource is kept by the gateway");
    }
}

void Server::write(InstanceId instance, ResourceId resource, const Value& value) {
    Account& account = accounts_[instance];
    switch (resource) {
        case lifetime:
            account.lifetime = std::get<std::int64_t>(value);
            client->lifetime_changed(account.id, std::chrono::seconds(account.lifetime));
            break;
        case default_pmin:
        case default_pmax:
            (resource == default_pmin ? account.pmin : account.pmax) = std::get<std::int64_t>(value);
            client->set_default_periods(account.id, std::chrono::seconds(account.pmin), std::chrono::seconds(account.pmax));
            break;
        case storing: account.storing = std::get<bool>(value); break;
        default: break;
    }
}

Result<void> Server::execute(InstanceId instance, ResourceId resource, const std::string&) {
    if (resource != update_trigger) return fail(Errc::not_allowed, "nothing to execute");
    client->update_now(accounts_[instance].id);
    return {};
}

}  // namespace gateway::own_objects
