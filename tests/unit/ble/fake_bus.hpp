#pragma once

#include "adapters/ble/bluez_error.hpp"
#include "tests/fakes/manual_timers.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

namespace adapters::ble {

using namespace std::chrono_literals;

/// A system bus with a small bluetoothd on it, in the test's own time. Does what the real one was seen to do
/// (tests/blebed/README.md), and remembers what it was asked.
class FakeBus final : public Bus {
public:
    explicit FakeBus(fakes::ManualTimers& its_timers) : timers(its_timers) {}

    // -- Bus

    void start(Events& its) override {
        events = &its;
        running = true;
        if (is_there) later(0ms, [this] { events->service_appeared(); });
    }
    void stop(std::function<void()> stopped) override {
        running = false;
        events = nullptr;
        later(0ms, std::move(stopped));
    }
    void call(const std::string& path, const std::string& interface, const std::string& member, std::vector<Value> arguments,
              base::Milliseconds limit, Reply reply) override {
        calls.push_back({path, interface, member, arguments});
        if (!is_there)
            return answer(std::move(reply), tl::unexpected(Failure{std::string(failures::disconnected), "away"}), 0ms);
        if (hanging.contains(member))
            return answer(std::move(reply), tl::unexpected(Failure{std::string(failures::no_reply), "no reply"}), limit);
        auto& wrong = failing[member];
        if (!wrong.empty()) {
            const Failure failure = wrong.front();
            wrong.pop_front();
            return answer(std::move(reply), tl::unexpected(failure), 10ms);
        }
        if (!tree.contains(path) && path != bluez::root)
            return answer(std::move(reply), tl::unexpected(Failure{std::string(failures::unknown_object), "no such object"}),
                          1ms);
        act(path, member, arguments, std::move(reply));
    }
    void set(const std::string& path, const std::string& interface, const std::string& name, bool value,
             base::Milliseconds limit, Reply reply) override {
        calls.push_back({path, interface, fmt::format("Set {} {}", name, value), {}});
        if (!is_there)
            return answer(std::move(reply), tl::unexpected(Failure{std::string(failures::disconnected), "away"}), 0ms);
        auto& wrong = failing["Set " + name];
        if (!wrong.empty()) {
            const Failure failure = wrong.front();
            if (wrong.size() > 1 || !fails_for_ever) wrong.pop_front();
            return answer(std::move(reply), tl::unexpected(failure), 10ms);
        }
        (void)limit;
        later(10ms, [this, path, interface, name, value] {
            if (name == "Powered" && !value) {
                change(path, interface, {{"Powered", false}, {"Discovering", false}});
                return;
            }
            change(path, interface, {{name, value}});
        });
        answer(std::move(reply), std::vector<Value>{}, 20ms);
    }
    void objects(base::Milliseconds, std::function<void(Answered<Objects>)> done) override {
        calls.push_back({"/", "", "GetManagedObjects", {}});
        later(5ms, [this, done = std::move(done), life = life] {
            if (!is_there || life != this->life)
                return done(tl::unexpected(Failure{std::string(failures::disconnected), "away"}));
            Objects all;
            for (const auto& [path, interfaces] : tree)
                all.emplace_back(path, Interfaces(interfaces.begin(), interfaces.end()));
            done(all);
        });
    }
    void serve(Served its, const std::string&) override { served[its.path] = std::move(its); }
    void unserve(const std::string& path) override { served.erase(path); }

    struct Line final : Listening {
        explicit Line(FakeBus& its_bus) : bus(its_bus) { bus.lines.push_back(this); }
        ~Line() override { std::erase(bus.lines, this); }
        FakeBus& bus;
        std::function<void(base::Bytes)> heard;
        std::function<void()> ended;
    };
    std::unique_ptr<Listening> listen(SharedDescriptor, std::function<void(base::Bytes)> heard,
                                      std::function<void()> ended) override {
        auto line = std::make_unique<Line>(*this);
        line->heard = std::move(heard);
        line->ended = std::move(ended);
        return line;
    }

    // -- What a test does

