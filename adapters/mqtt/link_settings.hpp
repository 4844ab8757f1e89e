#pragma once

#include "adapters/api/adapter.hpp"

#include <optional>
#include <string>

/// A link's keys: which broker, and how it is spoken to.
namespace adapters::mqtt {

using base::Milliseconds;

struct LinkSettings {
    std::string host;  ///< IPv4, IPv6 without brackets, or a name
    std::uint16_t port = 1883;
    bool tls = false;
    bool v5 = false;  ///< MQTT 5, else 3.1.1
    std::optional<std::string> user;
    std::optional<std::string> password;  ///< never in a log, an error or where()
    std::string ca;                       ///< file of trusted certificates (PEM); "": the system's
    std::string certificate, key;         ///< files (PEM) by which we prove who we are; both or none
    std::string key_pem;                  ///< the key itself, when a secret holds it; then `key` is empty
    std::optional<std::string> key_password;
    std::string client_id;  ///< "": made up at each start
    Milliseconds keepalive{15'000};
    int qos = 0;        ///< of subscriptions, where the profile says nothing
    bool kept = false;  ///< the broker keeps the session while we are away, `session_expiry` long
    Milliseconds session_expiry{3'600'000};
    std::size_t offline_queue = 1000;  ///< messages that wait for the broker, each until its own deadline
    Milliseconds retry_first{250}, retry_max{5'000};

    /// "mqtts broker.example:8883": no user, no secret.
    std::string where() const;
};

/// How long one attempt to connect may take, TLS and the broker's answer included.
constexpr Milliseconds connect_limit{4'000};

/// Keys: mqtt, version, user, password, ca, certificate, key, key_password, client_id, keepalive, qos, session,
/// session_expiry, offline_queue, retry. Reports every mistake, then returns nothing. Values of user, password and
/// key_password are not repeated in any message.
std::optional<LinkSettings> read_link(Fields& link);

}  // namespace adapters::mqtt
