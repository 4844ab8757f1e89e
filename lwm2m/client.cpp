#include "lwm2m/client.hpp"

#include "gateway/base/log.hpp"
#include "lwm2m/dispatcher.hpp"
#include "lwm2m/observer.hpp"

#include <algorithm>
#include <map>

namespace lwm2m {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_held = 16;  // requests of one server that overtook its answer to our Register
constexpr auto leave_within = 2s;

std::string joined(const std::vector<std::string>& segments) {
    std::string path;
    for (const std::string& segment : segments) path += '/' + base::printable(segment, 64);
    return path;
}

}  // namespace

struct Client::Impl {
    struct Held {
        Request request;
        Reply reply;
    };
    struct Server {
        Server(const ServerConfig& with, const ClientConfig& config, base::Timers& timers, base::Random& random)
            : settings(with),
              registration({config.endpoint, with.lifetime, config.update_debounce, with.account.security != Security::nosec,
                            with.queue, with.profile, with.register_on_join, with.retry},
                           random),
              timer(timers) {
            peer.id = with.account.id;
        }
        ServerConfig settings;
        Registration registration;
        base::Timer timer;
        Peer peer;
        std::vector<Held> held;
        std::uint64_t exchange = 0;  // number of the uplink in flight; answers to older ones are late and ignored
        bool session_lost = false;   // told of, and not yet back
        bool leaving = false;        // as soon as the Register under way is answered
        RegistrationState told = RegistrationState::away;
        std::string told_trouble;
    };

    Impl(Client& by, Transport& to, ObjectTree& from, base::Timers& clock, base::Random& random, ClientConfig with)
        : client(by),
          transport(to),
          tree(from),
          timers(clock),
          config(std::move(with)),
          lookup([&from](const Target& target) { return from.definition(target); }),
          access(accounts(config)),
          observer(to, from, attributes, access, clock, lookup),
          sender(to, from, access, clock, lookup, hooks()),
          leaving(clock),
          dispatcher(from, attributes, observer, access, lookup) {
        for (const ServerConfig& server : config.servers) {
            const ServerId id = server.account.id;
            servers.try_emplace(id, server, config, clock, random);
            observer.set_default_periods(id, server.default_pmin, server.default_pmax);
            observer.set_storing(id, server.storing);
            observer.set_default_confirmable(id, server.confirmable);
            sender.plan(id, server.send);
            sender.set_muted(id, server.send.paths.empty());
        }
        if (config.covered_device) access.cover_devices(config.covered_device);
        access.on_change = [this] {
            observer.rights_changed();
            observer.changed_below({"", Path::of({2})});
            state_text_changed();
        };
        dispatcher.on_attributes = [this] { state_text_changed(); };
        dispatcher.on_instances = [this](const Path& object) { own_instances_changed(object); };
        for (ServerConfig& server : config.servers) std::ranges::fill(server.account.key, std::uint8_t{0});
    }

    static std::vector<AccessControl::Account> accounts(const ClientConfig& config) {
        std::vector<AccessControl::Account> all;
        for (const ServerConfig& server : config.servers) all.push_back({server.account.id, server.rights});
        return all;
    }
    Sender::Hooks hooks() {
        return {[this](ServerId id, const Path& instance) {
                    const Server* server = find(id);
                    return server != nullptr && server->registration.has_told(instance);
                },
                [this](ServerId id) { client.update_now(id); }, config.prefixes};
    }
    void state_text_changed() const {
        if (client.on_state_text) client.on_state_text();
    }
    void own_instances_changed(const Path& at);
    void start_in_order();

    Server* find(ServerId id) {
        const auto found = servers.find(id);
        return found == servers.end() ? nullptr : &found->second;
    }
    void plan(Server&);
    void advance(Server&);
    void send(Server&, Registration::Step);
    void answered(Server&, Registration::Kind, const Result<UplinkAnswer>&);
    void tell(Server&);
    void serve_held(Server&);
    void leave(Server&);
    void left();
    void close();

    Client& client;
    Transport& transport;
    ObjectTree& tree;
    base::Timers& timers;
    ClientConfig config;
    codec::Lookup lookup;
    AttributeStore attributes;
    AccessControl access;
    Observer observer;
    std::map<ServerId, Server> servers;
    Sender sender;
    base::Timer leaving;
    std::function<void()> on_left;
    std::size_t still_leaving = 0;
    bool started = false;
    Dispatcher dispatcher;  // goes first: requests under way then no longer touch their server
    std::shared_ptr<const bool> alive = std::make_shared<bool>(true);
};

