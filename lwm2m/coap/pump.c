/* With libcoap's own read and write a request costs a recv(), an ioctl(), a send() and, at the end of a burst, one recv()
 * in vain. Here a burst is read by one recvmmsg() and answered by one sendmmsg(). */
#define _GNU_SOURCE
#include "lwm2m/coap/pump.h"

/* What libcoap itself is built with. It marks the public functions as not to be called from within; we may. */
#define COAP_API
#include "coap_config.h"
#include <coap3/coap_internal.h>

#ifndef COAP_RESOURCE_HANDLE_WELLKNOWN_CORE /* 4.3.1, whose version number is no number */
#define WITHOUT_LAYERS
#endif

#include <errno.h>
#include <mbedtls/platform_util.h>
#include <string.h>
#include <sys/socket.h>

enum { burst = 32, datagram_size = COAP_RXBUFFER_SIZE };

struct datagrams {
    struct mmsghdr header[burst];
    struct iovec part[burst];
    uint8_t bytes[burst][datagram_size];
};

/* Answers of the burst that is being handled: of one session at a time, between pump_receive()'s beginning and end. */
static _Thread_local struct {
    coap_session_t *session;
    unsigned count;
    struct datagrams out;
} held;

static void send_held(void) {
    unsigned sent = 0, errors = 0;
    while (sent < held.count) {
        int done = sendmmsg(held.session->sock.fd, held.out.header + sent, held.count - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (done > 0) {
            sent += (unsigned)done;
        } else if (errno == ECONNREFUSED && errors < 2) {
            ++errors; /* tells of an earlier datagram (ICMP); nothing was sent */
        } else {
            ++sent; /* as lost on the way: what matters is confirmable and will be repeated */
        }
    }
    held.count = 0;
}

/* Takes the place of libcoap's own write, below DTLS. A datagram that cannot be sent counts as lost: retransmission deals
 * with it, and a server that is away is found out in one way only. */
static ssize_t write_datagram(coap_session_t *session, const uint8_t *data, size_t size) {
    if (held.session == session && size <= datagram_size) {
        if (held.count == burst) send_held();
        unsigned i = held.count++;
        memcpy(held.out.bytes[i], data, size);
        held.out.part[i].iov_base = held.out.bytes[i];
        held.out.part[i].iov_len = size;
        held.out.header[i].msg_hdr.msg_iov = &held.out.part[i];
        held.out.header[i].msg_hdr.msg_iovlen = 1;
    } else if (session->sock.flags & COAP_SOCKET_CONNECTED) {
        if (send(session->sock.fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == ECONNREFUSED)
            (void)!send(session->sock.fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    return (ssize_t)size;
}

#ifdef WITHOUT_LAYERS
static ssize_t write_to_socket(coap_socket_t *socket, const coap_session_t *session, const uint8_t *data, size_t size) {
    (void)session;
    return write_datagram(socket->session, data, size);
}
#endif

void pump_adopt(coap_session_t *session, unsigned ack_timeout) {
    session->ack_timeout.integer_part = (uint16_t)(ack_timeout / 1000);
    session->ack_timeout.fractional_part = (uint16_t)(ack_timeout % 1000);
#ifdef WITHOUT_LAYERS
    session->sock.session = session;
    session->context->network_send = write_to_socket;
#else
    int layer = session->proto == COAP_PROTO_DTLS ? COAP_LAYER_TLS : COAP_LAYER_SESSION;
    session->sock.lfunc[layer].l_write = write_datagram;
#endif
}

int pump_descriptor(const coap_session_t *session) {
    return session->sock.flags & COAP_SOCKET_CONNECTED ? session->sock.fd : -1;
}

int pump_receive(coap_session_t *session, unsigned most) {
    static _Thread_local struct datagrams in;
    if (!(session->sock.flags & COAP_SOCKET_CONNECTED)) return 0;
    if (most > burst) most = burst;
    for (unsigned i = 0; i < most; ++i) {
        in.part[i].iov_base = in.bytes[i];
        in.part[i].iov_len = datagram_size;
        in.header[i].msg_hdr.msg_iov = &in.part[i];
        in.header[i].msg_hdr.msg_iovlen = 1;
    }
    int count = recvmmsg(session->sock.fd, in.header, most, MSG_DONTWAIT, NULL);
    if (count < 0) return errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH ? -1 : 0;

    coap_session_reference(session);
    coap_ticks(&session->last_rx_tx);
    held.session = session;
    for (int i = 0; i < count; ++i) {
        size_t size = in.header[i].msg_len;
        if (size == 0 || in.header[i].msg_hdr.msg_flags & MSG_TRUNC) continue; /* longer than any message may be */
        if (!(session->sock.flags & COAP_SOCKET_CONNECTED)) break;           /* an alert in the burst closed it */
        if (session->proto == COAP_PROTO_DTLS) {
            if (session->tls) coap_dtls_receive(session, in.bytes[i], size);
        } else {
            coap_handle_dgram(session->context, session, in.bytes[i], size);
        }
    }
    if (session->sock.flags & COAP_SOCKET_CONNECTED) send_held();
    held.count = 0;
    held.session = NULL;
    coap_session_release(session);
    return count;
}

unsigned pump_due(coap_context_t *context) {
    coap_socket_t *sockets[4];
    unsigned count = 0;
    coap_tick_t now;
    coap_ticks(&now);
    return coap_io_prepare_io(context, sockets, 4, &count, now);
}

void pump_wipe_key(coap_session_t *session) {
    /* libcoap hands it out as constant; the memory is its own and from the heap. */
    if (session->psk_key) {
        uint8_t *bytes;
        memcpy(&bytes, &session->psk_key->s, sizeof bytes);
        mbedtls_platform_zeroize(bytes, session->psk_key->length);
    }
}
