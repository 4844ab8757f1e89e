#include "gateway/site.hpp"

#include "gateway/base/log.hpp"
#include "gateway/state_store.hpp"
#include "mapping/bus_load.hpp"
#include "mapping/site.hpp"

#include <fmt/ranges.h>
#include <algorithm>
#include <filesystem>
#include <unordered_map>

namespace gateway {

namespace fs = std::filesystem;

void Places::find_installed() {
    std::error_code error;
    const fs::path bin = fs::read_symlink("/proc/self/exe", error).parent_path();
    const auto first = [&error](std::initializer_list<fs::path> candidates) -> std::string {
        for (const auto& candidate : candidates)
            if (fs::is_directory(candidate, error)) return candidate.lexically_normal().string();
        return {};
    };
    if (plugins.empty()) plugins = first({bin / "adapters", bin / ".." / GATEWAY_LIBDIR / "lwm2m-gateway/adapters"});
    if (profiles.empty()) profiles = first({bin / "../share/lwm2m-gateway/profiles", bin / "../../mapping/profiles"});
}

AdapterRegistry find_adapters(const Places& places) {
    AdapterRegistry registry;
    if (!places.plugins.empty())
        if (const auto read = registry.look_in(places.plugins); !read) base::log().error("{}", read.error().message);
    return registry;
}

std::unique_ptr<lwm2m::ObjectCatalog> load_catalog(const Places& places) {
    auto catalog = std::make_unique<lwm2m::ObjectCatalog>(lwm2m::ObjectCatalog::builtin());
    if (!places.models.empty()) {
        std::vector<std::string> refused;
        const auto loaded = catalog->load_folder(places.models, refused);
        base::log().info("{} object definitions loaded from {}", loaded, places.models);
        for (const auto& file : refused) base::log().warn("definition refused: {}", base::printable(file, 500));
    }
    return catalog;
}

std::function<std::unique_ptr<adapters::Adapter>(std::string_view, base::Fields&)> adapter_maker(AdapterRegistry& registry,
                                                                                                 boost::asio::io_context& loop,
                                                                                                 base::Timers& timers,
                                                                                                 base::Random& random) {
    return
        [&registry, &loop, &timers, &random](std::string_view name, base::Fields& link) -> std::unique_ptr<adapters::Adapter> {
            const auto descriptor = registry.find(name);
            if (!descriptor && descriptor.error().code == base::Errc::bad_request) {
                link.error(name, descriptor.error().message, "install the plugin that came with this gateway");
                return nullptr;
            }
            if (!descriptor) {
                const auto names = registry.names();
                const auto near = base::nearest(name, names);
                std::string remedy = near.empty() ? (names.empty() ? std::string("no adapter plugin was found; install one")
                                                                   : fmt::format("there are: {}", fmt::join(names, ", ")))
                                                  : fmt::format("did you mean '{}'?", near);
                link.error(name, descriptor.error().message, remedy);
                return nullptr;
            }
            return (*descriptor)->create(loop.get_executor(), timers, random, link);
        };
}

namespace {

using Secret = std::function<base::Result<std::string>(std::string_view)>;

/// FNV-1a of 64 bits, with lengths, so that neighbours do not run together.
class Digest {
public:
    explicit Digest(const Secret* secret = nullptr) : secret_(secret) {}
    Digest& add(std::string_view text) {
        number(text.size());
        for (const char c : text) byte(static_cast<std::uint8_t>(c));
        return *this;
    }
    Digest& number(std::uint64_t n) {
        for (int i = 0; i < 8; ++i) byte(static_cast<std::uint8_t>(n >> (8 * i)));
        return *this;
    }
    /// What stands there, not where; the order of keys does not count.
    Digest& add(const base::Node& node, const std::vector<std::string_view>& without = {}) {
        number(static_cast<std::uint64_t>(node.kind()));
        add(node.written());
        if (secret_ != nullptr && node.kind() == base::Node::Kind::text)
            if (const auto name = config::secret_name(node.written()); !name.empty())
                if (const auto content = (*secret_)(name)) add(*content);
        for (const auto& item : node.items()) add(item);
        std::vector<const base::Node::Member*> members;
        for (const auto& member : node.members())
            if (std::find(without.begin(), without.end(), member.key) == without.end()) members.push_back(&member);
        std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) { return a->key < b->key; });
        for (const auto* member : members) add(member->key).add(member->value);
        return number(node.items().size());
    }
    std::uint64_t value() const { return value_; }

private:
    void byte(std::uint8_t b) { value_ = (value_ ^ b) * 0x100000001B3ULL; }
    const Secret* secret_;
    std::uint64_t value_ = 0xCBF29CE484222325ULL;
};

