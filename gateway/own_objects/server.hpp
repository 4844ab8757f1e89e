#pragma once

#include "gateway/own_objects/own_object.hpp"
#include "lwm2m/client.hpp"

#include <functional>

namespace gateway::own_objects {

/// /1 LwM2M Server 1.2: one instance for each server of gateway.yaml, in its order.
class Server final : public OwnObject {
public:
    explicit Server(const lwm2m::ClientConfig&);
    /// The engine is told what a server writes; set before the first request.
    lwm2m::Client* client = nullptr;

    lwm2m::ObjectId id() const override { return 1; }
    std::vector<InstanceId> instances() const override;
    bool has(InstanceId instance) const override { return instance < accounts_.size(); }
    const std::vector<ResourceId>& resources() const override;
    Value read(InstanceId, ResourceId) const override;
    Result<void> may_write(InstanceId, ResourceId, const Value&) const override;
    void write(InstanceId, ResourceId, const Value&) override;
    Result<void> execute(InstanceId, ResourceId, const std::string&) override;

private:
    struct Account {
        lwm2m::ServerId id;
        std::int64_t lifetime, pmin, pmax;
        bool storing = true;
    };
    std::vector<Account> accounts_;
};

}  // namespace gateway::own_objects
