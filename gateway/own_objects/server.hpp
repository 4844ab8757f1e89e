#pragma once

#include "gateway/own_objects/own_object.hpp"
#include "lwm2m/client.hpp"

#include <functional>

namespace gateway::own_objects {

/// /1 LwM2M Server 1.2: one instance for each server of gateway.yaml, in its order. What a server writes here holds until
/// the gateway starts again; then the file counts.
class Server final : public OwnObject {
public:
    explicit Server(const lwm2m::ClientConfig&);
    /// The engine is told what a server writes; set before the first request.
    lwm2m::Client* client = nullptr;

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

    std::vector<Account> accounts_;
};

}  // namespace gateway::own_objects
