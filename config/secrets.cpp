#include "config/secrets.hpp"

#include "config/file.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>

namespace config {

namespace {

using base::Errc;
using base::fail;

constexpr std::string_view opening = "${secret:";

bool is_name(std::string_view name) {
    const auto word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    return !name.empty() && name.size() <= 200 && word(name.front()) &&
           std::all_of(name.begin(), name.end(), [&](char c) { return word(c) || c == '.' || c == '_' || c == '-'; });
}

}  // namespace

std::string_view secret_name(std::string_view text) {
    if (!text.starts_with(opening) || !text.ends_with('}')) return {};
    const auto name = text.substr(opening.size(), text.size() - opening.size() - 1);
    return is_name(name) ? name : std::string_view{};
}

std::string Secrets::find(std::string_view name) const {
    for (const std::string& folder : folders_) {
        for (const std::string_view prefix : {"", "secrets_"}) {
            auto path = fmt::format("{}/{}{}", folder, prefix, name);
            struct stat status {};
            // Whatever else is wrong with it is told when it is read.
            if (::lstat(path.c_str(), &status) == 0) return path;
        }
    }
    return "";
}

base::Result<std::string> Secrets::text(std::string_view name) const {
    if (!is_name(name))
        return fail(Errc::bad_request, "the name of a secret has only a-z, 0-9 and . _ - and begins with a letter or digit");
    const std::string path = find(name);
    if (path.empty()) {
        if (folders_.empty()) return fail(Errc::not_found, fmt::format("there is no folder of secrets to find '{}' in", name));
        return fail(Errc::not_found, fmt::format("no secret '{}' in {}", name, fmt::join(folders_, " or ")));
    }
    auto file = read_file(path, secret_most_bytes);
    if (!file) return fail(file.error().code, fmt::format("{}: {}", path, file.error().message));
    if (file->shared)
        return fail(Errc::unauthorized, fmt::format("{}: others than its owner may use it (mode {:04o})", path, file->mode));
    if (file->owner != 0 && file->owner != ::geteuid())
        return fail(Errc::unauthorized, fmt::format("{}: it belongs to user {}, neither to root nor to us", path, file->owner));
    std::string content = std::move(file->content);
    if (content.ends_with('\n')) content.pop_back();
    if (content.empty()) return fail(Errc::bad_request, fmt::format("{}: it is empty", path));
    return content;
}

base::Result<base::Bytes> Secrets::key(std::string_view name) const {
    const auto content = text(name);
    if (!content) return tl::unexpected(content.error());
    constexpr std::string_view hex = "hex:";
    if (!content->starts_with(hex)) return base::Bytes(content->begin(), content->end());
    auto bytes = base::from_hex(std::string_view(*content).substr(hex.size()));
    if (!bytes) return fail(Errc::bad_request, fmt::format("{}: what follows `hex:` is no pairs of hex digits", find(name)));
    if (bytes->empty()) return fail(Errc::bad_request, fmt::format("{}: nothing follows `hex:`", find(name)));
    return std::move(*bytes);
}

std::string Secrets::remedy(std::string_view name, const base::Error& error) const {
    const std::string path = find(name);
    switch (error.code) {
        case Errc::not_found:
            if (folders_.empty()) return "start with --secrets and a folder that holds a file of this name";
            // What systemd shows there are copies: LoadCredential= in the unit says of what.
            if (folders_.front().starts_with("/run/credentials/"))
                return fmt::format("put it into /etc/lwm2m-gateway/secrets/{}, `chmod 600` that, and start the service again", name);
            return fmt::format("put it into {}/{} and `chmod 600` that", folders_.front(), name);
        case Errc::unauthorized: {
            struct stat status {};
            const bool theirs = ::stat(path.c_str(), &status) == 0 && status.st_uid != 0 && status.st_uid != ::geteuid();
            return fmt::format("`{} {}`", theirs ? "chown root" : "chmod 600", path);
        }
        case Errc::too_large: return fmt::format("a secret has at most {} bytes", secret_most_bytes);
        case Errc::bad_request:
            return path.empty() ? "rename it" : "write the key's bytes, or `hex:` and two hex digits for each byte";
        default: return "mend the file";
    }
}

}  // namespace config
