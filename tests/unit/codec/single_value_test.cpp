#include "tests/unit/codec/stage.hpp"

#include <cmath>

/// Text, opaque and CBOR: one value and no name.
using namespace stage;

namespace {

std::string written(Value value, ContentFormat format = ContentFormat::text) {
    return encoded_text(format, one("/4242/0/0", std::move(value)));
}
std::string cbor(Value value) { return encoded_hex(ContentFormat::cbor, one("/4242/0/0", std::move(value))); }

Result<Decoded> read_text(std::string_view path, std::string_view payload) {
    return decode(ContentFormat::text, path, base::as_bytes(payload));
}
std::string read_cbor(std::string_view path, std::string_view digits) {
    return say(decode(ContentFormat::cbor, path, hex(digits)));
}

}  // namespace

TEST(Text, says_each_type_as_appendix_c_has_it) {  // CORE-151, CORE-152, CORE-153, CORE-162
    EXPECT_EQ(written(text("Open")), "Open");
    EXPECT_EQ(written(text("")), "");
    EXPECT_EQ(written(number(INT64_MIN)), "-9223372036854775808");
    EXPECT_EQ(written(Value(UINT64_MAX)), "18446744073709551615");
    EXPECT_EQ(written(Value(22.9)), "22.9");
    EXPECT_EQ(written(Value(6.67e-11)), "0.0000000000667");
    EXPECT_EQ(written(Value(true)), "1");
    EXPECT_EQ(written(Value(false)), "0");
    EXPECT_EQ(written(Value(hex("0102030405"))), "AQIDBAU=");
    EXPECT_EQ(written(Value(hex("fbff"))), "+/8=");
    EXPECT_EQ(written(Value(ObjectLink{10, 3})), "10:3");
    EXPECT_EQ(written(Value(ObjectLink{})), "65535:65535");
}

TEST(Text, is_read_as_the_type_of_the_resource) {
    EXPECT_EQ(say(read_text("/4242/0/0", "12")), "/4242/0/0=\"12\"");
    EXPECT_EQ(say(read_text("/4242/0/0", "")), "/4242/0/0=\"\"");
    EXPECT_EQ(say(read_text("/4242/0/1", "-12")), "/4242/0/1=-12");
    EXPECT_EQ(read_text("/4242/0/1", "9007199254740993")->entries[0].value, number(9007199254740993));  // CORE-150
    EXPECT_EQ(read_text("/4242/0/2", "18446744073709551615")->entries[0].value, Value(UINT64_MAX));
    EXPECT_EQ(read_text("/4242/0/3", "0.00000000006667")->entries[0].value, Value(6.667e-11));
    EXPECT_EQ(read_text("/4242/0/3", "1e3")->entries[0].value, Value(1000.0));
    EXPECT_EQ(say(read_text("/4242/0/4", "1")), "/4242/0/4=true");
    EXPECT_EQ(read_text("/4242/0/5", "AQIDBAU=")->entries[0].value, Value(hex("0102030405")));
    EXPECT_EQ(say(read_text("/4242/0/6", "1367491215")), "/4242/0/6=1367491215");
    EXPECT_EQ(say(read_text("/4242/0/7", "66:0")), "/4242/0/7=66:0");
    EXPECT_EQ(say(read_text("/4242/0/7", "FFFF:FFFF")), "/4242/0/7=65535:65535");
    EXPECT_EQ(say(read_text("/4242/0/8", "</3/0>")), "/4242/0/8=\"</3/0>\"");
    EXPECT_EQ(say(read_text("/d01/4242/0/100/7", "5")), "/d01/4242/0/100/7=5");
    EXPECT_EQ(say(read_text("/4711/0/1", "5")), "/4711/0/1=\"5\"");  // unknown: as it came
}

