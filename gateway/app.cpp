#include "gateway/app.hpp"

#include "gateway/base/log.hpp"
#include "gateway/own_objects/gateway_object.hpp"

#include <algorithm>

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
      discovery_(state_, timers),
      health_(devices_, intake_, timers),
      service_(timers),
      restart_(timers),
      status_(timers),
      saving_(timers),
      joining_(timers),
      following_(timers) {
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
    own_->troubles = [this] { return troubles(); };
    tree_.add(std::make_unique<own_objects::GatewayObject>(devices_));

    client_ = std::make_unique<lwm2m::Client>(transport, tree_, timers, random, config);
    own_->attach(*client_, tree_, state_.servers());
    for (auto& server : site_.config.servers) std::fill(server.key.begin(), server.key.end(), std::uint8_t{0});

    wire();
}

void App::wire() {
    intake_.on_value = [this](DeviceIndex device, PointNumber point, Intake::News news) { tell_value(device, point, news); };
    intake_.on_presence = [this](DeviceIndex device, Presence before) {
        if (before == Presence::offline) health_.back(device);
        tell_presence(device);
    };
    tree_.on_changed = [this](DeviceIndex device, std::uint16_t resource) { tell_resource(devices_.at(device), resource); };
    tree_.on_own_changed = [this](const lwm2m::Path& path, const lwm2m::Value& value) {
        client_->changed({"", path}, value, timers_.wall());
    };
    client_->on_state = [this](lwm2m::ServerId, lwm2m::RegistrationState) { show_status(); };
    client_->on_wanted = [this](const lwm2m::Target& at) { wanted(at); };
    links_.recall = [this](const std::string& link) { return state_.learned(link); };
    links_.on_remember = [this](const std::string& link, std::string key, std::string value) {
        if (!state_.learn(link, key, std::move(value)))
            base::log().warn("link '{}': what it learned of '{}' is too much to be kept", link, base::printable(key));
        else if (state_.dirty())
            save_within(std::chrono::seconds(60));
    };
    links_.on_found = [this](std::size_t link, adapters::RuleId number, adapters::Found found) {
        const auto& rules = site_.plan->rules;
        const auto rule = std::find_if(rules.begin(), rules.end(),
                                       [&](const mapping::Rule& its) { return its.link == link && its.number == number; });
        if (rule != rules.end()) discovery_.found(*rule, std::move(found));
    };
    links_.on_halt = [this](DeviceIndex device) {
        broker_.drop(device,
                     {base::Errc::offline, fmt::format("the link of '{}' is being opened anew", devices_.at(device).spec->id)});
    };
    discovery_.on_change = [this] { decided(); };
    // What a server wrote was answered 2.04: it must not be lost, but ten writes in a row are one to the flash.
    own_->on_state = [this] { save_within(base::Milliseconds(1000)); };
    health_.on_forget = [this](DeviceIndex device) {
        base::log().warn("device '{}' has been away for long: it is taken out of the object list until it is back",
                         devices_.at(device).spec->id);
        devices_.hide(device);
        client_->prefix_removed(devices_.at(device).prefix);
        client_->instances_changed();
    };
}

App::~App() = default;

void App::give_prefixes() {
    for (DeviceIndex d = 0; d < devices_.size(); ++d) {
        const auto& spec = *devices_.at(d).spec;
        auto given = state_.give(spec.id, spec.prefix);
        devices_.give(d, std::move(given.prefix), given.instance);
    }
    save();
}

/// Told once; tried again each minute until it works.
void App::save() {
    if (own_) state_.set_servers(own_->state());
    const auto saved = state_.save();
    if (!saved) {
        if (!std::exchange(save_failed_, true))
            base::log().error("the state cannot be saved, and is kept in memory until it can: {}", saved.error().message);
        save_within(std::chrono::seconds(60));
    } else if (std::exchange(save_failed_, false)) {
        base::log().info("the state is saved again");
    }
}

void App::save_within(base::Milliseconds span) {
    const auto when = timers_.now() + span;
    if (saving_.is_set() && save_at_ <= when) return;
    save_at_ = when;
    saving_.set(when, [this] { save(); });
}

/// Decisions are saved at once. What they change runs when no more came for 5 s, or 60 s after the first: opening a link
/// anew for each of thirty meters that a look finds would be no service to the others on it.
void App::decided() {
    save_within(base::Milliseconds(0));
    if (stopping_) return;
    const auto now = timers_.now();
    if (!joining_.is_set()) join_by_ = now + std::chrono::seconds(60);
    joining_.set(std::min(now + std::chrono::seconds(5), join_by_), [this] {
        reload([](const base::Result<ReloadReport>& report) {
            if (!report)
                base::log().error("discovered devices do not join, the files have mistakes:\n{}", report.error().message);
        });
    });
}

