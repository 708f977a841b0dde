// For programs that load SoftHSM 2.6.1 into their own process and run under AddressSanitizer: it
// leaks the curve's name at each Ed25519 operation and 242 bytes at each ECDH derivation. Only what
// is allocated beneath it is excused; the slow unwinder is needed to see that it is.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libsofthsm2.so\n"; }
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "fast_unwind_on_malloc=0:malloc_context_size=16";
}
// A program's output is its own: what was excused is not listed in it.
extern "C" const char* __lsan_default_options();
extern "C" const char* __lsan_default_options() { return "print_suppressions=0"; }
