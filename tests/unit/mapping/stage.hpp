#pragma once

#include "config/yaml_reader.hpp"
#include "mapping/compile.hpp"
#include "tests/fakes/fake_adapter.hpp"

#include <gtest/gtest.h>
#include <map>
#include <string>
#include <utility>

namespace mapping {

/// A mapping written in the test, compiled with a fake adapter.
class Stage {
public:
    Stage() { sources.catalog = &catalog(); }

    static const lwm2m::ObjectCatalog& catalog() {
        static const auto builtin = lwm2m::ObjectCatalog::builtin();
        return builtin;
    }
    Stage& profile(const std::string& text, const std::string& file = "profile.yaml") {
        if (auto node = config::read_yaml(text, file, diagnostics)) sources.profiles.push_back(std::move(*node));
        return *this;
    }
    /// A profile x/y@1 of these points, each "name: {…}".
    Stage& points(const std::string& points) {
        return profile("format: 1\nprofile: x/y\nrevision: 1\nprotocol: fake\npoints:\n" + points);
    }
    Stage& site(const std::string& text, const std::string& file = "site.yaml") {
        if (auto node = config::read_yaml(text, file, diagnostics)) sources.site.push_back(std::move(*node));
        return *this;
    }
    /// One device `d` of x/y@1.
    Stage& device(const std::string& more = "") {
        return site("format: 1\ndevices:\n  - {id: d, profile: x/y@1, link: bus" + (more.empty() ? "" : ", " + more) + "}\n");
    }
    Stage& links(const std::string& text) {
        if (auto node = config::read_yaml(text, "gateway.yaml", diagnostics)) links_ = std::move(*node);
        return *this;
    }
    Stage& secret(const std::string& name, const std::string& content) {
        secrets_[name] = content;
        return *this;
    }

    std::optional<Plan> compile() {
        sources.links = &links_;
        sources.endpoint = "the-gateway";
        sources.make = [this](std::string_view name, base::Fields& link) -> std::unique_ptr<adapters::Adapter> {
            if (name != "fake") {
                link.error(name, fmt::format("no adapter '{}'", name), "there are: fake");
                return nullptr;
            }
            link.known("fake");
            if (link.has("key")) link_key = link.text("key").value_or("");
            auto made = std::make_unique<fakes::FakeAdapter>();
            adapters.push_back(made.get());
            return made;
        };
        sources.secret = [this](std::string_view name) -> base::Result<std::string> {
            const auto found = secrets_.find(std::string(name));
            if (found == secrets_.end()) return base::fail(base::Errc::not_found, "there is no such file");
            return found->second;
        };
        return mapping::compile(sources, diagnostics);
    }
    /// Must compile.
    Plan plan() {
        auto plan = compile();
        EXPECT_EQ(diagnostics.str(), "");
        if (!plan) throw std::runtime_error("the mapping does not compile");
        return std::move(*plan);
    }
    /// Must not compile; all it says.
    std::string errors() {
        EXPECT_FALSE(compile().has_value());
        return diagnostics.str();
    }

    Sources sources;
    base::Diagnostics diagnostics;
    std::vector<fakes::FakeAdapter*> adapters;  ///< in the order of the links
    std::string link_key;                       ///< the last link's `key`, as the adapter got it

private:
    base::Node links_ = base::Node::map(
        {"gateway.yaml", 1, 1},
        {{"bus",
          {"gateway.yaml", 1, 1},
          base::Node::map({"gateway.yaml", 1, 6},
                          {{"fake", {"gateway.yaml", 1, 7}, base::Node::text({"gateway.yaml", 1, 13}, "here")}})}});
    std::map<std::string, std::string> secrets_;
};

inline const Resource* resource_of(const DeviceType& type, const std::string& path) {
    for (const auto& resource : type.resources)
        if (resource.path.str() == path) return &resource;
    return nullptr;
}
inline const PointSpec* point_of(const DeviceType& type, const std::string& name) {
    for (const auto& point : type.points)
        if (point.name == name) return &point;
    return nullptr;
}

}  // namespace mapping
