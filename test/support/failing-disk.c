// Loaded before libc into a program under test: from the Nth matching call on, `times` calls on the node's record fail with
// `error`. The test writes `control` and reads what was counted, through a file that both map or write.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WRITE, FSYNC, FDATASYNC, TRUNCATE, CALLS };
struct control {
  int32_t count, at, times, error;
  /** Bit file * CALLS + call. */
  int32_t mask;
  /** By file (state.db, -wal, -shm) and call, since the control was written. */
  int32_t seen[3 * CALLS];
};
static struct control *control;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAILING_DISK");
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *at = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at != MAP_FAILED) control = at;
  close(fd);
}

static int fileOf(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return -1;
  path[length] = 0;
  const char *name = strrchr(path, '/');
  if (!name || strncmp(name, "/state.db", 9) != 0) return -1;
  const char *rest = name + 9;
  return strcmp(rest, "-wal") == 0 ? 1 : strcmp(rest, "-shm") == 0 ? 2 : *rest == 0 ? 0 : -1;
}

/** 1 = the call is to fail; errno says how. */
static int fails(int fd, int call) {
  if (!control) return 0;
  int kept = errno, file = fileOf(fd);
  errno = kept;
  if (file < 0) return 0;
  int bit = file * CALLS + call;
  __atomic_add_fetch(&control->seen[bit], 1, __ATOMIC_SEQ_CST);
  if (!(control->mask & 1 << bit)) return 0;
  int32_t count = __atomic_add_fetch(&control->count, 1, __ATOMIC_SEQ_CST);
  if (control->at == 0 || count < control->at || count - control->at >= control->times) return 0;
  errno = control->error;
  return 1;
}

#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
  if (fails(fd, WRITE)) return -1;
  return REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t)(fd, bytes, length, at);
}
int ftruncate64(int fd, off64_t length) {
  if (fails(fd, TRUNCATE)) return -1;
  return REAL(int, "ftruncate64", int, off64_t)(fd, length);
}
int ftruncate(int fd, off_t length) {
  if (fails(fd, TRUNCATE)) return -1;
  return REAL(int, "ftruncate", int, off_t)(fd, length);
}
int fsync(int fd) {
  if (fails(fd, FSYNC)) return -1;
  return REAL(int, "fsync", int)(fd);
}
int fdatasync(int fd) {
  if (fails(fd, FDATASYNC)) return -1;
  return REAL(int, "fdatasync", int)(fd);
}