void App::wanted(const lwm2m::Target& at) {
    if (at.prefix.empty() || stopping_ || devices_.by_prefix(at.prefix) == EndDevices::none) return;
    wishes_.insert(at.prefix);
    // A server that observes a site does so in one go.
    if (!following_.is_set()) following_.set(timers_.now() + base::Milliseconds(200), [this] { follow_wishes(); });
}

/// A server says by epmax how old a value may be that it is told of; points that are polled more slowly are hastened.
void App::follow_wishes() {
    for (const auto& prefix : std::exchange(wishes_, {})) {
        const DeviceIndex index = devices_.by_prefix(prefix);
        if (index == EndDevices::none) continue;
        const TypeInfo& info = *devices_.at(index).info;
        std::vector<std::optional<base::Milliseconds>> wish(info.groups.size());
        for (const auto& resource : info.type->resources) {
            if (resource.source != mapping::Source::point) continue;
            const auto every = client_->wanted_every({prefix, resource.path});
            if (!every) continue;
            const auto take = [&](PointNumber point) {
                if (const auto group = info.group_of[point]; group != no_slot)
                    wish[group] = std::min<base::Milliseconds>(wish[group].value_or(*every), *every);
            };
            take(resource.number);
            for (const auto input : info.type->points[resource.number].inputs) take(input);
        }
        for (std::size_t g = 0; g < wish.size(); ++g) links_.hasten(index, static_cast<std::uint16_t>(g), wish[g]);
    }
}

base::Result<void> App::start() {
    links_.start();
    settle();
    if (auto started = client_->start(); !started) return started;
    service_.ready([this] {
        const auto stuck = links_.stuck();
        return stuck.empty() ? std::string() : fmt::format("link '{}' makes no progress", stuck);
    });
    base::log().info("ready: {} devices on {} links, {} servers", devices_.count(), links_.links(),
                     site_.config.servers.size());
    show_status();
    return {};
}

void App::stop(std::function<void()> done) {
    stopping_ = true;
    joining_.cancel();
    if (reload_runs_) {  // its links close first
        stop_after_reload_ = std::move(done);
        return;
    }
    service_.stopping();
    status_.cancel();
    client_->stop([this, done = std::move(done)]() mutable {
        links_.stop([this, done = std::move(done)] {
            save();
            done();
        });
    });
}

void App::tell_resource(const EndDevice& device, std::uint16_t number) {
    const auto& resource = device.info->type->resources[number];
    if (resource.source == mapping::Source::error_code) return tell_errors(device);
    auto value = tree_.value(device, resource);
    if (value.index() == 0) return;
    client_->changed({device.prefix, resource.path}, value, timers_.wall());
}

void App::tell_errors(const EndDevice& device) {
    if (device.info->error_resource == no_slot) return;
    // Its instances come and go with the codes, so those who observe it read it anew.
    client_->changed_below({device.prefix, device.info->type->resources[device.info->error_resource].path});
}

void App::tell_value(DeviceIndex index, PointNumber point, Intake::News news) {
    if (client_->observations() == 0) return;
    using mapping::Source;
    const EndDevice& device = devices_.at(index);
    if (device.away) return;
    if (device.info->tells_error[point] && (news.value || news.quality)) tell_errors(device);
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
    const EndDevice& device = devices_.at(index);
    if (device.away && device.presence == Presence::online) {
        devices_.show(index);
        client_->instances_changed();
    }
    // Not from within the answer that told it: the link is at work.
    if (broker_.kept() != 0 && device.presence == Presence::online)
        timers_.at(timers_.now(), [this, index, serial = device.serial] {
            if (devices_.has(index) && devices_.at(index).serial == serial) broker_.presence_changed(index);
        });
    if (client_->observations() == 0 || device.away) return;
    using mapping::Source;
    const auto& resources = device.info->type->resources;
    for (std::size_t i = 0; i < resources.size(); ++i)
        if (resources[i].source == Source::quality || resources[i].source == Source::error_code)
            tell_resource(device, static_cast<std::uint16_t>(i));
}

/// Codes of our own 3/0/11: 8 peripheral malfunction, and 16, which is ours.
std::vector<std::int64_t> App::troubles() const {
    std::vector<std::int64_t> codes;
    bool link_down = !links_.stuck().empty();
    for (std::size_t i = 0; i < links_.links() && !link_down; ++i) link_down = links_.is_down(i);
    if (link_down) codes.push_back(8);
    if (save_failed_) codes.push_back(16);
    return codes;
}

void App::show_status() {
    if (status_.is_set()) return;  // many devices change at once: one line a second is enough
    status_.set(timers_.now() + base::Milliseconds(1000), [this] {
        std::size_t online = 0, offline = 0;
        for (DeviceIndex d = 0; d < devices_.size(); ++d) {  // a free place is neither
            if (devices_.at(d).presence == Presence::online) ++online;
            if (devices_.at(d).presence == Presence::offline) ++offline;
        }
        service_.status(
            fmt::format("{}; {} of {} devices online, {} offline", client_->status(), online, devices_.count(), offline));
    });
}

}  // namespace gateway
