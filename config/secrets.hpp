#pragma once

#include "gateway/base/bytes.hpp"
#include "gateway/base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace config {

/// Secrets by name: one file each, in a folder of our own (`--secrets`) or systemd's $CREDENTIALS_DIRECTORY.
class Secrets {
public:
    explicit Secrets(std::vector<std::string> folders) : folders_(std::move(folders)) {}
    /// The file's content without its last newline. Errc::not_found: no such file, with the places looked at.
    /// Errc::unauthorized: others may read it (mode & 0077, or another owner than us or root). Names are [a-z0-9._-]+.
    base::Result<std::string> text(std::string_view name) const;
    /// For keys: `hex:` and digits, else the raw bytes without the last newline.
    base::Result<base::Bytes> key(std::string_view name) const;

private:
    std::vector<std::string> folders_;
};

/// "${secret:name}" → name; nothing when the text is something else.
std::string_view secret_name(std::string_view text);

}  // namespace config