// Never sends within the caller's call: a Write of the lifetime is answered before its Update leaves (core digest 3.2).
void Client::Impl::plan(Server& server) {
    const base::Instant when = server.registration.deadline();
    if (when == base::Instant::max())
        server.timer.cancel();
    else
        server.timer.set(when, [this, &server] { advance(server); });
}

void Client::Impl::advance(Server& server) {
    const auto list = [this](int minor) { return object_list(tree, minor); };
    if (auto step = server.registration.take(timers.now(), list)) send(server, std::move(*step));
    tell(server);
    plan(server);
}

void Client::Impl::send(Server& server, Registration::Step step) {
    const ServerId id = server.peer.id;
    // OMA Core 1.2 6.4.1: void with every Register.
    if (step.kind != Registration::Kind::update) observer.drop_all(id);
    if (step.fresh_session) transport.reconnect(id);
    const std::uint64_t exchange = ++server.exchange;
    const auto kind = step.kind;
    transport.send(id, std::move(step.message),
                   [this, life = std::weak_ptr(alive), &server, exchange, kind](const Result<UplinkAnswer>& answer) {
                       if (!life.expired() && server.exchange == exchange) answered(server, kind, answer);
                   });
}

void Client::Impl::answered(Server& server, Registration::Kind kind, const Result<UplinkAnswer>& answer) {
    ++server.exchange;
    server.registration.answered(answer, timers.now());
    if (std::exchange(server.leaving, false)) return leave(server);
    if (kind == Registration::Kind::deregister) return left();
    if (kind == Registration::Kind::disable) transport.reconnect(server.peer.id);  // deaf until the next Register
    server.peer.minor = server.registration.minor();
    const bool up = server.registration.state() == RegistrationState::registered;
    tell(server);
    if (up) {
        server.session_lost = false;
        observer.resume(server.peer.id);
    }
    serve_held(server);
    // A failure is told while the transport takes its session down: what follows leaves in a later turn.
    if (answer)
        advance(server);
    else
        plan(server);
}

// The state as others see it: call-back, log. A server that stays away is told of once for each reason.
void Client::Impl::tell(Server& server) {
    const Registration& registration = server.registration;
    const RegistrationState state = registration.state();
    const std::string& who = server.settings.account.name;
    if (state == RegistrationState::away && !registration.trouble().empty() && registration.trouble() != server.told_trouble) {
        server.told_trouble = registration.trouble();
        base::log().warn("server {}: not registered: {}; trying again", who, base::printable(server.told_trouble));
    }
    start_in_order();
    if (state == server.told) return;
    server.told = state;
    if (state == RegistrationState::registered)
        sender.registered(server.peer.id);
    else
        sender.away(server.peer.id);
    if (state == RegistrationState::registered) {
        server.told_trouble.clear();
        base::log().info("server {}: registered as {} with lwm2m=1.{}, lifetime {} s", who, joined(registration.location()),
                         registration.minor(), registration.lifetime().count());
    } else if (state == RegistrationState::deregistered) {
        base::log().info("server {}: leaving", who);
    } else if (state == RegistrationState::disabled) {
        base::log().info("server {}: disabled by it for a while", who);
    }
    if (client.on_state) client.on_state(server.peer.id, state);
}

// /1/x/13 to 15 (OMA Core 1.2 6.2.1.1): a server waits for those before it, unless they have failed and do not block.
void Client::Impl::start_in_order() {
    if (!started) return;
    for (auto& [id, server] : servers) {
        if (server.registration.started() || server.registration.state() == RegistrationState::deregistered) continue;
        const auto& order = server.settings.order;
        const bool held =
            order && std::ranges::any_of(servers, [&](const auto& other) {
                const Server& before = other.second;
                if (!before.settings.order || *before.settings.order >= *order || before.registration.ever_registered())
                    return false;
                return before.settings.failure_blocks || !before.registration.settled();
            });
        if (held) continue;
        server.registration.start(timers.now() + server.settings.initial_delay);
        plan(server);
    }
}

// Of an object that a server made or deleted one of.
void Client::Impl::own_instances_changed(const Path& at) {
    client.instances_changed();
    observer.changed_below({"", at.ancestor(Path::Level::object)});
    state_text_changed();
}

void Client::Impl::serve_held(Server& server) {
    const RegistrationState state = server.registration.state();
    if (state == RegistrationState::registering) return;  // one more try is under way
    for (Held& held : std::exchange(server.held, {}))
        client.on_request(server.peer.id, std::move(held.request), std::move(held.reply));
}

// De-registers where there is something to de-register. One that is just registering hears the answer first: a server that
// took it would keep the registration of a gateway that is gone.
void Client::Impl::leave(Server& server) {
    server.leaving = server.registration.asking();
    if (server.leaving) return;
    auto step = server.registration.stop();
    ++server.exchange;  // what is in flight does not count any more
    tell(server);
    serve_held(server);
    if (step) return send(server, std::move(*step));
    left();
}

