#pragma once

#include "gateway/app.hpp"
#include "gateway/control/field.hpp"
#include "gateway/service_manager.hpp"

#include <string>

namespace gateway::cli {

/// The running gateway, as the control socket's requests see it.
class Running final : public control::Field {
public:
    Running(App& app, base::Timers& timers, std::string version, std::string config);

    const mapping::Plan& plan() override { return app_.plan(); }
    EndDevices& devices() override { return app_.devices(); }
    ValueStore& store() override { return app_.store(); }
    Intake& intake() override { return app_.intake(); }
    base::Timers& timers() override { return timers_; }
    LinkHost::Status link(std::size_t number) const override { return app_.links().status(number); }
    const Troubles::Trouble* trouble(DeviceIndex device, Troubles::Of of, std::uint16_t number) const override {
        return app_.links().troubles().find(device, of, number);
    }
    void write(DeviceIndex, PointNumber, const lwm2m::Value&, std::function<void(base::Result<void>)>) override;
    control::Json facts() const override;
    Discovery* discovery() override { return &app_.discovery(); }
    /// Also what SIGHUP asks for; systemd is told that it goes on. `done` may be empty.
    void reload(std::function<void(base::Result<control::Json>)> done) override;

    /// After a reload, whatever came of it.
    std::function<void()> on_reloaded;

private:
    App& app_;
    base::Timers& timers_;
    ServiceManager service_;
    std::string version_, config_;
    base::Instant started_;
};

}  // namespace gateway::cli
