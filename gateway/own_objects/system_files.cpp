#include "gateway/own_objects/system_files.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

namespace gateway::own_objects {

namespace {

constexpr std::streamsize most_bytes = 65536;

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    return text;
}

/// "Name:   123 kB" of /proc/meminfo.
std::int64_t meminfo(std::string_view text, std::string_view key) {
    const auto at = text.find(key);
    if (at == std::string_view::npos) return 0;
    text.remove_prefix(at + key.size());
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    std::int64_t kibibytes = 0;
    std::from_chars(text.data(), text.data() + text.size(), kibibytes);
    return kibibytes * 1024 / 1000;
}

std::int64_t bearer_of(const std::string& root, const std::string& name) {
    const std::string folder = root + "/sys/class/net/" + name;
    std::error_code ignored;
    if (std::filesystem::exists(folder + "/wireless", ignored) || std::filesystem::exists(folder + "/phy80211", ignored))
        return 21;
    if (name.starts_with("wwan") || name.starts_with("wwp")) return 6;
    if (name.starts_with("ppp")) return 0;
    if (name.starts_with("bnep")) return 22;
    return 41;
}

/// "wlan0: 0000   54.  -56.  -256 …" of /proc/net/wireless.
void read_wireless(const std::string& root, Interface& interface) {
    const auto text = read_file(root + "/proc/net/wireless");
    if (!text) return;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string name, status;
        double quality = 0, level = 0;
        if (!(words >> name >> status >> quality) || name != interface.name + ":") continue;
        words.ignore(1, '.');
        if (!(words >> level)) continue;
        interface.quality = static_cast<std::int64_t>(std::clamp(quality, 0.0, 1000.0));
        interface.dbm = static_cast<std::int64_t>(std::clamp(level, -200.0, 100.0));
    }
}

}  // namespace

std::optional<std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    std::string text(static_cast<std::size_t>(most_bytes), '\0');
    file.read(text.data(), most_bytes);
    text.resize(static_cast<std::size_t>(file.gcount()));
    return text;
}

std::optional<std::int64_t> read_number(const std::string& path) {
    const auto text = read_file(path);
    if (!text) return std::nullopt;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    return error == std::errc{} ? std::optional(number) : std::nullopt;
}

std::optional<std::string> read_word(const std::string& path) {
    const auto text = read_file(path);
    if (!text) return std::nullopt;
    return std::string(trimmed(*text));
}