Digests digests_of(const config::Site& site, const mapping::Sources& sources, const mapping::Plan& plan) {
    Digests all;
    base::Diagnostics told_before;
    std::map<std::string, std::uint64_t> profiles;  // the first of a name counts
    for (const auto& root : sources.profiles) {
        const auto *name = root.find("profile"), *revision = root.find("revision");
        if (name != nullptr && revision != nullptr)
            profiles.try_emplace(name->written() + "@" + revision->written(),
                                 Digest(&sources.secret).add(root, {"tests", "source"}).value());
    }
    std::unordered_map<std::string, Digests::Device> devices;
    devices.reserve(plan.devices.size());
    const auto digest_device = [&](const base::Node& entry) {
        mapping::expand_site_device(entry, told_before, [&](const base::Node& device) {
            const auto *id = device.find("id"), *profile = device.find("profile");
            if (id == nullptr || profile == nullptr) return;
            const auto its = profiles.find(profile->written());
            const auto of_profile = its != profiles.end() ? its->second : 0;
            Digest kind(&sources.secret);
            kind.number(of_profile);
            for (const char* key : {"set", "points"}) {
                const auto* value = device.find(key);
                kind.add(value != nullptr ? *value : base::Node{});
            }
            devices[id->written()] = {Digest(&sources.secret).number(of_profile).add(device, {"prefix", "name"}).value(),
                                      kind.value()};
        });
    };
    for (const auto& root : sources.site)
        if (const auto* list = root.kind() == base::Node::Kind::map ? root.find("devices") : nullptr)
            for (const auto& entry : list->items()) digest_device(entry);
    for (const auto& device : plan.devices) all.devices.push_back(devices[device.id]);
    for (const auto& link : plan.links) {
        Digest its(&sources.secret);
        its.add(link.adapter).add(link.name);
        if (const auto* text = site.links.kind() == base::Node::Kind::map ? site.links.find(link.name) : nullptr)
            its.add(*text);
        for (const auto& root : sources.site) {
            const auto* rules = root.kind() == base::Node::Kind::map ? root.find("discover") : nullptr;
            if (rules == nullptr) continue;
            for (const auto& rule : rules->items())
                if (const auto* on = rule.find("link"); on != nullptr && on->written() == link.name)
                    its.add(rule, {"name", "make", "approve", "allow", "limit"});
        }
        all.links.push_back(its.value());
    }
    Digest servers;
    servers.add(site.endpoint);
    for (const auto& server : site.servers) {
        servers.add(server.name).add(server.uri).add(server.identity).add(base::as_text(server.key));
        servers.number(static_cast<std::uint64_t>(server.security)).number(static_cast<std::uint64_t>(server.lifetime.count()));
        servers.number(server.short_id);
        const auto optional = [&servers](const std::optional<std::uint32_t>& n) { servers.number(n ? *n + 1ULL : 0); };
        for (const auto span : {server.min_period, server.max_period, server.delay, server.send.every})
            servers.number(static_cast<std::uint64_t>(span.count()));
        for (const bool flag :
             {server.storing, server.confirmable, server.queue, server.register_on_join, server.blocks, server.send.devices})
            servers.number(flag ? 1 : 0);
        for (const auto& n : {server.order, server.retry.count, server.retry.timer, server.retry.pause, server.retry.sequences})
            optional(n);
        servers.add(server.profile_id).number(server.rights).number(server.send.paths.size());
        for (const auto& path : server.send.paths) servers.add(path);
    }
    servers.number(site.access_covers_devices ? 1 : 0);
    if (site.location)
        servers.add(
            fmt::format("{} {} {}", site.location->latitude, site.location->longitude, site.location->altitude.value_or(0)));
    servers.add(site.device.manufacturer).add(site.device.model).add(site.device.serial).add(site.device.hardware);
    servers.number(site.device.factory_reset ? 1 : 0);
    all.servers = servers.value();
    return all;
}

/// A file of devices, as discovery made them.
base::Node file_of(const std::vector<const FoundDevice*>& devices) {
    std::vector<base::Node> list;
    for (const auto* device : devices) list.push_back(device->device);
    return base::Node::map(
        {}, {{"format", {}, base::Node::plain({}, "1")}, {"devices", {}, base::Node::list({}, std::move(list))}});
}

/// What the site's prefixes must not do to those that were given before.
void check_prefixes(const mapping::Plan& plan, const StateStore& state, base::Diagnostics& diagnostics) {
    for (const auto& device : plan.devices) {
        if (device.prefix.empty()) continue;
        const auto owner = state.owner(device.prefix);
        if (!owner.empty() && owner != device.id)
            diagnostics.error(device.at,
                              fmt::format("prefix '{}' was given to device '{}' before, and servers may still know it so",
                                          device.prefix, owner),
                              "choose another prefix, or leave it out");
    }
}

/// Compiles the site with those of `approved` that can run; the others go to `left_out`.
class Joining {
public:
    Joining(mapping::Sources& sources, const StateStore* state) : sources_(sources), state_(state) {}

