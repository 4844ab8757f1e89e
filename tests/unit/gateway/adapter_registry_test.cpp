#include "gateway/adapter_registry.hpp"
#include "tests/unit/config/site_folder.hpp"

#include <gtest/gtest.h>

namespace gateway {
namespace {

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

adapters::Descriptor named(const char* name) {
    return {adapters::adapter_api, adapters::adapter_build, name, nullptr, nullptr};
}

TEST(AdapterRegistry, APluginIsOpenedOnlyWhenItIsAskedFor) {
    const config::SiteFolder plugins;
    plugins.write("modbus.so", "not a shared object");
    plugins.write("readme.txt", "");
    AdapterRegistry registry;
    const auto played = named("played");
    ASSERT_TRUE(registry.add(played));

    ASSERT_TRUE(registry.look_in(plugins.path()));
    EXPECT_EQ(registry.names(), (std::vector<std::string_view>{"modbus", "played"}));
    EXPECT_EQ(*registry.find("played"), &played);

    const auto broken = registry.find("modbus");
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().code, base::Errc::bad_request);
    EXPECT_TRUE(says(broken.error().message, plugins.path() + "/modbus.so: it cannot be loaded"));
}

TEST(AdapterRegistry, AnUnknownAdapterIsNotABrokenOne) {
    AdapterRegistry registry;
    const auto none = registry.find("knx");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, base::Errc::not_found);
    EXPECT_EQ(none.error().message, "no adapter 'knx'");
    EXPECT_FALSE(registry.look_in("/nowhere/at/all"));
}

TEST(AdapterRegistry, RefusesAnotherBuildAnotherApiAndASecondOfAName) {
    AdapterRegistry registry;
    auto other_build = named("a"), other_api = named("b");
    other_build.build = "api 2, another compiler";
    other_api.api = adapters::adapter_api + 1;
    EXPECT_TRUE(says(registry.add(other_build).error().message, "another build"));
    EXPECT_TRUE(says(registry.add(other_api).error().message, "made for adapter API"));

    const auto once = named("c"), twice = named("c");
    ASSERT_TRUE(registry.add(once));
    EXPECT_TRUE(says(registry.add(twice).error().message, "'c' already"));
    EXPECT_EQ(*registry.find("c"), &once);
}

}  // namespace
}  // namespace gateway
