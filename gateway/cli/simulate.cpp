#include "gateway/asio_timers.hpp"
#include "gateway/base/log.hpp"
#include "gateway/cli/cli.hpp"
#include "gateway/cli/output.hpp"

#include <unistd.h>
#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/streambuf.hpp>
#include <charconv>
#include <iostream>

namespace gateway::cli {

namespace {

using base::Errc;
using base::fail;
using base::Node;
using base::Result;

const base::SourceLoc command_line{"command line", 0, 0};

/// The file's profile is "maker/model@revision"; of those the wanted one, the newest when no revision was named.
Result<std::string> choose(const std::vector<Node>& profiles, const std::string& wanted) {
    const auto at = wanted.find('@');
    std::int64_t best = 0;
    std::vector<std::string_view> names;
    for (const auto& profile : profiles) {
        const Node* name = profile.find("profile");
        const Node* revision = profile.find("revision");
        if (name == nullptr || revision == nullptr) continue;
        names.push_back(name->written());
        if (name->written() == wanted.substr(0, at)) best = std::max(best, revision->integer());
    }
    if (best > 0) return at == std::string::npos ? fmt::format("{}@{}", wanted, best) : wanted;
    const auto near = base::nearest(wanted, names);
    return fail(Errc::not_found, near.empty() ? fmt::format("there is no profile '{}'", wanted)
                                              : fmt::format("there is no profile '{}'; did you mean '{}'?", wanted, near));
}

/// Of the profile "maker/model@revision".
std::string protocol_of(const std::vector<Node>& profiles, const std::string& chosen) {
    for (const auto& profile : profiles) {
        const Node* name = profile.find("profile");
        const Node* revision = profile.find("revision");
        const Node* protocol = profile.find("protocol");
        if (name == nullptr || revision == nullptr || protocol == nullptr) continue;
        if (fmt::format("{}@{}", name->written(), revision->written()) == chosen) return protocol->written();
    }
    return {};
}

Result<std::pair<std::string, std::string>> split(const std::string& assignment) {
    const auto equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0)
        return fail(Errc::bad_request, fmt::format("'{}' is no NAME=VALUE", assignment));
    return std::pair{assignment.substr(0, equals), assignment.substr(equals + 1)};
}

lwm2m::Value value_of(const std::string& text) {
    if (text == "true" || text == "on") return true;
    if (text == "false" || text == "off") return false;
    const Node node = Node::plain(command_line, text);
    if (node.kind() == Node::Kind::integer) return node.integer();
    if (node.kind() == Node::Kind::number) return node.number();
    return text;
}

struct Simulated {
    const mapping::DeviceType& type;
    adapters::Simulator& simulator;

