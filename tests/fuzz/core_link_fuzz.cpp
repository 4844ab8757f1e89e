#include "lwm2m/codec/core_link.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto links = lwm2m::codec::decode_links({reinterpret_cast<const char*>(data), size});
    if (!links) return 0;
    const auto again = lwm2m::codec::decode_links(lwm2m::codec::encode_links(*links));
    if (!again || *again != *links) std::abort();
    return 0;
}
