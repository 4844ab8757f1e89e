#include "lwm2m/codec/single.hpp"

namespace lwm2m::codec {

Result<Bytes> encode_opaque(const Value& value) {
    if (const auto* data = std::get_if<Bytes>(&value)) return *data;
    return fail(Errc::not_acceptable, "application/octet-stream carries opaque resources only");
}

}  // namespace lwm2m::codec
