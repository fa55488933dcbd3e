/*
 * The least that forwarding costs: receive, open with AES-128-GCM, seal once for each receiver in a context that is
 * made once, and sendmmsg. No ICE, no DTLS, no feedback, no cache, no rewriting. What an SFU uses more than this is
 * the price of being one.
 *
 * Standard input, a line each, keys in hex: "source KEY SALT", then any number of "sink PORT KEY SALT".
 * Standard output: "port N" at the start, "ok" for each line.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_SINKS = 1024, SLOT = 2048, TAG = 16, BATCH = 64, SSRCS = 16 };

struct sink {
  struct sockaddr_in to;
  EVP_CIPHER_CTX *context;
  uint8_t salt[12];
};

static struct sink source;
static struct sink sinks[MOST_SINKS];
static int sink_count;
static uint8_t in[BATCH][SLOT];
static uint8_t plain[SLOT];
static uint8_t out[MOST_SINKS][SLOT];
static struct { uint32_t ssrc; uint32_t rollover; uint16_t last; int used; } streams[SSRCS];

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void from_hex(const char *hex, uint8_t *bytes, int count) {
  for (int i = 0; i < count; i++) {
    unsigned value;
    if (sscanf(hex + 2 * i, "%2x", &value) != 1) exit(2);
    bytes[i] = (uint8_t)value;
  }
}

static void set_up(struct sink *end, const char *key_hex, const char *salt_hex, int seal) {
  uint8_t key[16];
  from_hex(key_hex, key, 16);
  from_hex(salt_hex, end->salt, 12);
  end->context = EVP_CIPHER_CTX_new();
  if (EVP_CipherInit_ex(end->context, EVP_aes_128_gcm(), NULL, key, NULL, seal) != 1) exit(3);
}

/* RFC 7714 section 8.1. */
static void make_iv(const struct sink *end, const uint8_t *header, uint32_t rollover, uint8_t *iv) {
  memset(iv, 0, 2);
  memcpy(iv + 2, header + 8, 4);
  iv[6] = (uint8_t)(rollover >> 24);
  iv[7] = (uint8_t)(rollover >> 16);
  iv[8] = (uint8_t)(rollover >> 8);
  iv[9] = (uint8_t)rollover;
  memcpy(iv + 10, header + 2, 2);
  for (int i = 0; i < 12; i++) iv[i] ^= end->salt[i];
}

static uint32_t rollover_of(const uint8_t *header) {
  uint32_t ssrc;
  memcpy(&ssrc, header + 8, 4);
  uint16_t sequence = (uint16_t)(header[2] << 8 | header[3]);
  for (int i = 0; i < SSRCS; i++) {
    if (!streams[i].used) {
      streams[i].used = 1;
      streams[i].ssrc = ssrc;
      streams[i].last = sequence;
    }
    if (streams[i].ssrc != ssrc) continue;
    if ((int16_t)(sequence - streams[i].last) > 0) {
      if (sequence < streams[i].last) streams[i].rollover++;
      streams[i].last = sequence;
    }
    return streams[i].rollover;
  }
  return 0;
}

static void forward(int socket_fd, const uint8_t *packet, int size) {
  static struct mmsghdr messages[MOST_SINKS];
  static struct iovec vectors[MOST_SINKS];
  if (size < 12 + TAG || (packet[1] >= 192 && packet[1] <= 223) || !source.context) return;
  int header = 12 + 4 * (packet[0] & 15);
  if (packet[0] & 0x10) header += 4 + 4 * (packet[header + 2] << 8 | packet[header + 3]);
  int body = size - header - TAG, done;
  if (body < 0) return;
  uint32_t rollover = rollover_of(packet);
  uint8_t iv[12];
  make_iv(&source, packet, rollover, iv);
  EVP_CipherInit_ex(source.context, NULL, NULL, NULL, iv, -1);
  EVP_CipherUpdate(source.context, NULL, &done, packet, header);
  EVP_CipherUpdate(source.context, plain, &done, packet + header, body);
  EVP_CIPHER_CTX_ctrl(source.context, EVP_CTRL_AEAD_SET_TAG, TAG, (void *)(packet + header + body));
  if (EVP_CipherFinal_ex(source.context, plain, &done) != 1) return;

  for (int i = 0; i < sink_count; i++) {
    struct sink *sink = &sinks[i];
    uint8_t *sealed = out[i];
    memcpy(sealed, packet, header);
    make_iv(sink, sealed, rollover, iv);
    EVP_CipherInit_ex(sink->context, NULL, NULL, NULL, iv, -1);
    EVP_CipherUpdate(sink->context, NULL, &done, sealed, header);
    EVP_CipherUpdate(sink->context, sealed + header, &done, plain, body);
    EVP_CipherFinal_ex(sink->context, sealed + header + done, &done);
    EVP_CIPHER_CTX_ctrl(sink->context, EVP_CTRL_AEAD_GET_TAG, TAG, sealed + header + body);
    vectors[i] = (struct iovec){ sealed, (size_t)size };
    messages[i].msg_hdr = (struct msghdr){ .msg_name = &sink->to, .msg_namelen = sizeof sink->to,
                                           .msg_iov = &vectors[i], .msg_iovlen = 1 };
  }
  for (int sent = 0; sent < sink_count;) {
    int now = sendmmsg(socket_fd, messages + sent, (unsigned)(sink_count - sent), 0);
    if (now <= 0) break;
    sent += now;
  }
}

static void take_line(const char *line) {
  char key[64], salt[64];
  int port;
  if (sscanf(line, "source %63s %63s", key, salt) == 2) {
    set_up(&source, key, salt, 0);
  } else if (sscanf(line, "sink %d %63s %63s", &port, key, salt) == 3 && sink_count < MOST_SINKS) {
    struct sink *sink = &sinks[sink_count];
    set_up(sink, key, salt, 1);
    sink->to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    sink_count++;
  } else {
    exit(4);
  }
  puts("ok");
}

int main(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in local = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t length = sizeof local;
  int buffer = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  if (fd < 0 || bind(fd, (struct sockaddr *)&local, sizeof local) < 0) die("bind");
  if (getsockname(fd, (struct sockaddr *)&local, &length) < 0) die("getsockname");
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("port %d\n", ntohs(local.sin_port));

  static struct mmsghdr messages[BATCH];
  static struct iovec vectors[BATCH];
  for (int i = 0; i < BATCH; i++) {
    vectors[i] = (struct iovec){ in[i], SLOT };
    messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
  }
  static char lines[1 << 16];
  size_t filled = 0;
  fcntl(0, F_SETFL, O_NONBLOCK);
  struct pollfd polled[2] = { { .fd = fd, .events = POLLIN }, { .fd = 0, .events = POLLIN } };
  for (;;) {
    if (poll(polled, 2, -1) < 0) die("poll");
    if (polled[0].revents) {
      int count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
      for (int i = 0; i < count; i++) forward(fd, in[i], (int)messages[i].msg_len);
    }
    if (polled[1].revents) {
      ssize_t more = read(0, lines + filled, sizeof lines - filled - 1);
      if (more == 0) return 0;
      if (more < 0) continue;
      filled += (size_t)more;
      lines[filled] = 0;
      char *start = lines, *end;
      while ((end = strchr(start, '\n'))) {
        *end = 0;
        take_line(start);
        start = end + 1;
      }
      filled -= (size_t)(start - lines);
      memmove(lines, start, filled);
    }
  }
}
