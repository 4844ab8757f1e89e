#pragma once

#include "lwm2m/object_tree.hpp"
#include "lwm2m/registration.hpp"
#include "lwm2m/transport.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lwm2m {

struct ServerConfig {
    ServerAccount account;
    std::chrono::seconds lifetime{300};
    std::chrono::seconds default_pmin{0};
    std::chrono::seconds default_pmax{0};  // 0: none
};
struct ClientConfig {
    std::string endpoint;
    std::vector<ServerConfig> servers;
    std::chrono::milliseconds update_debounce{5000};  ///< joins and leaves are collected for so long (gateway digest 6)
};

/// One LwM2M client for all its servers. Single-threaded, without a clock, socket or device of its own.
class Client final : public RequestHandler {
public:
    Client(Transport&, ObjectTree&, base::Timers&, base::Random&, ClientConfig);
    ~Client();

    /// Opens the accounts and registers; being refused or unanswered is retried for ever.
    Result<void> start();
    /// De-registers everywhere (2 s at most), then calls `done` once.
    void stop(std::function<void()> done);

    /// A value of the tree is new. Cheap when nobody observes it.
    void changed(const Target&, const Value&, WallTime);
    /// The value set under `at` is new as a whole (a device joined or left, went offline): re-read what is observed there.
    void changed_below(const Target& at);
    /// Object instances of our own tree came or went: Update with the full list, debounced; observers of /25 are told.
    void instances_changed();
    /// A device is gone for good: each observation under its prefix gets one 4.04 and ends.
    void prefix_removed(const std::string& prefix);
    /// /1/x/1 was written: Update with lt at once.
    void lifetime_changed(ServerId, std::chrono::seconds);
    std::chrono::seconds lifetime(ServerId) const;
    /// /1/x/2 and /1/x/3: default pmin and pmax of this server's observations; pmax 0: none.
    void set_default_periods(ServerId, std::chrono::seconds pmin, std::chrono::seconds pmax);
    /// /1/x/8 was executed.
    void update_now(ServerId);

    RegistrationState state(ServerId) const;
    /// One line for STATUS= and the log: "main: registered as /rd/5a3f, lwm2m 1.2".
    std::string status() const;
    std::function<void(ServerId, RegistrationState)> on_state;
    std::size_t observations() const;

    void on_request(ServerId, Request, Reply) override;
    void on_lost(ServerId, ObservationId, Lost) override;
    void on_session_closed(ServerId, const std::string& why) override;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace lwm2m
