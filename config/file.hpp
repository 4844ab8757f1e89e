#pragma once

#include "gateway/base/bytes.hpp"
#include "gateway/base/result.hpp"

#include <sys/types.h>
#include <cstddef>
#include <string>

namespace config {

struct File {
    std::string content;
    mode_t mode = 0;  ///< permission bits
    uid_t owner = 0;
    /// Somebody else than its owner, root and us has a right to it, by mode or access list. (systemd gives a service
    /// its credentials by an access list, whose mask stands in the mode as the group's rights.)
    bool shared = false;
};

/// A regular file of at most `most` bytes, whole. Never waits (a FIFO or a device is refused).
/// Errc::not_found, unauthorized (no right to read it), too_large, bad_request (no regular file), internal (the disk).
/// The message is the reason alone ("it does not exist"), without the path.
base::Result<File> read_file(const std::string& path, std::size_t most);

}  // namespace config
