#pragma once

#include "lwm2m/coap/blockwise.hpp"
#include "lwm2m/coap/duplicate_filter.hpp"
#include "lwm2m/coap/observations.hpp"
#include "lwm2m/coap/options.hpp"
#include "lwm2m/coap/wire.hpp"

#include <deque>
#include <list>
#include <memory>

namespace lwm2m::coap {

/// Serves the requests of one server: duplicates, blocks, early acknowledgements and late answers end here.
class Responder : public std::enable_shared_from_this<Responder> {
public:
    Responder(ServerId server, base::Timers& timers, base::Random& random, const Options& options, Wire& wire,
              Observations& observations);

    void set_handler(RequestHandler* handler) { handler_ = handler; }

    /// Session::Owner::on_request().
    void on_request(const coap_pdu_t* pdu, coap_pdu_t* response);
    /// Sends the next separate answer, if there is one.
    bool send_next();
    /// Another session: what belongs to messages of the old one is void. Answers that come now are dropped.
    void reset();

    /// Keeps `response` as a snapshot when it is longer than a block, and says what of it goes out first.
    /// Null when it is too long to be kept.
    struct First {
        const Response* response;
        ByteView payload;
        Extra extra;
    };
    std::optional<First> first_block(const Response& response, const std::string& key, ByteView request_body,
                                     const std::optional<Block>& asked);

private:
    using ExchangeId = std::uint64_t;
    struct Exchange {
        ExchangeId id = 0;
        Token token;
        std::uint16_t message = 0;
        bool confirmable = false;
        bool acknowledged = false;      // the empty ACK is out: the answer is a separate one
        bool once = false;              // must not run twice
        ObservationId observation = 0;  // started with this request
        std::optional<Block> block1, block2;
        std::string key;  // with body_hash: set when the request is kept beyond its datagram
        Bytes body;       // of a FETCH, for the snapshot
        base::Instant acknowledge_at;
    };
    /// The request whose handler is being called.
    struct Current {
        Exchange* exchange;
        const coap_pdu_t* request;
        coap_pdu_t* response;
        bool answered;
    };
    struct Separate {
        Token token;
        Response response;  // of one block
        Extra extra;
    };

    void serve(Incoming& in, Exchange& exchange, const coap_pdu_t* pdu, coap_pdu_t* response);
    bool join_blocks(Incoming& in, Exchange& exchange, coap_pdu_t* response);
    bool serve_snapshot(const Incoming& in, Exchange& exchange, coap_pdu_t* response);
    bool repeat(const Token& token, std::uint16_t message, bool confirmable, coap_pdu_t* response);
    void observe(Incoming& in, Exchange& exchange);
    void answer(ExchangeId id, Response response);
    void answer_now(Exchange& exchange, coap_pdu_t* response, const Response& what, ByteView payload, const Extra& extra);
    void answer_later(Exchange& exchange, const Response& what, ByteView payload, const Extra& extra);
    void finish(Exchange& exchange, Response what, coap_pdu_t* response, const coap_pdu_t* request);
    void acknowledge(Exchange& exchange);
    void acknowledge_due();
    void plan_acknowledge();
    void remember(const Exchange& exchange, const Response& what, ByteView payload, const Extra& extra);
    void plan_cleaning();

    ServerId server_;
    base::Timers& timers_;
    base::Random& random_;
    const Options& options_;
    Wire& wire_;
    Observations& observations_;
    RequestHandler* handler_ = nullptr;

    ExchangeId last_ = 0, first_of_session_ = 1;
    Current* current_ = nullptr;
    std::list<Exchange> pending_;  // in the order of arrival
    std::deque<Separate> separate_;
    DuplicateFilter duplicates_;
    RequestBodies bodies_;
    Snapshots snapshots_;
    base::Timer acknowledge_timer_, cleaning_timer_;
};

}  // namespace lwm2m::coap
