#include "adapters/modbus/link_settings.hpp"

#include "adapters/modbus/tls_identity.hpp"
#include "gateway/base/log.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace adapters::modbus {

namespace {

using namespace std::chrono_literals;

// What libmodbus can set; it would take any other as 9600 without a word.
constexpr std::array baud_rates{110,     300,     600,     1200,    2400,    4800,    9600,   19200,
                                38400,   57600,   115200,  230400,  460800,  500000,  576000, 921600,
                                1000000, 1152000, 1500000, 2500000, 3000000, 3500000, 4000000};

std::optional<int> number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

bool is_host_name(std::string_view text) {  // RFC 1123 2.1, and underscores that real networks have
    if (text.empty() || text.size() > 253 || text.front() == '-' || text.front() == '.') return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    });
}

std::optional<std::chrono::microseconds> read_span(Fields& fields, std::string_view key, Milliseconds least,
                                                   Milliseconds most) {
    const auto span = fields.span(key);
    if (!span) return std::nullopt;
    if (*span >= least && *span <= most) return span;
    fields.error(key, fmt::format("'{}' is {}, out of range", key, base::span_text(*span)),
                 fmt::format("write a span from {} to {}", base::span_text(least), base::span_text(most)));
    return std::nullopt;
}

constexpr std::size_t most_pem = 64 * 1024;  // bytes of a file of certificates
constexpr std::size_t longest_hello = 64;    // bytes

enum class Scheme : std::uint8_t { tcp, rtu, rtu_over_tcp, tls, dial_in };
struct Form {
    std::string_view begin;
    Scheme scheme;
    std::uint16_t port;  // when none is written
};
constexpr Form schemes[] = {{"tcp://", Scheme::tcp, 502},
                            {"rtu:", Scheme::rtu, 0},
                            {"rtu+tcp://", Scheme::rtu_over_tcp, 502},
                            {"tls://", Scheme::tls, 802},
                            {"dial-in://", Scheme::dial_in, 0}};
const Form* scheme_of(std::string_view url) {
    for (const auto& form : schemes)
        if (url.starts_with(form.begin)) return &form;
    return nullptr;
}

/// A key that is of no use here is known, and told.
void refuse(Fields& link, std::string_view key, std::string_view why, std::string_view remedy) {
    if (link.find(key) != nullptr) link.error(key, why, remedy);
}

/// Text, or `hex:` and digits.
base::Bytes read_bytes(Fields& link, std::string_view key) {
    if (link.find(key) == nullptr) return {};
    const auto text = link.text(key);
    if (!text) return {};
    base::Bytes bytes(text->begin(), text->end());
    if (text->starts_with("hex:")) bytes = base::from_hex(std::string_view(*text).substr(4)).value_or(base::Bytes{});
    if (bytes.empty() || bytes.size() > longest_hello)
        link.error(key, fmt::format("'{}' is not 1 to {} bytes", key, longest_hello),
                   "write the text, or hex: and the bytes in hex: \"hex:0102ff\"");
    return bytes;
}

void read_line(Fields& link, SerialLine& into) {
    if (link.find("line") == nullptr) return;
    const auto text = link.text("line");
    if (text && !parse_line(*text, into))
        link.error("line", fmt::format("'{}' is no line setting", *text),
                   "write speed, 8, parity N, E or O and stop bits 1 or 2: \"19200 8E1\"");
}

void read_rs485(Fields& link, Rs485& into) {
    const base::Node* node = link.map("rs485");
    if (node == nullptr) return;
    Fields keys(*node, fmt::format("{}: 'rs485'", link.what()), link.diagnostics());
    into.direction = Rs485::Direction::automatic;
    static constexpr Rs485::Direction directions[] = {Rs485::Direction::automatic, Rs485::Direction::kernel,
                                                      Rs485::Direction::rts, Rs485::Direction::none};
    if (const auto choice = keys.choice("direction", {"auto", "kernel", "rts", "none"})) into.direction = directions[*choice];
    for (const auto& [key, span] : {std::pair("before", &into.before), std::pair("after", &into.after)})
        if (const auto given = read_span(keys, key, 0ms, 100ms)) *span = *given;
    keys.done();
}

