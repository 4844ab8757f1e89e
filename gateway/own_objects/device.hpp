#pragma once

#include "gateway/own_objects/own_object.hpp"

#include <functional>

namespace gateway::own_objects {

/// /3 Device 1.2: the gateway itself.
class Device final : public OwnObject {
public:
    struct Facts {
        std::string model, serial, version;
        std::function<base::WallTime()> now;
        std::function<void()> restart;  ///< asked for by /3/0/4; called after the answer has gone out
    };
    explicit Device(Facts facts) : facts_(std::move(facts)) {}

    lwm2m::ObjectId id() const override { return 3; }
    std::vector<InstanceId> instances() const override { return {0}; }
    bool has(InstanceId instance) const override { return instance == 0; }
    const std::vector<ResourceId>& resources() const override;
    Value read(InstanceId, ResourceId) const override;
    std::vector<Value> read_multiple(InstanceId, ResourceId) const override;
    Result<void> execute(InstanceId, ResourceId, const std::string&) override;

private:
    Facts facts_;
};

}  // namespace gateway::own_objects
