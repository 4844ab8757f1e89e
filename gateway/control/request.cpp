#include "gateway/control/request.hpp"

#include "gateway/base/log.hpp"

#include <array>

namespace gateway::control {

using base::Errc;
using base::fail;
using base::Result;

namespace {

constexpr std::array<std::pair<Errc, std::string_view>, 13> words{{{Errc::bad_request, "bad_request"},
                                                                   {Errc::not_found, "not_found"},
                                                                   {Errc::not_allowed, "not_allowed"},
                                                                   {Errc::unauthorized, "unauthorized"},
                                                                   {Errc::not_acceptable, "not_acceptable"},
                                                                   {Errc::unsupported_format, "unsupported_format"},
                                                                   {Errc::too_large, "too_large"},
                                                                   {Errc::busy, "busy"},
                                                                   {Errc::offline, "offline"},
                                                                   {Errc::timeout, "timeout"},
                                                                   {Errc::malformed, "malformed"},
                                                                   {Errc::not_supported, "not_supported"},
                                                                   {Errc::internal, "internal"}}};

/// Before the parser builds anything: how deep the brackets go, strings left out.
bool too_deep(std::string_view line) {
    std::size_t depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quoted) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            if (++depth > most_depth) return true;
        } else if ((c == ']' || c == '}') && depth > 0) {
            --depth;
        }
    }
    return false;
}

}  // namespace

Json value_of(const lwm2m::Value& value) {
    return std::visit(
        [](const auto& held) -> Json {
            using T = std::decay_t<decltype(held)>;
            if constexpr (std::is_same_v<T, std::monostate>) {
                return nullptr;
            } else if constexpr (std::is_same_v<T, base::Bytes>) {
                return base::to_hex(held);
            } else if constexpr (std::is_same_v<T, lwm2m::ObjectLink>) {
                return lwm2m::str(held);
            } else {
                return held;
            }
        },
        value);
}

std::string_view word(Errc code) {
    for (const auto& [errc, text] : words)
        if (errc == code) return text;
    return "internal";
}

std::optional<Errc> errc_of(std::string_view text) {
    for (const auto& [errc, its] : words)
        if (its == text) return errc;
    return std::nullopt;
}

Result<Request> parse_request(std::string_view line) {
    if (line.size() > most_request) return fail(Errc::too_large, fmt::format("a request has at most {} bytes", most_request));
    if (too_deep(line)) return fail(Errc::bad_request, "lists and objects are too deep within each other");
    const Json json = Json::parse(line.begin(), line.end(), nullptr, false);
    if (!json.is_object()) return fail(Errc::bad_request, "a request is one JSON object on one line");
    Request request;
    const auto version = json.find("v");
    if (version == json.end() || !version->is_number_integer() || *version != protocol_version)
        return fail(Errc::bad_request,
                    fmt::format("this is version {} of the protocol: \"v\":{}", protocol_version, protocol_version));
    for (const auto& [key, value] : json.items()) {
        if (key == "v") continue;
        if (key == "id") {
            if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX))
                return fail(Errc::bad_request, "\"id\" is a whole number");
            request.id = value.get<std::int64_t>();
        } else if (key == "do") {
            if (!value.is_string() || value.get_ref<const std::string&>().size() > 64)
                return fail(Errc::bad_request, "\"do\" is a short text");
            request.what = value.get<std::string>();
        } else if (key == "with") {
            if (!value.is_object()) return fail(Errc::bad_request, "\"with\" is an object");
            request.with = value;
        } else {
            return fail(Errc::bad_request, fmt::format("a request has no key '{}'", base::printable(key, 64)));
        }
    }
    if (request.what.empty()) return fail(Errc::bad_request, "\"do\" is missing");
    return request;
}

std::string answer_line(std::int64_t id, const Result<Json>& result) {
    Json line{{"v", protocol_version}, {"id", id}};
    if (result)
        line["ok"] = *result;
    else
        line["error"] = {{"kind", word(result.error().code)}, {"message", result.error().message}};
    auto text = line_of(line) + "\n";
    if (text.size() <= most_answer) return text;
    return answer_line(id, fail(Errc::too_large, fmt::format("the answer has more than {} bytes", most_answer)));
}

std::string event_line(std::int64_t id, const Json& event, std::uint64_t dropped) {
    Json line{{"v", protocol_version}, {"id", id}, {"event", event}};
    if (dropped > 0) line["dropped"] = dropped;
    return line_of(line) + "\n";
}

const Json* Arguments::find(const std::string& key) {
    known_[key] = true;
    const auto found = with_.find(key);
    return found == with_.end() || found->is_null() ? nullptr : &*found;
}

void Arguments::wrong(const std::string& key, std::string_view wanted) {
    if (!mistake_) mistake_ = fmt::format("'{}' must be {}", key, wanted);
}

std::string Arguments::text(const std::string& key) {
    const Json* value = find(key);
    if (value == nullptr) return {};
    if (!value->is_string() || value->get_ref<const std::string&>().size() > most_text) {
        wrong(key, fmt::format("a text of at most {} bytes", most_text));
        return {};
    }
    return value->get<std::string>();
}

std::string Arguments::need(const std::string& key) {
    auto value = text(key);
    if (value.empty()) wrong(key, "given");
    return value;
}

std::optional<double> Arguments::number(const std::string& key, double least, double most) {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    const double number = value->is_number() ? value->get<double>() : least - 1;
    if (!(number >= least && number <= most)) {
        wrong(key, fmt::format("a number from {} to {}", least, most));
        return std::nullopt;
    }
    return number;
}

bool Arguments::flag(const std::string& key) {
    const Json* value = find(key);
    if (value == nullptr) return false;
    if (!value->is_boolean()) wrong(key, "true or false");
    return value->is_boolean() && value->get<bool>();
}

std::map<std::string, std::string, std::less<>> Arguments::words(const std::string& key) {
    std::map<std::string, std::string, std::less<>> found;
    const Json* value = find(key);
    if (value == nullptr) return found;
    if (!value->is_object() || value->size() > 32) {
        wrong(key, "an object of at most 32 texts");
        return found;
    }
    for (const auto& [name, text] : value->items()) {
        if (!text.is_string() || text.get_ref<const std::string&>().size() > most_text || name.size() > 64)
            wrong(key, "an object of texts");
        else
            found[name] = text.get<std::string>();
    }
    return found;
}

Json Arguments::scalar(const std::string& key) {
    const Json* value = find(key);
    if (value == nullptr) return nullptr;
    if (value->is_structured() || (value->is_string() && value->get_ref<const std::string&>().size() > most_text)) {
        wrong(key, "a number, a text, true or false");
        return nullptr;
    }
    return *value;
}

Result<void> Arguments::done() {
    if (mistake_) return fail(Errc::bad_request, *mistake_);
    for (const auto& [key, value] : with_.items())
        if (!known_.contains(key)) return fail(Errc::bad_request, fmt::format("unknown key '{}'", base::printable(key, 64)));
    return {};
}

}  // namespace gateway::control
