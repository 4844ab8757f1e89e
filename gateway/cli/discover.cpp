#include "gateway/cli/output.hpp"
#include "gateway/cli/way.hpp"

#include <iostream>

namespace gateway::cli {

int discover(const Options& options, const std::string& op, const std::string& which) {
    int status = 0;
    const auto verb = "discover " + op;
    const auto way = find_way(verb, options, {}, status);
    if (way == nullptr) return status;
    Json with{{"op", op}};
    if (!which.empty()) with["which"] = which;
    const auto answer = way->ask("discover", with);
    if (!answer) return failed(verb, options, answer.error());
    if (options.json) {
        print(*answer);
        return well;
    }
    const auto devices = answer->value("devices", Json::array());
    if (op != "list") {
        for (const auto& device : devices)
            std::cout << fmt::format("{}: {}\n", text_of(device, "id"), text_of(device, "state"));
        if (devices.empty()) std::cout << fmt::format("{}: done\n", which);
        return well;
    }
    if (devices.empty()) {
        std::cout << "nothing was discovered\n";
        return well;
    }
    std::vector<std::vector<std::string>> rows{{"DEVICE", "KEY", "STATE", "PROFILE", "LINK", "SAYS OF ITSELF", "NOTE"}};
    for (const auto& device : devices) {
        std::string facts;
        for (const auto& [key, value] : device.value("facts", Json::object()).items())
            facts += fmt::format("{}{} {}", facts.empty() ? "" : ", ", key, value_text(value));
        rows.push_back({text_of(device, "id"), text_of(device, "key"),
                        text_of(device, "state") + (device.value("running", false) ? ", runs" : ""), text_of(device, "profile"),
                        text_of(device, "link"), facts, text_of(device, "note")});
    }
    std::cout << table(rows);
    return well;
}

int reload(const Options& options) {
    int status = 0;
    const auto way = find_way("reload", options, {}, status);
    if (way == nullptr) return status;
    const auto answer = way->ask("reload", Json::object());
    if (!answer) {
        if (options.json) return failed("reload", options, answer.error());
        std::cerr << answer.error().message;  // the mistakes, each on its line
        return complain("reload", "nothing was changed", problem);
    }
    if (options.json)
        print(*answer);
    else
        std::cout << text_of(*answer, "text") << '\n';
    return well;
}

}  // namespace gateway::cli
