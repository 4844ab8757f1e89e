#include "gateway/state_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace gateway::state_file {

namespace {

constexpr std::size_t most_bytes = 64U << 20U;
constexpr std::size_t sum_digits = 8;

/// CRC-32 (IEEE 802.3), reflected: finds every damage of up to 32 bits in a row.
std::uint32_t crc32(std::string_view text) {
    static const auto table = [] {
        std::array<std::uint32_t, 256> made{};
        for (std::uint32_t i = 0; i < made.size(); ++i) {
            std::uint32_t c = i;
            for (int bit = 0; bit < 8; ++bit) c = (c & 1U) != 0 ? 0xEDB88320U ^ (c >> 1U) : c >> 1U;
            made[i] = c;
        }
        return made;
    }();
    std::uint32_t crc = 0xFFFFFFFFU;
    for (const char c : text) crc = table[(crc ^ static_cast<std::uint8_t>(c)) & 0xFFU] ^ (crc >> 8U);
    return ~crc;
}

// Tabs, newlines and backslashes would break a line.
void escape(std::string_view text, std::string& out) {
    for (const char c : text) {
        switch (c) {
            case '\\': out += "\\\\"; break;
            case '\t': out += "\\t"; break;
            case '\n': out += "\\n"; break;
            default: out += c;
        }
    }
}

base::Error broken(const std::string& path, int error) {
    return {base::Errc::internal, fmt::format("{}: {}", path, std::strerror(error))};
}

}  // namespace

std::string line(const std::vector<std::string_view>& columns) {
    std::string text;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (i != 0) text += '\t';
        escape(columns[i], text);
    }
    return fmt::format("{:08x}\t{}\n", crc32(text), text);
}

std::optional<std::vector<std::string>> columns(std::string_view line) {
    if (line.size() <= sum_digits || line[sum_digits] != '\t') return std::nullopt;
    const auto text = line.substr(sum_digits + 1);
    if (fmt::format("{:08x}", crc32(text)) != line.substr(0, sum_digits)) return std::nullopt;
    std::vector<std::string> columns(1);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\t') {
            columns.emplace_back();
        } else if (text[i] == '\\' && i + 1 < text.size()) {
            ++i;
            columns.back() += text[i] == 't' ? '\t' : text[i] == 'n' ? '\n' : text[i];
        } else {
            columns.back() += text[i];
        }
    }
    return columns;
}

base::Result<void> replace(const std::string& path, std::string_view text) {
    const std::string fresh = path + ".new";
    const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return tl::unexpected(broken(fresh, errno));
    int error = 0;
    for (std::size_t written = 0; written < text.size() && error == 0;) {
        const ssize_t n = ::write(file, text.data() + written, text.size() - written);
        if (n > 0) {
            written += static_cast<std::size_t>(n);
        } else if (n == 0 || errno != EINTR) {
            error = n == 0 ? ENOSPC : errno;
        }
    }
    if (error == 0 && ::fsync(file) != 0) error = errno;
    if (::close(file) != 0 && error == 0) error = errno;
    if (error == 0 && ::rename(fresh.c_str(), path.c_str()) != 0) error = errno;
    if (error != 0) {
        ::unlink(fresh.c_str());  // on a full disk its bytes are worth something
        return tl::unexpected(broken(path, error));
    }
    const std::string folder = std::filesystem::path(path).parent_path().string();
    if (const int its = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); its >= 0) {
        ::fsync(its);  // the rename itself
        ::close(its);
    }
    return {};
}

std::optional<std::size_t> read(const std::string& path, const std::function<void(const std::vector<std::string>&)>& each) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    std::size_t damaged = 0, bytes = 0;
    std::string text;
    while (std::getline(file, text)) {
        bytes += text.size() + 1;
        if (bytes > most_bytes) {
            ++damaged;
            break;
        }
        const auto its = file.eof() ? std::nullopt : columns(text);  // eof: cut off before its newline
        if (its)
            each(*its);
        else
            ++damaged;
    }
    return damaged;
}

}  // namespace gateway::state_file
