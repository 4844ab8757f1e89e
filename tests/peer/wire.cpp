#include "tests/peer/wire.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace peer {
namespace {

constexpr std::array<std::string_view, 8> methods{"", "GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "IPATCH"};

std::uint32_t uint_value(const coap_opt_t* option) {
    return coap_decode_var_bytes(coap_opt_value(option), std::min<std::size_t>(coap_opt_length(option), 4));
}

Block block_value(const coap_opt_t* option) {
    const std::uint32_t value = uint_value(option);
    return {value >> 4, (value & 8) != 0, std::min(value & 7U, 6U)};
}

void add_text(coap_pdu_t* pdu, coap_option_num_t option, const std::string& text) {
    coap_add_option(pdu, option, text.size(), reinterpret_cast<const std::uint8_t*>(text.data()));
}

void add_uint(coap_pdu_t* pdu, coap_option_num_t option, std::uint32_t value) {
    std::array<std::uint8_t, 4> room{};
    coap_add_option(pdu, option, coap_encode_var_safe(room.data(), room.size(), value), room.data());
}

void add_block(coap_pdu_t* pdu, coap_option_num_t option, const Block& block) {
    add_uint(pdu, option, block.num << 4 | (block.more ? 8U : 0U) | block.szx);
}

}  // namespace

Message read(const coap_pdu_t* pdu) {
    Message message;
    message.type = coap_pdu_get_type(pdu);
    message.code = coap_pdu_get_code(pdu);
    message.mid = coap_pdu_get_mid(pdu);
    const coap_bin_const_t token = coap_pdu_get_token(pdu);
    message.token.assign(token.s, token.s + token.length);

    coap_opt_iterator_t iterator;
    coap_option_iterator_init(pdu, &iterator, COAP_OPT_ALL);
    while (const coap_opt_t* option = coap_option_next(&iterator)) {
        const std::string text(reinterpret_cast<const char*>(coap_opt_value(option)), coap_opt_length(option));
        switch (iterator.number) {
            case COAP_OPTION_OBSERVE: message.observe = uint_value(option); break;
            case COAP_OPTION_LOCATION_PATH: message.location.push_back(text); break;
            case COAP_OPTION_URI_PATH: message.path.push_back(text); break;
            case COAP_OPTION_CONTENT_FORMAT: message.content_format = uint_value(option); break;
            case COAP_OPTION_MAXAGE: message.max_age = uint_value(option); break;
            case COAP_OPTION_URI_QUERY: message.query.push_back(text); break;
            case COAP_OPTION_ACCEPT: message.accept = uint_value(option); break;
            case COAP_OPTION_BLOCK2: message.block2 = block_value(option); break;
            case COAP_OPTION_BLOCK1: message.block1 = block_value(option); break;
            default: break;
        }
    }
    std::size_t size = 0;
    const std::uint8_t* data = nullptr;
    if (coap_get_data(pdu, &size, &data) != 0) message.payload.assign(data, data + size);
    return message;
}

void fill(coap_pdu_t* pdu, const Message& message) {
    coap_pdu_set_code(pdu, static_cast<coap_pdu_code_t>(message.code));
    if (message.observe) add_uint(pdu, COAP_OPTION_OBSERVE, *message.observe);
    for (const auto& segment : message.location) add_text(pdu, COAP_OPTION_LOCATION_PATH, segment);
    for (const auto& segment : message.path) add_text(pdu, COAP_OPTION_URI_PATH, segment);
    if (message.content_format) add_uint(pdu, COAP_OPTION_CONTENT_FORMAT, *message.content_format);
    if (message.max_age) add_uint(pdu, COAP_OPTION_MAXAGE, *message.max_age);
    for (const auto& part : message.query) add_text(pdu, COAP_OPTION_URI_QUERY, part);
    if (message.accept) add_uint(pdu, COAP_OPTION_ACCEPT, *message.accept);
    if (message.block2) add_block(pdu, COAP_OPTION_BLOCK2, *message.block2);
    if (message.block1) add_block(pdu, COAP_OPTION_BLOCK1, *message.block1);
    if (!message.payload.empty()) coap_add_data(pdu, message.payload.size(), message.payload.data());
}

int send(coap_session_t* session, const Message& message) {
    coap_pdu_t* pdu = coap_new_pdu(message.type, static_cast<coap_pdu_code_t>(message.code), session);
    if (pdu == nullptr) return COAP_INVALID_MID;
    coap_add_token(pdu, message.token.size(), message.token.data());
    fill(pdu, message);
    return coap_send(session, pdu);
}

std::string code_name(unsigned c) {
    const unsigned detail = c & 31;
    return std::to_string(c >> 5) + (detail < 10 ? ".0" : ".") + std::to_string(detail);
}

unsigned method(std::string_view name) {
    const auto found = std::find(methods.begin() + 1, methods.end(), name);
    return found == methods.end() ? 0 : static_cast<unsigned>(found - methods.begin());
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const auto end = std::min(text.find(separator), text.size());
        if (end > 0) parts.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

std::string join(const std::vector<std::string>& path) {
    std::string text;
    for (const auto& segment : path) text += "/" + segment;
    return text.empty() ? "/" : text;
}

std::string hex(const Bytes& bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

std::optional<Bytes> unhex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    Bytes bytes;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        unsigned value = 0;
        const auto result = std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
        if (result.ptr != text.data() + i + 2) return std::nullopt;
        bytes.push_back(static_cast<std::uint8_t>(value));
    }
    return bytes;
}

bool is_digits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::uint32_t> number(std::string_view text) {
    if (!is_digits(text) || text.size() > 9) return std::nullopt;
    std::uint32_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace peer
