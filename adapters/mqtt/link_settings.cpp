#include "adapters/mqtt/link_settings.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <filesystem>

namespace adapters::mqtt {

namespace {

using namespace std::chrono_literals;
using base::Node;

constexpr std::string_view forms = "write mqtt://HOST or mqtts://HOST, with :PORT when it is not 1883 or 8883";
constexpr std::size_t longest_text = 65'535;  // MQTT 5, 1.5.4

bool is_host_name(std::string_view text) {
    if (text.empty() || text.size() > 253 || text.front() == '-' || text.front() == '.') return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    });
}

/// "broker.example:8883", "[2001:db8::1]"
bool parse_authority(std::string_view text, LinkSettings& settings) {
    if (!text.empty() && text.back() == '/') text.remove_suffix(1);
    std::string_view port;
    if (!text.empty() && text.front() == '[') {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return false;
        settings.host = text.substr(1, close - 1);
        boost::system::error_code error;
        boost::asio::ip::make_address_v6(settings.host, error);
        if (error) return false;
        port = text.substr(close + 1);
        if (!port.empty() && port.front() != ':') return false;
    } else {
        const auto colon = text.find(':');
        settings.host = text.substr(0, colon);
        if (!is_host_name(settings.host)) return false;
        if (colon != std::string_view::npos) port = text.substr(colon);
    }
    if (port.empty()) return true;
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), number);
    if (error != std::errc{} || end != port.data() + port.size() || number == 0) return false;
    settings.port = number;
    return true;
}

void read_url(Fields& link, LinkSettings& settings) {
    if (link.need("mqtt", forms) == nullptr) return;
    const auto url = link.text("mqtt");
    if (!url) return;
    std::string_view rest = *url;
    if (rest.find('@') != std::string_view::npos) {  // a password may stand there
        link.error("mqtt", "the address holds a user or a password",
                   "write them apart: user: NAME, password: \"${secret:NAME}\"");
        return;
    }
    if (rest.starts_with("mqtts://")) {
        settings.tls = true;
        settings.port = 8883;
        rest.remove_prefix(8);
    } else if (rest.starts_with("mqtt://")) {
        rest.remove_prefix(7);
    } else {
        link.error("mqtt", fmt::format("'{}' is no broker's address", *url), forms);
        return;
    }
    if (!parse_authority(rest, settings)) link.error("mqtt", fmt::format("'{}' is no broker's address", *url), forms);
}

/// A text that may be a secret: no message repeats it.
std::optional<std::string> read_private(Fields& link, std::string_view key) {
    const Node* node = link.find(key);
    if (node == nullptr) return std::nullopt;
    if (node->kind() != Node::Kind::text) {
        link.error(key, fmt::format("'{}' must be text", key), "write it in quotes");
        return std::nullopt;
    }
    if (node->written().size() > longest_text) {
        link.error(key, fmt::format("'{}' is longer than MQTT can say", key), fmt::format("at most {} bytes", longest_text));
        return std::nullopt;
    }
    return node->written();
}

std::string read_file_name(Fields& link, std::string_view key, bool tls) {
    const auto path = link.text(key);
    if (!path) return {};
    if (!tls) {
        link.error(key, fmt::format("'{}' without TLS", key), "write mqtts://, or remove it");
        return {};
    }
    std::error_code error;
    if (path->empty() || path->front() != '/')
        link.error(key, fmt::format("'{}' is no whole path", *path), fmt::format("write {}: /etc/…", key));
    else if (!std::filesystem::is_regular_file(*path, error))
        link.error(key, fmt::format("there is no file '{}'", *path), "put the certificate there, as PEM");
    return *path;
}

std::optional<Milliseconds> read_span(Fields& link, std::string_view key, Milliseconds least, Milliseconds most) {
    const auto span = link.span(key);
    if (!span) return std::nullopt;
    if (*span >= least && *span <= most) return std::chrono::duration_cast<Milliseconds>(*span);
    link.error(key, fmt::format("'{}' is {}, out of range", key, base::span_text(*span)),
               fmt::format("write a span from {} to {}", base::span_text(least), base::span_text(most)));
    return std::nullopt;
}

