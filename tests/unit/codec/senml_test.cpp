#include "tests/unit/codec/stage.hpp"

#include <cmath>

using namespace stage;

namespace {

constexpr auto json = ContentFormat::senml_json;
constexpr auto cbor = ContentFormat::senml_cbor;

// core digest 2.2
constexpr const char* device =
    "90a321652f332f302f00613003744f70656e204d6f62696c6520416c6c69616e6365a200613103764c69676874776569676874204d324d20436c69656e"
    "74"
    "a20061320369333435303030313233a20061330363312e30a20063362f300201a20063362f310205a20063372f3002190ed8a20063372f3102191388"
    "a20063382f3002187da20063382f3102190384a2006139021864a200623130020fa2006431312f300200a200623133021a5182428f"
    "a20062313403662b30323a3030a200623136036155";

std::string read_cbor(std::string_view base, std::string_view digits, ContentFormat format = cbor) {
    return say(decode(format, base, hex(digits)));
}
std::string read_json(std::string_view base, std::string_view text, ContentFormat format = json) {
    return say(decode_json(base, text, format));
}

WallTime seconds(double value) { return WallTime(std::chrono::milliseconds(std::llround(value * 1000))); }

std::string names(ContentFormat format, ByteView payload) {
    const auto targets = codec::decode_targets(format, payload);
    if (!targets) return "error: " + targets.error().message;
    std::string out;
    for (const Target& target : *targets) out += (out.empty() ? "" : " ") + target.str();
    return out;
}
std::string json_names(std::string_view text, ContentFormat format = ContentFormat::senml_etch_json) {
    return names(format, base::as_bytes(text));
}

}  // namespace

TEST(SenmlCbor, reads_and_writes_the_example_of_the_standard) {  // CORE-167
    ASSERT_EQ(hex(device).size(), 196U);
    EXPECT_EQ(read_cbor("/3/0", device), example_device_said());
    EXPECT_EQ(encoded_hex(cbor, many("/3/0", example_device())), device);
}

TEST(SenmlCbor, reads_the_composite_write_of_the_interoperability_tests) {  // ETS-0257
    EXPECT_EQ(read_cbor("/", "83A321612F0065312F302F32021865A20065312F302F3604F5A20066332F302F31330200"),
              "/1/0/2=101 /1/0/6=true /3/0/13=0");
}

TEST(SenmlCbor, says_a_link_with_the_one_label_that_is_text) {  // CORE-154
    EXPECT_EQ(encoded_hex(cbor, one("/4242/0/7", Value(ObjectLink{66, 0}))), "81a221692f343234322f302f3763766c6f6436363a30");
    EXPECT_EQ(read_cbor("/3/0/22", "81a200692f332f302f32322f3063766c6f6436363a30"), "/3/0/22/0=66:0");
}

TEST(SenmlCbor, reads_indefinite_packs_records_and_strings) {
    EXPECT_EQ(read_cbor("/4242/0", "9fbf007f652f34323432642f302f31ff0205ffbf00692f343234322f302f3404f5ffff"),
              "/4242/0/1=5 /4242/0/4=true");
}

TEST(SenmlCbor, passes_over_fields_that_it_does_not_know) {
    // label 20: [{1: "a"}, 2], text label "x": null
    EXPECT_EQ(read_cbor("/4242/0", "81a400692f343234322f302f311482a1016161026178f60205"), "/4242/0/1=5");
}

TEST(SenmlCbor, that_is_malformed_is_refused) {
    const std::string n = "00692f343234322f302f31";  // n: /4242/0/1
    expect_refused(cbor, "/4242/0",
                   {"",
                    "80ff",
                    "a0",
                    "8101",
                    "81",
                    "81a1",
                    "9f",
                    "9fff00",
                    "81a1" + n,                                          // no value
                    "81a2" + n + "0205 00",                              // bytes behind
                    "81a2" + n + "026135",                               // v: "5"
                    "81a2" + n + "0301",                                 // vs: 1
                    "81a2" + n + "0401",                                 // vb: 1
                    "81a2" + n + "0435",                                 // vb: -22
                    "81a2" + n + "086131",                               // vd: "1"
                    "81a2" + n + "02f6",                                 // null outside of ETCH
                    "81a2" + n + "02f97e00",                             // NaN
                    "81a2" + n + "028105",                               // v: [5]
                    "81a2" + n + "63766c6f633636 3a",                    // vlo: "66:"
                    "81a3" + n + "02050206",                             // v twice
                    "81a3" + n + "020504f5",                             // two values
                    "81a3" + n + "0205" + "6378315fF5",                  // a field that must be understood: x1_
                    "81a3" + n + "0205" + "200b",                        // bver 11
                    "81a3" + n + "0205" + "2405",                        // bv 5
                    "81a2" + n + "14c1c1c1c1c1c1c1c1c1c1c100",           // tags nested too deep
                    "81a3" + n + "0205" + "14818181818181818181818101",  // arrays nested too deep
                    "81a2" + n + "1b7fffffffffffffff",                   // label without value
                    "9bffffffffffffffff",
                    "81bbffffffffffffffff",
                    "81bf0001ffff",
                    "81bf00ff",
                    "81a2f50102" + n,
                    "82a2" + n + "0205a2" + n + "0206"});
    expect_every_cut_refused(cbor, "/3/0", hex(device));
}

