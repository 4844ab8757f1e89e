// libcoap 4.3.1 drops the copy of a confirmable response without acknowledging it. When the acknowledgement of the first
// was lost, the client then repeats in vain until it gives the server up; RFC 7252 4.2 wants each copy acknowledged. The
// library offers no place to see such a copy, but it calls coap_pdu_parse() for all that comes, and a program's own
// function of that name goes before the library's.
#include "tests/peer/requests.hpp"

#include <dlfcn.h>

namespace peer {

Server* listening = nullptr;

}  // namespace peer

extern "C" int coap_pdu_parse(coap_proto_t protocol, const std::uint8_t* data, std::size_t length, coap_pdu_t* pdu) {
    using Parse = int(coap_proto_t, const std::uint8_t*, std::size_t, coap_pdu_t*);
    static const auto parse = reinterpret_cast<Parse*>(dlsym(RTLD_NEXT, "coap_pdu_parse"));
    const int parsed = parse(protocol, data, length, pdu);
    if (parsed != 0 && peer::listening != nullptr) peer::listening->requests().on_message(pdu);
    return parsed;
}
