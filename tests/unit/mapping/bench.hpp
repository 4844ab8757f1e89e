#pragma once

#include "config/yaml_reader.hpp"
#include "mapping/bench.hpp"
#include "tests/fakes/fake_adapter.hpp"

#include <gtest/gtest.h>
#include <string>

namespace mapping {

/// One profile of protocol `fake` written in the test, as profile tests and lint see it.
class OnBench {
public:
    /// `body` follows the head: points, actions, tests …
    explicit OnBench(const std::string& body, const std::string& head = "title: Test meter\nsource: manual 1.0\n") {
        const auto text = "format: 1\nprofile: x/y\nrevision: 1\n" + head + "protocol: fake\n" + body;
        auto node = config::read_yaml(text, "y.yaml", diagnostics);
        EXPECT_TRUE(node.has_value()) << diagnostics.str();
        if (node) root = std::move(*node);
    }

    static const lwm2m::ObjectCatalog& catalog() {
        static const auto builtin = lwm2m::ObjectCatalog::builtin();
        return builtin;
    }
    Bench bench() {
        return {&catalog(), [](std::string_view name, base::Fields& link) -> std::unique_ptr<adapters::Adapter> {
                    if (name != "fake") {
                        link.error(name, "no such adapter", "there are: fake");
                        return nullptr;
                    }
                    link.known("fake");
                    return std::make_unique<fakes::FakeAdapter>();
                }};
    }

    base::Node root;
    base::Diagnostics diagnostics;
};

}  // namespace mapping
