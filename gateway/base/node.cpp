#include "gateway/base/node.hpp"

#include <fmt/format.h>
#include <charconv>
#include <cmath>

namespace base {

namespace {

bool digits(std::string_view text) {
    if (text.empty()) return false;
    for (const char c : text)
        if (c < '0' || c > '9') return false;
    return true;
}

// YAML 1.2 core schema, 10.3.2: [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_float(std::string_view text) {
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
    const auto e = text.find_first_of("eE");
    if (e != std::string_view::npos) {
        auto exponent = text.substr(e + 1);
        if (!exponent.empty() && (exponent[0] == '-' || exponent[0] == '+')) exponent.remove_prefix(1);
        if (!digits(exponent)) return false;
        text = text.substr(0, e);
    }
    const auto point = text.find('.');
    if (point == std::string_view::npos) return digits(text);
    const auto whole = text.substr(0, point);
    const auto fraction = text.substr(point + 1);
    if (whole.empty()) return digits(fraction);
    return digits(whole) && (fraction.empty() || digits(fraction));
}

}  // namespace

Node Node::text(SourceLoc at, std::string value) {
    Node node;
    node.kind_ = Kind::text;
    node.at_ = std::move(at);
    node.written_ = std::move(value);
    return node;
}

Node Node::plain(SourceLoc at, std::string written) {
    Node node = text(std::move(at), std::move(written));
    const std::string& w = node.written_;
    if (w.empty() || w == "~" || w == "null" || w == "Null" || w == "NULL") {
        node.kind_ = Kind::null;
    } else if (w == "true" || w == "True" || w == "TRUE" || w == "false" || w == "False" || w == "FALSE") {
        node.kind_ = Kind::boolean;
        node.boolean_ = w[0] == 't' || w[0] == 'T';
    } else if (w.size() > 2 && w[0] == '0' && (w[1] == 'x' || w[1] == 'o')) {
        std::uint64_t number = 0;
        const auto [end, error] = std::from_chars(w.data() + 2, w.data() + w.size(), number, w[1] == 'x' ? 16 : 8);
        if (error == std::errc{} && end == w.data() + w.size()) {
            node.kind_ = number <= INT64_MAX ? Kind::integer : Kind::number;
            node.integer_ = static_cast<std::int64_t>(number);
            node.number_ = static_cast<double>(number);
        }
    } else if (is_float(w)) {
        const char* first = w.data() + (w[0] == '+' ? 1 : 0);
        const char* last = w.data() + w.size();
        const auto whole = std::from_chars(first, last, node.integer_);
        if (whole.ec == std::errc{} && whole.ptr == last) {
            node.kind_ = Kind::integer;
            node.number_ = static_cast<double>(node.integer_);
        } else {
            node.kind_ = Kind::number;
            node.integer_ = 0;
            node.number_ = std::strtod(w.c_str(), nullptr);
            if (!std::isfinite(node.number_)) node.kind_ = Kind::text;
        }
    }
    return node;
}

Node Node::list(SourceLoc at, std::vector<Node> items) {
    Node node;
    node.kind_ = Kind::list;
    node.at_ = std::move(at);
    node.items_ = std::move(items);
    return node;
}

Node Node::map(SourceLoc at, std::vector<Member> members) {
    Node node;
    node.kind_ = Kind::map;
    node.at_ = std::move(at);
    node.members_ = std::move(members);
    return node;
}

const Node* Node::find(std::string_view key) const {
    for (const auto& member : members_)
        if (member.key == key) return &member.value;
    return nullptr;
}

std::string_view Node::kind_name() const {
    switch (kind_) {
        case Kind::null: return "nothing";
        case Kind::boolean: return "true or false";
        case Kind::integer: return "a whole number";
        case Kind::number: return "a number";
        case Kind::text: return "text";
        case Kind::list: return "a list";
        case Kind::map: return "a map";
    }
    return "?";
}

Fields::Fields(const Node& node, std::string what, Diagnostics& diagnostics)
    : node_(&node), what_(std::move(what)), diagnostics_(&diagnostics), valid_(node.kind() == Node::Kind::map) {
    if (!valid_)
        diagnostics_->error(node.at(), fmt::format("{} is {}, not a map", what_, node.kind_name()),
                            "write it as `key: value` lines");
}

const Node* Fields::find(std::string_view key) {
    known(key);
    return node_->find(key);
}

void Fields::known(std::string_view key) {
    if (known_.find(key) == known_.end()) known_.emplace(key);
}

void Fields::error(std::string_view key, std::string_view what, std::string_view remedy) {
    const Node* value = node_->find(key);
    diagnostics_->error(value != nullptr ? value->at() : node_->at(), fmt::format("{}: {}", what_, what), remedy);
}

std::optional<std::string> Fields::text(std::string_view key) {
    const Node* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind() == Node::Kind::text) return value->written();
    const bool scalar = !value->written().empty();
    error(key, fmt::format("'{}' must be text, not {}", key, value->kind_name()),
          scalar ? fmt::format("write it in quotes: {}: \"{}\"", key, value->written()) : "write one word or a quoted text");
    return std::nullopt;
}

std::optional<bool> Fields::boolean(std::string_view key) {
    const Node* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind() == Node::Kind::boolean) return value->boolean();
    error(key, fmt::format("'{}' must be true or false, not {}", key, value->kind_name()),
          "write true or false, without quotes");
    return std::nullopt;
}

