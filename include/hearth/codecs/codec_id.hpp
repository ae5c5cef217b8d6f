// The numbers of the storage types, GGUF's tensor types: codec_id::Q4_K is 12. Constants only, for kernels too.
#pragma once

#include <cstdint>

namespace hearth::codec_id {

#define HEARTH_CODEC(name, id, values, bytes, access) constexpr std::uint32_t name = id;
#include "hearth/codecs/codecs.inc"
#undef HEARTH_CODEC

}  // namespace hearth::codec_id