    static constexpr const char* hci0 = "/org/bluez/hci0";
    void radio(const std::string& name = "hci0", bool powered = true, bool monitors = false) {
        std::map<std::string, Dict> interfaces{
            {bluez::adapter, {{"Address", "00:AA:01:00:00:00"}, {"Powered", powered}, {"Discovering", false}}}};
        if (monitors) interfaces[bluez::monitors] = {};
        add("/org/bluez/" + name, interfaces);
    }
    static std::string path_of(std::string address, const std::string& radio = "hci0") {
        std::replace(address.begin(), address.end(), ':', '_');
        return "/org/bluez/" + radio + "/dev_" + address;
    }
    /// An advertisement: as a new object or as a change.
    void advert(const std::string& address, Dict what = {}, const std::string& radio = "hci0") {
        what.emplace("RSSI", std::int64_t{-60});
        const auto path = path_of(address, radio);
        if (tree.contains(path)) return change(path, bluez::device, what);
        what.emplace("Address", address);
        what.emplace("Connected", false);
        what.emplace("ServicesResolved", false);
        what.emplace("Paired", bonded.contains(address));
        add(path, {{bluez::device, what}});
    }
    struct Char {
        std::string uuid;
        Strings flags;
        base::Bytes value;
        bool encrypted = false;
    };
    /// The GATT table that a connection shows.
    void gatt(const std::string& address, const std::string& service, std::vector<Char> chars) {
        tables[address][service] = std::move(chars);
    }
    std::string char_path(const std::string& address, const std::string& uuid) const {
        for (const auto& [path, interfaces] : tree)
            if (const auto found = interfaces.find(bluez::characteristic);
                found != interfaces.end() && path.starts_with(path_of(address)))
                if (*property<std::string>(found->second, "UUID") == uuid) return path;
        return {};
    }
    void appear() {
        is_there = true;
        ++life;
        if (events != nullptr) events->service_appeared();
    }
    void vanish(const std::string& why = "bluetoothd went away") {
        is_there = false;
        ++life;
        tree.clear();
        if (events != nullptr) events->service_vanished(why);
    }
    void add(const std::string& path, const std::map<std::string, Dict>& interfaces) {
        for (const auto& [name, properties] : interfaces) tree[path][name] = properties;
        if (events != nullptr && is_there) events->object_added(path, Interfaces(interfaces.begin(), interfaces.end()));
    }
    void remove(const std::string& path) {
        Strings names;
        for (const auto& [name, properties] : tree[path]) names.push_back(name);
        tree.erase(path);
        if (events != nullptr && is_there) events->object_removed(path, names);
    }
    void change(const std::string& path, const std::string& interface, const Dict& now, const Strings& gone = {}) {
        if (!tree.contains(path)) return;
        for (const auto& [name, value] : now) tree[path][interface][name] = value;
        if (events != nullptr && is_there) events->changed(path, interface, now, gone);
    }
    void drop(const std::string& address) {
        change(path_of(address), bluez::device, {{"ServicesResolved", false}, {"Connected", false}});
        const auto ended = lines;
        for (auto* line : ended)
            if (std::find(lines.begin(), lines.end(), line) != lines.end()) line->ended();
    }
    std::size_t count(const std::string& member) const {
        return static_cast<std::size_t>(
            std::count_if(calls.begin(), calls.end(), [&](const Call& call) { return call.member == member; }));
    }
    void fail(const std::string& member, const std::string& name, const std::string& text = "", int times = 1) {
        for (int i = 0; i < times; ++i)
            failing[member].push_back({name.find('.') == std::string::npos ? "org.bluez.Error." + name : name, text});
    }
    std::string agent(std::string_view method, std::vector<Value> arguments) {
        const auto found = served.find("/lwm2m_gateway/agent");
        if (found == served.end()) return "no agent";
        const auto answer = found->second.handle(method, arguments);
        if (!answer) return std::string(short_name(answer.error()));
        return answer->empty() ? "" : text_of(answer->front());
    }

