#include "gateway/base/log.hpp"
#include "gateway/base/node.hpp"
#include "gateway/cli/output.hpp"
#include "gateway/cli/way.hpp"
#include "gateway/control/guess.hpp"

#include <algorithm>
#include <iostream>

namespace gateway::cli {

namespace {

/// "00F5 028F 4365": in registers, as tables of devices have them; what is no even number of bytes stays together.
std::string grouped(const std::string& hex) {
    std::string text;
    for (std::size_t i = 0; i < hex.size(); ++i) {
        if (i > 0 && i % 4 == 0 && hex.size() % 4 == 0) text += ' ';
        text += static_cast<char>(std::toupper(static_cast<unsigned char>(hex[i])));
    }
    return text;
}

/// What came, as text when it is one.
std::string content(const Json& answer) {
    return answer.contains("text") ? base::printable(text_of(answer, "text"), 2000) : grouped(text_of(answer, "bytes"));
}

void print_point(const std::string& device, const Json& point) {
    const auto unit = text_of(point, "unit");
    std::cout << fmt::format("{}/{}  {}{}  {}\n", device, text_of(point, "name"), value_text(point.value("value", Json())),
                             unit.empty() ? "" : " " + unit, text_of(point, "quality"));
    std::string line;
    if (point.contains("bytes")) line = fmt::format("{}: {}", text_of(point, "request"), content(point));
    for (const auto& step : point.value("steps", Json::array())) line += (line.empty() ? "" : " → ") + value_text(step);
    if (!line.empty()) std::cout << "    " << line << '\n';
    if (point.contains("error")) std::cout << "    error: " << text_of(point, "error") << '\n';
    std::cout << std::flush;
}

Json address_of(const Address& address) {
    Json words{{"at", address.at}};
    if (address.unit) words["unit"] = std::to_string(*address.unit);
    return words;
}

int read_address(const Options& options, const ReadOptions& wanted) {
    int status = 0;
    const auto way = find_way("read", options, {"", wanted.address.link}, status);
    if (way == nullptr) return status;
    Json address = address_of(wanted.address);
    address["count"] = std::to_string(wanted.count);
    const auto answer = way->ask("fetch", Json{{"link", wanted.address.link}, {"address", address}});
    if (!answer) return failed("read", options, answer.error());
    const auto hex = answer->value("bytes", std::string());
    const auto bytes = base::from_hex(hex).value_or(base::Bytes{});
    const auto guesses = wanted.guess ? control::guess(bytes) : std::vector<control::Guess>{};
    const auto likely = std::find_if(guesses.begin(), guesses.end(), [](const auto& guess) { return guess.likely; });
    if (options.json) {
        Json out = *answer;
        for (const auto& guess : guesses)
            out["guesses"].push_back(Json{{"type", guess.type},
                                          {"order", guess.order},
                                          {"registers", guess.registers},
                                          {"value", guess.value},
                                          {"score", guess.score},
                                          {"reason", guess.reason},
                                          {"likely", guess.likely}});
        if (likely != guesses.end()) out["line"] = control::point_line(wanted.address.at, *likely);
        print(out);
        return well;
    }
    std::cout << fmt::format("{}: {}\n", text_of(*answer, "request"), content(*answer));
    if (!wanted.guess) return well;
    std::vector<std::vector<std::string>> rows{{"", "TYPE", "ORDER", "VALUE", "WHY"}};
    for (const auto& guess : guesses)
        rows.push_back({guess.likely ? ">" : "", guess.type, guess.order, guess.value, guess.reason});
    std::cout << table(rows);
    if (likely != guesses.end())
        std::cout << fmt::format("\nlikely, for the profile's points (a name of your own for 'value'):\n  {}\n",
                                 control::point_line(wanted.address.at, *likely));
    else
        std::cout << "\nnothing speaks for any of them: read again when the device shows another value\n";
    return well;
}

}  // namespace

int read(const Options& options, const ReadOptions& wanted) {
    if (wanted.target.empty()) {
        if (wanted.address.link.empty() || wanted.address.at.empty())
            return complain("read", "say DEVICE[/POINT], or --link and --at", wrong_use);
        return read_address(options, wanted);
    }
    if (!wanted.address.link.empty() || !wanted.address.at.empty() || wanted.address.unit || wanted.guess)
        return complain("read", "--link, --unit, --at and --guess go without DEVICE/POINT", wrong_use);
    const auto slash = wanted.target.find('/');
    const auto device = wanted.target.substr(0, slash);
    Json with{{"device", device}};
    if (slash != std::string::npos) with["point"] = wanted.target.substr(slash + 1);
    int status = 0;
    const auto way = find_way("read", options, {device, ""}, status);
    if (way == nullptr) return status;
    bool wrong = false;
    // Of a point that is worked out of others these come first; they are shown too, they explain it.
    const auto answer = way->ask("read", with, [&](const Json& point, std::uint64_t) {
        wrong = wrong || point.contains("kind");
        if (!options.json) print_point(device, point);
        return true;
    });
    if (!answer) return failed("read", options, answer.error());
    if (options.json) print(*answer);
    return wrong ? problem : well;
}

int write(const Options& options, const WriteOptions& wanted) {
    const bool raw = !wanted.address.link.empty() || !wanted.address.at.empty() || wanted.address.unit;
    if (raw == wanted.value.has_value())
        return complain("write", raw ? "with --link and --at there is only VALUE" : "say DEVICE/POINT VALUE", wrong_use);
    const auto& text = raw ? wanted.target : *wanted.value;
    int status = 0;
    if (raw) {
        if (wanted.address.link.empty() || wanted.address.at.empty())
            return complain("write", "a write past all profiles needs --link and --at", wrong_use);
        if (!wanted.force)
            return complain("write",
                            "what this does is known to you alone: no profile speaks of it. Say --force if you mean it",
                            wrong_use);
        const auto way = find_way("write", options, {"", wanted.address.link}, status);
        if (way == nullptr) return status;
        Json address = address_of(wanted.address);
        address["value"] = text;
        const auto answer = way->ask("put", Json{{"link", wanted.address.link}, {"address", address}, {"force", true}});
        if (!answer) return failed("write", options, answer.error());
        if (options.json)
            print(*answer);
        else
            std::cout << fmt::format("written: {} at {} (not read back)\n", base::printable(text), wanted.address.at);
        return well;
    }
    if (wanted.force) return complain("write", "--force is for --link and --at; a point's limits always hold", wrong_use);
    const auto slash = wanted.target.find('/');
    if (slash == std::string::npos || slash == 0) return complain("write", "say which point: DEVICE/POINT", wrong_use);
    const auto device = wanted.target.substr(0, slash);
    Json with{{"device", device}, {"point", wanted.target.substr(slash + 1)}};
    // As in a file: true, 0x10, 1.5, text; quoted it is text whatever it looks like.
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
        with["value"] = text.substr(1, text.size() - 2);
    } else {
        const auto node = base::Node::plain({}, text);
        using Kind = base::Node::Kind;
        with["value"] = node.kind() == Kind::boolean   ? Json(node.boolean())
                        : node.kind() == Kind::integer ? Json(node.integer())
                        : node.kind() == Kind::number  ? Json(node.number())
                                                       : Json(text);
        if (text == "on" || text == "off") with["value"] = text == "on";
    }
    const auto way = find_way("write", options, {device, ""}, status);
    if (way == nullptr) return status;
    const auto answer = way->ask("write", with);
    if (!answer) return failed("write", options, answer.error());
    if (options.json)
        print(*answer);
    else
        std::cout << fmt::format(
            "written: {}/{} is {}\n", device, text_of(with, "point"),
            answer->value("value", Json()).is_null() ? base::printable(text) : value_text((*answer)["value"]));
    return well;
}

}  // namespace gateway::cli
