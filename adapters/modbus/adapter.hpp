#pragma once

#include "adapters/modbus/bus.hpp"
#include "adapters/modbus/link_settings.hpp"
#include "adapters/modbus/shape.hpp"

#include <deque>
#include <list>
#include <memory>

namespace adapters::modbus {

/// One Modbus link: all units behind one host or on one serial line. At most 256 calls wait (`queue_limit`); over that
/// Errc::busy. One request is on the wire at a time; writes go before reads, between the blocks of a read too. A unit
/// that does not answer costs one time-out a call: the rest of that call fails with it.
class ModbusAdapter final : public Adapter {
public:
    static constexpr std::size_t queue_limit = 256;

    ModbusAdapter(boost::asio::any_io_executor, base::Timers&, base::Random&, LinkSettings);
    ~ModbusAdapter() override;

    std::optional<ShapeId> add_shape(std::string_view profile, Fields* section, Diagnostics&) override;
    std::optional<PointIndex> add_point(ShapeId, Fields& point, Fields* write, Access) override;
    std::optional<Kind> kind(ShapeId, PointIndex) const override;
    std::optional<DeviceId> add_device(ShapeId, Fields& site) override;
    void start(Sink&) override;
    void stop(std::function<void()> stopped) override;
    void read(DeviceId, std::vector<PointIndex>, Instant deadline, std::function<void(Values)>) override;
    void write(DeviceId, PointIndex, Scalar, Instant deadline, std::function<void(Result<void>)>) override;
    std::vector<std::string> explain(DeviceId, const std::vector<PointIndex>&) const override;
    std::string where() const override { return settings_.where(); }
    /// "holding:0": [0x00F5, 0x028F], counted as the profile counts; "identify:revision": "1.2".
    std::vector<std::optional<Result<Scalar>>> pretend(DeviceId, const base::Node& given, Diagnostics&) override;
    /// Function, then numbers of 16 bits: "05 0000 FF00", "10 0064 0001 02 00A0". Bits without a mask are read before: then
    /// two lines, the second with the other bits 0.
    Result<std::vector<std::string>> sends(DeviceId, PointIndex, const Scalar&) const override;

    /// For the simulator. Null: no such device.
    const Shape* shape_of(DeviceId) const;
    std::uint8_t unit_of(DeviceId device) const { return devices_.at(device).unit; }

private:
    struct Device {
        ShapeId shape = 0;
        std::uint8_t unit = 0;
        std::string what;  // "device 'meter-hall'"
        base::SourceLoc at;
        Instant ready{};  // not asked before
    };
    struct Part;
    struct Job;

    std::optional<std::uint8_t> read_unit(Fields& site);
    ReadLimits limits_of(const Shape&) const;
    std::vector<Extent> extents_of(const Shape&, const std::vector<PointIndex>&) const;
    const char* refusal(DeviceId) const;
    void enqueue(std::list<Job>& queue, Job job);
    void pump();
    void begin(Job&);
    void answered(Result<Bytes>);
    void read_answered(Job&, Result<Bytes>&);
    void write_answered(Job&, Result<Bytes>&);
    void divide(Job&, const Part&);
    void learn(Job&, const Part&, bool whole);
    void settle_all(Job&, const base::Error&);
    void finish(Job&);
    void expire();
    void fail_waiting(const base::Error&);
    void bus_changed(Bus::State, const std::string& why);
    template <class F>
    void later(F);

    boost::asio::any_io_executor executor_;
    base::Timers& timers_;
    const LinkSettings settings_;
    std::unique_ptr<Bus> bus_;
    std::vector<Shape> shapes_;
    std::vector<Device> devices_;

    Sink* sink_ = nullptr;
    Bus::State state_ = Bus::State::starting;
    std::string away_;  // why
    bool stopping_ = false;
    std::list<Job> writes_, reads_;
    Job* current_ = nullptr;  // whose request is on the wire; an element of one of the lists
    Instant line_ready_{};
    base::Timer deadlines_, rest_;
    Instant next_deadline_{};
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace adapters::modbus
