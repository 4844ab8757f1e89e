#include "gateway/base/diagnostics.hpp"

#include "gateway/base/log.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <utility>

namespace base {

void Diagnostics::error(const SourceLoc& at, std::string_view what, std::string_view remedy) {
    ++reported_;
    std::string place = at.file;
    if (at.line > 0) place += fmt::format(":{}:{}", at.line, at.column);
    Entry entry{at, printable(fmt::format("{}: {}; {}", place, what, remedy), most_text)};
    if (errors_.size() < most)
        errors_.insert(std::move(entry));
    else
        more_ = more_ || !errors_.contains(entry);
}

std::string Diagnostics::str() const {
    std::string text;
    for (const auto& entry : errors_) {
        text += entry.text;
        text += '\n';
    }
    if (more_) text += fmt::format("and more than these {} mistakes; mend them first\n", most);
    return text;
}

namespace {

// Edits (insert, drop, change, swap of neighbours) that turn one word into the other.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last;
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + cost});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
        before_last = std::exchange(last, row);
    }
    return last[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    if (word.size() > 64) return best;  // not a slip of the finger
    for (const auto candidate : candidates) {
        const std::size_t d = distance(word, candidate);
        if (d < best_distance && d < candidate.size()) {
            best = candidate;
            best_distance = d;
        }
    }
    return best;
}

}  // namespace base