std::vector<std::string> names_in(const std::string& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (auto it = std::filesystem::directory_iterator(folder, error); !error && it != std::filesystem::directory_iterator();
         it.increment(error))
        names.push_back(it->path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

Memory memory(const std::string& root) {
    const auto text = read_file(root + "/proc/meminfo");
    if (!text) return {};
    return {meminfo(*text, "MemTotal:"), meminfo(*text, "MemAvailable:")};
}

std::vector<PowerSource> power_sources(const std::string& root) {
    const std::string folder = root + "/sys/class/power_supply/";
    std::vector<PowerSource> sources;
    for (const std::string& name : names_in(folder)) {
        const std::string its = folder + name + "/";
        const auto type = read_word(its + "type");
        if (!type || read_number(its + "online") == 0) continue;
        if (read_word(its + "scope") == "Device") continue;  // the battery of a mouse is not ours
        PowerSource source;
        source.kind = *type == "Battery" ? 1 : *type == "USB" ? 5 : 6;
        if (const auto microvolts = read_number(its + "voltage_now")) source.millivolts = *microvolts / 1000;
        if (const auto microamperes = read_number(its + "current_now")) source.milliamperes = *microamperes / 1000;
        if (source.kind == 1) {
            source.level = read_number(its + "capacity");
            if (source.level) source.level = std::clamp<std::int64_t>(*source.level, 0, 100);
            const auto status = read_word(its + "status").value_or("");
            source.status = status == "Charging"                                  ? 1
                            : status == "Full"                                    ? 2
                            : source.level && *source.level < 15                  ? 4
                            : status == "Discharging" || status == "Not charging" ? 0
                                                                                  : 6;
        }
        sources.push_back(source);
    }
    return sources;
}

bool mains_off(const std::string& root) {
    const std::string folder = root + "/sys/class/power_supply/";
    bool off = false;
    for (const std::string& name : names_in(folder)) {
        if (read_word(folder + name + "/type").value_or("Battery") == "Battery") continue;
        const auto online = read_number(folder + name + "/online");
        if (online && *online != 0) return false;
        off = off || online;
    }
    return off;
}

std::string time_zone(const std::string& root) {
    if (const auto named = read_word(root + "/etc/timezone"); named && !named->empty() && named->size() < 64) return *named;
    std::error_code error;
    const auto leads = std::filesystem::read_symlink(root + "/etc/localtime", error).string();
    const auto at = leads.find("zoneinfo/");
    return error || at == std::string::npos ? "UTC" : leads.substr(at + 9);
}

std::vector<Interface> interfaces(const std::string& root) {
    std::vector<Interface> all;
    for (const std::string& name : names_in(root + "/sys/class/net")) {
        if (name == "lo") continue;
        const std::string folder = root + "/sys/class/net/" + name;
        const auto state = read_word(folder + "/operstate");
        if (!state) continue;  // a file, not an interface
        Interface interface;
        interface.name = name;
        interface.bearer = bearer_of(root, name);
        interface.up = *state == "up" || *state == "unknown";
        interface.sent = read_number(folder + "/statistics/tx_bytes").value_or(0);
        interface.received = read_number(folder + "/statistics/rx_bytes").value_or(0);
        if (interface.bearer == 21) read_wireless(root, interface);
        all.push_back(std::move(interface));
    }
    return all;
}

Route default_route(const std::string& root) {
    Route best;
    std::int64_t least = -1;
    const auto text = read_file(root + "/proc/net/route");
    if (!text) return best;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string interface, destination, gateway, flags, references, use, mask;
        std::int64_t metric = 0;
        if (!(words >> interface >> destination >> gateway >> flags >> references >> use >> metric >> mask)) continue;
        if (destination != "00000000" || mask != "00000000" || (least >= 0 && metric >= least)) continue;
        std::uint32_t address = 0;  // as it stands in memory, in hexadecimal
        std::from_chars(gateway.data(), gateway.data() + gateway.size(), address, 16);
        char written[INET_ADDRSTRLEN] = {};
        const in_addr raw{address};
        least = metric;
        best = {interface, address != 0 && inet_ntop(AF_INET, &raw, written, sizeof written) != nullptr ? written : ""};
    }
    return best;
}

std::vector<std::string> ip_addresses() {
    std::vector<std::string> all;
    ifaddrs* first = nullptr;
    if (getifaddrs(&first) != 0) return all;
    const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(first, &freeifaddrs);
    for (const ifaddrs* it = first; it != nullptr; it = it->ifa_next) {
        if (it->ifa_addr == nullptr || (it->ifa_flags & IFF_LOOPBACK) != 0 || (it->ifa_flags & IFF_UP) == 0) continue;
        char written[INET6_ADDRSTRLEN] = {};
        const void* address = nullptr;
        if (it->ifa_addr->sa_family == AF_INET)
            address = &reinterpret_cast<const sockaddr_in*>(it->ifa_addr)->sin_addr;
        else if (it->ifa_addr->sa_family == AF_INET6)
            address = &reinterpret_cast<const sockaddr_in6*>(it->ifa_addr)->sin6_addr;
        if (address == nullptr || inet_ntop(it->ifa_addr->sa_family, address, written, sizeof written) == nullptr) continue;
        if (all.size() < 32) all.emplace_back(written);
    }
    return all;
}

}  // namespace gateway::own_objects
