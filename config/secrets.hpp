#pragma once

#include "gateway/base/bytes.hpp"
#include "gateway/base/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace config {

constexpr std::size_t secret_most_bytes = 65'536;  ///< of a secret's file

/// Secrets by name: one file each, in a folder of our own (`--secrets`) or systemd's $CREDENTIALS_DIRECTORY, where the
/// files of a folder that the unit loads as `secrets` are called `secrets_NAME` (systemd.exec(5), LoadCredential=).
class Secrets {
public:
    explicit Secrets(std::vector<std::string> folders) : folders_(std::move(folders)) {}
    /// The file's content without its last newline. Names are [a-z0-9._-]+ and begin with a letter or digit.
    /// Errc::not_found: no such file, with the places looked at. Errc::unauthorized: others may read it (mode, access
    /// list), it belongs to neither us nor root, or we may not read it. Errc::bad_request: empty, a name that cannot be,
    /// no regular file. Errc::too_large: over secret_most_bytes. No message holds anything of the content.
    base::Result<std::string> text(std::string_view name) const;
    /// For keys: `hex:` and digits (blanks between bytes allowed), else the raw bytes without the last newline.
    /// Errc::bad_request also when what follows `hex:` is no pairs of digits.
    base::Result<base::Bytes> key(std::string_view name) const;
    /// What the user can do about an error of the above.
    std::string remedy(std::string_view name, const base::Error&) const;

private:
    /// The file, in the first folder that has it; "" when none has.
    std::string find(std::string_view name) const;

    std::vector<std::string> folders_;
};

/// "${secret:name}" → name; nothing when the text is something else.
std::string_view secret_name(std::string_view text);

}  // namespace config
