#include "adapters/modbus/link_settings.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <charconv>

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

/// "19200 8E1"
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

std::optional<Milliseconds> read_span(Fields& link, std::string_view key, Milliseconds least, Milliseconds most) {
    const auto span = link.span(key);
    if (!span) return std::nullopt;
    if (*span >= least && *span <= most) return std::chrono::duration_cast<Milliseconds>(*span);
    link.error(key, fmt::format("'{}' is {}, out of range", key, base::span_text(*span)),
               fmt::format("write a span from {} to {}", base::span_text(least), base::span_text(most)));
    return std::nullopt;
}

}  // namespace

std::chrono::microseconds SerialLine::silence() const {
    if (baud > 19200) return std::chrono::microseconds(1750);
    return std::chrono::microseconds((35 * 11 * 100'000 + baud - 1) / baud);
}

std::string LinkSettings::where() const {
    if (const auto* line = std::get_if<SerialLine>(&to))
        return fmt::format("rtu {} {} 8{}{}", line->device, line->baud, line->parity, line->stop_bits);
    const auto& tcp = std::get<TcpAddress>(to);
    const bool six = tcp.host.find(':') != std::string::npos;
    return fmt::format("tcp {}{}{}:{}", six ? "[" : "", tcp.host, six ? "]" : "", tcp.port);
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
    constexpr std::string_view forms = "write tcp://HOST, tcp://HOST:PORT or rtu:/dev/DEVICE";
    const auto url = link.need("modbus", forms) != nullptr ? link.text("modbus") : std::nullopt;
    if (url && url->starts_with("tcp://")) {
        if (const auto address = parse_tcp(std::string_view(*url).substr(6), 502))
            settings.to = *address;
        else
            link.error("modbus", fmt::format("'{}' is no address", *url),
                       "write tcp://192.0.2.10, tcp://[2001:db8::1] or tcp://meter.example, with :PORT when it is not 502");
    } else if (url && url->starts_with("rtu:/")) {
        settings.to = SerialLine{.device = url->substr(4)};
        settings.timeout = 500ms;
    } else if (url && url->starts_with("rtu:")) {
        link.error("modbus", fmt::format("'{}' names no device file", *url), "write its whole path: rtu:/dev/serial/by-id/…");
    } else if (url && (url->starts_with("rtu+tcp://") || url->starts_with("tls://") || url->starts_with("udp://") ||
                       url->starts_with("ascii:"))) {
        link.error("modbus", fmt::format("'{}' is a transport that this version does not speak", *url), forms);
    } else if (url) {
        link.error("modbus", fmt::format("'{}' is no Modbus link", *url), forms);
    }

    if (link.find("line") != nullptr) {
        auto* serial = std::get_if<SerialLine>(&settings.to);
        if (const auto line = link.text("line")) {
            SerialLine parsed;
            if (!parse_line(*line, parsed))
                link.error("line", fmt::format("'{}' is no line setting", *line),
                           "write speed, 8, parity N, E or O and stop bits 1 or 2: \"19200 8E1\"");
            else if (serial == nullptr && url)
                link.error("line", "'line' belongs to a serial line", "remove it, or write modbus: rtu:/dev/DEVICE");
            else if (serial != nullptr)
                *serial = SerialLine{serial->device, parsed.baud, parsed.parity, parsed.stop_bits};
        }
    }
    if (const auto span = read_span(link, "timeout", 10ms, 60s)) settings.timeout = *span;
    if (const auto span = read_span(link, "pause", 0ms, 10s)) settings.pause = *span;
    link.integer("connections", 1, 1);
    if (link.find("rs485") != nullptr)
        link.error("rs485", "this version leaves the direction of RS-485 to the adapter",
                   "remove 'rs485'; use an adapter that switches by itself");

    if (link.diagnostics().count() != before || !url) return std::nullopt;
    return settings;
}

}  // namespace adapters::modbus