    std::optional<mapping::Plan> with(std::vector<const FoundDevice*> approved, std::map<std::string, std::string>& left_out,
                                      base::Diagnostics& diagnostics) {
        base::Diagnostics all;
        if (auto plan = attempt(approved, all)) return plan;
        if (approved.empty()) return attempt(approved, diagnostics);
        if (auto alone = attempt({}, diagnostics); !alone) return std::nullopt;  // the files' own mistakes
        // First those whose own text is wrong, then those of a profile that cannot be, then the newest: a bus may have
        // no time for all of them.
        for (int round = 0; round < 3; ++round) {
            const auto places = all.places();
            const auto wrong = [&](const FoundDevice* device) {
                const auto its = std::find_if(places.begin(), places.end(),
                                              [&](const base::SourceLoc& at) { return at.file == device->device.at().file; });
                if (its != places.end()) left_out[device->id] = first_line(all, device->device.at().file);
                return its != places.end();
            };
            if (std::erase_if(approved, wrong) == 0) break;
            all = {};
            if (auto plan = attempt(approved, all)) return plan;
        }
        std::map<std::string, std::string> bad;  // profile, why
        for (const auto* device : approved) {
            if (bad.contains(device->profile)) continue;
            base::Diagnostics its;
            if (attempt({device}, its))
                bad[device->profile];
            else
                bad[device->profile] = first_line(its, "");
        }
        std::erase_if(approved, [&](const FoundDevice* device) {
            const auto& why = bad[device->profile];
            if (!why.empty()) left_out[device->id] = why;
            return !why.empty();
        });
        if (auto plan = attempt(approved, all)) return plan;
        std::sort(approved.begin(), approved.end(),
                  [](const FoundDevice* a, const FoundDevice* b) { return a->first_seen < b->first_seen; });
        std::size_t good = 0, many = approved.size();
        while (good + 1 < many) {
            const std::size_t middle = (good + many) / 2;
            base::Diagnostics its;
            if (attempt({approved.begin(), approved.begin() + static_cast<std::ptrdiff_t>(middle)}, its))
                good = middle;
            else
                many = middle, all = std::move(its);
        }
        for (std::size_t i = good; i < approved.size(); ++i) left_out[approved[i]->id] = first_line(all, "");
        approved.resize(good);
        return attempt(approved, diagnostics);
    }

private:
    std::optional<mapping::Plan> attempt(const std::vector<const FoundDevice*>& approved, base::Diagnostics& diagnostics) {
        if (!approved.empty()) sources_.site.push_back(file_of(approved));
        auto plan = mapping::compile(sources_, diagnostics);
        if (plan && state_ != nullptr) check_prefixes(*plan, *state_, diagnostics);
        if (plan) mapping::check_bus_load(*plan, diagnostics);
        if (!approved.empty() && !(plan && diagnostics.ok())) sources_.site.pop_back();
        if (!diagnostics.ok()) plan.reset();
        return plan;
    }
    static std::string first_line(const base::Diagnostics& diagnostics, const std::string& file) {
        const std::string text = diagnostics.str();
        const std::size_t from = file.empty() ? 0 : text.find(file);
        return from == std::string::npos ? text : text.substr(from, text.find('\n', from) - from);
    }

    mapping::Sources& sources_;
    const StateStore* state_;
};

}  // namespace

std::optional<Site> load_site(const Places& places, AdapterRegistry& registry, boost::asio::io_context& loop,
                              base::Timers& timers, base::Random& random, base::Diagnostics& diagnostics,
                              const StateStore* state, std::shared_ptr<const lwm2m::ObjectCatalog> catalog) {
    const config::Secrets secrets(places.secrets);
    std::vector<const FoundDevice*> approved;
    if (state != nullptr)
        for (const auto& [key, device] : state->found())
            if (device.approved) approved.push_back(&device);
    config::Shipped shipped{places.profiles, false, {}};
    for (const auto* device : approved) shipped.also.push_back(device->profile);
    auto read = config::load(places.config, shipped, secrets, diagnostics);
    if (!read) return std::nullopt;
    Site site;
    site.config = std::move(*read);
    site.catalog = catalog ? std::move(catalog) : load_catalog(places);
    mapping::Sources sources;
    // Moved: what the files said is half of a large site's memory, and nobody asks for it after this.
    sources.profiles = std::move(site.config.profiles);
    sources.site = std::move(site.config.devices);
    sources.links = &site.config.links;
    sources.endpoint = site.config.endpoint;
    sources.catalog = site.catalog.get();
    sources.make = adapter_maker(registry, loop, timers, random);
    sources.secret = [&secrets](std::string_view name) { return secrets.text(name); };
    // Mistakes that were found so far may lie in files that are left out: with them nothing of this is of use.
    auto plan = diagnostics.ok() ? Joining(sources, state).with(approved, site.left_out, diagnostics)
                                 : mapping::compile(sources, diagnostics);
    if (!plan || !diagnostics.ok()) return std::nullopt;
    for (const auto& [id, why] : site.left_out)
        base::log().error("discovered device '{}' is left out: {}", base::printable(id), base::printable(why, 500));
    site.plan = std::make_unique<mapping::Plan>(std::move(*plan));
    site.digests = digests_of(site.config, sources, *site.plan);
    return site;
}

}  // namespace gateway
