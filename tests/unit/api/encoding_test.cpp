#include "adapters/api/encoding.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <cmath>
#include <limits>
#include <random>

namespace adapters {
namespace {

using base::Diagnostics;
using base::Node;
using base::SourceLoc;

constexpr Kind every_kind[] = {Kind::boolean, Kind::int8,    Kind::uint8,  Kind::int16,  Kind::uint16,
                               Kind::int32,   Kind::uint32,  Kind::int64,  Kind::uint64, Kind::float16,
                               Kind::float32, Kind::float64, Kind::bcd8,   Kind::bcd16,  Kind::bcd32,
                               Kind::bcd64,   Kind::sunssf,  Kind::string, Kind::bytes};

std::string show(const Scalar& value) {
    struct Visitor {
        std::string operator()(bool b) const { return b ? "true" : "false"; }
        std::string operator()(std::int64_t n) const { return fmt::format("i{}", n); }
        std::string operator()(std::uint64_t n) const { return fmt::format("u{}", n); }
        std::string operator()(double n) const { return fmt::format("f{}", n); }
        std::string operator()(const std::string& s) const { return '"' + s + '"'; }
        std::string operator()(const Bytes& b) const { return base::to_hex(b); }
    };
    return std::visit(Visitor{}, value);
}

// A point of a profile: keys and values as they would be written, plain.
struct Point {
    Diagnostics diagnostics;
    Node node;
    Point(std::initializer_list<std::pair<const char*, const char*>> keys) {
        std::vector<Node::Member> members;
        int line = 3;
        for (const auto& [key, value] : keys) {
            members.push_back({key, {"p.yaml", line, 5}, Node::plain({"p.yaml", line, 20}, value)});
            ++line;
        }
        node = Node::map({"p.yaml", 2, 3}, std::move(members));
    }
    std::optional<Encoding> encoding(std::string_view default_order = "", std::size_t unit = 2) {
        Fields fields(node, "point 'power'", diagnostics);
        auto out = read_encoding(fields, Kind::uint16, default_order, unit);
        fields.done();
        return out;
    }
    // The letters of the order in effect.
    std::string order(std::string_view default_order = "") {
        const auto found = encoding(default_order);
        if (!found) return diagnostics.str();
        std::string letters;
        for (const auto index : found->order) letters.push_back(static_cast<char>('A' + index));
        return letters.empty() ? "as it comes" : letters;
    }
    std::string mistakes(std::size_t unit = 2) {
        EXPECT_FALSE(encoding("", unit));
        return diagnostics.str();
    }
};

Encoding of(Kind kind, std::vector<std::uint8_t> order = {}, std::uint16_t length = 0) {
    return {kind, length != 0 ? length : static_cast<std::uint16_t>(width(kind) / 8), std::move(order)};
}

std::string decoded(const Encoding& encoding, std::string_view hex) {
    const auto value = decode(encoding, base::from_hex(hex).value());
    return value ? show(*value) : "malformed: " + value.error().message;
}

std::string encoded(const Encoding& encoding, const Scalar& value) {
    const auto bytes = encode(encoding, value);
    return bytes ? base::to_hex(*bytes) : "refused: " + bytes.error().message;
}

TEST(Encoding, reads_each_kind_as_the_device_means_it) {
    EXPECT_EQ(decoded(of(Kind::boolean), "00"), "false");
    EXPECT_EQ(decoded(of(Kind::boolean), "02"), "true");
    EXPECT_EQ(decoded(of(Kind::int8), "80"), "i-128");
    EXPECT_EQ(decoded(of(Kind::uint8), "80"), "u128");
    EXPECT_EQ(decoded(of(Kind::int16), "FF9C"), "i-100");
    EXPECT_EQ(decoded(of(Kind::uint16), "FF9C"), "u65436");
    EXPECT_EQ(decoded(of(Kind::int32), "FFFFFFFE"), "i-2");
    EXPECT_EQ(decoded(of(Kind::uint32), "FFFFFFFE"), "u4294967294");
    EXPECT_EQ(decoded(of(Kind::int64), "8000000000000000"), "i-9223372036854775808");
    EXPECT_EQ(decoded(of(Kind::uint64), "FFFFFFFFFFFFFFFF"), "u18446744073709551615");
    EXPECT_EQ(decoded(of(Kind::float64), "3FB999999999999A"), "f0.1");
    EXPECT_EQ(decoded(of(Kind::bcd8), "42"), "u42");
    EXPECT_EQ(decoded(of(Kind::bcd16), "1234"), "u1234");
    EXPECT_EQ(decoded(of(Kind::bcd32), "00123456"), "u123456");
    EXPECT_EQ(decoded(of(Kind::bcd64), "9999999999999999"), "u9999999999999999");
    EXPECT_EQ(decoded(of(Kind::sunssf), "FFFE"), "i-2");
    EXPECT_EQ(decoded(of(Kind::bytes, {}, 3), "00FF10"), "00ff10");
}

TEST(Encoding, a_float_is_the_shortest_decimal_that_names_it) {
    const auto value = decode(of(Kind::float32), base::from_hex("4365028F").value());
    ASSERT_TRUE(value);
    EXPECT_EQ(std::get<double>(*value), 229.01);  // not 229.00999450683594
    EXPECT_EQ(decoded(of(Kind::float32), "3DCCCCCD"), "f0.1");
    EXPECT_EQ(decoded(of(Kind::float32), "C2C80000"), "f-100");
    EXPECT_EQ(decoded(of(Kind::float32), "00000001"), "f1e-45");
    EXPECT_EQ(decoded(of(Kind::float32), "7F7FFFFF"), "f3.4028235e+38");
    EXPECT_EQ(decoded(of(Kind::float16), "2E66"), "f0.1");
    EXPECT_EQ(decoded(of(Kind::float16), "C900"), "f-10");
    EXPECT_EQ(decoded(of(Kind::float16), "7BFF"), "f65500");
    EXPECT_EQ(decoded(of(Kind::float16), "0001"), "f6e-08");
    EXPECT_EQ(decoded(of(Kind::float16), "0000"), "f0");
    EXPECT_EQ(decoded(of(Kind::float16), "3C01"), "f1.001");
}

TEST(Encoding, what_is_no_number_is_handed_on) {
    for (const auto& [kind, hex] :
         {std::pair{Kind::float16, "7E00"}, {Kind::float32, "7FC00000"}, {Kind::float64, "7FF8000000000000"}}) {
        const auto value = decode(of(kind), base::from_hex(hex).value());
        ASSERT_TRUE(value);
        EXPECT_TRUE(std::isnan(std::get<double>(*value)));
    }
    EXPECT_EQ(decoded(of(Kind::float16), "FC00"), "f-inf");
    EXPECT_EQ(decoded(of(Kind::float32), "7F800000"), "finf");
}

TEST(Encoding, a_string_ends_at_its_first_nul_and_loses_its_last_blanks) {
    EXPECT_EQ(decoded(of(Kind::string, {}, 8), "454D32342020 0000"), "\"EM24\"");
    EXPECT_EQ(decoded(of(Kind::string, {}, 4), "00FFFFFF"), "\"\"");
    EXPECT_EQ(decoded(of(Kind::string, {}, 4), "41 00 42 43"), "\"A\"");
    EXPECT_EQ(decoded(of(Kind::string, {1, 0}, 4), "4D45 3432"), "\"EM24\"");  // bytes swapped in each register
    EXPECT_EQ(decoded(of(Kind::string, {}, 4), "FFFFFFFF"), "malformed: text that is no UTF-8");
}

TEST(Encoding, every_order_puts_each_byte_in_its_place) {
    const auto check = [](const char* type, const char* order, const char* wire, const char* value) {
        Point point({{"type", type}, {"order", order}});
        const auto encoding = point.encoding();
        ASSERT_TRUE(encoding) << point.diagnostics.str();
        EXPECT_EQ(decoded(*encoding, wire), value) << type << " " << order;
        EXPECT_EQ(encoded(*encoding, decode(*encoding, base::from_hex(wire).value()).value()), wire) << type << " " << order;
    };
    check("uint16", "AB", "1234", "u4660");
    check("uint16", "BA", "3412", "u4660");
    check("uint16", "big", "1234", "u4660");
    check("uint16", "little", "3412", "u4660");
    check("uint32", "ABCD", "12345678", "u305419896");
    check("uint32", "CDAB", "56781234", "u305419896");
    check("uint32", "BADC", "34127856", "u305419896");
    check("uint32", "DCBA", "78563412", "u305419896");
    check("uint32", "big", "12345678", "u305419896");
    check("uint32", "little", "78563412", "u305419896");
    check("uint64", "ABCDEFGH", "0102030405060708", "u72623859790382856");
    check("uint64", "GHEFCDAB", "0708050603040102", "u72623859790382856");
    check("uint64", "BADCFEHG", "0201040306050807", "u72623859790382856");
    check("uint64", "HGFEDCBA", "0807060504030201", "u72623859790382856");
    check("uint64", "little", "0807060504030201", "u72623859790382856");
    check("float32", "CDAB", "028f4365", "f229.01");
    check("uint8", "little", "2a", "u42");
    check("bcd32", "CDAB", "34560012", "u123456");
}

TEST(Encoding, the_order_of_a_device_is_meant_for_all_its_types) {
    EXPECT_EQ(Point({{"type", "int16"}}).order("CDAB"), "as it comes");
    EXPECT_EQ(Point({{"type", "float32"}}).order("CDAB"), "CDAB");
    EXPECT_EQ(Point({{"type", "uint64"}}).order("CDAB"), "GHEFCDAB");
    EXPECT_EQ(Point({{"type", "int16"}}).order("BADC"), "BA");
    EXPECT_EQ(Point({{"type", "uint64"}}).order("BADC"), "BADCFEHG");
    EXPECT_EQ(Point({{"type", "int16"}}).order("little"), "BA");
    EXPECT_EQ(Point({{"type", "int32"}}).order("little"), "DCBA");
    EXPECT_EQ(Point({{"type", "int16"}}).order("HGFEDCBA"), "BA");
    EXPECT_EQ(Point({{"type", "uint8"}}).order("little"), "as it comes");
    EXPECT_EQ(Point({{"type", "int32"}}).order("ABCDEFGH"), "as it comes");
    EXPECT_EQ(Point({{"type", "int32"}}).order(""), "as it comes");
    EXPECT_EQ(Point({{"type", "string"}, {"length", "4"}}).order("little"), "as it comes");
    EXPECT_EQ(Point({{"type", "uint64"}, {"order", "ABCDEFGH"}}).order("CDAB"), "as it comes");  // a point may differ
}

TEST(Encoding, without_a_word_it_is_the_adapters_default) {
    const auto encoding = Point({}).encoding();
    ASSERT_TRUE(encoding);
    EXPECT_EQ(*encoding, of(Kind::uint16));
}

TEST(Encoding, the_length_of_a_string_is_counted_in_the_adapters_unit) {
    EXPECT_EQ(Point({{"type", "string"}, {"length", "8"}}).encoding("", 2)->length, 16);
    EXPECT_EQ(Point({{"type", "bytes"}, {"length", "8"}}).encoding("", 1)->length, 8);
    EXPECT_EQ(Point({{"type", "string"}, {"length", "125"}}).encoding("", 2)->length, 250);
}

TEST(Encoding, tells_what_does_not_fit_and_what_would) {
    EXPECT_EQ(
        Point({{"type", "uint64"}, {"order", "CDAB"}}).mistakes(),
        "p.yaml:4:20: point 'power': 'order: CDAB' does not fit uint64, which has 8 bytes; write one of ABCDEFGH, HGFEDCBA, "
        "GHEFCDAB, BADCFEHG, big, little\n");
    EXPECT_EQ(
        Point({{"type", "int16"}, {"order", "DCBA"}}).mistakes(),
        "p.yaml:4:20: point 'power': 'order: DCBA' does not fit int16, which has 2 bytes; write one of AB, BA, big, little\n");
    EXPECT_EQ(Point({{"type", "uint8"}, {"order", "BA"}}).mistakes(),
              "p.yaml:4:20: point 'power': 'order: BA' does not fit uint8, which has 1 byte; write one of big, little\n");
    EXPECT_EQ(Point({{"type", "float32"}, {"order", "ACBD"}}).mistakes(),
              "p.yaml:4:20: point 'power': 'order' cannot be 'ACBD'; write one of ABCD, DCBA, CDAB, BADC, big, little\n");
    EXPECT_EQ(Point({{"type", "string"}, {"length", "4"}, {"order", "little"}}).mistakes(),
              "p.yaml:5:20: point 'power': 'order: little' does not fit string, whose bytes can only be swapped in pairs; "
              "write one of "
              "AB, BA\n");
    EXPECT_EQ(Point({{"type", "flaot32"}, {"order", "CDAB"}}).mistakes(),
              "p.yaml:3:20: point 'power': 'type' cannot be 'flaot32'; did you mean 'float32'?\n");
    EXPECT_EQ(Point({{"type", "string"}}).mistakes(),
              "p.yaml:2:3: point 'power': 'length' is missing; write how many registers it has: length: 8\n");
    EXPECT_EQ(Point({{"type", "string"}, {"length", "126"}}).mistakes(),
              "p.yaml:4:20: point 'power': 'length' is 126, out of range; write a whole number from 1 to 125\n");
    EXPECT_EQ(Point({{"type", "bytes"}, {"length", "5000"}}).mistakes(1),
              "p.yaml:4:20: point 'power': 'length' is 5000, out of range; write a whole number from 1 to 4096\n");
    EXPECT_EQ(Point({{"type", "uint32"}, {"length", "2"}}).mistakes(),
              "p.yaml:4:20: point 'power': uint32 always has 4 bytes; remove 'length', or write type: string or bytes\n");
    EXPECT_EQ(Point({{"type", "int32"}, {"length", "2"}, {"order", "AB"}}).mistakes(),
              "p.yaml:4:20: point 'power': int32 always has 4 bytes; remove 'length', or write type: string or bytes\n"
              "p.yaml:5:20: point 'power': 'order: AB' does not fit int32, which has 4 bytes; write one of ABCD, DCBA, CDAB, "
              "BADC, big, "
              "little\n");
}

TEST(Encoding, an_answer_of_the_wrong_size_or_with_impossible_digits_is_malformed) {
    EXPECT_EQ(decoded(of(Kind::uint32), "1234"), "malformed: uint32 of 4 bytes in an answer of 2");
    EXPECT_EQ(decoded(of(Kind::uint8), ""), "malformed: uint8 of 1 bytes in an answer of 0");
    EXPECT_EQ(decoded(of(Kind::string, {}, 4), "414243"), "malformed: string of 4 bytes in an answer of 3");
    EXPECT_EQ(decoded(of(Kind::bcd16), "12A4"), "malformed: 0x12A4 is no BCD number");
    EXPECT_EQ(decoded(of(Kind::bcd8), "0A"), "malformed: 0x0A is no BCD number");
    EXPECT_EQ(decode(of(Kind::uint16), Bytes{1}).error().code, base::Errc::malformed);
}

TEST(Encoding, refuses_to_write_what_does_not_fit) {
    EXPECT_EQ(encoded(of(Kind::int8), std::int64_t{128}), "refused: 128 does not fit int8");
    EXPECT_EQ(encoded(of(Kind::int8), std::int64_t{-128}), "80");
    EXPECT_EQ(encoded(of(Kind::int8), std::int64_t{-129}), "refused: -129 does not fit int8");
    EXPECT_EQ(encoded(of(Kind::uint16), std::int64_t{-1}), "refused: -1 does not fit uint16");
    EXPECT_EQ(encoded(of(Kind::uint16), 65535.0), "ffff");
    EXPECT_EQ(encoded(of(Kind::uint16), 65536.0), "refused: 65536 does not fit uint16");
    EXPECT_EQ(encoded(of(Kind::int16), 21.5), "refused: 21.5 does not fit int16");
    EXPECT_EQ(encoded(of(Kind::int64), 9223372036854775808.0), "refused: 9.223372036854776e+18 does not fit int64");
    EXPECT_EQ(encoded(of(Kind::int64), -9223372036854775808.0), "8000000000000000");
    EXPECT_EQ(encoded(of(Kind::uint64), 18446744073709551616.0), "refused: 1.8446744073709552e+19 does not fit uint64");
    EXPECT_EQ(encoded(of(Kind::float32), 1e39), "refused: 1e+39 does not fit float32");
    EXPECT_EQ(encoded(of(Kind::float32), 3.4028235e38), "7f7fffff");
    EXPECT_EQ(encoded(of(Kind::float16), 65520.0), "refused: 65520 does not fit float16");
    EXPECT_EQ(encoded(of(Kind::float16), 65519.0), "7bff");
    EXPECT_EQ(encoded(of(Kind::float16), -0.0), "8000");
    EXPECT_EQ(encoded(of(Kind::float64), std::numeric_limits<double>::quiet_NaN()), "refused: nan does not fit float64");
    EXPECT_EQ(encoded(of(Kind::uint8), std::numeric_limits<double>::infinity()), "refused: inf does not fit uint8");
    EXPECT_EQ(encoded(of(Kind::bcd16), std::uint64_t{9999}), "9999");
    EXPECT_EQ(encoded(of(Kind::bcd16), std::uint64_t{10000}), "refused: 10000 does not fit bcd16");
    EXPECT_EQ(encoded(of(Kind::bcd16), std::int64_t{-1}), "refused: -1 does not fit bcd16");
    EXPECT_EQ(encoded(of(Kind::boolean), std::int64_t{2}), "refused: 2 does not fit bool");
    EXPECT_EQ(encoded(of(Kind::boolean), true), "01");
    EXPECT_EQ(encoded(of(Kind::uint16), true), "0001");
    EXPECT_EQ(encoded(of(Kind::uint16), std::string("7")), "refused: text does not fit uint16");
    EXPECT_EQ(encoded(of(Kind::string, {}, 4), std::string("EM")), "454d0000");
    EXPECT_EQ(encoded(of(Kind::string, {}, 4), std::string("EM240")), "refused: text of 5 bytes, and there is room for 4");
    EXPECT_EQ(encoded(of(Kind::string, {}, 4), std::uint64_t{4}), "refused: 4 does not fit string");
    EXPECT_EQ(encoded(of(Kind::bytes, {}, 2), Bytes{1}), "refused: 1 bytes, and it has exactly 2");
    EXPECT_EQ(encoded(of(Kind::bytes, {}, 2), std::string("ab")), "refused: text does not fit bytes");
    EXPECT_EQ(encode(of(Kind::uint8), 256.0).error().code, base::Errc::bad_request);
}

TEST(Encoding, every_half_survives_the_trip) {
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        const Bytes wire{static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits)};
        const auto value = decode(of(Kind::float16), wire);
        ASSERT_TRUE(value);
        if (!std::isfinite(std::get<double>(*value))) continue;
        const auto back = encode(of(Kind::float16), *value);
        ASSERT_TRUE(back);
        ASSERT_EQ(base::to_hex(*back), base::to_hex(wire));
    }
}

