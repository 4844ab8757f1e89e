// Each folder of tests/cases/mapping is a site: gateway.yaml (its `links:` and `gateway:`), devices.d, profiles, secrets.
// expected.txt is the whole of what is said about it: all mistakes, or the plan. MAPPING_CASES_WRITE=1 writes it anew.
#include "adapters/modbus/descriptor.hpp"
#include "adapters/sim/sim.hpp"
#include "config/config.hpp"
#include "config/folder.hpp"
#include "config/yaml_reader.hpp"
#include "mapping/compile.hpp"
#include "mapping/vectors.hpp"
#include "tests/fakes/manual_timers.hpp"
#include "tests/fakes/paper_ble.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace mapping {

namespace {

namespace fs = std::filesystem;

const fs::path cases = "tests/cases/mapping";

std::string content(const fs::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

/// All that is said about a site.
std::string verdict(const fs::path& site) {
    base::Diagnostics diagnostics;
    boost::asio::io_context loop;
    fakes::ManualTimers timers;
    fakes::FixedRandom random;
    const auto catalog = lwm2m::ObjectCatalog::builtin();

    Sources sources;
    sources.catalog = &catalog;
    const auto below = [&](const char* name, config::Below what) {
        const auto folder = (site / name).string();
        return config::exists(folder) ? config::read_folder(folder, name, what, diagnostics) : std::vector<base::Node>{};
    };
    sources.profiles = below("profiles", config::Below::folders);
    if (sources.profiles.empty()) sources.profiles = config::load_profiles("mapping/profiles", diagnostics);
    sources.site = below("devices.d", config::Below::files);
    const auto gateway = config::read_yaml_file((site / "gateway.yaml").string(), "gateway.yaml", diagnostics);
    if (gateway) {
        sources.links = gateway->find("links");
        if (const auto* name = gateway->find("gateway")) sources.endpoint = name->written();
    }
    sources.make = [&](std::string_view name, base::Fields& link) -> std::unique_ptr<adapters::Adapter> {
        for (const auto* descriptor : {&adapters::modbus::descriptor(), &adapters::sim::descriptor()})
            if (name == descriptor->name) return descriptor->create(loop.get_executor(), timers, random, link);
        if (name == "ble") return fakes::PaperBle::create(link);
        link.error(name, fmt::format("no adapter '{}'", name), "there are: modbus, sim");
        return nullptr;
    };
    sources.secret = [&](std::string_view name) -> base::Result<std::string> {
        const auto file = site / "secrets" / name;
        if (!fs::exists(file)) return base::fail(base::Errc::not_found, "no file of that name in the secrets folder");
        return content(file);
    };
    const auto plan = compile(sources, diagnostics);
    EXPECT_EQ(plan.has_value(), diagnostics.ok()) << "a plan with mistakes, or none without";
    return plan ? plan->str() : diagnostics.str();
}

class MappingCase : public testing::TestWithParam<std::string> {};

// GW-006, GW-007, GW-008
TEST_P(MappingCase, IsToldAsExpected) {
    const auto site = cases / GetParam();
    const auto said = verdict(site);
    if (std::getenv("MAPPING_CASES_WRITE") != nullptr) std::ofstream(site / "expected.txt") << said;
    EXPECT_EQ(said, content(site / "expected.txt"));
}

std::vector<std::string> folders() {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(cases, error))
        if (entry.is_directory()) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

INSTANTIATE_TEST_SUITE_P(Folders, MappingCase, testing::ValuesIn(folders()), [](const auto& folder) {
    std::string name = folder.param;
    std::replace_if(
        name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
    return name;
});

/// The format's own large example, with its tests.
TEST(MappingCases, TheExampleMeterKeepsItsPromises) {
    base::Diagnostics diagnostics;
    boost::asio::io_context loop;
    fakes::ManualTimers timers;
    fakes::FixedRandom random;
    const auto catalog = lwm2m::ObjectCatalog::builtin();
    const auto profile =
        config::read_yaml_file((cases / "good-em24/profiles/acme/em24.yaml").string(), "em24.yaml", diagnostics);
    ASSERT_TRUE(profile);
    const Bench bench{&catalog, [&](std::string_view, base::Fields& link) {
                          return adapters::modbus::descriptor().create(loop.get_executor(), timers, random, link);
                      }};
    const auto run = run_vectors(*profile, bench, diagnostics);
    ASSERT_TRUE(run) << diagnostics.str();
    EXPECT_EQ(run->results.size(), 3U);
    for (const auto& result : run->results)
        for (const auto& difference : result.differences) ADD_FAILURE() << result.name << ": " << difference;
}

TEST(MappingCases, AreFound) { EXPECT_GE(folders().size(), 20U) << "run from the project's root"; }

}  // namespace

}  // namespace mapping
