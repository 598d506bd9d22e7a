#pragma once

#include <libpq-fe.h>

#include <geminga/error.hpp>

namespace geminga::orchestrator::postgresql {

// What the store calls of libpq. The library is loaded when the first store is opened: it brings Kerberos and
// LDAP with it, which nobody shall wait for who keeps jobs in SQLite.
#define GEMINGA_LIBPQ_FUNCTIONS(FUNCTION) \
  FUNCTION(PQclear)                       \
  FUNCTION(PQcmdStatus)                   \
  FUNCTION(PQcmdTuples)                   \
  FUNCTION(PQconnectdbParams)             \
  FUNCTION(PQconninfo)                    \
  FUNCTION(PQconninfoFree)                \
  FUNCTION(PQerrorMessage)                \
  FUNCTION(PQexec)                        \
  FUNCTION(PQexecPrepared)                \
  FUNCTION(PQfinish)                      \
  FUNCTION(PQgetisnull)                   \
  FUNCTION(PQgetlength)                   \
  FUNCTION(PQgetvalue)                    \
  FUNCTION(PQntuples)                     \
  FUNCTION(PQprepare)                     \
  FUNCTION(PQresultErrorField)            \
  FUNCTION(PQresultStatus)                \
  FUNCTION(PQsetNoticeReceiver)           \
  FUNCTION(PQstatus)                      \
  FUNCTION(PQtransactionStatus)

struct Libpq {
#define GEMINGA_LIBPQ_MEMBER(name) decltype(&::name) name;  // NOLINT(bugprone-macro-parentheses)
  GEMINGA_LIBPQ_FUNCTIONS(GEMINGA_LIBPQ_MEMBER)
#undef GEMINGA_LIBPQ_MEMBER
};

/// The library, loaded once and for good. Any thread. Errors: config_error (it is not installed).
Result<const Libpq*> load_libpq();

}  // namespace geminga::orchestrator::postgresql
