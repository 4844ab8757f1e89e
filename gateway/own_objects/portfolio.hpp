#pragma once

#include "gateway/own_objects/own_object.hpp"

#include <functional>
#include <map>

namespace gateway::own_objects {

/// /16 Portfolio 1.0: identities that servers keep at the gateway; they create and delete the instances.
class Portfolio final : public OwnObject {
public:
    static constexpr std::size_t most_instances = 16, most_identities = 32, most_octets = 1'000;

    /// Something in it is new: for a restart.
    std::function<void()> on_change;

    lwm2m::ObjectId id() const override { return 16; }
    std::vector<InstanceId> instances() const override;
    bool has(InstanceId instance) const override { return identities_.contains(instance); }
    const std::vector<ResourceId>& resources() const override;
    Value read(InstanceId, ResourceId) const override { return {}; }
    Values read_multiple(InstanceId, ResourceId) const override;
    Result<void> may_write_multiple(InstanceId, ResourceId, const Values&) const override;
    void write_multiple(InstanceId, ResourceId, Values) override;
    Result<InstanceId> create(std::optional<InstanceId>, const std::vector<lwm2m::Entry>&) override;
    Result<void> remove(InstanceId) override;

    /// Lines `instance resource-instance hex`; import_state() leaves out what it cannot read.
    std::string export_state() const;
    void import_state(std::string_view text);

private:
    void changed() const {
        if (on_change) on_change();
    }
    std::map<InstanceId, Values> identities_;
};

}  // namespace gateway::own_objects
