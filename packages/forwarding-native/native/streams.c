#include "streams.h"

#include <stdlib.h>
#include <string.h>

void stream_table_free(struct stream_table *table) {
  free(table->items);
  free(table->ssrcs);
  memset(table, 0, sizeof *table);
}

/* A search in 4 KiB at most is over sooner than many a hash of the usual handful would be. */
struct stream *stream_find(const struct stream_table *table, uint32_t ssrc) {
  for (uint32_t i = 0; i < table->count; i++) {
    if (table->ssrcs[i] == ssrc) return &table->items[i];
  }
  return NULL;
}

static int grow(struct stream_table *table) {
  const uint32_t capacity = table->capacity == 0 ? 8 : table->capacity * 2;
  struct stream *items = realloc(table->items, capacity * sizeof *items);
  if (items == NULL) return 0;
  table->items = items;
  uint32_t *ssrcs = realloc(table->ssrcs, capacity * sizeof *ssrcs);
  if (ssrcs == NULL) return 0;
  table->ssrcs = ssrcs;
  table->capacity = capacity;
  return 1;
}

/* The place for a new stream; where there is none left, that of the one that was silent longest. */
static struct stream *add(struct stream_table *table, uint32_t ssrc) {
  uint32_t at = table->count;
  if (at < MAX_STREAMS && (at < table->capacity || grow(table))) {
    table->count++;
  } else if (at == 0) {
    return NULL;
  } else {
    at = 0;
    for (uint32_t i = 1; i < table->count; i++) {
      if (table->items[i].last_use < table->items[at].last_use) at = i;
    }
  }
  table->ssrcs[at] = ssrc;
  table->items[at] = (struct stream){.highest = -1};
  return &table->items[at];
}

int64_t stream_estimate(const struct stream *stream, uint16_t seq) {
  if (stream == NULL) return seq;
  const int64_t last = stream->highest & 0xffff;
  const int64_t base = stream->highest - last;
  if (last < 32768) return seq - last > 32768 ? base - 65536 + seq : base + seq;
  return last - 32768 > seq ? base + 65536 + seq : base + seq;
}

static uint32_t *word_of(struct stream *stream, int64_t index) {
  return &stream->seen[(index % REPLAY_WINDOW) / 32];
}

static uint32_t bit_of(int64_t index) { return 1u << (index % 32); }

int stream_is_replay(const struct stream *stream, int64_t index) {
  if (stream == NULL || index > stream->highest) return 0;
  if (stream->highest - index >= REPLAY_WINDOW) return 1;
  return (*word_of((struct stream *)stream, index) & bit_of(index)) != 0;
}

void stream_accept(struct stream_table *table, struct stream *stream, uint32_t ssrc, int64_t index,
                   uint64_t use) {
  if (stream == NULL) stream = add(table, ssrc);
  if (stream == NULL) return;
  if (index > stream->highest) {
    if (index - stream->highest >= REPLAY_WINDOW) memset(stream->seen, 0, sizeof stream->seen);
    else for (int64_t i = stream->highest + 1; i < index; i++) *word_of(stream, i) &= ~bit_of(i);
    stream->highest = index;
  }
  *word_of(stream, index) |= bit_of(index);
  stream->last_use = use;
}
