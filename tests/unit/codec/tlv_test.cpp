#include "tests/unit/codec/stage.hpp"

using namespace stage;

namespace {

constexpr auto tlv = ContentFormat::tlv;

// core digest 2.1
constexpr const char* access_rights = "08000ec10001c101008302417f07c1037f 080212c10003c101008702417f0761013601c1037f";
constexpr const char* links = "88000c440000420000440100420001c8010d38363133383030373535353030c40212345678";
const std::string device =
    "c800144f70656e204d6f62696c6520416c6c69616e6365c801164c69676874776569676874204d324d20436c69656e74"
    "c80209333435303030313233c303312e30860641000141010588070842000ed842011388870841007d42010384"
    "c10964c10a0f830b410000c40d5182428fc60e2b30323a3030c11055";

std::string read(std::string_view base, std::string_view digits) { return say(decode(tlv, base, hex(digits))); }

}  // namespace

TEST(Tlv, reads_the_examples_of_the_standard) {  // CORE-167
    EXPECT_EQ(read("/2", access_rights),
              "/2/0/0=1 /2/0/1=0 /2/0/2/127=7 /2/0/3=127 /2/2/0=3 /2/2/1=0 /2/2/2/127=7 /2/2/2/310=1 /2/2/3=127");
    EXPECT_EQ(read("/65/0", links), "/65/0/0/0=66:0 /65/0/0/1=66:1 /65/0/1=\"8613800755500\" /65/0/2=305419896");
    ASSERT_EQ(hex(device).size(), 121U);
    EXPECT_EQ(read("/3/0", device), example_device_said());
    EXPECT_EQ(read("/3", "080079" + device), example_device_said());
    EXPECT_EQ(read("/1/0", "c10265c20303f2c20507d0c10601c10755"),
              "/1/0/2=101 /1/0/3=1010 /1/0/5=2000 /1/0/6=true /1/0/7=\"U\"");  // ETS-0215
}

TEST(Tlv, writes_the_examples_of_the_standard) {
    EXPECT_EQ(encoded_hex(tlv, many("/2", {{"/2/0/0", number(1)},
                                           {"/2/0/1", number(0)},
                                           {"/2/0/2/127", number(7)},
                                           {"/2/0/3", number(127)},
                                           {"/2/2/0", number(3)},
                                           {"/2/2/1", number(0)},
                                           {"/2/2/2/127", number(7)},
                                           {"/2/2/2/310", number(1)},
                                           {"/2/2/3", number(127)}})),
              base::to_hex(hex(access_rights)));
    EXPECT_EQ(encoded_hex(tlv, many("/65/0", {{"/65/0/0/0", Value(ObjectLink{66, 0})},
                                              {"/65/0/0/1", Value(ObjectLink{66, 1})},
                                              {"/65/0/1", text("8613800755500")},
                                              {"/65/0/2", number(305419896)}})),
              links);
    EXPECT_EQ(encoded_hex(tlv, many("/3/0", example_device())), device);
    EXPECT_EQ(encoded_hex(tlv, many("/3", example_device())), "080079" + device);  // CORE-148: an object wraps its instances
}

TEST(Tlv, leaves_the_prefix_to_the_path_of_the_request) {
    EXPECT_EQ(encoded_hex(tlv, many("/d01/3/0", example_device("/d01"))), device);
    EXPECT_EQ(read("/d01/3/0", device), example_device_said("/d01"));
}

TEST(Tlv, reads_headers_that_nobody_needs_to_write) {  // CORE-146
    EXPECT_EQ(read("/4242/0", "c1 01 05"), "/4242/0/1=5");
    EXPECT_EQ(read("/4242/0", "e1 0001 05"), "/4242/0/1=5");         // 16 bit id
    EXPECT_EQ(read("/4242/0", "c8 01 01 05"), "/4242/0/1=5");        // 8 bit length
    EXPECT_EQ(read("/4242/0", "cf 01 01 05"), "/4242/0/1=5");        // whose lowest bits mean nothing
    EXPECT_EQ(read("/4242/0", "d3 01 0001 05"), "/4242/0/1=5");      // 16 bit length
    EXPECT_EQ(read("/4242/0", "fd 0001 000001 05"), "/4242/0/1=5");  // 24 bit length
    EXPECT_EQ(read("/4242/0", "a3 012c 410041"), "/4242/0/300/0=\"A\"");
}