void Client::Impl::left() {
    if (--still_leaving == 0) close();
}

void Client::Impl::close() {
    leaving.cancel();
    still_leaving = 0;
    for (auto& [id, server] : servers) {
        ++server.exchange;
        if (std::exchange(server.leaving, false)) server.registration.stop();
        transport.close(id);
    }
    if (const auto done = std::exchange(on_left, nullptr)) done();
}

Client::Client(Transport& transport, ObjectTree& tree, base::Timers& timers, base::Random& random, ClientConfig config)
    : impl_(std::make_unique<Impl>(*this, transport, tree, timers, random, std::move(config))) {
    transport.set_handler(*this);
    impl_->observer.on_wanted = [this](const Target& at) {
        if (on_wanted) on_wanted(at);
    };
}

Client::~Client() = default;

Result<void> Client::start() {
    for (auto& [id, server] : impl_->servers) {
        auto opened = impl_->transport.open(server.settings.account);
        std::ranges::fill(server.settings.account.key, std::uint8_t{0});  // the transport has its own
        if (!opened) return tl::unexpected(base::in(fmt::format("server '{}'", server.settings.account.name), opened.error()));
    }
    impl_->access.sync(impl_->tree);
    impl_->started = true;
    impl_->start_in_order();
    for (auto& [id, server] : impl_->servers)
        if (server.registration.started()) impl_->advance(server);
    return {};
}

void Client::stop(std::function<void()> done) {
    impl_->on_left = std::move(done);
    impl_->started = false;
    impl_->still_leaving = impl_->servers.size() + 1;  // this function is the one
    for (auto& [id, server] : impl_->servers) {
        server.timer.cancel();
        impl_->observer.drop_all(id);
        impl_->leave(server);
    }
    impl_->leaving.set(impl_->timers.now() + leave_within, [impl = impl_.get()] { impl->close(); });
    impl_->left();
}

void Client::changed(const Target& target, const Value& value, WallTime at) { impl_->observer.changed(target, value, at); }

void Client::changed_below(const Target& at) { impl_->observer.changed_below(at); }

void Client::instances_changed() {
    impl_->access.sync(impl_->tree);
    for (auto& [id, server] : impl_->servers) {
        server.registration.instances_changed(impl_->timers.now());
        impl_->plan(server);
    }
    impl_->observer.changed_below(Target{});
}

void Client::prefix_removed(const std::string& prefix) {
    impl_->observer.removed({prefix, {}});
    impl_->attributes.erase_prefix(prefix);
    impl_->state_text_changed();
}

void Client::lifetime_changed(ServerId id, std::chrono::seconds lifetime) {
    if (auto* server = impl_->find(id)) {
        server->registration.set_lifetime(lifetime, impl_->timers.now());
        impl_->plan(*server);
    }
}

std::chrono::seconds Client::lifetime(ServerId id) const {
    const auto* server = impl_->find(id);
    return server == nullptr ? std::chrono::seconds(0) : server->registration.lifetime();
}

void Client::set_default_periods(ServerId id, std::chrono::seconds pmin, std::chrono::seconds pmax) {
    if (impl_->find(id) != nullptr) impl_->observer.set_default_periods(id, pmin, pmax);
}

void Client::update_now(ServerId id) {
    if (auto* server = impl_->find(id)) {
        server->registration.update_now(impl_->timers.now());
        impl_->plan(*server);
    }
}

void Client::disable(ServerId id, std::chrono::seconds time) {
    if (auto* server = impl_->find(id)) {
        server->registration.disable(time, impl_->timers.now());
        impl_->plan(*server);
    }
}

void Client::set_storing(ServerId id, bool storing) {
    if (impl_->find(id) != nullptr) impl_->observer.set_storing(id, storing);
}

void Client::set_initial_delay(ServerId id, std::chrono::seconds delay) {
    if (auto* server = impl_->find(id)) server->settings.initial_delay = delay;
}

void Client::set_default_confirmable(ServerId id, bool confirmable) {
    if (impl_->find(id) != nullptr) impl_->observer.set_default_confirmable(id, confirmable);
}

void Client::set_retry(ServerId id, const Retry& retry) {
    if (auto* server = impl_->find(id)) {
        server->registration.set_retry(retry, impl_->timers.now());
        impl_->plan(*server);
    }
}

void Client::set_mute_send(ServerId id, bool muted) {
    if (impl_->find(id) != nullptr) impl_->sender.set_muted(id, muted);
}

Result<void> Client::send(ServerId id, std::vector<Target> paths) {
    if (impl_->find(id) == nullptr) return fail(Errc::not_found, "no such server");
    return impl_->sender.send(id, std::move(paths));
}

