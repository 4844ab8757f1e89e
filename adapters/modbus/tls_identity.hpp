#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>

struct mbedtls_ssl_config;

namespace adapters::modbus {

/// Who we are and whom we trust on a TLS link, proved to fit together, and the rules that Mbed TLS is to keep: TLS 1.2 or
/// later, the device's certificate required. Shared by the connections of a link.
/// Source: MODBUS/TCP Security 2.1.
class TlsIdentity {
public:
    /// A mistake of the user: the key of the link that is wrong. No text holds anything of the key's content.
    struct Mistake {
        std::string key, what, remedy;
    };
    /// All three are PEM; `certificate` may hold the chain up to the authority.
    static tl::expected<std::shared_ptr<const TlsIdentity>, Mistake> make(const std::string& authority,
                                                                          const std::string& certificate,
                                                                          const std::string& key);
    ~TlsIdentity();

    const mbedtls_ssl_config& config() const;

private:
    struct Parts;
    explicit TlsIdentity(std::unique_ptr<Parts>);
    std::unique_ptr<Parts> parts_;
};

/// What Mbed TLS calls an error: "X509 - The certificate is not correctly signed by the trusted CA".
std::string tls_error(int code);

}  // namespace adapters::modbus
