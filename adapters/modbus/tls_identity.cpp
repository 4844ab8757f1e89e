#include "adapters/modbus/tls_identity.hpp"

#include <fmt/format.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <array>

namespace adapters::modbus {

namespace {

// With forward secrecy first; the last two are what old devices have (MODBUS/TCP Security 2.1, 8.3 asks for no better).
constexpr int suites[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                          MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                          MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                          MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                          MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                          MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
                          MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CCM,
                          MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
                          MBEDTLS_TLS_RSA_WITH_AES_128_GCM_SHA256,
                          MBEDTLS_TLS_RSA_WITH_AES_128_CBC_SHA256,
                          0};

}  // namespace

struct TlsIdentity::Parts {
    Parts() {
        mbedtls_ssl_config_init(&config);
        mbedtls_entropy_init(&entropy);
        mbedtls_ctr_drbg_init(&random);
        mbedtls_x509_crt_init(&authority);
        mbedtls_x509_crt_init(&certificate);
        mbedtls_pk_init(&key);
    }
    ~Parts() {
        mbedtls_ssl_config_free(&config);
        mbedtls_pk_free(&key);
        mbedtls_x509_crt_free(&certificate);
        mbedtls_x509_crt_free(&authority);
        mbedtls_ctr_drbg_free(&random);
        mbedtls_entropy_free(&entropy);
    }
    Parts(const Parts&) = delete;
    Parts& operator=(const Parts&) = delete;

    mbedtls_ssl_config config;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_x509_crt authority, certificate;
    mbedtls_pk_context key;
};

std::string tls_error(int code) {
    std::array<char, 200> text{};
    mbedtls_strerror(code, text.data(), text.size());
    return text.data();
}

TlsIdentity::TlsIdentity(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TlsIdentity::~TlsIdentity() = default;
const mbedtls_ssl_config& TlsIdentity::config() const { return parts_->config; }

tl::expected<std::shared_ptr<const TlsIdentity>, TlsIdentity::Mistake> TlsIdentity::make(const std::string& authority,
                                                                                         const std::string& certificate,
                                                                                         const std::string& key) {
    auto parts = std::make_unique<Parts>();
    const auto wrong = [](const char* at, std::string what, const char* remedy) {
        return tl::unexpected<Mistake>(Mistake{at, std::move(what), remedy});
    };
    const auto bytes = [](const std::string& text) { return reinterpret_cast<const unsigned char*>(text.c_str()); };  // NOLINT
    int failed = mbedtls_ctr_drbg_seed(&parts->random, mbedtls_entropy_func, &parts->entropy, nullptr, 0);
    if (failed != 0)
        return wrong("modbus", fmt::format("there is no randomness for TLS: {}", tls_error(failed)), "report this");

    // Text of PEM is given with its final NUL. Over 0: so many certificates of the file could not be read.
    failed = mbedtls_x509_crt_parse(&parts->authority, bytes(authority), authority.size() + 1);
    if (failed != 0)
        return wrong("ca",
                     failed < 0 ? fmt::format("'ca' holds no certificate: {}", tls_error(failed))
                                : fmt::format("{} certificates of 'ca' cannot be read", failed),
                     "give a PEM file of the authority's certificate");
    failed = mbedtls_x509_crt_parse(&parts->certificate, bytes(certificate), certificate.size() + 1);
    if (failed != 0)
        return wrong("certificate",
                     failed < 0 ? fmt::format("'certificate' holds no certificate: {}", tls_error(failed))
                                : fmt::format("{} certificates of 'certificate' cannot be read", failed),
                     "give a PEM file of the gateway's certificate, and of the authorities between");
    failed = mbedtls_pk_parse_key(&parts->key, bytes(key), key.size() + 1, nullptr, 0, mbedtls_ctr_drbg_random, &parts->random);
    if (failed != 0)
        return wrong("key", fmt::format("'key' holds no private key: {}", tls_error(failed)),
                     "give it in PEM, without a password");
    failed = mbedtls_pk_check_pair(&parts->certificate.pk, &parts->key, mbedtls_ctr_drbg_random, &parts->random);
    if (failed != 0)
        return wrong("key", "'key' does not belong to 'certificate'", "give the private key that the certificate was made for");

    failed = mbedtls_ssl_config_defaults(&parts->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                         MBEDTLS_SSL_PRESET_DEFAULT);
    if (failed == 0) failed = mbedtls_ssl_conf_own_cert(&parts->config, &parts->certificate, &parts->key);
    if (failed != 0) return wrong("modbus", fmt::format("TLS cannot be set up: {}", tls_error(failed)), "report this");
    mbedtls_ssl_conf_min_tls_version(&parts->config, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_authmode(&parts->config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_chain(&parts->config, &parts->authority, nullptr);
    mbedtls_ssl_conf_ciphersuites(&parts->config, suites);
    mbedtls_ssl_conf_rng(&parts->config, mbedtls_ctr_drbg_random, &parts->random);
    return std::shared_ptr<const TlsIdentity>(new TlsIdentity(std::move(parts)));
}

}  // namespace adapters::modbus
