#include "adapters/mqtt/topics.hpp"

#include "gateway/base/bytes.hpp"

#include <algorithm>

namespace adapters::mqtt {

namespace {

bool is_clean(std::string_view text) {
    return !text.empty() && text.size() <= longest_topic && base::is_utf8(text) &&
           std::count(text.begin(), text.end(), '/') < static_cast<std::ptrdiff_t>(most_levels) &&
           std::none_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; });
}

/// Takes the first level off; `ended` becomes true with the last.
std::string_view take_level(std::string_view& rest, bool& ended) {
    const auto slash = rest.find('/');
    const auto level = rest.substr(0, slash);
    ended = slash == std::string_view::npos;
    rest = ended ? std::string_view{} : rest.substr(slash + 1);
    return level;
}

}  // namespace

bool is_topic(std::string_view text) { return is_clean(text) && text.find_first_of("+#") == std::string_view::npos; }

bool is_filter(std::string_view text) {
    if (!is_clean(text)) return false;
    bool ended = false;
    while (!ended) {
        const auto level = take_level(text, ended);
        if (level.find_first_of("+#") != std::string_view::npos && level.size() != 1) return false;
        if (level == "#" && !ended) return false;
    }
    return true;
}

bool matches(std::string_view filter, std::string_view topic) {
    if (!topic.empty() && topic.front() == '$' && !filter.empty() && filter.front() != '$') return false;
    bool filter_ended = false, topic_ended = false;
    while (true) {
        const auto wanted = take_level(filter, filter_ended);
        if (wanted == "#") return true;
        if (topic_ended) return false;
        const auto level = take_level(topic, topic_ended);
        if (wanted != "+" && wanted != level) return false;
        if (filter_ended && topic_ended) return true;
        if (filter_ended) return false;
        if (topic_ended) return filter == "#";
    }
}

std::vector<std::string_view> levels(std::string_view topic) {
    std::vector<std::string_view> parts;
    for (bool ended = false; !ended;) parts.push_back(take_level(topic, ended));
    return parts;
}

std::optional<TopicPattern> TopicPattern::parse(std::string_view text) {
    TopicPattern pattern;
    std::size_t index = 0;
    for (const auto level : levels(text)) {
        if (index > 0) pattern.filter_ += '/';
        const auto open = level.find("${");
        if (open == std::string_view::npos) {
            pattern.filter_ += level;
        } else {
            const auto close = level.find('}', open);
            if (close == std::string_view::npos || level.find("${", close) != std::string_view::npos) return std::nullopt;
            const std::string name(level.substr(open + 2, close - open - 2));
            const bool good = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
                return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
            });
            if (!good || std::find(pattern.names_.begin(), pattern.names_.end(), name) != pattern.names_.end())
                return std::nullopt;
            const std::string before(level.substr(0, open)), after(level.substr(close + 1));
            if ((before + after).find_first_of("+#") != std::string::npos) return std::nullopt;
            pattern.captures_.push_back({index, before, after, pattern.names_.size()});
            pattern.names_.push_back(name);
            pattern.filter_ += '+';
        }
        ++index;
    }
    if (!is_filter(pattern.filter_)) return std::nullopt;
    return pattern;
}

std::optional<std::map<std::string, std::string, std::less<>>> TopicPattern::match(std::string_view topic) const {
    if (!matches(filter_, topic)) return std::nullopt;
    const auto parts = levels(topic);
    std::map<std::string, std::string, std::less<>> found;
    for (const auto& capture : captures_) {
        std::string_view level = parts.at(capture.index);
        if (level.size() <= capture.before.size() + capture.after.size() || !level.starts_with(capture.before) ||
            !level.ends_with(capture.after))
            return std::nullopt;
        level.remove_prefix(capture.before.size());
        level.remove_suffix(capture.after.size());
        found.emplace(names_[capture.name], level);
    }
    return found;
}

void TopicTrie::add(std::string_view filter, Value value) {
    std::uint32_t node = 0;
    bool ended = false;
    while (!ended) {
        const auto level = take_level(filter, ended);
        if (level == "#") {
            if (nodes_[node].below.empty()) ++filters_;
            nodes_[node].below.push_back(value);
            return;
        }
        if (level == "+") {
            if (nodes_[node].plus == none) {
                nodes_[node].plus = static_cast<std::uint32_t>(nodes_.size());
                nodes_.emplace_back();
            }
            node = nodes_[node].plus;
            continue;
        }
        const auto found = edges_.find(EdgeView{node, level});
        if (found != edges_.end()) {
            node = found->second;
        } else {
            const auto fresh = static_cast<std::uint32_t>(nodes_.size());
            edges_.emplace(Edge{node, std::string(level)}, fresh);
            nodes_.emplace_back();
            node = fresh;
        }
    }
    if (nodes_[node].here.empty()) ++filters_;
    nodes_[node].here.push_back(value);
}

void TopicTrie::match(std::string_view topic, const std::function<void(Value)>& each) const {
    if (topic.size() > longest_topic) return;
    walk(0, topic, false, true, each);
}

// At most two ways lead on from a node, so a topic of n levels could be walked 2^n times by filters made for it; they come
// from our own files, each with its own wildcards, and a way ends where no filter goes on.
void TopicTrie::walk(std::uint32_t node, std::string_view rest, bool ended, bool first,
                     const std::function<void(Value)>& each) const {
    const Node& here = nodes_[node];
    const bool hidden = first && !rest.empty() && rest.front() == '$';  // wildcards do not see $SYS (4.7.2)
    if (!hidden)
        for (const Value value : here.below) each(value);
    if (ended) {
        for (const Value value : here.here) each(value);
        return;
    }
    bool last = false;
    const auto level = take_level(rest, last);
    if (const auto found = edges_.find(EdgeView{node, level}); found != edges_.end())
        walk(found->second, rest, last, false, each);
    if (here.plus != none && !hidden) walk(here.plus, rest, last, false, each);
}

}  // namespace adapters::mqtt
