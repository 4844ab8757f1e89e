#pragma once

#include "lwm2m/access.hpp"
#include "lwm2m/object_tree.hpp"
#include "lwm2m/registration.hpp"
#include "lwm2m/sender.hpp"
#include "lwm2m/transport.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lwm2m {

struct ServerConfig {
    ServerAccount account;
    std::chrono::seconds lifetime{300};
    std::chrono::seconds default_pmin{0};
    std::chrono::seconds default_pmax{0};   // 0: none
    bool storing = true;                    ///< /1/x/6: what it misses while it is away is kept
    bool confirmable = false;               ///< /1/x/26
    Retry retry{};                          ///< /1/x/17 to 20
    std::optional<std::uint32_t> order{};   ///< /1/x/13: registered with in ascending order; none: by itself
    std::chrono::seconds initial_delay{0};  ///< /1/x/14: before the first attempt
    bool failure_blocks = false;            ///< /1/x/15: those after it wait until it has registered once
    bool queue = false;
    bool register_on_join = false;
    std::string profile{};
    std::uint8_t rights = right::all;  ///< with several servers: to our own tree, see AccessControl
    SendPlan send{};
};
struct ClientConfig {
    std::string endpoint;
    std::vector<ServerConfig> servers;
    std::chrono::milliseconds update_debounce{5000};  ///< joins and leaves are collected for so long (gateway digest 6)
    /// The prefixes of all devices, for Send; and the /25 instance of one, when access control is to cover device trees.
    std::function<std::vector<std::string>()> prefixes{};
    std::function<std::optional<InstanceId>(std::string_view prefix)> covered_device{};
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
    /// /1/x/4 was executed: de-registered and deaf for so long, then Register.
    void disable(ServerId, std::chrono::seconds);
    /// /1/x/6, /1/x/14, /1/x/26, /1/x/17 to 20 and /1/x/23 were written. The delay counts until it was first registered with.
    void set_storing(ServerId, bool);
    void set_initial_delay(ServerId, std::chrono::seconds);
    void set_default_confirmable(ServerId, bool);
    void set_retry(ServerId, const Retry&);
    void set_mute_send(ServerId, bool);

    /// Values of these paths are sent to a server now (OMA Core 1.2 6.4.6). See Sender::send().
    Result<void> send(ServerId, std::vector<Target> paths);
    AccessControl& access();

    /// Attributes and access rights that servers wrote, as text of many lines; for a restart. import_state() is for before
    /// start(), ignores what it cannot read, and needs no node to be there yet.
    std::string export_state() const;
    void import_state(std::string_view text);
    /// export_state() would say something else than before.
    std::function<void()> on_state_text;

    RegistrationState state(ServerId) const;
    /// One line for STATUS= and the log: "main: registered as /rd/5a3f, lwm2m 1.2".
    std::string status() const;
    /// One server, for `status`.
    struct Report {
        RegistrationState state = RegistrationState::away;
        std::string location;                               ///< "/rd/5a3f"; while it is registered
        int minor = 2;                                      ///< LwM2M 1.minor
        std::optional<std::chrono::seconds> lifetime_left;  ///< while it is registered; nothing: for ever
        std::optional<std::chrono::seconds> retry_in;       ///< while it is away
        std::string trouble;                                ///< the last one: "no answer", "4.03"
    };
    Report report(ServerId) const;
    std::function<void(ServerId, RegistrationState)> on_state;
    std::size_t observations() const;
    /// How often somebody wants this resource looked at, by the epmax of the observations that it falls under. `on_wanted`:
    /// it may be otherwise now, for what is at or below a node. Whoever samples may follow it, or not.
    std::optional<std::chrono::seconds> wanted_every(const Target& resource) const;
    std::function<void(const Target&)> on_wanted;

    void on_request(ServerId, Request, Reply) override;
    void on_lost(ServerId, ObservationId, Lost) override;
    void on_acknowledged(ServerId, ObservationId, std::uint32_t number) override;
    void on_session_closed(ServerId, const std::string& why) override;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace lwm2m