TEST(SenmlJson, writes_one_base_name_and_relative_names) {
    EXPECT_EQ(encoded_text(json, many("/d01/3303/0", {{"/d01/3303/0/5601", Value(17.5)},
                                                      {"/d01/3303/0/5700", Value(22.1)},
                                                      {"/d01/3303/0/5701", text("Cel")}})),
              R"([{"bn":"/d01/3303/0/","n":"5601","v":17.5},{"n":"5700","v":22.1},{"n":"5701","vs":"Cel"}])");
    EXPECT_EQ(encoded_text(json, many("/3303", {{"/3303/0/5700", Value(22.1)}, {"/3303/1/5700", number(5)}})),
              R"([{"bn":"/3303/","n":"0/5700","v":22.1},{"n":"1/5700","v":5}])");
    EXPECT_EQ(encoded_text(json, many("/3/0/6", {{"/3/0/6/0", number(1)}, {"/3/0/6/1", number(5)}}, true)),
              R"([{"bn":"/3/0/6/","n":"0","v":1},{"n":"1","v":5}])");
}

TEST(SenmlJson, gives_a_single_resource_its_full_name) {  // GW-039, GW-048
    EXPECT_EQ(encoded_text(json, one("/d01/3303/0/5700", Value(22.1))), R"([{"bn":"/d01/3303/0/5700","v":22.1}])");
    EXPECT_EQ(encoded_text(json, one("/3/0/6/1", number(5))), R"([{"bn":"/3/0/6/1","v":5}])");
    EXPECT_EQ(encoded_hex(cbor, one("/d01/3303/0/5700", Value(22.5))), "81a221702f6430312f333330332f302f3537303002f94da0");
}

TEST(SenmlJson, of_nothing_is_an_empty_pack) {
    EXPECT_EQ(encoded_text(json, many("/3/0", {})), "[]");
    EXPECT_EQ(encoded_hex(cbor, many("/3/0", {})), "80");
    EXPECT_EQ(encoded_text(json, many("/3/0", {{"/3/0/9", Value()}})), "[]");
    EXPECT_EQ(read_json("/3/0", "[]"), "");
}

TEST(SenmlJson, says_each_type) {  // CORE-150, CORE-152, CORE-153, GW-017
    const auto said = [](Value value) {
        const std::string pack = encoded_text(json, one("/4242/0/0", std::move(value)));
        return pack.substr(19, pack.size() - 21);
    };
    EXPECT_EQ(said(text("a\"b\\c\n\x01\xC3\xA4")), "\"vs\":\"a\\\"b\\\\c\\u000a\\u0001\xC3\xA4\"");
    EXPECT_EQ(said(number(INT64_MIN)), "\"v\":-9223372036854775808");
    EXPECT_EQ(said(Value(UINT64_MAX)), "\"v\":18446744073709551615");
    EXPECT_EQ(said(Value(22.9)), "\"v\":22.9");
    EXPECT_EQ(said(Value(true)), "\"vb\":true");
    EXPECT_EQ(said(Value(hex("0102030405"))), "\"vd\":\"AQIDBAU\"");
    EXPECT_EQ(said(Value(hex("fbff"))), "\"vd\":\"-_8\"");
    EXPECT_EQ(said(Value(ObjectLink{66, 0})), "\"vlo\":\"66:0\"");
    EXPECT_EQ(encoded_text(json, one("/4242/0/3", Value(NAN))), "[]");
}

