#include "gateway/own_site.hpp"

#include "gateway/own_objects/access_control.hpp"
#include "gateway/own_objects/connectivity.hpp"
#include "gateway/own_objects/system_files.hpp"

namespace gateway {

namespace {

// Parts of state(), after that of the engine.
constexpr std::string_view portfolio_mark = "[portfolio]\n", server_mark = "[server]\n";
constexpr auto look_every = std::chrono::seconds(10);  // at what may be wrong with ourselves

/// The site's checked words: "/3/0/9", "/dev1/3303", "/*/3303/0/5700".
lwm2m::Target target_of(const std::string& text) {
    if (text.starts_with("/*/")) {
        auto path = lwm2m::Path::parse(std::string_view(text).substr(2));
        return {"*", path ? *path : lwm2m::Path{}};
    }
    auto target = lwm2m::Target::parse(text);
    return target ? *target : lwm2m::Target{};
}

std::string or_else(const std::string& word, const std::string& otherwise) { return word.empty() ? otherwise : word; }

}  // namespace

void apply_settings(const config::Server& from, lwm2m::ServerConfig& to) {
    to.lifetime = from.lifetime;
    to.default_pmin = from.min_period;
    to.default_pmax = from.max_period;
    to.storing = from.storing;
    to.confirmable = from.confirmable;
    to.retry = {from.retry.count, from.retry.timer, from.retry.pause, from.retry.sequences};
    to.order = from.order;
    to.initial_delay = from.delay;
    to.failure_blocks = from.blocks;
    to.queue = from.queue;
    to.register_on_join = from.register_on_join;
    to.profile = from.profile_id;
    to.rights = from.rights;
    to.send.every = from.send.every;
    to.send.devices = from.send.devices;
    for (const std::string& path : from.send.paths) to.send.paths.push_back(target_of(path));
}

OwnSite::OwnSite(const config::Site& site, const lwm2m::ClientConfig& config, ObjectTree& tree, base::Timers& timers,
                 const std::string& version, std::function<void()> restart)
    : several_servers_(config.servers.size() > 1), timers_(timers), looking_(timers) {
    auto server = std::make_unique<own_objects::Server>(config);
    server_ = server.get();
    tree.add(std::move(server));

    own_objects::Device::Facts facts;
    facts.manufacturer = or_else(site.device.manufacturer, facts.manufacturer);
    facts.model = or_else(site.device.model, "LwM2M gateway");
    facts.serial = or_else(site.device.serial, site.endpoint);
    facts.hardware = site.device.hardware;
    facts.version = version;
    facts.now = [&timers] { return timers.wall(); };
    facts.restart = restart;
    facts.troubles = [this] { return troubles ? troubles() : std::vector<std::int64_t>(); };
    if (site.device.factory_reset)
        facts.factory_reset = [this, restart] {
            forgotten_ = true;
            if (on_state) on_state();
            restart();
        };
    auto device = std::make_unique<own_objects::Device>(std::move(facts));
    device_ = device.get();
    tree.add(std::move(device));
    device_->on_errors = [&tree] {
        // Its instances come and go with the codes, so whoever observes it reads it anew.
        if (tree.on_own_changed) tree.on_own_changed(lwm2m::Path::of({3, 0, 11}), {});
    };

    own_objects::Connectivity::Facts network;
    network.addresses = &own_objects::ip_addresses;
    tree.add(std::make_unique<own_objects::Connectivity>(std::move(network)));
    tree.add(std::make_unique<own_objects::Statistics>("", [&timers] { return timers.now(); }));
    if (site.location) {
        const own_objects::Location::Place place{site.location->latitude, site.location->longitude, site.location->altitude};
        tree.add(std::make_unique<own_objects::Location>(place, timers.wall()));
    }
    auto portfolio = std::make_unique<own_objects::Portfolio>();
    portfolio_ = portfolio.get();
    tree.add(std::move(portfolio));
}

void OwnSite::attach(lwm2m::Client& client, ObjectTree& tree, const std::string& saved) {
    client_ = &client;
    server_->client = &client;
    if (several_servers_) tree.add(std::make_unique<own_objects::AccessControl>(client.access()));
    std::string_view rest = saved;
    const auto cut = [&rest](std::string_view mark) -> std::string_view {
        const std::size_t at = rest.find(mark);
        if (at == std::string_view::npos) return {};
        const std::string_view part = rest.substr(at + mark.size());
        rest = rest.substr(0, at);
        return part;
    };
    server_->import_state(cut(server_mark));
    portfolio_->import_state(cut(portfolio_mark));
    client.import_state(rest);
    const auto changed = [this] {
        if (on_state) on_state();
    };
    server_->on_change = changed;
    portfolio_->on_change = changed;
    client.on_state_text = changed;
    look();
}

void OwnSite::look() {
    device_->look();
    looking_.set(timers_.now() + look_every, [this] { look(); });
}

std::string OwnSite::state() const {
    if (forgotten_ || client_ == nullptr) return "";
    return fmt::format("{}{}{}{}{}", client_->export_state(), portfolio_mark, portfolio_->export_state(), server_mark,
                       server_->export_state());
}

}  // namespace gateway
