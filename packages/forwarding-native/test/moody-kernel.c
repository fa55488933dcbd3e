/*
 * Stands before the kernel (LD_PRELOAD) and has sendmmsg() answer what WEIR_MOODS says, a letter for each call, and
 * after the last letter what the kernel says. 1 = sends one message only, i = EINTR, a = EAGAIN, n = ENOBUFS,
 * g = EIO for a train of segments (a device without GSO), k = asks the kernel.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
  static int (*kernel)(int, struct mmsghdr *, unsigned, int);
  static const char *mood;
  if (kernel == NULL) {
    kernel = (int (*)(int, struct mmsghdr *, unsigned, int))dlsym(RTLD_NEXT, "sendmmsg");
    mood = getenv("WEIR_MOODS");
  }
  const char now = mood != NULL && *mood != 0 ? *mood++ : 'k';
  errno = now == 'i' ? EINTR : now == 'a' ? EAGAIN : now == 'n' ? ENOBUFS : now == 'g' ? EIO : 0;
  if (errno != 0 && (now != 'g' || messages->msg_hdr.msg_controllen > 0)) return -1;
  return kernel(fd, messages, now == '1' ? 1 : count, flags);
}
