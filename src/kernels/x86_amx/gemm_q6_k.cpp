#include "kernels/x86_amx/super_blocks.hpp"

namespace hearth {
namespace avx512 {
void gemm_q6_k(const GemmArgs&);
}

namespace amx {
namespace {

struct ValuesQ6_K : CodesQ6_K {
    static constexpr int kOffset = 5;
    template <int S, int Half>
    HEARTH_SIMD static __m512i scales(const std::uint8_t* block) {
        const auto* const pair = reinterpret_cast<const std::int8_t*>(block + Layout::kScales + 32 * S);
        return in_both_halves(i16x32::load_s8(pair), Half != 0);
    }
};

}  // namespace

void gemm_q6_k(const GemmArgs& a) { tile_gemm<SuperBlocks<Signed<ValuesQ6_K>>>(a, avx512::gemm_q6_k); }

}  // namespace amx
}  // namespace hearth
