#include "gateway/app.hpp"

#include "gateway/base/log.hpp"
#include "gateway/own_objects/gateway_object.hpp"

namespace gateway {

lwm2m::ClientConfig client_config(const config::Site& site) {
    lwm2m::ClientConfig config;
    config.endpoint = site.endpoint;
    for (const auto& server : site.servers) {
        lwm2m::ServerConfig its;
        its.account.id = server.short_id;
        its.account.name = server.name;
        its.account.uri = server.uri;
        its.account.security = server.security == config::Security::psk ? lwm2m::Security::psk : lwm2m::Security::nosec;
        its.account.identity = server.identity;
        its.account.key = server.key;
        apply_settings(server, its);
        config.servers.push_back(std::move(its));
    }
    return config;
}

App::App(Site site, StateStore state, lwm2m::Transport& transport, base::Timers& timers, base::Random& random,
         std::string version)
    : site_(std::move(site)),
      state_(std::move(state)),
      timers_(timers),
      devices_(*site_.plan, *site_.catalog),
      store_(devices_.readings(), devices_.extremes()),
      intake_(devices_, store_, timers, random),
      links_(*site_.plan, devices_, intake_, guard_, timers),
      broker_(devices_, store_, intake_, links_, guard_, timers),
      tree_(*site_.catalog, devices_, store_, links_, broker_, timers),
      service_(timers),
      restart_(timers),
      status_(timers) {
    give_prefixes();
    auto config = client_config(site_.config);
    config.prefixes = [this] {
        std::vector<std::string> all;
        for (const auto instance : tree_.list({"", lwm2m::Path::of({25})}))
            if (instance.level() == lwm2m::Path::Level::instance)
                all.push_back(devices_.at(devices_.by_instance(instance.instance())).prefix);
        return all;
    };
    if (site_.config.access_covers_devices)
        config.covered_device = [this](std::string_view prefix) -> std::optional<lwm2m::InstanceId> {
            const DeviceIndex device = devices_.by_prefix(prefix);
            return device == EndDevices::none ? std::nullopt : std::optional(devices_.at(device).instance);
        };
    // The answer must have left before the session goes.
    const auto restart = [this] {
        restart_.set(timers_.now() + base::Milliseconds(500), [this] {
            if (on_restart) on_restart();
        });
    };
    own_ = std::make_unique<OwnSite>(site_.config, config, tree_, timers, version, restart);
    tree_.add(std::make_unique<own_objects::GatewayObject>(devices_));

    client_ = std::make_unique<lwm2m::Client>(transport, tree_, timers, random, config);
    own_->attach(*client_, tree_, "");
    for (auto& server : site_.config.servers) std::fill(server.key.begin(), server.key.end(), std::uint8_t{0});

    intake_.on_value = [this](DeviceIndex device, PointNumber point, Intake::News news) { tell_value(device, point, news); };
    intake_.on_presence = [this](DeviceIndex device, Presence) { tell_presence(device); };
    tree_.on_changed = [this](DeviceIndex device, std::uint16_t resource) { tell_resource(devices_.at(device), resource); };
    tree_.on_own_changed = [this](const lwm2m::Path& path, const lwm2m::Value& value) {
        client_->changed({"", path}, value, timers_.wall());
    };
    client_->on_state = [this](lwm2m::ServerId, lwm2m::RegistrationState) { show_status(); };
}

App::~App() = default;

void App::give_prefixes() {
    for (DeviceIndex d = 0; d < devices_.size(); ++d) {
        const auto& spec = *devices_.at(d).spec;
        auto given = state_.give(spec.id, spec.prefix);
        devices_.give(d, std::move(given.prefix), given.instance);
    }
    if (const auto saved = state_.save(); !saved)
        base::log().error("the devices' prefixes could not be saved: {}", saved.error().message);
}

base::Result<void> App::start() {
    links_.start();
    if (auto started = client_->start(); !started) return started;
    service_.ready([this] {
        const auto stuck = links_.stuck();
        return stuck.empty() ? std::string() : fmt::format("link '{}' makes no progress", stuck);
    });
    base::log().info("ready: {} devices on {} links, {} servers", devices_.size(), links_.links(), site_.config.servers.size());
    show_status();
    return {};
}

void App::stop(std::function<void()> done) {
    service_.stopping();
    status_.cancel();
    client_->stop([this, done = std::move(done)]() mutable {
        links_.stop([this, done = std::move(done)] {
            if (const auto saved = state_.save(); !saved)
                base::log().error("the devices' prefixes could not be saved: {}", saved.error().message);
            done();
        });
    });
}

void App::tell_resource(const EndDevice& device, std::uint16_t number) {
    const auto& resource = device.info->type->resources[number];
    auto value = tree_.value(device, resource);
    if (value.index() == 0) return;
    const auto path = resource.source == mapping::Source::error_code ? *resource.path.child(0) : resource.path;
    client_->changed({device.prefix, path}, value, timers_.wall());
}

void App::tell_value(DeviceIndex index, PointNumber point, Intake::News news) {
    if (client_->observations() == 0) return;
    using mapping::Source;
    const EndDevice& device = devices_.at(index);
    for (const std::uint16_t number : device.info->resources_of[point]) {
        switch (device.info->type->resources[number].source) {
            case Source::point:
                if (!news.value) continue;
                break;
            case Source::minimum:
                if (!news.least) continue;
                break;
            case Source::maximum:
                if (!news.most) continue;
                break;
            case Source::quality:
                if (!news.quality) continue;
                break;
            case Source::timestamp: break;
            default: continue;
        }
        tell_resource(device, number);
    }
}

void App::tell_presence(DeviceIndex index) {
    show_status();
    if (client_->observations() == 0) return;
    using mapping::Source;
    const EndDevice& device = devices_.at(index);
    const auto& resources = device.info->type->resources;
    for (std::size_t i = 0; i < resources.size(); ++i)
        if (resources[i].source == Source::quality || resources[i].source == Source::error_code)
            tell_resource(device, static_cast<std::uint16_t>(i));
}

void App::show_status() {
    if (status_.is_set()) return;  // many devices change at once: one line a second is enough
    status_.set(timers_.now() + base::Milliseconds(1000), [this] {
        std::size_t online = 0, offline = 0;
        for (DeviceIndex d = 0; d < devices_.size(); ++d) {
            if (devices_.at(d).presence == Presence::online) ++online;
            if (devices_.at(d).presence == Presence::offline) ++offline;
        }
        service_.status(
            fmt::format("{}; {} of {} devices online, {} offline", client_->status(), online, devices_.size(), offline));
    });
}

}  // namespace gateway
