#pragma once

#include "adapters/modbus/tcp_stream.hpp"
#include "adapters/modbus/tls_identity.hpp"

#include <array>
#include <memory>
#include <string>

struct mbedtls_ssl_context;

namespace adapters::modbus {

/// TLS on a TCP connection that we make, by Mbed TLS: the device shows a certificate of our authority that bears its name,
/// and gets ours. The handshake has 10 s. About 40 kB while it is connected, most of it Mbed TLS's two buffers.
class TlsStream final : public Stream {
public:
    /// `name`: that the device's certificate must bear, a host name or an IP address.
    TlsStream(boost::asio::any_io_executor, base::Timers&, TcpAddress, std::string name, std::shared_ptr<const TlsIdentity>);
    ~TlsStream() override;

    void open(Opened) override;
    void close() override;
    base::Result<std::size_t> read(std::span<std::uint8_t> into) override;
    base::Result<void> write(base::ByteView) override;
    void await(std::function<void()> ready) override;

private:
    struct Free {
        void operator()(mbedtls_ssl_context*) const;
    };
    void handshake();
    void failed(const std::string& why);
    std::string why_refused(int code) const;
    static int send_some(void* self, const unsigned char* bytes, std::size_t count);
    static int receive_some(void* self, unsigned char* bytes, std::size_t count);

    boost::asio::any_io_executor executor_;
    base::Timers& timers_;
    const std::string name_;
    const std::shared_ptr<const TlsIdentity> identity_;
    TcpStream tcp_;
    base::Timer patience_;
    std::unique_ptr<mbedtls_ssl_context, Free> ssl_;
    Opened opened_;
    std::string broken_;                    // why the TCP connection is over
    std::array<std::uint8_t, 7> last_{};    // that came: an alert in clear is a record of its own
    std::shared_ptr<std::uint64_t> alive_;  // as TcpStream's
};

}  // namespace adapters::modbus
