#include "lwm2m/coap/credentials.hpp"

#include <mbedtls/platform_util.h>

namespace lwm2m::coap {

namespace {
constexpr std::size_t longest_identity = 128, longest_key = 64;  // OMA Transport 1.2 5.2.9.1
}

Credentials::~Credentials() {
    if (!key_.empty()) mbedtls_platform_zeroize(key_.data(), key_.size());
}

Result<void> check_credentials(const ServerAccount& account, bool secure_scheme) {
    const auto wrong = [&account](std::string_view why) {
        return fail(Errc::bad_request, fmt::format("server '{}': {}", account.name, why));
    };
    if (account.security == Security::nosec) {
        if (secure_scheme) return wrong("coaps:// needs security psk");
        return {};
    }
    if (!secure_scheme) return wrong("security psk needs coaps://");
    if (account.identity.empty() || account.identity.size() > longest_identity) return wrong("an identity has 1 to 128 bytes");
    if (account.identity.find('\0') != std::string::npos) return wrong("an identity has no NUL byte");
    if (account.key.empty() || account.key.size() > longest_key) return wrong("a pre-shared key has 1 to 64 bytes");
    return {};
}

}  // namespace lwm2m::coap
