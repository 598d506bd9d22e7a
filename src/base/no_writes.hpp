#pragma once

#include <csignal>
#include <sys/resource.h>

namespace geminga::base::testing {

/// While it lives, every write to a file fails with EFBIG, in the whole process. For tests of what does not
/// speak to the disk through FileSystem.
class NoWrites {
 public:
  NoWrites() {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit none{.rlim_cur = 0, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &none);
  }
  ~NoWrites() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  NoWrites(const NoWrites&) = delete;
  NoWrites& operator=(const NoWrites&) = delete;

 private:
  rlimit before_{};
};

}  // namespace geminga::base::testing
