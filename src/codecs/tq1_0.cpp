// TQ1_0: 256 values d * {-1, 0, 1}, five ternary digits in a byte (the last four bytes: four). A byte is the digits
// as a fraction of 256, so digit n is the integer part of 3 * frac(byte * 3^n). Bytes 0 to 31 hold values
// 32 n + m, bytes 32 to 47 values 160 + 16 n + m, the qh bytes values 240 + 4 n + m.
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {
namespace {

#pragma pack(push, 1)
struct BlockTQ1_0 {
    std::uint8_t qs[48];
    std::uint8_t qh[4];
    f16 d;
};
#pragma pack(pop)

// digits [digits, bytes] of `bytes` bytes
void put_digits(const std::uint8_t* packed, int bytes, int digits, float d, float* y) {
    std::uint32_t power = 1;
    for (int n = 0; n < digits; ++n, power *= 3) {
        for (int m = 0; m < bytes; ++m) {
            const int digit = static_cast<int>((packed[m] * power & 255u) * 3 >> 8);
            y[bytes * n + m] = d * static_cast<float>(digit - 1);
        }
    }
}

}  // namespace

void decode_TQ1_0(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::TQ1_0, BlockTQ1_0>(blocks, count, values, [](const BlockTQ1_0& block, float* y) {
        const float d = f16_to_f32(block.d);
        put_digits(block.qs, 32, 5, d, y);
        put_digits(block.qs + 32, 16, 5, d, y + 160);
        put_digits(block.qh, 4, 4, d, y + 240);
    });
}

}  // namespace hearth::codecs
