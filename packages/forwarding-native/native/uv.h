/*
 * The part of libuv's API that is used, all of it stable since 1.19 and exported by Node's executable.
 * Handles are made with uv_handle_size(), so their layout need not be known.
 */
#ifndef WEIR_UV_H
#define WEIR_UV_H

#include <stddef.h>

typedef struct uv_loop_s uv_loop_t;
typedef struct uv_handle_s uv_handle_t;
typedef struct uv_poll_s uv_poll_t;
typedef void (*uv_poll_cb)(uv_poll_t *handle, int status, int events);
typedef void (*uv_close_cb)(uv_handle_t *handle);

/* enum uv_handle_type */
#define UV_POLL 8
/* enum uv_poll_event */
#define UV_READABLE 1
#define UV_WRITABLE 2

size_t uv_handle_size(int type);
int uv_poll_init(uv_loop_t *loop, uv_poll_t *handle, int fd);
int uv_poll_start(uv_poll_t *handle, int events, uv_poll_cb cb);
int uv_poll_stop(uv_poll_t *handle);
void uv_close(uv_handle_t *handle, uv_close_cb close_cb);
void *uv_handle_get_data(const uv_handle_t *handle);
void uv_handle_set_data(uv_handle_t *handle, void *data);

#endif
