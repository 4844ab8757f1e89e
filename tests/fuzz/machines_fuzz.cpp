#include "gateway/base/log.hpp"
#include "lwm2m/client.hpp"
#include "tests/fakes/manual_timers.hpp"
#include "tests/fakes/memory_tree.hpp"

#include <cstdlib>
#include <deque>
#include <map>

/// The registration and observe machines of a client with two servers, on a fake network and a fake clock: any order of
/// answers, silences, lost notifications, values, joins, rights, settings and hours. Whatever happens, nothing grows beyond
/// its bound, no machine is left without a next step, and what left is what a server may hear.
namespace {

using namespace lwm2m;
using namespace std::chrono_literals;

void need(bool holds) {
    if (!holds) std::abort();
}

class Network final : public Transport {
public:
    struct Message {
        ServerId server;
        Uplink uplink;
        Answer answer;
    };
    std::deque<Message> sent;
    std::map<ObservationId, std::uint32_t> numbers;  // of the last confirmable notification

    void set_handler(RequestHandler&) override {}
    Result<void> open(const ServerAccount&) override { return {}; }
    void close(ServerId) override {}
    void reconnect(ServerId) override {}
    void send(ServerId server, Uplink uplink, Answer answer) override {
        const std::string& first = uplink.path.at(0);
        need(first == "rd" || first == "dp");
        need(uplink.payload.size() < 200'000);
        sent.push_back({server, std::move(uplink), std::move(answer)});
        need(sent.size() <= 4);  // for each server one of the registration and one Send
    }
    void notify(ServerId, ObservationId id, Response response, bool confirmable) override {
        need(id != 0 && (response.code == Code::content || response.code == Code::not_found));
        need(response.payload.size() < 200'000);
        if (confirmable) numbers[id] = response.number;
    }
    void end(ServerId, ObservationId id) override { numbers.erase(id); }
    void answer(std::size_t which, Result<UplinkAnswer> with) {
        if (sent.empty()) return;
        const auto at = sent.begin() + static_cast<std::ptrdiff_t>(which % sent.size());
        Message message = std::move(*at);
        sent.erase(at);
        message.answer(std::move(with));
    }
};

void build(fakes::MemoryTree& tree) {
    using fakes::resource;
    ObjectDef server{1, "", {1, 2}, {1, 0}, true, false, {}};
    server.resources = {resource(0, "R", Type::integer), resource(1, "RW", Type::integer)};
    ObjectDef portfolio{16, "", {1, 0}, {1, 0}, true, false, {}};
    portfolio.resources = {resource(0, "RW", Type::string, true, true)};
    ObjectDef gateway{25, "", {2, 0}, {1, 0}, true, false, {}};
    gateway.resources = {resource(1, "R", Type::string)};
    ObjectDef sensor{3303, "", {1, 1}, {1, 0}, true, false, {}};
    sensor.resources = {resource(5700, "R", Type::floating), resource(5850, "RW", Type::boolean),
                        resource(5750, "RWm", Type::string)};
    tree.creatable = {16};
    tree.add_object("", server);
    tree.add_object("", portfolio);
    tree.add_object("", gateway);
    for (int i = 0; i < 2; ++i) tree.set("/1/" + std::to_string(i) + "/0", std::int64_t{i + 1});
    tree.set("/16/0/0/0", std::string("x"));
    for (const char* prefix : {"a", "b"}) {
        tree.add_object(prefix, sensor);
        tree.set("/" + std::string(prefix) + "/3303/0/5700", 20.0);
        tree.set("/" + std::string(prefix) + "/3303/0/5850", false);
        tree.set("/25/" + std::to_string(prefix[0] - 'a') + "/1", std::string(prefix));
    }
}

constexpr const char* paths[] = {
    "a/3303/0/5700", "a/3303/0/5850", "b/3303/0/5700", "b/3303/0", "a/3303", "16/0/0", "16", "25", "1"};
constexpr const char* queries[] = {"pmin=2",  "pmax=7",  "gt=20",   "lt=10", "st=3", "edge=1",  "con=1",
                                   "hqmax=3", "epmin=1", "epmax=9", "pmin",  "pmax", "hqmax=0", "gt"};
constexpr const char* lists[] = {R"([{"n":"/a/3303/0/5700"},{"n":"/16/0"}])", R"([{"n":"/a"},{"n":"/b/3303/0/5850"}])",
                                 R"([{"n":"/"}])", R"([{"n":"/9/9/9"},{"n":"/16/1"}])"};

std::vector<std::string> split(std::string_view path) {
    std::vector<std::string> out;
    for (std::size_t from = 0;;) {
        const auto to = path.find('/', from);
        out.emplace_back(path.substr(from, to == std::string_view::npos ? to : to - from));
        if (to == std::string_view::npos) return out;
        from = to + 1;
    }
}

}  // namespace

std::uint64_t fuzz_steps = 0;  // for state_walk_test.cpp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    base::log().set_level(spdlog::level::off);
    fakes::ManualTimers timers;
    fakes::FixedRandom random;
    fakes::MemoryTree tree;
    build(tree);
    Network network;
    base::Cursor input({data, size});
    const auto byte = [&] { return input.byte().value_or(0); };

