#include "lwm2m/path.hpp"

#include "gateway/base/bytes.hpp"

#include <fmt/format.h>
#include <charconv>

namespace lwm2m {

namespace {

constexpr std::uint32_t max_id = 65534;      // 65535 is reserved, OMA Core 1.2 7.4
constexpr std::size_t longest_prefix = 255;  // a Uri-Path option holds no more, RFC 7252 5.10

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool all_digits(std::string_view segment) {
    for (const char c : segment)
        if (!is_digit(c)) return false;
    return !segment.empty();
}

/// The text comes from a peer: it is cut and made printable before it goes into a message.
std::string quoted(std::string_view text) {
    std::string safe;
    for (const char c : text.substr(0, 64)) safe.push_back(c >= ' ' && c < 127 ? c : '?');
    return "'" + safe + (text.size() > 64 ? "…'" : "'");
}

std::optional<std::uint32_t> parse_id(std::string_view segment) {
    if (segment.size() > 5 || !all_digits(segment) || (segment.size() > 1 && segment[0] == '0')) return std::nullopt;
    std::uint32_t id = 0;
    std::from_chars(segment.data(), segment.data() + segment.size(), id);
    return id;
}

}  // namespace

Result<Path> Path::parse(std::string_view text) {
    if (text.empty() || text[0] != '/') return fail(Errc::bad_request, quoted(text) + " is no path: it starts with '/'");
    Path path;
    if (text.size() == 1) return path;
    std::string_view rest = text.substr(1);
    for (;;) {
        const auto slash = rest.find('/');
        const auto id = parse_id(rest.substr(0, slash));
        if (!id || *id > max_id)
            return fail(Errc::bad_request,
                        fmt::format("{} in {} is no id from 0 to 65534", quoted(rest.substr(0, slash)), quoted(text)));
        if (path.depth_ == path.ids_.size())
            return fail(Errc::not_allowed, quoted(text) + " is deeper than a resource instance");
        path.ids_[path.depth_++] = static_cast<std::uint16_t>(*id);
        if (slash == std::string_view::npos) return path;
        rest.remove_prefix(slash + 1);
    }
}

Result<Path> Path::child(std::uint32_t id) const {
    if (depth_ == ids_.size()) return fail(Errc::bad_request, str() + " has no children");
    if (id > max_id) return fail(Errc::bad_request, fmt::format("id {} is above {}", id, max_id));
    Path longer = *this;
    longer.ids_[longer.depth_++] = static_cast<std::uint16_t>(id);
    return longer;
}

Path Path::parent() const {
    Path shorter = *this;
    if (shorter.depth_ > 0) shorter.ids_[--shorter.depth_] = 0;
    return shorter;
}

Path Path::ancestor(Level level) const {
    Path shorter = *this;
    while (shorter.level() > level) shorter = shorter.parent();
    return shorter;
}

std::string Path::str() const {
    if (depth_ == 0) return "/";
    char text[4 * 6];
    char* end = text;
    for (const std::uint16_t id : ids()) {
        *end++ = '/';
        end = std::to_chars(end, text + sizeof text, id).ptr;
    }
    return {text, end};
}

Result<Target> Target::parse(std::string_view text) {
    if (text.empty() || text[0] != '/') return fail(Errc::bad_request, quoted(text) + " is no path: it starts with '/'");
    const auto slash = text.find('/', 1);
    const std::string_view first = text.substr(1, slash == std::string_view::npos ? slash : slash - 1);
    Target target;
    if (text.size() == 1 || all_digits(first)) {
        auto path = Path::parse(text);
        if (!path) return tl::unexpected(std::move(path.error()));
        target.path = *path;
        return target;
    }
    // No more than what keeps it apart: a prefix that nobody has is "not found", and only the tree knows that.
    if (first.empty() || first.size() > longest_prefix || !base::is_utf8(first))
        return fail(Errc::bad_request, quoted(text) + " starts with no prefix and no id");
    for (const char c : first)
        if (static_cast<unsigned char>(c) < ' ' || c == 127)
            return fail(Errc::bad_request, quoted(text) + " has a control character");
    target.prefix = first;
    if (slash == std::string_view::npos) return target;
    if (slash + 1 == text.size()) return fail(Errc::bad_request, quoted(text) + " ends with '/'");
    auto path = Path::parse(text.substr(slash));
    if (!path) return tl::unexpected(std::move(path.error()));
    target.path = *path;
    return target;
}

Result<void> check_prefix(std::string_view prefix) {
    constexpr std::size_t longest = 32;
    if (prefix.empty()) return fail(Errc::bad_request, "a prefix needs at least one letter");
    if (prefix.size() > longest)
        return fail(Errc::bad_request, fmt::format("prefix {} is longer than {} characters", quoted(prefix), longest));
    if (!is_letter(prefix[0]))
        return fail(Errc::bad_request, fmt::format("prefix {} does not start with a letter", quoted(prefix)));
    for (const char c : prefix)
        if (!is_letter(c) && !is_digit(c) && c != '_' && c != '-')
            return fail(Errc::bad_request, fmt::format("prefix {} has other characters than A-Z a-z 0-9 _ -", quoted(prefix)));
    for (const std::string_view word : {"bs", "bspack", "rd", "dp"})
        if (prefix == word) return fail(Errc::bad_request, fmt::format("prefix {} is a word of the protocol", quoted(prefix)));
    return {};
}

}  // namespace lwm2m
