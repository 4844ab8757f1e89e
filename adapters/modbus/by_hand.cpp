#include "adapters/modbus/adapter.hpp"

#include <algorithm>
#include <charconv>

/// What an integrator asks a link for, past profiles and polls.
namespace adapters::modbus {

using base::Errc;
using base::Error;
using base::fail;
using base::Milliseconds;
using std::chrono::microseconds;

namespace {

using namespace std::chrono_literals;

constexpr Milliseconds serial_patience = 200ms;
constexpr std::size_t most_lines = 32;

/// Refuses words that mean nothing, so that a misspelt one is not passed over.
Result<void> known_words(const Words& given, std::initializer_list<std::string_view> known) {
    for (const auto& [word, value] : given) {
        if (std::find(known.begin(), known.end(), word) != known.end()) continue;
        const auto near = base::nearest(word, std::vector<std::string_view>(known));
        return fail(Errc::bad_request, near.empty() ? fmt::format("'{}' means nothing to a Modbus link", word)
                                                    : fmt::format("unknown word '{}'; did you mean '{}'?", word, near));
    }
    return {};
}

std::string_view word(const Words& given, std::string_view key) {
    const auto found = given.find(key);
    return found == given.end() ? std::string_view{} : std::string_view(found->second);
}

std::optional<std::uint32_t> number(std::string_view text, std::uint32_t most) {
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    if (hex) text.remove_prefix(2);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value > most) return std::nullopt;
    return value;
}

struct Address {
    std::uint8_t unit = 0;
    Place place;
};
Result<Address> address_of(const Words& given, bool serial) {
    const auto unit = number(word(given, "unit"), serial ? 247 : 255);
    if (!unit || (serial && *unit == 0))
        return fail(Errc::bad_request,
                    fmt::format("'{}' is no unit; write {} to {}", word(given, "unit"), serial ? 1 : 0, serial ? 247 : 255));
    Addressing addressing = Addressing::zero;
    if (const auto counted = word(given, "addresses"); !counted.empty()) {
        const auto& names = addressing_names();
        const auto found = std::find(names.begin(), names.end(), counted);
        if (found == names.end())
            return fail(Errc::bad_request, fmt::format("addresses cannot be '{}'; write zero, one or modicon", counted));
        addressing = static_cast<Addressing>(found - names.begin());
    }
    AddressReader reader(addressing);
    const auto place = reader.read(word(given, "at"));
    if (!place) return fail(Errc::bad_request, fmt::format("{}; {}", reader.what, reader.remedy));
    return Address{static_cast<std::uint8_t>(*unit), *place};
}

/// A `value`: numbers of registers, or bits, as a request carries them.
struct Values {
    Bytes bytes;
    std::uint16_t count = 0;
};
Result<Values> values_of(std::string_view text, Table table) {
    Bytes bytes;
    std::uint16_t count = 0;
    while (!text.empty()) {
        const auto end = std::min(text.find_first_of(" ,"), text.size());
        const auto one = text.substr(0, end);
        text.remove_prefix(std::min(text.size(), end + 1));
        if (one.empty()) continue;
        if (++count > (is_bits(table) ? most_written_bits : most_written_registers))
            return fail(Errc::bad_request, "more values than one request can write");
        if (is_bits(table)) {
            const bool on = one == "1" || one == "true" || one == "on";
            if (!on && one != "0" && one != "false" && one != "off")
                return fail(Errc::bad_request, fmt::format("'{}' is no content of a coil; write true or false", one));
            if (count % 8 == 1) bytes.push_back(0);
            if (on) bytes.back() = static_cast<std::uint8_t>(bytes.back() | 1U << (count - 1) % 8);
            continue;
        }
        const auto value = one.starts_with('-') ? number(one.substr(1), 32768) : number(one, 65535);
        if (!value)
            return fail(
                Errc::bad_request,
                fmt::format("'{}' is no content of a register; write a number from -32768 to 65535, such as 0x00F5", one));
        const std::uint32_t held = one.starts_with('-') ? (0x10000 - *value) & 0xFFFF : *value;
        bytes.push_back(static_cast<std::uint8_t>(held >> 8));
        bytes.push_back(static_cast<std::uint8_t>(held & 0xFF));
    }
    if (count == 0) return fail(Errc::bad_request, "there is no value; write value: 0x00F5");
    return Values{std::move(bytes), count};
}

Result<std::vector<SerialLine>> lines_of(std::string_view text, const SerialLine& own) {
    std::vector<SerialLine> lines;
    const auto add = [&](std::string_view setting) {
        SerialLine line{.device = own.device};
        const bool good = parse_line(setting, line);
        if (good) lines.push_back(std::move(line));
        return good;
    };
    if (text == "all") text = "9600,19200,38400,57600,115200,4800,2400,1200";
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        std::string one(text.substr(0, end));
        text.remove_prefix(std::min(text.size(), end + 1));
        one.erase(0, one.find_first_not_of(' '));
        const bool alone = one.find(' ') == std::string::npos;
        if (alone ? !add(one + " 8N1") || !add(one + " 8E1") : !add(one))
            return fail(Errc::bad_request, fmt::format("'{}' is no line setting; write 9600, or \"9600 8E1\"", one));
        if (lines.size() > most_lines) return fail(Errc::bad_request, fmt::format("at most {} line settings", most_lines));
    }
    return lines;
}

}  // namespace

