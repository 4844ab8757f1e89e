#pragma once

#include "gateway/base/diagnostics.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace config {

/// The text of a YAML file, fit for the parser, and what has to be known of it that the parser does not tell.
/// Offsets are bytes of str().
class YamlText {
public:
    explicit YamlText(std::string file) : file_(std::move(file)) {}

    /// Takes a byte order mark off, makes CR LF and CR to LF; refuses what is too large, no UTF-8, not printable,
    /// indented by tabs, or would let the parser pile up memory. False: it must not be parsed.
    bool load(std::string_view written, base::Diagnostics&);

    const std::string& str() const { return text_; }
    std::size_t size() const { return text_.size(); }
    /// Line and column (in characters) of a byte.
    base::SourceLoc place(std::size_t at) const;

    bool starts_with(std::size_t at, std::string_view what) const;
    /// `~` or `null` when it is written at this place, else empty.
    std::string null_word(std::size_t at) const;
    /// The last place before `at` with something else than blanks, when that is the `-` of an empty list item; else `at`.
    std::size_t before(std::size_t at) const;
    /// True when the quote that opens at `at` is closed, and for anything that opens with no quote.
    bool quote_ends(std::size_t at) const;

    struct Properties {
        std::size_t end;                 ///< where the content begins
        std::optional<std::size_t> tag;  ///< where a tag stands
    };
    /// Skips `&anchor` and `!tag`, in any order.
    Properties properties(std::size_t at) const;

private:
    std::string file_, text_;
    std::vector<std::size_t> lines_;          // where each begins
    std::vector<std::size_t> continuations_;  // bytes 0x80…0xBF: no character of their own
};

}  // namespace config
