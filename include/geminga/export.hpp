#pragma once

/// Marks what libgeminga.so offers; everything else is hidden, so that no symbol of ours or of a library we
/// use can clash.
#define GEMINGA_API __attribute__((visibility("default")))
