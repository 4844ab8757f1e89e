#include "config/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
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
