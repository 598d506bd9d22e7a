// Preloaded into serve by test_disk.py: once the file named by BROKEN_DISK_FLAG exists, nothing becomes durable any more.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int broken(void) {
  const char* flag = getenv("BROKEN_DISK_FLAG");
  if (flag == NULL || access(flag, F_OK) != 0) return 0;
  errno = EIO;
  return 1;
}

int fdatasync(int file) {
  static int (*real)(int);
  if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, "fdatasync");
  return broken() ? -1 : real(file);
}

int fsync(int file) {
  static int (*real)(int);
  if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, "fsync");
  return broken() ? -1 : real(file);
}
