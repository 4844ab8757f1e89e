#include "adapters/modbus/tls_stream.hpp"

#include <fmt/format.h>
#include <mbedtls/ssl.h>
#include <algorithm>
#include <boost/asio/post.hpp>

namespace adapters::modbus {

using base::ByteView;
using base::Errc;
using base::fail;
using base::Result;

namespace {

using namespace std::chrono_literals;

constexpr base::Milliseconds handshake_patience = 10s;
constexpr std::uint8_t record_alert = 21, alert_fatal = 2;  // RFC 5246, 6.2.1 and 7.2

struct Flag {
    std::uint32_t bit;
    const char* says;
};
// In the order of what an operator can do about it.
constexpr Flag flags[] = {
    {MBEDTLS_X509_BADCERT_EXPIRED, "its certificate has expired"},
    {MBEDTLS_X509_BADCERT_FUTURE, "its certificate is not valid yet (is the clock right?)"},
    {MBEDTLS_X509_BADCERT_NOT_TRUSTED, "its certificate is not signed by the authority of 'ca'"},
    {MBEDTLS_X509_BADCERT_REVOKED, "its certificate was revoked"},
    {MBEDTLS_X509_BADCERT_CN_MISMATCH, "its certificate is for another name"},
    {MBEDTLS_X509_BADCERT_MISSING, "it shows no certificate"},
    {MBEDTLS_X509_BADCERT_BAD_MD, "its certificate is signed with a hash that is no longer safe"},
    {MBEDTLS_X509_BADCERT_BAD_KEY, "the key of its certificate is too weak"},
    {MBEDTLS_X509_BADCERT_KEY_USAGE, "its certificate is not meant for this use"},
    {MBEDTLS_X509_BADCERT_EXT_KEY_USAGE, "its certificate is not meant for servers"},
};

const char* alert_text(std::uint8_t alert) {
    switch (alert) {
        case 40: return "nothing that both can do, or a certificate of ours is missing";
        case 42: return "our certificate is bad";
        case 43: return "our certificate is of a kind that it does not take";
        case 44: return "our certificate was revoked";
        case 45: return "our certificate has expired";
        case 46: return "our certificate is not acceptable";
        case 48: return "our certificate is of an authority that it does not know";
        case 49: return "access denied";
        case 51: return "it cannot prove our certificate";
        case 70: return "it does not speak TLS 1.2";
        case 71: return "nothing that both hold for safe";
        case 112: return "it does not know the name";
        case 116: return "it wants a certificate of ours";
        default: return "handshake given up";
    }
}

}  // namespace

void TlsStream::Free::operator()(mbedtls_ssl_context* ssl) const {
    mbedtls_ssl_free(ssl);
    delete ssl;
}

TlsStream::TlsStream(boost::asio::any_io_executor executor, base::Timers& timers, TcpAddress address, std::string name,
                     std::shared_ptr<const TlsIdentity> identity)
    : executor_(executor),
      timers_(timers),
      name_(std::move(name)),
      identity_(std::move(identity)),
      tcp_(executor, timers, std::move(address)),
      patience_(timers),
      alive_(std::make_shared<std::uint64_t>(0)) {}

TlsStream::~TlsStream() { close(); }

int TlsStream::send_some(void* self, const unsigned char* bytes, std::size_t count) {
    auto& stream = *static_cast<TlsStream*>(self);
    const auto sent = stream.tcp_.write_some({bytes, count});
    if (!sent) {
        stream.broken_ = sent.error().message;
        // Who closes because of something that we sent has said why before: it lies here unread.
        std::array<std::uint8_t, 7> record{};
        if (const auto got = stream.tcp_.read(record); got && *got == record.size()) stream.last_ = record;
        return MBEDTLS_ERR_SSL_CONN_EOF;
    }
    return *sent == 0 ? MBEDTLS_ERR_SSL_WANT_WRITE : static_cast<int>(*sent);
}

int TlsStream::receive_some(void* self, unsigned char* bytes, std::size_t count) {
    auto& stream = *static_cast<TlsStream*>(self);
    const auto got = stream.tcp_.read({bytes, count});
    if (!got) {
        stream.broken_ = got.error().message;
        return MBEDTLS_ERR_SSL_CONN_EOF;
    }
    if (*got == 0) return MBEDTLS_ERR_SSL_WANT_READ;
    auto& last = stream.last_;
    const std::size_t kept = std::min(*got, last.size());
    std::move(last.begin() + static_cast<std::ptrdiff_t>(kept), last.end(), last.begin());
    std::copy_n(bytes + *got - kept, kept, last.end() - static_cast<std::ptrdiff_t>(kept));
    return static_cast<int>(*got);
}

void TlsStream::open(Opened opened) {
    close();
    opened_ = std::move(opened);
    tcp_.open([this](const Result<std::string>& connected) {
        if (!connected) return failed(connected.error().message);
        broken_.clear();
        last_ = {};
        ssl_.reset(new mbedtls_ssl_context);
        mbedtls_ssl_init(ssl_.get());
        int error = mbedtls_ssl_setup(ssl_.get(), &identity_->config());
        if (error == 0) error = mbedtls_ssl_set_hostname(ssl_.get(), name_.c_str());
        if (error != 0) return failed(fmt::format("TLS cannot be set up: {}", tls_error(error)));
        mbedtls_ssl_set_bio(ssl_.get(), this, &send_some, &receive_some, nullptr);
        patience_.set(timers_.now() + handshake_patience,
                      [this] { failed("the device does not go on with the TLS handshake"); });
        handshake();
    });
}

void TlsStream::handshake() {
    const int done = mbedtls_ssl_handshake(ssl_.get());
    if (done == MBEDTLS_ERR_SSL_WANT_READ) return tcp_.await([this] { handshake(); });
    if (done == MBEDTLS_ERR_SSL_WANT_WRITE) return tcp_.await_room([this] { handshake(); });
    if (done != 0) return failed(why_refused(done));
    patience_.cancel();
    if (const auto opened = std::exchange(opened_, nullptr))
        opened(fmt::format("connected with {}", mbedtls_ssl_get_version(ssl_.get())));
}

/// One line that says who is not content with what, with Mbed TLS's own words.
std::string TlsStream::why_refused(int code) const {
    if (code == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) {
        const std::uint32_t result = mbedtls_ssl_get_verify_result(ssl_.get());
        std::string what;
        for (const Flag& flag : flags)
            if ((result & flag.bit) != 0) what += (what.empty() ? "" : ", ") + std::string(flag.says);
        if ((result & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0) what += fmt::format(" than {}", name_);
        if (what.empty()) what = fmt::format("its certificate is not good enough (flags {:#x})", result);
        return fmt::format("the device is not trusted: {} (Mbed TLS: {})", what, tls_error(code));
    }
    const bool alert = last_[0] == record_alert && last_[4] == 2 && last_[5] == alert_fatal;
    if (code == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE || (alert && !broken_.empty()))
        return fmt::format("the device refuses us: {} (Mbed TLS: {}{})", alert_text(alert ? last_[6] : std::uint8_t{0}),
                           tls_error(MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE), alert ? fmt::format(", alert {}", last_[6]) : "");
    if (!broken_.empty()) return fmt::format("{} in the TLS handshake", broken_);
    return fmt::format("the TLS handshake failed: {}", tls_error(code));
}

void TlsStream::failed(const std::string& why) {
    const auto opened = std::exchange(opened_, nullptr);
    close();
    if (opened) opened(fail(Errc::offline, why));
}

void TlsStream::close() {
    ++*alive_;
    opened_ = nullptr;
    patience_.cancel();
    if (ssl_ && tcp_.is_open()) (void)mbedtls_ssl_close_notify(ssl_.get());  // as far as the buffer takes it
    tcp_.close();
    ssl_.reset();
}

Result<std::size_t> TlsStream::read(std::span<std::uint8_t> into) {
    const int count = mbedtls_ssl_read(ssl_.get(), into.data(), into.size());
    if (count > 0) return static_cast<std::size_t>(count);
    if (count == MBEDTLS_ERR_SSL_WANT_READ || count == MBEDTLS_ERR_SSL_WANT_WRITE) return std::size_t{0};
    if (count == 0 || count == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
        return fail(Errc::offline, "the device closed the connection");
    if (!broken_.empty()) return fail(Errc::offline, broken_);
    // With TLS 1.3 a device tells only now that it does not take our certificate.
    return fail(Errc::offline, fmt::format("TLS: {}", tls_error(count)));
}

Result<void> TlsStream::write(ByteView bytes) {
    const int sent = mbedtls_ssl_write(ssl_.get(), bytes.data(), bytes.size());
    if (sent == static_cast<int>(bytes.size())) return {};
    if (!broken_.empty()) return fail(Errc::offline, broken_);
    return fail(Errc::offline, sent == MBEDTLS_ERR_SSL_WANT_WRITE || sent >= 0 ? "the device takes no more bytes"
                                                                               : fmt::format("TLS: {}", tls_error(sent)));
}

void TlsStream::await(std::function<void()> ready) {
    if (mbedtls_ssl_check_pending(ssl_.get()) == 0) return tcp_.await(std::move(ready));
    boost::asio::post(executor_, [alive = std::weak_ptr(alive_), generation = *alive_, ready = std::move(ready)] {
        if (const auto now = alive.lock(); now && *now == generation) ready();
    });
}

}  // namespace adapters::modbus
