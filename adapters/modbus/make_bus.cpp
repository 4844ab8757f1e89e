#include "adapters/modbus/make_bus.hpp"

#include "adapters/modbus/dial_in.hpp"
#include "adapters/modbus/fallback_stream.hpp"
#include "adapters/modbus/rtu_bus.hpp"
#include "adapters/modbus/stream_bus.hpp"
#include "adapters/modbus/tls_stream.hpp"

namespace adapters::modbus {

std::unique_ptr<Bus> make_bus(const boost::asio::any_io_executor& executor, base::Timers& timers, base::Random& random,
                              const LinkSettings& settings) {
    if (const auto* line = std::get_if<SerialLine>(&settings.to))
        return std::make_unique<RtuBus>(executor, timers, random, *line);

    const auto to = [&](const TcpAddress& address) -> std::unique_ptr<Stream> {
        const auto* tls = std::get_if<TlsAddress>(&settings.to);
        if (tls == nullptr) return std::make_unique<TcpStream>(executor, timers, address);
        const bool own_name = tls->name == tls->host.host;  // then the second address has its own too
        return std::make_unique<TlsStream>(executor, timers, address, own_name ? address.host : tls->name, tls->identity);
    };
    StreamBus::Options options{.line = settings.line(), .idle = settings.idle};
    std::unique_ptr<Stream> stream;
    if (const auto* tcp = std::get_if<TcpAddress>(&settings.to)) stream = to(*tcp);
    if (const auto* remote = std::get_if<RtuOverTcp>(&settings.to)) stream = to(remote->server);
    if (const auto* tls = std::get_if<TlsAddress>(&settings.to)) stream = to(tls->host);
    if (const auto* dialled = std::get_if<DialIn>(&settings.to)) {
        stream = std::make_unique<DialInStream>(executor, timers, dialled->listen, dialled->hello);
        options.heartbeat = dialled->heartbeat;
    }
    if (settings.fallback)
        stream = std::make_unique<FallbackStream>(timers, std::move(stream), to(*settings.fallback), settings.fallback->text());
    return std::make_unique<StreamBus>(executor, timers, random, std::move(stream), std::move(options));
}

}  // namespace adapters::modbus
