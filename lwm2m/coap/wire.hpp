#pragma once

#include "lwm2m/coap/message.hpp"

namespace lwm2m::coap {

/// What the parts of a server link (requests, notifications, uplinks) may do with its session.
class Wire {
public:
    /// A message of ours with a new message id. Null while there is no session.
    virtual Pdu message(coap_pdu_type_t type, const Token& token, std::uint8_t code = 0) = 0;
    /// A message that refers to one of the server's: ACK and RST.
    virtual Pdu reply(coap_pdu_type_t type, std::uint16_t message_id, const Token& token) = 0;
    /// Confirmable messages only when it is one's turn, as the link says. False: it cannot be sent.
    virtual bool send(Pdu pdu) = 0;
    /// There is a confirmable message to send; the link says when it may.
    virtual void ask_turn() = 0;

protected:
    ~Wire() = default;
};

}  // namespace lwm2m::coap