/// The content of a file that `key` names, or `key` itself when it is the content (a secret's).
std::string read_pem(Fields& link, std::string_view key, std::string_view remedy) {
    if (link.need(key, remedy) == nullptr) return {};
    const auto given = link.text(key);
    if (!given || given->find("-----BEGIN") != std::string::npos) return given.value_or("");
    if (given->size() > 1000 || !given->starts_with('/')) {  // may be a secret: not repeated
        link.error(key, fmt::format("'{}' is neither a file's whole path nor PEM text", key), remedy);
        return {};
    }
    std::error_code error;
    if (std::filesystem::exists(*given, error) && !std::filesystem::is_regular_file(*given, error)) {
        link.error(key, fmt::format("{} is no file", *given), remedy);
        return {};
    }
    std::ifstream file(*given, std::ios::binary);
    std::string content(most_pem + 1, '\0');
    if (!file) {
        link.error(key, fmt::format("{} cannot be read: {}", *given, std::strerror(errno)), remedy);
        return {};
    }
    file.read(content.data(), static_cast<std::streamsize>(content.size()));
    content.resize(static_cast<std::size_t>(file.gcount()));
    if (content.size() <= most_pem && content.find("-----BEGIN") != std::string::npos) return content;
    link.error(key, fmt::format("{} is no PEM file of at most {} bytes", *given, most_pem), remedy);
    return {};
}

void read_tls(Fields& link, TlsAddress& into) {
    const std::size_t before = link.diagnostics().count();
    const auto ca = read_pem(link, "ca", "write ca: and the file of the authority that signed the device's certificate");
    const auto own = read_pem(link, "certificate", "write certificate: and the file of the gateway's own certificate");
    const auto key =
        read_pem(link, "key", "write key: \"${secret:NAME}\" for the private key that belongs to 'certificate', or its file");
    into.name = link.text("server_name").value_or(into.host.host);
    if (link.diagnostics().count() != before) return;
    auto identity = TlsIdentity::make(ca, own, key);
    if (identity)
        into.identity = std::move(*identity);
    else
        link.error(identity.error().key, identity.error().what, identity.error().remedy);
}

void read_dial_in(Fields& link, DialIn& into) {
    if (const auto framing = link.choice("framing", {"tcp", "rtu"})) into.rtu = *framing == 1;
    into.hello = read_bytes(link, "hello");
    into.heartbeat = read_bytes(link, "heartbeat");
    if (into.rtu)
        read_line(link, into.line);
    else
        refuse(link, "line", "'line' belongs to RTU frames", "remove it, or write framing: rtu");
}

void read_fallback(Fields& link, const Form& form, LinkSettings& settings) {
    if (link.find("fallback") == nullptr) return;
    if (form.scheme == Scheme::rtu || form.scheme == Scheme::dial_in)
        return link.error("fallback", "there is nothing to fall back to on this kind of link", "remove 'fallback'");
    const auto url = link.text("fallback");
    if (!url) return;
    if (url->starts_with(form.begin))
        settings.fallback = parse_tcp(std::string_view(*url).substr(form.begin.size()), form.port);
    if (!settings.fallback)
        link.error("fallback", fmt::format("'{}' is no second address of this link", *url),
                   fmt::format("write another one of the same kind: {}HOST", form.begin));
}

bool is_numeric(const std::string& host) {
    boost::system::error_code error;
    boost::asio::ip::make_address(host, error);
    return !error;
}

constexpr std::string_view forms =
    "write tcp://HOST, rtu:/dev/DEVICE, rtu+tcp://HOST:PORT, tls://HOST or dial-in://ADDRESS:PORT";

