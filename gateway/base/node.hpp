#pragma once

#include "gateway/base/diagnostics.hpp"
#include "gateway/base/time.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace base {

/// A value from a user's file with the place it stands at. Made by config/yaml_reader; free of YAML itself.
/// Plain scalars follow YAML 1.2 core: null, true/false, integers (0x too), floats; all else is text.
class Node {
public:
    enum class Kind : std::uint8_t { null, boolean, integer, number, text, list, map };
    struct Member;

    Node() = default;
    static Node text(SourceLoc at, std::string value);     // quoted, or plain and nothing else
    static Node plain(SourceLoc at, std::string written);  // resolves by the core schema
    static Node list(SourceLoc at, std::vector<Node> items);
    static Node map(SourceLoc at, std::vector<Member> members);

    Kind kind() const { return kind_; }
    const SourceLoc& at() const { return at_; }
    /// The scalar exactly as written (`0x00F5`, `1.50`), for numbers that must stay exact. Empty for list and map.
    const std::string& written() const { return written_; }
    bool boolean() const { return boolean_; }
    std::int64_t integer() const { return integer_; }  // kind integer only; out of range is kind number
    double number() const { return number_; }          // integer and number
    const std::vector<Node>& items() const { return items_; }
    const std::vector<Member>& members() const { return members_; }
    const Node* find(std::string_view key) const;
    /// "a number", "a list" …, for messages.
    std::string_view kind_name() const;

private:
    Kind kind_ = Kind::null;
    bool boolean_ = false;
    std::int64_t integer_ = 0;
    double number_ = 0;
    std::string written_;
    std::vector<Node> items_;
    std::vector<Member> members_;
    SourceLoc at_;
};

struct Node::Member {
    std::string key;
    SourceLoc at;  // of the key
    Node value;
};

/// Typed, strict access to one map. Every getter reports a value of the wrong kind with its place and remedy and
/// then returns nothing; `done()` reports the keys that nobody asked for. Several readers may share one `Fields`
/// (mapping and adapter read the same point), the last of them calls `done()`.
class Fields {
public:
    /// `what` names the map in messages: "point 'power'". A node that is no map is reported at once.
    Fields(const Node& node, std::string what, Diagnostics& diagnostics);

    bool valid() const { return valid_; }  // it is a map
    const Node& node() const { return *node_; }
    const std::string& what() const { return what_; }
    Diagnostics& diagnostics() const { return *diagnostics_; }

    /// Marks the key as known; null when absent. A key that is there with an empty value counts as given.
    const Node* find(std::string_view key);
    bool has(std::string_view key) { return find(key) != nullptr; }
    std::optional<std::string> text(std::string_view key);
    std::optional<bool> boolean(std::string_view key);
    std::optional<std::int64_t> integer(std::string_view key, std::int64_t least, std::int64_t most);
    std::optional<double> number(std::string_view key);
    /// A span with its unit: us ms s m h d. A bare number is refused.
    std::optional<std::chrono::microseconds> span(std::string_view key);
    /// One of the words; the index into `words`.
    std::optional<std::size_t> choice(std::string_view key, const std::vector<std::string_view>& words);
    const std::vector<Node>* list(std::string_view key);
    const Node* map(std::string_view key);
    /// As find(), and reports the key as missing.
    const Node* need(std::string_view key, std::string_view remedy);

    /// An error at a key's value, or at the map when the key is absent.
    void error(std::string_view key, std::string_view what, std::string_view remedy);
    /// Says that a key exists (for the "did you mean") without reading it.
    void known(std::string_view key);
    void done();

private:
    const Node* node_;
    std::string what_;
    Diagnostics* diagnostics_;
    bool valid_ = false;
    std::set<std::string, std::less<>> known_;
};

/// "300ms" → 300 ms. Units us ms s m h d, one fraction point allowed; nothing when it is not a span or over 10 years.
std::optional<std::chrono::microseconds> parse_span(std::string_view text);
/// "1s", "1.5s", "250ms", "5m": the shortest exact form.
std::string span_text(std::chrono::microseconds span);

}  // namespace base
