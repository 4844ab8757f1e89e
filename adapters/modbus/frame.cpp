#include "adapters/modbus/frame.hpp"

#include <algorithm>

namespace adapters::modbus {

using base::Errc;
using base::fail;

namespace {

void put(Bytes& out, std::uint16_t number) {
    out.push_back(static_cast<std::uint8_t>(number >> 8));
    out.push_back(static_cast<std::uint8_t>(number & 0xFF));
}

Table table_of(Function function) {
    switch (function) {
        case Function::read_coils:
        case Function::write_coil:
        case Function::write_coils: return Table::coil;
        case Function::read_discrete: return Table::discrete;
        case Function::read_input: return Table::input;
        case Function::read_holding:
        case Function::write_register:
        case Function::write_registers:
        case Function::report_server_id:
        case Function::mask_write:
        case Function::write_read:
        case Function::identify: break;
    }
    return Table::holding;
}

std::size_t data_size(const Request& request) {
    return is_bits(table_of(request.function)) ? (request.count + 7U) / 8U : request.count * 2U;
}

constexpr std::uint8_t mei_identification = 14;
constexpr std::size_t largest_pdu = 253;

Verdict stranger(std::string what) { return {fail(Errc::malformed, std::move(what)), false}; }

// 1.1b3, 7.
tl::unexpected<base::Error> exception(std::uint8_t code) {
    const auto says = [code](Errc errc, const char* what) {
        return fail(errc, fmt::format("the device says: {} (exception {})", what, code));
    };
    switch (code) {
        case 1: return says(Errc::not_allowed, "this function is not there");
        case 2: return says(Errc::not_found, "no such address");
        case 3: return says(Errc::bad_request, "this value or count cannot be");
        case 4: return says(Errc::internal, "it failed");
        case 5: return says(Errc::busy, "accepted, but it takes long");
        case 6: return says(Errc::busy, "busy");
        case 7: return says(Errc::internal, "it cannot do that");
        case 8: return says(Errc::malformed, "memory parity error");
        case 10: return says(Errc::malformed, "the gateway has no path to this unit");
        case 11: return says(Errc::timeout, "this unit does not answer the gateway");
        default: return says(Errc::malformed, "an exception that does not exist");
    }
}

}  // namespace

std::string_view name(Table table) {
    switch (table) {
        case Table::coil: return "coil";
        case Table::discrete: return "discrete";
        case Table::input: return "input";
        case Table::holding: break;
    }
    return "holding";
}

Function read_function(Table table) {
    switch (table) {
        case Table::coil: return Function::read_coils;
        case Table::discrete: return Function::read_discrete;
        case Table::input: return Function::read_input;
        case Table::holding: break;
    }
    return Function::read_holding;
}

std::string range_text(Table table, std::uint32_t address, std::uint32_t count) {
    if (count <= 1) return fmt::format("{} {}", name(table), address);
    return fmt::format("{} {}..{}", name(table), address, address + count - 1);
}

std::string Request::where() const {
    if (function == Function::identify) return "device identification";
    if (function == Function::report_server_id) return "server id";
    return range_text(table_of(function), address, count);
}

Bytes pdu(const Request& request) {
    Bytes out;
    out.reserve(6 + request.values.size());
    out.push_back(static_cast<std::uint8_t>(request.function));
    if (request.function == Function::report_server_id) return out;
    if (request.function == Function::identify) {
        out.insert(out.end(),
                   {mei_identification, static_cast<std::uint8_t>(request.count), static_cast<std::uint8_t>(request.address)});
        return out;
    }
    put(out, request.address);
    switch (request.function) {
        case Function::write_coil: put(out, !request.values.empty() && request.values[0] != 0 ? 0xFF00 : 0); break;
        case Function::write_register:
        case Function::mask_write: out.insert(out.end(), request.values.begin(), request.values.end()); break;
        case Function::write_coils:
        case Function::write_registers:
            put(out, request.count);
            out.push_back(static_cast<std::uint8_t>(request.values.size()));
            out.insert(out.end(), request.values.begin(), request.values.end());
            break;
        case Function::write_read:
            put(out, request.count);
            put(out, request.write_address);
            put(out, static_cast<std::uint16_t>(request.values.size() / 2));
            out.push_back(static_cast<std::uint8_t>(request.values.size()));
            out.insert(out.end(), request.values.begin(), request.values.end());
            break;
        default: put(out, request.count);
    }
    return out;
}

std::size_t most_answer(const Request& request) {
    switch (request.function) {
        case Function::identify:
        case Function::report_server_id: return largest_pdu;
        case Function::mask_write: return 7;
        case Function::write_read: return 2 + request.count * 2U;
        default: return is_read(request.function) ? 2 + data_size(request) : 5;
    }
}

namespace {

// 6.21: MEI type, code, conformity, more follows, next object, number of objects, then number, length and text of each.
Verdict check_identity(const Request& request, ByteView answer) {
    if (answer.size() < 7 || answer[1] != mei_identification) return stranger("no device identification");
    if (answer[2] != request.count)
        return stranger(fmt::format("an identification of level {}, asked was {}", answer[2], request.count));
    const auto page = identity_page(answer.subspan(2));
    if (!page) return stranger(page.error().message);
    if (request.count == static_cast<std::uint16_t>(IdentityLevel::one_object) &&
        (page->objects.size() != 1 || page->objects[0].first != request.address))
        return stranger("another object of the identification than was asked");
    return {answer.subspan(2), true};
}

}  // namespace

Result<IdentityPage> identity_page(ByteView data) {
    base::Cursor rest(data);
    const auto head = rest.take(5);
    if (!head) return fail(Errc::malformed, "an identification that breaks off");
    IdentityPage page{.more = (*head)[2] == 0xFF, .next = (*head)[3]};
    if ((*head)[2] != 0 && (*head)[2] != 0xFF)
        return fail(Errc::malformed, "an identification that says neither that more follows nor that none does");
    for (unsigned left = (*head)[4]; left > 0; --left) {
        const auto number = rest.byte(), size = rest.byte();
        const auto text = size ? rest.take(*size) : std::nullopt;
        if (!text) return fail(Errc::malformed, "an identification that breaks off");
        page.objects.emplace_back(*number, *text);
    }
    if (!rest.empty()) return fail(Errc::malformed, "an identification with more bytes than objects");
    return page;
}

Verdict check_answer(const Request& request, ByteView answer) {
    const auto function = static_cast<std::uint8_t>(request.function);
    if (answer.empty()) return stranger("an empty answer");
    if (answer[0] == (function | 0x80)) {
        if (answer.size() != 2) return stranger(fmt::format("an exception of {} bytes", answer.size()));
        return {exception(answer[1]), true};
    }
    if (answer[0] != function) return stranger(fmt::format("an answer to function {}, asked was {}", answer[0], function));

    if (request.function == Function::identify) return check_identity(request, answer);
    if (request.function == Function::report_server_id) {
        if (answer.size() < 2 || answer[1] != answer.size() - 2)
            return stranger("a server id of another length than it announces");
        return {answer.subspan(2), true};
    }
    if (is_read(request.function) || request.function == Function::write_read) {
        const std::size_t expected = data_size(request);
        if (answer.size() < 2) return stranger("an answer without a count");
        if (answer[1] != expected)
            return stranger(fmt::format("an answer of {} data bytes, asked were {}", answer[1], expected));
        if (answer.size() != 2 + expected)
            return stranger(fmt::format("an answer that announces {} data bytes and has {}", expected, answer.size() - 2));
        return {answer.subspan(2), true};
    }
    // A write is answered by the begin of its request (6.5, 6.6, 6.11, 6.12), a mask write by all of it (6.16).
    const Bytes sent = pdu(request);
    const std::size_t size = most_answer(request);
    if (answer.size() != size) return stranger(fmt::format("an answer to a write of {} bytes, not {}", answer.size(), size));
    if (!std::equal(answer.begin(), answer.end(), sent.begin()))
        return stranger("the answer confirms another write than was asked");
    return {ByteView{}, true};
}

Bytes tcp_adu(const Request& request, std::uint16_t transaction) {
    const Bytes body = pdu(request);
    Bytes out;
    out.reserve(tcp_header_size + body.size());
    put(out, transaction);
    put(out, 0);
    put(out, static_cast<std::uint16_t>(body.size() + 1));
    out.push_back(request.unit);
    out.insert(out.end(), body.begin(), body.end());
    return out;
}

Result<std::size_t> tcp_adu_size(ByteView begin) {
    if (begin.size() < 6) return std::size_t{0};
    if (begin[2] != 0 || begin[3] != 0)
        return fail(Errc::malformed, fmt::format("protocol {} instead of Modbus", begin[2] << 8 | begin[3]));
    const std::size_t length = static_cast<std::size_t>(begin[4]) << 8 | begin[5];
    if (length < 2 || length + 6 > largest_adu) return fail(Errc::malformed, fmt::format("a frame of {} bytes", length));
    return length + 6;
}

std::uint16_t tcp_transaction(ByteView adu) { return static_cast<std::uint16_t>(adu[0] << 8 | adu[1]); }

Verdict check_tcp_answer(const Request& request, std::uint16_t transaction, ByteView adu) {
    const auto size = tcp_adu_size(adu);
    if (!size) return stranger(size.error().message);
    if (*size == 0 || *size != adu.size()) return stranger("a frame of another length than it announces");
    if (tcp_transaction(adu) != transaction)
        return stranger(fmt::format("an answer to transaction {}, asked was {}", tcp_transaction(adu), transaction));
    if (adu[6] != request.unit) return stranger(fmt::format("unit {} answered, asked was {}", adu[6], request.unit));
    return check_answer(request, adu.subspan(tcp_header_size));
}

Verdict check_rtu_answer(const Request& request, ByteView adu) {
    if (adu.size() < 4) return stranger(fmt::format("a frame of {} bytes", adu.size()));
    if (adu[0] != request.unit) return stranger(fmt::format("unit {} answered, asked was {}", adu[0], request.unit));
    return check_answer(request, adu.subspan(1, adu.size() - 3));
}

std::uint16_t crc16(ByteView bytes) {  // serial line 1.02, 6.2.2
    std::uint16_t crc = 0xFFFF;
    for (const std::uint8_t byte : bytes) {
        crc = static_cast<std::uint16_t>(crc ^ byte);
        for (int bit = 0; bit < 8; ++bit) crc = static_cast<std::uint16_t>((crc & 1) != 0 ? (crc >> 1) ^ 0xA001 : crc >> 1);
    }
    return crc;
}

Bytes rtu_adu(const Request& request) {
    Bytes out{request.unit};
    const Bytes body = pdu(request);
    out.insert(out.end(), body.begin(), body.end());
    const std::uint16_t crc = crc16(out);
    out.push_back(static_cast<std::uint8_t>(crc & 0xFF));
    out.push_back(static_cast<std::uint8_t>(crc >> 8));
    return out;
}

Result<std::size_t> rtu_answer_size(const Request& request, ByteView begin) {
    constexpr std::size_t frame = 3, largest = 256;  // unit and check sum; the whole
    if (begin.size() < 2) return std::size_t{0};
    if ((begin[1] & 0x80) != 0) return frame + 2;
    std::size_t size = 0;
    // By the function that answers, which may be another than was asked: then this is what it would have.
    switch (static_cast<Function>(begin[1])) {
        case Function::write_coil:
        case Function::write_register:
        case Function::write_coils:
        case Function::write_registers: return frame + 5;
        case Function::mask_write: return frame + 7;
        case Function::identify: {
            if (begin.size() < 8) return std::size_t{0};
            size = 8;
            for (unsigned left = begin[7]; left > 0; --left) {
                if (size + 2 > largest) return fail(Errc::malformed, "an identification longer than a frame");
                if (begin.size() < size + 2) return std::size_t{0};
                size += 2U + begin[size + 1];
            }
            size += 2;
            break;
        }
        case Function::read_coils:
        case Function::read_discrete:
        case Function::read_holding:
        case Function::read_input:
        case Function::report_server_id:
        case Function::write_read:
            if (begin.size() < 3) return std::size_t{0};
            size = frame + 2 + begin[2];
            break;
        default: return frame + most_answer(request);
    }
    if (size > largest) return fail(Errc::malformed, fmt::format("an answer of {} bytes", size));
    return size;
}

}  // namespace adapters::modbus
