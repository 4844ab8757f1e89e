#include "gateway/base/log.hpp"

#include "gateway/base/bytes.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>

namespace base {

namespace {

std::shared_ptr<spdlog::logger>& instance() {
    static auto logger = std::make_shared<spdlog::logger>("lwm2m-gateway", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    return logger;
}

// sd-daemon(3): "<N>" before a line is its syslog priority.
class JournalSink final : public spdlog::sinks::base_sink<std::mutex> {
protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        static constexpr const char* priority[] = {"<7>", "<7>", "<6>", "<4>", "<3>", "<2>", "<6>"};
        const std::string line =
            fmt::format("{}{}\n", priority[message.level], std::string_view(message.payload.data(), message.payload.size()));
        std::fwrite(line.data(), 1, line.size(), stderr);
    }
    void flush_() override { std::fflush(stderr); }
};

}  // namespace

spdlog::logger& log() { return *instance(); }

void start_log(spdlog::level::level_enum level) {
    if (std::getenv("JOURNAL_STREAM") != nullptr) {
        instance() = std::make_shared<spdlog::logger>("lwm2m-gateway", std::make_shared<JournalSink>());
    } else {
        instance() = std::make_shared<spdlog::logger>("lwm2m-gateway", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        instance()->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    }
    instance()->set_level(level);
    instance()->flush_on(spdlog::level::info);
}

Result<spdlog::level::level_enum> parse_level(std::string_view name) {
    using spdlog::level::level_enum;
    static constexpr std::pair<std::string_view, level_enum> levels[] = {
        {"trace", level_enum::trace}, {"debug", level_enum::debug}, {"info", level_enum::info},
        {"warn", level_enum::warn},   {"error", level_enum::err},   {"off", level_enum::off}};
    for (const auto& [word, level] : levels)
        if (word == name) return level;
    return fail(Errc::bad_request, fmt::format("unknown log level '{}'; use trace, debug, info, warn, error or off", name));
}

std::string printable(std::string_view text, std::size_t most) {
    const bool cut = text.size() > most;
    if (cut) {
        std::size_t end = most;  // not within a character of several bytes
        while (end > 0 && most - end < 3 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
        text = text.substr(0, end);
    }
    const bool clean = is_utf8(text);
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        // U+0080 to U+009F are control characters too; terminals obey them.
        const bool c1 = clean && byte == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0;
        if (c1) {
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[++i]));
        } else if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !clean)) {
            out += fmt::format("\\x{:02x}", byte);
        } else {
            out += text[i];
        }
    }
    if (cut) out += "...";
    return out;
}

void Once::warn(std::string_view key, std::string_view text) {
    constexpr std::size_t most = 256;
    const std::string others = "(others)";
    auto entry = seen_.find(std::string(key));
    if (entry == seen_.end()) {
        const bool room = seen_.size() - seen_.count(others) < most;
        entry = seen_.emplace(room ? std::string(key) : others, 0).first;
    }
    const std::uint64_t n = ++entry->second;
    if (n == 1) {
        log().warn("{}", text);
        return;
    }
    std::uint64_t power = 10;
    while (power < n) power *= 10;
    if (power == n) log().warn("{} ({} times)", text, n);
}

void Once::again(std::string_view key) { seen_.erase(std::string(key)); }

std::uint64_t Once::count(std::string_view key) const {
    const auto entry = seen_.find(std::string(key));
    return entry == seen_.end() ? 0 : entry->second;
}

}  // namespace base
