#pragma once

#include "tests/peer/server.hpp"

#include <deque>
#include <map>
#include <random>
#include <string>

namespace peer {

/// Our requests to a client and its observations: tokens, block-wise transfer both ways (RFC 7959), Reset on demand.
/// All of it by hand, so that it does not lean on libcoap's block layer.
class Requests {
public:
    explicit Requests(Server& server) : server_(server) {}

    void send(coap_session_t*, Call, Done);
    bool forget(const std::string& path);
    /// The observations of this client are void (RFC 7641, OMA Core 1.2 6.4.1: after each Register).
    void client_gone(const coap_session_t*);
    /// Ends exchanges whose answer never came although the request was acknowledged.
    void expire(Clock::time_point now);

    coap_response_t on_response(coap_session_t*, const coap_pdu_t* received);
    /// A message came in, maybe one that libcoap keeps to itself: see late_copies.cpp.
    void on_message(const coap_pdu_t* received);
    /// Acknowledges the copies that came since the last call.
    void acknowledge_copies();
    void on_nack(const coap_pdu_t* sent, coap_nack_reason_t);

private:
    struct Exchange {
        SessionRef session;
        Call call;
        Done done;
        Bytes upload;   // the whole body to send, Block1 takes pieces of it
        Bytes body;     // what came so far, Block2
        Message first;  // the first response: its options count
        bool notification = false;
        Clock::time_point started;
    };
    struct Observation {
        SessionRef session;
        Message request;
        bool forgotten = false;
    };
    void transmit(Exchange);
    void finish(Exchange, Message response);
    void fail(Exchange, const std::string& why);
    void notification(coap_session_t*, const Message&, const Observation&);
    Bytes fresh_token();

    Server& server_;
    std::map<Bytes, Exchange> open_;         // by token; bounded by the commands that were given
    std::map<Bytes, Observation> observed_;  // by token
    /// A response or notification that was taken, by (message id, token).
    struct Taken {
        SessionRef session;
        int mid = 0;
        Bytes token;
        int copies = 0;  ///< that came since and wait for their acknowledgement
    };
    std::deque<Bytes> finished_;  // tokens of the last exchanges: their responses may come again (RFC 7252 4.2)
    std::deque<Taken> taken_;     // the last confirmable ones
    std::uint32_t tokens_ = std::random_device{}();  // so that a restarted server shares none with its former life
};

/// "code", "cf", "hex", and "text" or "values" when it can be read as such.
void describe_payload(Json& event, const Message&);

}  // namespace peer
