/*
 * Joins the engine to Node: arguments in and out, memory of typed arrays, readiness through libuv. Context
 * aware: all state hangs on an engine, so worker threads don't share any.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <node_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "openssl.h"
#include "uv.h"

/* Batches handed over per readiness, so that a flood does not starve timers and other sockets. */
#define BATCHES_PER_TURN 8
#define MAX_REFS 64

/* Who keeps an engine's memory: the JavaScript object, the poll handle, the cleanup hook. */
struct port {
  struct engine engine;
  napi_env env;
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  napi_ref on_batch;
  /* Typed arrays whose memory is in use; 0 … fixed_refs-1 for good, the rest is the work list's. */
  napi_ref refs[MAX_REFS];
  uint32_t ref_count, fixed_refs;
  uv_poll_t *poll;
  int events, holders, closed;
  uint32_t gather_micros;
};

#define CHECK(call)                              \
  do {                                           \
    if ((call) != napi_ok) return fail(env, #call); \
  } while (0)

static napi_value fail(napi_env env, const char *what) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_error(env, NULL, what);
  return NULL;
}

static napi_value fail_errno(napi_env env, const char *what, int error) {
  char message[200];
  snprintf(message, sizeof message, "%s: %s", what, strerror(error));
  napi_throw_error(env, error == EADDRINUSE ? "EADDRINUSE" : error == EADDRNOTAVAIL ? "EADDRNOTAVAIL" : NULL,
                   message);
  return NULL;
}

static void free_port(struct port *port) {
  struct engine *e = &port->engine;
  for (uint32_t i = 0; i < e->session_count; i++) srtp_session_free(e->sessions[i]);
  while (e->pending_first != NULL) {
    struct pending *next = e->pending_first->next;
    free(e->pending_first);
    e->pending_first = next;
  }
  free(e->sessions);
  free(e->paths);
  free(e->next_item);
  free(e->staging);
  free(e->remotes);
  free(port);
}

static void release(struct port *port) {
  if (--port->holders == 0) free_port(port);
}

static void after_close(uv_handle_t *handle) {
  struct port *port = uv_handle_get_data(handle);
  free(handle);
  /* Not earlier: close() may have been called from within the callback that this context is for. */
  if (port->context != NULL) napi_async_destroy(port->env, port->context);
  port->context = NULL;
  if (port->cleanup != NULL) napi_remove_async_cleanup_hook(port->cleanup);
  port->cleanup = NULL;
  release(port);
}

static void close_port(struct port *port) {
  if (port->closed) return;
  port->closed = 1;
  uv_poll_stop(port->poll);
  close(port->engine.fd);
  uv_close((uv_handle_t *)port->poll, after_close);
  for (uint32_t i = 0; i < port->ref_count; i++) napi_delete_reference(port->env, port->refs[i]);
  port->ref_count = 0;
  if (port->on_batch != NULL) napi_delete_reference(port->env, port->on_batch);
  port->on_batch = NULL;
}

/* A worker thread ends with an open engine: its loop waits for after_close(). */
static void on_cleanup(napi_async_cleanup_hook_handle handle, void *data) {
  struct port *port = data;
  port->cleanup = handle;
  close_port(port);
}

static void finalize_port(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  close_port(data);
  release(data);
}

static void on_ready(uv_poll_t *handle, int status, int events);

/* Asks for writability while datagrams wait. */
static void update_events(struct port *port) {
  const int events = UV_READABLE | (port->engine.pending_first != NULL ? UV_WRITABLE : 0);
  if (events == port->events || port->closed) return;
  port->events = events;
  uv_poll_start(port->poll, events, on_ready);
}

