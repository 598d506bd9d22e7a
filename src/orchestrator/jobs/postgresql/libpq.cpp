#include "orchestrator/jobs/postgresql/libpq.hpp"

#include <dlfcn.h>

#include <fmt/format.h>

namespace geminga::orchestrator::postgresql {
namespace {

std::unexpected<Error> missing() {
  const char* reason = ::dlerror();
  return fail(ErrorCode::config_error,
              fmt::format("a jobs store on PostgreSQL needs its client library: {}; install libpq5",
                          reason == nullptr ? "libpq.so.5 was not found" : reason));
}

Result<Libpq> load() {
  void* library = ::dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return missing();
  Libpq functions{};
#define GEMINGA_LIBPQ_LOAD(name)                                                        \
  functions.name = reinterpret_cast<decltype(functions.name)>(::dlsym(library, #name)); \
  if (functions.name == nullptr) return missing();
  GEMINGA_LIBPQ_FUNCTIONS(GEMINGA_LIBPQ_LOAD)
#undef GEMINGA_LIBPQ_LOAD
  return functions;
}

}  // namespace

Result<const Libpq*> load_libpq() {
  static const Result<Libpq> kLoaded = load();
  if (!kLoaded) return std::unexpected(kLoaded.error());
  return &*kLoaded;
}

}  // namespace geminga::orchestrator::postgresql