TEST(SenmlJson, reads_numbers_exactly) {  // CORE-150
    const auto integer = [](const std::string& digits) {
        return read_json("/4242/0", R"([{"n":"/4242/0/1","v":)" + digits + "}]");
    };
    EXPECT_EQ(integer("9007199254740993"), "/4242/0/1=9007199254740993");
    EXPECT_EQ(integer("9007199254740993.0"), "/4242/0/1=9007199254740993");
    EXPECT_EQ(integer("-9223372036854775808"), "/4242/0/1=-9223372036854775808");
    EXPECT_EQ(integer("-9223372036854775808.00"), "/4242/0/1=-9223372036854775808");
    EXPECT_EQ(integer("922337203685477580.7e1"), "/4242/0/1=9223372036854775807");
    EXPECT_EQ(integer("1e3"), "/4242/0/1=1000");
    EXPECT_EQ(integer("1.5e1"), "/4242/0/1=15");
    EXPECT_EQ(integer("1500e-2"), "/4242/0/1=15");
    EXPECT_EQ(integer("0e5"), "/4242/0/1=0");
    EXPECT_EQ(integer("-0.0"), "/4242/0/1=0");
    EXPECT_EQ(read_json("/4242/0", R"([{"n":"/4242/0/2","v":1.8446744073709551615e19}])"), "/4242/0/2=18446744073709551615");
    for (const char* bad : {"1.5", "1e-1", "9223372036854775808", "-9223372036854775809", "9223372036854775807.5", "1e19",
                            "1e300", "1e99999999999999999999"})
        EXPECT_EQ(integer(bad).substr(0, 6), "error:") << bad;
    EXPECT_EQ(read_json("/4242/0", R"([{"n":"/4242/0/3","v":6.667e-11}])"), "/4242/0/3=6.667e-11");
    EXPECT_EQ(read_json("/4242/0", R"([{"n":"/4242/0/3","v":21}])"), "/4242/0/3=21");
}

