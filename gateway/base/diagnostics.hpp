#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

namespace base {

struct SourceLoc {
    std::string file;
    int line = 0, column = 0;  // from 1; 0: the file as a whole
    friend auto operator<=>(const SourceLoc&, const SourceLoc&) = default;
};

/// Collects every mistake in the user's files, so that all are told at once.
/// A line reads `file:line:col: what; remedy`.
class Diagnostics {
public:
    void error(const SourceLoc& at, std::string_view what, std::string_view remedy);
    bool ok() const { return errors_.empty(); }
    std::size_t count() const { return errors_.size(); }
    /// Sorted by file, line and column; the same mistake is told once, however many devices share it.
    std::string str() const;

private:
    struct Entry {
        SourceLoc at;
        std::string text;
        friend auto operator<=>(const Entry&, const Entry&) = default;
    };
    std::vector<Entry> errors_;
};

/// The candidate that `word` was probably meant to be, or "" when none is near.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace base
