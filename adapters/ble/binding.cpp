#include "adapters/ble/binding.hpp"

#include <algorithm>

namespace adapters::ble {

using base::Errc;
using base::fail;

std::optional<ShapeId> Binding::add_shape(std::string_view profile, Fields* section, Diagnostics& diagnostics) {
    BoundShape bound;
    auto shape = read_shape(profile, section, diagnostics, bound.order);
    if (!shape) return std::nullopt;
    bound.shape = std::move(*shape);
    shapes_.push_back(std::move(bound));
    return static_cast<ShapeId>(shapes_.size() - 1);
}

std::optional<PointIndex> Binding::add_point(ShapeId id, Fields& point, Fields* write, Access access) {
    auto& [shape, order] = shapes_.at(id);
    auto made = read_point(shape, order, point, write, access);
    if (!made) return std::nullopt;
    if (shape.points.size() >= most_points) {
        point.error("char", fmt::format("over {} points", most_points), "split the device into two profiles");
        return std::nullopt;
    }
    shape.points.push_back(std::move(*made));
    return static_cast<PointIndex>(shape.points.size() - 1);
}

std::optional<Kind> Binding::kind(ShapeId id, PointIndex index) const { return shapes_.at(id).shape.points.at(index).kind; }

std::optional<std::string> Binding::unit(ShapeId id, PointIndex index) const {
    const auto unit = shapes_.at(id).shape.points.at(index).unit;
    return unit.empty() ? std::nullopt : std::optional(std::string(unit));
}

bool Binding::unasked(ShapeId id, PointIndex index) const {
    const Shape& shape = shapes_.at(id).shape;
    const PointShape& point = shape.points.at(index);
    return point.gatt() == nullptr || (point.notify && shape.stay);
}

std::optional<Milliseconds> Binding::period(ShapeId id, PointIndex index) const {
    const Shape& shape = shapes_.at(id).shape;
    return shape.points.at(index).gatt() != nullptr ? std::optional(shape.poll) : std::nullopt;
}

std::optional<DeviceId> Binding::add_device(ShapeId shape, Fields& site) {
    const auto read = read_device(site);
    if (!read) return std::nullopt;
    if (devices_.size() >= most_devices) {
        site.error("address", fmt::format("over {} devices on one link", most_devices), "use a second link");
        return std::nullopt;
    }
    if (!addresses_.insert(read->address).second) {
        site.error("address", fmt::format("the address {} is taken by another device of this link", read->address.str()),
                   "each Bluetooth device has an address of its own");
        return std::nullopt;
    }
    devices_.push_back({shape, read->address});
    return static_cast<DeviceId>(devices_.size() - 1);
}

std::optional<RuleId> Binding::add_rule(Fields& rule) {
    auto read = read_rule(rule);
    if (!read) return std::nullopt;
    rules_.push_back(std::move(*read));
    return static_cast<RuleId>(rules_.size() - 1);
}

std::optional<std::vector<std::string>> Binding::facts(RuleId rule) const { return rules_.at(rule).facts(); }

const PointShape* Binding::point_of(DeviceId device, PointIndex index) const {
    if (device >= devices_.size()) return nullptr;
    const auto& points = shape_of(device).points;
    return index < points.size() ? &points[index] : nullptr;
}

Result<std::vector<std::string>> Binding::sends(DeviceId device, PointIndex index, const Scalar& value) const {
    const PointShape* point = point_of(device, index);
    if (point == nullptr || point->gatt() == nullptr) return fail(Errc::not_allowed, "it can only be read");
    if (needs_present(*point))
        return fail(Errc::not_allowed, "it changes a part of a characteristic, and the rest is known to the device alone");
    const auto bytes = bytes_of(*point, value);
    if (!bytes) return tl::unexpected(bytes.error());
    std::string hex = base::to_hex(*bytes);
    std::transform(hex.begin(), hex.end(), hex.begin(), [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
    return std::vector<std::string>{
        fmt::format("{} {}{}", point->write_place().at.text(), hex, point->response ? "" : " without response")};
}

std::vector<std::string> Binding::explain(DeviceId device, const std::vector<PointIndex>& asked) const {
    std::vector<std::string> names, notified, lines;
    std::size_t advertised = 0;
    const auto add = [](std::vector<std::string>& list, std::string name) {
        if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(std::move(name));
    };
    const auto together = [](const std::vector<std::string>& list) {
        std::string text = fmt::format("{} characteristic{}", list.size(), list.size() == 1 ? "" : "s");
        for (std::size_t i = 0; i < list.size() && i < 4; ++i) text += (i == 0 ? ": " : ", ") + list[i];
        return list.size() > 4 ? text + " …" : text;
    };
    for (const PointIndex index : asked) {
        const PointShape* point = point_of(device, index);
        if (point == nullptr) continue;
        if (point->gatt() != nullptr)
            add(unasked(devices_[device].shape, index) ? notified : names, point->gatt()->at.text());
        else if (!std::holds_alternative<RadioField>(point->from))
            ++advertised;
    }
    const Shape& shape = shape_of(device);
    if (!names.empty()) lines.push_back((shape.stay ? "reads " : "connects, reads ") + together(names));
    if (!notified.empty()) lines.push_back("notifications of " + together(notified));
    if (advertised > 0) {
        std::string whose = shape.decoder != nullptr ? std::string(shape.decoder->name()) + ", " : "";
        if (shape.company) whose += fmt::format("data of company 0x{:04X}", *shape.company);
        if (shape.service) whose += fmt::format("{}data of service {}", shape.company ? " and " : "", shape.service->text());
        lines.push_back(fmt::format("{}  {} value{}", whose, advertised, advertised == 1 ? "" : "s"));
    }
    return lines;
}

}  // namespace adapters::ble