    struct Call {
        std::string path, interface, member;
        std::vector<Value> arguments;
    };
    fakes::ManualTimers& timers;
    Events* events = nullptr;
    bool running = false, is_there = true, resolves = true, resolved_first = false, tells_connected = true,
         fails_for_ever = false;
    base::Milliseconds connect_time = 100ms, resolve_time = 200ms, read_time = 20ms;
    std::uint64_t life = 0;
    std::map<std::string, std::map<std::string, Dict>> tree;
    std::map<std::string, std::map<std::string, std::vector<Char>>> tables;  ///< address -> service -> its characteristics
    std::set<std::string> bonded, hanging;
    std::map<std::string, std::deque<Failure>> failing;
    std::vector<Call> calls;
    std::map<std::string, Served> served;
    std::vector<Line*> lines;
    bool acquires = false;
    std::optional<std::uint32_t> passkey;
    int handle = 16;

private:
    void later(base::Milliseconds when, std::function<void()> what) { timers.at(timers.now() + when, std::move(what)); }
    void answer(Reply reply, Answered<std::vector<Value>> with, base::Milliseconds when) {
        later(when, [this, reply = std::move(reply), with = std::move(with), life = life]() mutable {
            if (life != this->life) with = tl::unexpected(Failure{std::string(failures::disconnected), "away"});
            reply(std::move(with));
        });
    }
    static std::string address_of(const std::string& path) {
        std::string text = path.substr(path.find("dev_") + 4, 17);
        std::replace(text.begin(), text.end(), '_', ':');
        return text;
    }
    void show_gatt(const std::string& path) {
        for (const auto& [service, chars] : tables[address_of(path)]) {
            const auto service_path = fmt::format("{}/service{:04x}", path, handle++);
            add(service_path, {{bluez::service, {{"UUID", service}}}});
            for (const auto& each : chars) {
                Dict its{{"UUID", each.uuid},
                         {"Service", ObjectPath{service_path}},
                         {"Flags", each.flags},
                         {"MTU", std::int64_t{100}}};
                if (acquires) its["NotifyAcquired"] = false;
                add(fmt::format("{}/char{:04x}", service_path, handle++), {{bluez::characteristic, its}});
            }
        }
    }
    void hide_gatt(const std::string& path) {
        std::vector<std::string> its;
        for (const auto& [other, interfaces] : tree)
            if (other.starts_with(path + "/")) its.push_back(other);
        for (const auto& other : its) remove(other);
    }
    Char* find_char(const std::string& path) {
        const auto* uuid = property<std::string>(tree[path][bluez::characteristic], "UUID");
        for (auto& [service, chars] : tables[address_of(path)])
            for (auto& each : chars)
                if (uuid != nullptr && each.uuid == *uuid) return &each;
        return nullptr;
    }
    void act(const std::string& path, const std::string& member, const std::vector<Value>& arguments, Reply reply) {
        const auto fine = [&](base::Milliseconds when) { answer(std::move(reply), std::vector<Value>{}, when); };
        const auto refuse = [&](const char* name, const char* text) {
            answer(std::move(reply), tl::unexpected(Failure{std::string("org.bluez.Error.") + name, text}), 5ms);
        };
        if (member == "StartDiscovery" || member == "StopDiscovery") {
            later(5ms, [this, path, on = member == "StartDiscovery"] { change(path, bluez::adapter, {{"Discovering", on}}); });
            return fine(5ms);
        }
        if (member == "RemoveDevice") {
            const auto* gone = arguments[0].as<ObjectPath>();
            bonded.erase(address_of(gone->text));
            later(5ms, [this, its = gone->text] {
                hide_gatt(its);
                remove(its);
            });
            return fine(6ms);
        }
        if (member == "Connect") {
            later(connect_time, [this, path] {
                if (tells_connected)
                    change(path, bluez::device, {{"Connected", true}});
                else if (tree.contains(path))
                    tree[path][bluez::device]["Connected"] = true;
            });
            if (resolves)
                later(connect_time + resolve_time, [this, path] {
                    if (!tree.contains(path) || !*property<bool>(tree[path][bluez::device], "Connected")) return;
                    if (resolved_first) {
                        change(path, bluez::device, {{"ServicesResolved", true}});
                        later(50ms, [this, path] { show_gatt(path); });
                        return;
                    }
                    hide_gatt(path);
                    show_gatt(path);
                    change(path, bluez::device, {{"ServicesResolved", true}});
                });
            return fine(connect_time);
        }
        if (member == "Disconnect") {
            later(20ms, [this, path] { drop(address_of(path)); });
            return fine(30ms);
        }
        if (member == "Pair") {
            std::string said;
            if (passkey) said = agent("RequestPasskey", {Value(ObjectPath{path})});
            if (passkey && said != fmt::format("{}", *passkey)) return refuse("AuthenticationFailed", "Authentication Failed");
            bonded.insert(address_of(path));
            later(50ms, [this, path] { change(path, bluez::device, {{"Paired", true}}); });
            return fine(60ms);
        }
        if (member == "ReadValue" || member == "WriteValue" || member == "StartNotify" || member == "AcquireNotify") {
            Char* its = find_char(path);
            if (its == nullptr) return refuse("Failed", "gone");
            if (its->encrypted && !bonded.contains(address_of(path))) return refuse("NotPermitted", "Not paired");
            if (member == "ReadValue") return answer(std::move(reply), std::vector<Value>{Value(its->value)}, read_time);
            if (member == "WriteValue") {
                its->value = *arguments[0].as<base::Bytes>();
                return fine(read_time);
            }
            if (member == "AcquireNotify") {
                if (!acquires) return refuse("NotSupported", "Operation is not supported");
                return answer(std::move(reply),
                              std::vector<Value>{Value(std::make_shared<FileDescriptor>(-1)), Value(std::int64_t{100})}, 10ms);
            }
            return fine(10ms);
        }
        fine(5ms);
    }
};

}  // namespace adapters::ble
