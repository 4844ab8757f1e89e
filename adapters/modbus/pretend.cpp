#include "adapters/modbus/adapter.hpp"

#include <fmt/ranges.h>
#include <algorithm>
#include <map>

/// A profile's own tests: what the points are when a device holds this, and what a write sends. No bus.
namespace adapters::modbus {

using base::Diagnostics;
using base::Errc;
using base::fail;
using base::Node;

namespace {

/// What a test gives: `"holding:0": [0x00F5, 0x028F]`, `"coil:0": true`, `"holding:300": EM24`, `"identify:revision": "1.2"`.
class GivenDevice {
public:
    GivenDevice(Addressing addressing, Diagnostics& diagnostics) : addressing_(addressing), diagnostics_(diagnostics) {}

    void read(const Node& given) {
        if (given.kind() != Node::Kind::map) {
            diagnostics_.error(given.at(), fmt::format("'given' must be a map of addresses, not {}", given.kind_name()),
                               "write given: {\"holding:0\": [0x00F5]}");
            return;
        }
        for (const auto& member : given.members()) {
            if (member.key.starts_with("identify:"))
                read_object(member);
            else
                read_address(member);
        }
    }

    /// Nothing when not all of it is given.
    std::optional<Bytes> data(const Extent& extent) const {
        Bytes out;
        if (is_bits(extent.table)) {
            out.resize((extent.count + 7U) / 8U);
            for (std::uint32_t i = 0; i < extent.count; ++i) {
                const auto held = words_.find({extent.table, static_cast<std::uint16_t>(extent.address + i)});
                if (held == words_.end()) return std::nullopt;
                out[i / 8] = static_cast<std::uint8_t>(out[i / 8] | held->second << i % 8);
            }
            return out;
        }
        for (std::uint32_t address = extent.address; address < extent.end(); ++address) {
            const auto held = words_.find({extent.table, static_cast<std::uint16_t>(address)});
            if (held == words_.end()) return std::nullopt;
            out.push_back(static_cast<std::uint8_t>(held->second >> 8));
            out.push_back(static_cast<std::uint8_t>(held->second & 0xFF));
        }
        return out;
    }
    const std::string* object(std::uint8_t number) const {
        const auto held = objects_.find(number);
        return held == objects_.end() ? nullptr : &held->second;
    }

private:
    void read_object(const Node::Member& member) {
        const auto word = std::string_view(member.key).substr(9);
        const auto& names = identify_names();
        const auto found = std::find(names.begin(), names.end(), word);
        if (found == names.end()) {
            const auto near = base::nearest(word, names);
            diagnostics_.error(member.at, fmt::format("'{}' is no text of the device identification", word),
                               near.empty() ? fmt::format("write one of {}", fmt::join(names, ", "))
                                            : fmt::format("did you mean 'identify:{}'?", near));
        } else if (member.value.kind() == Node::Kind::list || member.value.kind() == Node::Kind::map) {
            diagnostics_.error(member.value.at(), fmt::format("'{}' is a text, not {}", member.key, member.value.kind_name()),
                               "write it in quotes");
        } else {
            objects_[static_cast<std::uint8_t>(found - names.begin())] = member.value.written();
        }
    }

    void read_address(const Node::Member& member) {
        AddressReader reader(addressing_);
        const auto place = reader.read(member.key);
        if (!place) return diagnostics_.error(member.at, reader.what, reader.remedy);
        std::uint32_t address = place->address;
        const auto hold = [&](const Node& item, std::uint16_t word) {
            if (address > 65535)
                return diagnostics_.error(item.at(), "this value lies past the last address, 65535", "check the address");
            if (!words_.emplace(Place{place->table, static_cast<std::uint16_t>(address)}, word).second)
                diagnostics_.error(item.at(), fmt::format("{} is given twice", range_text(place->table, address, 1)),
                                   "remove one of the two");
            ++address;
        };
        const Node& value = member.value;
        if (value.kind() == Node::Kind::text && !is_bits(place->table)) {  // two characters a register
            const std::string& text = value.written();
            for (std::size_t i = 0; i < text.size(); i += 2)
                hold(value, static_cast<std::uint16_t>(static_cast<std::uint8_t>(text[i]) << 8 |
                                                       (i + 1 < text.size() ? static_cast<std::uint8_t>(text[i + 1]) : 0)));
            return;
        }
        const bool many = value.kind() == Node::Kind::list;
        for (std::size_t i = 0; i < (many ? value.items().size() : 1); ++i) {
            const Node& item = many ? value.items()[i] : value;
            if (const auto word = word_of(item, place->table)) hold(item, *word);
        }
    }

