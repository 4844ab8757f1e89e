#pragma once

#include "gateway/own_objects/own_object.hpp"

#include <functional>

namespace gateway::own_objects {

/// /4 Connectivity Monitoring 1.3: the interface of the default route, and the addresses of all. A wired one has no signal:
/// 4/0/2, which the standard wants, is 0 then.
class Connectivity final : public OwnObject {
public:
    struct Facts {
        std::string root{};
        std::function<std::vector<std::string>()> addresses;
    };
    explicit Connectivity(Facts facts) : facts_(std::move(facts)) {}

    lwm2m::ObjectId id() const override { return 4; }
    std::vector<InstanceId> instances() const override { return {0}; }
    bool has(InstanceId instance) const override { return instance == 0; }
    const std::vector<ResourceId>& resources() const override;
    bool shows(InstanceId, ResourceId) const override;
    Value read(InstanceId, ResourceId) const override;
    Values read_multiple(InstanceId, ResourceId) const override;

private:
    Facts facts_;
};

/// /7 Connectivity Statistics 1.0: what the interfaces sent and received between Start and Stop, in kB of 1,000 bytes.
class Statistics final : public OwnObject {
public:
    Statistics(std::string root, std::function<base::Instant()> now) : root_(std::move(root)), now_(std::move(now)) {}

    lwm2m::ObjectId id() const override { return 7; }
    std::vector<InstanceId> instances() const override { return {0}; }
    bool has(InstanceId instance) const override { return instance == 0; }
    const std::vector<ResourceId>& resources() const override;
    Value read(InstanceId, ResourceId) const override;
    Result<void> may_write(InstanceId, ResourceId, const Value&) const override;
    void write(InstanceId, ResourceId, const Value&) override;
    void reset(InstanceId, ResourceId) override;
    Result<void> execute(InstanceId, ResourceId, const std::string&) override;

private:
    struct Traffic {
        std::int64_t sent = 0, received = 0;
    };
    Traffic count() const;
    Traffic collected() const;

    std::string root_;
    std::function<base::Instant()> now_;
    bool running_ = false;
    Traffic from_, until_;  // counters at Start, and what was collected when it stopped
    base::Instant started_{};
    std::int64_t period_ = 0;                // seconds; 0: until Stop
    mutable std::optional<Traffic> at_end_;  // of the period, as first seen after it
};

/// /6 Location 1.0: where the gateway was put up, as the site says.
class Location final : public OwnObject {
public:
    struct Place {
        double latitude = 0, longitude = 0;
        std::optional<double> altitude{};
    };
    Location(Place place, base::WallTime since) : place_(place), since_(since) {}

    lwm2m::ObjectId id() const override { return 6; }
    std::vector<InstanceId> instances() const override { return {0}; }
    bool has(InstanceId instance) const override { return instance == 0; }
    const std::vector<ResourceId>& resources() const override;
    bool shows(InstanceId, ResourceId resource) const override { return resource != 2 || place_.altitude; }
    Value read(InstanceId, ResourceId) const override;

private:
    Place place_;
    base::WallTime since_;
};

}  // namespace gateway::own_objects