TEST(Tlv, writes_ids_and_lengths_as_short_as_they_go) {
    EXPECT_EQ(encoded_hex(tlv, one("/4242/0/5", Value(Bytes(7, 1)))), "c705" + std::string("01010101010101"));
    EXPECT_EQ(encoded_hex(tlv, one("/4242/0/5", Value(Bytes(8, 1)))).substr(0, 6), "c80508");
    EXPECT_EQ(encoded_hex(tlv, one("/4242/0/5", Value(Bytes(256, 1)))).substr(0, 8), "d0050100");
    EXPECT_EQ(encoded_hex(tlv, one("/4242/0/5", Value(Bytes(65536, 1)))).substr(0, 10), "d805010000");
    EXPECT_EQ(encoded_hex(tlv, one("/3303/0/5700", Value(22.5))), "e41644" + std::string("41b40000"));
    EXPECT_EQ(codec::encode(tlv, one("/4242/0/5", Value(Bytes(1 << 24, 1))), lookup()).error().code, Errc::not_acceptable);
}

TEST(Tlv, writes_integers_and_floats_in_the_fewest_octets) {
    const std::pair<Value, const char*> cases[] = {{number(0), "c10100"},
                                                   {number(127), "c1017f"},
                                                   {number(128), "c2010080"},
                                                   {number(-128), "c10180"},
                                                   {number(-129), "c201ff7f"},
                                                   {number(32768), "c40100008000"},
                                                   {number(-32769), "c401ffff7fff"},
                                                   {number(2147483648), "c801080000000080000000"},
                                                   {number(INT64_MIN), "c801088000000000000000"},
                                                   {Value(std::uint64_t{255}), "c101ff"},
                                                   {Value(std::uint64_t{256}), "c2010100"},
                                                   {Value(UINT64_MAX), "c80108ffffffffffffffff"},
                                                   {Value(0.5), "c4013f000000"},
                                                   {Value(0.1), "c801083fb999999999999a"},
                                                   {Value(1e300), "c801087e37e43c8800759c"},
                                                   {Value(true), "c10101"},
                                                   {Value(ObjectLink{}), "c401ffffffff"}};
    for (const auto& [value, expected] : cases) EXPECT_EQ(encoded_hex(tlv, one("/4242/0/1", value)), expected) << str(value);
}

TEST(Tlv, reads_integers_of_any_width_as_the_model_signs_them) {  // CORE-150
    EXPECT_EQ(read("/4242/0", "c101ff"), "/4242/0/1=-1");
    EXPECT_EQ(read("/4242/0", "c201ff7f"), "/4242/0/1=-129");
    EXPECT_EQ(read("/4242/0", "c80108ffffffffffffffff"), "/4242/0/1=-1");
    EXPECT_EQ(read("/4242/0", "c801088000000000000000"), "/4242/0/1=-9223372036854775808");
    EXPECT_EQ(read("/4242/0", "c102ff"), "/4242/0/2=255");
    EXPECT_EQ(read("/4242/0", "c80208ffffffffffffffff"), "/4242/0/2=18446744073709551615");
    EXPECT_EQ(read("/4242/0", "c4033f000000"), "/4242/0/3=0.5");
    EXPECT_EQ(read("/4242/0", "c106ff"), "/4242/0/6=-1");
}

TEST(Tlv, wraps_a_multiple_resource_whatever_is_in_it) {  // CORE-149
    EXPECT_EQ(encoded_hex(tlv, many("/3/0/11", {{"/3/0/11/0", number(0)}}, true)), "830b410000");
    EXPECT_EQ(encoded_hex(tlv, many("/3/0/6", {{"/3/0/6/0", number(1)}, {"/3/0/6/1", number(5)}}, true)), "8606410001410105");
    EXPECT_EQ(encoded_hex(tlv, many("/3/0/6", {}, true)), "8006");
    EXPECT_EQ(encoded_hex(tlv, one("/3/0/6/1", number(5))), "410105");
    EXPECT_EQ(read("/3/0/6", "8606410001410105"), "/3/0/6/0=1 /3/0/6/1=5");
    EXPECT_EQ(read("/3/0/6", "8006"), "");
    EXPECT_EQ(read("/3/0/6/1", "410105"), "/3/0/6/1=5");
    EXPECT_EQ(read("/3/0/6/1", "8306410105"), "/3/0/6/1=5");
    EXPECT_EQ(read("/3/0/6", "410001410105"), "/3/0/6/0=1 /3/0/6/1=5");
}