void read_address(Fields& link, const std::string& url, const Form& form, LinkSettings& settings) {
    const auto rest = std::string_view(url).substr(form.begin.size());
    if (form.scheme == Scheme::rtu) {
        if (!rest.starts_with('/'))
            link.error("modbus", fmt::format("'{}' names no device file", url),
                       "write its whole path: rtu:/dev/serial/by-id/…");
        settings.to = SerialLine{.device = std::string(rest)};
        return;
    }
    const auto address = parse_tcp(rest, form.port);
    const TcpAddress host = address.value_or(TcpAddress{});
    if (form.scheme == Scheme::dial_in) {
        if (!address || host.port == 0 || !is_numeric(host.host))
            link.error("modbus", fmt::format("'{}' is no address to wait at", url),
                       "write an address of this machine, or 0.0.0.0 for all of them, and a port: dial-in://0.0.0.0:5020");
        settings.to = DialIn{.listen = host};
        return;
    }
    if (!address)
        link.error("modbus", fmt::format("'{}' is no address", url),
                   fmt::format("write {0}192.0.2.10, {0}[2001:db8::1] or {0}meter.example, with :PORT when it is not {1}",
                               form.begin, form.port));
    if (form.scheme == Scheme::tcp) settings.to = host;
    if (form.scheme == Scheme::rtu_over_tcp) settings.to = RtuOverTcp{.server = host};
    if (form.scheme == Scheme::tls) settings.to = TlsAddress{.host = host};
}

/// The keys that some kinds of link have.
void read_of_kind(Fields& link, const Form& form, LinkSettings& settings) {
    const Scheme scheme = form.scheme;
    if (auto* serial = std::get_if<SerialLine>(&settings.to)) {
        read_line(link, *serial);
        read_rs485(link, serial->rs485);
    } else {
        refuse(link, "rs485", "'rs485' belongs to a serial line of this machine",
               "remove it; who has the line switches its direction");
    }
    if (auto* remote = std::get_if<RtuOverTcp>(&settings.to)) read_line(link, remote->line);
    if (scheme == Scheme::tcp || scheme == Scheme::tls)
        refuse(link, "line", "'line' belongs to a serial line", "remove it, or write modbus: rtu:/dev/DEVICE");
    read_fallback(link, form, settings);
    if (auto* tls = std::get_if<TlsAddress>(&settings.to)) {
        read_tls(link, *tls);
    } else {
        for (const char* key : {"ca", "certificate", "key", "server_name"})
            refuse(link, key, fmt::format("'{}' belongs to TLS", key), "remove it, or write modbus: tls://HOST");
    }
    if (auto* dialled = std::get_if<DialIn>(&settings.to)) {
        read_dial_in(link, *dialled);
    } else {
        for (const char* key : {"framing", "hello", "heartbeat"})
            refuse(link, key, fmt::format("'{}' belongs to a device that dials in", key),
                   "remove it, or write modbus: dial-in://ADDRESS:PORT");
    }
    if (scheme == Scheme::rtu || scheme == Scheme::dial_in)
        refuse(link, "idle", "only a connection that the gateway makes is closed when nobody asks", "remove 'idle'");
    else if (const auto span = read_span(link, "idle", 1s, 24h))
        settings.idle = std::chrono::duration_cast<Milliseconds>(*span);
}

}  // namespace

bool parse_line(std::string_view text, SerialLine& line) {
    const auto blank = text.find(' ');
    if (blank == std::string_view::npos) return false;
    const auto baud = number(text.substr(0, blank));
    auto frame = text.substr(blank);
    while (!frame.empty() && frame.front() == ' ') frame.remove_prefix(1);
    if (!baud || std::find(baud_rates.begin(), baud_rates.end(), *baud) == baud_rates.end()) return false;
    if (frame.size() != 3 || frame[0] != '8') return false;
    if (frame[1] != 'N' && frame[1] != 'E' && frame[1] != 'O') return false;
    if (frame[2] != '1' && frame[2] != '2') return false;
    line.baud = *baud;
    line.parity = frame[1];
    line.stop_bits = frame[2] - '0';
    return true;
}

std::optional<double> parse_share(std::string_view text) {
    if (!text.ends_with('%')) return std::nullopt;
    text.remove_suffix(1);
    double percent = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
    if (error != std::errc{} || end != text.data() + text.size() || !(percent > 0 && percent <= 100)) return std::nullopt;
    return percent / 100;
}

