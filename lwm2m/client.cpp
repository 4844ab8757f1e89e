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
              registration({config.endpoint, with.lifetime, config.update_debounce, with.account.security != Security::nosec},
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
          observer(to, from, attributes, clock, lookup),
          leaving(clock),
          dispatcher(from, attributes, observer, lookup) {
        for (const ServerConfig& server : config.servers) {
            servers.try_emplace(server.account.id, server, config, clock, random);
            observer.set_default_periods(server.account.id, server.default_pmin, server.default_pmax);
        }
        for (ServerConfig& server : config.servers) std::ranges::fill(server.account.key, std::uint8_t{0});
    }

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
    void left();

    Client& client;
    Transport& transport;
    ObjectTree& tree;
    base::Timers& timers;
    ClientConfig config;
    codec::Lookup lookup;
    AttributeStore attributes;
    Observer observer;
    std::map<ServerId, Server> servers;
    base::Timer leaving;
    std::function<void()> on_left;
    std::size_t still_leaving = 0;
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
    if (step.kind == Registration::Kind::register_) observer.drop_all(id);  // OMA Core 1.2 6.4.1: void with every Register
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
    if (kind == Registration::Kind::deregister) {
        if (--still_leaving == 0) left();
        return;
    }
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
    if (state == server.told) return;
    server.told = state;
    if (state == RegistrationState::registered) {
        server.told_trouble.clear();
        base::log().info("server {}: registered as {} with lwm2m=1.{}, lifetime {} s", who, joined(registration.location()),
                         registration.minor(), registration.lifetime().count());
    } else if (state == RegistrationState::deregistered) {
        base::log().info("server {}: leaving", who);
    }
    if (client.on_state) client.on_state(server.peer.id, state);
}

void Client::Impl::serve_held(Server& server) {
    const RegistrationState state = server.registration.state();
    if (state == RegistrationState::registering) return;  // one more try is under way
    for (Held& held : std::exchange(server.held, {}))
        client.on_request(server.peer.id, std::move(held.request), std::move(held.reply));
}

void Client::Impl::left() {
    leaving.cancel();
    still_leaving = 0;
    for (auto& [id, server] : servers) {
        ++server.exchange;
        transport.close(id);
    }
    if (const auto done = std::exchange(on_left, nullptr)) done();
}

Client::Client(Transport& transport, ObjectTree& tree, base::Timers& timers, base::Random& random, ClientConfig config)
    : impl_(std::make_unique<Impl>(*this, transport, tree, timers, random, std::move(config))) {
    transport.set_handler(*this);
}

Client::~Client() = default;

Result<void> Client::start() {
    for (auto& [id, server] : impl_->servers) {
        auto opened = impl_->transport.open(server.settings.account);
        std::ranges::fill(server.settings.account.key, std::uint8_t{0});  // the transport has its own
        if (!opened) return tl::unexpected(base::in(fmt::format("server '{}'", server.settings.account.name), opened.error()));
    }
    for (auto& [id, server] : impl_->servers) {
        server.registration.start(impl_->timers.now());
        impl_->advance(server);
    }
    return {};
}

void Client::stop(std::function<void()> done) {
    impl_->on_left = std::move(done);
    impl_->still_leaving = 1;  // this function
    for (auto& [id, server] : impl_->servers) {
        server.timer.cancel();
        auto step = server.registration.stop();
        ++server.exchange;  // what is in flight does not count any more
        impl_->observer.drop_all(id);
        impl_->tell(server);
        impl_->serve_held(server);
        if (step) {
            ++impl_->still_leaving;
            impl_->send(server, std::move(*step));
        }
    }
    impl_->leaving.set(impl_->timers.now() + leave_within, [impl = impl_.get()] { impl->left(); });
    if (--impl_->still_leaving == 0) impl_->left();
}

void Client::changed(const Target& target, const Value& value, WallTime at) { impl_->observer.changed(target, value, at); }

void Client::changed_below(const Target& at) { impl_->observer.changed_below(at); }

void Client::instances_changed() {
    for (auto& [id, server] : impl_->servers) {
        server.registration.instances_changed(impl_->timers.now());
        impl_->plan(server);
    }
    impl_->observer.changed_below(Target{});
}

void Client::prefix_removed(const std::string& prefix) {
    impl_->observer.removed({prefix, {}});
    impl_->attributes.erase_prefix(prefix);
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

std::size_t Client::observations() const { return impl_->observer.size(); }

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
