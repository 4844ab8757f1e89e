#include "adapters/modbus/shape.hpp"

#include <algorithm>

namespace adapters::modbus {

using base::Errc;
using base::fail;
using base::Node;

namespace {

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
    if (const auto addressing = section->choice("addresses", addressing_names()))
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

/// The bits that a write of the point changes. The mapping reads the same keys, and reports what is wrong with them.
std::optional<Bits> read_bits(Fields& point, const Encoding& encoding) {
    const auto number = [&](const Node& node) -> std::optional<std::uint8_t> {
        if (node.kind() != Node::Kind::integer || node.integer() < 0 || node.integer() >= width(encoding.kind))
            return std::nullopt;
        return static_cast<std::uint8_t>(node.integer());
    };
    if (const Node* bit = point.find("bit"))
        if (const auto at = number(*bit)) return Bits{*at, *at};
    const Node* bits = point.find("bits");
    if (bits == nullptr || bits->kind() != Node::Kind::list || bits->items().size() != 2) return std::nullopt;
    const auto low = number(bits->items()[0]), high = number(bits->items()[1]);
    if (!low || !high || *low > *high) return std::nullopt;
    return Bits{*low, *high};
}

bool is_whole(Kind kind) { return kind >= Kind::int8 && kind <= Kind::uint64; }

void read_using(Fields& write, PointShape& read) {
    const auto given = write.choice("using", {"single", "multiple", "mask", "write_read"});
    if (!given) return;
    read.using_is_given = true;
    read.write_using = static_cast<Using>(*given);
    const bool coil = read.extent.table == Table::coil;
    if (read.write_using == Using::single && read.extent.count > 1)
        write.error("using", fmt::format("a single write reaches one register, this point has {}", read.extent.count),
                    "write using: multiple");
    if (coil && read.write_using >= Using::mask)
        write.error("using", "a coil is one bit already", "write using: single or multiple, or remove 'using'");
    else if (read.write_using == Using::mask && !read.bits)
        write.error("using", "a mask changes some bits of a register, this point is the whole of it",
                    "add bit: or bits: to the point, or remove 'using'");
    else if (read.write_using == Using::mask && read.extent.count > 1)
        write.error("using", fmt::format("a mask write reaches one register, this point has {}", read.extent.count),
                    "bind the register that holds the bits, or remove 'using'");
    else if (read.write_using == Using::write_read && read.bits)
        write.error("using", "some bits of a register cannot be written and read in one request", "write using: mask");
    else if (read.write_using == Using::write_read && read.extent.count > most_written_and_read_registers)
        write.error("using", fmt::format("function 23 writes {} registers at most", most_written_and_read_registers),
                    "write using: multiple");
}

void read_write(const Shape& shape, Fields& point, Fields* write, PointShape& read) {
    if (read.extent.table == Table::discrete || read.extent.table == Table::input) {
        const auto other = read.extent.table == Table::discrete ? "coil" : "holding";
        point.error("at", fmt::format("{} can only be read", name(read.extent.table)),
                    fmt::format("remove 'write', or use {}:", other));
        return;
    }
    if (read.extent.table == Table::holding && is_whole(read.encoding.kind)) read.bits = read_bits(point, read.encoding);
    read.write_using = read.extent.count == 1 ? Using::single : Using::multiple;
    if (write != nullptr) read_using(*write, read);
    for (const Extent& never : shape.never)
        if (never.table == read.extent.table && never.address < read.extent.end() && read.extent.address < never.end())
            point.error("at",
                        fmt::format("{} must never be written, says the profile's 'modbus' section",
                                    range_text(read.extent.table, read.extent.address, read.extent.count)),
                        "remove 'write', or the entry of 'never'");
}

/// A text that the device tells of itself.
std::optional<PointShape> read_identify(Fields& point, Fields* write, Access access) {
    PointShape read;
    read.access = access;
    const auto object = point.choice("identify", identify_names());
    for (const std::string_view key : {"at", "type", "order", "length"})
        if (point.has(key))
            point.error(key, fmt::format("'{}' beside 'identify'", key), "keep one of the two: identify is a text of its own");
    if (write != nullptr) write->known("using");
    if (access.write) point.error("identify", "what a device tells of itself can only be read", "remove 'write'");
    if (!object) return std::nullopt;
    read.object = static_cast<std::uint8_t>(*object);
    read.encoding = {.kind = Kind::string, .length = 250};
    return read;
}

}  // namespace

const std::vector<std::string_view>& identify_names() {
    static const std::vector<std::string_view> names{"vendor", "product", "revision", "url", "name", "model", "application"};
    return names;
}

std::optional<PointShape> read_point(const Shape& shape, Fields& point, Fields* write, Access access) {
    const std::size_t before = point.diagnostics().count();
    if (point.has("identify")) {
        auto read = read_identify(point, write, access);
        return point.diagnostics().count() == before ? read : std::nullopt;
    }
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

namespace {

Result<bool> coil_value(const Scalar& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag;
    if (const auto* number = std::get_if<std::int64_t>(&value); number != nullptr && (*number == 0 || *number == 1))
        return *number == 1;
    if (const auto* number = std::get_if<std::uint64_t>(&value); number != nullptr && *number <= 1) return *number == 1;
    return fail(Errc::bad_request, "a coil takes true or false");
}

/// The field's value where it stands in the whole, and the bits of the field.
struct Field {
    std::uint64_t value = 0, mask = 0;
};
Result<Field> field_of(const Bits& bits, const Scalar& value) {
    const unsigned count = bits.high - bits.low + 1U;
    const std::uint64_t most = count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
    std::optional<std::uint64_t> number;
    if (const auto* flag = std::get_if<bool>(&value)) number = *flag ? 1 : 0;
    if (const auto* whole = std::get_if<std::int64_t>(&value); whole != nullptr && *whole >= 0)
        number = static_cast<std::uint64_t>(*whole);
    if (const auto* whole = std::get_if<std::uint64_t>(&value)) number = *whole;
    if (!number || *number > most)
        return fail(Errc::bad_request,
                    count == 1 ? fmt::format("bit {} takes true or false", bits.low)
                               : fmt::format("bits {} to {} take a whole number from 0 to {}", bits.low, bits.high, most));
    return Field{*number << bits.low, most << bits.low};
}

std::uint64_t whole_mask(const PointShape& point) {
    const unsigned bits = width(point.encoding.kind);
    return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

/// A pattern of bits as the point's registers hold it.
Result<Bytes> pattern(const PointShape& point, std::uint64_t bits) {
    static constexpr Kind unsigned_of_size[] = {Kind::uint8, Kind::uint16, Kind::uint32, Kind::uint64};
    Encoding encoding = point.encoding;
    encoding.kind = unsigned_of_size[encoding.length == 8 ? 3 : encoding.length / 2];
    return encode(encoding, bits);
}

}  // namespace

Result<Request> write_request(const PointShape& point, Using with, std::uint8_t unit, const Scalar& value) {
    Request request{.unit = unit, .address = point.extent.address, .count = point.extent.count};
    if (point.extent.table == Table::coil) {
        request.function = with == Using::single ? Function::write_coil : Function::write_coils;
        const auto on = coil_value(value);
        if (!on) return tl::unexpected(on.error());
        request.values = {static_cast<std::uint8_t>(*on ? 1 : 0)};
        return request;
    }
    if (point.bits) {
        const auto field = field_of(*point.bits, value);
        if (!field) return tl::unexpected(field.error());
        const auto keep = pattern(point, ~field->mask & whole_mask(point)), bits = pattern(point, field->value);
        if (!keep || !bits) return fail(Errc::internal, "bits that are not the point's");
        request.values = *keep;
        request.values.insert(request.values.end(), bits->begin(), bits->end());
        request.function = Function::mask_write;
        if (with == Using::mask) return request;
        return Request{.unit = unit, .function = Function::read_holding, .address = request.address, .count = request.count};
    }
    auto bytes = encode(point.encoding, value);
    if (!bytes) return tl::unexpected(bytes.error());
    if (bytes->size() != point.extent.count * 2U) return fail(Errc::internal, "a value of another length than its registers");
    request.values = std::move(*bytes);
    request.function = with == Using::single       ? Function::write_register
                       : with == Using::write_read ? Function::write_read
                                                   : Function::write_registers;
    request.write_address = request.address;
    return request;
}

Result<Request> store_request(const PointShape& point, Using with, std::uint8_t unit, const Scalar& value, ByteView held) {
    auto request = write_request(point, Using::mask, unit, value);
    if (!request) return request;
    const std::size_t size = request->values.size() / 2;
    if (held.size() != size) return fail(Errc::malformed, "the answer is too short");
    Bytes changed(size);
    for (std::size_t i = 0; i < size; ++i)
        changed[i] = static_cast<std::uint8_t>((held[i] & request->values[i]) | request->values[size + i]);
    request->values = std::move(changed);
    request->function = with == Using::single ? Function::write_register : Function::write_registers;
    return request;
}

std::string taken_as(const PointShape& point) {
    if (is_bits(point.extent.table) && !point.object) return "bool";
    std::string text(name(point.encoding.kind));
    if (!point.encoding.order.empty()) text += ' ';
    for (const auto index : point.encoding.order) text += static_cast<char>('A' + index);
    return text;
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
