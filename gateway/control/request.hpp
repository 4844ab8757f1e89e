#pragma once

#include "gateway/base/result.hpp"
#include "gateway/control/json.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

/// What goes over the control socket: JSON objects, one a line, both ways.
///
///     > {"v":1,"id":7,"do":"read","with":{"device":"meter-hall","point":"power"}}
///     < {"v":1,"id":7,"event":{…}}            as often as there is something to tell
///     < {"v":1,"id":7,"ok":{…}}               once, or
///     < {"v":1,"id":7,"error":{"kind":"offline","message":"…"}}
namespace gateway::control {

constexpr int protocol_version = 1;
constexpr std::size_t most_request = 64 * 1024;       ///< bytes of a request's line
constexpr std::size_t most_answer = 4 * 1024 * 1024;  ///< of an answer's; a longer one becomes too_large
constexpr std::size_t most_depth = 8;                 ///< objects and lists within each other
constexpr std::size_t most_text = 4'096;              ///< bytes of one text in `with`

struct Request {
    std::int64_t id = 0;
    std::string what;  ///< "status", "read" …
    Json with = Json::object();
};

/// Errc::bad_request for anything else than one request of this version; nothing of it has had an effect.
base::Result<Request> parse_request(std::string_view line);

std::string answer_line(std::int64_t id, const base::Result<Json>& result);
/// `dropped`: events before this one that a slow reader did not get.
std::string event_line(std::int64_t id, const Json& event, std::uint64_t dropped);

/// "bad_request", "offline" …; the words of `error.kind`.
std::string_view word(base::Errc code);
std::optional<base::Errc> errc_of(std::string_view word);

/// Strict access to `with`: a wrong kind, a missing or an unknown key is a mistake; the first of them is done()'s.
class Arguments {
public:
    explicit Arguments(const Json& with) : with_(with) {}

    /// Absent: "".
    std::string text(const std::string& key);
    std::string need(const std::string& key);
    std::optional<double> number(const std::string& key, double least, double most);
    bool flag(const std::string& key);
    /// Texts by name: {"unit": "7"}; at most 32.
    std::map<std::string, std::string, std::less<>> words(const std::string& key);
    /// Any scalar; null when absent.
    Json scalar(const std::string& key);
    base::Result<void> done();

private:
    const Json* find(const std::string& key);
    void wrong(const std::string& key, std::string_view wanted);

    const Json& with_;
    std::map<std::string, bool, std::less<>> known_;
    std::optional<std::string> mistake_;
};

}  // namespace gateway::control
