#pragma once

#include "adapters/modbus/adapter.hpp"
#include "config/yaml_reader.hpp"
#include "tests/fakes/manual_timers.hpp"
#include "tests/unit/modbus/stage.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <map>
#include <set>

namespace adapters::modbus {

/// A device on the fake line.
struct FakeUnit {
    std::map<Place, std::uint16_t> words{};  // bits too; what is not there is exception 2
    std::set<Place> refused{};               // exception 2, though it lies among others
    std::set<Place> stubborn{};              // what is written there is accepted, and changes nothing
    std::set<std::uint8_t> unknown{};        // functions: exception 1
    std::set<std::uint8_t> unheard{};        // functions that it does not even refuse
    std::map<std::uint8_t, std::string> objects{};
    std::uint8_t highest_level = 3;  // of 43/14; above: exception 3
    std::string server_id{};         // empty: exception 1
    std::chrono::microseconds thinks{2000};
    bool dead = false;

    void holding(std::uint16_t from, std::vector<std::uint16_t> values) {
        for (const auto value : values) words[{Table::holding, from++}] = value;
    }
    std::uint16_t at(std::uint16_t address, Table table = Table::holding) const { return words.at({table, address}); }
};

/// A bus on manual time: each frame takes what it would on a line of that speed, then the units think and answer as
/// real frames do. Remembers who was asked for what, and when.
class FakeLine final : public Bus {
public:
    struct Asked {
        Instant at;
        Request request;
    };
    FakeLine(base::Timers& timers, SerialLine line) : timers_(timers), line_(std::move(line)) {}

    void start(Changed changed) override {
        changed_ = std::move(changed);
        timers_.at(timers_.now(), [this] { changed_(State::up, "open"); });
    }
    void stop(std::function<void()> stopped) override { timers_.at(timers_.now(), std::move(stopped)); }
    void exchange(Request request, base::Milliseconds timeout, Answer answer) override {
        const Instant begin = std::max(timers_.now(), quiet_);
        asked.push_back({begin, request});
        const auto sent = begin + time_of(pdu(request).size() + 3);
        if (tap_) tap_(true, rtu_adu(request));
        const auto pdu_back = request.broadcast ? std::nullopt : reply(request);
        turnaround_.reset();
        if (request.broadcast) {
            quiet_ = sent + base::Milliseconds(100);
            timers_.at(sent, [answer] { answer(Bytes{}); });
        } else if (!pdu_back || units[request.unit].thinks > timeout) {
            quiet_ = sent + timeout;
            timers_.at(quiet_, [answer, timeout] {
                answer(base::fail(base::Errc::timeout, fmt::format("no answer within {}", base::span_text(timeout))));
            });
        } else {
            const auto thinks = units[request.unit].thinks;
            const auto done = sent + thinks + time_of(pdu_back->size() + 3);
            quiet_ = done + line_.silence();
            timers_.at(done, [this, request, answer, thinks, bytes = *pdu_back] {
                turnaround_ = thinks;
                if (tap_) {
                    Bytes adu{request.unit};
                    adu.insert(adu.end(), bytes.begin(), bytes.end());
                    const auto crc = crc16(adu);
                    adu.push_back(static_cast<std::uint8_t>(crc & 0xFF));
                    adu.push_back(static_cast<std::uint8_t>(crc >> 8));
                    tap_(false, adu);
                }
                const Verdict verdict = check_answer(request, bytes);
                answer(verdict.data.map([](ByteView data) { return Bytes(data.begin(), data.end()); }));
            });
        }
    }
    base::Milliseconds settle(base::Milliseconds timeout) const override { return 3 * timeout; }
    std::optional<std::chrono::microseconds> turnaround() const override { return turnaround_; }
    void tap(Tap tap) override { tap_ = std::move(tap); }
    bool rtu_frames() const override { return true; }
    Result<void> tune(const SerialLine& line) override {
        tuned.push_back(fmt::format("{} 8{}{}", line.baud, line.parity, line.stop_bits));
        return {};
    }
    void change(State state, const std::string& why) { changed_(state, why); }

    /// "1:3 5:6": unit and function of each request so far.
    std::string story() const {
        std::string text;
        for (const auto& one : asked)
            text += fmt::format("{}{}:{}", text.empty() ? "" : " ", one.request.unit, static_cast<int>(one.request.function));
        return text;
    }

