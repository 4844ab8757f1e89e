#include "lwm2m/object_catalog.hpp"

#include <gtest/gtest.h>
#include <filesystem>
#include <fstream>

using lwm2m::Errc;
using lwm2m::ObjectCatalog;
using lwm2m::ObjectDef;
using lwm2m::Path;
using lwm2m::ResourceDef;
using lwm2m::Type;
using lwm2m::Version;

namespace {

std::string definition(const std::string& items, const std::string& head = "<ObjectID>4711</ObjectID>") {
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LWM2M><Object ObjectType=\"MODefinition\"><Name>Boiler</Name>" + head +
           "<MultipleInstances>Multiple</MultipleInstances><Mandatory>Optional</Mandatory><Resources>" + items +
           "</Resources></Object></LWM2M>";
}

std::string item(const std::string& type, const std::string& range, const std::string& operations = "RW") {
    return "<Item ID=\"1\"><Name>x</Name><Operations>" + operations + "</Operations><Type>" + type +
           "</Type><RangeEnumeration>" + range + "</RangeEnumeration></Item>";
}

ResourceDef resource(const std::string& items) {
    const auto object = ObjectCatalog::parse_xml(definition(items), "boiler.xml");
    if (!object) throw std::runtime_error(object.error().message);
    return object->resources.at(0);
}

std::string refusal(const std::string& text) {
    const auto object = ObjectCatalog::parse_xml(text, "boiler.xml");
    if (object) return "accepted";
    EXPECT_EQ(object.error().code, Errc::bad_request);
    return object.error().message;
}

class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "models.XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
        path_ = name;
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }
    void write(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name, std::ios::binary) << text;
    }
    std::string path() const { return path_.string(); }

private:
    std::filesystem::path path_;
};

}  // namespace

TEST(Catalog, knows_the_objects_that_the_gateway_serves) {
    const ObjectCatalog catalog = ObjectCatalog::builtin();
    const ObjectDef* gateway = catalog.find(25);
    ASSERT_NE(gateway, nullptr);
    EXPECT_EQ(gateway->version, (Version{2, 0}));
    ASSERT_EQ(gateway->resources.size(), 3U);
    EXPECT_EQ(gateway->resource(3)->type, Type::corelnk);
    EXPECT_EQ(gateway->resource(2), nullptr);
    EXPECT_FALSE(gateway->resource(1)->writable);

    const ResourceDef* errors = catalog.find(Path::of({3, 0, 11, 0}));
    ASSERT_NE(errors, nullptr);
    EXPECT_TRUE(errors->multiple && errors->mandatory && errors->readable && !errors->writable);
    EXPECT_EQ(errors->most, 32.0);
    const ResourceDef* reboot = catalog.find(Path::of({3, 0, 4}));
    ASSERT_NE(reboot, nullptr);
    EXPECT_TRUE(reboot->executable && reboot->type == Type::none);
    EXPECT_EQ(catalog.find(Path::of({3, 0})), nullptr);
    EXPECT_EQ(catalog.find(Path::of({4711, 0, 1})), nullptr);
    EXPECT_EQ(catalog.find(3307), nullptr);  // there is no such object
}

TEST(Catalog, gives_a_sensor_its_companions) {
    const ObjectCatalog catalog = ObjectCatalog::builtin();
    for (const std::uint16_t id :
         std::initializer_list<std::uint16_t>{5518, 5601, 5602, 5603, 5604, 5605, 5700, 5701, 5750, 6042, 6049, 6050})
        EXPECT_NE(catalog.find(Path::of({3303, 0, id})), nullptr) << id;
    EXPECT_TRUE(catalog.find(Path::of({3303, 0, 5700}))->mandatory);
    EXPECT_FALSE(catalog.find(Path::of({3303, 0, 5701}))->mandatory);
    EXPECT_TRUE(catalog.find(Path::of({3303, 0, 5605}))->executable);
}

TEST(Catalog, replaces_an_object_of_the_same_id) {
    ObjectCatalog catalog = ObjectCatalog::builtin();
    const std::size_t size = catalog.size();
    ObjectDef object;
    object.id = 3303;
    object.resources = {ResourceDef{7, "b"}, ResourceDef{1, "a"}};
    catalog.add(object);
    EXPECT_EQ(catalog.size(), size);
    EXPECT_EQ(catalog.find(3303)->resource(7)->name, "b");
    EXPECT_EQ(catalog.find(3303)->resource(5700), nullptr);
}

