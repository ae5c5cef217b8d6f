#include "kernels/scalar/gemm.hpp"

namespace hearth::scalar {

void gemm_f32(const GemmArgs& a) {
    float_gemm<float>(a, [](float x) { return x; });
}
void gemm_f16(const GemmArgs& a) {
    float_gemm<f16>(a, [](f16 x) { return f16_to_f32(x); });
}
void gemm_bf16(const GemmArgs& a) {
    float_gemm<bf16>(a, [](bf16 x) { return bf16_to_f32(x); });
}

}  // namespace hearth::scalar
