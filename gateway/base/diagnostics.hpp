#pragma once

#include <compare>
#include <cstddef>
#include <set>
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
    static constexpr std::size_t most = 1'000;       ///< different mistakes that are kept; of more only the fact
    static constexpr std::size_t most_text = 2'000;  ///< bytes of one of them

    /// Control characters in the text become \xNN, so that a mistake is one line and harmless to a terminal.
    void error(const SourceLoc& at, std::string_view what, std::string_view remedy);
    bool ok() const { return reported_ == 0; }
    /// Calls of error(), whether told before or not: a caller sees by it whether something was reported meanwhile.
    std::size_t count() const { return reported_; }
    /// How many str() tells.
    std::size_t different() const { return errors_.size(); }
    /// Where the mistakes are, in the order of str().
    std::vector<SourceLoc> places() const {
        std::vector<SourceLoc> all;
        for (const auto& entry : errors_) all.push_back(entry.at);
        return all;
    }
    /// Sorted by file, line and column; the same mistake is told once, however many devices share it.
    std::string str() const;

private:
    struct Entry {
        SourceLoc at;
        std::string text;
        friend auto operator<=>(const Entry&, const Entry&) = default;
    };
    std::set<Entry> errors_;
    std::size_t reported_ = 0;
    bool more_ = false;  // than `most`
};

/// The candidate that `word` was probably meant to be, or "" when none is near.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace base
