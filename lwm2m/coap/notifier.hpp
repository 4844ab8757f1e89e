#pragma once

#include "lwm2m/coap/responder.hpp"

namespace lwm2m::coap {

/// Sends the notifications of one server (RFC 7641 4.5). Confirmable ones wait for their turn, and a newer value takes the
/// place of one that still waits, unless that one is to be kept.
class Notifier {
public:
    Notifier(base::Timers& timers, Wire& wire, Observations& observations, Responder& responder)
        : timers_(timers), wire_(wire), observations_(observations), responder_(responder) {}

    /// An error code ends the observation (RFC 7641 4.2). Nothing happens for one that is not known.
    void notify(ObservationId id, Response response, bool confirmable);
    /// A value that waits is not sent any more; an error is.
    void end(ObservationId id);
    /// Sends the confirmable notification that waits for longest, if there is one.
    bool send_next();
    struct Outstanding {
        ObservationId id = 0;  ///< 0 for none or one that has ended
        std::uint32_t number = 0;
    };
    /// The observation of the one that send_next() sent; and forgets it.
    Outstanding settle() { return std::exchange(outstanding_, {}); }
    /// Which observation a notification that was not confirmable belonged to: 0 for none.
    ObservationId of_message(std::uint16_t message) const;
    /// The session is gone. The observations stay, and what waits goes out over the next one, after our first request.
    void reset();

private:
    struct Waiting {
        ObservationId id;
        Token token;
        std::string key;
        Response response;
    };
    bool send(coap_pdu_type_t type, ObservationId id, const Token& token, const std::string& key, const Response& response);

    base::Timers& timers_;
    Wire& wire_;
    Observations& observations_;
    Responder& responder_;
    std::list<Waiting> waiting_;  // at most one for each observation, and what is to be kept
    std::unordered_map<ObservationId, std::list<Waiting>::iterator> waiting_of_;  // the last of each
    Outstanding outstanding_;
    struct Sent {
        std::uint16_t message = 0;
        ObservationId id = 0;
    };
    std::array<Sent, 256> sent_{};  // the last ones that were not confirmable: a reset names the message only
    std::size_t next_sent_ = 0;
};

}  // namespace lwm2m::coap
