#include "mapping/names.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace mapping {

bool is_name(std::string_view text) {
    if (text.empty() || text.size() > 64 || text[0] < 'a' || text[0] > 'z') return false;
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

bool check_name(const base::Node::Member& member, std::string_view what, base::Diagnostics& diagnostics) {
    if (is_name(member.key)) return true;
    diagnostics.error(member.at, fmt::format("{} cannot be called '{}'", what, member.key),
                      "begin with a small letter and use small letters, digits and _ only");
    return false;
}

void check_format(base::Fields& file) {
    const auto* format = file.need("format", "begin the file with `format: 1`");
    if (format == nullptr) return;
    if (format->kind() != base::Node::Kind::integer || format->integer() != 1)
        file.error("format", fmt::format("format '{}' is not known", format->written()), "this version reads `format: 1`");
}

std::string suggestion(std::string_view word, const std::vector<std::string_view>& candidates, std::string_view none) {
    if (candidates.empty()) return std::string(none);
    if (const auto near = base::nearest(word, candidates); !near.empty()) return fmt::format("did you mean '{}'?", near);
    constexpr std::size_t most = 12;
    if (candidates.size() <= most)
        return fmt::format("there {} {}", candidates.size() == 1 ? "is" : "are", fmt::join(candidates, ", "));
    return fmt::format("there are {} … and {} more", fmt::join(candidates.begin(), candidates.begin() + most, ", "),
                       candidates.size() - most);
}

std::string place(const base::SourceLoc& at) {
    return at.line > 0 ? fmt::format("{}:{}:{}", at.file, at.line, at.column) : at.file;
}

}  // namespace mapping