    std::map<std::uint8_t, FakeUnit> units;
    std::vector<Asked> asked;
    std::vector<std::string> tuned;

private:
    std::chrono::microseconds time_of(std::size_t characters) const {
        return std::chrono::microseconds(static_cast<std::int64_t>(static_cast<double>(characters) * line_.character_us()));
    }
    static Bytes exception(const Request& request, std::uint8_t code) {
        return {static_cast<std::uint8_t>(static_cast<std::uint8_t>(request.function) | 0x80), code};
    }
    std::optional<Bytes> reply(const Request& request) {
        const auto found = units.find(request.unit);
        if (found == units.end() || found->second.dead) return std::nullopt;
        FakeUnit& unit = found->second;
        const auto function = static_cast<std::uint8_t>(request.function);
        if (unit.unheard.contains(function)) return std::nullopt;
        if (unit.unknown.contains(function)) return exception(request, 1);
        if (request.function == Function::identify) return identity(unit, request);
        if (request.function == Function::report_server_id) {
            if (unit.server_id.empty()) return exception(request, 1);
            Bytes bytes{17, static_cast<std::uint8_t>(unit.server_id.size())};
            bytes.insert(bytes.end(), unit.server_id.begin(), unit.server_id.end());
            return bytes;
        }
        const bool coils = request.function == Function::write_coil || request.function == Function::write_coils ||
                           request.function == Function::read_coils;
        const Table table = coils                                         ? Table::coil
                            : request.function == Function::read_discrete ? Table::discrete
                            : request.function == Function::read_input    ? Table::input
                                                                          : Table::holding;
        const bool one = request.function == Function::mask_write;
        for (std::uint32_t i = 0; i < (one ? 1U : request.count); ++i) {
            const Place place{table, static_cast<std::uint16_t>(request.address + i)};
            if (!unit.words.contains(place) || unit.refused.contains(place)) return exception(request, 2);
        }
        const auto word = [&](std::size_t i) {
            return static_cast<std::uint16_t>(request.values[2 * i] << 8 | request.values[2 * i + 1]);
        };
        if (one) {
            auto& held = unit.words[{table, request.address}];
            held = static_cast<std::uint16_t>((held & word(0)) | (word(1) & ~word(0)));
            return pdu(request);
        }
        if (!is_read(request.function))
            for (std::size_t i = 0; i < request.count && !request.values.empty(); ++i)
                if (const Place place{table, static_cast<std::uint16_t>(request.address + i)}; !unit.stubborn.contains(place))
                    unit.words[place] = coils ? static_cast<std::uint16_t>(request.values[i / 8] >> i % 8 & 1) : word(i);
        if (!is_read(request.function) && request.function != Function::write_read) {
            auto bytes = pdu(request);
            bytes.resize(5);
            return bytes;
        }
        Bytes bytes{function, 0};
        for (std::uint32_t i = 0; i < request.count; ++i) {
            const auto held = unit.words[{table, static_cast<std::uint16_t>(request.address + i)}];
            if (is_bits(table)) {
                if (i % 8 == 0) bytes.push_back(0);
                bytes.back() = static_cast<std::uint8_t>(bytes.back() | (held & 1) << i % 8);
            } else {
                bytes.push_back(static_cast<std::uint8_t>(held >> 8));
                bytes.push_back(static_cast<std::uint8_t>(held & 0xFF));
            }
        }
        bytes[1] = static_cast<std::uint8_t>(bytes.size() - 2);
        return bytes;
    }
    /// One object a page, so that "more follows" is used.
    static Bytes identity(const FakeUnit& unit, const Request& request) {
        if (unit.objects.empty()) return exception(request, 1);
        if (request.count > unit.highest_level && request.count != 4) return exception(request, 3);
        const auto from = unit.objects.lower_bound(static_cast<std::uint8_t>(request.address));
        const std::uint8_t last = request.count == 1 ? 2 : request.count == 2 ? 0x7F : 0xFF;
        if (from == unit.objects.end() || from->first > last || (request.count == 4 && from->first != request.address))
            return exception(request, 2);
        const auto next = std::next(from);
        const bool more = request.count != 4 && next != unit.objects.end() && next->first <= last;
        Bytes bytes{43,
                    14,
                    static_cast<std::uint8_t>(request.count),
                    0x83,
                    static_cast<std::uint8_t>(more ? 0xFF : 0),
                    static_cast<std::uint8_t>(more ? next->first : 0),
                    1,
                    from->first,
                    static_cast<std::uint8_t>(from->second.size())};
        bytes.insert(bytes.end(), from->second.begin(), from->second.end());
        return bytes;
    }

