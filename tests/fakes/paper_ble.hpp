#pragma once

#include "adapters/ble/binding.hpp"

#include <memory>

namespace fakes {

/// The BLE adapter as far as it needs no radio: reads the files, and plays a profile's own tests.
class PaperBle final : public adapters::ble::Binding {
public:
    using Binding::Binding;
    static std::unique_ptr<adapters::Adapter> create(base::Fields& link) {
        auto settings = adapters::ble::read_link(link);
        if (!settings) return nullptr;
        return std::make_unique<PaperBle>(std::move(*settings));
    }

    void start(adapters::Sink&) override {}
    void stop(std::function<void()> stopped) override { stopped(); }
    void read(adapters::DeviceId, std::vector<adapters::PointIndex> points, adapters::Instant,
              std::function<void(Values)> done) override {
        done(Values(points.size(), base::fail(base::Errc::offline, "there is no radio")));
    }
    void write(adapters::DeviceId, adapters::PointIndex, adapters::Scalar, adapters::Instant,
               std::function<void(base::Result<void>)> done) override {
        done(base::fail(base::Errc::offline, "there is no radio"));
    }
};

}  // namespace fakes
