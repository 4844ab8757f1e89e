#include "gateway/base/log.hpp"
#include "gateway/base/pattern.hpp"
#include "mapping/plan.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace mapping {

using base::Errc;
using base::fail;
using base::Node;
using base::Result;

namespace {

constexpr std::size_t most_fact = 128;  // bytes

/// Facts come from whoever is out there.
Result<void> check(std::string_view name, std::string_view fact) {
    const bool clean =
        std::none_of(fact.begin(), fact.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
    if (!clean || !base::is_utf8(fact)) return fail(Errc::bad_request, fmt::format("its {} is no clean text", name));
    if (fact.size() > most_fact) return fail(Errc::bad_request, fmt::format("its {} has over {} bytes", name, most_fact));
    if (fact.find("${") != std::string_view::npos) return fail(Errc::bad_request, fmt::format("its {} holds '${{'", name));
    return {};
}

const std::string* fact_of(const adapters::Found& found, std::string_view name) {
    if (const auto fact = found.facts.find(name); fact != found.facts.end()) return &fact->second;
    if (const auto site = found.site.find(name); site != found.site.end()) return &site->second;
    return name == "key" ? &found.key : nullptr;
}

Result<std::string> fill(const std::string& text, const adapters::Found& found) {
    std::string result;
    std::size_t from = 0;
    for (auto open = text.find("${"); open != std::string::npos; open = text.find("${", from)) {
        const auto close = text.find('}', open);
        if (close == std::string::npos) break;
        const auto name = std::string_view(text).substr(open + 2, close - open - 2);
        result.append(text, from, open - from);
        from = close + 1;
        if (name.substr(0, 7) == "secret:") {  // the compiler of the device looks it up
            result.append(text, open, close + 1 - open);
            continue;
        }
        const auto* fact = fact_of(found, name);
        if (fact == nullptr) return fail(Errc::bad_request, fmt::format("it does not say its {}", name));
        if (auto good = check(name, *fact); !good) return tl::unexpected(good.error());
        result += *fact;
    }
    result.append(text, from);
    return result;
}

bool is_plain_number(std::string_view text) {
    return !text.empty() && text.size() < 10 && (text == "0" || text[0] != '0') &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<Node> Rule::device(const adapters::Found& found) const {
    const auto about = [&](const base::Error& error) {
        return tl::unexpected(
            base::in(fmt::format("rule '{}', {}", name, base::printable(found.key.substr(0, most_fact))), error));
    };
    std::vector<Node::Member> members;
    const auto add = [&](std::string key, Node value) { members.push_back({std::move(key), at, std::move(value)}); };
    auto its_id = fill(id, found);
    if (!its_id) return about(its_id.error());
    if (its_id->empty() || its_id->size() > most_fact)
        return about({Errc::bad_request, fmt::format("an id of {} bytes; possible are 1 to {}", its_id->size(), most_fact)});
    add("id", Node::text(at, std::move(*its_id)));
    add("profile", Node::text(at, profile));
    add("link", Node::text(at, link_name));
    for (const auto& [key, value] : found.site) {
        if (key == "id" || key == "profile" || key == "link" || key == "set" || key == "points") continue;
        if (auto good = check(key, value); !good) return about(good.error());
        add(key, is_plain_number(value) ? Node::plain(at, value) : Node::text(at, value));
    }
    std::vector<Node::Member> settings;
    for (const auto& setting : set) {
        if (setting.optional && fact_of(found, setting.name) == nullptr) continue;
        if (setting.value.kind() != Node::Kind::text) {
            settings.push_back({setting.name, at, setting.value});
            continue;
        }
        auto text = fill(setting.value.written(), found);
        if (!text) return about(text.error());
        settings.push_back(
            {setting.name, at, setting.text ? Node::text(at, std::move(*text)) : Node::plain(at, std::move(*text))});
    }
    if (!settings.empty()) add("set", Node::map(at, std::move(settings)));
    return Node::map(at, std::move(members));
}

bool Rule::allows(const adapters::Found& found) const {
    const auto any = [&](std::string_view text) {
        return std::any_of(allow.begin(), allow.end(),
                           [&](const std::string& pattern) { return base::fits_pattern(pattern, text); });
    };
    if (any(found.key)) return true;
    if (std::any_of(found.site.begin(), found.site.end(), [&](const auto& entry) { return any(entry.second); })) return true;
    const auto its_id = fill(id, found);
    return its_id && any(*its_id);
}

}  // namespace mapping
