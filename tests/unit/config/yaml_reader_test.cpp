#include "config/yaml_reader.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace config {
namespace {

using base::Diagnostics;
using base::Node;

// The node as one line: maps in braces, text in quotes, numbers bare.
std::string dump(const Node& node) {
    std::string out;
    switch (node.kind()) {
        case Node::Kind::null: return "null";
        case Node::Kind::boolean: return node.boolean() ? "true" : "false";
        case Node::Kind::integer: return fmt::format("{}", node.integer());
        case Node::Kind::number: return fmt::format("{}f", node.number());
        case Node::Kind::text: return fmt::format("\"{}\"", node.written());
        case Node::Kind::list:
            for (const Node& item : node.items()) out += (out.empty() ? "" : ", ") + dump(item);
            return "[" + out + "]";
        case Node::Kind::map:
            for (const auto& [key, at, value] : node.members()) out += (out.empty() ? "" : ", ") + key + ": " + dump(value);
            return "{" + out + "}";
    }
    return out;
}

std::string good(std::string_view text) {
    Diagnostics diagnostics;
    const auto node = read_yaml(text, "f.yaml", diagnostics);
    return diagnostics.ok() && node ? dump(*node) : "refused: " + diagnostics.str();
}

std::string bad(std::string_view text) {
    Diagnostics diagnostics;
    const auto node = read_yaml(text, "f.yaml", diagnostics);
    return diagnostics.ok() ? "accepted: " + (node ? dump(*node) : "nothing") : diagnostics.str();
}

TEST(YamlReader, reads_the_core_schema_and_nothing_looser) {
    EXPECT_EQ(good("a: 1\nb: -2.5\nc: true\nd: ~\ne: null\nf:\ng: text\nh: 0x1F\ni: 1e3\n"),
              R"({a: 1, b: -2.5f, c: true, d: null, e: null, f: null, g: "text", h: 31, i: 1000f})");
    EXPECT_EQ(good(R"(a: "1"
b: 'true'
c: "yes"
d: "010"
e: ""
f: "~")"),
              R"({a: "1", b: "true", c: "yes", d: "010", e: "", f: "~"})");
    EXPECT_EQ(good("a: |\n  yes\nb: >\n  one\n  two\n"), "{a: \"yes\n\", b: \"one two\n\"}");
}

TEST(YamlReader, reads_what_the_format_is_made_of) {
    EXPECT_EQ(good("limits: {registers: 60, bits: 512, gap: auto}\nmap: {0: 0, 1: 1, 7: 2}\ninvalid: [0x8000]\n"),
              R"({limits: {registers: 60, bits: 512, gap: "auto"}, map: {0: 0, 1: 1, 7: 2}, invalid: [32768]})");
    EXPECT_EQ(good("map: {\"ON\": true, \"OFF\": false}\n"), "{map: {ON: true, OFF: false}}");
    EXPECT_EQ(
        good("at: holding:10\naddress: tcp://192.0.2.10:502\nline: 19200 8E1\nbusy: 70%\nkey: \"${secret:lwm2m-psk}\"\n"),
        R"({at: "holding:10", address: "tcp://192.0.2.10:502", line: "19200 8E1", busy: "70%", key: "${secret:lwm2m-psk}"})");
    EXPECT_EQ(good("devices:\n  - {id: a, unit: 20-27}\n  - id: b\n    points:\n      power: {every: 500ms}\n"),
              R"({devices: [{id: "a", unit: "20-27"}, {id: "b", points: {power: {every: "500ms"}}}]})");
    EXPECT_EQ(good("to: 3303/0/5700\nserial: 2024-03-01\nversion: 1.2.3\ndate: 01.05.2024\n"),
              R"({to: "3303/0/5700", serial: "2024-03-01", version: "1.2.3", date: "01.05.2024"})");
}

TEST(YamlReader, an_empty_file_is_nothing_rather_than_a_mistake) {
    EXPECT_EQ(good(""), "null");
    EXPECT_EQ(good("# only a comment\n\n"), "null");
    EXPECT_EQ(good("---\n"), "null");
}

TEST(YamlReader, takes_a_byte_order_mark_and_the_line_ends_of_other_systems) {
    EXPECT_EQ(good("\xEF\xBB\xBF"
                   "a: 1\r\nb:\r\n  - c\r\n"),
              R"({a: 1, b: ["c"]})");
    EXPECT_EQ(good("a: 1\rb: 2\r"), "{a: 1, b: 2}");
    EXPECT_EQ(bad("a: 1\r\nb: yes\r\n"),
              "f.yaml:2:4: 'yes' is true to some tools and text to others; write true, or \"yes\" in quotes for the text\n");
}

TEST(YamlReader, tells_every_loose_scalar_with_what_to_write) {
    EXPECT_EQ(bad("a: yes\nb: [No, ON]\nc: off\nd: y\ne: N\n"),
              "f.yaml:1:4: 'yes' is true to some tools and text to others; write true, or \"yes\" in quotes for the text\n"
              "f.yaml:2:5: 'No' is false to some tools and text to others; write false, or \"No\" in quotes for the text\n"
              "f.yaml:2:9: 'ON' is true to some tools and text to others; write true, or \"ON\" in quotes for the text\n"
              "f.yaml:3:4: 'off' is false to some tools and text to others; write false, or \"off\" in quotes for the text\n"
              "f.yaml:4:4: 'y' is true to some tools and text to others; write true, or \"y\" in quotes for the text\n"
              "f.yaml:5:4: 'N' is false to some tools and text to others; write false, or \"N\" in quotes for the text\n");
    EXPECT_EQ(
        bad("a: 010\nb: -007\nc: 00\nd: 08.50\n"),
        "f.yaml:1:4: '010' is octal to some tools and decimal to others; write 10, or \"010\" in quotes for the text\n"
        "f.yaml:2:4: '-007' is octal to some tools and decimal to others; write -7, or \"-007\" in quotes for the text\n"
        "f.yaml:3:4: '00' is octal to some tools and decimal to others; write 0, or \"00\" in quotes for the text\n"
        "f.yaml:4:4: '08.50' is octal to some tools and decimal to others; write 8.50, or \"08.50\" in quotes for the text\n");
    EXPECT_EQ(
        bad("a: 0b101\nb: 1_000\nc: 0xFF_FF\nd: -0x10\ne: 0X1F\n"),
        "f.yaml:1:4: '0b101' is a number to some tools and text to others; write 5, or \"0b101\" in quotes for the text\n"
        "f.yaml:2:4: '1_000' is a number to some tools and text to others; write 1000, or \"1_000\" in quotes for the text\n"
        "f.yaml:3:4: '0xFF_FF' is a number to some tools and text to others; write 65535, or \"0xFF_FF\" in quotes for the "
        "text\n"
        "f.yaml:4:4: '-0x10' is a number to some tools and text to others; write -16, or \"-0x10\" in quotes for the text\n"
        "f.yaml:5:4: '0X1F' is a number to some tools and text to others; write 31, or \"0X1F\" in quotes for the text\n");
    EXPECT_EQ(
        bad("a: 1:30\nb: 20:30:59.5\n"),
        "f.yaml:1:4: '1:30' is a number of base 60 to some tools and text to others; write \"1:30\" in quotes\n"
        "f.yaml:2:4: '20:30:59.5' is a number of base 60 to some tools and text to others; write \"20:30:59.5\" in quotes\n");
    EXPECT_EQ(good("a: 1:75\nb: 1:2:x\nc: 192.0.2.1:502\n"), R"({a: "1:75", b: "1:2:x", c: "192.0.2.1:502"})") << "no base 60";
    EXPECT_EQ(bad("a: .inf\nb: -.INF\nc: .NaN\n"),
              "f.yaml:1:4: '.inf' is no number that a device could have; write a number, or \".inf\" in quotes for the text\n"
              "f.yaml:2:4: '-.INF' is no number that a device could have; write a number, or \"-.INF\" in quotes for the text\n"
              "f.yaml:3:4: '.NaN' is no number that a device could have; write a number, or \".NaN\" in quotes for the text\n");
}

TEST(YamlReader, a_loose_word_is_as_loose_as_a_key) {
    EXPECT_EQ(bad("on: 1\nmap: {ON: true, no: false, 01: 2}\n"),
              "f.yaml:1:1: as a key, 'on' is true to some tools and text to others; put it in quotes: \"on\":\n"
              "f.yaml:2:7: as a key, 'ON' is true to some tools and text to others; put it in quotes: \"ON\":\n"
              "f.yaml:2:17: as a key, 'no' is false to some tools and text to others; put it in quotes: \"no\":\n"
              "f.yaml:2:28: as a key, '01' is octal to some tools and decimal to others; put it in quotes: \"01\":\n");
}

TEST(YamlReader, does_not_repeat_what_may_be_a_secret) {
    EXPECT_EQ(bad("password: 0123456\nkey: [1_234]\n"),
              "f.yaml:1:11: a value that tools read differently; put it in quotes\n"
              "f.yaml:2:7: a value that tools read differently; put it in quotes\n");
}

TEST(YamlReader, refuses_duplicate_keys_however_they_are_quoted) {
    EXPECT_EQ(bad("a: 1\nb: 2\na: 3\n\"b\": 4\nc: {x: 1, x: 2}\nmap: {1: a, \"1\": b}\n"),
              "f.yaml:3:1: the key 'a' is there already, in line 1; keep one of them\n"
              "f.yaml:4:1: the key 'b' is there already, in line 2; keep one of them\n"
              "f.yaml:5:11: the key 'x' is there already, in line 5; keep one of them\n"
              "f.yaml:6:13: the key '1' is there already, in line 6; keep one of them\n");
}

TEST(YamlReader, refuses_keys_that_are_no_words) {
    EXPECT_EQ(bad("[a]: 1\n{b: 1}: 2\n~: 3\n&x c: 4\n*x : 5\n<<: {d: 1}\n"),
              "f.yaml:1:1: a list or a map as a key; a key is one word, a number or a text in quotes\n"
              "f.yaml:2:1: a list or a map as a key; a key is one word, a number or a text in quotes\n"
              "f.yaml:3:1: a key without a name; write the key before the `:`\n"
              "f.yaml:5:1: an alias as a key; write the key out\n"
              "f.yaml:6:1: `<<` merges maps in YAML 1.1 only; write the keys out\n");
}

TEST(YamlReader, refuses_tags_and_directives) {
    EXPECT_EQ(bad("a: !!str 5\nb: ! 6\nc: !<tag:x> [1]\nd: &n !t {e: 1}\nf: !x\n"),
              "f.yaml:1:4: a tag; leave the word with the `!` out; quotes make a text\n"
              "f.yaml:2:4: a tag; leave the word with the `!` out; quotes make a text\n"
              "f.yaml:3:4: a tag; leave the word with the `!` out; quotes make a text\n"
              "f.yaml:4:7: a tag; leave the word with the `!` out; quotes make a text\n"
              "f.yaml:5:4: a tag; leave the word with the `!` out; quotes make a text\n");
    EXPECT_EQ(bad("%YAML 1.1\n---\na: yes\n"), "f.yaml:1:1: a directive; leave the line out; these files are YAML 1.2\n");
}

TEST(YamlReader, one_document_a_file) {
    EXPECT_EQ(good("---\na: 1\n...\n"), "{a: 1}");
    EXPECT_EQ(bad("a: 1\n---\nb: 2\n"),
              "f.yaml:2:1: a second document, or content that belongs to nothing above; check the indentation; one document a "
              "file, without `---` between\n");
    EXPECT_EQ(bad("  a: 1\n b: 2\n"),
              "f.yaml:2:2: a second document, or content that belongs to nothing above; check the indentation; one document a "
              "file, without `---` between\n");
}

TEST(YamlReader, expands_anchors_within_a_budget) {
    EXPECT_EQ(good("a: &x {every: 1s}\nb: *x\nc: [*x, *x]\n"),
              R"({a: {every: "1s"}, b: {every: "1s"}, c: [{every: "1s"}, {every: "1s"}]})");
    std::string laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
    for (char c = 'b'; c <= 'z'; ++c) {
        laughs += fmt::format("{}: &{} [", c == 'n' || c == 'y' ? std::string("q") + c : std::string(1, c), c);
        for (int i = 0; i < 10; ++i) laughs += fmt::format("*{}, ", static_cast<char>(c - 1));
        laughs += "]\n";
    }
    EXPECT_EQ(
        bad(laughs),
        "f.yaml:3:36: aliases expand to over 1000 keys and values; write the values out, or make a profile of what is alike\n");
    EXPECT_EQ(bad("a: &x [1, *x]\n"), "f.yaml:1:11: an alias inside of what it stands for; write the value out\n");
    EXPECT_EQ(bad("a: *y\n"), "f.yaml:1:4: no anchor (`&name`) of this name stands before; write the value out\n");
}

TEST(YamlReader, aliases_cannot_get_round_the_depth) {
    std::string text = "- &a0 [x]\n";
    for (int i = 1; i < 40; ++i) text += fmt::format("- &a{} [*a{}]\n", i, i - 1);
    EXPECT_EQ(
        bad(text),
        "f.yaml:31:9: this alias makes lists and maps nest deeper than 32; flatten it; nothing in these files is that deep\n");
}

TEST(YamlReader, refuses_depth_before_the_parser_recurses) {
    const std::string why = "lists and maps nest deeper than 32; flatten it; nothing in these files is that deep\n";
    EXPECT_EQ(good(std::string(32, '[') + std::string(32, ']')), std::string(32, '[') + std::string(32, ']'));
    EXPECT_EQ(bad(std::string(33, '[') + std::string(33, ']')), "f.yaml:1:33: " + why);
    EXPECT_EQ(bad(std::string(5000, '[') + std::string(5000, ']')), "f.yaml:1:33: " + why);
    EXPECT_EQ(bad(std::string(yaml_most_bytes, '[')), "f.yaml:1:1: over 10000 brackets are open; close them\n");
    std::string steps, dashes, questions;
    for (int i = 0; i < 400; ++i) steps += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
    for (int i = 0; i < 200'000; ++i) dashes += "- ", questions += "? ";
    EXPECT_EQ(bad(steps), "f.yaml:33:33: " + why);
    EXPECT_EQ(bad(dashes), "f.yaml:1:65: " + why);
    EXPECT_EQ(bad(questions), "f.yaml:1:65: " + why);
}

TEST(YamlReader, refuses_what_is_too_large) {
    EXPECT_EQ(bad(std::string(yaml_most_bytes + 1, '#')),
              "f.yaml: is 1048577 bytes long, over 1048576; split it into several files\n");
    EXPECT_EQ(good(std::string(yaml_most_bytes, '#')), "null");
    std::string many = "a:\n";
    for (int i = 0; i < 200'000; ++i) many += "- 1\n";
    EXPECT_EQ(bad(many), "f.yaml:199999:3: over 200000 keys and values in one file; split it into several files\n");
}

TEST(YamlReader, refuses_what_is_no_text) {
    EXPECT_EQ(bad("a: 1\nb: \xFF\xFE\n"), "f.yaml:2:1: this line is no UTF-8; save the file as UTF-8\n");
    EXPECT_EQ(bad("a: \xED\xA0\x80\n"), "f.yaml:1:1: this line is no UTF-8; save the file as UTF-8\n");
    EXPECT_EQ(bad(std::string("a\0:\0 \0", 6)),
              "f.yaml:1:2: a character that cannot be printed; remove it; in double quotes it can be written as \\x00\n");
    EXPECT_EQ(bad("a: x\x04y\nb: \xC2\x80\n"),
              "f.yaml:1:5: a character that cannot be printed; remove it; in double quotes it can be written as \\x00\n"
              "f.yaml:2:4: a character that cannot be printed; remove it; in double quotes it can be written as \\x00\n");
    EXPECT_EQ(good("a: \"\xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80\"\n"), "{a: \"\xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80\"}");
}

TEST(YamlReader, refuses_tabs_as_indentation_only) {
    EXPECT_EQ(bad("a:\n\tb: 1\n  \tc: 2\n"),
              "f.yaml:2:1: a tab in the indentation; write blanks\n"
              "f.yaml:3:3: a tab in the indentation; write blanks\n");
    EXPECT_EQ(good("a: 1\t# tab before a comment\n\t\n\t# a comment\nb: 2\n"), "{a: 1, b: 2}");
}

TEST(YamlReader, tells_what_the_parser_would_swallow) {
    EXPECT_EQ(bad("a: \"x\nb: 3\n"), "f.yaml:1:4: the quote that begins here has no end; close it\n");
    EXPECT_EQ(bad("a: 'it''s\nb: 3\n"), "f.yaml:1:4: the quote that begins here has no end; close it\n");
    EXPECT_EQ(bad("a: b\n  - c\n"),
              "f.yaml:1:4: text without quotes over several lines; check the indentation of the lines below; or put the text "
              "in quotes\n");
    EXPECT_EQ(good("a: 'it''s'\nb: \"\\\"\"\nc: \"one\n  two\"\n"), "{a: \"it's\", b: \"\"\", c: \"one two\"}");
}

TEST(YamlReader, says_in_our_words_what_is_no_yaml) {
    EXPECT_EQ(bad("a: b: c\n"),
              "f.yaml:1:5: a `:` that cannot stand here; put text with a `:` in quotes; else check the indentation\n");
    EXPECT_EQ(bad("a:\n  b: 1\n c: 1\n"),
              "f.yaml:3:2: this belongs to nothing above; check the indentation; keys of one map begin in one column\n");
    EXPECT_EQ(bad("a: [1, 2]]\nb: 3\n"),
              "f.yaml:1:10: a `]` or `}` that closes nothing; remove it, or put the text in quotes\n");
    EXPECT_EQ(bad("a: [1, \"2\"\nb: 3\n"),
              "f.yaml:1:4: what this bracket opens does not end; close it, or put the comma that is missing before line 2, "
              "column 1\n");
    EXPECT_EQ(bad("a: {b: 1\n"),
              "f.yaml:1:4: what this bracket opens does not end; close it, or put the comma that is missing before line 2, "
              "column 1\n");
    EXPECT_EQ(bad("a: @b\n"), "f.yaml:1:4: text cannot begin with this character; put the text in quotes\n");
    EXPECT_EQ(bad("a: \"\\q\"\n"),
              "f.yaml:1:7: an unknown `\\` in a text of double quotes; write `\\\\` for a backslash, or use single quotes\n");
}

TEST(YamlReader, tells_many_mistakes_of_a_file_at_once_and_returns_the_rest) {
    Diagnostics diagnostics;
    const auto node = read_yaml("a: yes\nb: 010\na: !t 1\nc: 5\n", "f.yaml", diagnostics);
    EXPECT_EQ(diagnostics.count(), 4U);
    ASSERT_TRUE(node);
    EXPECT_EQ(dump(*node), R"({a: "yes", b: 10, c: 5})");
}

TEST(YamlReader, knows_where_each_value_stands) {
    Diagnostics diagnostics;
    const auto node =
        read_yaml("\xC3\xBC: {k: v, l: w}\nempty:\nnull_key: ~\nlist:\n  -\n  - &a x\nnullable: 1\n", "f.yaml", diagnostics);
    ASSERT_TRUE(node) << diagnostics.str();
    const auto at = [&](const Node& n) { return fmt::format("{}:{}", n.at().line, n.at().column); };
    const Node& first = node->members().at(0).value;
    EXPECT_EQ(at(first), "1:4");  // a character of two bytes is one column
    EXPECT_EQ(at(*first.find("l")), "1:14");
    EXPECT_EQ(at(*node->find("empty")), "2:1");  // an empty value stands where its key does
    EXPECT_EQ(at(*node->find("null_key")), "3:11");
    EXPECT_EQ(at(node->find("list")->items().at(0)), "5:3");
    EXPECT_EQ(at(node->find("list")->items().at(1)), "6:8");
    EXPECT_EQ(node->find("null_key")->written(), "~");
    EXPECT_EQ(node->find("empty")->written(), "");
}

TEST(YamlReader, an_empty_value_before_a_key_that_begins_with_null_is_empty) {
    EXPECT_EQ(good("a:\nnullable: 1\nb:\n\"null\": 2\nc: null\n"), "{a: null, nullable: 1, b: null, null: 2, c: null}");
}

TEST(YamlReader, names_a_file_that_cannot_be_read) {
    const std::string folder =
        fmt::format("{}/yaml_reader_test_{}", std::filesystem::temp_directory_path().string(), ::getpid());
    std::filesystem::create_directories(folder);
    const auto said = [&](const std::string& name) {
        Diagnostics diagnostics;
        EXPECT_FALSE(read_yaml_file(folder + "/" + name, "devices.d/" + name, diagnostics));
        return diagnostics.str();
    };
    EXPECT_EQ(said("none.yaml"),
              "devices.d/none.yaml: cannot be read: it does not exist; check the path and its permissions\n");
    EXPECT_EQ(said("."), "devices.d/.: cannot be read: it is not a regular file; check the path and its permissions\n");
    std::ofstream(folder + "/big.yaml") << std::string(yaml_most_bytes + 1, '\n');
    EXPECT_EQ(said("big.yaml"), "devices.d/big.yaml: cannot be read: it is over 1048576 bytes; split it into several files\n");
    std::ofstream(folder + "/good.yaml") << "a: 1\n";
    Diagnostics diagnostics;
    const auto node = read_yaml_file(folder + "/good.yaml", "good.yaml", diagnostics);
    EXPECT_TRUE(node && diagnostics.ok());
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace config
