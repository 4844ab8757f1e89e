#pragma once

#include "lwm2m/coap/options.hpp"
#include "lwm2m/coap/wire.hpp"

#include <deque>
#include <optional>

namespace lwm2m::coap {

/// Our own requests to one server, one after the other: Register, Update, Send …
/// Long ones go block by block (RFC 7959 2.5), long answers are fetched block by block, an Echo is given back (RFC 9175 2.3).
class Uplinks {
public:
    /// `prefix`: path segments of the server's URI.
    Uplinks(base::Timers& timers, base::Random& random, const Options& options, Wire& wire, std::vector<std::string> prefix)
        : random_(random), options_(options), wire_(wire), prefix_(std::move(prefix)), timers_(timers), timer_(timers) {}

    /// Errc::busy for the one that is too many.
    void send(Uplink uplink, Answer answer);
    /// Sends the next message, if it is time for one.
    bool send_next();
    /// Session::Owner::on_answer().
    bool on_answer(const coap_pdu_t* pdu);
    /// The message that send_next() sent was acknowledged; its answer comes later.
    void on_delivered();
    /// The server refused the message that send_next() sent.
    void on_reset();
    /// Sends the current one from its beginning, over a new session.
    void restart();
    /// All that wait fail.
    void fail_all(const Error& error);

private:
    struct Current {
        Uplink uplink;
        Answer answer;
        Token token{};
        Bytes echo{};
        std::size_t size = 0;          // of a block
        std::size_t offset = 0;        // bytes of the payload that the server has
        std::size_t sent = 0;          // bytes in the last message
        UplinkAnswer collected{};      // of a block-wise answer
        std::optional<Block> fetch{};  // the next block of the answer
        std::uint64_t tag = 0;         // Request-Tag
        bool ready = true;             // a message is to be sent
        bool sending = true;           // the payload is not through yet
        bool echoed = false;
    };

    void next();
    void prepare(Current& current);
    void finish(Result<UplinkAnswer> answer);
    bool go_on_sending(const IncomingAnswer& in);
    bool collect(IncomingAnswer& in);
    void ready();

    base::Random& random_;
    const Options& options_;
    Wire& wire_;
    std::vector<std::string> prefix_;
    base::Timers& timers_;
    base::Timer timer_;
    std::optional<Current> current_;
    std::deque<std::pair<Uplink, Answer>> waiting_;
};

}  // namespace lwm2m::coap
