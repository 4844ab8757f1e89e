// Every shipped profile: understood, without advice, with tests that pass, and played by the simulator.
#include "adapters/modbus/descriptor.hpp"
#include "adapters/mqtt/descriptor.hpp"
#include "adapters/sim/sim.hpp"
#include "config/yaml_reader.hpp"
#include "mapping/lint.hpp"
#include "mapping/vectors.hpp"
#include "tests/fakes/manual_timers.hpp"
#include "tests/fakes/paper_ble.hpp"

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace mapping {

namespace {

namespace fs = std::filesystem;

const fs::path folder = "mapping/profiles";

std::string content(const fs::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

/// "eastron/sdm630.yaml", below the profiles' folder.
std::vector<std::string> files() {
    std::vector<std::string> found;
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(folder, error))
        if (entry.path().extension() == ".yaml") found.push_back(entry.path().lexically_relative(folder).string());
    std::sort(found.begin(), found.end());
    return found;
}

class ShippedProfile : public testing::TestWithParam<std::string> {
protected:
    ShippedProfile() : catalog_(lwm2m::ObjectCatalog::builtin()) {
        if (auto file = config::read_yaml_file((folder / GetParam()).string(), GetParam(), diagnostics_))
            root_ = std::move(*file);
        EXPECT_TRUE(diagnostics_.ok()) << diagnostics_.str();
        EXPECT_EQ(root_.kind(), base::Node::Kind::map);
    }

    Bench bench() {
        return {&catalog_, [this](std::string_view name, base::Fields& link) -> std::unique_ptr<adapters::Adapter> {
                    if (name == "ble") return fakes::PaperBle::create(link);
                    const auto* descriptor = find(name);
                    return descriptor != nullptr ? descriptor->create(loop_.get_executor(), timers_, random_, link) : nullptr;
                }};
    }
    static const adapters::Descriptor* find(std::string_view name) {
        for (const auto* descriptor :
             {&adapters::modbus::descriptor(), &adapters::mqtt::descriptor(), &adapters::sim::descriptor()})
            if (name == descriptor->name) return descriptor;
        return nullptr;
    }

    boost::asio::io_context loop_;
    fakes::ManualTimers timers_;
    fakes::FixedRandom random_;
    lwm2m::ObjectCatalog catalog_;
    base::Diagnostics diagnostics_;
    base::Node root_;
};

TEST_P(ShippedProfile, PassesItsOwnTests) {
    const auto run = run_vectors(root_, bench(), diagnostics_);
    ASSERT_TRUE(run) << diagnostics_.str();
    for (const auto& result : run->results)
        EXPECT_TRUE(result.passed()) << result.at.file << ":" << result.at.line << ": " << result.name << "\n"
                                     << fmt::format("{}", fmt::join(result.differences, "\n"));
    const bool played = root_.find("protocol")->written() == "sim";
    EXPECT_EQ(run->results.empty(), played) << "what is simulated needs no tests, all else does";
}

TEST_P(ShippedProfile, LintHasNothingToSay) {
    const auto advice = lint(root_, GetParam(), bench(), diagnostics_);
    ASSERT_TRUE(advice) << diagnostics_.str();
    for (const auto& one : *advice) ADD_FAILURE() << one.str();
}

/// Of a protocol whose simulator listens by itself. Some of a broker's are played in integration.mqtt, a radio's none.
class ListeningProfile : public ShippedProfile {};

TEST_P(ListeningProfile, CanBeSimulated) {
    const auto plan = compile_alone(root_, nullptr, bench(), diagnostics_);
    ASSERT_TRUE(plan) << diagnostics_.str();
    const auto& link = plan->links.front();
    const auto simulator =
        find(link.adapter)
            ->simulate(loop_.get_executor(), *link.driver, plan->devices.front().number, "127.0.0.1:0", [](const auto&) {});
    const auto started = simulator->start();
    ASSERT_TRUE(started) << started.error().message;
    for (const auto& point : plan->devices.front().type->points)
        if (point.readable && point.index != no_index) {
            EXPECT_TRUE(simulator->get(point.index)) << "the simulated device does not have " << point.name;
        }
    simulator->stop();
}

TEST_P(ShippedProfile, IsInTheListsOfProfilesAndSources) {
    const auto name = root_.find("profile")->written();
    EXPECT_EQ(GetParam(), name + ".yaml") << "a start reads only the files that the site names";
    if (name.starts_with("demo/")) return;  // made up
    EXPECT_NE(content(folder / "README.md").find("`" + name + "`"), std::string::npos) << "mapping/profiles/README.md";
    EXPECT_NE(content(folder / "SOURCES.md").find("`" + name + "`"), std::string::npos) << "mapping/profiles/SOURCES.md";
}

std::vector<std::string> files_of(const std::string& protocol) {
    auto found = files();
    std::erase_if(found, [&](const auto& file) {
        return content(folder / file).find("\nprotocol: " + protocol + "\n") == std::string::npos;
    });
    return found;
}

std::string test_name(const testing::TestParamInfo<std::string>& file) {
    std::string name = file.param.substr(0, file.param.size() - 5);
    std::replace_if(
        name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Files, ShippedProfile, testing::ValuesIn(files()), test_name);
INSTANTIATE_TEST_SUITE_P(Files, ListeningProfile, testing::ValuesIn(files_of("modbus")), test_name);

TEST(ShippedProfiles, AreManyAndOfManyMakers) {
    EXPECT_GE(files_of("modbus").size(), 30U);
    std::set<std::string> makers;
    std::size_t real = 0;
    for (const auto& file : files()) {
        if (file.starts_with("demo/")) continue;
        ++real;
        makers.insert(file.substr(0, file.find('/')));
    }
    EXPECT_GE(real, 20U) << "run from the project's root";
    EXPECT_GE(makers.size(), 10U);
}

}  // namespace

}  // namespace mapping
