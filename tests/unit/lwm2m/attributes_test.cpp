#include "lwm2m/attributes.hpp"

#include "tests/fakes/memory_tree.hpp"

#include <gtest/gtest.h>

using lwm2m::Attributes;
using lwm2m::AttributeStore;
using lwm2m::Target;

namespace {

const lwm2m::ResourceDef number = fakes::resource(5700, "R", lwm2m::Type::floating);
const lwm2m::ResourceDef flag = fakes::resource(5850, "RW", lwm2m::Type::boolean);
const lwm2m::ResourceDef text = fakes::resource(5701, "R", lwm2m::Type::string);
const lwm2m::ResourceDef secret = fakes::resource(9, "W", lwm2m::Type::integer);

Target at(std::string_view path) { return *Target::parse(path); }

std::vector<std::string> split(std::string_view query) {
    std::vector<std::string> options;
    for (std::size_t from = 0;;) {
        const auto to = query.find('&', from);
        options.emplace_back(query.substr(from, to == std::string_view::npos ? to : to - from));
        if (to == std::string_view::npos) return options;
        from = to + 1;
    }
}

bool accepted(std::string_view query, const lwm2m::ResourceDef* resource, int minor = 2) {
    AttributeStore store;
    const auto change = lwm2m::parse_attributes(split(query), minor);
    return change && store.apply(1, at(resource == nullptr ? "/3/0" : "/3/0/9"), *change, resource);
}

std::string shown(const Attributes& attributes) {
    std::string out;
    for (const auto& [name, value] : lwm2m::link_attributes(attributes)) out += name + "=" + value + ";";
    return out;
}

struct Case {
    const char* query;
    const lwm2m::ResourceDef* resource;
    bool accepted;
};

// CORE-115 CORE-116 CORE-117 CORE-118; core digest 7.2
TEST(Attributes, follow_the_table_of_the_specification) {
    const Case cases[] = {
        {"pmin=0", nullptr, true},
        {"pmin=4294967295", nullptr, true},
        {"pmin=4294967296", nullptr, false},
        {"pmin=-1", nullptr, false},
        {"pmin=1.5", nullptr, false},
        {"pmin=", nullptr, false},
        {"pmin= 1", nullptr, false},
        {"pmin=5x", nullptr, false},
        {"pmin=0x10", nullptr, false},
        {"pmin=5&pmax=5", nullptr, true},
        {"pmin=10&pmax=5", nullptr, true},  // pmax is kept and ignored
        {"pmax=0", nullptr, true},
        {"pmin", nullptr, true},
        {"pmin=1&pmin=2", nullptr, false},
        {"pmin&pmin=2", nullptr, false},
        {"pmax=0&pmax=9", nullptr, false},
        {"epmin=5&epmax=5", nullptr, false},
        {"epmin=6&epmax=5", nullptr, false},
        {"epmin=4&epmax=5", nullptr, true},
        {"con=0", nullptr, true},
        {"con=1", nullptr, true},
        {"con=2", nullptr, false},
        {"con=true", nullptr, false},
        {"PMIN=1", nullptr, false},
        {"foo=1", nullptr, false},
        {"", nullptr, false},
        {"=5", nullptr, false},
        {"dim=2", nullptr, false},
        {"ver=1.1", nullptr, false},
        {"hqmax=5", nullptr, true},
        {"hqmax=-1", nullptr, false},
        {"gt=1", nullptr, false},
        {"lt=1", nullptr, false},
        {"st=1", nullptr, false},
        {"edge=1", nullptr, false},
        {"gt=1", &number, true},
        {"gt=-90.5", &number, true},
        {"gt=1e3", &number, true},
        {"gt=nan", &number, false},
        {"gt=inf", &number, false},
        {"gt=1e999", &number, false},
        {"gt=", &number, false},
        {"gt=0x1p3", &number, false},
        {"gt=1,5", &number, false},
        {"lt=10&gt=10", &number, false},
        {"lt=11&gt=10", &number, false},
        {"lt=9&gt=10", &number, true},
        {"lt=5&gt=10&st=2.4", &number, true},
        {"lt=5&gt=10&st=2.5", &number, false},
        {"st=0", &number, false},
        {"st=-1", &number, false},
        {"st=0.001", &number, true},
        {"gt=1", &text, false},
        {"gt=1", &flag, false},
        {"gt=1", &secret, false},
        {"edge=0", &flag, true},
        {"edge=1", &flag, true},
        {"edge=2", &flag, false},
        {"edge=1", &number, false},
    };
    for (const Case& c : cases) EXPECT_EQ(accepted(c.query, c.resource), c.accepted) << c.query;
}

TEST(Attributes, of_a_newer_version_are_unknown_to_an_older_registration) {
    EXPECT_FALSE(accepted("edge=1", &flag, 1));
    EXPECT_FALSE(accepted("con=1", nullptr, 1));
    EXPECT_FALSE(accepted("hqmax=1", nullptr, 1));
    EXPECT_TRUE(accepted("epmin=1", nullptr, 1));
}

TEST(Attributes, are_bounded_in_number) {
    EXPECT_FALSE(lwm2m::parse_attributes(std::vector<std::string>(17, "pmin"), 2));
    AttributeStore store;
    const auto change = *lwm2m::parse_attributes(split("pmin=1"), 2);
    for (std::size_t i = 0; i < AttributeStore::most_per_server; ++i)
        ASSERT_TRUE(store.apply(1, {"", lwm2m::Path::of({3, static_cast<std::uint16_t>(i)})}, change, nullptr));
    EXPECT_FALSE(store.apply(1, at("/4"), change, nullptr));
    EXPECT_TRUE(store.apply(1, at("/3/7"), *lwm2m::parse_attributes(split("pmin=9"), 2), nullptr));  // not a further node
    EXPECT_TRUE(store.apply(2, at("/4"), change, nullptr));                                          // not of that server
    EXPECT_TRUE(store.apply(1, at("/3/7"), *lwm2m::parse_attributes(split("pmin"), 2), nullptr));
    EXPECT_TRUE(store.apply(1, at("/4"), change, nullptr));
}

// CORE-070 CORE-126
TEST(Attributes, are_set_and_unset_one_by_one) {
    AttributeStore store;
    const auto put = [&](std::string_view query) {
        const auto change = lwm2m::parse_attributes(split(query), 2);
        return change && store.apply(1, at("/3/0/9"), *change, &number);
    };
    EXPECT_TRUE(put("pmin=5&pmax=60"));
    EXPECT_TRUE(put("gt=50&lt=42.2"));
    EXPECT_EQ(shown(*store.attached(1, at("/3/0/9"))), "pmin=5;pmax=60;gt=50;lt=42.2;");
    EXPECT_FALSE(put("lt=70"));  // together with gt=50: nothing changes
    EXPECT_FALSE(put("pmin=1&lt=70"));
    EXPECT_EQ(shown(*store.attached(1, at("/3/0/9"))), "pmin=5;pmax=60;gt=50;lt=42.2;");
    EXPECT_TRUE(put("gt&lt=70"));
    EXPECT_TRUE(put("pmax=0"));
    EXPECT_EQ(shown(*store.attached(1, at("/3/0/9"))), "pmin=5;lt=70;");
    EXPECT_TRUE(put("pmin&lt"));
    EXPECT_EQ(store.attached(1, at("/3/0/9")), nullptr);
    EXPECT_EQ(store.size(1), 0u);
}

// CORE-123 CORE-124 CORE-129 GW-037 GW-038
TEST(Attributes, are_inherited_one_by_one_within_server_and_prefix) {
    AttributeStore store;
    const auto put = [&](lwm2m::ServerId server, std::string_view path, std::string_view query) {
        return store.apply(server, at(path), *lwm2m::parse_attributes(split(query), 2), &number).has_value();
    };
    EXPECT_TRUE(put(1, "/d01/3303", "pmin=1&pmax=100"));
    EXPECT_TRUE(put(1, "/d01/3303/0", "pmax=50"));
    EXPECT_TRUE(put(1, "/d01/3303/0/5700", "gt=30"));
    EXPECT_EQ(shown(store.inherited(1, at("/d01/3303/0/5700"))), "pmin=1;pmax=50;gt=30;");
    EXPECT_EQ(shown(store.inherited(1, at("/d01/3303/0"))), "pmin=1;pmax=50;");
    EXPECT_EQ(shown(store.inherited(1, at("/d01/3303/1/5700"))), "pmin=1;pmax=100;");
    EXPECT_EQ(shown(store.inherited(1, at("/d02/3303/0/5700"))), "");
    EXPECT_EQ(shown(store.inherited(1, at("/3303/0/5700"))), "");
    EXPECT_EQ(shown(store.inherited(2, at("/d01/3303/0/5700"))), "");
}

// CORE-081
TEST(Attributes, go_with_their_node) {
    AttributeStore store;
    for (const char* path : {"/16", "/16/0", "/16/0/0", "/16/0/0/1", "/16/1", "/17/0", "/d01/16/0"})
        ASSERT_TRUE(store.apply(1, at(path), *lwm2m::parse_attributes(split("pmin=1"), 2), nullptr));
    store.erase_below(at("/16/0"));
    EXPECT_EQ(store.size(1), 4u);
    EXPECT_NE(store.attached(1, at("/16")), nullptr);
    EXPECT_NE(store.attached(1, at("/16/1")), nullptr);
    EXPECT_EQ(store.attached(1, at("/16/0/0")), nullptr);
    store.erase_prefix("d01");
    EXPECT_EQ(store.attached(1, at("/d01/16/0")), nullptr);
    EXPECT_EQ(store.size(1), 3u);
}

TEST(Attributes, come_back_from_their_text_whatever_stands_between) {
    AttributeStore store;
    ASSERT_TRUE(store.apply(1, at("/d01/3303/0/5700"), *lwm2m::parse_attributes(split("pmin=5&gt=-3.5&hqmax=2"), 2), &number));
    ASSERT_TRUE(store.apply(2, at("/3"), *lwm2m::parse_attributes(split("pmax=60&con=1"), 2), nullptr));
    const std::string lines = store.export_state();
    AttributeStore again;
    again.import_state("rubbish\n1 /d01\n 1 x y\n9 /3 pmin=1\n1 /3 foo=1\n1 / pmin=1\n" + lines + "1 /3 pmin=",
                       [](lwm2m::ServerId id) { return id < 3; });
    EXPECT_EQ(again.export_state(), lines);
    EXPECT_EQ(shown(*again.attached(1, at("/d01/3303/0/5700"))), "pmin=5;gt=-3.5;hqmax=2;");
    EXPECT_EQ(again.size(1), 1u);
    EXPECT_EQ(again.size(9), 0u);
}

TEST(Attributes, are_told_in_plain_decimal) {
    Attributes a;
    a.gt = 1e21;
    a.lt = -0.00001;
    a.st = 0.1;
    a.edge = false;
    a.con = true;
    EXPECT_EQ(shown(a), "gt=1000000000000000000000;lt=-0.00001;st=0.1;edge=0;con=1;");
}

}  // namespace
