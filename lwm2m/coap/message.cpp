#include "lwm2m/coap/message.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace lwm2m::coap {

namespace {

constexpr std::size_t longest_option = 255;  // Uri-Path, Uri-Query, Location-Path (RFC 7252 5.10)

std::uint32_t number_of(ByteView option) {
    std::uint32_t number = 0;
    for (const std::uint8_t byte : option) number = number << 8 | byte;
    return number;
}

ByteView value_of(const coap_opt_t* option) { return {coap_opt_value(option), coap_opt_length(option)}; }

std::string text_of(ByteView option) { return {reinterpret_cast<const char*>(option.data()), option.size()}; }

ByteView payload_of(const coap_pdu_t* pdu) {
    std::size_t size = 0;
    const std::uint8_t* data = nullptr;
    return coap_get_data(pdu, &size, &data) != 0 ? ByteView{data, size} : ByteView{};
}

bool add(coap_pdu_t* pdu, std::uint16_t option, ByteView value) {
    return coap_add_option(pdu, option, value.size(), value.data()) != 0;
}

bool add_number(coap_pdu_t* pdu, std::uint16_t option, std::uint32_t number) {
    std::array<std::uint8_t, 4> bytes{};
    const unsigned size = coap_encode_var_safe(bytes.data(), bytes.size(), number);
    return add(pdu, option, {bytes.data(), size});
}

template <class T>
bool add_number(coap_pdu_t* pdu, std::uint16_t option, const std::optional<T>& number) {
    return !number || add_number(pdu, option, std::uint32_t{*number});
}

bool add_block(coap_pdu_t* pdu, std::uint16_t option, const std::optional<Block>& block) {
    return !block || add_number(pdu, option, block->encoded());
}

bool add_texts(coap_pdu_t* pdu, std::uint16_t option, const std::vector<std::string>& texts) {
    return std::ranges::all_of(texts, [pdu, option](const std::string& text) {
        return text.size() <= longest_option && add(pdu, option, base::as_bytes(text));
    });
}

bool add_payload(coap_pdu_t* pdu, ByteView payload) {
    return payload.empty() || coap_add_data(pdu, payload.size(), payload.data()) != 0;
}

}  // namespace

Token Token::of(const coap_pdu_t* pdu) {
    const coap_bin_const_t raw = coap_pdu_get_token(pdu);
    Token token;
    token.size = static_cast<std::uint8_t>(std::min(raw.length, token.bytes.size()));
    std::copy_n(raw.s, token.size, token.bytes.begin());
    return token;
}

std::size_t TokenHash::operator()(const Token& token) const {
    // A server chooses its tokens, so a plain copy of the bytes would let it choose the bucket.
    std::uint64_t bits = std::bit_cast<std::uint64_t>(token.bytes) + token.size;
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9ULL;
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EBULL;
    return bits ^ bits >> 31;
}

std::optional<Block> Block::decode(ByteView option) {
    if (option.size() > 3) return std::nullopt;
    const std::uint32_t bits = number_of(option);
    const std::uint32_t exponent = bits & 7;
    if (exponent == 7) return std::nullopt;  // reserved over datagrams (RFC 7959 2.2)
    return Block{bits >> 4, (bits & 8) != 0, static_cast<std::uint16_t>(16u << exponent)};
}

std::uint32_t Block::encoded() const {
    return number << 4 | (more ? 8u : 0u) | static_cast<std::uint32_t>(std::countr_zero(unsigned{size}) - 4);
}

std::uint16_t block_size_for(std::size_t wanted) {
    return static_cast<std::uint16_t>(std::bit_floor(std::clamp<std::size_t>(wanted, 16, 1024)));
}

