#pragma once

#include "config/config.hpp"
#include "gateway/object_tree.hpp"
#include "gateway/own_objects/device.hpp"
#include "gateway/own_objects/portfolio.hpp"
#include "gateway/own_objects/server.hpp"
#include "lwm2m/client.hpp"

#include <functional>
#include <string>

namespace gateway {

/// What the site says of one server, but its address and credentials.
void apply_settings(const config::Server& from, lwm2m::ServerConfig& to);

/// The gateway's own objects, made of the site's words: 1 Server, 3 Device, 4 Connectivity Monitoring, 6 Location where the
/// site knows it, 7 Connectivity Statistics, 16 Portfolio, and with several servers 2 Access Control. 25 is the devices'.
class OwnSite {
public:
    OwnSite(const config::Site&, const lwm2m::ClientConfig&, ObjectTree&, base::Timers&, const std::string& version,
            std::function<void()> restart);
    /// Before the client starts. `saved`: what state() said in an earlier life, or nothing.
    void attach(lwm2m::Client&, ObjectTree&, const std::string& saved);

    /// Codes of 3/0/11 for what is wrong with the gateway beyond its own machine; asked every ten seconds. Set before attach().
    std::function<std::vector<std::int64_t>()> troubles;
    /// What servers wrote and a restart must not lose: attributes, rights, accounts, identities. Text of many lines.
    std::string state() const;
    /// state() would say something else.
    std::function<void()> on_state;

private:
    void look();

    lwm2m::Client* client_ = nullptr;
    own_objects::Server* server_ = nullptr;
    own_objects::Device* device_ = nullptr;
    own_objects::Portfolio* portfolio_ = nullptr;
    bool forgotten_ = false;  // by a factory reset: nothing is kept any more
    bool several_servers_ = false;
    base::Timers& timers_;
    base::Timer looking_;
};

}  // namespace gateway
