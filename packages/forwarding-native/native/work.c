#include <string.h>

#include "bytes.h"
#include "engine.h"

#define NONE UINT32_MAX
/* A GSO train must fit one IP packet with its headers. */
#define MAX_TRAIN 65000

void engine_unprotect(struct engine *e, const struct batch *batch, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    batch->status[i] = STATUS_NONE;
    struct srtp_session *session = engine_session(e, batch->session[i]);
    const int rtp = batch->kind[i] == KIND_RTP;
    if (session == NULL || (!rtp && batch->kind[i] != KIND_RTCP)) continue;
    if (!(batch->serial[i] >= 0 && batch->serial[i] < e->state[STATE_NEXT_SERIAL])) continue;
    uint8_t *packet = e->arena + (uint64_t)batch->serial[i] % e->slot_count * e->slot_size;
    int length = batch->length[i];
    if (length > (int)e->slot_size) continue;
    const enum packet_status status =
        rtp ? srtp_unprotect(session, packet, &length) : srtcp_unprotect(session, packet, &length);
    batch->status[i] = (uint8_t)status;
    if (status == STATUS_OK) batch->length[i] = (uint16_t)length;
    else if (status == STATUS_AUTHENTICATION_FAILED) e->state[STATE_AUTHENTICATION_FAILURES]++;
    else if (status == STATUS_REPLAYED) e->state[STATE_REPLAYS]++;
  }
}

/* Puts packet `i` together; its length, or -1 when the item makes no sense. `room` is behind `out`. */
static int compose(struct engine *e, uint32_t i, uint8_t *out, size_t room) {
  const struct work *w = &e->work;
  const size_t prefix = w->prefix_offset[i], prefix_length = w->prefix_length[i];
  const size_t body_length = w->body_length[i], body_offset = w->body_offset[i];
  if (prefix_length < 12 || prefix + prefix_length > w->prefixes_size) return -1;
  if (prefix_length + body_length + SRTP_MAX_OVERHEAD > room) return -1;
  memcpy(out, w->prefixes + prefix, prefix_length);
  if (body_length > 0) {
    const double serial = w->body_serial[i], next = e->state[STATE_NEXT_SERIAL];
    /* A body whose slot was taken again would be somebody else's packet. */
    if (!(serial >= 0 && serial < next && next - serial <= e->slot_count)) return -1;
    if (body_offset + body_length > e->slot_size) return -1;
    const uint8_t *slot = e->arena + (uint64_t)serial % e->slot_count * e->slot_size;
    memcpy(out + prefix_length, slot + body_offset, body_length);
  }
  out[1] = w->marker_and_payload_type[i];
  write_u16(out + 2, w->sequence_number[i]);
  write_u32(out + 4, w->timestamp[i]);
  write_u32(out + 8, w->ssrc[i]);
  const size_t sequence = w->transport_sequence_offset[i], time = w->abs_send_time_offset[i];
  if (sequence > 0 && sequence + 2 <= prefix_length) write_u16(out + sequence, w->transport_sequence[i]);
  if (time > 0 && time + 3 <= prefix_length) write_u24(out + time, w->abs_send_time[i]);
  return (int)(prefix_length + body_length);
}

static int compose_and_seal(struct engine *e, uint32_t i, uint8_t *out, size_t room) {
  const int length = compose(e, i, out, room);
  if (length < 0 || e->work.session[i] < 0) return length;
  struct srtp_session *session = engine_session(e, e->work.session[i]);
  return session == NULL ? -1 : srtp_protect(session, out, length, e->work.rollover_counter[i]);
}

static void to_outbox(struct engine *e, int32_t path, const uint8_t *bytes, uint32_t length) {
  struct outbox *o = &e->outbox;
  if (o->count == o->capacity || o->used + length > o->size) {
    e->state[STATE_SEND_ERRORS]++;
    return;
  }
  memcpy(o->bytes + o->used, bytes, length);
  o->path[o->count] = path;
  o->length[o->count++] = length;
  o->used += length;
}

