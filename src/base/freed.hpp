#pragma once

namespace geminga::base {

/// Deletes what a C library frees: std::unique_ptr<X509, Freed<X509, X509_free>>.
template <class T, void (*Free)(T*)>
struct Freed {
  void operator()(T* thing) const { Free(thing); }
};

}  // namespace geminga::base