TEST(Tlv, of_nothing_is_empty) {
    EXPECT_EQ(encoded_hex(tlv, many("/3/0", {})), "");
    EXPECT_EQ(encoded_hex(tlv, many("/16", {})), "");
    EXPECT_EQ(read("/16", ""), "");
}

TEST(Tlv, of_a_create_may_leave_the_instance_out) {  // CORE-075
    const auto unwrapped = decode(tlv, "/16", hex("8600 410061 410162"));
    ASSERT_TRUE(unwrapped) << unwrapped.error().message;
    EXPECT_EQ(say(unwrapped), "/16/0/0/0=\"a\" /16/0/0/1=\"b\"");
    EXPECT_TRUE(unwrapped->no_instance);
    const auto wrapped = decode(tlv, "/16", hex("080708 8600 410061 410162"));
    ASSERT_TRUE(wrapped) << wrapped.error().message;
    EXPECT_EQ(say(wrapped), "/16/7/0/0=\"a\" /16/7/0/1=\"b\"");
    EXPECT_FALSE(wrapped->no_instance);
}

TEST(Tlv, of_an_instance_may_be_wrapped_if_it_is_that_instance) {
    EXPECT_EQ(read("/4242/3", "0303c10105"), "/4242/3/1=5");
    expect_refused(tlv, "/4242/3", {"0304c10105"});
}

TEST(Tlv, keeps_what_it_does_not_know_as_bytes) { EXPECT_EQ(read("/3/0", "c1fe01 c10964"), "/3/0/254=01 /3/0/9=100"); }

TEST(Tlv, has_no_place_for_several_objects) {
    EXPECT_EQ(codec::encode(tlv, many("/", {{"/3/0/9", number(1)}}), lookup()).error().code, Errc::not_acceptable);
    EXPECT_EQ(codec::encode_composite(tlv, {}, lookup()).error().code, Errc::not_acceptable);
    expect_refused(tlv, "/", {"c10105"});
    expect_refused(tlv, "/d01", {"c10105"});
}

TEST(Tlv, that_is_malformed_is_refused) {  // CORE-147
    expect_refused(tlv, "/4242/0",
                   {"c1",
                    "c101",
                    "e101",
                    "c801",
                    "d00101",
                    "d8010000",
                    "c301ffff",
                    "c001",
                    "c301020304",
                    "c5010203040506",
                    "c80109010203040506070809",  // integers of 0, 3, 5 and 9 octets
                    "c003",
                    "c1033f",
                    "c303000000",
                    "c4037fc00000",
                    "c4037f800000",  // NaN, infinity
                    "c004",
                    "c10402",
                    "c2040001",  // booleans
                    "c100ff",    // a string that is not UTF-8
                    "c3 07 000042",
                    "c507 0000420000",    // links of 3 and 5 octets
                    "c16405 8364410005",  // a resource with a value and with instances
                    "c10105c10106",       // twice the same
                    "410001",             // a resource instance outside of its resource
                    "85640303c10105",     // an instance in a resource
                    "8301c10105",         // a resource in a resource
                    "0500 0303c10105",    // an instance in an instance
                    "e1ffff05",           // id 65535
                    "dfff01ffffff05"});   // a length that runs over the end
    expect_refused(tlv, "/4242/0/1", {"c10205", "830241 0005", "0303c10105"});
    expect_refused(tlv, "/4242/0/100/0", {"410105", "8364 410105"});
    expect_refused(tlv, "/4242", {"c10105 0303c10105", "0303c10105c10105", "410005", "0303c10105 0303c10106"});
}

TEST(Tlv, cut_anywhere_is_refused_or_a_shorter_whole) {
    expect_every_cut_refused(tlv, "/3", hex("080079" + device), true);
    expect_every_cut_refused(tlv, "/2", hex(access_rights), true);
    expect_every_cut_refused(tlv, "/4242/0/1", hex("c80108ffffffffffffffff"), true);
}

TEST(Tlv, says_the_newest_of_several_values_since_it_has_no_times) {
    EXPECT_EQ(encoded_hex(tlv, many("/4242/0", {{"/4242/0/1", number(1)}, {"/4242/0/1", number(2)}})), "c10102");
}

TEST(Tlv, orders_what_comes_unordered) {
    EXPECT_EQ(encoded_hex(tlv, many("/4242/0", {{"/4242/0/2", Value(std::uint64_t{2})}, {"/4242/0/1", number(1)}})),
              "c10101c10202");
}