/* Calls onBatch(count). What it throws is an uncaught exception, as in any event listener. */
static void hand_over(struct port *port, uint32_t count) {
  napi_env env = port->env;
  napi_handle_scope scope;
  napi_value callback, receiver, argument, result, error;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (napi_get_reference_value(env, port->on_batch, &callback) == napi_ok &&
      napi_get_global(env, &receiver) == napi_ok && napi_create_uint32(env, count, &argument) == napi_ok &&
      napi_make_callback(env, port->context, receiver, callback, 1, &argument, &result) ==
          napi_pending_exception &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok) {
    napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
}

static void on_ready(uv_poll_t *handle, int status, int events) {
  struct port *port = uv_handle_get_data((uv_handle_t *)handle);
  (void)status; /* errors of the socket show up in the calls themselves */
  if (events & UV_WRITABLE) {
    engine_flush_pending(&port->engine);
    update_events(port);
  }
  int more = (events & UV_READABLE) != 0 || status < 0;
  /* Sleeping here rather than by a timer of the loop: that has whole milliseconds, and other work waits as well. */
  if (more && port->gather_micros > 0) usleep(port->gather_micros);
  for (int turn = 0; turn < BATCHES_PER_TURN && more && !port->closed; turn++) {
    const uint32_t count = engine_receive(&port->engine, &more);
    if (count > 0) hand_over(port, count);
  }
}

static int get_u32(napi_env env, napi_value value, uint32_t *out) {
  return napi_get_value_uint32(env, value, out) == napi_ok;
}

/*
 * The arguments of a call: the port, `numbers` numbers, and others, `count` in all. NULL, with an exception, when they
 * are not, or the port is closed.
 */
static struct port *arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values,
                              uint32_t *number, size_t numbers) {
  size_t given = count;
  void *data = NULL;
  int fits = napi_get_cb_info(env, info, &given, values, NULL, NULL) == napi_ok && given >= count &&
             napi_get_value_external(env, values[0], &data) == napi_ok;
  for (size_t i = 0; fits && i < numbers; i++) fits = get_u32(env, values[i + 1], &number[i]);
  if (!fits) {
    napi_throw_type_error(env, NULL, "arguments do not fit");
    return NULL;
  }
  struct port *port = data;
  if (port->closed) {
    napi_throw_error(env, NULL, "the engine is closed");
    return NULL;
  }
  return port;
}

/* Memory of a typed array of this type with at least `count` elements; NULL, with an exception, if not. */
static void *array(napi_env env, napi_value value, napi_typedarray_type type, size_t count, size_t *length) {
  napi_typedarray_type found;
  size_t elements = 0;
  void *data = NULL;
  if (napi_get_typedarray_info(env, value, &found, &elements, &data, NULL, NULL) != napi_ok || found != type ||
      elements < count || data == NULL) {
    napi_throw_type_error(env, NULL, "a typed array has the wrong type or is too short");
    return NULL;
  }
  if (length != NULL) *length = elements;
  return data;
}

/* As array(), and keeps the array alive until the engine is closed. */
static void *kept_array(struct port *port, napi_value value, napi_typedarray_type type, size_t count,
                        size_t *length) {
  void *data = array(port->env, value, type, count, length);
  if (data == NULL || port->ref_count == MAX_REFS) return NULL;
  if (napi_create_reference(port->env, value, 1, &port->refs[port->ref_count]) != napi_ok) return NULL;
  port->ref_count++;
  return data;
}

static int parse_address(napi_env env, napi_value ip_value, napi_value port_value, union address *address,
                         socklen_t *length) {
  char ip[64];
  size_t n;
  uint32_t port;
  memset(address, 0, sizeof *address);
  if (napi_get_value_string_utf8(env, ip_value, ip, sizeof ip, &n) != napi_ok || !get_u32(env, port_value, &port) ||
      port > 65535) {
    return 0;
  }
  if (inet_pton(AF_INET, ip, &address->v4.sin_addr) == 1) {
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons((uint16_t)port);
    *length = sizeof address->v4;
    return 1;
  }
  if (inet_pton(AF_INET6, ip, &address->v6.sin6_addr) != 1) return 0;
  address->v6.sin6_family = AF_INET6;
  address->v6.sin6_port = htons((uint16_t)port);
  *length = sizeof address->v6;
  return 1;
}

/* A dual-stack socket reaches IPv4 by mapped addresses. */
static void map_to_v6(union address *address, socklen_t *length) {
  const struct sockaddr_in v4 = address->v4;
  memset(address, 0, sizeof *address);
  address->v6.sin6_family = AF_INET6;
  address->v6.sin6_port = v4.sin_port;
  address->v6.sin6_addr.s6_addr[10] = address->v6.sin6_addr.s6_addr[11] = 0xff;
  memcpy(address->v6.sin6_addr.s6_addr + 12, &v4.sin_addr, 4);
  *length = sizeof address->v6;
}

