#pragma once

#include "gateway/base/result.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace lwm2m {

using base::Errc;
using base::Error;
using base::fail;
using base::Result;

using ObjectId = std::uint16_t;
using InstanceId = std::uint16_t;
using ResourceId = std::uint16_t;

/// "/3303/0/5700". Ids are 0..65534 (OMA Core 1.2 7.4); built by parse() or child(), so no gap or reserved id can occur.
class Path {
public:
    enum class Level : std::uint8_t { root, object, instance, resource, resource_instance };

    Path() = default;
    /// "/" and "/3303/0"; decimal ids without sign or leading zero, no empty segment. Errc::bad_request otherwise,
    /// Errc::not_allowed for more than four ids (4.05, OMA Transport 1.2 6.4.4).
    static Result<Path> parse(std::string_view text);
    /// From ids known to be right (literals in code and tables); at most 4, each below 65535.
    static Path of(std::initializer_list<std::uint16_t> ids) {
        Path path;
        for (const std::uint16_t id : ids) path.ids_[path.depth_++] = id;
        return path;
    }

    Result<Path> child(std::uint32_t id) const;
    Path parent() const;               // of the root: the root
    Path ancestor(Level level) const;  // itself when it is no deeper

    Level level() const { return static_cast<Level>(depth_); }
    std::span<const std::uint16_t> ids() const { return {ids_.data(), depth_}; }
    ObjectId object() const { return ids_[0]; }
    InstanceId instance() const { return ids_[1]; }
    ResourceId resource() const { return ids_[2]; }
    std::uint16_t resource_instance() const { return ids_[3]; }

    /// "/3303/0" covers "/3303/0/5700" and itself.
    bool covers(const Path& other) const {
        if (depth_ > other.depth_) return false;
        for (std::uint8_t i = 0; i < depth_; ++i)
            if (ids_[i] != other.ids_[i]) return false;
        return true;
    }
    std::string str() const;

    friend auto operator<=>(const Path&, const Path&) = default;  // a parent sorts before its children

private:
    std::array<std::uint16_t, 4> ids_{};  // the unused tail stays zero, so comparison is exact
    std::uint8_t depth_ = 0;
};

/// What a server names on the wire. An empty prefix is the gateway itself (Gateway 1.1 8.3.1).
struct Target {
    std::string prefix;
    Path path;

    /// "/dev1/3303/0/5700", "/dev1" or "/3/0". The first segment is a prefix unless it is all digits; any text of up
    /// to 255 bytes without control characters counts, so that an unknown one is "not found". Errors as Path::parse().
    static Result<Target> parse(std::string_view text);
    std::string str() const { return prefix.empty() ? path.str() : (path.level() == Path::Level::root ? "/" + prefix : "/" + prefix + path.str()); }
    bool covers(const Target& other) const { return prefix == other.prefix && path.covers(other.path); }
    friend auto operator<=>(const Target&, const Target&) = default;
};

/// `[A-Za-z][A-Za-z0-9_-]{0,31}` and none of the words that the protocol needs (bs bspack rd dp).
/// Gateway digest, section 3.
Result<void> check_prefix(std::string_view prefix);

}  // namespace lwm2m

template <>
struct std::hash<lwm2m::Path> {
    std::size_t operator()(const lwm2m::Path& path) const noexcept {
        std::uint64_t h = 0x9E3779B97F4A7C15ULL ^ static_cast<std::uint64_t>(path.level());
        for (const auto id : path.ids()) h = (h ^ id) * 0x100000001B3ULL;
        return static_cast<std::size_t>(h ^ (h >> 29));
    }
};
