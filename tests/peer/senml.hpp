#pragma once

#include <optional>
#include <string>
#include <vector>

namespace peer {

struct Entry {
    std::string path, value;  ///< the value as a human reads it; opaque as base64url
};

/// SenML JSON (RFC 8428), as far as LwM2M uses it. Nothing when it is malformed or a name is no absolute path.
std::optional<std::vector<Entry>> read_senml(const std::string& text);

/// Object and resource in words, "Temperature, sensor value"; empty when it is none of those that the demo shows.
std::string words_for(const std::string& path);

}  // namespace peer