static napi_value address_text(napi_env env, const union address *address) {
  char ip[INET6_ADDRSTRLEN];
  napi_value text;
  const void *from = address->any.sa_family == AF_INET ? (const void *)&address->v4.sin_addr
                                                       : (const void *)&address->v6.sin6_addr;
  inet_ntop(address->any.sa_family, from, ip, sizeof ip);
  return napi_create_string_utf8(env, ip, NAPI_AUTO_LENGTH, &text) == napi_ok ? text : NULL;
}

static uint32_t address_port(const union address *address) {
  return ntohs(address->any.sa_family == AF_INET ? address->v4.sin_port : address->v6.sin6_port);
}

static void set_number(napi_env env, napi_value object, const char *name, double value) {
  napi_value number;
  if (napi_create_double(env, value, &number) == napi_ok) napi_set_named_property(env, object, name, number);
}

static int socket_option(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  getsockopt(fd, SOL_SOCKET, option, &value, &size);
  return value;
}

/* Everything that has to be there before the socket is; 0 when memory is short. */
static int allocate(struct engine *e, uint32_t batch_capacity) {
  e->staging = malloc(STAGING_SIZE);
  e->remotes = calloc(batch_capacity, sizeof *e->remotes);
  return e->staging != NULL && e->remotes != NULL;
}

/* open(ip, port, recvBytes, sendBytes, slotSize, batchCapacity, arena, state, outbox, outboxPath,
 *      outboxLength, onBatch, gatherMicros) -> { handle, ip, port, recvBufferBytes, sendBufferBytes, gso } */
static napi_value open_engine(napi_env env, napi_callback_info info) {
  size_t argc = 13;
  napi_value argv[13], result, handle, name;
  uint32_t recv_bytes, send_bytes, slot_size, batch_capacity, gather_micros;
  union address address;
  socklen_t length;
  size_t arena_size, outbox_count;
  CHECK(napi_get_cb_info(env, info, &argc, argv, NULL, NULL));
  if (argc < 13 || !parse_address(env, argv[0], argv[1], &address, &length) || !get_u32(env, argv[2], &recv_bytes) ||
      !get_u32(env, argv[3], &send_bytes) || !get_u32(env, argv[4], &slot_size) ||
      !get_u32(env, argv[5], &batch_capacity) || !get_u32(env, argv[12], &gather_micros)) {
    napi_throw_type_error(env, NULL, "open: arguments do not fit");
    return NULL;
  }
  struct port *port = calloc(1, sizeof *port);
  if (port == NULL) return fail(env, "out of memory");
  struct engine *e = &port->engine;
  port->env = env;
  port->gather_micros = gather_micros;
  e->fd = -1;
  e->slot_size = slot_size;
  e->arena = kept_array(port, argv[6], napi_uint8_array, slot_size, &arena_size);
  e->state = kept_array(port, argv[7], napi_float64_array, STATE_COUNT, NULL);
  e->outbox.bytes = kept_array(port, argv[8], napi_uint8_array, 1, &e->outbox.size);
  e->outbox.path = kept_array(port, argv[9], napi_int32_array, 1, &outbox_count);
  e->outbox.length = kept_array(port, argv[10], napi_uint32_array, outbox_count, NULL);
  e->outbox.capacity = (uint32_t)outbox_count;
  port->fixed_refs = port->ref_count;
  int error = 0;
  if (port->ref_count == 5 && allocate(e, batch_capacity)) {
    e->slot_count = (uint32_t)(arena_size / slot_size);
    error = engine_open_socket(e, &address, length, (int)recv_bytes, (int)send_bytes);
    port->poll = calloc(1, uv_handle_size(UV_POLL));
  }
  uv_loop_t *loop;
  if (e->fd < 0 || port->poll == NULL || napi_get_uv_event_loop(env, (struct uv_loop_s **)&loop) != napi_ok ||
      uv_poll_init(loop, port->poll, e->fd) != 0) {
    for (uint32_t i = 0; i < port->ref_count; i++) napi_delete_reference(env, port->refs[i]);
    if (e->fd >= 0) close(e->fd);
    free(port->poll);
    free_port(port);
    return error != 0 ? fail_errno(env, "bind", error) : fail(env, "open: no memory or no event loop");
  }
  uv_handle_set_data((uv_handle_t *)port->poll, port);
  port->holders = 2; /* the poll handle and the JavaScript object */
  if (napi_create_external(env, port, finalize_port, NULL, &handle) != napi_ok) {
    port->holders = 1;
    close_port(port);
    return fail(env, "napi_create_external");
  }
  /* From here on finalize_port() or on_cleanup() tidies up. */
  CHECK(napi_add_async_cleanup_hook(env, on_cleanup, port, &port->cleanup));
  CHECK(napi_create_reference(env, argv[11], 1, &port->on_batch));
  CHECK(napi_create_string_utf8(env, "WeirEngine", NAPI_AUTO_LENGTH, &name));
  CHECK(napi_async_init(env, NULL, name, &port->context));
  CHECK(napi_create_object(env, &result));
  CHECK(napi_set_named_property(env, result, "handle", handle));
  CHECK(napi_set_named_property(env, result, "ip", address_text(env, &address)));
  set_number(env, result, "port", address_port(&address));
  set_number(env, result, "recvBufferBytes", socket_option(e->fd, SO_RCVBUF));
  set_number(env, result, "sendBufferBytes", socket_option(e->fd, SO_SNDBUF));
  set_number(env, result, "gso", e->gso);
  port->events = UV_READABLE;
  uv_poll_start(port->poll, UV_READABLE, on_ready);
  return result;
}

