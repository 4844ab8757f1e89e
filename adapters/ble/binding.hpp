#pragma once

#include "adapters/ble/beacon.hpp"
#include "adapters/ble/discovery.hpp"
#include "adapters/ble/gatt_value.hpp"

#include <set>

namespace adapters::ble {

/// The part of the adapter that needs no radio: device types, devices and rules as the mapping binds them, and a profile's
/// own tests. The adapter proper derives from it and adds what runs.
class Binding : public Adapter {
public:
    explicit Binding(LinkSettings settings) : settings_(std::move(settings)) {}

    std::optional<ShapeId> add_shape(std::string_view profile, Fields* section, Diagnostics&) override;
    std::optional<PointIndex> add_point(ShapeId, Fields& point, Fields* write, Access) override;
    std::optional<Kind> kind(ShapeId, PointIndex) const override;
    std::optional<std::string> unit(ShapeId, PointIndex) const override;
    std::optional<Milliseconds> period(ShapeId, PointIndex) const override;
    /// Beacons, notifications of a device that stays connected and the radio's own fields come by themselves. A point with
    /// `notify` of a device that is connected for each poll is polled: read, or waited for where it can only be notified.
    bool unasked(ShapeId, PointIndex) const override;
    bool apart() const override { return true; }  // a radio that is away says nothing about the devices
    std::optional<DeviceId> add_device(ShapeId, Fields& site) override;
    std::optional<RuleId> add_rule(Fields& rule) override;
    std::optional<std::vector<std::string>> facts(RuleId) const override;

    std::vector<std::optional<Result<Scalar>>> pretend(DeviceId, const base::Node& given, Diagnostics&) override;
    Result<std::vector<std::string>> sends(DeviceId, PointIndex, const Scalar&) const override;
    std::vector<std::string> explain(DeviceId, const std::vector<PointIndex>&) const override;
    std::string where() const override { return settings_.where(); }

protected:
    struct BoundDevice {
        ShapeId shape = 0;
        Address address;
    };
    const LinkSettings& settings() const { return settings_; }
    const std::vector<BoundDevice>& devices() const { return devices_; }
    const Shape& shape_of(DeviceId device) const { return shapes_[devices_[device].shape].shape; }
    /// Null for a number that nobody gave.
    const PointShape* point_of(DeviceId, PointIndex) const;
    const std::vector<DiscoveryRule>& rules() const { return rules_; }

private:
    struct BoundShape {
        Shape shape;
        std::string order;  // of points that have none
    };
    LinkSettings settings_;
    std::vector<BoundShape> shapes_;
    std::vector<BoundDevice> devices_;
    std::vector<DiscoveryRule> rules_;
    std::set<Address> addresses_;
};

}  // namespace adapters::ble