TEST(Text, that_is_no_such_value_is_refused) {
    for (const char* bad : {"", " 1", "1 ", "+1", "1.0", "1e2", "0x10", "9223372036854775808", "-9223372036854775809", "a"})
        EXPECT_FALSE(read_text("/4242/0/1", bad)) << bad;
    for (const char* bad : {"", "-1", "18446744073709551616", "1.5"}) EXPECT_FALSE(read_text("/4242/0/2", bad)) << bad;
    for (const char* bad : {"", ".", "nan", "inf", "-inf", "1,5", "1e999", "0x1p3", "1.5 "})
        EXPECT_FALSE(read_text("/4242/0/3", bad)) << bad;
    for (const char* bad : {"", "true", "false", "2", "01", "-1"})
        EXPECT_FALSE(read_text("/4242/0/4", bad)) << bad;  // CORE-151
    for (const char* bad : {"AQIDBAU", "AQIDBA=U", "AQIDBAU-", "A===", "AQIDBAV=", "====", "AQID BAU"})
        EXPECT_FALSE(read_text("/4242/0/5", bad)) << bad;
    for (const char* bad : {"", "66", "66:", ":0", "66:65536", "66:0:0"}) EXPECT_FALSE(read_text("/4242/0/7", bad)) << bad;
    EXPECT_FALSE(read_text("/4242/0/0", "\xFF\xFE"));
    EXPECT_FALSE(read_text("/4242/0/0", "\xED\xA0\x80"));  // a surrogate
    EXPECT_EQ(read_text("/4242/0/1", "x").error().message, "/4242/0/1: the text is no Integer");
}

TEST(Text, carries_one_resource_and_nothing_larger) {  // CORE-163
    EXPECT_EQ(codec::encode(ContentFormat::text, many("/4242/0", {{"/4242/0/1", number(1)}}), lookup()).error().code,
              Errc::not_acceptable);
    EXPECT_EQ(codec::encode(ContentFormat::text, many("/3/0/6", {{"/3/0/6/0", number(1)}}, true), lookup()).error().code,
              Errc::not_acceptable);
    EXPECT_EQ(codec::encode(ContentFormat::cbor, many("/3/0/6", {}, true), lookup()).error().code, Errc::not_acceptable);
    EXPECT_EQ(encoded_text(ContentFormat::text, one("/3/0/6/0", number(1))), "1");
    EXPECT_EQ(read_text("/4242/0", "1").error().code, Errc::bad_request);
    EXPECT_EQ(codec::encode(ContentFormat::text, one("/4242/0/3", Value(NAN)), lookup()).error().code, Errc::not_acceptable);
    EXPECT_EQ(codec::encode(ContentFormat::text, one("/4242/0/3", Value()), lookup()).error().code, Errc::not_acceptable);
}

TEST(Opaque, carries_bytes_as_they_are_and_only_bytes) {
    EXPECT_EQ(encoded_hex(ContentFormat::opaque, one("/4242/0/5", Value(hex("00ff00")))), "00ff00");
    EXPECT_EQ(decode(ContentFormat::opaque, "/4242/0/5", hex("00ff"))->entries[0].value, Value(hex("00ff")));
    EXPECT_EQ(decode(ContentFormat::opaque, "/4242/0/5", {})->entries[0].value, Value(Bytes{}));
    EXPECT_EQ(codec::encode(ContentFormat::opaque, one("/4242/0/0", text("x")), lookup()).error().code, Errc::not_acceptable);
    EXPECT_EQ(decode(ContentFormat::opaque, "/4242/0/1", hex("01")).error().code, Errc::bad_request);
}

TEST(Cbor, is_written_in_its_shortest_form) {
    EXPECT_EQ(cbor(number(0)), "00");
    EXPECT_EQ(cbor(number(23)), "17");
    EXPECT_EQ(cbor(number(24)), "1818");
    EXPECT_EQ(cbor(number(256)), "190100");
    EXPECT_EQ(cbor(number(65536)), "1a00010000");
    EXPECT_EQ(cbor(number(INT64_MAX)), "1b7fffffffffffffff");
    EXPECT_EQ(cbor(number(-1)), "20");
    EXPECT_EQ(cbor(number(INT64_MIN)), "3b7fffffffffffffff");
    EXPECT_EQ(cbor(Value(UINT64_MAX)), "1bffffffffffffffff");
    EXPECT_EQ(cbor(Value(true)), "f5");
    EXPECT_EQ(cbor(Value(false)), "f4");
    EXPECT_EQ(cbor(text("IETF")), "6449455446");
    EXPECT_EQ(cbor(Value(hex("01020304"))), "4401020304");
    EXPECT_EQ(cbor(Value(ObjectLink{66, 0})), "6436363a30");  // CORE-153: a link is text
}

