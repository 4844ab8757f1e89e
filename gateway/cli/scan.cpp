#include "gateway/base/log.hpp"
#include "gateway/cli/output.hpp"
#include "gateway/cli/proposals.hpp"
#include "gateway/cli/way.hpp"

#include <unistd.h>
#include <cctype>
#include <iostream>

namespace gateway::cli {

namespace {

std::map<std::string, std::string> words_of(const Json& object) {
    std::map<std::string, std::string> words;
    for (const auto& [key, value] : object.items())
        if (value.is_string()) words[key] = value.get<std::string>();
    return words;
}

/// Text as a site file may have it.
std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : base::printable(text)) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

/// What of the facts the profile asks for as its parameters: `, set: {topic: "plug"}`.
std::string parameters(const base::Node& profile, const std::map<std::string, std::string>& facts) {
    std::string set;
    if (const auto* declared = profile.find("params"))
        for (const auto& parameter : declared->members())
            if (const auto fact = facts.find(std::string(parameter.key)); fact != facts.end())
                set += fmt::format("{}{}: {}", set.empty() ? "" : ", ", parameter.key, in_quotes(fact->second));
    return set.empty() ? set : fmt::format(", set: {{{}}}", set);
}

/// The device's line for devices.d, with what a person still has to say in capitals.
std::string line_of_site(const std::string& link, const Json& found, const std::vector<std::string>& fitting,
                         const std::vector<base::Node>& profiles) {
    const auto site = words_of(found.value("site", Json::object()));
    std::string id = link;
    for (const auto& [key, value] : site) id += "-" + value;
    if (site.empty()) {  // behind a broker only the device's own name tells it from others
        id += '-';
        for (const char c : text_of(found, "key").substr(0, 60))
            id += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '-';
    }
    std::string line = fmt::format("- {{id: {}, profile: {}, link: {}", in_quotes(id),
                                   fitting.empty() ? "MAKER/MODEL@REVISION" : fitting[0], in_quotes(link));
    for (const auto& [key, value] : site) {
        const bool number = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
        line += fmt::format(", {}: {}", base::printable(key), number ? value : in_quotes(value));
    }
    for (const auto& profile : profiles) {
        const auto *name = profile.find("profile"), *revision = profile.find("revision");
        if (fitting.empty() || name == nullptr || revision == nullptr) continue;
        if (fmt::format("{}@{}", name->written(), revision->written()) != fitting[0]) continue;
        line += parameters(profile, words_of(found.value("facts", Json::object())));
        break;
    }
    return line + "}";
}

}  // namespace

int scan(const Options& options, const ScanOptions& wanted) {
    Json words = Json::object();
    if (!wanted.units.empty()) words["units"] = wanted.units;
    if (!wanted.speeds.empty()) words["speeds"] = wanted.speeds;
    for (const auto& more : wanted.more) {
        const auto equals = more.find('=');
        if (equals == std::string::npos || equals == 0)
            return complain("scan", fmt::format("'{}' is no NAME=VALUE", base::printable(more)), wrong_use);
        words[more.substr(0, equals)] = more.substr(equals + 1);
    }
    int status = 0;
    const auto way = find_way("scan", options, {"", wanted.link}, status);
    if (way == nullptr) return status;
    // Profiles are looked at here, so that the gateway need not keep them: its own site's where they can be read.
    base::Diagnostics ignored;
    auto profiles =
        way->config().empty() ? std::vector<base::Node>{} : config::load_profiles(way->config() + "/profiles", ignored);
    for (auto& shipped : config::load_profiles(options.places.profiles, ignored)) profiles.push_back(std::move(shipped));

    const bool lively = isatty(STDERR_FILENO) != 0 && !options.json;
    Json all = Json::array();
    const auto answer = way->ask(
        "scan", Json{{"link", wanted.link}, {"options", words}, {"share", wanted.share / 100}},
        [&](const Json& event, std::uint64_t) {
            if (event.contains("progress") && lively)
                std::cerr << fmt::format("\r\x1b[K{} of {}: {}", event["progress"].value("done", 0),
                                         event["progress"].value("of", 0), text_of(event["progress"], "now"))
                          << std::flush;
            if (!event.contains("found")) return true;
            Json found = event["found"];
            const auto fitting = propose(profiles, words_of(found.value("facts", Json::object())));
            found["profiles"] = fitting;
            found["line"] = line_of_site(wanted.link, found, fitting, profiles);
            if (lively) std::cerr << "\r\x1b[K" << text_of(found, "key") << ": " << text_of(found, "note") << '\n';
            all.push_back(std::move(found));
            return true;
        },
        true);
    if (lively) std::cerr << "\r\x1b[K" << std::flush;
    if (!answer) return failed("scan", options, answer.error());
    if (options.json) {
        print(Json{{"link", wanted.link}, {"found", all}});
        return well;
    }
    if (all.empty()) {
        std::cout << "nothing answered\n";
        return well;
    }
    std::vector<std::vector<std::string>> rows{{"DEVICE", "SAYS OF ITSELF", "PROFILE", "NOTE"}};
    for (const auto& found : all) {
        std::string facts, fitting;
        for (const auto& [key, value] : found["facts"].items())
            facts += fmt::format("{}{} {}", facts.empty() ? "" : ", ", key, value_text(value));
        for (const auto& profile : found["profiles"]) fitting += (fitting.empty() ? "" : " ") + value_text(profile);
        rows.push_back({text_of(found, "key"), facts, fitting.empty() ? "-" : fitting, text_of(found, "note")});
    }
    std::cout << table(rows) << "\nfor a file of devices.d, below devices: (or: lwm2m-gateway add)\n";
    for (const auto& found : all) std::cout << "  " << text_of(found, "line") << '\n';
    return well;
}

}  // namespace gateway::cli
