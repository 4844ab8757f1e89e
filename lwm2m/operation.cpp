#include "lwm2m/operation.hpp"

#include <fmt/format.h>

namespace lwm2m {

std::string_view name(Operation operation) {
    switch (operation) {
        case Operation::read: return "Read";
        case Operation::discover: return "Discover";
        case Operation::write_replace: return "Write (replace)";
        case Operation::write_partial: return "Write (partial)";
        case Operation::write_attributes: return "Write-Attributes";
        case Operation::execute: return "Execute";
        case Operation::create: return "Create";
        case Operation::remove: return "Delete";
        case Operation::read_composite: return "Read-Composite";
        case Operation::write_composite: return "Write-Composite";
    }
    return "?";
}

std::string str(Code code) {
    const auto byte = static_cast<unsigned>(code);
    return fmt::format("{}.{:02}", byte >> 5, byte & 31);
}

Code code_of(base::Errc errc) {
    switch (errc) {
        case Errc::bad_request: return Code::bad_request;
        case Errc::not_found: return Code::not_found;
        case Errc::not_allowed: return Code::method_not_allowed;
        case Errc::unauthorized: return Code::unauthorized;
        case Errc::not_acceptable: return Code::not_acceptable;
        case Errc::unsupported_format: return Code::unsupported_content_format;
        case Errc::too_large: return Code::too_large;
        case Errc::busy:
        case Errc::offline: return Code::service_unavailable;
        case Errc::timeout: return Code::gateway_timeout;
        case Errc::malformed: return Code::bad_gateway;
        case Errc::not_supported: return Code::not_implemented;
        case Errc::internal: return Code::internal;
    }
    return Code::internal;
}

}  // namespace lwm2m
