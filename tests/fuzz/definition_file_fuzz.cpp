#include "lwm2m/object_catalog.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto object = lwm2m::ObjectCatalog::parse_xml({reinterpret_cast<const char*>(data), size}, "x.xml");
    if (object && object->id == 65535) std::abort();
    return 0;
}