AccessControl& Client::access() { return impl_->access; }

std::string Client::export_state() const {
    return fmt::format("[attributes]\n{}[access]\n{}", impl_->attributes.export_state(), impl_->access.export_state());
}

void Client::import_state(std::string_view text) {
    constexpr std::string_view first = "[attributes]\n", second = "[access]\n";
    const std::size_t parted = text.find(second);
    if (!text.starts_with(first) || parted == std::string_view::npos) return;
    impl_->attributes.import_state(text.substr(first.size(), parted - first.size()),
                                   [this](ServerId id) { return impl_->find(id) != nullptr; });
    impl_->access.import_state(text.substr(parted + second.size()));
}

RegistrationState Client::state(ServerId id) const {
    const auto* server = impl_->find(id);
    return server == nullptr ? RegistrationState::away : server->registration.state();
}

std::string Client::status() const {
    std::string text;
    for (const auto& [id, server] : impl_->servers) {
        const Registration& r = server.registration;
        if (!text.empty()) text += "; ";
        text += server.settings.account.name + ": ";
        switch (r.state()) {
            case RegistrationState::registered:
                text += fmt::format("registered as {}, lwm2m 1.{}", joined(r.location()), r.minor());
                break;
            case RegistrationState::away:
                text += "away";
                if (!r.trouble().empty()) text += fmt::format(" ({})", base::printable(r.trouble()));
                if (r.retry_at() != base::Instant::max()) {
                    const auto wait = std::chrono::ceil<std::chrono::seconds>(r.retry_at() - impl_->timers.now());
                    text += fmt::format(", next try in {} s", std::max<std::int64_t>(wait.count(), 0));
                }
                break;
            default: text += name(r.state());
        }
    }
    return text;
}

Client::Report Client::report(ServerId id) const {
    const auto* server = impl_->find(id);
    if (server == nullptr) return {};
    const Registration& r = server->registration;
    const auto from_now = [&](base::Instant when) -> std::optional<std::chrono::seconds> {
        if (when == base::Instant::max()) return std::nullopt;
        return std::max(std::chrono::ceil<std::chrono::seconds>(when - impl_->timers.now()), std::chrono::seconds(0));
    };
    Report report{r.state(), {}, r.minor(), {}, {}, base::printable(r.trouble())};
    if (r.state() == RegistrationState::registered) {
        report.location = joined(r.location());
        report.lifetime_left = from_now(r.expiry());
    } else {
        report.retry_in = from_now(r.retry_at());
    }
    return report;
}

std::size_t Client::observations() const { return impl_->observer.size(); }

std::optional<std::chrono::seconds> Client::wanted_every(const Target& resource) const {
    return impl_->observer.wanted_every(resource);
}

void Client::on_request(ServerId id, Request request, Reply reply) {
    auto* server = impl_->find(id);
    if (server == nullptr) {
        std::move(reply)({Code::unauthorized});
        return;
    }
    const RegistrationState state = server->registration.state();
    if (state == RegistrationState::registered) {
        impl_->dispatcher.dispatch(server->peer, std::move(request), std::move(reply));
        return;
    }
    // Nothing is served before the Register completed (OMA Core 1.2 6.3), but its 2.01 may be overtaken by the server's
    // first request: that one waits for it. No 4.xx that LwM2M may use says "not yet", so all others get 5.03.
    if (state == RegistrationState::registering && server->held.size() < most_held) {
        server->held.push_back({std::move(request), std::move(reply)});
        return;
    }
    Response later{Code::service_unavailable};
    later.max_age = 1;
    std::move(reply)(std::move(later));
}

void Client::on_acknowledged(ServerId id, ObservationId observation, std::uint32_t number) {
    impl_->observer.acknowledged(id, observation, number);
}

void Client::on_lost(ServerId id, ObservationId observation, Lost why) {
    auto* server = impl_->find(id);
    if (server == nullptr) return;
    if (why == Lost::reset) {
        impl_->observer.cancel(id, observation);
        return;
    }
    impl_->observer.pause(id);  // until it answers an Update again; its observations are kept (core digest 7.5)
    server->registration.unreachable(impl_->timers.now());
    impl_->plan(*server);
}

void Client::on_session_closed(ServerId id, const std::string& why) {
    auto* server = impl_->find(id);
    if (server == nullptr || server->registration.state() != RegistrationState::registered) return;
    if (!std::exchange(server->session_lost, true))
        base::log().info("server {}: session ended: {}", server->settings.account.name, base::printable(why));
    impl_->observer.pause(id);
    server->registration.session_closed(impl_->timers.now());
    impl_->tell(*server);
    impl_->plan(*server);
}

}  // namespace lwm2m
