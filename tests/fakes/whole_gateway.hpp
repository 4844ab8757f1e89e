#pragma once

#include "gateway/app.hpp"
#include "gateway/base/log.hpp"
#include "tests/fakes/manual_timers.hpp"
#include "tests/fakes/scripted_server.hpp"

#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

namespace fakes {

/// What is behind all links of a test: values by (unit, pin), and what the links did.
struct World {
    std::map<std::pair<std::int64_t, std::int64_t>, adapters::Scalar> values;
    std::set<std::int64_t> dead;   // units
    std::vector<std::string> log;  // "open bus", "close bus", "unit 1 = 2 at pin 3"
    std::map<std::string, adapters::Sink*> sinks;
    std::map<std::string, adapters::Words> recalled;
    std::vector<std::function<void()>> held;  // answers to reads, and stops
    bool hold = false, hold_stop = false;
    std::map<std::string, int> reads;  // by link

    std::size_t count(const std::string& what) const {
        return static_cast<std::size_t>(std::count(log.begin(), log.end(), what));
    }
    static World*& current() {
        static World* world = nullptr;
        return world;
    }
};

/// The adapter `sim` of these tests: points have a `pin`, devices a `unit`, rules a `look`.
class WorldAdapter final : public adapters::Adapter {
public:
    WorldAdapter(base::Timers& timers, std::string name) : timers_(timers), name_(std::move(name)) {}

    std::optional<adapters::ShapeId> add_shape(std::string_view, adapters::Fields*, adapters::Diagnostics&) override {
        shapes_.emplace_back();
        return static_cast<adapters::ShapeId>(shapes_.size() - 1);
    }
    std::optional<adapters::PointIndex> add_point(adapters::ShapeId shape, adapters::Fields& point, adapters::Fields*,
                                                  adapters::Access) override {
        point.need("pin", "write pin: 1");
        const auto pin = point.integer("pin", 0, 9999);
        point.known("type");
        if (!pin) return std::nullopt;
        shapes_[shape].push_back(*pin);
        return static_cast<adapters::PointIndex>(shapes_[shape].size() - 1);
    }
    std::optional<adapters::DeviceId> add_device(adapters::ShapeId shape, adapters::Fields& site) override {
        const auto unit = site.integer("unit", 0, 247);
        site.known("address");
        if (unit && !units_.insert(*unit).second) {
            site.error("unit", fmt::format("unit {} is taken", *unit), "choose another");
            return std::nullopt;
        }
        devices_.push_back({shape, unit.value_or(0)});
        return static_cast<adapters::DeviceId>(devices_.size() - 1);
    }
    std::optional<adapters::RuleId> add_rule(adapters::Fields& rule) override {
        rule.text("look");
        return rules_++;
    }
    void recall(const adapters::Words& words) override { world().recalled[name_] = words; }
    void start(adapters::Sink& sink) override {
        sink_ = &sink;
        world().log.push_back("open " + name_);
        world().sinks[name_] = &sink;
        sink.link(true, "connected");
    }
    void stop(std::function<void()> stopped) override {
        world().log.push_back("close " + name_);
        world().sinks.erase(name_);
        if (world().hold_stop)
            world().held.push_back(std::move(stopped));
        else
            stopped();
    }
    void read(adapters::DeviceId device, std::vector<adapters::PointIndex> points, adapters::Instant,
              std::function<void(Values)> done) override {
        ++world().reads[name_];
        const auto [shape, unit] = devices_[device];
        Values values;
        for (const auto point : points) {
            const auto found = world().values.find({unit, shapes_[shape][point]});
            if (world().dead.contains(unit))
                values.push_back(base::fail(base::Errc::timeout, "no answer"));
            else if (found == world().values.end())
                values.push_back(base::fail(base::Errc::not_found, "no such pin"));
            else
                values.push_back(found->second);
        }
        if (world().hold)
            world().held.push_back([values = std::move(values), done = std::move(done)] { done(values); });
        else
            done(std::move(values));
    }
    void write(adapters::DeviceId device, adapters::PointIndex point, adapters::Scalar value, adapters::Instant,
               std::function<void(base::Result<void>)> done) override {
        const auto [shape, unit] = devices_[device];
        world().values[{unit, shapes_[shape][point]}] = std::move(value);
        done({});
    }
    std::vector<std::string> explain(adapters::DeviceId, const std::vector<adapters::PointIndex>&) const override { return {}; }
    std::string where() const override { return name_; }