TEST(Encoding, any_bytes_that_decode_encode_to_themselves) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937_64 random(seed);
    const std::vector<std::vector<std::uint8_t>> all[] = {
        {{}},
        {{}, {1, 0}},
        {{}, {2, 3, 0, 1}, {1, 0, 3, 2}, {3, 2, 1, 0}},
        {{}, {6, 7, 4, 5, 2, 3, 0, 1}, {1, 0, 3, 2, 5, 4, 7, 6}, {7, 6, 5, 4, 3, 2, 1, 0}}};
    for (int round = 0; round < 2000; ++round) {
        for (const Kind kind : every_kind) {
            const auto size = width(kind) != 0 ? width(kind) / 8 : 1 + random() % 12;
            const auto& fits = all[size == 2 ? 1 : size == 4 ? 2 : size == 8 ? 3 : 0];
            const Encoding encoding = of(kind, width(kind) != 0 ? fits[random() % fits.size()] : std::vector<std::uint8_t>{},
                                         static_cast<std::uint16_t>(size));
            Bytes wire(size);
            for (auto& byte : wire) byte = static_cast<std::uint8_t>(random());
            if (kind == Kind::string)
                for (auto& byte : wire) byte = static_cast<std::uint8_t>('a' + byte % 26);
            if (kind == Kind::boolean) wire[0] &= 1;
            const auto value = decode(encoding, wire);
            if (!value) continue;  // BCD digits above 9
            if (const auto* number = std::get_if<double>(&*value); number != nullptr && !std::isfinite(*number)) continue;
            const auto back = encode(encoding, *value);
            ASSERT_TRUE(back) << name(kind) << " " << base::to_hex(wire) << " " << back.error().message;
            ASSERT_EQ(base::to_hex(*back), base::to_hex(wire)) << name(kind);
        }
    }
}

TEST(Encoding, knows_the_width_and_sign_of_each_kind) {
    EXPECT_EQ(width(Kind::int16), 16U);
    EXPECT_EQ(width(Kind::bcd64), 64U);
    EXPECT_EQ(width(Kind::string), 0U);
    EXPECT_TRUE(is_signed(Kind::int8));
    EXPECT_FALSE(is_signed(Kind::uint64));
    for (const Kind kind : every_kind) {
        if (width(kind) == 0) continue;
        EXPECT_EQ(Point({{"type", std::string(name(kind)).c_str()}}).encoding()->kind, kind);
    }
}

}  // namespace
}  // namespace adapters
