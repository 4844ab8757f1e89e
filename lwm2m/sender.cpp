#include "lwm2m/sender.hpp"

#include "gateway/base/log.hpp"

#include <algorithm>
#include <deque>

namespace lwm2m {

namespace {

using namespace std::chrono_literals;

/// The server needs a moment to read /25 after our Register; before that it would refuse what it cannot place
/// (gateway digest 12).
constexpr auto after_register = 2s;
constexpr auto second_try = 5s;
constexpr std::size_t most_messages = 64;

}  // namespace

struct Sender::Server {
    Server(ServerId by, base::Timers& timers) : id(by), timer(timers), again(timers) {}
    ServerId id;
    SendPlan plan{};
    bool muted = true, there = false;
    base::Timer timer, again;
    std::deque<Bytes> waiting{};  // the messages of this round; the first is in flight
    std::size_t reading = 0;
    bool repeated = false;    // the first of them was refused with 4.04 and is tried once more
    std::uint64_t round = 0;  // answers to older ones are late
    Count count{};
    bool busy() const { return reading != 0 || !waiting.empty(); }
};

Sender::Sender(Transport& transport, ObjectTree& tree, const AccessControl& access, base::Timers& timers,
               const codec::Lookup& lookup, Hooks hooks)
    : transport_(transport), tree_(tree), access_(access), timers_(timers), lookup_(lookup), hooks_(std::move(hooks)) {}

Sender::~Sender() = default;

Sender::Server& Sender::at(ServerId id) {
    auto& server = servers_[id];
    if (!server) server = std::make_unique<Server>(id, timers_);
    return *server;
}

void Sender::plan(ServerId id, SendPlan plan) {
    Server& server = at(id);
    server.plan = std::move(plan);
    if (server.plan.paths.size() > most_paths) server.plan.paths.resize(most_paths);
    if (server.there) registered(id);
}

void Sender::set_muted(ServerId id, bool muted) { at(id).muted = muted; }

void Sender::registered(ServerId id) {
    Server& server = at(id);
    server.there = true;
    if (server.plan.every.count() <= 0 || server.plan.paths.empty()) return;
    arm(server, timers_.now() + after_register);
}

void Sender::arm(Server& server, base::Instant when) {
    server.timer.set(when, [this, &server] {
        if (!server.muted && !server.busy()) begin(server, server.plan.paths);
        arm(server, timers_.now() + server.plan.every);
    });
}

void Sender::away(ServerId id) {
    Server& server = at(id);
    server.there = false;
    server.timer.cancel();
    server.again.cancel();
    server.waiting.clear();
    server.reading = 0;
    ++server.round;
}

Result<void> Sender::send(ServerId id, std::vector<Target> paths) {
    Server& server = at(id);
    if (!server.there) return fail(Errc::not_allowed, "not registered");
    if (server.muted) return fail(Errc::not_allowed, "the server mutes Send");
    if (server.busy()) return fail(Errc::busy, "the last Send is under way");
    if (paths.size() > most_paths) return fail(Errc::too_large, fmt::format("over {} paths", most_paths));
    begin(server, std::move(paths));
    return {};
}

void Sender::begin(Server& server, std::vector<Target> paths) {
    std::vector<Target> own, devices;
    for (Target& path : paths) {
        if (path.prefix.empty()) {
            own.push_back(std::move(path));
        } else if (server.plan.devices && path.prefix == "*") {
            for (std::string& prefix : hooks_.prefixes ? hooks_.prefixes() : std::vector<std::string>{})
                devices.push_back({std::move(prefix), path.path});
        } else if (server.plan.devices) {
            devices.push_back(std::move(path));
        }
    }
    ++server.round;
    server.reading = 2;
    for (const bool of_devices : {false, true})
        gather(tree_, access_, server.id, std::move(of_devices ? devices : own),
               [this, alive = std::weak_ptr(alive_), &server, round = server.round, of_devices](std::vector<Gathered> parts) {
                   if (!alive.expired() && server.round == round) collected(server, of_devices, std::move(parts));
               });
}

void Sender::collected(Server& server, bool devices, std::vector<Gathered> parts) {
    --server.reading;
    for (Gathered& part : parts) access_.keep_readable(server.id, part.entries);
    std::vector<Entry> entries = joined(std::move(parts));
    const WallTime now = timers_.wall();
    std::erase_if(entries, [&](Entry& entry) {
        if (!entry.at) entry.at = now;
        return !devices && hooks_.has_told && !hooks_.has_told(server.id, entry.target.path.ancestor(Path::Level::instance));
    });
    for (std::size_t from = 0; from < entries.size() && server.waiting.size() < most_messages; from += most_values) {
        const auto first = entries.begin() + static_cast<std::ptrdiff_t>(from);
        const auto last = entries.begin() + static_cast<std::ptrdiff_t>(std::min(entries.size(), from + most_values));
        auto payload = codec::encode_composite(ContentFormat::senml_cbor, {first, last}, lookup_, true);
        if (payload) server.waiting.push_back(std::move(*payload));
    }
    if (server.reading == 0) next(server);
}

void Sender::next(Server& server) {
    if (server.waiting.empty()) return;
    Uplink message{Method::post, {"dp"}, {}};
    message.content_format = static_cast<std::uint16_t>(ContentFormat::senml_cbor);
    message.payload = server.waiting.front();
    transport_.send(server.id, std::move(message),
                    [this, alive = std::weak_ptr(alive_), &server, round = server.round](const Result<UplinkAnswer>& answer) {
                        if (!alive.expired() && server.round == round) answered(server, round, answer);
                    });
}

void Sender::answered(Server& server, std::uint64_t round, const Result<UplinkAnswer>& answer) {
    if (answer && answer->code == Code::not_found && !std::exchange(server.repeated, true)) {
        hooks_.update(server.id);  // it may have forgotten us; then the Register ends this round
        server.again.set(timers_.now() + second_try, [this, &server, round] {
            if (server.round == round && !server.muted) next(server);
        });
        return;
    }
    server.repeated = false;
    if (answer && is_success(answer->code)) {
        ++server.count.taken;
    } else {
        // What was refused is not sent again: the next round has newer values anyway.
        ++server.count.refused;
        base::log().debug("a Send was not taken: {}", answer ? str(answer->code) : base::printable(answer.error().message));
    }
    if (!server.waiting.empty()) server.waiting.pop_front();
    if (server.muted) server.waiting.clear();
    next(server);
}

Sender::Count Sender::count(ServerId id) const {
    const auto found = servers_.find(id);
    return found == servers_.end() ? Count{} : found->second->count;
}

}  // namespace lwm2m