std::optional<std::int64_t> Fields::integer(std::string_view key, std::int64_t least, std::int64_t most) {
    const Node* value = find(key);
    if (value == nullptr) return std::nullopt;
    const auto remedy = fmt::format("write a whole number from {} to {}", least, most);
    if (value->kind() != Node::Kind::integer) {
        error(key, fmt::format("'{}' must be a whole number, not {}", key, value->kind_name()), remedy);
        return std::nullopt;
    }
    if (value->integer() < least || value->integer() > most) {
        error(key, fmt::format("'{}' is {}, out of range", key, value->written()), remedy);
        return std::nullopt;
    }
    return value->integer();
}

std::optional<double> Fields::number(std::string_view key) {
    const Node* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind() == Node::Kind::integer || value->kind() == Node::Kind::number) return value->number();
    error(key, fmt::format("'{}' must be a number, not {}", key, value->kind_name()), "write a number, without quotes");
    return std::nullopt;
}

std::optional<std::chrono::microseconds> Fields::span(std::string_view key) {
    const Node* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind() == Node::Kind::integer || value->kind() == Node::Kind::number) {
        error(key, fmt::format("'{}' is a bare number", key),
              fmt::format("write its unit: {}s or {}ms", value->written(), value->written()));
        return std::nullopt;
    }
    if (value->kind() == Node::Kind::text)
        if (const auto span = parse_span(value->written())) return span;
    error(key, fmt::format("'{}' is not a span of time", key), "write a number with its unit: 300ms, 5s, 10m, 1h or 1d");
    return std::nullopt;
}

std::optional<std::size_t> Fields::choice(std::string_view key, const std::vector<std::string_view>& words) {
    const Node* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind() == Node::Kind::text || value->kind() == Node::Kind::integer)
        for (std::size_t i = 0; i < words.size(); ++i)
            if (words[i] == value->written()) return i;
    const auto near = nearest(value->written(), words);
    const bool shown = value->kind() == Node::Kind::text || !value->written().empty();
    error(
        key,
        fmt::format("'{}' cannot be {}", key, shown ? fmt::format("'{}'", value->written()) : std::string(value->kind_name())),
        near.empty() ? fmt::format("write one of {}", fmt::join(words, ", ")) : fmt::format("did you mean '{}'?", near));
    return std::nullopt;
}

const std::vector<Node>* Fields::list(std::string_view key) {
    const Node* value = find(key);
    if (value == nullptr) return nullptr;
    if (value->kind() == Node::Kind::list) return &value->items();
    error(key, fmt::format("'{}' must be a list, not {}", key, value->kind_name()), "write [a, b] or one `- item` a line");
    return nullptr;
}

const Node* Fields::map(std::string_view key) {
    const Node* value = find(key);
    if (value == nullptr) return nullptr;
    if (value->kind() == Node::Kind::map) return value;
    error(key, fmt::format("'{}' must be a map, not {}", key, value->kind_name()), "write it as `key: value` lines");
    return nullptr;
}

const Node* Fields::need(std::string_view key, std::string_view remedy) {
    const Node* value = find(key);
    if (value == nullptr && valid_) error(key, fmt::format("'{}' is missing", key), remedy);
    return value;
}

void Fields::done() {
    std::vector<std::string_view> candidates(known_.begin(), known_.end());
    for (const auto& member : node_->members()) {
        if (known_.find(member.key) != known_.end()) continue;
        const auto near = nearest(member.key, candidates);
        diagnostics_->error(member.at, fmt::format("unknown key '{}' in {}", member.key, what_),
                            near.empty() ? fmt::format("known keys: {}", fmt::join(candidates, ", "))
                                         : fmt::format("did you mean '{}'?", near));
    }
}

std::optional<std::chrono::microseconds> parse_span(std::string_view text) {
    const auto unit_at = text.find_first_not_of("0123456789.");
    if (unit_at == 0 || unit_at == std::string_view::npos) return std::nullopt;
    const auto number = text.substr(0, unit_at);
    const auto unit = text.substr(unit_at);
    static constexpr std::pair<std::string_view, std::int64_t> units[] = {
        {"us", 1}, {"ms", 1'000}, {"s", 1'000'000}, {"m", 60'000'000}, {"h", 3'600'000'000}, {"d", 86'400'000'000}};
    for (const auto& [name, factor] : units) {
        if (name != unit) continue;
        if (number.front() == '.' || number.back() == '.' || number.find('.') != number.rfind('.')) return std::nullopt;
        double value = 0;
        const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
        if (error != std::errc{} || end != number.data() + number.size()) return std::nullopt;
        const double us = value * static_cast<double>(factor);
        if (us > 10.0 * 366 * 86'400'000'000.0) return std::nullopt;
        return std::chrono::microseconds(std::llround(us));
    }
    return std::nullopt;
}

std::string span_text(std::chrono::microseconds span) {
    const auto us = span.count();
    static constexpr std::pair<std::int64_t, const char*> units[] = {
        {86'400'000'000, "d"}, {3'600'000'000, "h"}, {60'000'000, "m"}, {1'000'000, "s"}};
    if (us == 0) return "0s";
    for (const auto& [factor, name] : units)
        if (us % factor == 0) return fmt::format("{}{}", us / factor, name);
    if (us > 1'000'000) return fmt::format("{}s", static_cast<double>(us) / 1e6);
    if (us >= 1'000) return fmt::format("{}ms", static_cast<double>(us) / 1e3);
    return fmt::format("{}us", us);
}

}  // namespace base
