#define _GNU_SOURCE
#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef SOL_UDP
#define SOL_UDP 17
#endif

/* After so many refused trains in a row the kernel or device is taken not to know GSO. */
#define GSO_PATIENCE 8

int engine_open_socket(struct engine *e, union address *address, socklen_t length, int recv_bytes,
                       int send_bytes) {
  const int off = 0;
  int segment = 0;
  socklen_t size = sizeof segment;
  e->family = address->any.sa_family;
  e->fd = socket(e->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (e->fd < 0) return errno;
  if (e->family == AF_INET6) setsockopt(e->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  setsockopt(e->fd, SOL_SOCKET, SO_RCVBUF, &recv_bytes, sizeof recv_bytes);
  setsockopt(e->fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
  e->gso = getsockopt(e->fd, SOL_UDP, UDP_SEGMENT, &segment, &size) == 0;
  if (bind(e->fd, &address->any, length) == 0) {
    length = sizeof *address;
    if (getsockname(e->fd, &address->any, &length) == 0) return 0;
  }
  const int error = errno;
  close(e->fd);
  e->fd = -1;
  return error;
}

/* By the first bytes (RFC 7983 §7, RFC 5761 §4). */
static enum packet_kind kind_of(const uint8_t *bytes, uint32_t length) {
  if (length < 4) return KIND_UNKNOWN;
  if (bytes[0] < 4) return KIND_STUN;
  if (bytes[0] >= 128 && bytes[0] < 192) return bytes[1] >= 192 && bytes[1] <= 223 ? KIND_RTCP : KIND_RTP;
  return bytes[0] >= 20 && bytes[0] < 64 ? KIND_DTLS : KIND_UNKNOWN;
}

/* IPv4 as address × 65536 + port; what is no IPv4 is NaN, and JavaScript asks for its text. */
static double remote_number(const union address *from) {
  if (from->any.sa_family == AF_INET) {
    return (double)ntohl(from->v4.sin_addr.s_addr) * 65536 + ntohs(from->v4.sin_port);
  }
  if (from->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&from->v6.sin6_addr)) {
    uint32_t v4;
    memcpy(&v4, from->v6.sin6_addr.s6_addr + 12, 4);
    return (double)ntohl(v4) * 65536 + ntohs(from->v6.sin6_port);
  }
  return __builtin_nan("");
}

uint32_t engine_receive(struct engine *e, int *more) {
  struct batch *batch = &e->batches[0];
  struct mmsghdr headers[RECEIVE_AT_ONCE];
  struct iovec vectors[RECEIVE_AT_ONCE];
  uint32_t count = 0;
  *more = 0;
  while (count < batch->capacity) {
    const uint32_t room = batch->capacity - count;
    const uint32_t wanted = room < RECEIVE_AT_ONCE ? room : RECEIVE_AT_ONCE;
    const uint64_t next = (uint64_t)e->state[STATE_NEXT_SERIAL];
    for (uint32_t i = 0; i < wanted; i++) {
      vectors[i].iov_base = e->arena + (next + i) % e->slot_count * e->slot_size;
      vectors[i].iov_len = e->slot_size;
      headers[i].msg_hdr = (struct msghdr){.msg_name = &e->remotes[count + i],
                                           .msg_namelen = sizeof(union address),
                                           .msg_iov = &vectors[i],
                                           .msg_iovlen = 1};
    }
    int got;
    do {
      /* With MSG_TRUNC the length is the datagram's, not the slot's. */
      got = recvmmsg(e->fd, headers, wanted, MSG_DONTWAIT | MSG_TRUNC, NULL);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) return count;
    const uint32_t first = count;
    for (int i = 0; i < got; i++) {
      const uint32_t length = headers[i].msg_len;
      e->state[STATE_RECEIVED_PACKETS]++;
      e->state[STATE_RECEIVED_BYTES] += length;
      /* Its slot is passed over: serials rise, with gaps where a datagram was too long. */
      if (length > e->slot_size) {
        e->state[STATE_OVERSIZED]++;
        continue;
      }
      if (count != first + (uint32_t)i) e->remotes[count] = e->remotes[first + (uint32_t)i];
      batch->serial[count] = (double)(next + (uint64_t)i);
      batch->length[count] = (uint16_t)length;
      batch->kind[count] = (uint8_t)kind_of(vectors[i].iov_base, length);
      batch->remote[count] = remote_number(&e->remotes[count]);
      batch->session[count] = -1;
      batch->status[count] = STATUS_NONE;
      count++;
    }
    e->state[STATE_NEXT_SERIAL] = (double)(next + (uint64_t)got);
    if ((uint32_t)got < wanted) return count;
  }
  *more = 1;
  return count;
}

static void failed(struct engine *e, uint32_t packets) { e->state[STATE_SEND_ERRORS] += packets; }

static void sent(struct engine *e, uint32_t packets, uint32_t bytes) {
  e->state[STATE_SENT_PACKETS] += packets;
  e->state[STATE_SENT_BYTES] += bytes;
}

/* Keeps a datagram until the socket is writable. Beyond a bound it is lost, as any datagram may be. */
static void append_pending(struct engine *e, const struct path *path, const uint8_t *bytes, uint32_t length) {
  struct pending *p = NULL;
  if (e->pending_bytes + length <= MAX_PENDING_BYTES) p = malloc(sizeof *p + length);
  if (p == NULL) {
    failed(e, 1);
    return;
  }
  p->next = NULL;
  p->address = path->address;
  p->address_length = path->address_length;
  p->length = length;
  memcpy(p->data, bytes, length);
  if (e->pending_last != NULL) e->pending_last->next = p;
  else e->pending_first = p;
  e->pending_last = p;
  e->pending_bytes += length;
}

static ssize_t send_now(int fd, const uint8_t *bytes, uint32_t length, const union address *to, socklen_t size) {
  ssize_t n;
  do {
    n = sendto(fd, bytes, length, 0, &to->any, size);
  } while (n < 0 && errno == EINTR);
  return n;
}

/* No GSO on this kernel or device, or the segments exceed the MTU: then IP fragments single packets. */
static int is_gso_refusal(void) {
  return errno == EINVAL || errno == EIO || errno == EMSGSIZE || errno == EOPNOTSUPP || errno == ENOPROTOOPT;
}

static int must_wait(void) { return errno == EAGAIN || errno == EWOULDBLOCK; }

int engine_flush_pending(struct engine *e) {
  while (e->pending_first != NULL) {
    struct pending *p = e->pending_first;
    if (send_now(e->fd, p->data, p->length, &p->address, p->address_length) >= 0) sent(e, 1, p->length);
    else if (must_wait()) return 0;
    else failed(e, 1);
    e->pending_first = p->next;
    if (p->next == NULL) e->pending_last = NULL;
    e->pending_bytes -= p->length;
    free(p);
  }
  return 1;
}

void engine_send_one(struct engine *e, const struct path *path, const uint8_t *bytes, uint32_t length) {
  if (e->pending_first != NULL) {
    append_pending(e, path, bytes, length);
  } else if (send_now(e->fd, bytes, length, &path->address, path->address_length) >= 0) {
    sent(e, 1, length);
  } else if (must_wait()) {
    append_pending(e, path, bytes, length);
  } else {
    failed(e, 1);
  }
}

/* The packets of a message by themselves, now or when the socket is writable again. */
static void send_segments(struct engine *e, const struct message *m, int later) {
  for (uint32_t at = 0; at < m->length; at += m->segment) {
    const uint32_t rest = m->length - at, length = rest < m->segment ? rest : m->segment;
    if (later) append_pending(e, m->path, m->bytes + at, length);
    else engine_send_one(e, m->path, m->bytes + at, length);
  }
}

static void prepare(struct message *m, struct mmsghdr *header, struct iovec *vector, char *control) {
  *vector = (struct iovec){.iov_base = m->bytes, .iov_len = m->length};
  header->msg_hdr = (struct msghdr){.msg_name = (void *)&m->path->address,
                                    .msg_namelen = m->path->address_length,
                                    .msg_iov = vector,
                                    .msg_iovlen = 1};
  if (m->segments == 1) return;
  header->msg_hdr.msg_control = control;
  header->msg_hdr.msg_controllen = CMSG_SPACE(sizeof(uint16_t));
  struct cmsghdr *option = CMSG_FIRSTHDR(&header->msg_hdr);
  option->cmsg_level = SOL_UDP;
  option->cmsg_type = UDP_SEGMENT;
  option->cmsg_len = CMSG_LEN(sizeof(uint16_t));
  const uint16_t segment = (uint16_t)m->segment;
  memcpy(CMSG_DATA(option), &segment, sizeof segment);
}

void engine_send_messages(struct engine *e) {
  struct mmsghdr headers[MESSAGES_AT_ONCE];
  struct iovec vectors[MESSAGES_AT_ONCE];
  _Alignas(struct cmsghdr) char controls[MESSAGES_AT_ONCE][CMSG_SPACE(sizeof(uint16_t))];
  const uint32_t count = e->message_count;
  uint32_t i = 0;
  for (uint32_t k = 0; k < count; k++) prepare(&e->messages[k], &headers[k], &vectors[k], controls[k]);
  while (i < count) {
    const struct message *m = &e->messages[i];
    const int n = e->pending_first != NULL ? -1 : sendmmsg(e->fd, headers + i, count - i, 0);
    if (n > 0) {
      for (const uint32_t end = i + (uint32_t)n; i < end; i++) {
        if (e->messages[i].segments > 1) e->gso_failures = 0;
        sent(e, e->messages[i].segments, e->messages[i].length);
      }
      continue;
    }
    if (e->pending_first != NULL || must_wait()) {
      send_segments(e, m, 1);
    } else if (errno == EINTR) {
      continue;
    } else if (m->segments > 1 && is_gso_refusal()) {
      if (++e->gso_failures >= GSO_PATIENCE) e->gso = 0;
      send_segments(e, m, 0);
    } else {
      failed(e, m->segments);
    }
    i++;
  }
  e->message_count = 0;
  e->staged = 0;
}
