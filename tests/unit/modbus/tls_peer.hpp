#pragma once

#include "tests/unit/modbus/bridge.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <csignal>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

/// The other end of a TLS link, by OpenSSL: a second opinion on every record and certificate.
namespace adapters::modbus {

template <auto F>
struct Freed {
    template <class T>
    void operator()(T* what) const {
        F(what);
    }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Freed<X509_free>>;

/// A key with a certificate, of an authority or of its own.
struct Credentials {
    struct Wish {
        std::string name = "peer";
        std::string alternative{};                ///< "DNS:meter.example", "IP:127.0.0.1"
        int valid_from = -3600, valid_to = 3600;  ///< seconds from now
        bool authority = false;
        bool rsa = false;
    };
    Credentials(const Wish& wish, const Credentials* issuer)
        : key(wish.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256")), certificate(X509_new()) {
        static long serial = 1000;
        X509* x = certificate.get();
        X509_set_version(x, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
        X509_gmtime_adj(X509_getm_notBefore(x), wish.valid_from);
        X509_gmtime_adj(X509_getm_notAfter(x), wish.valid_to);
        X509_NAME* name = X509_get_subject_name(x);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(wish.name.c_str()), -1, -1,
                                   0);  // NOLINT
        X509_set_issuer_name(x, X509_get_subject_name(issuer != nullptr ? issuer->certificate.get() : x));
        X509_set_pubkey(x, key.get());
        X509V3_CTX context;
        X509V3_set_ctx_nodb(&context);
        const auto extend = [&](int what, const std::string& value) {
            X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
            X509_add_ext(x, extension, -1);
            X509_EXTENSION_free(extension);
        };
        extend(NID_basic_constraints, wish.authority ? "critical,CA:TRUE" : "CA:FALSE");
        if (!wish.alternative.empty()) extend(NID_subject_alt_name, wish.alternative);
        X509_sign(x, issuer != nullptr ? issuer->key.get() : key.get(), EVP_sha256());
    }
    std::string certificate_pem() const {
        return text([&](BIO* out) { PEM_write_bio_X509(out, certificate.get()); });
    }
    std::string key_pem() const {
        return text([&](BIO* out) { PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
    }
    KeyPtr key;
    CertificatePtr certificate;

private:
    template <class F>
    static std::string text(F write) {
        const std::unique_ptr<BIO, Freed<BIO_free_all>> out(BIO_new(BIO_s_mem()));
        write(out.get());
        char* begin = nullptr;
        const long size = BIO_get_mem_data(out.get(), &begin);
        return {begin, static_cast<std::size_t>(size)};
    }
};

/// A TLS server in a thread that carries what it decrypts to a device, one client at a time.
class TlsPeer {
public:
    struct Ways {
        bool wants_certificate = true;
        std::size_t slice = 0;  ///< bytes of a record at a time
        int newest = 0;         ///< protocol version at most; 0: all
        const char* suites = nullptr;
    };
    TlsPeer(const Credentials& own, const Credentials& trusted, std::uint16_t device_port, Ways ways, std::uint16_t port = 0)
        : ways_(ways),
          device_port_(device_port),
          listener_(loopback_socket(port, true)),
          context_(SSL_CTX_new(TLS_server_method())) {
        std::signal(SIGPIPE, SIG_IGN);
        SSL_CTX_set_security_level(context_.get(), 0);
        SSL_CTX_use_certificate(context_.get(), own.certificate.get());
        SSL_CTX_use_PrivateKey(context_.get(), own.key.get());
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), trusted.certificate.get());
        if (ways.wants_certificate)
            SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        if (ways.newest != 0) {
            SSL_CTX_set_min_proto_version(context_.get(), 0);
            SSL_CTX_set_max_proto_version(context_.get(), ways.newest);
        }
        if (ways.suites != nullptr) SSL_CTX_set_cipher_list(context_.get(), ways.suites);
        thread_ = std::thread([this] { run(); });
    }
    ~TlsPeer() {
        ending_ = true;
        thread_.join();
        ::close(listener_);
    }
    std::uint16_t port() const { return port_of(listener_); }
    unsigned handshakes() const { return handshakes_; }
    unsigned refused() const { return refused_; }
    /// "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 of CN=gateway", of the last handshake.
    std::string last() {
        const std::lock_guard lock(mutex_);
        return last_;
    }

private:
    void run() {
        while (!ending_) {
            pollfd one{listener_, POLLIN, 0};
            if (::poll(&one, 1, 10) <= 0) continue;
            const int client = ::accept(listener_, nullptr, nullptr);
            timeval patience{2, 0};
            ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
            const int yes = 1;
            ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            const std::unique_ptr<SSL, Freed<SSL_free>> ssl(SSL_new(context_.get()));
            SSL_set_fd(ssl.get(), client);
            if (SSL_accept(ssl.get()) == 1) {
                note(ssl.get());
                ++handshakes_;
                carry(ssl.get(), client);
                SSL_shutdown(ssl.get());
            } else {
                ++refused_;
                ERR_clear_error();
            }
            ::close(client);
        }
    }
    void note(SSL* ssl) {
        std::string who = "nobody";
        if (const std::unique_ptr<X509, Freed<X509_free>> peer(SSL_get1_peer_certificate(ssl)); peer) {
            char* line = X509_NAME_oneline(X509_get_subject_name(peer.get()), nullptr, 0);
            who = line;
            OPENSSL_free(line);
        }
        const std::lock_guard lock(mutex_);
        last_ = std::string(SSL_get_version(ssl)) + " " + SSL_get_cipher_name(ssl) + " of " + who;
    }
    void carry(SSL* ssl, int client) {
        const int device = loopback_socket(device_port_, false);
        std::array<char, 600> piece{};
        while (!ending_) {
            std::array<pollfd, 2> fds{{{client, POLLIN, 0}, {device, POLLIN, 0}}};
            if (SSL_pending(ssl) == 0 && ::poll(fds.data(), fds.size(), 10) <= 0) continue;
            if (SSL_pending(ssl) > 0 || fds[0].revents != 0) {
                const int count = SSL_read(ssl, piece.data(), static_cast<int>(piece.size()));
                if (count <= 0) break;
                (void)!::write(device, piece.data(), static_cast<std::size_t>(count));
            }
            if (fds[1].revents != 0) {
                const auto count = ::read(device, piece.data(), piece.size());
                if (count <= 0) break;
                const int part = ways_.slice > 0 ? static_cast<int>(ways_.slice) : static_cast<int>(count);
                for (int at = 0; at < count; at += part)
                    if (SSL_write(ssl, piece.data() + at, std::min(part, static_cast<int>(count) - at)) <= 0) break;
            }
        }
        ::close(device);
    }

    const Ways ways_;
    const std::uint16_t device_port_;
    const int listener_;
    std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> context_;
    std::atomic<bool> ending_{false};
    std::atomic<unsigned> handshakes_{0}, refused_{0};
    std::mutex mutex_;
    std::string last_;
    std::thread thread_;
};

}  // namespace adapters::modbus
