#include "srtp.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "openssl.h"
#include "streams.h"

#define GCM_TAG 16
#define HMAC_TAG 10
#define E_BIT 0x80000000u
#define MAX_PACKET 65536
#define KEEP -1 /* the direction that the context has */

/* What one direction needs for RTP or for RTCP. */
struct transform {
  EVP_CIPHER_CTX *cipher;
  EVP_MAC_CTX *mac; /* AES-CM only */
  uint8_t salt[16];
};

struct srtp_session {
  enum srtp_profile profile;
  struct transform rtp_out, rtcp_out, rtp_in, rtcp_in;
  struct stream_table rtp_streams, rtcp_streams;
  uint64_t uses;
  uint32_t rtcp_index;
};

int rtp_header_length(const uint8_t *packet, int length) {
  if (length < 12 || packet[0] >> 6 != 2) return -1;
  int header = 12 + (packet[0] & 15) * 4;
  if (packet[0] & 16) {
    if (length < header + 4) return -1;
    header += 4 + read_u16(packet + header + 2) * 4;
  }
  return header <= length ? header : -1;
}

/* Encryption and decryption are one thing for counter mode; for GCM the context remembers which. */
static int transform_init(struct transform *t, enum srtp_profile profile, const uint8_t *key,
                          const uint8_t *salt, const uint8_t *auth, int sealing) {
  memcpy(t->salt, salt, 16);
  t->cipher = EVP_CIPHER_CTX_new();
  if (t->cipher == NULL) return 0;
  if (profile == PROFILE_AEAD_AES_128_GCM) {
    return EVP_CipherInit_ex(t->cipher, EVP_aes_128_gcm(), NULL, key, NULL, sealing);
  }
  EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  if (hmac == NULL) return 0;
  t->mac = EVP_MAC_CTX_new(hmac);
  EVP_MAC_free(hmac);
  char digest[] = "SHA1";
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
  return t->mac != NULL && EVP_MAC_init(t->mac, auth, 20, params) &&
         EVP_CipherInit_ex(t->cipher, EVP_aes_128_ctr(), NULL, key, NULL, 1);
}

static void transform_free(struct transform *t) {
  EVP_CIPHER_CTX_free(t->cipher);
  EVP_MAC_CTX_free(t->mac);
  OPENSSL_cleanse(t->salt, sizeof t->salt);
}

struct srtp_session *srtp_session_new(enum srtp_profile profile, const struct srtp_keys *local,
                                      const struct srtp_keys *remote) {
  struct srtp_session *s = calloc(1, sizeof *s);
  if (s == NULL) return NULL;
  s->profile = profile;
  if (transform_init(&s->rtp_out, profile, local->rtp_key, local->rtp_salt, local->rtp_auth, 1) &&
      transform_init(&s->rtcp_out, profile, local->rtcp_key, local->rtcp_salt, local->rtcp_auth, 1) &&
      transform_init(&s->rtp_in, profile, remote->rtp_key, remote->rtp_salt, remote->rtp_auth, 0) &&
      transform_init(&s->rtcp_in, profile, remote->rtcp_key, remote->rtcp_salt, remote->rtcp_auth, 0)) {
    return s;
  }
  srtp_session_free(s);
  return NULL;
}

void srtp_session_free(struct srtp_session *s) {
  if (s == NULL) return;
  transform_free(&s->rtp_out);
  transform_free(&s->rtcp_out);
  transform_free(&s->rtp_in);
  transform_free(&s->rtcp_in);
  stream_table_free(&s->rtp_streams);
  stream_table_free(&s->rtcp_streams);
  free(s);
}

/* XORs a big-endian value into an IV. */
static void mix_u32(uint8_t *at, uint32_t value) { write_u32(at, read_u32(at) ^ value); }

/*
 * IVs. RTP's 48-bit index is the rollover counter and the sequence number; SRTCP's 31 bits fill the low end
 * (RFC 3711 §4.1.1, RFC 7714 §8.1 and §9.1). Both layouts end with the index, GCM's at byte 12, AES-CM's at
 * byte 14, and have the SSRC right before its 48 bits.
 */
static void make_iv(uint8_t iv[16], const struct transform *t, enum srtp_profile profile, uint32_t ssrc,
                    uint64_t index) {
  const int end = profile == PROFILE_AEAD_AES_128_GCM ? 12 : 14;
  memcpy(iv, t->salt, 16);
  mix_u32(iv + end - 10, ssrc);
  mix_u32(iv + end - 4, (uint32_t)index);
  iv[end - 5] ^= (uint8_t)(index >> 32);
  iv[end - 6] ^= (uint8_t)(index >> 40);
}

