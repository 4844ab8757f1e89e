#pragma once

#include "lwm2m/transport.hpp"

#include <string>

namespace lwm2m::coap {

/// A pre-shared key with its identity, overwritten when it goes. Not to be copied, never logged.
class Credentials {
public:
    Credentials() = default;
    Credentials(std::string identity, Bytes key) : identity_(std::move(identity)), key_(std::move(key)) {}
    Credentials(const Credentials&) = delete;
    Credentials& operator=(const Credentials&) = delete;
    ~Credentials();

    const std::string& identity() const { return identity_; }
    ByteView key() const { return key_; }

private:
    std::string identity_;
    Bytes key_;
};

/// What is wrong with an account's identity and key for its security mode and scheme; Errc::bad_request.
Result<void> check_credentials(const ServerAccount& account, bool secure_scheme);

}  // namespace lwm2m::coap
