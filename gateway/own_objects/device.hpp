#pragma once

#include "gateway/own_objects/own_object.hpp"

#include <functional>

namespace gateway::own_objects {

/// /3 Device 1.2: the gateway itself.
///
/// A written time, offset or zone holds for what this object shows, not for the clock of the system, which belongs to
/// whoever runs it.
class Device final : public OwnObject {
public:
    struct Facts {
        std::string model, serial, version;
        std::function<base::WallTime()> now;
        std::function<void()> restart;  ///< asked for by /3/0/4; called after the answer has gone out
        std::string manufacturer = "lwm2m-gateway", hardware{};
        std::function<void()> factory_reset{};                  ///< /3/0/5; null: the resource is not there
        std::string root{};                                     ///< of /proc, /sys and /etc
        std::function<std::vector<std::int64_t>()> troubles{};  ///< codes of what is wrong beyond the machine
    };
    explicit Device(Facts facts) : facts_(std::move(facts)) {}

    /// Takes over into /3/0/11 what is wrong now: 1 battery low, 2 running on battery with the mains off, 5 less than a 32nd of
    /// the memory left, and Facts::troubles. The first takes the place of "no error", each further one gets an instance of its
    /// own, and goes when its reason has gone.
    void look();
    /// /3/0/11 says something else than before.
    std::function<void()> on_errors;

    lwm2m::ObjectId id() const override { return 3; }
    std::vector<InstanceId> instances() const override { return {0}; }
    bool has(InstanceId instance) const override { return instance == 0; }
    const std::vector<ResourceId>& resources() const override;
    bool shows(InstanceId, ResourceId) const override;
    Value read(InstanceId, ResourceId) const override;
    Values read_multiple(InstanceId, ResourceId) const override;
    Result<void> may_write(InstanceId, ResourceId, const Value&) const override;
    void write(InstanceId, ResourceId, const Value&) override;
    void reset(InstanceId, ResourceId) override;
    Result<void> execute(InstanceId, ResourceId, const std::string&) override;

private:
    std::string utc_offset() const;

    Facts facts_;
    std::vector<std::int64_t> errors_;
    std::chrono::milliseconds ahead_{0};  // of the clock, after a write of the time
    std::string offset_, zone_;           // as written
};

}  // namespace gateway::own_objects
