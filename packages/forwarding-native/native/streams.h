/* Highest index and replay window of each SSRC of one direction and protocol (RFC 3711 §3.3). */
#ifndef WEIR_STREAMS_H
#define WEIR_STREAMS_H

#include <stdint.h>

/* The same bounds as the node engine's. */
#define REPLAY_WINDOW 1024
#define MAX_STREAMS 1024

struct stream {
  int64_t highest;
  uint64_t last_use;
  uint32_t seen[REPLAY_WINDOW / 32];
};

struct stream_table {
  struct stream *items;
  uint32_t *ssrcs; /* of the items, by themselves so that searching them is quick */
  uint32_t count, capacity;
};

void stream_table_free(struct stream_table *table);

/* NULL when nothing of this SSRC was accepted yet. */
struct stream *stream_find(const struct stream_table *table, uint32_t ssrc);

/* The index of a sequence number (RFC 3711 appendix A); negative when from before the first counter. */
int64_t stream_estimate(const struct stream *stream, uint16_t seq);

int stream_is_replay(const struct stream *stream, int64_t index);

/* Marks an authenticated packet as seen. Makes room by forgetting the stream that was silent longest. */
void stream_accept(struct stream_table *table, struct stream *stream, uint32_t ssrc, int64_t index,
                   uint64_t use);

#endif