    Result<void> set(const std::string& assignment) {
        const auto parts = split(assignment);
        if (!parts) return tl::unexpected(parts.error());
        std::vector<std::string_view> names;
        for (const auto& point : type.points) {
            names.push_back(point.name);
            if (point.name != parts->first) continue;
            const auto raw = point.conversion.write(value_of(parts->second));
            if (!raw) return tl::unexpected(base::in(fmt::format("'{}'", point.name), raw.error()));
            return simulator.set(point.index, *raw);
        }
        const auto near = base::nearest(parts->first, names);
        return fail(Errc::not_found, fmt::format("no point '{}'{}", parts->first,
                                                 near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
    }
};

/// What happens, a line each on standard output, at once: text for people, or JSON with `ev`.
class Teller {
public:
    explicit Teller(bool json) : json_(json) {}
    void listening(const std::string& profile, std::optional<unsigned> unit, const std::string& where) const {
        if (!json_)
            return say(unit ? fmt::format("{} as unit {}: listening on {}", profile, *unit, where)
                            : fmt::format("{}: speaking to {}", profile, where));
        Json line{{"ev", "ready"}, {"profile", profile}, {"where", where}};
        if (unit) line["unit"] = *unit;
        say(line.dump());
    }
    void request(const std::string& text) const { say(json_ ? Json{{"ev", "request"}, {"text", text}}.dump() : text); }
    void done(const std::string& assignment) const {
        say(json_ ? Json{{"ev", "set"}, {"text", assignment}}.dump() : "set " + assignment);
    }
    void error(const std::string& why) const { say(json_ ? Json{{"ev", "error"}, {"message", why}}.dump() : "error: " + why); }

private:
    static void say(const std::string& line) { std::cout << line << "\n" << std::flush; }
    bool json_;
};

/// Lines from standard input, without a thread: `set POINT=VALUE`, `quit`.
class Console {
public:
    Console(boost::asio::io_context& loop, Simulated& simulated, const Teller& teller)
        : loop_(loop), input_(loop), simulated_(simulated), teller_(teller) {
        boost::system::error_code error;
        input_.assign(dup(STDIN_FILENO), error);
        if (!error) next();  // a plain file or nothing cannot be waited for: then there are no commands
    }

private:
    void next() {
        boost::asio::async_read_until(input_, buffer_, '\n', [this](const boost::system::error_code& error, std::size_t) {
            if (error) return;  // end of input: goes on until a signal
            std::istream stream(&buffer_);
            std::string line;
            std::getline(stream, line);
            if (!line.empty() && line.back() == '\r') line.pop_back();
            if (line == "quit") {
                loop_.stop();
                return;
            }
            if (line.rfind("set ", 0) == 0) {
                if (const auto done = simulated_.set(line.substr(4)); done)
                    teller_.done(line.substr(4));
                else
                    teller_.error(done.error().message);
            } else if (!line.empty()) {
                teller_.error("say `set POINT=VALUE` or `quit`");
            }
            next();
        });
    }

    boost::asio::io_context& loop_;
    boost::asio::posix::stream_descriptor input_;
    boost::asio::streambuf buffer_{4096};
    Simulated& simulated_;
    const Teller& teller_;
};

}  // namespace

int simulate(const Options& options, const SimulateOptions& wanted) {
    const auto stop_with = [](const std::string& message) { return complain("simulate", message, problem); };
    boost::asio::io_context loop(1);
    AsioTimers timers(loop);
    SystemRandom random;
    base::start_log(*base::parse_level(options.log_level.empty() ? "warn" : options.log_level));
    auto registry = find_adapters(options.places);
    const auto catalog = load_catalog(options.places);

    base::Diagnostics diagnostics;
    mapping::Sources sources;
    if (!options.places.config.empty())
        sources.profiles = config::load_profiles(options.places.config + "/profiles", diagnostics);
    for (auto& shipped : config::load_profiles(options.places.profiles, diagnostics))
        sources.profiles.push_back(std::move(shipped));
    const auto profile = choose(sources.profiles, wanted.profile);
    if (!profile) return stop_with(profile.error().message);
    const std::string protocol = protocol_of(sources.profiles, *profile);
    const auto adapter = registry.find(protocol);
    if (!adapter) return stop_with(adapter.error().message);
    if ((*adapter)->simulate == nullptr)
        return stop_with(
            fmt::format("a device of protocol '{}' cannot be played: it speaks by radio, and this machine's radio "
                        "does not hear itself; `profile test` tries the profile without one",
                        protocol));

    // A site of one device that brings its own address. Nobody connects to it: the simulator gets the real one, which may
    // have port 0.
    std::vector<Node::Member> device{{"id", command_line, Node::text(command_line, "simulated")},
                                     {"profile", command_line, Node::text(command_line, *profile)}};
    const bool brokered = protocol == "mqtt";
    device.push_back({"address", command_line, Node::text(command_line, brokered ? "mqtt://127.0.0.1" : "tcp://127.0.0.1")});
    if (!brokered) device.push_back({"unit", command_line, Node::plain(command_line, std::to_string(wanted.unit))});
    std::vector<Node::Member> params;
    for (const auto& param : wanted.params) {
        const auto parts = split(param);
        if (!parts) return stop_with(parts.error().message);
        params.push_back({parts->first, command_line, Node::plain(command_line, parts->second)});
    }
    if (!params.empty()) device.push_back({"set", command_line, Node::map(command_line, std::move(params))});
    sources.site.push_back(Node::map(
        command_line, {{"format", command_line, Node::plain(command_line, "1")},
                       {"devices", command_line, Node::list(command_line, {Node::map(command_line, std::move(device))})}}));
    sources.catalog = catalog.get();
    sources.make = adapter_maker(registry, loop, timers, random);
    sources.secret = [](std::string_view name) -> Result<std::string> {
        return fail(Errc::not_found, fmt::format("a simulation has no secrets ('{}')", name));
    };
    auto plan = mapping::compile(sources, diagnostics);
    if (!plan || !diagnostics.ok()) {
        std::cerr << diagnostics.str();
        return problem;
    }
    const auto& link = plan->links.at(0);
    const Teller teller(options.json);
    const auto simulator = (*adapter)->simulate(loop.get_executor(), *link.driver, plan->devices.at(0).number, wanted.tcp,
                                                [&teller](const std::string& line) { teller.request(line); });
    Simulated simulated{*plan->devices.at(0).type, *simulator};
    for (const auto& assignment : wanted.set)
        if (const auto done = simulated.set(assignment); !done) return stop_with("--set: " + done.error().message);
    // Before anybody is told that we listen: who reads that may end us at once.
    boost::asio::signal_set signals(loop, SIGTERM, SIGINT);
    signals.async_wait([&loop](const boost::system::error_code&, int) { loop.stop(); });
    const auto listening = simulator->start();
    if (!listening) return stop_with(listening.error().message);
    teller.listening(*profile, brokered ? std::nullopt : std::optional(wanted.unit), *listening);

    const Console console(loop, simulated, teller);
    loop.run();
    simulator->stop();
    return 0;
}

}  // namespace gateway::cli