TEST(Version, is_major_and_minor) {
    EXPECT_EQ(Version::parse("1.2")->str(), "1.2");
    EXPECT_LT(*Version::parse("1.9"), *Version::parse("1.10"));
    for (const char* bad : {"", "1", "1.", ".1", "1.2.3", "a.b", "256.0", "-1.0", "1.2 "})
        EXPECT_FALSE(Version::parse(bad)) << bad;
}

TEST(DefinitionFile, is_read_with_byte_order_mark_cdata_and_blanks) {  // OBJ-008
    const std::string text =
        "\xEF\xBB\xBF" + definition(
                             "<Item ID=\"2\"><Name>\n  Flow\t <![CDATA[temp & more]]> </Name><Operations> R </Operations>"
                             "<MultipleInstances>Multiple</MultipleInstances><Mandatory>Mandatory</Mandatory>"
                             "<Type>Unsigned Integer</Type><RangeEnumeration>  </RangeEnumeration>"
                             "<Units>\n </Units></Item><Item ID=\"1\"><Name>stop</Name><Operations>E</Operations></Item>",
                             "<ObjectID> 4711 </ObjectID><ObjectVersion>2.1</ObjectVersion><LWM2MVersion>1.1</LWM2MVersion>");
    const auto object = ObjectCatalog::parse_xml(text, "boiler.xml");
    ASSERT_TRUE(object) << object.error().message;
    EXPECT_EQ(object->id, 4711);
    EXPECT_EQ(object->version.str(), "2.1");
    EXPECT_EQ(object->enabler.str(), "1.1");
    EXPECT_TRUE(object->multiple);
    ASSERT_EQ(object->resources.size(), 2U);
    EXPECT_EQ(object->resources[0].id, 1);  // by id, not as in the file
    EXPECT_TRUE(object->resources[0].executable);
    const ResourceDef& flow = object->resources[1];
    EXPECT_EQ(flow.name, "Flow temp & more");
    EXPECT_EQ(flow.type, Type::unsigned_integer);
    EXPECT_TRUE(flow.readable && flow.multiple && flow.mandatory && !flow.writable);
    EXPECT_FALSE(flow.least || flow.most);
    EXPECT_EQ(flow.unit, "");
}

TEST(DefinitionFile, without_versions_is_1_0) {
    const auto object = ObjectCatalog::parse_xml(definition(""), "boiler.xml");
    ASSERT_TRUE(object);
    EXPECT_EQ(object->version.str(), "1.0");
    EXPECT_EQ(object->enabler.str(), "1.0");
}

TEST(DefinitionFile, has_ranges_in_all_the_ways_people_write_them) {
    struct Case {
        const char *type, *range;
        std::optional<double> least, most;
    };
    const Case cases[] = {
        {"Integer", "1..65534", 1, 65534},
        {"Float", "-180.0 .. 180.5", -180, 180.5},
        {"Integer", "1...15", 1, 15},
        {"Integer", "0,1,2", 0, 2},
        {"Integer", "0..247, 255", 0, 255},
        {"Time", "0..10", 0, 10},
        {"String", "0..255 bytes", 0, 255},
        {"String", "1..64 Bytes", 1, 64},
        {"Opaque", "16,32,48", 16, 48},
        {"String", "32 bytes", {}, 32},
        {"Opaque", "6", {}, 6},
        {"Integer", "255", {}, {}},
        {"Integer", "1 bytes", {}, {}},
        {"Integer", "0: off 1: on", {}, {}},
        {"Integer", "5..1", {}, {}},
        {"Boolean", "0..1", {}, {}},
        {"Integer", "<7 to >12.5", {}, {}},
        {"Integer", "..", {}, {}},
        {"Float", "0; 3.8..20.5", {}, {}},
        {"Integer", "1,", {}, {}},
    };
    for (const Case& c : cases) {
        std::string range(c.range);
        if (const auto less = range.find('<'); less != std::string::npos) range.replace(less, 1, "&lt;");
        const ResourceDef found = resource(item(c.type, range));
        EXPECT_EQ(found.least, c.least) << c.type << " " << c.range;
        EXPECT_EQ(found.most, c.most) << c.type << " " << c.range;
    }
}

