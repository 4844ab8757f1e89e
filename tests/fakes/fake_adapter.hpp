#pragma once

#include "adapters/api/adapter.hpp"
#include "adapters/api/encoding.hpp"

#include <fmt/format.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fakes {

/// Binds anything: a point has a `pin` (or says `identify`) and a `type`, a device a `slot` of its own, a discovery rule an
/// `area`. Remembers what it was asked; reads and writes nothing.
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
        if (write != nullptr) write->known("pulse");
        if (point.has("identify")) {
            shapes[shape].push_back({-1, access, adapters::Kind::string});
            return static_cast<adapters::PointIndex>(shapes[shape].size() - 1);
        }
        // `write.at` of the mapping names another pin.
        const std::string_view place = point.node().find("at") != nullptr ? "at" : "pin";
        point.known("pin");
        point.need(place, "write pin: 1");
        const auto pin = point.integer(place, 0, 9999);
        const auto type = point.text("type");
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
    std::optional<adapters::RuleId> add_rule(adapters::Fields& rule) override {
        rule.text("area");
        return rules++;
    }
    std::optional<std::vector<std::string>> facts(adapters::RuleId) const override { return known_facts; }
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
    Cost cost(adapters::DeviceId, const std::vector<adapters::PointIndex>& points) const override {
        return {points.size(), point_cost * points.size(), measured};
    }
    double busy_limit() const override { return limit; }
    /// `"pin:3": 245`: a number, a truth or a text.
    std::vector<std::optional<adapters::Result<adapters::Scalar>>> pretend(adapters::DeviceId device, const base::Node& given,
                                                                           adapters::Diagnostics& diagnostics) override {
        const auto& points = shapes[devices[device]];
        std::vector<std::optional<adapters::Result<adapters::Scalar>>> values(points.size());
        for (const auto& [pin, at, value] : given.members()) {
            bool known = false;
            for (std::size_t i = 0; i < points.size(); ++i) {
                if (pin != fmt::format("pin:{}", points[i].pin)) continue;
                known = true;
                using Kind = base::Node::Kind;
                if (value.kind() == Kind::null)
                    values[i] = base::fail(base::Errc::malformed, "a broken pin");
                else if (value.kind() == Kind::boolean)
                    values[i] = adapters::Scalar(value.boolean());
                else if (value.kind() == Kind::integer)
                    values[i] = adapters::Scalar(value.integer());
                else if (value.kind() == Kind::number)
                    values[i] = adapters::Scalar(value.number());
                else
                    values[i] = adapters::Scalar(value.written());
            }
            if (!known) diagnostics.error(at, fmt::format("no point is at {}", pin), "give a pin that a point reads");
        }
        return values;
    }
    /// "pin 3 = 1", numbers as the adapter gets them.
    base::Result<std::vector<std::string>> sends(adapters::DeviceId device, adapters::PointIndex point,
                                                 const adapters::Scalar& value) const override {
        const auto number = [](const auto& v) -> std::string {
            if constexpr (std::is_arithmetic_v<std::decay_t<decltype(v)>>)
                return fmt::format("{}", v);
            else
                return "?";
        };
        return std::vector{fmt::format("pin {} = {}", shapes[devices[device]][point].pin, std::visit(number, value))};
    }

    std::chrono::microseconds point_cost{};  ///< of the link's time, for each point asked
    bool measured = false;
    double limit = 1;
    std::string key;  ///< of the section
    std::optional<std::vector<std::string>> known_facts{{"serial", "vendor", "slot"}};
    adapters::RuleId rules = 0;
    std::vector<std::vector<Point>> shapes;
    std::vector<adapters::ShapeId> devices;
};

}  // namespace fakes
