#include "lwm2m/path.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto path = lwm2m::Path::parse(text); path && path->str() != text) std::abort();
    const auto target = lwm2m::Target::parse(text);
    if (target && (target->str() != text || lwm2m::Target::parse(target->str()) != target)) std::abort();
    static_cast<void>(lwm2m::check_prefix(text));
    return 0;
}
