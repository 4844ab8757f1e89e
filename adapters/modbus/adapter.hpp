#pragma once

#include "adapters/modbus/discovery.hpp"
#include "adapters/modbus/read_job.hpp"
#include "adapters/modbus/request_queue.hpp"
#include "adapters/modbus/shape.hpp"

#include <deque>
#include <memory>

namespace adapters::modbus {

/// One Modbus link: all units behind one host or on one serial line. The queue (request_queue.hpp) says who may send; a
/// unit that does not answer costs one time-out a call: the rest of that call fails with it.
class ModbusAdapter final : public Adapter {
public:
    static constexpr std::size_t queue_limit = RequestQueue::limit;

    ModbusAdapter(boost::asio::any_io_executor, base::Timers&, base::Random&, LinkSettings);
    /// Over another wire.
    ModbusAdapter(boost::asio::any_io_executor, base::Timers&, LinkSettings, std::unique_ptr<Bus>);
    ~ModbusAdapter() override;

    // What there is (adapter.cpp).
    std::optional<ShapeId> add_shape(std::string_view profile, Fields* section, Diagnostics&) override;
    std::optional<PointIndex> add_point(ShapeId, Fields& point, Fields* write, Access) override;
    std::optional<Kind> kind(ShapeId, PointIndex) const override;
    std::optional<DeviceId> add_device(ShapeId, Fields& site) override;
    std::optional<RuleId> add_rule(Fields& rule) override;
    std::optional<std::vector<std::string>> facts(RuleId rule) const override { return discovery_.rule(rule).facts(); }

    void recall(const Words& remembered) override;
    void start(Sink&) override;
    void stop(std::function<void()> stopped) override;
    void read(DeviceId, std::vector<PointIndex>, Instant deadline, std::function<void(Values)>) override;
    void write(DeviceId, PointIndex, Scalar, Instant deadline, std::function<void(Result<void>)>) override;

    // For the integrator's hands (by_hand.cpp).
    void read_raw(DeviceId, PointIndex, Instant deadline, Fetched) override;
    /// Words: unit, at; count (1), addresses (zero).
    void fetch(const Words& address, Instant deadline, Fetched) override;
    /// Words: unit, at, value: one number or several with blanks between, or true and false; addresses (zero). One register or
    /// coil with functions 6 and 5, several with 16 and 15.
    void put(const Words& address, Instant deadline, std::function<void(Result<void>)>) override;
    /// Words: units ("1-247"; on a host "1,255"), identify (yes, no), timeout ("200ms"), on a serial line speeds: "all", or
    /// settings with commas between: "9600 8N1,19200 8E1" (a speed alone stands for 8N1 and 8E1).
    void scan(const Words& options, double share, std::function<void(Found)>, std::function<void(Progress)>,
              std::function<void(Result<void>)> done) override;
    void cancel_scan() override;
    void trace(std::function<void(const Traffic&)>) override;

    // For a profile's tests (pretend.cpp).
    /// "holding:0": [0x00F5, 0x028F], counted as the profile counts; "identify:revision": "1.2".
    std::vector<std::optional<Result<Scalar>>> pretend(DeviceId, const base::Node& given, Diagnostics&) override;
    /// Function, then numbers of 16 bits: "05 0000 FF00", "10 0064 0001 02 00A0". Bits without a mask are read before: then
    /// two lines, the second with the other bits 0.
    Result<std::vector<std::string>> sends(DeviceId, PointIndex, const Scalar&) const override;

    // Telling (adapter.cpp).
    Cost cost(DeviceId, const std::vector<PointIndex>&) const override;
    double busy_limit() const override { return settings_.busy; }
    std::vector<std::string> explain(DeviceId, const std::vector<PointIndex>&) const override;
    std::string where() const override { return settings_.where(); }

    /// For the simulator. Null: no such device.
    const Shape* shape_of(DeviceId) const;
    std::uint8_t unit_of(DeviceId device) const { return devices_.at(device).unit; }

private:
    struct Device {
        ShapeId shape = 0;
        std::uint8_t unit = 0;
        bool broadcast = false;
        std::string what;  // "device 'meter-hall'"
        base::SourceLoc at;
        SelfTold self_told{};
    };

    std::optional<std::uint8_t> read_unit(Fields& site);
    ReadLimits limits_of(const Device&) const;
    std::chrono::microseconds turnaround_of(const Device&) const;
    std::vector<Block> blocks_of(const Device&, const std::vector<PointIndex>&, std::vector<Extent>&) const;
    const Device* device_with(std::uint8_t unit) const;
    std::optional<std::string> is_known(std::uint8_t unit) const;
    void holes_changed(const Shape&);
    void renew_holes(const Shape&);
    Milliseconds scan_timeout() const;

    base::Timers& timers_;
    const LinkSettings settings_;
    std::unique_ptr<Bus> bus_;
    RequestQueue queue_;
    Discovery discovery_;
    std::unique_ptr<Scanner> scanner_;  // by hand
    std::deque<Shape> shapes_;
    std::deque<Device> devices_;
    Sink* sink_ = nullptr;
};

}  // namespace adapters::modbus
