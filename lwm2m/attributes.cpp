#include "lwm2m/attributes.hpp"

#include "gateway/base/log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace lwm2m {

namespace {

constexpr std::size_t most_queries = 16;

using Periods = std::optional<std::uint32_t> Attributes::*;
using Numbers = std::optional<double> Attributes::*;
using Flags = std::optional<bool> Attributes::*;

struct Name {
    std::string_view name;
    int since_minor;  // LwM2M 1.minor
    Periods period = nullptr;
    Numbers number = nullptr;
    Flags flag = nullptr;
};

// clang-format off
constexpr Name names[] = {  // OMA Core 1.2 7.3.2, in the order of its table
    {"pmin",  0, &Attributes::pmin},
    {"pmax",  0, &Attributes::pmax},
    {"gt",    0, nullptr, &Attributes::gt},
    {"lt",    0, nullptr, &Attributes::lt},
    {"st",    0, nullptr, &Attributes::st},
    {"epmin", 1, &Attributes::epmin},
    {"epmax", 1, &Attributes::epmax},
    {"edge",  2, nullptr, nullptr, &Attributes::edge},
    {"con",   2, nullptr, nullptr, &Attributes::con},
    {"hqmax", 2, &Attributes::hqmax},
};
// clang-format on

template <class F>
void each_member(F&& visit) {
    for (const Name& name : names) {
        if (name.period != nullptr) visit(name.period);
        if (name.number != nullptr) visit(name.number);
        if (name.flag != nullptr) visit(name.flag);
    }
}

template <class T>
bool parse_number(std::string_view text, T& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

tl::unexpected<Error> bad(std::string_view option, std::string_view why) {
    return fail(Errc::bad_request, fmt::format("'{}': {}", base::printable(option, 64), why));
}

std::string plain(double number) {
    std::array<char, 400> text{};  // the longest double in fixed notation has 309 + 1 + 324 digits, its shortest form fewer
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    return error == std::errc{} ? std::string(text.data(), end) : fmt::format("{}", number);
}

bool is_numeric(Type type) {
    return type == Type::integer || type == Type::unsigned_integer || type == Type::floating || type == Type::time;
}

}  // namespace

Attributes AttributeChange::applied_to(Attributes base) const {
    each_member([&](auto member) {
        if (set.*member) base.*member = set.*member;
        if (unset.*member) (base.*member).reset();
    });
    return base;
}

Result<AttributeChange> parse_attributes(std::span<const std::string> query, int minor) {
    if (query.size() > most_queries) return fail(Errc::bad_request, fmt::format("over {} attributes", most_queries));
    AttributeChange change;
    for (const std::string& option : query) {
        const std::size_t sign = option.find('=');
        const std::string_view key = std::string_view(option).substr(0, sign);
        const Name* name = nullptr;
        for (const Name& candidate : names)
            if (candidate.name == key && candidate.since_minor <= minor) name = &candidate;
        if (name == nullptr) return bad(option, "no attribute that this gateway knows");

        // Once each: `pmin=1` and `pmin=2`, or `pmin=1` and `pmin`, have no order that a server could rely on.
        const auto once = [&](auto member) { return !(change.set.*member) && !(change.unset.*member); };
        const bool first = name->period != nullptr   ? once(name->period)
                           : name->number != nullptr ? once(name->number)
                                                     : once(name->flag);
        if (!first) return bad(option, "given twice");

        if (sign == std::string::npos) {
            if (name->period != nullptr) change.unset.*(name->period) = 0;
            if (name->number != nullptr) change.unset.*(name->number) = 0;
            if (name->flag != nullptr) change.unset.*(name->flag) = false;
            continue;
        }
        const std::string_view text = std::string_view(option).substr(sign + 1);
        if (name->period != nullptr) {
            std::uint32_t seconds = 0;
            if (!parse_number(text, seconds)) return bad(option, "a whole number from 0 to 4294967295 is needed");
            if (name->period == &Attributes::pmax && seconds == 0)
                change.unset.pmax = 0;
            else
                change.set.*(name->period) = seconds;
        } else if (name->number != nullptr) {
            double number = 0;
            if (!parse_number(text, number) || !std::isfinite(number)) return bad(option, "a decimal number is needed");
            change.set.*(name->number) = number;
        } else {
            if (text != "0" && text != "1") return bad(option, "0 or 1 is needed");
            change.set.*(name->flag) = text == "1";
        }
    }
    return change;
}

Result<void> check_attributes(const Attributes& a, const ResourceDef* resource) {
    const bool thresholds = a.gt || a.lt || a.st;
    if (resource == nullptr && (thresholds || a.edge))
        return fail(Errc::bad_request, "gt, lt, st and edge belong to resources and resource instances");
    if (thresholds && !(resource->readable && is_numeric(resource->type)))
        return fail(Errc::bad_request, "gt, lt and st need a readable number");
    if (a.edge && !(resource->readable && resource->type == Type::boolean))
        return fail(Errc::bad_request, "edge needs a readable boolean");
    if (a.st && *a.st <= 0) return fail(Errc::bad_request, "st must be above 0");
    if (a.gt && a.lt && *a.lt >= *a.gt) return fail(Errc::bad_request, "lt must be below gt");
    if (a.gt && a.lt && a.st && *a.lt + 2 * *a.st >= *a.gt) return fail(Errc::bad_request, "lt + 2 st must be below gt");
    if (a.epmin && a.epmax && *a.epmin >= *a.epmax) return fail(Errc::bad_request, "epmin must be below epmax");
    return {};
}

std::vector<std::pair<std::string, std::string>> link_attributes(const Attributes& attributes) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const Name& name : names) {
        if (name.period != nullptr && attributes.*(name.period))
            out.emplace_back(name.name, std::to_string(*(attributes.*(name.period))));
        if (name.number != nullptr && attributes.*(name.number))
            out.emplace_back(name.name, plain(*(attributes.*(name.number))));
        if (name.flag != nullptr && attributes.*(name.flag))
            out.emplace_back(name.name, *(attributes.*(name.flag)) ? "1" : "0");
    }
    return out;
}