    ClientConfig config;
    config.endpoint = "fuzz";
    config.prefixes = [] { return std::vector<std::string>{"a", "b"}; };
    const std::uint8_t shape = byte();
    for (ServerId id = 1; id <= 2; ++id) {
        ServerConfig server;
        server.account = {id, "s", "coaps://server", id == 1 || (shape & 1) != 0 ? Security::psk : Security::nosec, "id", {1}};
        server.lifetime = std::chrono::seconds(20 * id);
        if ((shape & 2) != 0) server.order = 3U - id;
        server.failure_blocks = (shape & 4) != 0;
        if ((shape & 8) != 0) server.retry = {.count = 2, .timer = 3, .pause = 30, .sequences = 2};
        if ((shape & 16) != 0) server.profile = "6:1";
        server.register_on_join = (shape & 32) != 0;
        server.queue = (shape & 64) != 0;
        if ((shape & 128) != 0) server.send = {10s, {*Target::parse("/16"), {"*", Path::of({3303, 0, 5700})}}, true};
        config.servers.push_back(std::move(server));
    }
    int asked = 0, answered = 0;
    {
        Client client(network, tree, timers, random, config);
        std::string text;
        need(client.start().has_value());
        while (input.size() != 0) {
            ++fuzz_steps;
            const std::uint8_t what = byte(), with = byte();
            const auto server = static_cast<ServerId>(1 + (with & 1));
            switch (what % 20) {
                case 0: timers.advance(std::chrono::milliseconds(with * 40)); break;
                case 1: timers.advance(std::chrono::seconds(with * 30)); break;
                case 2:
                case 3: {
                    static constexpr Code codes[] = {Code::created,
                                                     Code::changed,
                                                     Code::deleted,
                                                     Code::not_found,
                                                     Code::bad_request,
                                                     Code::conflict,
                                                     Code::precondition_failed,
                                                     Code::service_unavailable};
                    network.answer(with >> 4, UplinkAnswer{codes[with % 8], {"rd", "2"}, std::uint32_t{with} * 2, {}});
                    break;
                }
                case 4: network.answer(with >> 4, fail((with & 1) != 0 ? Errc::timeout : Errc::offline, "no")); break;
                case 5: client.on_lost(server, with >> 1 & 7, (with & 16) != 0 ? Lost::timeout : Lost::reset); break;
                case 6: client.on_session_closed(server, "closed"); break;
                case 7:
                    if (const auto number = network.numbers.find(with >> 1 & 7); number != network.numbers.end())
                        client.on_acknowledged(server, number->first, number->second);
                    break;
                case 8:
                case 9: {
                    const char* path = paths[with % 3];
                    const Value value = with % 3 == 1 ? Value((with & 8) != 0) : Value(static_cast<double>(with));
                    tree.set(std::string("/") + path, value);
                    client.changed(*Target::parse(std::string("/") + path), value, timers.wall());
                    break;
                }
                case 10: (with & 1) != 0 ? tree.hold() : tree.release(); break;
                case 11: {
                    const std::string instance = "/25/" + std::to_string(2 + with % 5);
                    (with & 32) != 0 ? tree.set(instance + "/1", std::string("x")) : tree.take_away(instance);
                    client.instances_changed();
                    break;
                }
                case 12:
                    (with & 2) != 0 ? client.disable(server, std::chrono::seconds(with)) : client.update_now(server);
                    break;
                case 13: client.set_storing(server, (with & 2) != 0); break;
                case 14: client.set_mute_send(server, (with & 2) != 0); break;
                case 15:
                    if (!client.access().rules().empty()) {
                        auto rule = client.access().rules().begin();
                        std::advance(rule, with % client.access().rules().size());
                        client.access().set_acl(rule->first, {{1, static_cast<std::uint8_t>(with & 31)}, {2, 31}});
                    }
                    break;
                case 16: (with & 2) != 0 ? static_cast<void>(text = client.export_state()) : client.import_state(text); break;
                case 17: client.lifetime_changed(server, std::chrono::seconds(with)); break;
                default: {
                    Request request;
                    const std::uint8_t kind = byte();
                    request.observation = 1 + kind % 7 + 8 * (server - 1U);
                    request.observe = (kind & 8) != 0 ? Observe::cancel : Observe::start;
                    if ((with & 4) != 0) request.query.emplace_back(queries[(with >> 3) % std::size(queries)]);
                    switch (kind >> 5) {
                        case 0:
                        case 1: request.path = split(paths[with % std::size(paths)]); break;
                        case 2: {
                            request.method = Method::fetch;
                            request.content_format = 320;
                            const auto list = base::as_bytes(lists[with % std::size(lists)]);
                            request.payload.assign(list.begin(), list.end());
                            break;
                        }
                        case 3:
                            request.method = Method::put;
                            request.observe = Observe::none;
                            request.path = split(paths[with % std::size(paths)]);
                            request.query = {queries[kind % std::size(queries)]};
                            break;
                        case 4: {
                            request.method = Method::post;
                            request.observe = Observe::none;
                            request.path = {"16"};
                            request.content_format = 110;
                            const std::string one = R"([{"n":"/16/)" + std::to_string(with % 4) + R"(/0/0","vs":"x"}])";
                            request.payload.assign(one.begin(), one.end());
                            break;
                        }
                        case 5:
                            request.method = Method::remove;
                            request.observe = Observe::none;
                            request.path = {"16", std::to_string(with % 4)};
                            break;
                        default:
                            request.path = split(paths[with % std::size(paths)]);
                            if ((kind & 16) != 0) request.accept = 110;
                            break;
                    }
                    ++asked;
                    client.on_request(server, std::move(request), Reply([&](const Response& response) {
                                          ++answered;
                                          need(response.code != Code::internal);
                                      }));
                }
            }
            need(client.observations() <= 14);
            need(client.access().rules().size() < 64);
            // A server that is neither there nor being asked is waited for by somebody.
            for (const ServerId id : {ServerId{1}, ServerId{2}})
                need(client.state(id) != RegistrationState::registering || !network.sent.empty() || timers.waiting() != 0);
            need(timers.waiting() < 16);
        }
        tree.release();
        tree.release();
        while (!network.sent.empty()) network.answer(0, fail(Errc::offline, "gone"));
        client.stop([] {});
        timers.advance(3s);
    }
    need(asked == answered);
    return 0;
}