static int gcm_seal(struct transform *t, const uint8_t iv[16], const uint8_t *aad, int aad_length,
                    uint8_t *text, int text_length) {
  int n;
  return EVP_CipherInit_ex(t->cipher, NULL, NULL, NULL, iv, KEEP) &&
         EVP_CipherUpdate(t->cipher, NULL, &n, aad, aad_length) &&
         (text_length == 0 || EVP_CipherUpdate(t->cipher, text, &n, text, text_length)) &&
         EVP_CipherFinal_ex(t->cipher, text + text_length, &n) &&
         EVP_CIPHER_CTX_ctrl(t->cipher, EVP_CTRL_AEAD_GET_TAG, GCM_TAG, text + text_length);
}

/* Decrypts beside the packet first: a forged one must keep its bytes. OpenSSL compares in constant time. */
static int gcm_open(struct transform *t, const uint8_t iv[16], const uint8_t *aad, int aad_length,
                    uint8_t *text, int text_length) {
  static _Thread_local uint8_t plain[MAX_PACKET];
  int n = 0;
  if (!EVP_CipherInit_ex(t->cipher, NULL, NULL, NULL, iv, KEEP) ||
      !EVP_CIPHER_CTX_ctrl(t->cipher, EVP_CTRL_AEAD_SET_TAG, GCM_TAG, text + text_length) ||
      !EVP_CipherUpdate(t->cipher, NULL, &n, aad, aad_length) ||
      (text_length > 0 && !EVP_CipherUpdate(t->cipher, plain, &n, text, text_length)) ||
      EVP_CipherFinal_ex(t->cipher, plain + text_length, &n) <= 0) {
    return 0;
  }
  memcpy(text, plain, (size_t)text_length);
  return 1;
}

static int ctr_xor(struct transform *t, const uint8_t iv[16], uint8_t *text, int length) {
  int n;
  return EVP_CipherInit_ex(t->cipher, NULL, NULL, NULL, iv, KEEP) &&
         (length == 0 || EVP_CipherUpdate(t->cipher, text, &n, text, length));
}

/* HMAC-SHA1 of the packet and, for RTP, the rollover counter (RFC 3711 §4.2). */
static int hmac_tag(struct transform *t, const uint8_t *packet, int length, const uint32_t *roc,
                    uint8_t tag[20]) {
  size_t n = 0;
  if (!EVP_MAC_init(t->mac, NULL, 0, NULL) || !EVP_MAC_update(t->mac, packet, (size_t)length)) return 0;
  if (roc != NULL) {
    uint8_t counter[4];
    write_u32(counter, *roc);
    if (!EVP_MAC_update(t->mac, counter, 4)) return 0;
  }
  return EVP_MAC_final(t->mac, tag, &n, 20) && n == 20;
}

int srtp_protect(struct srtp_session *s, uint8_t *packet, int length, uint32_t roc) {
  const int header = rtp_header_length(packet, length);
  if (header < 0) return -1;
  uint8_t iv[16], tag[20];
  make_iv(iv, &s->rtp_out, s->profile, read_u32(packet + 8), (uint64_t)roc << 16 | read_u16(packet + 2));
  if (s->profile == PROFILE_AEAD_AES_128_GCM) {
    return gcm_seal(&s->rtp_out, iv, packet, header, packet + header, length - header) ? length + GCM_TAG : -1;
  }
  if (!ctr_xor(&s->rtp_out, iv, packet + header, length - header) ||
      !hmac_tag(&s->rtp_out, packet, length, &roc, tag)) {
    return -1;
  }
  memcpy(packet + length, tag, HMAC_TAG);
  return length + HMAC_TAG;
}

static int open_rtp(struct srtp_session *s, uint8_t *packet, int header, int length, uint64_t index) {
  const int end = length - (s->profile == PROFILE_AEAD_AES_128_GCM ? GCM_TAG : HMAC_TAG);
  if (end < header) return -1;
  uint8_t iv[16], tag[20];
  make_iv(iv, &s->rtp_in, s->profile, read_u32(packet + 8), index);
  if (s->profile == PROFILE_AEAD_AES_128_GCM) {
    return gcm_open(&s->rtp_in, iv, packet, header, packet + header, end - header) ? end : -1;
  }
  const uint32_t roc = (uint32_t)(index >> 16);
  if (!hmac_tag(&s->rtp_in, packet, end, &roc, tag) || CRYPTO_memcmp(tag, packet + end, HMAC_TAG) != 0 ||
      !ctr_xor(&s->rtp_in, iv, packet + header, end - header)) {
    return -1;
  }
  return end;
}

