#include "tests/fuzz/codec_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::hierarchical(lwm2m::ContentFormat::senml_etch_json, data, size);
    return fuzz::hierarchical(lwm2m::ContentFormat::senml_json, data, size);
}
