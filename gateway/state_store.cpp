#include "gateway/state_store.hpp"

#include "gateway/base/log.hpp"
#include "lwm2m/path.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace gateway {

namespace {

constexpr std::string_view header = "lwm2m-gateway devices 1";

// Ids may hold any text; tabs, newlines and backslashes would break a line.
std::string escape(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '\t' || c == '\n') {
            out += '\\';
            out += c == '\t' ? 't' : c == '\n' ? 'n' : '\\';
        } else {
            out += c;
        }
    }
    return out;
}

std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
            ++i;
            out += text[i] == 't' ? '\t' : text[i] == 'n' ? '\n' : text[i];
        } else {
            out += text[i];
        }
    }
    return out;
}

base::Result<void> write_file(const std::string& path, std::string_view text) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return base::fail(base::Errc::internal, fmt::format("{}: {}", path, std::strerror(errno)));
    std::size_t written = 0;
    while (written < text.size()) {
        const ssize_t n = ::write(file, text.data() + written, text.size() - written);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        written += static_cast<std::size_t>(n);
    }
    const bool synced = written == text.size() && ::fsync(file) == 0;
    const int error = errno;
    ::close(file);
    if (!synced) return base::fail(base::Errc::internal, fmt::format("{}: {}", path, std::strerror(error)));
    return {};
}

}  // namespace

base::Result<StateStore> StateStore::open(const std::string& folder) {
    StateStore store;
    if (folder.empty()) return store;
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (!std::filesystem::is_directory(folder, error))
        return base::fail(base::Errc::internal, fmt::format("{}: no folder, and none can be made there", folder));
    store.folder_ = folder;
    std::ifstream file(folder + "/devices", std::ios::binary);
    if (!file) return store;
    std::string line;
    std::getline(file, line);
    if (line != header) {
        base::log().error("{}/devices: not a state file of this version; kept as devices.bad, prefixes are given anew", folder);
        std::filesystem::rename(folder + "/devices", folder + "/devices.bad", error);
        return store;
    }
    for (int number = 2; std::getline(file, line); ++number) {
        const auto first = line.find('\t');
        const auto second = first == std::string::npos ? first : line.find('\t', first + 1);
        std::uint16_t instance = 0;
        if (line.starts_with("-\t") && second == std::string::npos && !file.eof()) {
            store.retired_.insert(line.substr(2));
            store.prefixes_.insert(line.substr(2));
            continue;
        }
        bool good = second != std::string::npos && line.find('\t', second + 1) == std::string::npos && !file.eof();
        if (good) {
            const auto [end, wrong] = std::from_chars(line.data(), line.data() + first, instance);
            good = wrong == std::errc{} && end == line.data() + first && instance < 65535;
        }
        Given given;
        std::string id;
        if (good) {
            given = {line.substr(first + 1, second - first - 1), instance};
            id = unescape(std::string_view(line).substr(second + 1));
            good = lwm2m::check_prefix(given.prefix).has_value() && !id.empty() && !store.devices_.contains(id) &&
                   store.prefixes_.insert(given.prefix).second;
        }
        if (!good) {
            base::log().error("{}/devices:{}: damaged line dropped; its device is given a new prefix", folder, number);
            continue;
        }
        store.next_instance_ = std::max<std::uint32_t>(store.next_instance_, instance + 1U);
        store.devices_.emplace(std::move(id), std::move(given));
    }
    return store;
}

Given StateStore::give(const std::string& device, const std::string& wanted) {
    auto found = devices_.find(device);
    if (found != devices_.end() && (wanted.empty() || found->second.prefix == wanted)) return found->second;
    Given given;
    if (found != devices_.end()) {
        given = found->second;  // the site renamed the prefix: the instance stays, nobody else gets the old prefix
        retired_.insert(given.prefix);
    } else {
        given.instance = static_cast<std::uint16_t>(next_instance_++);
    }
    if (!wanted.empty()) {
        given.prefix = wanted;
    } else {
        do {
            given.prefix = fmt::format("dev{}", next_prefix_++);
        } while (prefixes_.contains(given.prefix));
    }
    prefixes_.insert(given.prefix);
    retired_.erase(given.prefix);
    devices_[device] = given;
    dirty_ = true;
    return given;
}

std::string StateStore::owner(const std::string& prefix) const {
    for (const auto& [device, given] : devices_)
        if (given.prefix == prefix) return device;
    return {};
}

base::Result<void> StateStore::save() {
    if (!dirty_ || folder_.empty()) return {};
    std::string text{header};
    text += '\n';
    for (const auto& [device, given] : devices_)
        text += fmt::format("{}\t{}\t{}\n", given.instance, given.prefix, escape(device));
    for (const auto& prefix : retired_) text += fmt::format("-\t{}\n", prefix);
    const std::string path = folder_ + "/devices";
    if (auto written = write_file(path + ".new", text); !written) return written;
    if (::rename((path + ".new").c_str(), path.c_str()) != 0)
        return base::fail(base::Errc::internal, fmt::format("{}: {}", path, std::strerror(errno)));
    if (const int folder = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); folder >= 0) {
        ::fsync(folder);  // the rename itself
        ::close(folder);
    }
    dirty_ = false;
    return {};
}

}  // namespace gateway
