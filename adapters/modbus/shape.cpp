#include "adapters/modbus/shape.hpp"

#include <algorithm>
#include <charconv>

namespace adapters::modbus {

using base::Errc;
using base::fail;
using base::Node;

namespace {

constexpr std::string_view at_forms = "write holding:10, input:10, coil:10 or discrete:10";
const std::vector<std::string_view> table_names{"coil", "discrete", "input", "holding"};  // in the order of Table

std::optional<std::uint32_t> parse_number(std::string_view text) {
    const bool hex = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    if (hex) text.remove_prefix(2);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// "40070+16" too, so that a block of registers can be moved by a parameter: holding:${block}+16.
std::optional<std::uint32_t> parse_sum(std::string_view text) {
    std::uint64_t sum = 0;
    for (;;) {
        const auto plus = text.find('+');
        const auto part = parse_number(text.substr(0, plus));
        if (!part) return std::nullopt;
        sum = std::min<std::uint64_t>(sum + *part, 0xFFFFFFFF);
        if (plus == std::string_view::npos) return static_cast<std::uint32_t>(sum);
        text.remove_prefix(plus + 1);
    }
}

struct Place {
    Table table = Table::holding;
    std::uint16_t address = 0;
};

/// An address as the profile's author writes it; or what is wrong with it and the remedy.
class AddressReader {
public:
    explicit AddressReader(Addressing addressing) : addressing_(addressing) {}

    std::optional<Place> read(std::string_view text) {
        const auto colon = text.find(':');
        if (colon == std::string_view::npos) return read_modicon(text);
        const auto word = text.substr(0, colon);
        const auto table = std::find(table_names.begin(), table_names.end(), word);
        if (table == table_names.end()) {
            const auto near = base::nearest(word, table_names);
            return wrong(
                fmt::format("'{}' names no Modbus table", text),
                near.empty() ? std::string(at_forms) : fmt::format("did you mean '{}:{}'?", near, text.substr(colon + 1)));
        }
        const auto number = parse_sum(text.substr(colon + 1));
        if (!number)
            return wrong(fmt::format("'{}' has no number after the colon", text),
                         fmt::format("write {}:10 or {}:0x0A", word, word));
        const Table place = static_cast<Table>(table - table_names.begin());
        if (addressing_ == Addressing::modicon)
            return wrong(
                fmt::format("'{}' in a profile with modicon addresses", text),
                fmt::format("write {}, or set 'addresses: one' or 'zero' for the form with a colon", modicon(place, *number)));
        const std::uint32_t first = addressing_ == Addressing::one ? 1 : 0;
        if (*number < first || *number > 65535 + first)
            return wrong(fmt::format("'{}' is out of range", text),
                         fmt::format("addresses go from {} to {}", first, 65535 + first));
        return Place{place, static_cast<std::uint16_t>(*number - first)};
    }

    std::string what, remedy;

private:
    std::optional<Place> wrong(std::string now, std::string then) {
        what = std::move(now);
        remedy = std::move(then);
        return std::nullopt;
    }

    static char digit_of(Table table) { return "0134"[static_cast<std::size_t>(table)]; }
    static std::string modicon(Table table, std::uint32_t wire) {
        const std::string number = fmt::format("{}{:0{}}", digit_of(table), wire + 1, wire < 9999 ? 4 : 5);
        return table == Table::coil ? '"' + number + '"' : number;
    }

    // 40011 or 400011: the table's digit, then the number from 1. Modicon's five digits reach 9999, its six 65536.
    std::optional<Place> read_modicon(std::string_view text) {
        const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
        const auto number = digits && (text.size() == 5 || text.size() == 6) ? parse_number(text.substr(1)) : std::nullopt;
        const auto table = text.empty() ? std::string_view::npos : std::string_view("0134").find(text.front());
        const bool known = number && table != std::string_view::npos && *number >= 1 && *number <= 65536;
        if (addressing_ != Addressing::modicon) {
            if (!known) return wrong(fmt::format("'{}' is no Modbus address", text), std::string(at_forms));
            const std::uint32_t counted = addressing_ == Addressing::one ? *number : *number - 1;
            return wrong(fmt::format("'{}' looks like a modicon address", text),
                         fmt::format("write {}:{}, or set 'addresses: modicon' in the profile's 'modbus' section",
                                     table_names[table], counted));
        }
        if (!known)
            return wrong(fmt::format("'{}' is no modicon address", text),
                         "write five or six digits, 4xxxx holding, 3xxxx input, 1xxxx discrete, \"0xxxx\" coil in quotes");
        return Place{static_cast<Table>(table), static_cast<std::uint16_t>(*number - 1)};
    }

    Addressing addressing_;
};

std::optional<Extent> read_never(AddressReader& reader, const std::string& text) {
    const auto dash = text.find('-');
    const auto first = reader.read(std::string_view(text).substr(0, dash));
    if (!first) return std::nullopt;
    Extent extent{first->table, first->address, 1};
    if (dash == std::string::npos) return extent;
    const auto colon = text.find(':');
    const auto last =
        reader.read(colon == std::string::npos ? text.substr(dash + 1) : text.substr(0, colon + 1) + text.substr(dash + 1));
    if (!last) return std::nullopt;
    if (last->table != first->table || last->address < first->address || last->address - first->address > 65534) {
        reader.what = fmt::format("'{}' is no range", text);
        reader.remedy = "write the smaller address first: holding:100-110";
        return std::nullopt;
    }
    extent.count = static_cast<std::uint16_t>(last->address - first->address + 1);
    return extent;
}

void read_limits(const Node& node, const std::string& what, base::Diagnostics& diagnostics, Shape& shape) {
    Fields limits(node, what + ": limits", diagnostics);
    if (const auto most = limits.integer("registers", 1, most_read_registers))
        shape.most_registers = static_cast<std::uint16_t>(*most);
    if (const auto most = limits.integer("bits", 1, most_read_bits)) shape.most_bits = static_cast<std::uint16_t>(*most);
    if (const Node* gap = limits.find("gap"); gap != nullptr && gap->written() != "auto") {
        const bool number = gap->kind() == Node::Kind::integer && gap->integer() >= 0 && gap->integer() < most_read_registers;
        if (number)
            shape.gap = static_cast<std::uint16_t>(gap->integer());
        else
            limits.error("gap", fmt::format("'gap' cannot be {}", gap->written().empty() ? gap->kind_name() : gap->written()),
                         "write auto, or the registers that a request may read in vain, 0 to 124");
    }
    limits.done();
}

std::optional<Milliseconds> read_span(Fields& section, std::string_view key, Milliseconds least, Milliseconds most) {
    const auto span = section.span(key);
    if (!span) return std::nullopt;
    if (*span >= least && *span <= most) return std::chrono::duration_cast<Milliseconds>(*span);
    section.error(key, fmt::format("'{}' is {}, out of range", key, base::span_text(*span)),
                  fmt::format("write a span from {} to {}", base::span_text(least), base::span_text(most)));
    return std::nullopt;
}

}  // namespace

std::optional<Shape> read_shape(Fields* section, base::Diagnostics& diagnostics) {
    using namespace std::chrono_literals;
    Shape shape;
    if (section == nullptr) return shape;
    const std::size_t before = diagnostics.count();
    if (const auto addressing = section->choice("addresses", {"zero", "one", "modicon"}))
        shape.addressing = static_cast<Addressing>(*addressing);
    if (const auto order = section->choice("order", orders())) shape.order = orders()[*order];
    if (const Node* limits = section->map("limits")) read_limits(*limits, section->what(), diagnostics, shape);
    if (const auto pause = read_span(*section, "pause", 0ms, 10s)) shape.pause = *pause;
    shape.timeout = read_span(*section, "timeout", 10ms, 60s);
    if (const auto* never = section->list("never")) {
        for (const Node& item : *never) {
            AddressReader reader(shape.addressing);
            if (const auto extent = read_never(reader, item.written()))
                shape.never.push_back(*extent);
            else
                diagnostics.error(item.at(), fmt::format("{}: never: {}", section->what(), reader.what), reader.remedy);
        }
    }
    if (diagnostics.count() != before) return std::nullopt;
    return shape;
}

namespace {

/// type, order, length of a point in a table of registers.
void read_registers(const Shape& shape, Fields& point, Access access, PointShape& read) {
    const auto encoding = read_encoding(point, Kind::uint16, shape.order, 2);
    if (!encoding) return;
    read.encoding = *encoding;
    if (encoding->kind == Kind::boolean) {
        point.error("type", "a register is no bool", "write type: uint16 and map: {0: false, 1: true}, or bit: 0");
    } else if (encoding->length % 2 != 0) {
        point.error("type", fmt::format("{} is half a register", name(encoding->kind)),
                    "write type: uint16, with bits: [0, 7] or [8, 15]");
    } else {
        read.extent.count = static_cast<std::uint16_t>(encoding->length / 2);
        if (access.read && read.extent.count > shape.most_registers)
            point.error("length", fmt::format("{} registers are more than one request may read", read.extent.count),
                        fmt::format("the most is {}; limits: {{registers: …}} of the profile can raise it to 125",
                                    shape.most_registers));
        if (access.write && read.extent.count > most_written_registers)
            point.error("length", fmt::format("{} registers are more than one request can write", read.extent.count),
                        fmt::format("the most is {}", most_written_registers));
    }
}

void read_bit(Fields& point) {
    point.choice("type", {"bool"});
    for (const std::string_view key : {"order", "length"})
        if (point.has(key))
            point.error(key, fmt::format("'{}' says nothing about a single bit", key), fmt::format("remove '{}'", key));
}

void read_write(const Shape& shape, Fields& point, Fields* write, PointShape& read) {
    if (read.extent.table == Table::discrete || read.extent.table == Table::input) {
        const auto other = read.extent.table == Table::discrete ? "coil" : "holding";
        point.error("at", fmt::format("{} can only be read", name(read.extent.table)),
                    fmt::format("remove 'write', or use {}:", other));
        return;
    }
    read.write_using = read.extent.count == 1 ? Using::single : Using::multiple;
    if (write != nullptr) {
        if (const auto given = write->choice("using", {"single", "multiple"})) {
            read.using_is_given = true;
            read.write_using = static_cast<Using>(*given);
            if (read.write_using == Using::single && read.extent.count > 1)
                write->error("using", fmt::format("a single write reaches one register, this point has {}", read.extent.count),
                             "write using: multiple");
        }
    }
    for (const Extent& never : shape.never)
        if (never.table == read.extent.table && never.address < read.extent.end() && read.extent.address < never.end())
            point.error("at",
                        fmt::format("{} must never be written, says the profile's 'modbus' section",
                                    range_text(read.extent.table, read.extent.address, read.extent.count)),
                        "remove 'write', or the entry of 'never'");
}

}  // namespace

std::optional<PointShape> read_point(const Shape& shape, Fields& point, Fields* write, Access access) {
    const std::size_t before = point.diagnostics().count();
    PointShape read;
    read.access = access;
    const Node* at = point.need("at", at_forms);
    if (at == nullptr) {
        for (const std::string_view key : {"type", "order", "length"}) point.known(key);
        if (write != nullptr) write->known("using");
        return std::nullopt;
    }
    AddressReader reader(shape.addressing);
    const bool scalar = at->kind() == Node::Kind::text || at->kind() == Node::Kind::integer;
    const auto place = scalar ? reader.read(at->written()) : std::nullopt;
    if (!scalar)
        point.error("at", fmt::format("'at' must be an address, not {}", at->kind_name()), at_forms);
    else if (!place)
        point.error("at", reader.what, reader.remedy);
    if (place) read.extent = {place->table, place->address, 1};

    if (place && is_bits(place->table))
        read_bit(point);
    else
        read_registers(shape, point, access, read);
    if (place && access.write)
        read_write(shape, point, write, read);
    else if (write != nullptr)
        write->known("using");
    if (place && read.extent.end() > 65536)
        point.error(
            "at",
            fmt::format("{} registers from {} reach past the last address, 65535", read.extent.count, read.extent.address),
            "check the address and the type");
    if (point.diagnostics().count() != before) return std::nullopt;
    return read;
}

Result<Request> write_request(const PointShape& point, Using with, std::uint8_t unit, const Scalar& value) {
    Request request{.unit = unit, .address = point.extent.address, .count = point.extent.count};
    if (point.extent.table == Table::coil) {
        request.function = with == Using::single ? Function::write_coil : Function::write_coils;
        std::optional<bool> on;
        if (const auto* flag = std::get_if<bool>(&value)) on = *flag;
        if (const auto* number = std::get_if<std::int64_t>(&value); number != nullptr && (*number == 0 || *number == 1))
            on = *number == 1;
        if (const auto* number = std::get_if<std::uint64_t>(&value); number != nullptr && *number <= 1) on = *number == 1;
        if (!on) return fail(Errc::bad_request, "a coil takes true or false");
        request.values = {static_cast<std::uint8_t>(*on ? 1 : 0)};
        return request;
    }
    request.function = with == Using::single ? Function::write_register : Function::write_registers;
    auto bytes = encode(point.encoding, value);
    if (!bytes) return tl::unexpected(bytes.error());
    if (bytes->size() != point.extent.count * 2U) return fail(Errc::internal, "a value of another length than its registers");
    request.values = std::move(*bytes);
    return request;
}

Result<Scalar> value_of(const PointShape& point, const Block& block, ByteView data) {
    const std::size_t offset = point.extent.address - block.address;
    if (is_bits(point.extent.table)) {
        if (offset / 8 >= data.size()) return fail(Errc::malformed, "the answer is too short");
        return Scalar((data[offset / 8] >> (offset % 8) & 1) != 0);
    }
    if ((offset + point.extent.count) * 2 > data.size()) return fail(Errc::malformed, "the answer is too short");
    return decode(point.encoding, data.subspan(offset * 2, point.extent.count * 2U));
}

}  // namespace adapters::modbus