    static std::unique_ptr<adapters::Adapter> create(boost::asio::any_io_executor, base::Timers& timers, base::Random&,
                                                     adapters::Fields& link) {
        const auto name = link.text("sim");
        link.known("busy");
        return name ? std::make_unique<WorldAdapter>(timers, *name) : nullptr;
    }
    static const adapters::Descriptor& descriptor() {
        static constexpr adapters::Descriptor its{adapters::adapter_api, adapters::adapter_build, "sim", create, nullptr};
        return its;
    }

private:
    static World& world() { return *World::current(); }
    struct Device {
        adapters::ShapeId shape;
        std::int64_t unit;
    };
    base::Timers& timers_;
    std::string name_;
    adapters::Sink* sink_ = nullptr;
    std::vector<std::vector<std::int64_t>> shapes_;
    std::vector<Device> devices_;
    std::set<std::int64_t> units_;
    adapters::RuleId rules_ = 0;
};

/// The whole gateway between a scripted server and a World, from real files in a folder of its own, on manual time.
struct WholeGateway {
    WholeGateway() {
        std::string name = std::filesystem::temp_directory_path() / "gateway-XXXXXX";
        folder = mkdtemp(name.data());
        std::filesystem::create_directories(folder + "/config/devices.d");
        std::filesystem::create_directories(folder + "/config/profiles/t");
        World::current() = &world;
        (void)registry.add(WorldAdapter::descriptor());
        base::log().set_level(spdlog::level::off);
        yaml("{bus: {sim: bus}, other: {sim: other}}");
        profile("meter", 1,
                "  temperature: {pin: 1, unit: Cel, every: 1s, to: 3303/0}\n"
                "  relay: {pin: 2, every: 1s, to: 3312/0, write: {}}\n");
        profile("valve", 1, "  open: {pin: 3, every: 1s, to: 3312/0}\n");
        for (std::int64_t unit = 0; unit < 60; ++unit) {
            world.values[{unit, 1}] = 20.0 + static_cast<double>(unit);
            world.values[{unit, 2}] = false;
            world.values[{unit, 3}] = true;
        }
    }
    ~WholeGateway() {
        app.reset();
        std::filesystem::remove_all(folder);
        World::current() = nullptr;
    }

    void write(const std::string& file, const std::string& text) { std::ofstream(folder + "/config/" + file) << text; }
    void yaml(const std::string& links, const std::string& more = "") {
        write("gateway.yaml", "format: 1\ngateway: gw\nservers: {main: {uri: \"coap://192.0.2.1\", security: nosec}}\nlinks: " +
                                  links + "\n" + more);
    }
    void profile(const std::string& model, int revision, const std::string& points) {
        write("profiles/t/" + model + ".yaml",
              fmt::format("format: 1\nprofile: t/{}\nrevision: {}\ntitle: {}\nprotocol: sim\nparams: {{tag: {{type: string, "
                          "default: \"\"}}}}\npoints:\n{}device: {{serial: \"${{tag}}\"}}\n",
                          model, revision, model, points));
    }
    void site(const std::string& text) { write("devices.d/site.yaml", "format: 1\n" + text); }
    void devices(std::initializer_list<const char*> list) {
        std::string text = "devices:\n";
        for (const char* device : list) text += fmt::format("  - {}\n", device);
        site(text);
    }

    std::optional<gateway::Site> load(base::Diagnostics& diagnostics, const gateway::StateStore& state,
                                      std::shared_ptr<const lwm2m::ObjectCatalog> catalog = nullptr) {
        gateway::Places places;
        places.config = folder + "/config";
        return load_site(places, registry, loop, timers, random, diagnostics, &state, std::move(catalog));
    }
    /// False: the files have mistakes, told in `mistakes`.
    bool start() {
        auto state = gateway::StateStore::open(folder + "/state");
        base::Diagnostics diagnostics;
        auto site = load(diagnostics, *state);
        mistakes = diagnostics.str();
        if (!site) return false;
        app = std::make_unique<gateway::App>(std::move(*site), std::move(*state), server, timers, random, "1");
        app->load = [this](base::Diagnostics& d, const gateway::StateStore& s, auto catalog) {
            return load(d, s, std::move(catalog));
        };
        (void)app->start();
        server.hears();
        server.answers(lwm2m::Code::created, {"rd", "1"});
        return true;
    }
    void stop() {
        bool stopped = false;
        app->stop([&] { stopped = true; });
        server.hears();
        server.answers(lwm2m::Code::deleted);
        after(std::chrono::milliseconds(1));
        while (!stopped) after(std::chrono::milliseconds(100));
        app.reset();
        world.log.clear();
    }
    void restart() {
        stop();
        start();
    }
    /// The report in one line, or "mistakes: …".
    std::string reload() {
        auto said = std::make_shared<std::string>("(no answer)");
        app->reload([said](const base::Result<gateway::ReloadReport>& report) {
            *said = report ? report->str() : "mistakes: " + report.error().message;
        });
        after(std::chrono::milliseconds(1));
        return *said;
    }
    void after(std::chrono::milliseconds by) { timers.advance(by); }
    /// The same, with a server that answers.
    void lives(std::chrono::milliseconds by) {
        for (; by.count() > 0; by -= std::chrono::seconds(5)) {
            after(std::min<std::chrono::milliseconds>(by, std::chrono::seconds(5)));
            for (auto line = server.hears(); !line.empty(); line = server.hears()) {
                if (line.starts_with("POST /rd?"))
                    server.answers(lwm2m::Code::created, {"rd", "1"});
                else
                    server.answers(lwm2m::Code::changed);
            }
        }
    }
    std::string read(const std::string& path) { return server.asks("GET " + path); }
    /// "meter-a:0:dev0 …" as object 25 has them.
    std::string members() {
        std::string text;
        for (gateway::DeviceIndex d = 0; d < app->devices().size(); ++d) {
            if (!app->devices().has(d) || app->devices().at(d).away) continue;
            const auto& device = app->devices().at(d);
            text += fmt::format("{}{}:{}:{}", text.empty() ? "" : " ", device.spec->id, device.instance, device.prefix);
        }
        return text;
    }
    std::vector<gateway::Discovery::Entry> found() { return app->discovery().list(); }

    std::string folder, mistakes;
    World world;
    boost::asio::io_context loop;
    ManualTimers timers;
    FixedRandom random;
    ScriptedServer server;
    gateway::AdapterRegistry registry;
    std::unique_ptr<gateway::App> app;
};

}  // namespace fakes