/* Joins the packet to the train before it where path and size allow (UDP GSO), or begins a message. */
static void add_message(struct engine *e, const struct path *path, uint8_t *bytes, uint32_t length) {
  struct message *m = e->message_count > 0 ? &e->messages[e->message_count - 1] : NULL;
  if (m != NULL && e->gso && m->path == path && !m->complete && length <= m->segment &&
      m->segments < MAX_SEGMENTS && m->length + length <= MAX_TRAIN && m->bytes + m->length == bytes) {
    m->complete = length < m->segment;
    m->length += length;
    m->segments++;
    return;
  }
  if (e->message_count == MESSAGES_AT_ONCE) {
    /* Sending forgets what is staged, but this packet's bytes stay where they are until it is sent. */
    engine_send_messages(e);
  }
  e->messages[e->message_count++] =
      (struct message){.path = path, .bytes = bytes, .length = length, .segment = length, .segments = 1};
}

static void send_item(struct engine *e, uint32_t i, struct path *path) {
  if (STAGING_SIZE - e->staged < MAX_DATAGRAM + SRTP_MAX_OVERHEAD) engine_send_messages(e);
  uint8_t *out = e->staging + e->staged;
  const int length = compose_and_seal(e, i, out, MAX_DATAGRAM + SRTP_MAX_OVERHEAD);
  if (length < 0) {
    e->state[STATE_SEND_ERRORS]++;
  } else if (path->state == PATH_OUTBOX) {
    to_outbox(e, e->work.path[i], out, (uint32_t)length);
  } else {
    const size_t end = e->staged + (size_t)length;
    add_message(e, path, out, (uint32_t)length);
    e->staged = end;
  }
}

void engine_send_work(struct engine *e, uint32_t count) {
  /* Items of one path together, in their order: so trains get long. Paths keep the order they come up in. */
  uint32_t first_path = NONE, last_path = NONE;
  e->round++;
  e->outbox.count = 0;
  e->outbox.used = 0;
  for (uint32_t i = 0; i < count; i++) {
    const int32_t handle = e->work.path[i];
    struct path *path = engine_path(e, handle);
    if (path == NULL) {
      e->state[STATE_SEND_ERRORS]++;
      continue;
    }
    e->next_item[i] = NONE;
    if (path->round == e->round) {
      e->next_item[path->last_item] = i;
    } else {
      path->round = e->round;
      path->first_item = i;
      path->next_path = NONE;
      if (first_path == NONE) first_path = (uint32_t)handle;
      else e->paths[last_path].next_path = (uint32_t)handle;
      last_path = (uint32_t)handle;
    }
    path->last_item = i;
  }
  for (uint32_t p = first_path; p != NONE; p = e->paths[p].next_path) {
    for (uint32_t i = e->paths[p].first_item; i != NONE; i = e->next_item[i]) send_item(e, i, &e->paths[p]);
  }
  engine_send_messages(e);
}

void engine_send_rtcp(struct engine *e, uint32_t session, uint32_t path, const uint8_t *bytes,
                      size_t length) {
  struct path *to = engine_path(e, path);
  struct srtp_session *keys = engine_session(e, session);
  e->outbox.count = 0;
  e->outbox.used = 0;
  if (to == NULL || keys == NULL || length < 8 || length > MAX_DATAGRAM - SRTP_MAX_OVERHEAD) {
    e->state[STATE_SEND_ERRORS]++;
    return;
  }
  /* Between lists the staging memory is free. */
  memcpy(e->staging, bytes, length);
  const int sealed = srtcp_protect(keys, e->staging, (int)length);
  if (sealed < 0) e->state[STATE_SEND_ERRORS]++;
  else if (to->state == PATH_OUTBOX) to_outbox(e, (int32_t)path, e->staging, (uint32_t)sealed);
  else engine_send_one(e, to, e->staging, (uint32_t)sealed);
}
