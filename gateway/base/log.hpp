#pragma once

#include "gateway/base/result.hpp"

#include <spdlog/spdlog.h>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace base {

/// The process's logger. Levels: error (a person must act), warn (something is wrong, we go on), info (state changes,
/// once), debug, trace (payloads). Never give it a secret. Text from outside goes through printable().
spdlog::logger& log();
/// Once, by main(): to stderr, or with journal priorities when systemd gave us a journal stream.
void start_log(spdlog::level::level_enum level);
/// `trace debug info warn error off`.
Result<spdlog::level::level_enum> parse_level(std::string_view name);

/// Control characters and invalid UTF-8 become \xNN; cut at `most` bytes.
std::string printable(std::string_view text, std::size_t most = 200);

/// Says a thing once, then counts: the first time at `warn`, again only when `again()` was called (the trouble ended)
/// or at the 10th, 100th, 1000th … time. Bounded: at most 256 different texts are remembered, the rest is counted as one.
class Once {
public:
    void warn(std::string_view key, std::string_view text);
    void again(std::string_view key);
    std::uint64_t count(std::string_view key) const;

private:
    std::unordered_map<std::string, std::uint64_t> seen_;
};

}  // namespace base
