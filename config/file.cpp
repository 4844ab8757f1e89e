#include "config/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <system_error>

namespace config {

namespace {

using base::Errc;

class Descriptor {
public:
    explicit Descriptor(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }

private:
    int fd_;
};

tl::unexpected<base::Error> system_failure(int code) {
    if (code == ENOENT || code == ENOTDIR) return base::fail(Errc::not_found, "it does not exist");
    if (code == EACCES || code == EPERM) return base::fail(Errc::unauthorized, "no permission to read it");
    return base::fail(Errc::internal, std::system_category().message(code));
}

/// The access list of a file as the kernel hands it out: a version, then tag, rights, user or group (all little endian).
/// acl(5), linux/posix_acl_xattr.h. Nothing: the file has none, or it cannot be understood.
std::optional<bool> shared_by_access_list(int file) {
    constexpr std::uint32_t version = 2;
    constexpr std::size_t head = 4, entry = 8;
    std::array<std::uint8_t, head + 64 * entry> list{};
    const ssize_t size = ::fgetxattr(file, "system.posix_acl_access", list.data(), list.size());
    if (size < static_cast<ssize_t>(head) || (static_cast<std::size_t>(size) - head) % entry != 0) return std::nullopt;
    const auto number = [&](std::size_t at, std::size_t width) {
        std::uint32_t out = 0;
        for (std::size_t i = width; i-- > 0;) out = out << 8 | list[at + i];
        return out;
    };
    if (number(0, 4) != version) return std::nullopt;
    for (std::size_t at = head; at < static_cast<std::size_t>(size); at += entry) {
        const auto tag = number(at, 2);
        const auto rights = number(at + 2, 2);
        const auto id = number(at + 4, 4);
        constexpr std::uint32_t owner = 1, user = 2, mask = 16;
        if (rights == 0 || tag == owner || tag == mask) continue;
        if (tag == user && (id == 0 || id == ::geteuid())) continue;
        return true;  // another user, a group, or all
    }
    return false;
}

}  // namespace

base::Result<File> read_file(const std::string& path, std::size_t most) {
    const Descriptor file(path);
    if (file.get() < 0) return system_failure(errno);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return system_failure(errno);
    if (!S_ISREG(status.st_mode)) return base::fail(Errc::bad_request, "it is not a regular file");
    File out;
    out.mode = status.st_mode & 07777;
    out.owner = status.st_uid;
    out.shared = (out.mode & 077) != 0;
    if (out.shared) out.shared = shared_by_access_list(file.get()).value_or(true);
    // Read to the end instead of trusting st_size: the file may be in the middle of being written.
    while (out.content.size() <= most) {
        char part[16384];
        const ssize_t got = ::read(file.get(), part, sizeof part);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_failure(errno);
        if (got == 0) return out;
        out.content.append(part, static_cast<std::size_t>(got));
    }
    return base::fail(Errc::too_large, fmt::format("it is over {} bytes", most));
}

}  // namespace config
