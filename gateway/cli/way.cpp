#include "gateway/cli/way.hpp"

#include "gateway/asio_timers.hpp"
#include "gateway/base/log.hpp"
#include "gateway/cli/output.hpp"
#include "gateway/control/desk.hpp"
#include "gateway/control/request.hpp"
#include "gateway/control/server.hpp"

#include <unistd.h>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>

namespace gateway::cli {

using base::Errc;
using base::fail;
using base::Result;

namespace {

class Daemon final : public Way {
public:
    Daemon(control::Client client, std::string config) : client_(std::move(client)) {
        config_ = std::move(config);
        daemon_ = true;
    }
    Result<Json> ask(const std::string& what, const Json& with, const control::Client::OnEvent& on_event,
                     bool endless) override {
        return client_.ask(what, with, on_event, endless);
    }

private:
    control::Client client_;
};

/// The wanted link alone, with the devices on it, and with or without their polls.
void narrow(mapping::Plan& plan, std::size_t wanted, bool polls) {
    std::map<const mapping::DeviceType*, std::shared_ptr<const mapping::DeviceType>> quiet;
    std::vector<mapping::Device> devices;
    for (auto& device : plan.devices) {
        if (device.link != wanted) continue;
        auto& type = quiet[device.type.get()];
        if (type == nullptr) {
            auto copy = std::make_shared<mapping::DeviceType>(*device.type);
            for (auto& point : copy->points)
                if (!polls) point.period = {}, point.at_start = false;
            type = std::move(copy);
        }
        device.type = type;
        device.link = 0;
        devices.push_back(std::move(device));
    }
    plan.devices = std::move(devices);
    plan.rules.clear();
    std::vector<mapping::Link> links;
    links.push_back(std::move(plan.links[wanted]));
    plan.links = std::move(links);
}

struct Loop {
    boost::asio::io_context context{1};
    AsioTimers timers{context};
    SystemRandom random;
};

/// The same parts as the gateway's, on a loop that runs while something is asked for.
class Local final : public Way, private control::Field {
public:
    Local(std::unique_ptr<Loop> loop, std::unique_ptr<AdapterRegistry> registry, Site site, const Options& options)
        : loop_(std::move(loop)),
          registry_(std::move(registry)),
          site_(std::move(site)),
          version_(options.version),
          devices_(*site_.plan, *site_.catalog),
          store_(devices_.readings(), devices_.extremes()),
          intake_(devices_, store_, loop_->timers, loop_->random),
          links_(*site_.plan, devices_, intake_, guard_, loop_->timers),
          broker_(devices_, store_, intake_, links_, guard_, loop_->timers),
          desk_(*this) {
        config_ = options.places.config;
        for (DeviceIndex d = 0; d < devices_.size(); ++d)
            devices_.give(d, devices_.at(d).spec->prefix, static_cast<std::uint16_t>(d));
        links_.start();
        // Whatever comes of it: the answer of the verb will tell.
        const auto until = loop_->timers.now() + std::chrono::seconds(6);
        while (!links_.status(0).known && loop_->timers.now() < until)
            loop_->context.run_one_for(std::chrono::milliseconds(100));
    }
    ~Local() override {
        bool stopped = false;
        links_.stop([&stopped] { stopped = true; });
        const auto until = loop_->timers.now() + std::chrono::seconds(3);
        while (!stopped && loop_->timers.now() < until) loop_->context.run_one_for(std::chrono::milliseconds(100));
    }
    Local(const Local&) = delete;
    Local& operator=(const Local&) = delete;

    Result<Json> ask(const std::string& what, const Json& with, const control::Client::OnEvent& on_event, bool) override {
        const auto call = std::make_shared<Here>(what, with, on_event);
        desk_.handle(call);
        loop_->context.restart();
        while (!call->answer && !call->ended) loop_->context.run_one_for(std::chrono::milliseconds(200));
        if (call->answer) return *call->answer;
        if (const auto gone = std::exchange(call->on_gone, nullptr)) gone();
        return Json(nullptr);
    }

private:
    class Here final : public control::Call {
    public:
        Here(std::string what, Json with, const control::Client::OnEvent& on_event)
            : Call(std::move(what), std::move(with)), on_event_(on_event) {}
        void event(Json event) override {
            if (!answer && !ended && on_event_ && !on_event_(event, 0)) ended = true;
        }
        void done(Result<Json> result) override {
            const auto freed = std::exchange(on_gone, nullptr);
            if (!answer) answer = std::move(result);
        }
        std::optional<Result<Json>> answer;
        bool ended = false;

    private:
        const control::Client::OnEvent& on_event_;
    };

