// How much of the matrices of everything a build's tests take.
#pragma once

namespace hearth::test {

// Built with sanitizers, which watch every access, or for an emulator: they need not see every combination of what they
// do not know apart. Matrices take each value of everything, not all of them with each other. The plain build runs them
// whole.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(HEARTH_TESTS_EMULATED)
inline constexpr bool kThin = true;
#else
inline constexpr bool kThin = false;
#endif

}  // namespace hearth::test