    std::optional<std::uint16_t> word_of(const Node& item, Table table) {
        const bool bits = is_bits(table);
        if (bits && item.kind() == Node::Kind::boolean) return item.boolean() ? 1 : 0;
        const bool whole = item.kind() == Node::Kind::integer;
        if (whole && bits && (item.integer() == 0 || item.integer() == 1)) return static_cast<std::uint16_t>(item.integer());
        if (whole && !bits && item.integer() >= -32768 && item.integer() <= 65535)
            return static_cast<std::uint16_t>(item.integer() & 0xFFFF);
        const std::string shown = item.written().empty() ? std::string(item.kind_name()) : fmt::format("'{}'", item.written());
        diagnostics_.error(item.at(), fmt::format("{} cannot be the content of a {}", shown, bits ? "single bit" : "register"),
                           bits ? "write 0 or 1" : "write a whole number from -32768 to 65535, such as 0x00F5");
        return std::nullopt;
    }

    Addressing addressing_;
    Diagnostics& diagnostics_;
    std::map<Place, std::uint16_t> words_;
    std::map<std::uint8_t, std::string> objects_;
};

/// "10 0064 0001 02 00A0": the function, then numbers of 16 bits; byte counts and packed bits as bytes.
std::string shown(const Request& request) {
    const Bytes bytes = pdu(request);
    std::string text = fmt::format("{:02X}", bytes[0]);
    const auto words = [&](std::size_t from, std::size_t end) {
        for (std::size_t at = from; at + 1 < end; at += 2) text += fmt::format(" {:02X}{:02X}", bytes[at], bytes[at + 1]);
    };
    const bool many = request.function == Function::write_registers || request.function == Function::write_coils;
    const std::size_t count_at = request.function == Function::write_read ? 9 : many ? 5 : bytes.size();
    words(1, count_at);
    if (count_at >= bytes.size()) return text;
    text += fmt::format(" {:02X}", bytes[count_at]);
    if (request.function != Function::write_coils)
        words(count_at + 1, bytes.size());
    else
        for (std::size_t at = count_at + 1; at < bytes.size(); ++at) text += fmt::format(" {:02X}", bytes[at]);
    return text;
}

}  // namespace

std::vector<std::optional<Result<Scalar>>> ModbusAdapter::pretend(DeviceId device, const Node& given,
                                                                  Diagnostics& diagnostics) {
    const Shape* shape = shape_of(device);
    if (shape == nullptr) return {};
    GivenDevice held(shape->addressing, diagnostics);
    held.read(given);
    std::vector<std::optional<Result<Scalar>>> values;
    for (const PointShape& point : shape->points) {
        auto& value = values.emplace_back();
        if (!point.access.read) continue;
        if (point.object) {
            if (const std::string* text = held.object(*point.object)) value = Result<Scalar>(*text);
        } else if (const auto data = held.data(point.extent)) {
            value = value_of(point, {point.extent.table, point.extent.address, point.extent.count, {}}, *data);
        }
    }
    return values;
}

Result<std::vector<std::string>> ModbusAdapter::sends(DeviceId device, PointIndex index, const Scalar& value) const {
    const Shape* shape = shape_of(device);
    if (shape == nullptr || index >= shape->points.size()) return fail(Errc::not_found, "no such point");
    const PointShape& point = shape->points[index];
    if (!point.access.write) return fail(Errc::not_allowed, "this point is only read");
    const auto request = write_request(point, point.write_using, 1, value);
    if (!request) return tl::unexpected(request.error());
    std::vector<std::string> lines{shown(*request)};
    if (is_read(request->function)) {  // the other bits are those of an empty register
        const auto store = store_request(point, point.write_using, 1, value, Bytes(point.extent.count * 2U));
        if (!store) return tl::unexpected(store.error());
        lines.push_back(shown(*store));
    }
    return lines;
}

}  // namespace adapters::modbus
