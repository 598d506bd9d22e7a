// Preloaded into serve by test_disk.py. Once the file named by BROKEN_DISK_FLAG exists, the calls that it names ("sync", "write", or both) fail
// with EIO on files whose path contains BROKEN_DISK_NAME (all files where that is not set).
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int flagged(const char* call) {
  const char* flag = getenv("BROKEN_DISK_FLAG");
  char text[64];
  const int file = flag == NULL ? -1 : open(flag, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  text[size > 0 ? size : 0] = 0;
  return strstr(text, call) != NULL;
}

static int named(int file) {
  const char* name = getenv("BROKEN_DISK_NAME");
  char link[64];
  char path[PATH_MAX];
  if (name == NULL) return 1;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  path[size > 0 ? size : 0] = 0;
  return strstr(path, name) != NULL;
}

static int broken(const char* call, int file) {
  const int before = errno;
  const int fails = flagged(call) && named(file);
  errno = fails ? EIO : before;
  return fails;
}

int fdatasync(int file) {
  static int (*real)(int);
  if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, "fdatasync");
  return broken("sync", file) ? -1 : real(file);
}

int fsync(int file) {
  static int (*real)(int);
  if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, "fsync");
  return broken("sync", file) ? -1 : real(file);
}

ssize_t pwrite64(int file, const void* data, size_t size, off64_t at) {
  static ssize_t (*real)(int, const void*, size_t, off64_t);
  if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, "pwrite64");
  return broken("write", file) ? -1 : real(file, data, size, at);
}

ssize_t pwrite(int file, const void* data, size_t size, off_t at) {
  return pwrite64(file, data, size, at);
}
