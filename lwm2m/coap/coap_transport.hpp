#pragma once

#include "lwm2m/coap/options.hpp"
#include "lwm2m/transport.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <memory>

namespace lwm2m::coap {

/// LwM2M over UDP and DTLS (OMA Transport 1.2 6, binding U), on libcoap and Mbed TLS.
/// Everything happens on the executor's one thread. Answers to send() may come before it returns only when they fail.
class CoapTransport final : public Transport {
public:
    CoapTransport(boost::asio::any_io_executor executor, base::Timers& timers, base::Random& random, Options options = {});
    CoapTransport(const CoapTransport&) = delete;
    CoapTransport& operator=(const CoapTransport&) = delete;
    /// Closes all sessions without a word to anybody.
    ~CoapTransport();

    void set_handler(RequestHandler& handler) override;
    Result<void> open(const ServerAccount& account) override;
    void close(ServerId server) override;
    void reconnect(ServerId server) override;
    void send(ServerId server, Uplink uplink, Answer answer) override;
    void notify(ServerId server, ObservationId observation, Response response, bool confirmable) override;
    void end(ServerId server, ObservationId observation) override;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace lwm2m::coap
