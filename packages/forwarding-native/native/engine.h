/*
 * One UDP port: datagrams into the arena, work lists out. Knows sockets, sessions and memory; no streams,
 * layers or rooms, and nothing of JavaScript: addon.c joins it to Node.
 */
#ifndef WEIR_ENGINE_H
#define WEIR_ENGINE_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "srtp.h"

/* Places in the array of doubles shared with JavaScript. */
enum state {
  STATE_NEXT_SERIAL,
  STATE_RECEIVED_PACKETS,
  STATE_RECEIVED_BYTES,
  STATE_SENT_PACKETS,
  STATE_SENT_BYTES,
  STATE_AUTHENTICATION_FAILURES,
  STATE_REPLAYS,
  STATE_SEND_ERRORS,
  STATE_OVERSIZED,
  STATE_COUNT
};

/* Same numbers as PacketKind of @weir/forwarding. */
enum packet_kind { KIND_UNKNOWN, KIND_STUN, KIND_DTLS, KIND_RTP, KIND_RTCP };

/* The arrays of a DatagramBatch. */
struct batch {
  uint32_t capacity;
  double *serial;
  uint16_t *length;
  uint8_t *kind;
  double *remote;
  int32_t *session;
  uint8_t *status;
};

/* The arrays of a WorkList. */
struct work {
  uint32_t capacity;
  size_t prefixes_size;
  const uint8_t *prefixes;
  const uint32_t *prefix_offset;
  const uint16_t *prefix_length;
  const double *body_serial;
  const uint16_t *body_offset, *body_length;
  const uint32_t *ssrc;
  const uint16_t *sequence_number;
  const uint32_t *timestamp;
  const uint8_t *marker_and_payload_type;
  const uint32_t *rollover_counter;
  const uint16_t *transport_sequence_offset, *transport_sequence;
  const uint16_t *abs_send_time_offset;
  const uint32_t *abs_send_time;
  const int32_t *session, *path;
};

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

struct path {
  enum { PATH_CLOSED, PATH_UDP, PATH_OUTBOX } state;
  union address address;
  socklen_t address_length;
  /* Items of the list at hand, in order; valid when `round` is the engine's. */
  uint64_t round;
  uint32_t first_item, last_item, next_path;
};

/* A datagram that the kernel did not take yet. */
struct pending {
  struct pending *next;
  union address address;
  socklen_t address_length;
  uint32_t length;
  uint8_t data[];
};

/* Datagrams for JavaScript to send, since their path is no UDP: TCP connections. */
struct outbox {
  uint8_t *bytes;
  size_t size, used;
  int32_t *path;
  uint32_t *length;
  uint32_t capacity, count;
};

#define BATCHES 2
#define RECEIVE_AT_ONCE 64
#define MAX_DATAGRAM 65535
#define STAGING_SIZE (512 * 1024)
#define MESSAGES_AT_ONCE 128
#define MAX_SEGMENTS 64
#define MAX_PENDING_BYTES (4 * 1024 * 1024)

struct message {
  const struct path *path;
  uint8_t *bytes;
  uint32_t length, segment, segments;
  /* A shorter segment ends a train. */
  int complete;
};

struct engine {
  int fd, family;
  int gso, gso_failures;
  uint8_t *arena;
  uint32_t slot_size, slot_count;
  double *state;
  struct batch batches[BATCHES];
  struct work work;
  struct path *paths;
  uint32_t path_count;
  struct srtp_session **sessions;
  uint32_t session_count;
  uint64_t round;
  uint32_t *next_item; /* as many as the work list has */
  uint8_t *staging;
  size_t staged;
  struct message messages[MESSAGES_AT_ONCE];
  uint32_t message_count;
  struct pending *pending_first, *pending_last;
  size_t pending_bytes;
  struct outbox outbox;
  /* Addresses of the last batch, for those that are no IPv4. */
  union address *remotes;
};

/* socket.c. Answers 0, or the errno. `*address` goes in wanted and comes out bound. */
int engine_open_socket(struct engine *e, union address *address, socklen_t length, int recv_bytes,
                       int send_bytes);
/* Fills batch 0 from its start; answers how many datagrams it has. `*more` says that others may be ready. */
uint32_t engine_receive(struct engine *e, int *more);
/* Hands waiting datagrams to the kernel; true when none is left. */
int engine_flush_pending(struct engine *e);
void engine_send_one(struct engine *e, const struct path *path, const uint8_t *bytes, uint32_t length);
void engine_send_messages(struct engine *e);

/* work.c */
void engine_unprotect(struct engine *e, const struct batch *batch, uint32_t count);
void engine_send_work(struct engine *e, uint32_t count);
void engine_send_rtcp(struct engine *e, uint32_t session, uint32_t path, const uint8_t *bytes,
                      size_t length);

static inline struct path *engine_path(struct engine *e, int64_t handle) {
  if (handle < 0 || handle >= e->path_count || e->paths[handle].state == PATH_CLOSED) return NULL;
  return &e->paths[handle];
}

static inline struct srtp_session *engine_session(struct engine *e, int64_t handle) {
  return handle >= 0 && handle < e->session_count ? e->sessions[handle] : NULL;
}

#endif
