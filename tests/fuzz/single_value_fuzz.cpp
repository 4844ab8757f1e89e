#include "tests/fuzz/codec_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::single(lwm2m::ContentFormat::text, data, size);
    return fuzz::single(lwm2m::ContentFormat::opaque, data, size);
}