/* bindBatch(handle, which, serial, length, kind, remote, session, status) */
static napi_value bind_batch(napi_env env, napi_callback_info info) {
  napi_value argv[8];
  uint32_t which;
  size_t capacity;
  struct port *port = arguments(env, info, 8, argv, &which, 1);
  if (port == NULL || which >= BATCHES) return NULL;
  struct batch batch;
  batch.serial = kept_array(port, argv[2], napi_float64_array, 1, &capacity);
  batch.length = kept_array(port, argv[3], napi_uint16_array, capacity, NULL);
  batch.kind = kept_array(port, argv[4], napi_uint8_array, capacity, NULL);
  batch.remote = kept_array(port, argv[5], napi_float64_array, capacity, NULL);
  batch.session = kept_array(port, argv[6], napi_int32_array, capacity, NULL);
  batch.status = kept_array(port, argv[7], napi_uint8_array, capacity, NULL);
  batch.capacity = (uint32_t)capacity;
  if (batch.serial && batch.length && batch.kind && batch.remote && batch.session && batch.status) {
    port->engine.batches[which] = batch;
    port->fixed_refs = port->ref_count;
  }
  return NULL;
}

/* bindWork(handle, prefixes, prefixOffset, prefixLength, bodySerial, bodyOffset, bodyLength, ssrc,
 *          sequenceNumber, timestamp, markerAndPayloadType, rolloverCounter, transportSequenceOffset,
 *          transportSequence, absSendTimeOffset, absSendTime, session, path): replaces the list before. */
static napi_value bind_work(napi_env env, napi_callback_info info) {
  napi_value argv[18];
  struct port *port = arguments(env, info, 18, argv, NULL, 0);
  if (port == NULL) return NULL;
  while (port->ref_count > port->fixed_refs) napi_delete_reference(env, port->refs[--port->ref_count]);
  struct engine *e = &port->engine;
  struct work w;
  size_t n = 1;
  memset(&e->work, 0, sizeof e->work);
  w.prefixes = kept_array(port, argv[1], napi_uint8_array, 1, &w.prefixes_size);
  w.prefix_offset = kept_array(port, argv[2], napi_uint32_array, 1, &n);
  w.prefix_length = kept_array(port, argv[3], napi_uint16_array, n, NULL);
  w.body_serial = kept_array(port, argv[4], napi_float64_array, n, NULL);
  w.body_offset = kept_array(port, argv[5], napi_uint16_array, n, NULL);
  w.body_length = kept_array(port, argv[6], napi_uint16_array, n, NULL);
  w.ssrc = kept_array(port, argv[7], napi_uint32_array, n, NULL);
  w.sequence_number = kept_array(port, argv[8], napi_uint16_array, n, NULL);
  w.timestamp = kept_array(port, argv[9], napi_uint32_array, n, NULL);
  w.marker_and_payload_type = kept_array(port, argv[10], napi_uint8_array, n, NULL);
  w.rollover_counter = kept_array(port, argv[11], napi_uint32_array, n, NULL);
  w.transport_sequence_offset = kept_array(port, argv[12], napi_uint16_array, n, NULL);
  w.transport_sequence = kept_array(port, argv[13], napi_uint16_array, n, NULL);
  w.abs_send_time_offset = kept_array(port, argv[14], napi_uint16_array, n, NULL);
  w.abs_send_time = kept_array(port, argv[15], napi_uint32_array, n, NULL);
  w.session = kept_array(port, argv[16], napi_int32_array, n, NULL);
  w.path = kept_array(port, argv[17], napi_int32_array, n, NULL);
  if (port->ref_count != port->fixed_refs + 17) return fail(env, "bindWork: the list does not fit");
  uint32_t *next_item = realloc(e->next_item, n * sizeof *next_item);
  if (next_item == NULL) return fail(env, "out of memory");
  e->next_item = next_item;
  w.capacity = (uint32_t)n;
  e->work = w;
  return NULL;
}

