/* SRTP and SRTCP of one association: sealing, opening, replay windows (RFC 3711, RFC 7714). */
#ifndef WEIR_SRTP_H
#define WEIR_SRTP_H

#include <stdint.h>

/* Same numbers as PacketStatus of @weir/forwarding. */
enum packet_status { STATUS_NONE, STATUS_OK, STATUS_AUTHENTICATION_FAILED, STATUS_REPLAYED, STATUS_MALFORMED };

enum srtp_profile { PROFILE_AEAD_AES_128_GCM, PROFILE_AES_CM_128_HMAC_SHA1_80 };

/* Derived session keys of one direction; salts are padded with zeros to 16 bytes. */
struct srtp_keys {
  uint8_t rtp_key[16], rtp_salt[16], rtp_auth[20];
  uint8_t rtcp_key[16], rtcp_salt[16], rtcp_auth[20];
};

/* A tag of 16 bytes and the SRTCP index of 4. */
#define SRTP_MAX_OVERHEAD 20

struct srtp_session;

/* NULL when memory or OpenSSL refuses. */
struct srtp_session *srtp_session_new(enum srtp_profile profile, const struct srtp_keys *local,
                                      const struct srtp_keys *remote);
void srtp_session_free(struct srtp_session *session);

/* Header with CSRCs and extension, or -1 when these bytes are no RTP packet. */
int rtp_header_length(const uint8_t *packet, int length);

/*
 * Sealing happens in place, with SRTP_MAX_OVERHEAD bytes of room behind the packet, and answers the new
 * length, or -1. Opening happens in place too; `*length` becomes the plain length. A packet that is refused
 * keeps its bytes.
 */
int srtp_protect(struct srtp_session *session, uint8_t *packet, int length, uint32_t roc);
int srtcp_protect(struct srtp_session *session, uint8_t *packet, int length);
enum packet_status srtp_unprotect(struct srtp_session *session, uint8_t *packet, int *length);
enum packet_status srtcp_unprotect(struct srtp_session *session, uint8_t *packet, int *length);

#endif
