#include "gateway/app.hpp"
#include "gateway/base/log.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace gateway {

using base::Errc;
using base::fail;

void App::reload(std::function<void(base::Result<ReloadReport>)> done) {
    if (stopping_) return done(fail(Errc::offline, "the gateway is stopping"));
    if (!load) return done(fail(Errc::not_supported, "this gateway was started without files"));
    waiting_.push_back(std::move(done));
    if (!reload_runs_) reload_now();
}

void App::reload_now() {
    reload_runs_ = true;
    reloading_ = std::exchange(waiting_, {});
    joining_.cancel();  // this is the reload that it waits for
    base::Diagnostics diagnostics;
    auto next = load(diagnostics, state_, site_.catalog);
    if (!next || !diagnostics.ok()) {
        base::log().error("reload: {} mistakes in the files; everything runs on as it was", diagnostics.different());
        reloaded(fail(Errc::bad_request, diagnostics.str()));
        return;
    }
    const Changes changes = compare(site_, *next);
    std::vector<std::size_t> closing;
    for (std::size_t i = 0; i < changes.link_to.size(); ++i)
        if (changes.link_to[i] == Changes::none) closing.push_back(i);
    // A port must be closed before it is opened again, so nothing of the new begins before the old has ended.
    auto site = std::make_shared<Site>(std::move(*next));
    links_.halt(closing, [this, site, changes] { reloaded(apply(std::move(*site), changes)); });
}

void App::reloaded(base::Result<ReloadReport> report) {
    reload_runs_ = false;
    if (report) base::log().info("reload: {}", report->str());
    for (auto& done : std::exchange(reloading_, {})) done(report);
    if (stopping_) {
        for (auto& done : std::exchange(waiting_, {})) done(fail(Errc::offline, "the gateway is stopping"));
        if (const auto done = std::exchange(stop_after_reload_, nullptr)) stop(done);
    } else if (!waiting_.empty() && !reload_runs_) {
        reload_now();
    }
}

ReloadReport App::apply(Site next, const Changes& changes) {
    ReloadReport report;
    report.needs_restart = changes.needs_restart;
    mapping::Plan& before = *site_.plan;
    mapping::Plan& after = *next.plan;

    // What goes on keeps its driver, and the driver's numbers for its devices.
    for (std::size_t i = 0; i < after.links.size(); ++i) {
        if (changes.link_from[i] == Changes::none) {
            report.opened.push_back(after.links[i].name);
            continue;
        }
        after.links[i].driver = std::move(before.links[changes.link_from[i]].driver);
        ++report.links_kept;
    }
    for (std::size_t i = 0; i < before.links.size(); ++i)
        if (changes.link_to[i] == Changes::none) report.closed.push_back(before.links[i].name);

    std::unordered_map<std::string_view, DeviceIndex> places;
    places.reserve(devices_.size());
    for (DeviceIndex d = 0; d < devices_.size(); ++d)
        if (devices_.has(d)) places[devices_.at(d).spec->id] = d;

    const auto forget = [this](DeviceIndex d) {
        const EndDevice& device = devices_.at(d);
        intake_.forget(d);
        links_.troubles().forget(d);
        store_.forget(device.first_reading, device.info->type->points.size(), device.first_extreme, device.info->extremes);
    };
    bool instances = false;
    std::vector<std::string> prefixes;  // that lead nowhere any more
    for (const std::size_t gone : changes.gone) {
        const DeviceIndex d = places.at(before.devices[gone].id);
        report.removed.push_back(before.devices[gone].id);
        if (!devices_.at(d).away) {
            prefixes.push_back(devices_.at(d).prefix);
            instances = true;
        }
        forget(d);
        devices_.remove(d);
    }
    std::vector<DeviceIndex> added, changed;
    for (std::size_t i = 0; i < after.devices.size(); ++i) {
        auto& spec = after.devices[i];
        const std::size_t from = changes.device_from[i];
        if (from == Changes::none) {
            added.push_back(devices_.add(spec));
            report.added.push_back(spec.id);
            continue;
        }
        auto& old = before.devices[from];
        const DeviceIndex d = places.at(old.id);
        if (changes.link_from[spec.link] != Changes::none) {
            spec.number = old.number;
            spec.type = old.type;
            devices_.move(d, spec);
            ++report.kept;
        } else if (changes.same_kind[i]) {
            const bool same_place = site_.digests.devices[from].place == next.digests.devices[i].place &&
                                    before.links[old.link].name == after.links[spec.link].name;
            devices_.move(d, spec);
            if (same_place)
                ++report.kept;
            else
                report.moved.push_back(spec.id);
        } else {
            forget(d);
            devices_.change(d, spec);
            changed.push_back(d);
            report.changed.push_back(spec.id);
        }
    }
    store_.grow(devices_.readings(), devices_.extremes());

    // Prefixes: those of the new ones, and those that the site has renamed.
    bool renamed = false;
    for (DeviceIndex d = 0; d < devices_.size(); ++d) {
        if (!devices_.has(d)) continue;
        const EndDevice& device = devices_.at(d);
        const bool fresh = device.prefix.empty();
        auto given = state_.give(device.spec->id, device.spec->prefix);
        if (!fresh && given.prefix == device.prefix) continue;
        if (!fresh && !device.away) prefixes.push_back(device.prefix);
        renamed = renamed || !fresh;
        devices_.give(d, std::move(given.prefix), given.instance);
        instances = instances || fresh;
    }
    const Site old_site = std::exchange(site_, std::move(next));
    links_.adopt(*site_.plan, changes.link_from);
    if (!log_level_fixed)
        if (const auto level = base::parse_level(site_.config.log_level)) base::log().set_level(*level);
    for (auto& server : site_.config.servers) std::fill(server.key.begin(), server.key.end(), std::uint8_t{0});

    for (const auto& prefix : prefixes) client_->prefix_removed(prefix);
    for (const DeviceIndex d : changed) client_->changed_below({devices_.at(d).prefix, {}});
    if (instances) {
        client_->instances_changed();
    } else if (renamed) {
        client_->changed_below({"", lwm2m::Path::of({25})});
    } else {
        for (const DeviceIndex d : changed) client_->changed_below({"", lwm2m::Path::of({25, devices_.at(d).instance, 3})});
    }
    if (client_->observations() != 0)  // links that were opened anew know of no wishes yet
        for (DeviceIndex d = 0; d < devices_.size(); ++d)
            if (devices_.has(d)) wanted({devices_.at(d).prefix, {}});
    save();
    settle();
    for (const auto& [id, why] : site_.left_out) report.left_out.push_back(fmt::format("{} ({})", id, why));
    show_status();
    return report;
}

void App::settle() {
    std::unordered_set<std::string_view> ids;
    for (DeviceIndex d = 0; d < devices_.size(); ++d)
        if (devices_.has(d)) ids.insert(devices_.at(d).spec->id);
    discovery_.settled([&ids](const std::string& id) { return ids.contains(id); }, site_.left_out);
    health_.look();
}

}  // namespace gateway
