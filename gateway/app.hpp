#pragma once

#include "gateway/broker.hpp"
#include "gateway/object_tree.hpp"
#include "gateway/own_site.hpp"
#include "gateway/service_manager.hpp"
#include "gateway/site.hpp"
#include "gateway/state_store.hpp"
#include "lwm2m/client.hpp"

#include <functional>
#include <memory>

namespace gateway {

/// Owns everything that runs, in the order in which it may be started and, backwards, stopped.
class App {
public:
    /// `transport`, `timers` and `random` outlive the app: main() gives the real ones, tests theirs.
    App(Site site, StateStore state, lwm2m::Transport&, base::Timers&, base::Random&, std::string version);
    ~App();

    /// Links first, then the servers, then READY=1. Being registered is no condition of that.
    base::Result<void> start();
    /// No new requests, de-register (2 s at most), links closed, state saved; then `done`.
    void stop(std::function<void()> done);
    /// The server asked for a restart by /3/0/4.
    std::function<void()> on_restart;

    lwm2m::Client& client() { return *client_; }

private:
    void give_prefixes();
    void tell_value(DeviceIndex, PointNumber, Intake::News);
    void tell_presence(DeviceIndex);
    void tell_resource(const EndDevice&, std::uint16_t resource);
    void show_status();

    Site site_;
    StateStore state_;
    base::Timers& timers_;
    EndDevices devices_;
    ValueStore store_;
    Intake intake_;
    WriteGuard guard_;
    LinkHost links_;
    Broker broker_;
    ObjectTree tree_;
    std::unique_ptr<OwnSite> own_;
    std::unique_ptr<lwm2m::Client> client_;
    ServiceManager service_;
    base::Timer restart_;
    base::Timer status_;
};

/// The engine's settings from the site's.
lwm2m::ClientConfig client_config(const config::Site&);

}  // namespace gateway
