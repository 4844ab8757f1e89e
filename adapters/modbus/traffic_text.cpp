#include "adapters/modbus/traffic_text.hpp"

#include <optional>

namespace adapters::modbus {

namespace {

constexpr std::size_t most_words = 16;  // shown in one line

std::uint16_t word(ByteView bytes, std::size_t at) { return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]); }

std::string words(ByteView bytes) {
    std::string text;
    for (std::size_t at = 0; at + 1 < bytes.size() && at < 2 * most_words; at += 2)
        text += fmt::format(" {:04X}", word(bytes, at));
    if (bytes.size() > 2 * most_words) text += " …";
    return text;
}

std::string bits(ByteView bytes, std::size_t count) {
    std::string text = " ";
    for (std::size_t i = 0; i < count && i / 8 < bytes.size() && i < 64; ++i)
        text += (bytes[i / 8] >> i % 8 & 1) != 0 ? '1' : '0';
    return count > 64 ? text + "…" : text;
}

/// "vendor 'Acme', object 128 '12345'"
std::string objects(const IdentityPage& page) {
    static constexpr std::string_view names[] = {"vendor", "product", "revision", "url", "name", "model", "application"};
    std::string text;
    for (const auto& [number, value] : page.objects) {
        std::string shown;
        for (const std::uint8_t byte : value) shown += byte >= 0x20 && byte < 0x7F ? static_cast<char>(byte) : '.';
        text += fmt::format("{}{} '{}'", text.empty() ? "" : ", ",
                            number < 7 ? std::string(names[number]) : fmt::format("object {}", number), shown);
    }
    return page.more ? text + ", more follows" : text;
}

std::string_view meaning(std::uint8_t code) {
    switch (code) {
        case 1: return "no such function";
        case 2: return "no such address";
        case 3: return "this value or count cannot be";
        case 4: return "it failed";
        case 5: return "accepted, takes long";
        case 6: return "busy";
        case 7: return "it cannot do that";
        case 8: return "memory parity error";
        case 10: return "no path to this unit";
        case 11: return "the unit does not answer the gateway";
        default: return "not in the standard";
    }
}

constexpr std::optional<Table> table_of(std::uint8_t function) {
    switch (function) {
        case 1:
        case 5:
        case 15: return Table::coil;
        case 2: return Table::discrete;
        case 4: return Table::input;
        case 3:
        case 6:
        case 16:
        case 22:
        case 23: return Table::holding;
        default: return std::nullopt;
    }
}

std::string answer_text(ByteView pdu, const Request& asked) {
    const std::uint8_t function = pdu[0];
    if ((function & 0x80) != 0 && pdu.size() >= 2)
        return fmt::format("exception {} to function {}: {}", pdu[1], function & 0x7F, meaning(pdu[1]));
    const Verdict verdict = check_answer(asked, pdu);
    if (!verdict.data)
        return fmt::format("function {} {}: {}", function, base::to_hex(pdu.subspan(1)), verdict.data.error().message);
    switch (asked.function) {
        case Function::identify: {
            const auto page = identity_page(*verdict.data);
            return page ? objects(*page) : "identification";
        }
        case Function::report_server_id: return fmt::format("server id {}", base::to_hex(*verdict.data));
        case Function::read_coils:
        case Function::read_discrete: return fmt::format("{} ={}", asked.where(), bits(*verdict.data, asked.count));
        case Function::read_holding:
        case Function::read_input:
        case Function::write_read: return fmt::format("{} ={}", asked.where(), words(*verdict.data));
        default: return fmt::format("{} written", asked.where());
    }
}

}  // namespace

std::string request_text(ByteView pdu) {
    if (pdu.empty()) return "nothing";
    const std::uint8_t function = pdu[0];
    if (function == 17) return "ask for server id";
    if (function == 43 && pdu.size() == 4)
        return fmt::format("ask for identification, level {} from object {}", pdu[2], pdu[3]);
    const auto table = table_of(function);
    if (!table || pdu.size() < 5) return fmt::format("function {} {}", function, base::to_hex(pdu.subspan(1)));
    const std::uint16_t address = word(pdu, 1), second = word(pdu, 3);
    switch (function) {
        case 5: return fmt::format("write {} = {}", range_text(*table, address, 1), second != 0 ? "on" : "off");
        case 6: return fmt::format("write {} = {:04X}", range_text(*table, address, 1), second);
        case 15:
            return fmt::format("write {} ={}", range_text(*table, address, second),
                               bits(pdu.subspan(std::min<std::size_t>(6, pdu.size())), second));
        case 16:
            return fmt::format("write {} ={}", range_text(*table, address, second),
                               words(pdu.subspan(std::min<std::size_t>(6, pdu.size()))));
        case 22:
            return fmt::format(
                "write {}: and{}", range_text(*table, address, 1),
                pdu.size() < 7 ? std::string(" ?") : fmt::format(" {:04X} or {:04X}", word(pdu, 3), word(pdu, 5)));
        case 23:
            if (pdu.size() < 10) break;
            return fmt::format("write {} ={}, read {}", range_text(*table, word(pdu, 5), word(pdu, 7)), words(pdu.subspan(10)),
                               range_text(*table, address, second));
        default: return fmt::format("read {}", range_text(*table, address, second));
    }
    return fmt::format("function {} {}", function, base::to_hex(pdu.subspan(1)));
}

std::string traffic_text(bool rtu, bool sent, ByteView adu, const Request& asked) {
    const std::size_t unit_at = rtu ? 0 : tcp_header_size - 1, tail = rtu ? 2 : 0;
    if (adu.size() < unit_at + 2 + tail) return fmt::format("{} bytes that are no frame: {}", adu.size(), base::to_hex(adu));
    std::string warning;
    if (rtu) {
        const auto said = static_cast<std::uint16_t>(adu[adu.size() - 2] | adu[adu.size() - 1] << 8);
        if (crc16(adu.first(adu.size() - 2)) != said) warning = ", wrong check sum";
    } else if (!sent) {
        const auto size = tcp_adu_size(adu);
        if (!size || *size != adu.size()) warning = ", wrong length";
    }
    const ByteView pdu = adu.subspan(unit_at + 1, adu.size() - unit_at - 1 - tail);
    return fmt::format("unit {} {}{}", adu[unit_at], sent ? request_text(pdu) : answer_text(pdu, asked), warning);
}

}  // namespace adapters::modbus
