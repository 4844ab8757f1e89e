#include "tests/unit/coap/coap_message.hpp"

#include <algorithm>

namespace wire {

namespace {

// RFC 7252 3.1: the nibble and what follows it.
std::pair<std::uint8_t, Bytes> extended(std::size_t number) {
    if (number < 13) return {static_cast<std::uint8_t>(number), {}};
    if (number < 269) return {std::uint8_t{13}, {static_cast<std::uint8_t>(number - 13)}};
    const std::size_t rest = number - 269;
    return {std::uint8_t{14}, {static_cast<std::uint8_t>(rest >> 8), static_cast<std::uint8_t>(rest & 0xff)}};
}

std::optional<std::size_t> extension(base::Cursor& in, std::uint8_t nibble) {
    if (nibble < 13) return nibble;
    const auto more = nibble == 15 ? std::nullopt : in.big_endian(nibble == 13 ? 1 : 2);
    if (!more) return std::nullopt;
    return *more + (nibble == 13 ? 13 : 269);
}

}  // namespace

Message& Message::with(std::uint16_t option, Bytes value) {
    options.emplace_back(option, std::move(value));
    return *this;
}

Message& Message::with(std::uint16_t option, const std::string& text) { return with(option, Bytes(text.begin(), text.end())); }

Message& Message::with(std::uint16_t option, std::uint32_t number) {
    Bytes bytes;
    for (int shift = 24; shift >= 0; shift -= 8)
        if (number >> shift != 0) bytes.push_back(static_cast<std::uint8_t>(number >> shift));
    return with(option, std::move(bytes));
}

Message& Message::path(const std::string& slashed) {
    for (std::size_t at = 0; at < slashed.size();) {
        const std::size_t end = std::min(slashed.find('/', at + 1), slashed.size());
        with(uri_path, slashed.substr(at + 1, end - at - 1));
        at = end;
    }
    return *this;
}

Message& Message::body(const std::string& text) {
    payload.assign(text.begin(), text.end());
    return *this;
}

Message& Message::block(std::uint16_t option, std::uint32_t number, bool more, std::size_t size) {
    std::uint32_t exponent = 0;
    while ((16u << exponent) < size) ++exponent;
    return with(option, number << 4 | (more ? 8u : 0u) | exponent);
}

Bytes Message::encoded() const {
    Bytes out{static_cast<std::uint8_t>(1u << 6 | static_cast<unsigned>(type) << 4 | token.size()), code,
              static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id & 0xff)};
    out.insert(out.end(), token.begin(), token.end());
    auto sorted = options;
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::uint16_t last = 0;
    for (const auto& [option, value] : sorted) {
        const auto [delta, delta_bytes] = extended(static_cast<std::size_t>(option - last));
        const auto [length, length_bytes] = extended(value.size());
        out.push_back(static_cast<std::uint8_t>(delta << 4 | length));
        out.insert(out.end(), delta_bytes.begin(), delta_bytes.end());
        out.insert(out.end(), length_bytes.begin(), length_bytes.end());
        out.insert(out.end(), value.begin(), value.end());
        last = option;
    }
    if (!payload.empty()) {
        out.push_back(0xff);
        out.insert(out.end(), payload.begin(), payload.end());
    }
    return out;
}

std::optional<Message> Message::decode(ByteView bytes) {
    base::Cursor in(bytes);
    const auto first = in.byte(), code_byte = in.byte();
    const auto id = in.big_endian(2);
    if (!id || *first >> 6 != 1) return std::nullopt;
    Message message;
    message.type = static_cast<Type>(*first >> 4 & 3);
    message.code = *code_byte;
    message.id = static_cast<std::uint16_t>(*id);
    const auto token = in.take(*first & 15u);
    if (!token) return std::nullopt;
    message.token.assign(token->begin(), token->end());
    std::size_t option = 0;
    while (!in.empty()) {
        const std::uint8_t head = *in.byte();
        if (head == 0xff) {
            message.payload.assign(in.rest().begin(), in.rest().end());
            return message;
        }
        const auto delta = extension(in, head >> 4);
        const auto length = delta ? extension(in, head & 15) : std::nullopt;
        const auto value = length ? in.take(*length) : std::nullopt;
        if (!value) return std::nullopt;
        option += *delta;
        message.with(static_cast<std::uint16_t>(option), Bytes(value->begin(), value->end()));
    }
    return message;
}

std::optional<Bytes> Message::value(std::uint16_t option) const {
    const auto found = std::ranges::find_if(options, [option](const auto& o) { return o.first == option; });
    return found == options.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> Message::texts(std::uint16_t option) const {
    std::vector<std::string> found;
    for (const auto& [number, value] : options)
        if (number == option) found.emplace_back(value.begin(), value.end());
    return found;
}

std::optional<std::uint32_t> Message::number(std::uint16_t option) const {
    const auto bytes = value(option);
    if (!bytes) return std::nullopt;
    std::uint32_t number = 0;
    for (const std::uint8_t byte : *bytes) number = number << 8 | byte;
    return number;
}

std::optional<BlockValue> block_of(const Message& message, std::uint16_t option) {
    const auto bits = message.number(option);
    if (!bits) return std::nullopt;
    return BlockValue{*bits >> 4, (*bits & 8) != 0, std::size_t{16} << (*bits & 7)};
}

Message request(std::uint8_t method, const std::string& path, std::uint16_t id, const std::string& token) {
    Message message{Type::con, method, id, Bytes(token.begin(), token.end())};
    message.path(path);
    return message;
}

Message ack(const Message& of, std::uint8_t code) { return {Type::ack, code, of.id, code == empty ? Bytes{} : of.token}; }
Message rst(const Message& of) { return {Type::rst, empty, of.id}; }

}  // namespace wire
