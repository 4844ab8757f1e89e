#include "lwm2m/object_catalog.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <set>

/// Against the public registry's own files, where they are at hand: beside the project.
using lwm2m::ObjectCatalog;
using lwm2m::ObjectDef;
using lwm2m::ResourceDef;

namespace {

constexpr const char* registry = "../shared/registry";

class Registry : public testing::Test {
protected:
    void SetUp() override {
        if (!std::filesystem::is_directory(registry))
            GTEST_SKIP() << "NOT TESTED: the public object definitions are not at " << registry
                         << ", so the built-in models are not compared with them";
    }
};

std::string facts(const ObjectDef& object) {
    return fmt::format("{} version {} enabler {}{}{}", object.id, object.version.str(), object.enabler.str(),
                       object.multiple ? " multiple" : "", object.mandatory ? " mandatory" : "");
}

std::string limit(const std::optional<double>& number) { return number ? fmt::format("{}", *number) : "open"; }

std::string facts(const ResourceDef& resource) {
    return fmt::format("{} {} {}{}{}{}{} {}..{} [{}]", resource.id, name(resource.type), resource.readable ? "R" : "",
                       resource.writable ? "W" : "", resource.executable ? "E" : "", resource.multiple ? " multiple" : "",
                       resource.mandatory ? " mandatory" : "", limit(resource.least), limit(resource.most), resource.unit);
}

}  // namespace

TEST_F(Registry, agrees_with_every_built_in_object) {
    const ObjectCatalog ours = ObjectCatalog::builtin();
    std::size_t compared = 0;
    for (unsigned id = 0; id < 65535; ++id) {
        const ObjectDef* object = ours.find(static_cast<lwm2m::ObjectId>(id));
        if (object == nullptr) continue;
        const std::string file = fmt::format("{}/{}.xml", registry, id);
        std::ifstream stream(file, std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
        const auto theirs = ObjectCatalog::parse_xml(text, file);
        ASSERT_TRUE(theirs) << theirs.error().message;
        EXPECT_EQ(facts(*object), facts(*theirs));
        std::vector<std::string> our_facts, their_facts;
        for (const ResourceDef& resource : object->resources) our_facts.push_back(facts(resource));
        for (const ResourceDef& resource : theirs->resources) their_facts.push_back(facts(resource));
        EXPECT_EQ(our_facts, their_facts) << "object " << id;
        ++compared;
    }
    EXPECT_EQ(compared, ours.size());
    EXPECT_GE(compared, 58U);
}

TEST_F(Registry, loads_whole_or_names_what_it_refuses) {  // OBJ-008
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(registry))
        if (entry.path().extension() == ".xml") ++files;
    ObjectCatalog catalog;
    std::vector<std::string> refused;
    const std::size_t loaded = catalog.load_folder(registry, refused);
    for (const std::string& line : refused) std::cout << "refused: " << line << '\n';
    std::cout << loaded << " loaded, " << refused.size() << " refused, " << catalog.size() << " objects\n";
    EXPECT_EQ(loaded + refused.size(), files);
    EXPECT_EQ(refused.size(), 2U);                      // the index and the common resources, neither of them an object
    EXPECT_EQ(catalog.find(25)->version.str(), "2.0");  // over version_history's 1.0
    EXPECT_EQ(catalog.size(), 327U);
}

// OBJ-009
TEST_F(Registry, gives_every_resource_of_every_file_and_no_other) {
    std::size_t compared = 0;
    for (const auto& entry : std::filesystem::directory_iterator(registry)) {
        if (entry.path().extension() != ".xml") continue;
        std::ifstream stream(entry.path(), std::ios::binary);
        std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
        const auto object = ObjectCatalog::parse_xml(text, entry.path().filename().string());
        for (auto from = text.find("<!--"); from != std::string::npos; from = text.find("<!--", from))
            text.erase(from, text.find("-->", from) - from);  // some files keep resources in comments
        if (!object) continue;                                // the index and the common resources: see above
        std::set<unsigned> told, written;
        for (const ResourceDef& resource : object->resources) told.insert(resource.id);
        static const std::regex item("<Item\\s+ID=\"([0-9]+)\"");
        for (std::sregex_iterator it(text.begin(), text.end(), item), end; it != end; ++it)
            written.insert(static_cast<unsigned>(std::stoul((*it)[1].str())));
        EXPECT_EQ(told, written) << entry.path();
        ++compared;
    }
    EXPECT_EQ(compared, 327U);
}
