// Limits of the int8 activation blocks, on the bits of amax = max |x|. Included inside an unnamed namespace.
constexpr std::uint32_t kNotFinite = 0x7f800000u;  // a block with NaN or infinity: codes 0, scale NaN
constexpr std::uint32_t kBadScale = 0x7fc00000u;
constexpr std::uint32_t kTooSmall = 0x02fe0000u;  // 127 * 2^-128: 127 / amax overflows up to here; codes 0, scale 0
