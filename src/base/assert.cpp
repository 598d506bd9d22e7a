#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace geminga::base {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  // The one place of the library that writes to stderr: the process ends here and nobody else can tell why.
  std::fprintf(stderr, "geminga: bug: assertion '%s' failed at %s:%d (pid %d); please report it\n",
               expression, file, line, getpid());
  std::abort();
}

}  // namespace geminga::base