/* Makes place for a handle; 0 when memory is short or the number absurd. */
static int reserve(void **items, uint32_t *count, uint32_t handle, size_t size) {
  if (handle < *count) return 1;
  if (handle >= 1u << 24) return 0;
  uint32_t wanted = *count == 0 ? 64 : *count * 2;
  while (wanted <= handle) wanted *= 2;
  char *grown = realloc(*items, wanted * size);
  if (grown == NULL) return 0;
  memset(grown + *count * size, 0, (wanted - *count) * size);
  *items = grown;
  *count = wanted;
  return 1;
}

/* openPath(handle, path, ip, port, outbox) */
static napi_value open_path(napi_env env, napi_callback_info info) {
  napi_value argv[5];
  uint32_t handle, outbox;
  struct path path = {.state = PATH_UDP};
  struct port *port = arguments(env, info, 5, argv, &handle, 1);
  if (port == NULL) return NULL;
  struct engine *e = &port->engine;
  if (!get_u32(env, argv[4], &outbox) ||
      !parse_address(env, argv[2], argv[3], &path.address, &path.address_length)) {
    napi_throw_range_error(env, NULL, "remote: no IP address and port");
    return NULL;
  }
  if (outbox) path.state = PATH_OUTBOX;
  else if (e->family == AF_INET6 && path.address.any.sa_family == AF_INET) map_to_v6(&path.address, &path.address_length);
  if (!reserve((void **)&e->paths, &e->path_count, handle, sizeof *e->paths)) return fail(env, "out of memory");
  e->paths[handle] = path;
  return NULL;
}

static napi_value close_path(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  uint32_t handle;
  struct port *port = arguments(env, info, 2, argv, &handle, 1);
  struct path *path = port == NULL ? NULL : engine_path(&port->engine, handle);
  if (path != NULL) path->state = PATH_CLOSED;
  return NULL;
}

static void drop_session(struct engine *e, uint32_t handle) {
  if (handle >= e->session_count) return;
  srtp_session_free(e->sessions[handle]);
  e->sessions[handle] = NULL;
}

/* openSession(handle, session, profile, keys): two struct srtp_keys, local and remote. */
static napi_value open_session(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  uint32_t number[2];
  struct srtp_keys keys[2];
  struct port *port = arguments(env, info, 4, argv, number, 2);
  const void *bytes = port == NULL ? NULL : array(env, argv[3], napi_uint8_array, sizeof keys, NULL);
  if (bytes == NULL) return NULL;
  struct engine *e = &port->engine;
  const uint32_t handle = number[0];
  if (!reserve((void **)&e->sessions, &e->session_count, handle, sizeof *e->sessions)) {
    return fail(env, "out of memory");
  }
  memcpy(keys, bytes, sizeof keys);
  drop_session(e, handle);
  e->sessions[handle] = srtp_session_new(number[1] == 0 ? PROFILE_AEAD_AES_128_GCM : PROFILE_AES_CM_128_HMAC_SHA1_80,
                                         &keys[0], &keys[1]);
  OPENSSL_cleanse(keys, sizeof keys);
  return e->sessions[handle] == NULL ? fail(env, "openSession: OpenSSL refuses the keys") : NULL;
}

static napi_value close_session(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  uint32_t handle;
  struct port *port = arguments(env, info, 2, argv, &handle, 1);
  if (port != NULL) drop_session(&port->engine, handle);
  return NULL;
}