TEST(SenmlJson, that_is_malformed_is_refused) {
    const std::string n = R"([{"n":"/4242/0/1",)";
    std::vector<std::string> bad{"",
                                 " ",
                                 "{}",
                                 "[",
                                 "[{",
                                 "[]]",
                                 "[] x",
                                 "5",
                                 "null",
                                 "[5]",
                                 "[[]]",
                                 "[{}]",
                                 "[null]",
                                 n + "}]",
                                 R"([{"v":1}])",
                                 n + R"("v":NaN}])",
                                 n + R"("v":Infinity}])",
                                 n + R"("v":1e999}])",
                                 n + R"("v":01}])",
                                 n + R"("v":+1}])",
                                 n + R"("v":1.}])",
                                 n + R"("v":"1"}])",
                                 n + R"("v":true}])",
                                 n + R"("v":null}])",
                                 n + R"("vs":1}])",
                                 n + R"("vb":1}])",
                                 n + R"("v":[1]}])",
                                 n + R"("v":{"a":1}}])",
                                 n + R"("v":1,"v":2}])",
                                 n + R"("v":1,"vs":"x"}])",
                                 n + R"("n":"/4242/0/2","v":1}])",
                                 n + R"("v":1,"bver":11}])",
                                 n + R"("v":1,"bv":5}])",
                                 n + R"("v":1,"bs":1}])",
                                 n + R"("v":1,"x_":5}])" /* CORE-156 */,
                                 n + R"("v":1,"x_":[5]}])",
                                 n + R"("v":1,"t":"now"}])",
                                 n + R"("v":1,"t":1e300}])",
                                 n + R"("v":1},])",
                                 n + R"("v":1} {}])",
                                 R"([{"n":"/4242/0/5","vd":"AQ*"}])",
                                 R"([{"n":"/4242/0/5","vd":"A"}])",
                                 R"([{"n":"/4242/0/5","vd":"AQIDBAU/"}])",
                                 R"([{"n":"/4242/0/7","vlo":"66"}])",
                                 R"([{"n":5,"v":1}])",
                                 R"([{"n":"4242/0/1","v":1}])",
                                 R"([{"n":"/4242/0/1/","v":1}])",
                                 R"([{"n":"/4242/0","v":1}])",
                                 R"([{"n":"/4242/0/1/2/3","v":1}])",
                                 R"([{"bn":"/4242/0/","n":"/1","v":1}])" /* a doubled slash */,
                                 R"([{"n":"/4242/0/1","v":1},{"n":"/4242/0/1","v":2}])" /* CORE-157 */,
                                 R"([{"n":"/4242/1/1","v":1}])",
                                 R"([{"n":"/3/0/9","v":1}])",
                                 "[{\"n\":\"/4242/0/0\",\"vs\":\"\xFF\"}]",
                                 "[{\"n\":\"/4242/0/0\",\"vs\":\"a\nb\"}]",
                                 R"([{"n":"/4242/0/0","vs":"\ud800"}])",
                                 n + R"("v":1,"y":[[[[[[[1]]]]]]]}])" /* nested too deep */,
                                 std::string(100'000, '['),
                                 n + R"("v":1,"y":)" + std::string(100'000, '[')};
    bad.push_back("[{\"bn\":\"" + std::string(600, '/') + "\",\"n\":\"x\",\"v\":1}]");
    expect_refused(json, "/4242/0", bad, false);
    const std::string whole =
        R"([{"bn":"/4242/0/","n":"1","v":-12e0,"t":-5.5},{"n":"0","vs":"\u00e4"},{"n":"5","vd":"AQ"},{"n":"4","vb":true}])";
    expect_every_cut_refused(json, "/4242/0", Bytes(whole.begin(), whole.end()));
}

TEST(SenmlJson, passes_over_fields_that_it_does_not_know) {
    EXPECT_EQ(
        read_json("/4242/0",
                  R"([{"n":"/4242/0/1","u":"Cel","x":{"v":[1,{"n":2}],"vs":null},"v":5,"s":3,"ut":60,"bver":10,"bv":0}])"),
        "/4242/0/1=5");
    EXPECT_EQ(read_json("/4242/0", R"( [ { "n" : "/4242/0/5" , "vd" : "AQI=" } ] )"), "/4242/0/5=0102");
}

TEST(SenmlNames, are_joined_and_the_base_holds_until_it_is_replaced) {  // CORE-155
    EXPECT_EQ(read_json("/", R"([{"bn":"/3/0/","n":"9","v":1},{"n":"10","v":2},{"bn":"/1/0/","n":"2","v":3},{"n":"3","v":4}])"),
              "/3/0/9=1 /3/0/10=2 /1/0/2=3 /1/0/3=4");
    EXPECT_EQ(read_json("/3/0", R"([{"bn":"/3/0/1","n":"0","v":1}])"), "/3/0/10=1");  // plain concatenation
    EXPECT_EQ(read_json("/3/0", R"([{"bn":"/3/0/"},{"n":"9","v":1}])"), "/3/0/9=1");
    EXPECT_EQ(read_json("/3/0/9", R"([{"bn":"/3/0/9","v":1}])"), "/3/0/9=1");
}

TEST(SenmlNames, of_a_device_may_leave_the_prefix_out_but_not_change_it) {
    EXPECT_EQ(read_json("/d02/3306/0", R"([{"n":"/d02/3306/0/5850","vb":true}])"), "/d02/3306/0/5850=true");
    EXPECT_EQ(read_json("/d02/3306/0", R"([{"n":"/3306/0/5850","vb":true}])"), "/d02/3306/0/5850=true");  // GW-054
    expect_refused(json, "/d01/3306/0", {R"([{"n":"/d02/3306/0/5850","vb":true}])"}, false);              // GW-052
    expect_refused(json, "/3/0", {R"([{"n":"/d01/3/0/14","vs":"x"}])"}, false);                           // GW-053
    EXPECT_EQ(
        read_json("/", R"([{"n":"/d02/3306/0/5850","vb":true},{"n":"/d09/3306/0/5850","vb":true},{"n":"/3/0/14","vs":"x"}])"),
        "/d02/3306/0/5850=true /d09/3306/0/5850=true /3/0/14=\"x\"");
}

TEST(SenmlTime, is_base_time_plus_time) {  // core digest 2.2, history
    EXPECT_EQ(
        read_json(
            "/72",
            R"([{"bn":"/72/","bt":25462634,"n":"1/2","v":22.4,"t":-5},{"n":"1/2","v":22.9,"t":-30},{"n":"1/2","v":24.1,"t":-50}])"),
        "/72/1/2=22.4@25462629 /72/1/2=22.9@25462604 /72/1/2=24.1@25462584");
    EXPECT_EQ(read_json("/3303/0", R"([{"bn":"/3303/0/","bt":1700000000.25,"n":"5700","v":1,"t":0.25},{"n":"5601","v":2}])"),
              "/3303/0/5700=1@1700000000.5 /3303/0/5601=2@1700000000.25");
    EXPECT_EQ(read_cbor("/3303/0", "81a421682f333330332f302f22fb41d954fc400000000064353730300201"),
              "/3303/0/5700=1@1700000000");
    expect_refused(json, "/72", {R"([{"bn":"/72/","bt":25462634,"n":"1/2","v":1},{"n":"1/2","v":2,"t":0}])"}, false);
}

TEST(SenmlTime, is_told_once_when_all_values_have_the_same) {  // CORE-139
    Content content = many("/d01/3303/0", {{"/d01/3303/0/5601", Value(17.5)}, {"/d01/3303/0/5700", Value(22.5)}});
    for (Entry& entry : content.entries) entry.at = seconds(1700000000);
    EXPECT_EQ(encoded_text(json, content, true),
              R"([{"bn":"/d01/3303/0/","bt":1700000000,"n":"5601","v":17.5},{"n":"5700","v":22.5}])");
    EXPECT_EQ(encoded_hex(cbor, content, true),
              "82a4216c2f6430312f333330332f302f221a6553f10000643536303102f94c60a200643537303002f94da0");
    EXPECT_EQ(encoded_text(json, content),
              R"([{"bn":"/d01/3303/0/","n":"5601","v":17.5},{"n":"5700","v":22.5}])");  // a plain Read: GW-055
}

TEST(SenmlTime, is_told_record_by_record_when_values_differ) {
    Content content =
        many("/3303/0", {{"/3303/0/5700", Value(1.5)}, {"/3303/0/5700", Value(2.5)}, {"/3303/0/5700", Value(3.5)}});
    content.entries[0].at = seconds(1700000000.125);
    content.entries[1].at = seconds(1700000000);
    content.entries[2].at = seconds(1699999990.5);
    EXPECT_EQ(
        encoded_text(json, content, true),
        R"([{"bn":"/3303/0/","bt":1700000000,"n":"5700","t":0.125,"v":1.5},{"n":"5700","v":2.5},{"n":"5700","t":-9.500,"v":3.5}])");
    for (const auto format : {json, cbor}) {
        const auto bytes = codec::encode(format, content, lookup(), true);
        const auto back = codec::decode(format, content.base, *bytes, lookup());
        ASSERT_TRUE(back) << back.error().message;
        EXPECT_EQ(back->entries, content.entries);
    }
}

TEST(SenmlTime, is_not_lent_to_a_value_that_has_none) {
    Content content = many("/3303/0", {{"/3303/0/5601", Value(1.5)}, {"/3303/0/5700", Value(2.5)}});
    content.entries[1].at = seconds(1700000000);
    EXPECT_EQ(encoded_text(json, content, true),
              R"([{"bn":"/3303/0/","n":"5601","v":1.5},{"n":"5700","t":1700000000,"v":2.5}])");
}

TEST(SenmlTime, of_a_clock_that_was_never_set_is_not_told) {  // below 2^28 it would mean "from now"
    Content content = one("/3303/0/5700", Value(2.5));
    content.entries[0].at = seconds(60);
    EXPECT_EQ(encoded_text(json, content, true), R"([{"bn":"/3303/0/5700","v":2.5}])");
}

TEST(Composite, answers_name_every_tree) {  // GW-048
    const std::vector<Entry> entries{
        {at("/d01/3303/0/5700"), Value(22.5)}, {at("/d02/3306/0/5850"), Value(true)}, {at("/3/0/9"), number(100)}};
    EXPECT_EQ(base::as_text(*codec::encode_composite(json, entries, lookup())),
              R"([{"bn":"/","n":"d01/3303/0/5700","v":22.5},{"n":"d02/3306/0/5850","vb":true},{"n":"3/0/9","v":100}])");
    for (const auto format :
         {json, cbor, ContentFormat::senml_etch_json, ContentFormat::senml_etch_cbor, ContentFormat::lwm2m_cbor}) {
        const auto bytes = codec::encode_composite(format, entries, lookup());
        ASSERT_TRUE(bytes);
        auto back = codec::decode(format, Target{}, *bytes, lookup());
        ASSERT_TRUE(back) << back.error().message;
        std::sort(back->entries.begin(), back->entries.end(),
                  [](const Entry& a, const Entry& b) { return b.target < a.target; });
        EXPECT_EQ(say(back), "/d02/3306/0/5850=true /d01/3303/0/5700=22.5 /3/0/9=100");
    }
    EXPECT_EQ(base::as_text(*codec::encode_composite(json, {}, lookup())), "[]");
    EXPECT_EQ(codec::encode_composite(ContentFormat::text, entries, lookup()).error().code, Errc::not_acceptable);
}

TEST(Composite, of_a_whole_device_has_the_prefix_in_its_base_name) {
    EXPECT_EQ(encoded_text(json, many("/d01", {{"/d01/3303/0/5700", Value(22.5)}})),
              R"([{"bn":"/d01/","n":"3303/0/5700","v":22.5}])");
}

TEST(Etch, removes_resource_instances_with_null) {
    EXPECT_EQ(read_json("/", R"([{"n":"/16/0/0/1","v":null},{"n":"/d01/16/0/0/2","v":null},{"n":"/1/0/2","v":5}])",
                        ContentFormat::senml_etch_json),
              "/1/0/2=5 -/16/0/0/1 -/d01/16/0/0/2");
    EXPECT_EQ(read_cbor("/", "81a200692f31362f302f302f3102f6", ContentFormat::senml_etch_cbor), "-/16/0/0/1");
    expect_refused(ContentFormat::senml_etch_json, "/",
                   {R"([{"n":"/16/0/0","v":null}])", R"([{"n":"/16/0/0/1","v":null},{"n":"/16/0/0/1","vs":"x"}])",
                    R"([{"n":"/16/0/0/1","vs":null}])", R"([{"n":"/16/0/0/1"}])", R"([{"n":"/1/0/2","v":1,"z_":1}])"},
                   false);
}

TEST(Etch, lists_names_of_several_trees) {  // gateway digest 13
    EXPECT_EQ(json_names(R"([{"n":"/d01/3303/0/5700"},{"n":"/d02/3306/0/5850"},{"n":"/3/0/9"}])"),
              "/d01/3303/0/5700 /d02/3306/0/5850 /3/0/9");
    EXPECT_EQ(json_names(R"([{"bn":"/d01/3/0/","n":"9"},{"n":"0"},{"bn":"/1"}])"), "/d01/3/0/9 /d01/3/0/0 /1");
    EXPECT_EQ(json_names(R"([{"bn":"/3/0/"},{"n":"9"}])"), "/3/0/9");
    EXPECT_EQ(json_names(R"([{"n":"/"},{"n":"/d01"}])"), "/ /d01");
    EXPECT_EQ(json_names(R"([{"n":"/3/0","t":5,"u":"s","bt":1,"bu":"m"}])", json), "/3/0");  // plain SenML too, since 1.2.1
    EXPECT_EQ(json_names("[]"), "");
    EXPECT_EQ(names(ContentFormat::senml_etch_cbor, hex("82a221652f332f302f006139a1006130")), "/3/0/9 /3/0/0");
}

TEST(Etch, lists_each_name_once_in_the_order_of_the_request) {
    EXPECT_EQ(json_names(R"([{"n":"/3/0/9"},{"n":"/1/0/1"},{"n":"/3/0/9"},{"n":"/3/0/0"},{"n":"/1/0/1"}])"),
              "/3/0/9 /1/0/1 /3/0/0");
}

TEST(Etch, refuses_a_list_of_names_with_anything_else) {
    for (const char* bad : {R"([{"n":"/3/0","v":1}])", R"([{"n":"/3/0","v":null}])", R"([{"n":"/3/0","x":1}])",
                            R"([{"n":"/3/0","bver":10}])", R"([{"n":"/3/0","s":1}])", R"([{"n":"3/0"}])",
                            R"([{"n":"/d01/3//9"}])", R"([{"bn":"/d01/3/0/","n":"/9"}])", "{}", "["})
        EXPECT_EQ(json_names(bad).substr(0, 6), "error:") << bad;
    EXPECT_EQ(codec::decode_targets(ContentFormat::lwm2m_cbor, hex("a0")).error().code, Errc::unsupported_format);
    EXPECT_EQ(codec::decode_targets(ContentFormat::tlv, {}).error().code, Errc::unsupported_format);
}

TEST(AnyPack, of_more_than_ten_thousand_records_is_refused) {
    std::string pack = "[";
    for (int i = 0; i < 10'001; ++i) pack += fmt::format(R"({}{{"n":"/16/0/0/{}","vs":""}})", i == 0 ? "" : ",", i);
    const auto decoded = decode_json("/16", pack + "]");
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().message, "over 10000 records");
}
