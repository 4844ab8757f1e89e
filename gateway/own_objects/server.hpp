#pragma once

#include "gateway/own_objects/own_object.hpp"
#include "lwm2m/client.hpp"

#include <functional>

namespace gateway::own_objects {

/// /1 LwM2M Server 1.2: one instance for each server of gateway.yaml, in its order. What a server writes here outlives a
/// restart, until somebody changes the same setting in the file: then the file counts.
class Server final : public OwnObject {
public:
    explicit Server(const lwm2m::ClientConfig&);
    /// The engine is told what a server writes; set before the first request.
    lwm2m::Client* client = nullptr;
    /// A server wrote something here: for a restart.
    std::function<void()> on_change;

    lwm2m::ObjectId id() const override { return 1; }
    std::vector<InstanceId> instances() const override;
    bool has(InstanceId instance) const override { return instance < accounts_.size(); }
    const std::vector<ResourceId>& resources() const override;
    bool shows(InstanceId, ResourceId) const override;
    Value read(InstanceId, ResourceId) const override;
    Result<void> may_write(InstanceId, ResourceId, const Value&) const override;
    void write(InstanceId, ResourceId, const Value&) override;
    void reset(InstanceId, ResourceId) override;
    Result<void> execute(InstanceId, ResourceId, const std::string&) override;

    /// Lines `short-id resource written configured` of what differs from the configuration, "-" for what is not there.
    /// import_state() is for after `client` is set; it leaves out what it cannot read, and what is configured otherwise now.
    std::string export_state() const;
    void import_state(std::string_view text);

private:
    struct Account {
        lwm2m::ServerId id = 0;
        std::int64_t lifetime = 0, pmin = 0, pmax = 0;
        std::int64_t disable_timeout = 86400;
        bool storing = true, muted = true, confirmable = false, blocks = false;
        std::optional<std::uint32_t> order;
        std::uint64_t delay = 0;
        lwm2m::Retry retry;
    };
    static std::optional<std::uint32_t> lwm2m::Retry::*retry_of(ResourceId);
    static Value value_of(const Account&, ResourceId);
    void changed() const {
        if (on_change) on_change();
    }

    std::vector<Account> accounts_;
    std::vector<Account> configured_;  // as the site says
};

}  // namespace gateway::own_objects
