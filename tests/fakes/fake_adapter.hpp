#pragma once

#include "adapters/api/adapter.hpp"
#include "adapters/api/encoding.hpp"

#include <fmt/format.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fakes {

/// Binds anything: a point has a `pin` and a `type`, a device a `slot` of its own. Remembers what it was asked; reads and
/// writes nothing.
class FakeAdapter final : public adapters::Adapter {
public:
    struct Point {
        std::int64_t pin = 0;
        adapters::Access access;
        std::optional<adapters::Kind> kind;
    };

    std::optional<adapters::ShapeId> add_shape(std::string_view, adapters::Fields* section, adapters::Diagnostics&) override {
        if (section != nullptr) key = section->text("key").value_or("");
        shapes.emplace_back();
        return static_cast<adapters::ShapeId>(shapes.size() - 1);
    }
    std::optional<adapters::PointIndex> add_point(adapters::ShapeId shape, adapters::Fields& point, adapters::Fields* write,
                                                  adapters::Access access) override {
        point.need("pin", "write pin: 1");
        const auto pin = point.integer("pin", 0, 9999);
        const auto type = point.text("type");
        if (write != nullptr) write->known("pulse");
        if (!pin) return std::nullopt;
        Point made{*pin, access, std::nullopt};
        if (type && *type == "uint16") made.kind = adapters::Kind::uint16;
        if (type && *type == "bool") made.kind = adapters::Kind::boolean;
        shapes[shape].push_back(made);
        return static_cast<adapters::PointIndex>(shapes[shape].size() - 1);
    }
    std::optional<adapters::Kind> kind(adapters::ShapeId shape, adapters::PointIndex index) const override {
        return shapes[shape][index].kind;
    }
    std::optional<adapters::DeviceId> add_device(adapters::ShapeId shape, adapters::Fields& site) override {
        site.known("slot");
        site.known("unit");
        devices.push_back(shape);
        return static_cast<adapters::DeviceId>(devices.size() - 1);
    }
    void start(adapters::Sink&) override {}
    void stop(std::function<void()> stopped) override { stopped(); }
    void read(adapters::DeviceId, std::vector<adapters::PointIndex> points, adapters::Instant,
              std::function<void(Values)> done) override {
        done(Values(points.size(), base::fail(base::Errc::offline, "a fake has no values")));
    }
    void write(adapters::DeviceId, adapters::PointIndex, adapters::Scalar, adapters::Instant,
               std::function<void(base::Result<void>)> done) override {
        done(base::fail(base::Errc::offline, "a fake takes no values"));
    }
    std::vector<std::string> explain(adapters::DeviceId device,
                                     const std::vector<adapters::PointIndex>& points) const override {
        std::vector<std::string> lines;
        for (const auto point : points) lines.push_back(fmt::format("pin {}", shapes[devices[device]][point].pin));
        return lines;
    }
    std::string where() const override { return "fake"; }

    std::string key;  ///< of the section
    std::vector<std::vector<Point>> shapes;
    std::vector<adapters::ShapeId> devices;
};

}  // namespace fakes
