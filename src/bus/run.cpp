#include <csignal>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <geminga/run.hpp>

#include "base/assert.hpp"

namespace geminga {

namespace {

/// The write end of the pipe that wakes run_until_signal; a handler may only touch such a thing.
volatile std::sig_atomic_t wake_up_fd = -1;

extern "C" void on_first_signal(int number) {
  const char byte = 1;
  const auto written = ::write(wake_up_fd, &byte, 1);
  static_cast<void>(written);
  // The next one ends the process at once.
  std::signal(number == SIGINT ? SIGINT : SIGTERM, SIG_DFL);
  std::signal(number == SIGINT ? SIGTERM : SIGINT, SIG_DFL);
}

}  // namespace

void run_until_signal(std::move_only_function<void()> stop) {
  int ends[2];
  GEMINGA_ASSERT(::pipe2(ends, O_CLOEXEC) == 0);
  wake_up_fd = ends[1];
  struct sigaction action = {};
  struct sigaction before_int = {};
  struct sigaction before_term = {};
  action.sa_handler = on_first_signal;
  ::sigaction(SIGINT, &action, &before_int);
  ::sigaction(SIGTERM, &action, &before_term);
  char byte = 0;
  while (::read(ends[0], &byte, 1) != 1) {
  }
  stop();
  ::sigaction(SIGINT, &before_int, nullptr);
  ::sigaction(SIGTERM, &before_term, nullptr);
  wake_up_fd = -1;
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace geminga
