#include "adapters/ble/reading.hpp"
#include "adapters/ble/sig_format.hpp"

#include <algorithm>

namespace adapters::ble {

namespace {

using base::Node;
using namespace std::chrono_literals;

/// 32 hex digits, or "" for none. Its text is not repeated in any message.
void read_key(Fields& section, Shape& shape) {
    const Node* node = section.find("key");
    if (node == nullptr || (node->kind() == Node::Kind::text && node->written().empty())) return;
    const auto bytes = node->kind() == Node::Kind::text ? base::from_hex(node->written()) : std::nullopt;
    if (!bytes || bytes->size() != 16) {
        section.error("key",
                      bytes && bytes->size() == 12 ? "a key of 24 digits is one of MiBeacon 2 or 3, which is not read"
                                                   : "'key' is no key",
                      "write 32 hex digits into the secret");
        return;
    }
    shape.security.key.emplace();
    std::copy(bytes->begin(), bytes->end(), shape.security.key->begin());
}

void read_decoder(Fields& section, Shape& shape) {
    if (const auto number = section.choice("decode", decoder_names())) shape.decoder = &decoder(*number);
    read_key(section, shape);
    if (const auto replay = section.choice("replay", {"restarts", "strict", "ignored"}))
        shape.security.replay = static_cast<Replay>(*replay);
    for (const std::string_view key : {"key", "replay"})
        if (section.has(key) && (shape.decoder == nullptr || !shape.decoder->encrypts()))
            section.error(key,
                          fmt::format("'{}' has no meaning {}", key,
                                      shape.decoder == nullptr ? "without 'decode'"
                                                               : fmt::format("with decode: {}", shape.decoder->name())),
                          "remove it");
    if (shape.decoder == nullptr) return;
    for (const std::string_view key : {"starts_with", "length", "counter"})
        if (section.has(key))
            section.error(key, fmt::format("'{}' has no meaning with 'decode'", key), "remove it: the format says it");
    const auto company = shape.decoder->company();
    const auto service = shape.decoder->service();
    if (shape.company && shape.company != company)
        section.error("company", fmt::format("{} does not come as data of that company", shape.decoder->name()),
                      company ? fmt::format("write company: 0x{:04X}, or leave it out", *company) : "leave it out");
    if (shape.service && shape.service != service)
        section.error("service", fmt::format("{} does not come as data of that service", shape.decoder->name()),
                      service ? fmt::format("write service: {}, or leave it out", service->text()) : "leave it out");
    shape.company = company;
    shape.service = service;
}

void read_own_beacon(Fields& section, std::string_view order, Shape& shape) {
    if (const auto text = section.text("starts_with")) {
        if (auto bytes = base::from_hex(*text); bytes && !bytes->empty() && bytes->size() <= 32)
            shape.starts_with = std::move(*bytes);
        else
            section.error("starts_with", fmt::format("'{}' is not bytes in hex", text->substr(0, 64)),
                          "write 1 to 32 bytes in quotes: \"A1 02\"");
    }
    if (const auto length = section.integer("length", 1, longest_data)) shape.length = static_cast<std::uint16_t>(*length);
    if (const Node* counter = section.map("counter")) {
        Fields fields(*counter, fmt::format("'counter' of {}", section.what()), section.diagnostics());
        const std::size_t before = section.diagnostics().count();
        auto place = read_byte_place(fields, order, Kind::uint8);
        fields.done();
        if (place && section.diagnostics().count() == before) {
            const bool of_service = place->of == BytePlace::Of::service;
            if (place->encoding.kind < Kind::int8 || place->encoding.kind > Kind::uint64)
                fields.error("type", "a counter is a whole number", "write type: uint8");
            else if (of_service ? !shape.service : !shape.company)
                fields.error("at", fmt::format("no '{}' says whose data that are", of_service ? "service" : "company"),
                             of_service ? "add service: 0x… to the section ble:" : "add company: 0x… to the section ble:");
            else
                shape.counter = std::move(*place);
        }
    }
    if (!shape.company && !shape.service && shape.decoder == nullptr)
        for (const std::string_view key : {"starts_with", "length"})
            if (section.has(key))
                section.error(key, fmt::format("'{}' of whose data?", key), "add company: 0x… or service: 0x…");
}

/// Six digits at most; not repeated in any message.
std::optional<std::uint32_t> read_passkey(Fields& pair) {
    const Node* node = pair.find("passkey");
    if (node == nullptr) return std::nullopt;
    const auto& text = node->written();
    const bool scalar = node->kind() == Node::Kind::text || node->kind() == Node::Kind::integer;
    if (!scalar || text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != std::string::npos) {
        pair.error("passkey", "'passkey' is no passkey", "write one to six digits into the secret");
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(std::stoul(text));
}

void read_pair(const Node& node, Fields& section, Shape& shape) {
    Fields pair(node, fmt::format("'pair' of {}", section.what()), section.diagnostics());
    if (!pair.valid()) return;
    pair.need("mode", "write mode: none, just-works, passkey or compare");
    if (const auto mode = pair.choice("mode", {"none", "just-works", "passkey", "compare"}))
        shape.pair.mode = static_cast<Pairing>(*mode);
    shape.pair.passkey = read_passkey(pair);
    if (pair.has("mode") && shape.pair.mode == Pairing::passkey)
        pair.need("passkey", "add passkey: \"${passkey}\" with a parameter of type: secret");
    else if (pair.has("mode") && pair.has("passkey"))
        pair.error("passkey", "'passkey' without mode: passkey", "write mode: passkey, or remove it");
    if (const auto require = pair.choice("require", {"encrypted", "authenticated"})) {
        shape.pair.encrypted = true;
        shape.pair.authenticated = *require == 1;
        if (shape.pair.mode == Pairing::none)
            pair.error("require", "'require' without pairing", "write mode: just-works, passkey or compare");
        else if (shape.pair.authenticated && shape.pair.mode == Pairing::just_works)
            pair.error("require", "nobody is authenticated by mode: just-works",
                       "write mode: passkey or compare, or require: encrypted");
    }
    pair.done();
}

void read_connection(Fields& section, Shape& shape) {
    if (const auto connect = section.choice("connect", {"per-poll", "stay"})) shape.stay = *connect == 1;
    if (shape.stay) shape.poll = 10s;
    if (const auto poll = section.span("poll")) {
        if (*poll >= 1s && *poll <= std::chrono::hours(24 * 30))
            shape.poll = std::chrono::duration_cast<Milliseconds>(*poll);
        else
            section.error("poll", fmt::format("'poll' is {}, out of range", base::span_text(*poll)),
                          "write a span from 1s to 30d");
    }
    if (const Node* pair = section.map("pair")) read_pair(*pair, section, shape);
    if (const Node* node = section.map("on_new_firmware")) {
        Fields fields(*node, fmt::format("'on_new_firmware' of {}", section.what()), section.diagnostics());
        fields.need("char", "say where the firmware's number stands: char: 0x180A/0x2A26");
        fields.need("do", "write do: forget-services");
        fields.choice("do", {"forget-services"});
        shape.firmware = read_characteristic(fields, "char");
        fields.done();
    }
}

}  // namespace

std::optional<Shape> read_shape(std::string_view profile, Fields* section, Diagnostics& diagnostics,
                                std::string& default_order) {
    const std::size_t before = diagnostics.count();
    Shape shape;
    shape.profile = profile;
    default_order = "little";
    if (section == nullptr || !section->valid()) return shape;
    if (const auto listen = section->choice("listen", {"passive", "active"})) shape.active = *listen == 1;
    if (const auto company = section->integer("company", 0, 0xFFFF)) shape.company = static_cast<std::uint16_t>(*company);
    shape.service = read_uuid(*section, "service");
    if (const auto order = section->choice("order", orders())) default_order = orders()[*order];
    read_decoder(*section, shape);
    if (shape.decoder == nullptr) read_own_beacon(*section, default_order, shape);
    read_connection(*section, shape);
    if (diagnostics.count() != before) return std::nullopt;
    return shape;
}

}  // namespace adapters::ble
