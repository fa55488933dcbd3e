#include "streams.h"

#include <stdlib.h>
#include <string.h>

void stream_table_free(struct stream_table *table) {
  free(table->items);
  free(table->places);
  memset(table, 0, sizeof *table);
}

static uint32_t first_place(const struct stream_table *table, uint32_t ssrc) {
  return (ssrc * 2654435761u >> 16) & (table->capacity * 2 - 1);
}

struct stream *stream_find(const struct stream_table *table, uint32_t ssrc) {
  if (table->count == 0) return NULL;
  const uint32_t mask = table->capacity * 2 - 1;
  for (uint32_t at = first_place(table, ssrc); table->places[at] != 0; at = (at + 1) & mask) {
    struct stream *stream = &table->items[table->places[at] - 1];
    if (stream->ssrc == ssrc) return stream;
  }
  return NULL;
}

static void enter(struct stream_table *table, uint32_t i) {
  const uint32_t mask = table->capacity * 2 - 1;
  uint32_t at = first_place(table, table->items[i].ssrc);
  while (table->places[at] != 0) at = (at + 1) & mask;
  table->places[at] = (uint16_t)(i + 1);
}

static void enter_all(struct stream_table *table) {
  memset(table->places, 0, table->capacity * 2 * sizeof *table->places);
  for (uint32_t i = 0; i < table->count; i++) enter(table, i);
}

static int grow(struct stream_table *table) {
  const uint32_t capacity = table->capacity == 0 ? 8 : table->capacity * 2;
  struct stream *items = realloc(table->items, capacity * sizeof *items);
  if (items == NULL) return 0;
  table->items = items;
  uint16_t *places = realloc(table->places, capacity * 2 * sizeof *places);
  if (places == NULL) return 0;
  table->places = places;
  table->capacity = capacity;
  enter_all(table);
  return 1;
}

static struct stream *replace_oldest(struct stream_table *table, uint32_t ssrc) {
  uint32_t oldest = 0;
  for (uint32_t i = 1; i < table->count; i++) {
    if (table->items[i].last_use < table->items[oldest].last_use) oldest = i;
  }
  table->items[oldest] = (struct stream){.ssrc = ssrc, .highest = -1};
  enter_all(table);
  return &table->items[oldest];
}

static struct stream *add(struct stream_table *table, uint32_t ssrc) {
  if (table->count == MAX_STREAMS) return replace_oldest(table, ssrc);
  if (table->count == table->capacity && !grow(table)) {
    return table->count > 0 ? replace_oldest(table, ssrc) : NULL;
  }
  const uint32_t i = table->count++;
  table->items[i] = (struct stream){.ssrc = ssrc, .highest = -1};
  enter(table, i);
  return &table->items[i];
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