    const mapping::Plan& plan() override { return *site_.plan; }
    EndDevices& devices() override { return devices_; }
    ValueStore& store() override { return store_; }
    Intake& intake() override { return intake_; }
    base::Timers& timers() override { return loop_->timers; }
    LinkHost::Status link(std::size_t number) const override { return links_.status(number); }
    const Troubles::Trouble* trouble(DeviceIndex device, Troubles::Of of, std::uint16_t number) const override {
        return links_.troubles().find(device, of, number);
    }
    void write(DeviceIndex device, PointNumber point, const lwm2m::Value& value,
               std::function<void(Result<void>)> done) override {
        const auto raw = broker_.raw(device, point, value);
        if (raw) return broker_.write(device, point, *raw, value, std::move(done));
        const auto& inputs = devices_.at(device).info->type->points[point].inputs;
        if (raw.error().code != Errc::busy || inputs.empty()) return done(tl::unexpected(raw.error()));
        // Worked out of other points, and nothing polls them here.
        broker_.refresh(device, inputs, [this, device, point, value, done = std::move(done)](const std::vector<Result<void>>&) {
            const auto again = broker_.raw(device, point, value);
            if (!again) return done(tl::unexpected(again.error()));
            broker_.write(device, point, *again, value, done);
        });
    }
    Json facts() const override {
        return Json{{"version", version_}, {"endpoint", site_.config.endpoint}, {"config", config_}, {"pid", getpid()}};
    }
    Discovery* discovery() override { return nullptr; }
    void reload(std::function<void(Result<Json>)> done) override { done(fail(Errc::not_supported, "no gateway runs")); }

    std::unique_ptr<Loop> loop_;
    std::unique_ptr<AdapterRegistry> registry_;
    Site site_;
    std::string version_;
    EndDevices devices_;
    ValueStore store_;
    Intake intake_;
    WriteGuard guard_;
    LinkHost links_;
    Broker broker_;
    control::Desk desk_;
};

bool same_folder(const std::string& a, const std::string& b) {
    std::error_code error;
    return !a.empty() && !b.empty() && std::filesystem::equivalent(a, b, error) && !error;
}

std::unique_ptr<Way> open_here(std::string_view verb, const Options& options, const Wanted& wanted, int& status) {
    base::start_log(*base::parse_level(options.log_level.empty() ? "error" : options.log_level));
    auto loop = std::make_unique<Loop>();
    auto registry = std::make_unique<AdapterRegistry>(find_adapters(options.places));
    base::Diagnostics diagnostics;
    auto site = load_site(options.places, *registry, loop->context, loop->timers, loop->random, diagnostics);
    if (!site || !diagnostics.ok()) {
        std::cerr << diagnostics.str();
        status = complain(
            verb, fmt::format("{} in {}; nothing was opened", count(diagnostics.different(), "mistake"), options.places.config),
            problem);
        return nullptr;
    }
    std::size_t link = site->plan->links.size();
    std::vector<std::string_view> names;
    if (wanted.device.empty()) {
        for (std::size_t i = 0; i < site->plan->links.size(); ++i) {
            names.push_back(site->plan->links[i].name);
            if (names.back() == wanted.link) link = i;
        }
    } else {
        for (const auto& device : site->plan->devices) {
            names.push_back(device.id);
            if (device.id == wanted.device) link = device.link;
        }
    }
    if (link == site->plan->links.size()) {
        const auto& name = wanted.device.empty() ? wanted.link : wanted.device;
        const auto near = base::nearest(name, names);
        status = complain(verb,
                          fmt::format("there is no {} '{}'{}", wanted.device.empty() ? "link" : "device", base::printable(name),
                                      near.empty() ? "" : fmt::format("; did you mean '{}'?", near)),
                          problem);
        return nullptr;
    }
    narrow(*site->plan, link, wanted.polls);
    return std::make_unique<Local>(std::move(loop), std::move(registry), std::move(*site), options);
}

}  // namespace

std::unique_ptr<Way> find_way(std::string_view verb, const Options& options, const Wanted& wanted, int& status) {
    const bool may_open =
        !options.places.config.empty() && options.socket.empty() && (!wanted.device.empty() || !wanted.link.empty());
    if (options.socket == "none") {
        if (!options.places.config.empty() && (!wanted.device.empty() || !wanted.link.empty()))
            return open_here(verb, options, wanted, status);
        status = complain(verb, "without a socket this needs --config, and a device or a link", wrong_use);
        return nullptr;
    }
    const auto path = options.socket.empty() ? control::default_socket() : options.socket;
    auto client = control::Client::connect(path);
    if (client) {
        const auto hello = client->ask("hello", Json::object());
        if (!hello) {
            status = complain(verb, hello.error().message, unreachable);
            return nullptr;
        }
        auto config = hello->value("config", std::string());
        if (!may_open || same_folder(config, options.places.config))
            return std::make_unique<Daemon>(std::move(*client), std::move(config));
    } else if (!may_open || client.error().code != Errc::offline) {
        std::string remedy;
        if (client.error().code == Errc::offline)
            remedy = wanted.device.empty() && wanted.link.empty()
                         ? "; is it running? --socket PATH names another place"
                         : "; start it, or say --config DIR to open the link from here";
        status = complain(verb, client.error().message + remedy, unreachable);
        return nullptr;
    }
    return open_here(verb, options, wanted, status);
}

int failed(std::string_view verb, const Options& options, const base::Error& error) {
    if (options.json) print(Json{{"error", {{"kind", control::word(error.code)}, {"message", error.message}}}});
    return complain(verb, base::printable(error.message, 2'000), problem);
}

}  // namespace gateway::cli
