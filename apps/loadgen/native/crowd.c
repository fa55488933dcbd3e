/*
 * Receivers by the hundred: owns their sockets, counts the RTP that comes, and hands everything else (STUN, DTLS) to
 * the program that started it, which speaks for them. So that the load maker takes little of the machine that it shares
 * with what it measures.
 *
 *   crowd COUNT
 *
 * Both ways, frames of a head of four 32-bit words in the order of this machine: payload size, index of the socket,
 * IPv4 address, and port with the kind in the upper half. Kinds: 0 datagram, 1 ports (at the start) and then counts of
 * packets, 64 bits each, asked for by an empty frame of that kind.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 32, SLOT = 2048, CONTROL = 0xffffffff };

struct head { uint32_t size, index, ip, port_and_kind; };

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void write_all(const void *bytes, size_t size) {
  for (const char *at = bytes; size > 0;) {
    ssize_t done = write(1, at, size);
    if (done <= 0) exit(0);
    at += done;
    size -= (size_t)done;
  }
}

static int read_all(void *bytes, size_t size) {
  for (char *at = bytes; size > 0;) {
    ssize_t done = read(0, at, size);
    if (done <= 0) return 0;
    at += done;
    size -= (size_t)done;
  }
  return 1;
}

int main(int argc, char **argv) {
  int count = argc > 1 ? atoi(argv[1]) : 0;
  if (count < 1 || count > 4096) return 2;
  int *fds = calloc((size_t)count, sizeof *fds);
  uint64_t *packets = calloc((size_t)count, sizeof *packets);
  uint32_t *ports = calloc((size_t)count, sizeof *ports);
  int queue = epoll_create1(0);
  for (int i = 0; i < count; i++) {
    fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in local = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY) };
    socklen_t length = sizeof local;
    int buffer = 2 << 20;
    setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(fds[i], SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    if (fds[i] < 0 || bind(fds[i], (struct sockaddr *)&local, sizeof local) < 0) die("bind");
    if (getsockname(fds[i], (struct sockaddr *)&local, &length) < 0) die("getsockname");
    ports[i] = ntohs(local.sin_port);
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = (uint32_t)i };
    if (epoll_ctl(queue, EPOLL_CTL_ADD, fds[i], &event) < 0) die("epoll_ctl");
  }
  struct epoll_event input = { .events = EPOLLIN, .data.u32 = CONTROL };
  if (epoll_ctl(queue, EPOLL_CTL_ADD, 0, &input) < 0) die("epoll_ctl");
  struct head first = { (uint32_t)count * 4, 0, 0, 1u << 16 };
  write_all(&first, sizeof first);
  write_all(ports, (size_t)count * 4);

  static uint8_t slots[BATCH][SLOT];
  static struct sockaddr_in from[BATCH];
  static struct mmsghdr messages[BATCH];
  static struct iovec vectors[BATCH];
  struct epoll_event events[64];
  for (;;) {
    int ready = epoll_wait(queue, events, 64, -1);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    for (int e = 0; e < ready; e++) {
      uint32_t index = events[e].data.u32;
      if (index == CONTROL) {
        struct head head;
        if (!read_all(&head, sizeof head)) return 0;
        if (head.port_and_kind >> 16 == 1) {
          struct head answer = { (uint32_t)count * 8, 0, 0, 1u << 16 };
          write_all(&answer, sizeof answer);
          write_all(packets, (size_t)count * 8);
          continue;
        }
        static uint8_t datagram[SLOT];
        if (head.size > SLOT || head.index >= (uint32_t)count || !read_all(datagram, head.size)) return 3;
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)head.port_and_kind),
                                  .sin_addr.s_addr = htonl(head.ip) };
        sendto(fds[head.index], datagram, head.size, 0, (struct sockaddr *)&to, sizeof to);
        continue;
      }
      for (int i = 0; i < BATCH; i++) {
        vectors[i] = (struct iovec){ slots[i], SLOT };
        messages[i].msg_hdr = (struct msghdr){ .msg_name = &from[i], .msg_namelen = sizeof from[i],
                                               .msg_iov = &vectors[i], .msg_iovlen = 1 };
      }
      int got = recvmmsg(fds[index], messages, BATCH, 0, NULL);
      for (int i = 0; i < got; i++) {
        uint8_t *data = slots[i];
        uint32_t size = messages[i].msg_len;
        if (size >= 2 && data[0] >= 128 && data[0] <= 191) {
          if (data[1] < 192 || data[1] > 223) packets[index]++;
          continue;
        }
        struct head head = { size, index, ntohl(from[i].sin_addr.s_addr), ntohs(from[i].sin_port) };
        write_all(&head, sizeof head);
        write_all(data, size);
      }
    }
  }
}