Incoming read_request(const coap_pdu_t* pdu) {
    Incoming in;
    Request& request = in.request;
    request.method = static_cast<Method>(coap_pdu_get_code(pdu));
    request.path.reserve(6);

    coap_opt_iterator_t iterator;
    coap_option_iterator_init(pdu, &iterator, COAP_OPT_ALL);
    while (const coap_opt_t* option = coap_option_next(&iterator)) {
        const ByteView value = value_of(option);
        const auto refuse_unless = [&in, &iterator](bool fine) {
            if (!fine) in.bad_option = iterator.number;
        };
        switch (iterator.number) {
            case COAP_OPTION_URI_PATH: request.path.push_back(text_of(value)); break;
            case COAP_OPTION_URI_QUERY: request.query.push_back(text_of(value)); break;
            case COAP_OPTION_CONTENT_FORMAT:  // not critical, but a payload of unknown format must not be guessed at
                refuse_unless(value.size() <= 2);
                request.content_format = static_cast<std::uint16_t>(number_of(value));
                break;
            case COAP_OPTION_ACCEPT:
                refuse_unless(value.size() <= 2);
                request.accept = static_cast<std::uint16_t>(number_of(value));
                break;
            case COAP_OPTION_OBSERVE:
                in.has_observe = true;
                if (value.size() > 3) break;  // elective: as if it were not there
                if (number_of(value) == COAP_OBSERVE_ESTABLISH) request.observe = Observe::start;
                if (number_of(value) == COAP_OBSERVE_CANCEL) request.observe = Observe::cancel;
                break;
            case COAP_OPTION_BLOCK1:
                in.block1 = Block::decode(value);
                refuse_unless(in.block1.has_value());
                break;
            case COAP_OPTION_BLOCK2:
                in.block2 = Block::decode(value);
                refuse_unless(in.block2.has_value());
                break;
            case COAP_OPTION_SIZE1:
                if (value.size() <= 4) in.size1 = number_of(value);
                break;
            case COAP_OPTION_RTAG: in.request_tag = value; break;
            case COAP_OPTION_URI_HOST:  // there is one host here, whatever it is called
            case COAP_OPTION_URI_PORT: break;
            default: refuse_unless((iterator.number & 1) == 0); break;
        }
    }
    if (request.method != Method::get && request.method != Method::fetch) request.observe = Observe::none;
    in.payload = payload_of(pdu);
    return in;
}

IncomingAnswer read_answer(const coap_pdu_t* pdu) {
    IncomingAnswer in;
    in.answer.code = static_cast<Code>(coap_pdu_get_code(pdu));
    coap_opt_iterator_t iterator;
    coap_option_iterator_init(pdu, &iterator, COAP_OPT_ALL);
    while (const coap_opt_t* option = coap_option_next(&iterator)) {
        const ByteView value = value_of(option);
        switch (iterator.number) {
            case COAP_OPTION_LOCATION_PATH: in.answer.location.push_back(text_of(value)); break;
            case COAP_OPTION_MAXAGE:
                if (value.size() <= 4) in.answer.max_age = number_of(value);
                break;
            case COAP_OPTION_BLOCK1: in.block1 = Block::decode(value); break;
            case COAP_OPTION_BLOCK2: in.block2 = Block::decode(value); break;
            case COAP_OPTION_ETAG: in.etag.assign(value.begin(), value.end()); break;
            case COAP_OPTION_ECHO:
                if (value.size() <= 40) in.echo.assign(value.begin(), value.end());  // RFC 9175 2.2.1
                break;
            default: break;
        }
    }
    const ByteView payload = payload_of(pdu);
    in.answer.payload.assign(payload.begin(), payload.end());
    return in;
}

bool write_response(coap_pdu_t* pdu, const Response& response, ByteView payload, const Extra& extra) {
    coap_pdu_set_code(pdu, static_cast<coap_pdu_code_t>(response.code));
    if (extra.etag) {
        const auto bytes = std::bit_cast<std::array<std::uint8_t, 8>>(*extra.etag);
        if (!add(pdu, COAP_OPTION_ETAG, bytes)) return false;
    }
    // In ascending order: libcoap's way to put an option between others is not to be trusted (CVE-2026-29013).
    return add_number(pdu, COAP_OPTION_OBSERVE, extra.observe) &&
           add_texts(pdu, COAP_OPTION_LOCATION_PATH, response.location) &&
           add_number(pdu, COAP_OPTION_CONTENT_FORMAT, response.content_format) &&
           add_number(pdu, COAP_OPTION_MAXAGE, response.max_age) && add_block(pdu, COAP_OPTION_BLOCK2, extra.block2) &&
           add_block(pdu, COAP_OPTION_BLOCK1, extra.block1) && add_number(pdu, COAP_OPTION_SIZE2, extra.size2) &&
           add_number(pdu, COAP_OPTION_SIZE1, extra.size1) && add_payload(pdu, payload);
}

bool write_uplink(coap_pdu_t* pdu, const std::vector<std::string>& prefix, const Uplink& uplink, ByteView payload,
                  const UplinkOptions& options) {
    return add_texts(pdu, COAP_OPTION_URI_PATH, prefix) && add_texts(pdu, COAP_OPTION_URI_PATH, uplink.path) &&
           add_number(pdu, COAP_OPTION_CONTENT_FORMAT, uplink.content_format) &&
           add_texts(pdu, COAP_OPTION_URI_QUERY, uplink.query) && add_block(pdu, COAP_OPTION_BLOCK2, options.block2) &&
           add_block(pdu, COAP_OPTION_BLOCK1, options.block1) && add_number(pdu, COAP_OPTION_SIZE1, options.size1) &&
           (options.echo.empty() || add(pdu, COAP_OPTION_ECHO, options.echo)) &&
           (options.request_tag.empty() || add(pdu, COAP_OPTION_RTAG, options.request_tag)) && add_payload(pdu, payload);
}

}  // namespace lwm2m::coap