TEST(Cbor, writes_a_float_as_half_single_or_double) {  // RFC 8949 appendix A
    EXPECT_EQ(cbor(Value(0.0)), "f90000");
    EXPECT_EQ(cbor(Value(-0.0)), "f98000");
    EXPECT_EQ(cbor(Value(1.0)), "f93c00");
    EXPECT_EQ(cbor(Value(1.5)), "f93e00");
    EXPECT_EQ(cbor(Value(65504.0)), "f97bff");
    EXPECT_EQ(cbor(Value(5.960464477539063e-8)), "f90001");
    EXPECT_EQ(cbor(Value(0.00006103515625)), "f90400");
    EXPECT_EQ(cbor(Value(0.000060975551605224609)), "f903ff");  // the greatest subnormal half
    EXPECT_EQ(cbor(Value(100000.0)), "fa47c35000");
    EXPECT_EQ(cbor(Value(65536.0)), "fa47800000");
    EXPECT_EQ(cbor(Value(3.4028234663852886e+38)), "fa7f7fffff");
    EXPECT_EQ(cbor(Value(1.1)), "fb3ff199999999999a");
    EXPECT_EQ(cbor(Value(1.0e+300)), "fb7e37e43c8800759c");
    EXPECT_EQ(cbor(Value(22.9)), "fb4036e66666666666");
}

TEST(Cbor, reads_floats_of_all_widths_and_integers_for_a_float) {  // CORE-161
    EXPECT_EQ(read_cbor("/4242/0/3", "f93e00"), "/4242/0/3=1.5");
    EXPECT_EQ(read_cbor("/4242/0/3", "f90001"), "/4242/0/3=5.960464477539063e-08");
    EXPECT_EQ(read_cbor("/4242/0/3", "f903ff"), "/4242/0/3=6.097555160522461e-05");
    EXPECT_EQ(read_cbor("/4242/0/3", "f9c400"), "/4242/0/3=-4");
    EXPECT_EQ(read_cbor("/4242/0/3", "fa47c35000"), "/4242/0/3=100000");
    EXPECT_EQ(read_cbor("/4242/0/3", "fb3ff199999999999a"), "/4242/0/3=1.1");
    EXPECT_EQ(read_cbor("/4242/0/3", "1818"), "/4242/0/3=24");
    EXPECT_EQ(decode(ContentFormat::cbor, "/4242/0/3", hex("20"))->entries[0].value, Value(-1.0));
    EXPECT_EQ(read_cbor("/4242/0/1", "f94500"), "/4242/0/1=5");  // 5.0
}

TEST(Cbor, reads_times_plain_and_tagged) {  // CORE-160
    EXPECT_EQ(read_cbor("/3/0/13", "1a514b67b0"), "/3/0/13=1363896240");
    EXPECT_EQ(read_cbor("/3/0/13", "c11a514b67b0"), "/3/0/13=1363896240");
    EXPECT_EQ(read_cbor("/3/0/13", "c1fb41d452d9ec000000"), "/3/0/13=1363896240");
    EXPECT_EQ(read_cbor("/3/0/13", "c074323031332d30332d32315432303a30343a30305a"), "/3/0/13=1363896240");
    EXPECT_EQ(read_cbor("/3/0/13", "c07819323031332d30332d32315432323a30343a30302b30323a3030"),
              "/3/0/13=1363896240");  // +02:00
    EXPECT_EQ(read_cbor("/3/0/13", "c074313936392d31322d33315432333a35393a35395a"), "/3/0/13=-1");
    expect_refused(ContentFormat::cbor, "/3/0/13",
                   {"c1fb41d452d9ec200000",                          // half a second
                    "c074323031332d31332d32315432303a30343a30305a",  // month 13
                    "c074323031332d30322d33305432303a30343a30305a",  // 30 February
                    "c060", "c01a514b67b0", "c16130", "c2420100", "c1c11a514b67b0", "c1", "c0"});
    expect_refused(ContentFormat::cbor, "/4242/0/1", {"c11a514b67b0"});
}

