#pragma once

#include "gateway/broker.hpp"
#include "gateway/discovery.hpp"
#include "gateway/health_watch.hpp"
#include "gateway/object_tree.hpp"
#include "gateway/own_site.hpp"
#include "gateway/reload.hpp"
#include "gateway/service_manager.hpp"
#include "gateway/site.hpp"
#include "gateway/state_store.hpp"
#include "lwm2m/client.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

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

    // -- Reload.

    /// Reads the files anew: load_site() with this state and catalog. Set by main(); without it reload() is refused.
    using Load =
        std::function<std::optional<Site>(base::Diagnostics&, const StateStore&, std::shared_ptr<const lwm2m::ObjectCatalog>)>;
    Load load;
    /// True: the log level was given to the program and does not follow the files.
    bool log_level_fixed = false;
    /// Takes over what changed in the files while everything else runs on. `done` is called once, perhaps from within
    /// this call. Errc::bad_request: there are mistakes, all of them in the text, and nothing was changed.
    /// Errc::not_supported: no `load`; Errc::offline: the gateway is stopping. Several at once become one.
    void reload(std::function<void(base::Result<ReloadReport>)> done);

    // -- What runs, for the verbs. References hold as long as the app; what they show changes with a reload.

    const Site& site() const { return site_; }
    const mapping::Plan& plan() const { return *site_.plan; }
    EndDevices& devices() { return devices_; }
    ValueStore& store() { return store_; }
    Intake& intake() { return intake_; }
    LinkHost& links() { return links_; }
    Broker& broker() { return broker_; }
    ObjectTree& tree() { return tree_; }
    Discovery& discovery() { return discovery_; }
    lwm2m::Client& client() { return *client_; }

private:
    void wire();
    void give_prefixes();
    void tell_value(DeviceIndex, PointNumber, Intake::News);
    void tell_presence(DeviceIndex);
    void tell_resource(const EndDevice&, std::uint16_t resource);
    void tell_errors(const EndDevice&);
    void show_status();
    std::vector<std::int64_t> troubles() const;
    void save();
    void save_within(base::Milliseconds);
    void decided();
    void wanted(const lwm2m::Target&);
    void follow_wishes();

    void reload_now();
    void reloaded(base::Result<ReloadReport>);
    ReloadReport apply(Site next, const Changes&);
    void settle();

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
    Discovery discovery_;
    HealthWatch health_;
    std::unique_ptr<OwnSite> own_;
    std::unique_ptr<lwm2m::Client> client_;
    ServiceManager service_;
    base::Timer restart_;
    base::Timer status_;
    base::Timer saving_;
    base::Timer joining_;
    base::Timer following_;
    std::set<std::string> wishes_;  // prefixes under which observations came, went or changed; at most one a device
    base::Instant save_at_{}, join_by_{};
    bool save_failed_ = false;
    // Those who wait for the reload that runs, and those for the one after it.
    std::vector<std::function<void(base::Result<ReloadReport>)>> reloading_, waiting_;
    bool reload_runs_ = false;
    std::function<void()> stop_after_reload_;
    bool stopping_ = false;
};

/// The engine's settings from the site's.
lwm2m::ClientConfig client_config(const config::Site&);

}  // namespace gateway