void read_tls(Fields& link, LinkSettings& settings) {
    settings.ca = read_file_name(link, "ca", settings.tls);
    settings.certificate = read_file_name(link, "certificate", settings.tls);
    const Node* key = link.find("key");
    if (key != nullptr && key->written().find("-----BEGIN") != std::string::npos) {  // a secret's content: never repeated
        settings.key_pem = key->written();
        if (!settings.tls) link.error("key", "'key' without TLS", "write mqtts://, or remove it");
    } else {
        settings.key = read_file_name(link, "key", settings.tls);
    }
    const bool has_key = !settings.key.empty() || !settings.key_pem.empty();
    settings.key_password = read_private(link, "key_password");
    if (settings.certificate.empty() == has_key)
        link.error(has_key ? "key" : "certificate", "'certificate' and 'key' belong together", "give both files, or none");
    if (settings.key_password && !has_key)
        link.error("key_password", "'key_password' without 'key'", "remove it, or add key: with the file");
}

void read_session(Fields& link, LinkSettings& settings) {
    if (const auto id = link.text("client_id")) {
        const bool fine = !id->empty() && id->size() <= 128 && base::is_utf8(*id) &&
                          std::none_of(id->begin(), id->end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; });
        if (!fine) link.error("client_id", "'client_id' is 1 to 128 printable characters", "write client_id: edge-0042-south");
        settings.client_id = *id;
    }
    if (const auto choice = link.choice("session", {"clean", "kept"})) settings.kept = *choice == 1;
    if (const auto span = read_span(link, "session_expiry", 1min, std::chrono::hours(24 * 30))) {
        settings.session_expiry = *span;
        if (!settings.kept || !settings.v5)
            link.error("session_expiry", "only a kept session of MQTT 5 has an end", "write session: kept and version: 5");
    }
    if (settings.kept && settings.client_id.empty())
        link.error("session", "a kept session needs a name", "add client_id: with a name that no other client has");
}

}  // namespace

std::string LinkSettings::where() const {
    const bool six = host.find(':') != std::string::npos;
    return fmt::format("{} {}{}{}:{}", tls ? "mqtts" : "mqtt", six ? "[" : "", host, six ? "]" : "", port);
}

std::optional<LinkSettings> read_link(Fields& link) {
    const std::size_t before = link.diagnostics().count();
    LinkSettings settings;
    read_url(link, settings);
    if (const auto choice = link.choice("version", {"3.1.1", "5"})) settings.v5 = *choice == 1;
    settings.user = read_private(link, "user");
    settings.password = read_private(link, "password");
    if (settings.password && !settings.user && !settings.v5)
        link.error("password", "'password' without 'user'", "add user: (MQTT 3.1.1 has no password alone)");
    read_tls(link, settings);
    read_session(link, settings);
    if (const auto span = read_span(link, "keepalive", 5s, 10min)) {
        settings.keepalive = *span;
        if (*span % 1s != 0ms) link.error("keepalive", "'keepalive' is counted in whole seconds", "write keepalive: 15s");
    }
    if (const auto qos = link.integer("qos", 0, 2)) settings.qos = static_cast<int>(*qos);
    if (const auto most = link.integer("offline_queue", 1, 10'000)) settings.offline_queue = static_cast<std::size_t>(*most);
    if (const Node* retry = link.map("retry")) {
        Fields fields(*retry, fmt::format("'retry' of {}", link.what()), link.diagnostics());
        if (const auto first = read_span(fields, "first", 50ms, 1h)) settings.retry_first = *first;
        if (const auto most = read_span(fields, "max", 50ms, 1h)) settings.retry_max = *most;
        if (settings.retry_first > settings.retry_max)
            fields.error("first", "'first' is over 'max'", "write the shorter span as 'first'");
        fields.done();
    }
    if (link.diagnostics().count() != before) return std::nullopt;
    return settings;
}

}  // namespace adapters::mqtt
