/* The few places where libcoap is driven below its public interface, so that one event loop can wait on its socket and
 * a burst of datagrams costs few system calls. Everything else of this folder uses <coap3/coap.h> only. */
#ifndef LWM2M_COAP_PUMP_H
#define LWM2M_COAP_PUMP_H

#include <coap3/coap.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The descriptor that a client session over UDP or DTLS receives with; -1 when it has none. */
int pump_descriptor(const coap_session_t *session);

/* Reads and handles what has arrived, at most `most` datagrams. Returns how many there were, -1 when the peer's host said
 * that nobody listens (ICMP; more may have arrived). The handlers may not release the session. */
int pump_receive(coap_session_t *session, unsigned most);

/* Call once after a session was made and before the first pump_receive(): from then on it sends through the pump.
 * `ack_timeout`: milliseconds (RFC 7252 4.8); libcoap's own setter refuses less than a second. */
void pump_adopt(coap_session_t *session, unsigned ack_timeout);

/* Repeats what is due. Returns the milliseconds until it wants to be called again, 0: not before something is sent. */
unsigned pump_due(coap_context_t *context);

/* Overwrites libcoap's own copy of the pre-shared key. Mbed TLS overwrites its copy by itself. Call before the release. */
void pump_wipe_key(coap_session_t *session);

#ifdef __cplusplus
}
#endif

#endif