const AttributeStore::Nodes* AttributeStore::nodes(ServerId server, const std::string& prefix) const {
    const auto account = accounts_.find(server);
    if (account == accounts_.end()) return nullptr;
    const auto found = account->second.prefixes.find(prefix);
    return found == account->second.prefixes.end() ? nullptr : &found->second;
}

const Attributes* AttributeStore::attached(ServerId server, const Target& target) const {
    const Nodes* tree = nodes(server, target.prefix);
    if (tree == nullptr) return nullptr;
    const auto found = tree->find(target.path);
    return found == tree->end() ? nullptr : &found->second;
}

Attributes AttributeStore::inherited(ServerId server, const Target& target) const {
    Attributes out;
    const Nodes* tree = nodes(server, target.prefix);
    if (tree == nullptr) return out;
    for (Path path = target.path; path.level() != Path::Level::root; path = path.parent()) {
        const auto found = tree->find(path);
        if (found == tree->end()) continue;
        each_member([&](auto member) {
            if (!(out.*member)) out.*member = found->second.*member;
        });
    }
    return out;
}

Result<void> AttributeStore::apply(ServerId server, const Target& target, const AttributeChange& change,
                                   const ResourceDef* resource) {
    const Attributes* before = attached(server, target);
    const Attributes after = change.applied_to(before == nullptr ? Attributes{} : *before);
    if (auto checked = check_attributes(after, resource); !checked) return checked;
    if (after.empty() && before == nullptr) return {};

    Account& account = accounts_[server];
    if (before == nullptr && account.count >= most_per_server)
        return fail(Errc::bad_request, fmt::format("over {} nodes with attributes", most_per_server));
    Nodes& tree = account.prefixes[target.prefix];
    if (after.empty()) {
        tree.erase(target.path);
        --account.count;
        if (tree.empty()) account.prefixes.erase(target.prefix);
        return {};
    }
    if (before == nullptr) ++account.count;
    tree[target.path] = after;
    return {};
}

void AttributeStore::erase_below(const Target& target) {
    for (auto& [server, account] : accounts_) {
        const auto found = account.prefixes.find(target.prefix);
        if (found == account.prefixes.end()) continue;
        auto node = found->second.lower_bound(target.path);
        // A parent sorts right before its children, so what `target` covers stands together.
        while (node != found->second.end() && target.path.covers(node->first)) {
            node = found->second.erase(node);
            --account.count;
        }
        if (found->second.empty()) account.prefixes.erase(found);
    }
}

void AttributeStore::erase_prefix(const std::string& prefix) {
    for (auto& [server, account] : accounts_) {
        const auto found = account.prefixes.find(prefix);
        if (found == account.prefixes.end()) continue;
        account.count -= found->second.size();
        account.prefixes.erase(found);
    }
}

std::size_t AttributeStore::size(ServerId server) const {
    const auto account = accounts_.find(server);
    return account == accounts_.end() ? 0 : account->second.count;
}

std::string AttributeStore::export_state() const {
    std::string text;
    for (const auto& [server, account] : accounts_)
        for (const auto& [prefix, nodes] : account.prefixes)
            for (const auto& [path, attributes] : nodes) {
                text += fmt::format("{} {} ", server, Target{prefix, path}.str());
                char part = 0;
                for (const auto& [name, value] : link_attributes(attributes)) {
                    if (std::exchange(part, '&') != 0) text += '&';
                    text += name + '=' + value;
                }
                text += '\n';
            }
    return text;
}

void AttributeStore::import_state(std::string_view text, const std::function<bool(ServerId)>& known) {
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const std::size_t first = line.find(' '), last = line.rfind(' ');
        ServerId server = 0;
        if (first == last || last == std::string_view::npos || !parse_number(line.substr(0, first), server) || !known(server))
            continue;
        const auto target = Target::parse(line.substr(first + 1, last - first - 1));
        std::vector<std::string> query;
        for (std::string_view rest = line.substr(last + 1); !rest.empty();) {
            query.emplace_back(rest.substr(0, rest.find('&')));
            rest.remove_prefix(std::min(rest.size(), query.back().size() + 1));
        }
        const auto change = parse_attributes(query, 2);
        if (!target || !change || change->set.empty() || target->path.level() == Path::Level::root) continue;
        Account& account = accounts_[server];
        if (account.count >= most_per_server) continue;
        if (account.prefixes[target->prefix].insert_or_assign(target->path, change->set).second) ++account.count;
    }
}

}  // namespace lwm2m