std::chrono::microseconds SerialLine::silence() const {
    if (baud > 19200) return std::chrono::microseconds(1750);
    return std::chrono::microseconds((35 * 11 * 100'000 + baud - 1) / baud);
}

std::string SerialLine::format() const { return fmt::format("{} 8{}{}", baud, parity, stop_bits); }

std::string TcpAddress::text() const {
    const bool six = host.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", six ? "[" : "", host, six ? "]" : "", port);
}

const SerialLine* LinkSettings::line() const {
    if (const auto* own = std::get_if<SerialLine>(&to)) return own;
    if (const auto* remote = std::get_if<RtuOverTcp>(&to)) return &remote->line;
    const auto* dialled = std::get_if<DialIn>(&to);
    return dialled != nullptr && dialled->rtu ? &dialled->line : nullptr;
}

std::string LinkSettings::where() const {
    struct Visitor {
        std::string operator()(const TcpAddress& tcp) const { return "tcp " + tcp.text(); }
        std::string operator()(const SerialLine& line) const { return fmt::format("rtu {} {}", line.device, line.format()); }
        std::string operator()(const RtuOverTcp& remote) const { return "rtu+tcp " + remote.server.text(); }
        std::string operator()(const TlsAddress& tls) const { return "tls " + tls.host.text(); }
        std::string operator()(const DialIn& dialled) const {
            const std::string text = "dial-in " + dialled.listen.text();
            if (dialled.hello.empty()) return text;
            return fmt::format("{} {}", text, base::printable(base::as_text(dialled.hello)));
        }
    };
    return std::visit(Visitor{}, to);
}

std::optional<TcpAddress> parse_tcp(std::string_view text, std::uint16_t default_port, bool to_listen) {
    TcpAddress address{{}, default_port};
    std::string_view port;
    if (!text.empty() && text.front() == '[') {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return std::nullopt;
        address.host = text.substr(1, close - 1);
        boost::system::error_code error;
        boost::asio::ip::make_address_v6(address.host, error);
        if (error) return std::nullopt;
        port = text.substr(close + 1);
        if (!port.empty() && port.front() != ':') return std::nullopt;
    } else {
        const auto colon = text.find(':');
        address.host = text.substr(0, colon);
        if (!is_host_name(address.host)) return std::nullopt;
        if (colon != std::string_view::npos) port = text.substr(colon);
    }
    if (!port.empty()) {
        const auto value = number(port.substr(1));
        if (!value || *value < (to_listen ? 0 : 1) || *value > 65535) return std::nullopt;
        address.port = static_cast<std::uint16_t>(*value);
    }
    return address;
}

std::optional<LinkSettings> read_link(Fields& link) {
    const std::size_t before = link.diagnostics().count();
    LinkSettings settings;
    const auto url = link.need("modbus", forms) != nullptr ? link.text("modbus") : std::nullopt;
    const Form* form = url ? scheme_of(*url) : nullptr;
    if (form != nullptr) {
        read_address(link, *url, *form, settings);
        read_of_kind(link, *form, settings);
    } else {  // which keys it has cannot be told
        if (url && (url->starts_with("udp://") || url->starts_with("ascii:")))
            link.error("modbus", fmt::format("'{}' is a transport that this version does not speak", *url), forms);
        else if (url)
            link.error("modbus", fmt::format("'{}' is no Modbus link", *url), forms);
        for (const char* key :
             {"line", "rs485", "fallback", "ca", "certificate", "key", "server_name", "framing", "hello", "heartbeat", "idle"})
            link.known(key);
    }
    if (std::holds_alternative<SerialLine>(settings.to)) settings.timeout = 500ms;
    if (const auto span = read_span(link, "timeout", 10ms, 60s))
        settings.timeout = std::chrono::duration_cast<Milliseconds>(*span);
    if (const auto span = read_span(link, "pause", 0ms, 10s)) settings.pause = std::chrono::duration_cast<Milliseconds>(*span);
    if (const auto* busy = link.find("busy")) {
        if (const auto share = parse_share(busy->written()))
            settings.busy = *share;
        else
            link.error("busy", "'busy' must be a part of the link's time", "write it in percent: 70%");
    }
    link.integer("connections", 1, 1);
    if (link.diagnostics().count() != before || !url) return std::nullopt;
    return settings;
}

}  // namespace adapters::modbus
