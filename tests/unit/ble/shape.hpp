#pragma once

#include "config/yaml_reader.hpp"
#include "tests/fakes/paper_ble.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <string>

namespace adapters::ble {

/// A device type written in the test as in a profile: the section `ble:` and points, each in YAML's flow form.
class TestShape {
public:
    explicit TestShape(const std::string& section) {
        base::Diagnostics diagnostics;
        const auto node = config::read_yaml(section, "ble.yaml", diagnostics);
        base::Fields fields(*node, "section 'ble'", diagnostics);
        auto read = read_shape("x/y@1", &fields, diagnostics, order_);
        fields.done();
        EXPECT_TRUE(diagnostics.ok()) << diagnostics.str();
        if (read) shape = std::move(*read);
    }
    /// The number of the point.
    std::size_t add(const std::string& point, const std::string& write = "") {
        base::Diagnostics diagnostics;
        const auto node = config::read_yaml(point, "point.yaml", diagnostics);
        base::Fields fields(*node, "a point", diagnostics);
        for (const auto* key : {"bit", "bits", "scale"}) fields.known(key);
        std::optional<base::Node> write_node;
        std::optional<base::Fields> write_fields;
        if (!write.empty()) {
            write_node = config::read_yaml(write, "write.yaml", diagnostics);
            write_fields.emplace(*write_node, "'write' of a point", diagnostics);
        }
        auto read = read_point(shape, order_, fields, write_fields ? &*write_fields : nullptr, {true, !write.empty()});
        fields.done();
        EXPECT_TRUE(read && diagnostics.ok()) << diagnostics.str();
        if (read) shape.points.push_back(std::move(*read));
        return shape.points.size() - 1;
    }
    const PointShape& point(std::size_t number) const { return shape.points.at(number); }

    Shape shape;

private:
    std::string order_;
};

}  // namespace adapters::ble
