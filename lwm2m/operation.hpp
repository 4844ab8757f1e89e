#pragma once

#include "gateway/base/result.hpp"
#include "lwm2m/path.hpp"

namespace lwm2m {

enum class Operation : std::uint8_t {
    read, discover, write_replace, write_partial, write_attributes, execute, create, remove,
    read_composite, write_composite
};
std::string_view name(Operation);

/// CoAP codes as on the wire (class << 5 | detail), those that LwM2M may use (OMA Transport 1.2 6.4.4).
enum class Code : std::uint8_t {
    created = 65, deleted = 66, changed = 68, content = 69, continue_ = 95,
    bad_request = 128, unauthorized = 129, bad_option = 130, forbidden = 131, not_found = 132, method_not_allowed = 133,
    not_acceptable = 134, request_entity_incomplete = 136, conflict = 137, precondition_failed = 140, too_large = 141, unsupported_content_format = 143,
    internal = 160, not_implemented = 161, bad_gateway = 162, service_unavailable = 163, gateway_timeout = 164
};
std::string str(Code);  // "4.04"
constexpr bool is_success(Code code) { return static_cast<std::uint8_t>(code) < 128; }
/// The one place where a failure becomes a code (gateway digest, section 11).
Code code_of(base::Errc);

enum class ContentFormat : std::uint16_t {
    text = 0, link = 40, opaque = 42, cbor = 60, senml_json = 110, senml_cbor = 112,
    senml_etch_json = 320, senml_etch_cbor = 322, tlv = 11542, lwm2m_json = 11543, lwm2m_cbor = 11544
};

}  // namespace lwm2m