/* unprotect(handle, which, count) */
static napi_value unprotect(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  uint32_t number[2];
  struct port *port = arguments(env, info, 3, argv, number, 2);
  if (port == NULL) return NULL;
  const struct batch *batch = number[0] < BATCHES ? &port->engine.batches[number[0]] : NULL;
  if (batch == NULL || number[1] > batch->capacity) return fail(env, "unprotect: no such batch");
  engine_unprotect(&port->engine, batch, number[1]);
  return NULL;
}

static napi_value outbox_count(struct port *port) {
  napi_value count;
  update_events(port);
  return napi_create_uint32(port->env, port->engine.outbox.count, &count) == napi_ok ? count : NULL;
}

/* send(handle, count) -> datagrams in the outbox */
static napi_value send_work(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  uint32_t count;
  struct port *port = arguments(env, info, 2, argv, &count, 1);
  if (port == NULL) return NULL;
  if (count > port->engine.work.capacity) return fail(env, "send: the list has no room for so many");
  engine_send_work(&port->engine, count);
  return outbox_count(port);
}

/* sendRtcp(handle, session, path, bytes) -> datagrams in the outbox */
static napi_value send_rtcp(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  uint32_t number[2];
  size_t length;
  struct port *port = arguments(env, info, 4, argv, number, 2);
  const uint8_t *bytes = port == NULL ? NULL : array(env, argv[3], napi_uint8_array, 1, &length);
  if (bytes == NULL) return NULL;
  engine_send_rtcp(&port->engine, number[0], number[1], bytes, length);
  return outbox_count(port);
}

/* sendRaw(handle, path, bytes) */
static napi_value send_raw(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  uint32_t handle;
  size_t length;
  struct port *port = arguments(env, info, 3, argv, &handle, 1);
  const uint8_t *bytes = port == NULL ? NULL : array(env, argv[2], napi_uint8_array, 1, &length);
  if (bytes == NULL) return NULL;
  struct path *path = engine_path(&port->engine, handle);
  if (path == NULL || length > MAX_DATAGRAM) port->engine.state[STATE_SEND_ERRORS]++;
  else engine_send_one(&port->engine, path, bytes, (uint32_t)length);
  update_events(port);
  return NULL;
}

/* remoteIp(handle, i) and remotePort(handle, i): of datagram `i` of the last batch of UDP. */
static const union address *remote_of(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  uint32_t i;
  struct port *port = arguments(env, info, 2, argv, &i, 1);
  return port == NULL || i >= port->engine.batches[0].capacity ? NULL : &port->engine.remotes[i];
}

static napi_value remote_ip(napi_env env, napi_callback_info info) {
  const union address *remote = remote_of(env, info);
  return remote == NULL ? NULL : address_text(env, remote);
}

static napi_value remote_port(napi_env env, napi_callback_info info) {
  const union address *remote = remote_of(env, info);
  napi_value number;
  return remote != NULL && napi_create_uint32(env, address_port(remote), &number) == napi_ok ? number : NULL;
}

/* setGso(handle, on): for tests of the path without it. */
static napi_value set_gso(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  uint32_t on;
  struct port *port = arguments(env, info, 2, argv, &on, 1);
  if (port != NULL) port->engine.gso = on != 0;
  return NULL;
}

static napi_value close_engine(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  struct port *port = arguments(env, info, 1, argv, NULL, 0);
  if (port != NULL) close_port(port);
  return NULL;
}

#define FUNCTION(name, call) {name, NULL, call, NULL, NULL, NULL, napi_enumerable, NULL}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      FUNCTION("open", open_engine),           FUNCTION("bindBatch", bind_batch),
      FUNCTION("bindWork", bind_work),         FUNCTION("openPath", open_path),
      FUNCTION("closePath", close_path),       FUNCTION("openSession", open_session),
      FUNCTION("closeSession", close_session), FUNCTION("unprotect", unprotect),
      FUNCTION("send", send_work),             FUNCTION("sendRtcp", send_rtcp),
      FUNCTION("sendRaw", send_raw),           FUNCTION("remoteIp", remote_ip),
      FUNCTION("remotePort", remote_port),     FUNCTION("setGso", set_gso),
      FUNCTION("close", close_engine),
  };
  CHECK(napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions));
  return exports;
}
