#include "gateway/base/log.hpp"
#include "lwm2m/client.hpp"
#include "tests/fakes/manual_timers.hpp"
#include "tests/fakes/memory_tree.hpp"

#include <cstdlib>
#include <set>

/// Any sequence of requests, lost notifications, values and time that a server and a device can bring about:
/// each request is answered once, with a code that LwM2M may use (OMA Transport 1.2 6.7), and nothing grows without bound.
namespace {

using namespace lwm2m;

void need(bool holds) {
    if (!holds) std::abort();
}

class Peer final : public Transport {
public:
    RequestHandler* handler = nullptr;
    std::vector<Answer> answers;

    void set_handler(RequestHandler& by) override { handler = &by; }
    Result<void> open(const ServerAccount&) override { return {}; }
    void close(ServerId) override {}
    void reconnect(ServerId) override {}
    void send(ServerId, Uplink message, Answer answer) override {
        need(message.payload.size() < 100'000 && message.query.size() < 8);
        answers.push_back(std::move(answer));
        need(answers.size() <= 1);  // one exchange at a time
    }
    void notify(ServerId, ObservationId id, Response response, bool) override {
        need(id != 0 && (response.code == Code::content || response.code == Code::not_found));
    }
    void end(ServerId, ObservationId) override {}
    void answer(Result<UplinkAnswer> with) {
        if (answers.empty()) return;
        auto to = std::move(answers.back());
        answers.pop_back();
        to(std::move(with));
    }
};

bool may_be_used(Code code) {
    static const std::set<Code> codes{Code::created,         Code::deleted,
                                      Code::changed,         Code::content,
                                      Code::bad_request,     Code::unauthorized,
                                      Code::not_found,       Code::method_not_allowed,
                                      Code::not_acceptable,  Code::unsupported_content_format,
                                      Code::not_implemented, Code::service_unavailable,
                                      Code::gateway_timeout};
    return codes.contains(code);
}

void build(fakes::MemoryTree& tree) {
    using fakes::resource;
    ObjectDef device{3, "", {1, 2}, {1, 0}, false, false, {}};
    device.resources = {resource(0, "R", Type::string), resource(4, "E", Type::none), resource(7, "RW", Type::integer, true),
                        resource(13, "RW", Type::time), resource(14, "RW", Type::string)};
    ObjectDef mixed{19, "", {1, 0}, {1, 0}, true, false, {}};
    mixed.resources = {resource(0, "RW", Type::opaque, true, true), resource(1, "RW", Type::floating),
                       resource(2, "RW", Type::boolean), resource(3, "RW", Type::objlnk),
                       resource(5, "RW", Type::unsigned_integer)};
    tree.creatable = {19};
    for (const char* prefix : {"", "d1"}) {
        const std::string root = *prefix == 0 ? "" : "/" + std::string(prefix);
        tree.add_object(prefix, device);
        tree.add_object(prefix, mixed);
        tree.set(root + "/3/0/0", std::string("x"));
        tree.set(root + "/3/0/4", {});
        tree.set(root + "/3/0/7/0", std::int64_t{1});
        tree.set(root + "/3/0/14", std::string("+00:00"));
        tree.set(root + "/19/0/0/0", Bytes{1});
        tree.set(root + "/19/0/1", 1.5);
        tree.set(root + "/19/0/2", false);
    }
}

class Input {
public:
    explicit Input(base::ByteView bytes) : cursor_(bytes) {}
    bool empty() const { return cursor_.empty(); }
    std::uint8_t byte() { return cursor_.byte().value_or(0); }
    std::string text() {
        const auto size = std::min<std::size_t>(byte() & 63, cursor_.size());
        return std::string(base::as_text(*cursor_.take(size)));
    }
    Bytes bytes() {
        const auto size = std::min<std::size_t>(byte(), cursor_.size());
        const auto taken = *cursor_.take(size);
        return {taken.begin(), taken.end()};
    }
    std::vector<std::string> segments() {
        static constexpr const char* common[] = {"d1", "3",      "0",      "19",   "1",      "2",       "7",
                                                 "0",  "pmin=1", "pmax=5", "st=1", "edge=1", "depth=3", "14"};
        std::vector<std::string> out(byte() % 8);
        for (std::string& segment : out) {
            const std::uint8_t kind = byte();
            segment = kind < 224 ? common[kind % std::size(common)] : text();
        }
        return out;
    }
    std::optional<std::uint16_t> format() {
        static constexpr std::uint16_t known[] = {0, 40, 42, 60, 110, 112, 320, 322, 11542, 11543, 11544, 50};
        const std::uint8_t kind = byte();
        if (kind % 16 >= std::size(known)) return std::nullopt;
        return known[kind % 16];
    }

private:
    base::Cursor cursor_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    base::log().set_level(spdlog::level::off);
    fakes::ManualTimers timers;
    fakes::FixedRandom random;
    fakes::MemoryTree tree;
    build(tree);
    Peer peer;
    ClientConfig config;
    config.endpoint = "fuzz";
    config.servers.resize(1);
    config.servers[0].account = {1, "main", "coaps://server", Security::psk, "id", {1}};
    int asked = 0, answered = 0;
    {
        Client client(peer, tree, timers, random, config);
        need(client.start().has_value());
        peer.answer(UplinkAnswer{Code::created, {"rd", "1"}, {}, {}});
        Input input({data, size});
        while (!input.empty()) {
            switch (input.byte() % 10) {
                case 0: timers.advance(std::chrono::milliseconds(input.byte() * 500)); break;
                case 1: client.changed({"d1", Path::of({19, 0, 1})}, static_cast<double>(input.byte()), timers.wall()); break;
                case 2: client.on_lost(1, input.byte() % 8, input.byte() % 2 == 0 ? Lost::reset : Lost::timeout); break;
                case 3: {
                    const std::uint8_t kind = input.byte() % 6;
                    static constexpr Code codes[] = {Code::changed, Code::created, Code::not_found, Code::service_unavailable,
                                                     Code::precondition_failed};
                    if (kind == 5)
                        peer.answer(fail(Errc::timeout, "no answer"));
                    else
                        peer.answer(UplinkAnswer{codes[kind], {"rd", "2"}, input.byte(), {}});
                    break;
                }
                case 4: input.byte() % 2 == 0 ? tree.hold() : tree.release(); break;
                case 5:
                    client.instances_changed();
                    client.changed_below({"d1", {}});
                    break;
                default: {
                    Request request;
                    static constexpr Method methods[] = {Method::get,    Method::put,   Method::post,
                                                         Method::remove, Method::fetch, Method::ipatch};
                    request.method = methods[input.byte() % 6];
                    request.path = input.segments();
                    request.query = input.segments();
                    request.content_format = input.format();
                    request.accept = input.format();
                    request.payload = input.bytes();
                    request.observe = static_cast<Observe>(input.byte() % 3);
                    request.observation = request.observe == Observe::start ? 1 + input.byte() % 7 : input.byte() % 8;
                    ++asked;
                    client.on_request(1, std::move(request), Reply([&answered](const Response& response) {
                                          ++answered;
                                          need(may_be_used(response.code));
                                      }));
                }
            }
            need(client.observations() <= 7);
        }
        tree.release();
        tree.release();
        while (!peer.answers.empty()) peer.answer(fail(Errc::offline, "gone"));
        client.stop([] {});
    }
    need(asked == answered);
    return 0;
}