enum packet_status srtp_unprotect(struct srtp_session *s, uint8_t *packet, int *length) {
  const int header = rtp_header_length(packet, *length);
  if (header < 0) return STATUS_MALFORMED;
  const uint32_t ssrc = read_u32(packet + 8);
  struct stream *stream = stream_find(&s->rtp_streams, ssrc);
  const int64_t index = stream_estimate(stream, read_u16(packet + 2));
  if (index < 0 || stream_is_replay(stream, index)) return STATUS_REPLAYED;
  if (index >> 48 != 0) return STATUS_AUTHENTICATION_FAILED;
  const int plain = open_rtp(s, packet, header, *length, (uint64_t)index);
  if (plain < 0) return STATUS_AUTHENTICATION_FAILED;
  /* Only now is the packet known to be genuine: window and rollover counter may move. */
  stream_accept(&s->rtp_streams, stream, ssrc, index, ++s->uses);
  *length = plain;
  return STATUS_OK;
}

/* For GCM: the first 8 bytes and the index word are authenticated (RFC 7714 §9.2). */
static void rtcp_aad(uint8_t aad[12], const uint8_t *packet, uint32_t word) {
  memcpy(aad, packet, 8);
  write_u32(aad + 8, word);
}

int srtcp_protect(struct srtp_session *s, uint8_t *packet, int length) {
  if (length < 8 || s->rtcp_index >= E_BIT) return -1;
  const uint32_t index = s->rtcp_index++;
  uint8_t iv[16], aad[12], tag[20];
  make_iv(iv, &s->rtcp_out, s->profile, read_u32(packet + 4), index);
  if (s->profile == PROFILE_AEAD_AES_128_GCM) {
    rtcp_aad(aad, packet, index | E_BIT);
    if (!gcm_seal(&s->rtcp_out, iv, aad, 12, packet + 8, length - 8)) return -1;
    write_u32(packet + length + GCM_TAG, index | E_BIT);
    return length + GCM_TAG + 4;
  }
  if (!ctr_xor(&s->rtcp_out, iv, packet + 8, length - 8)) return -1;
  write_u32(packet + length, index | E_BIT);
  if (!hmac_tag(&s->rtcp_out, packet, length + 4, NULL, tag)) return -1;
  memcpy(packet + length + 4, tag, HMAC_TAG);
  return length + 4 + HMAC_TAG;
}

static int open_rtcp(struct srtp_session *s, uint8_t *packet, int length, uint32_t word) {
  const int gcm = s->profile == PROFILE_AEAD_AES_128_GCM;
  const int end = length - 4 - (gcm ? GCM_TAG : HMAC_TAG);
  uint8_t iv[16], aad[12], tag[20];
  make_iv(iv, &s->rtcp_in, s->profile, read_u32(packet + 4), word & ~E_BIT);
  if (gcm && (word & E_BIT)) {
    rtcp_aad(aad, packet, word);
    return gcm_open(&s->rtcp_in, iv, aad, 12, packet + 8, end - 8) ? end : -1;
  }
  if (gcm) {
    /* Authenticated only: everything but the tag is associated data (RFC 7714 §9.3). */
    static _Thread_local uint8_t all[MAX_PACKET];
    memcpy(all, packet, (size_t)end);
    write_u32(all + end, word);
    return gcm_open(&s->rtcp_in, iv, all, end + 4, packet + end, 0) ? end : -1;
  }
  if (!hmac_tag(&s->rtcp_in, packet, end + 4, NULL, tag) ||
      CRYPTO_memcmp(tag, packet + end + 4, HMAC_TAG) != 0) {
    return -1;
  }
  return !(word & E_BIT) || ctr_xor(&s->rtcp_in, iv, packet + 8, end - 8) ? end : -1;
}

enum packet_status srtcp_unprotect(struct srtp_session *s, uint8_t *packet, int *length) {
  const int gcm = s->profile == PROFILE_AEAD_AES_128_GCM;
  if (*length < 8 + 4 + (gcm ? GCM_TAG : HMAC_TAG)) return STATUS_MALFORMED;
  const uint32_t word = read_u32(packet + *length - 4 - (gcm ? 0 : HMAC_TAG));
  const int64_t index = word & ~E_BIT;
  const uint32_t ssrc = read_u32(packet + 4);
  struct stream *stream = stream_find(&s->rtcp_streams, ssrc);
  if (stream_is_replay(stream, index)) return STATUS_REPLAYED;
  const int plain = open_rtcp(s, packet, *length, word);
  if (plain < 0) return STATUS_AUTHENTICATION_FAILED;
  stream_accept(&s->rtcp_streams, stream, ssrc, index, ++s->uses);
  *length = plain;
  return STATUS_OK;
}
