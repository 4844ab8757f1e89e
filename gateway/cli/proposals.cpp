#include "gateway/cli/proposals.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cctype>

namespace gateway::cli {

namespace {

/// Letters and digits, small: "EM-24 " and "em24" are one.
std::string plain(std::string_view text) {
    std::string out;
    for (const char c : text)
        if (std::isalnum(static_cast<unsigned char>(c)) != 0)
            out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

std::string said(const base::Node& profile, std::string_view key) {
    const auto* device = profile.find("device");
    const auto* value = device != nullptr ? device->find(key) : nullptr;
    const bool text =
        value != nullptr && value->kind() == base::Node::Kind::text && value->written().find("${") == std::string::npos;
    return text ? plain(value->written()) : std::string();
}

/// One begins with the other: devices say "EM24-DIN" where the profile says "EM24".
int alike(const std::string& ours, const std::string& theirs) {
    if (ours.size() < 2 || theirs.size() < 2) return 0;
    if (ours == theirs) return 3;
    return ours.starts_with(theirs) || theirs.starts_with(ours) ? 2 : 0;
}

}  // namespace

std::vector<std::string> propose(const std::vector<base::Node>& profiles, const std::map<std::string, std::string>& facts) {
    const auto fact = [&](std::initializer_list<const char*> names) {
        std::vector<std::string> found;
        for (const auto* name : names)
            if (const auto at = facts.find(name); at != facts.end() && !plain(at->second).empty())
                found.push_back(plain(at->second));
        return found;
    };
    const auto makers = fact({"vendor", "manufacturer"}),
               models = fact({"product", "model", "name", "application", "identity"});
    struct Fit {
        int score;
        std::int64_t revision;
        std::string name;
    };
    // The adapter may know the convention that the device follows: "tasmota/", or one profile.
    const auto hint = facts.find("profiles");
    std::vector<Fit> fits;
    for (const auto& profile : profiles) {
        const auto* name = profile.find("profile");
        const auto* revision = profile.find("revision");
        if (name == nullptr || revision == nullptr || name->kind() != base::Node::Kind::text) continue;
        if (hint != facts.end()) {
            const auto& wanted = hint->second;
            if (wanted.ends_with('/') ? name->written().starts_with(wanted) : name->written() == wanted) {
                int by_model = 0;
                const auto slash = name->written().find('/');
                for (const auto& theirs : models)
                    by_model = std::max(by_model, alike(plain(name->written().substr(slash + 1)), theirs));
                fits.push_back({by_model, revision->integer(), name->written()});
            }
            continue;
        }
        const auto slash = name->written().find('/');
        // Where `device:` says nothing, the profile's own name is maker/model.
        auto maker = said(profile, "manufacturer"), model = said(profile, "model");
        if (maker.empty()) maker = plain(name->written().substr(0, slash));
        if (model.empty() && slash != std::string::npos) model = plain(name->written().substr(slash + 1));
        int by_maker = 0, by_model = 0;
        for (const auto& theirs : makers) by_maker = std::max(by_maker, alike(maker, theirs));
        for (const auto& theirs : models) by_model = std::max(by_model, alike(model, theirs));
        if (by_model == 0 || (by_maker == 0 && !makers.empty())) continue;
        fits.push_back({by_maker + 2 * by_model, revision->integer(), name->written()});
    }
    std::sort(fits.begin(), fits.end(), [](const Fit& a, const Fit& b) {
        return std::tie(b.score, a.name, b.revision) < std::tie(a.score, b.name, a.revision);
    });
    std::vector<std::string> names;
    std::string last;
    for (const auto& fit : fits)
        if (fit.name != last && names.size() < 3) {
            names.push_back(fmt::format("{}@{}", fit.name, fit.revision));
            last = fit.name;
        }
    return names;
}

}  // namespace gateway::cli