// -- Raw bytes

void ModbusAdapter::read_raw(DeviceId id, PointIndex index, Instant deadline, Fetched done) {
    const auto refuse = [&](Error error) { queue_.later([error = std::move(error), done] { done(tl::unexpected(error)); }); };
    const Shape* shape = shape_of(id);
    if (shape == nullptr || index >= shape->points.size()) return refuse({Errc::not_found, "no such point"});
    const PointShape& point = shape->points[index];
    if (!point.access.read) return refuse({Errc::not_allowed, "this point is only written"});
    Request request{.unit = devices_[id].unit};
    if (point.object) {
        request.function = Function::identify;
        request.address = *point.object;
        request.count = static_cast<std::uint16_t>(IdentityLevel::one_object);
    } else {
        request.function = read_function(point.extent.table);
        request.address = point.extent.address;
        request.count = point.extent.count;
    }
    const std::string what = fmt::format("unit {} {}", request.unit, request.where());
    auto job = std::make_unique<
        OneRequest>(std::move(request), deadline, [&point, what, done](const Result<Bytes>& result, microseconds) {
        if (!result) return done(tl::unexpected(base::in(what, result.error())));
        Raw raw{*result, what, std::nullopt, taken_as(point)};
        if (point.object) {
            const auto page = identity_page(*result);
            raw.bytes.clear();
            if (page && !page->objects.empty()) {
                const auto text = page->objects[0].second;
                raw.bytes.assign(text.begin(), text.end());
                if (base::is_utf8(trimmed(text))) raw.value = trimmed(text);
            }
        } else if (auto value = value_of(point, {point.extent.table, point.extent.address, point.extent.count, {}}, *result)) {
            raw.value = std::move(*value);
        }
        done(std::move(raw));
    });
    job->insists = true;
    queue_.add(Urgency::read, std::move(job));
}

void ModbusAdapter::fetch(const Words& given, Instant deadline, Fetched done) {
    const auto refuse = [&](Error error) { queue_.later([error = std::move(error), done] { done(tl::unexpected(error)); }); };
    if (const auto known = known_words(given, {"unit", "at", "count", "addresses"}); !known) return refuse(known.error());
    const auto address = address_of(given, settings_.is_serial());
    if (!address) return refuse(address.error());
    const std::uint32_t most = is_bits(address->place.table) ? most_read_bits : most_read_registers;
    const auto count = word(given, "count").empty() ? std::optional<std::uint32_t>(1) : number(word(given, "count"), most);
    if (!count || *count == 0 || address->place.address + *count > 65536)
        return refuse({Errc::bad_request,
                       fmt::format("'{}' is no count; write 1 to {}, up to address 65535", word(given, "count"), most)});
    Request request{.unit = address->unit,
                    .function = read_function(address->place.table),
                    .address = address->place.address,
                    .count = static_cast<std::uint16_t>(*count)};
    const std::string what = fmt::format("unit {} {}", request.unit, request.where());
    auto job = std::make_unique<OneRequest>(std::move(request), deadline, [what, done](Result<Bytes> result, microseconds) {
        if (!result) return done(tl::unexpected(base::in(what, result.error())));
        done(Raw{std::move(*result), what});
    });
    job->insists = true;
    queue_.add(Urgency::read, std::move(job));
}