    base::Timers& timers_;
    SerialLine line_;
    Changed changed_;
    Tap tap_;
    Instant quiet_{};
    std::optional<std::chrono::microseconds> turnaround_;
};

/// An adapter over a fake line, on manual time.
class LineStage final : public Sink {
public:
    explicit LineStage(const std::string& settings = "{modbus: rtu:/dev/ttyX, line: 19200 8E1, timeout: 200ms}") {
        Fields fields(yaml("gateway.yaml", settings), "link 'bus'", diagnostics);
        auto link = read_link(fields);
        fields.done();
        auto own = std::make_unique<FakeLine>(timers, *link->line());
        line = own.get();
        adapter = std::make_unique<ModbusAdapter>(io.get_executor(), timers, std::move(*link), std::move(own));
    }

    ShapeId shape(const std::string& section = "{}", const char* profile = "acme/meter@1") {
        Fields fields(yaml("p.yaml", section), "'modbus'", diagnostics);
        const auto id = adapter->add_shape(profile, &fields, diagnostics);
        fields.done();
        return id.value_or(0);
    }
    PointIndex point(ShapeId id, const std::string& keys, Access access = {true, false}) {
        Fields fields(yaml("p.yaml", keys), "point 'p'", diagnostics);
        std::optional<Fields> write;
        if (const auto* given = fields.find("write"); given != nullptr) write.emplace(*given, "'write'", diagnostics);
        access.write = access.write || write.has_value();
        const auto index = adapter->add_point(id, fields, write ? &*write : nullptr, access);
        fields.done();
        EXPECT_TRUE(index) << diagnostics.str();
        return index.value_or(0);
    }
    std::optional<DeviceId> device(ShapeId id, const std::string& keys, const std::string& name = "meter") {
        Fields fields(yaml("devices.yaml", keys), fmt::format("device '{}'", name), diagnostics);
        const auto device = adapter->add_device(id, fields);
        fields.done();
        return device;
    }
    std::optional<RuleId> rule(const std::string& keys) {
        Fields fields(yaml("rules.yaml", keys), "rule 'meters'", diagnostics);
        const auto id = adapter->add_rule(fields);
        fields.done();
        return id;
    }
    void start() {
        adapter->start(*this);
        run(base::Milliseconds(1));
    }
    void run(std::chrono::microseconds span) {
        const Instant until = timers.now() + span;
        while (timers.now() < until) {
            io.restart();
            io.poll();
            timers.advance(std::min<std::chrono::microseconds>(
                base::Milliseconds(1), std::chrono::duration_cast<std::chrono::microseconds>(until - timers.now())));
        }
        io.restart();
        io.poll();
    }
    template <class F>
    bool run_until(F done, std::chrono::seconds within = std::chrono::seconds(30)) {
        const Instant until = timers.now() + within;
        while (!done() && timers.now() < until) run(base::Milliseconds(1));
        return done();
    }
    std::vector<std::string> read(DeviceId id, std::vector<PointIndex> points) {
        std::optional<Adapter::Values> got;
        adapter->read(id, std::move(points), timers.now() + std::chrono::seconds(10),
                      [&](Adapter::Values values) { got = std::move(values); });
        EXPECT_TRUE(run_until([&] { return got.has_value(); }));
        std::vector<std::string> shown;
        for (const auto& value : got.value_or(Adapter::Values{})) shown.push_back(show(value));
        return shown;
    }
    std::string read_one(DeviceId id, PointIndex point) { return read(id, {point}).at(0); }
    std::string write(DeviceId id, PointIndex point, Scalar value) {
        std::optional<Result<void>> got;
        adapter->write(id, point, std::move(value), timers.now() + std::chrono::seconds(10),
                       [&](Result<void> result) { got = std::move(result); });
        EXPECT_TRUE(run_until([&] { return got.has_value(); }));
        return !got ? "nothing" : *got ? "done" : got->error().message;
    }

    void value(DeviceId, PointIndex, Scalar, base::WallTime) override {}
    void link(bool, std::string) override {}
    void found(RuleId, Found device) override { finds.push_back(std::move(device)); }
    void remember(std::string key, std::string value) override { remembered[std::move(key)] = std::move(value); }

    boost::asio::io_context io;
    fakes::ManualTimers timers;
    base::Diagnostics diagnostics;
    std::unique_ptr<ModbusAdapter> adapter;
    FakeLine* line = nullptr;
    std::vector<Found> finds;
    Words remembered;

private:
    const base::Node& yaml(const std::string& file, const std::string& text) {
        return nodes_.emplace_back(config::read_yaml(text, file, diagnostics).value_or(base::Node{}));
    }
    std::deque<base::Node> nodes_;
};

}  // namespace adapters::modbus