TEST(DefinitionFile, with_an_empty_type_need_not_be_executable) {
    const ResourceDef hidden = resource(item("", "", ""));
    EXPECT_EQ(hidden.type, Type::none);
    EXPECT_FALSE(hidden.executable || hidden.readable || hidden.writable);
}

TEST(DefinitionFile, is_refused_with_file_reason_and_remedy) {
    EXPECT_EQ(refusal("<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>" + definition("").substr(39)),
              "boiler.xml: has a document type declaration; remove it");
    EXPECT_EQ(refusal("<LWM2M/>"), "boiler.xml: not one object definition (LWM2M/Object); leave this file out");
    EXPECT_EQ(refusal("<LWM2M><Object/><Object/></LWM2M>"),
              "boiler.xml: not one object definition (LWM2M/Object); leave this file out");
    EXPECT_EQ(refusal("<LWM2M><Object ObjectType=\"CommonResources\"/></LWM2M>"),
              "boiler.xml: ObjectType 'CommonResources' is no object definition; leave this file out");
    EXPECT_EQ(refusal(definition("", "<ObjectID>65535</ObjectID>")),
              "boiler.xml: ObjectID '65535' is no number from 0 to 65534; correct it");
    EXPECT_EQ(refusal(definition(item("Unsigned", ""))),
              "boiler.xml: resource 1: Type 'Unsigned' is not known; use one of the LwM2M types");
    EXPECT_EQ(refusal(definition(item("Integer", "", "RX"))),
              "boiler.xml: resource 1: Operations 'RX' is none of R, W, RW, E and nothing; correct it");
    EXPECT_EQ(refusal(definition(item("Integer", "") + item("Float", ""))),
              "boiler.xml: resource 1 is there twice; remove one");
    EXPECT_EQ(refusal(definition("", "<ObjectID>1</ObjectID><ObjectVersion>new</ObjectVersion>")),
              "boiler.xml: ObjectVersion 'new' is no version; write it as 1.0");
    EXPECT_NE(refusal("<LWM2M><Object>").find("boiler.xml: not well-formed XML at byte "), std::string::npos);
    EXPECT_NE(refusal("").find("boiler.xml: "), std::string::npos);
    EXPECT_NE(refusal(std::string(100'000, '<')).find("not well-formed"), std::string::npos);
}

TEST(DefinitionFile, nested_a_hundred_thousand_times_is_no_harm) {
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "<a>";
    EXPECT_NE(refusal("<LWM2M>" + deep), "accepted");
}

TEST(DefinitionFolder, loads_what_is_good_and_names_what_is_not) {
    const TemporaryFolder folder;
    folder.write("boiler.xml", definition("", "<ObjectID>4711</ObjectID><ObjectVersion>1.1</ObjectVersion>"));
    folder.write("old/boiler-1_0.xml", definition(item("Float", ""), "<ObjectID>4711</ObjectID>"));
    folder.write("device-1_0.xml", definition("", "<ObjectID>3</ObjectID>"));
    folder.write("broken.xml", "<LWM2M>");
    folder.write("notes.txt", "not ours");
    ObjectCatalog catalog = ObjectCatalog::builtin();
    std::vector<std::string> refused;
    EXPECT_EQ(catalog.load_folder(folder.path(), refused), 3U);
    ASSERT_EQ(refused.size(), 1U);
    EXPECT_EQ(refused[0].rfind(folder.path() + "/broken.xml: not well-formed", 0), 0U) << refused[0];
    EXPECT_EQ(catalog.find(4711)->version.str(), "1.1");     // the newest wins, whatever comes first
    EXPECT_NE(catalog.find(Path::of({3, 0, 11})), nullptr);  // ours is newer than theirs
}

TEST(DefinitionFolder, that_is_not_there_is_told) {
    ObjectCatalog catalog;
    std::vector<std::string> refused;
    EXPECT_EQ(catalog.load_folder("/nowhere/at/all", refused), 0U);
    ASSERT_EQ(refused.size(), 1U);
    EXPECT_NE(refused[0].find("/nowhere/at/all: cannot be read"), std::string::npos);
}