void ModbusAdapter::put(const Words& given, Instant deadline, std::function<void(Result<void>)> done) {
    const auto refuse = [&](Error error) { queue_.later([error = std::move(error), done] { done(tl::unexpected(error)); }); };
    if (const auto known = known_words(given, {"unit", "at", "value", "addresses"}); !known) return refuse(known.error());
    const auto address = address_of(given, settings_.is_serial());
    if (!address) return refuse(address.error());
    const Table table = address->place.table;
    if (table == Table::discrete || table == Table::input)
        return refuse({Errc::not_allowed, fmt::format("{} can only be read", name(table))});
    auto values = values_of(word(given, "value"), table);
    if (!values) return refuse(values.error());
    const std::uint16_t count = values->count;
    const Extent extent{table, address->place.address, count};
    if (extent.end() > 65536) return refuse({Errc::bad_request, "these values reach past the last address, 65535"});
    if (const Device* device = device_with(address->unit))
        for (const Extent& never : shapes_[device->shape].never)
            if (never.table == table && never.address < extent.end() && extent.address < never.end())
                return refuse({Errc::not_allowed, fmt::format("{} must never be written, says the profile of {}",
                                                              range_text(table, extent.address, extent.count), device->what)});
    Request request{
        .unit = address->unit, .address = extent.address, .count = extent.count, .values = std::move(values->bytes)};
    if (is_bits(table))
        request.function = count == 1 ? Function::write_coil : Function::write_coils;
    else
        request.function = count == 1 ? Function::write_register : Function::write_registers;
    const std::string what = fmt::format("unit {}: writing {}", request.unit, request.where());
    queue_.add(Urgency::write, std::make_unique<OneRequest>(std::move(request), deadline,
                                                            [what, done](const Result<Bytes>& result, microseconds) {
                                                                if (result) return done({});
                                                                done(tl::unexpected(base::in(what, result.error())));
                                                            }));
}

// -- Scan and trace

Milliseconds ModbusAdapter::scan_timeout() const {
    return settings_.is_serial() ? std::min(settings_.timeout, serial_patience) : settings_.timeout;
}

void ModbusAdapter::scan(const Words& options, double share, std::function<void(Found)> found,
                         std::function<void(Progress)> progress, std::function<void(Result<void>)> done) {
    const auto refuse = [&](Error error) { queue_.later([error = std::move(error), done] { done(tl::unexpected(error)); }); };
    const bool serial = settings_.is_serial();
    if (scanner_) return refuse({Errc::busy, fmt::format("a scan of {} runs already", where())});
    if (const auto known = known_words(options, {"units", "identify", "timeout", "speeds"}); !known)
        return refuse(known.error());
    ScanPlan plan;
    const auto units_word = word(options, "units");
    auto units = parse_units(units_word.empty() ? usual_units(serial) : units_word, serial ? 1 : 0, serial ? 247 : 255);
    if (!units)
        return refuse({Errc::bad_request, fmt::format("units cannot be '{}'; write numbers from {} to {}: 1-32, or 1,5,7-9",
                                                      units_word, serial ? 1 : 0, serial ? 247 : 255)});
    plan.units = std::move(*units);
    const auto identify = word(options, "identify");
    if (!identify.empty() && identify != "yes" && identify != "no")
        return refuse({Errc::bad_request, fmt::format("identify cannot be '{}'; write yes or no", identify)});
    plan.identify = identify != "no";
    plan.timeout = scan_timeout();
    if (const auto timeout = word(options, "timeout"); !timeout.empty()) {
        const auto span = base::parse_span(timeout);
        if (!span || *span < 10ms || *span > 60s)
            return refuse({Errc::bad_request, fmt::format("timeout cannot be '{}'; write a span from 10ms to 1m", timeout)});
        plan.timeout = std::chrono::duration_cast<Milliseconds>(*span);
    }
    if (const auto speeds = word(options, "speeds"); !speeds.empty()) {
        const auto* own = std::get_if<SerialLine>(&settings_.to);
        if (own == nullptr) return refuse({Errc::bad_request, "speeds are those of a serial line; leave them out"});
        auto lines = lines_of(speeds, *own);
        if (!lines) return refuse(lines.error());
        plan.lines = std::move(*lines);
    }
    if (!(share > 0) || share > 1) return refuse({Errc::bad_request, "a scan's share of the link is over 0, to 100 %"});
    plan.share = share;
    plan.known = [this](std::uint8_t unit) { return is_known(unit); };
    discovery_.yield();
    scanner_ = std::make_unique<Scanner>(queue_, timers_, std::move(plan), std::move(found), std::move(progress),
                                         [this, done = std::move(done)](Result<void> result) {
                                             // Still in its own call: it goes when that is over.
                                             queue_.later([over = std::shared_ptr<Scanner>(std::move(scanner_))] {});
                                             discovery_.resume();
                                             done(std::move(result));
                                         });
    scanner_->start();
}

void ModbusAdapter::cancel_scan() {
    if (scanner_) scanner_->cancel();
}

void ModbusAdapter::trace(std::function<void(const Traffic&)> trace) { queue_.trace(std::move(trace)); }

}  // namespace adapters::modbus