TEST(Cbor, keeps_integers_exact_to_64_bits) {  // CORE-150
    EXPECT_EQ(read_cbor("/4242/0/1", "3b7fffffffffffffff"), "/4242/0/1=-9223372036854775808");
    EXPECT_EQ(read_cbor("/4242/0/1", "1b0020000000000001"), "/4242/0/1=9007199254740993");
    EXPECT_EQ(read_cbor("/4242/0/2", "1bffffffffffffffff"), "/4242/0/2=18446744073709551615");
    expect_refused(ContentFormat::cbor, "/4242/0/1", {"1b8000000000000000", "3b8000000000000000", "3bffffffffffffffff"});
    expect_refused(ContentFormat::cbor, "/4242/0/2", {"20"});
}

TEST(Cbor, reads_strings_in_pieces) {
    EXPECT_EQ(read_cbor("/4242/0/0", "7f657374726561646d696e67ff"), "/4242/0/0=\"streaming\"");
    EXPECT_EQ(read_cbor("/4242/0/5", "5f42010243030405ff"), "/4242/0/5=0102030405");
    EXPECT_EQ(read_cbor("/4242/0/7", "7f6336363a6130ff"), "/4242/0/7=66:0");
    expect_refused(ContentFormat::cbor, "/4242/0/0", {"7f", "7f6161", "7f4161ff", "7f7f6161ffff", "7f01ff", "7f781f61ff"});
}

TEST(Cbor, that_is_no_single_value_is_refused) {
    expect_refused(ContentFormat::cbor, "/4242/0/1",
                   {"",   "18", "19ff", "1b00", "1c",   "1d",   "1e", "1f",   "3f",   "df",     "0101",   "8101",  "a10101",
                    "f6", "f7", "ff",   "f800", "f81f", "f8ff", "f5", "6131", "4101", "f93e00", "f97e00", "f97c00"});
    expect_refused(ContentFormat::cbor, "/4242/0/0", {"61", "7bffffffffffffffff61", "61ff", "62c328", "01"});
    expect_refused(ContentFormat::cbor, "/4242/0/3",
                   {"f97e00", "f97c00", "fa7f800000", "fb7ff0000000000000", "fbfff8000000000000"});
    expect_refused(ContentFormat::cbor, "/4242/0/4", {"00", "01", "6131"});
    expect_refused(ContentFormat::cbor, "/3/0", {"01"});
}

TEST(Formats, that_are_not_spoken_are_told_apart) {  // CORE-060, CORE-165
    for (const auto format : {ContentFormat::link, ContentFormat::lwm2m_json, static_cast<ContentFormat>(50)}) {
        EXPECT_FALSE(codec::can_encode(format));
        EXPECT_FALSE(codec::can_decode(format));
        EXPECT_EQ(codec::encode(format, one("/4242/0/1", number(1)), lookup()).error().code, Errc::not_acceptable);
        EXPECT_EQ(decode(format, "/4242/0/1", {}).error().code, Errc::unsupported_format);
        EXPECT_EQ(codec::decode_targets(format, {}).error().code, Errc::unsupported_format);
    }
    EXPECT_TRUE(codec::can_encode(ContentFormat::tlv));
}

TEST(AnyFormat, leaves_a_value_for_an_executable_to_the_dispatcher) {  // 4.05 is not the codec's to say
    EXPECT_EQ(say(read_text("/3/0/4", "1")), "/3/0/4=\"1\"");
    EXPECT_EQ(say(decode_json("/3/0", R"([{"n":"/3/0/4","v":1}])")), "/3/0/4=1");
    EXPECT_EQ(say(decode(ContentFormat::tlv, "/3/0", hex("c10401"))), "/3/0/4=01");
}
