#pragma once

#include "adapters/api/adapter.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// JSON as devices send it (RFC 8259), read in one pass without an allocation for each value.
namespace adapters::mqtt {

constexpr std::size_t json_depth = 64;
constexpr std::size_t json_values = 200'000;  ///< of one text, keys included (8 MB)

/// A parsed text. Holds views into it: the text must stay.
class Json {
public:
    enum class Kind : std::uint8_t { null, boolean, integer, natural, number, text, list, map };
    using Place = std::uint32_t;  ///< of a value; 0 is the whole

    /// Nothing when the text is no JSON, is no UTF-8, or is nested deeper than json_depth or longer than
    /// json_values. Numbers that fit are kept as
    /// integers; others are the nearest double.
    static std::optional<Json> parse(std::string_view text);

    Kind kind(Place place) const { return values_[place].kind; }
    /// Null, list and map: nothing.
    std::optional<Scalar> scalar(Place place) const;
    /// Number of members or items.
    std::size_t size(Place place) const { return values_[place].size; }
    /// Calls `each(place)` for the items of a list, `each(key, place)` for the members of a map.
    template <class F>
    void items(Place place, F each) const {
        Place at = place + 1;
        for (std::uint32_t i = 0; i < values_[place].size; ++i, at = values_[at].behind) each(at);
    }
    template <class F>
    void members(Place place, F each) const {
        Place at = place + 1;
        for (std::uint32_t i = 0; i < values_[place].size; ++i) {
            each(text(at), at + 1);
            at = values_[at + 1].behind;
        }
    }
    /// The value of a key (of twins the last), or of an index of a list.
    std::optional<Place> find(Place place, std::string_view key) const;
    std::optional<Place> item(Place place, std::size_t index) const;
    /// A text's content.
    std::string text(Place place) const;

private:
    struct Value {
        Kind kind = Kind::null;
        bool escaped = false;
        std::uint32_t size = 0;    // of list and map
        std::uint32_t behind = 0;  // the place after this value and all below it
        std::string_view raw;      // of a text, without its quotes
        union {
            bool boolean;
            std::int64_t integer;
            std::uint64_t natural;
            double number = 0;
        };
    };
    class Reader;
    bool equals(Place text, std::string_view other) const;

    std::vector<Value> values_;
};

/// A JSON Pointer (RFC 6901), "" for the whole; and, beyond it, `[key=text]` as a level: the first item of a list, or
/// member of a map, that is a map whose `key` is that text or number.
class Pointer {
public:
    static std::optional<Pointer> parse(std::string_view text);
    std::optional<Json::Place> find(const Json&, Json::Place from = 0) const;
    bool whole() const { return levels_.empty(); }
    /// The levels as keys, for building a document; nothing when one is a filter.
    std::optional<std::vector<std::string>> keys() const;
    const std::string& str() const { return written_; }
    friend bool operator==(const Pointer& a, const Pointer& b) { return a.written_ == b.written_; }

private:
    struct Level {
        std::string key;
        std::optional<std::size_t> index;
        bool filter = false;
        std::string equals;
    };
    std::string written_;
    std::vector<Level> levels_;
};

/// "…" with what must be escaped.
std::string json_text(std::string_view text);
/// A value as JSON: 1.5, true, "ON". Bytes become hex text. What is no number in JSON (NaN) becomes null.
std::string json_value(const Scalar& value);
/// The same without quotes: what a plain payload says.
std::string plain_value(const Scalar& value);

}  // namespace adapters::mqtt
