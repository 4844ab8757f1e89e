#include "tests/unit/codec/stage.hpp"

using namespace stage;

namespace {

constexpr auto cbor = ContentFormat::lwm2m_cbor;

std::string read(std::string_view base, std::string_view digits) { return say(decode(cbor, base, hex(digits))); }

}  // namespace

TEST(Lwm2mCbor, reads_the_examples_of_the_standard) {  // CORE-158, CORE-167; core digest 2.4
    EXPECT_EQ(read("/3/0", "a183030000744f70656e204d6f62696c6520416c6c69616e6365"), "/3/0/0=\"Open Mobile Alliance\"");
    EXPECT_EQ(read("/3/0", "a103a100a100744f70656e204d6f62696c6520416c6c69616e6365"), "/3/0/0=\"Open Mobile Alliance\"");
    EXPECT_EQ(read("/3/0", "a183030006a200010105"), "/3/0/6/0=1 /3/0/6/1=5");
    EXPECT_EQ(read("/", "a2820300a200744f70656e204d6f62696c6520416c6c69616e6365091864830100011a00015180"),
              "/3/0/0=\"Open Mobile Alliance\" /3/0/9=100 /1/0/1=86400");
    EXPECT_EQ(read("/2", "a1820205a4000501008202186600031865"), "/2/5/0=5 /2/5/1=0 /2/5/2/102=0 /2/5/3=101");
}

TEST(Lwm2mCbor, of_a_create_may_leave_the_choice_of_the_instance) {  // CORE-080
    const auto decoded = decode(cbor, "/2", hex("a1820219ffffa4000501008202186600031865"));
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_TRUE(decoded->no_instance);
    EXPECT_EQ(say(decoded), "/2/0/0=5 /2/0/1=0 /2/0/2/102=0 /2/0/3=101");
    EXPECT_FALSE(decode(cbor, "/2", hex("a1820205a10005"))->no_instance);
    expect_refused(cbor, "/2/0", {"a1820219ffffa10005"});                   // only in a Create
    expect_refused(cbor, "/2", {"a2820219ffffa10005820205a10005"});         // both
    expect_refused(cbor, "/2", {"a18319ffff000005", "a1830200 19ffff05"});  // elsewhere in the path
}

TEST(Lwm2mCbor, reads_the_prefix_examples_of_the_gateway) {  // GW-049, GW-050; gateway digest 8
    EXPECT_EQ(read("/", "a283636430310300a20069436f6d70616e79204109186483636430320300a20069436f6d70616e792042091841"),
              "/d01/3/0/0=\"Company A\" /d01/3/0/9=100 /d02/3/0/0=\"Company B\" /d02/3/0/9=65");
    EXPECT_EQ(read("/d01/3", "a163643031a103a100a1006141"), "/d01/3/0/0=\"A\"");
    EXPECT_EQ(read("/d01/3", "a184636430310300006141"), "/d01/3/0/0=\"A\"");
    EXPECT_EQ(read("/d01/3", "a19f63643031030000ff6141"), "/d01/3/0/0=\"A\"");
    EXPECT_EQ(read("/dev1/13", "bf84 64 64657631 0d 181a 01 182a ff"), "/dev1/13/26/1=42");
}

TEST(Lwm2mCbor, reads_indefinite_lengths_at_every_depth) {  // CORE-158
    EXPECT_EQ(read("/3/0", "bf03bf00bf007f614f6170ff9f0601ff05ffffff"), "/3/0/0=\"Op\" /3/0/6/1=5");
    EXPECT_EQ(read("/d01/3/0", "bf9f7f6264306131ff03ffbf9f0009ff1864ffff"), "/d01/3/0/9=100");
}

TEST(Lwm2mCbor, takes_the_request_s_prefix_where_there_is_none) {
    EXPECT_EQ(read("/d01/3/0", "a1830300091864"), "/d01/3/0/9=100");  // GW-054
    expect_refused(cbor, "/d02/3/0", {"a184636430310300091864"});     // GW-052
    expect_refused(cbor, "/3/0", {"a184636430310300091864"});         // GW-053
}

TEST(Lwm2mCbor, has_a_prefix_at_the_start_of_a_path_only) {  // GW-051
    expect_refused(cbor, "/",
                   {"a103a163643031a100a10001",            // {3:{"d01":…
                    "a18403636430310000 01",               // [3,"d01",0,0]
                    "a163643031a163643032a103a100a10001",  // two of them
                    "a1856364303163643032030000 01", "a160a103a100a10001", "a16133a103a100a10001", "a163612f62a103a100a10001"});
}

TEST(Lwm2mCbor, writes_definite_maps_below_the_instance) {  // GW-049
    EXPECT_EQ(encoded_hex(cbor, one("/3/0/0", text("Open Mobile Alliance"))),
              "a183030000744f70656e204d6f62696c6520416c6c69616e6365");
    EXPECT_EQ(encoded_hex(cbor, many("/3/0/6", {{"/3/0/6/0", number(1)}, {"/3/0/6/1", number(5)}}, true)),
              "a183030006a200010105");
    EXPECT_EQ(encoded_hex(cbor, many("/3/0/11", {{"/3/0/11/0", number(0)}}, true)), "a18303000ba10000");
    EXPECT_EQ(encoded_hex(cbor, one("/3/0/6/1", number(5))), "a1840300060105");
    EXPECT_EQ(encoded_hex(cbor, many("/d01/3303/0", {{"/d01/3303/0/5700", Value(22.5)}, {"/d01/3303/0/5701", text("Cel")}})),
              "a18363643031190ce700a2191644f94da01916456343656c");
    EXPECT_EQ(encoded_hex(cbor, many("/3", {})), "a0");
}

TEST(Lwm2mCbor, writes_composites_as_the_examples_have_them) {
    const std::vector<Entry> devices{{at("/d02/3/0/9"), number(65)},
                                     {at("/d01/3/0/0"), text("Company A")},
                                     {at("/d02/3/0/0"), text("Company B")},
                                     {at("/d01/3/0/9"), number(100)}};
    EXPECT_EQ(base::to_hex(*codec::encode_composite(cbor, devices, lookup())),
              "a283636430310300a20069436f6d70616e79204109186483636430320300a20069436f6d70616e792042091841");
    const std::vector<Entry> own{
        {at("/1/0/1"), number(86400)}, {at("/3/0/0"), text("Open Mobile Alliance")}, {at("/3/0/9"), number(100)}};
    EXPECT_EQ(base::to_hex(*codec::encode_composite(cbor, own, lookup())),
              "a2830100011a00015180820300a200744f70656e204d6f62696c6520416c6c69616e6365091864");
}

TEST(Lwm2mCbor, says_links_as_text) {  // CORE-153
    EXPECT_EQ(encoded_hex(cbor, one("/4242/0/7", Value(ObjectLink{66, 0}))), "a18319109200076436363a30");
    EXPECT_EQ(read("/4242/0", "a18319109200076436363a30"), "/4242/0/7=66:0");
}

TEST(Lwm2mCbor, accepts_an_empty_map_as_no_values) {
    EXPECT_EQ(read("/3/0", "a0"), "");
    EXPECT_EQ(read("/3/0", "bfff"), "");
    EXPECT_EQ(read("/3/0", "a1820300a0"), "");
}

TEST(Lwm2mCbor, that_is_malformed_is_refused) {  // CORE-159
    expect_refused(cbor, "/4242/0",
                   {"",
                    "80",
                    "00",
                    "f6",
                    "a1",
                    "bf",
                    "a000",
                    "a18001",
                    "a19fff01",  // no map, an empty key
                    "a11910 92",
                    "a119109201",
                    "a182191092 0001",  // a value above the resource
                    "a120a10001",
                    "a1f5a10001",
                    "a14101a10001",  // keys that are none
                    "a1831910920001f6",
                    "a18319109200018105",
                    "a1831910920001f7",                // null, array, undefined
                    "a183191092000161 35",             // text for an integer
                    "a28319109200010583191092000106",  // twice the same
                    "a1821910 9200a2010501 06",
                    "a185191092001864000005",
                    "a18419109200186400a10005",  // too deep
                    "a11910 92a100a11864a100a10001",
                    "a183191092001a0001000005",
                    "a18319109200 1b000000010000000105",  // ids that are none
                    "bbffffffffffffffff",
                    "a19bffffffffffffffff",
                    "a1831910920001ff",
                    "bf831910920001ff",
                    "a18319109201 0105"});  // another instance than the request's
    expect_every_cut_refused(cbor, "/3/0", *codec::encode(cbor, many("/3/0", example_device()), lookup()));
    expect_every_cut_refused(cbor, "/", hex("bf9f636430310300ffbf091864ffff"));
}

TEST(Lwm2mCbor, nested_a_hundred_thousand_times_is_no_harm) {
    std::string maps, arrays = "a1";
    for (int i = 0; i < 100'000; ++i) maps += "a100", arrays += "81";
    expect_refused(cbor, "/", {maps, arrays});
}
