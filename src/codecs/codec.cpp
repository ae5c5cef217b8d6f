#include "hearth/codecs/codec.hpp"

#include "codecs/codec_functions.hpp"

namespace hearth {
namespace {

#define HEARTH_ENCODER_read(name) nullptr
#define HEARTH_ENCODER_read_write(name) codecs::encode_##name
#define HEARTH_CODEC(name, id, values, bytes, access) \
    {id, #name, values, bytes, codecs::decode_##name, HEARTH_ENCODER_##access(name)},
constexpr Codec kCodecs[] = {
#include "hearth/codecs/codecs.inc"
};
#undef HEARTH_CODEC
#undef HEARTH_ENCODER_read
#undef HEARTH_ENCODER_read_write

}  // namespace

std::span<const Codec> codec_list() { return kCodecs; }

const Codec* find_codec(std::uint32_t id) {
    for (const Codec& codec : kCodecs) {
        if (codec.id == id) return &codec;
    }
    return nullptr;
}

const Codec* find_codec(std::string_view name) {
    for (const Codec& codec : kCodecs) {
        if (codec.name == name) return &codec;
    }
    return nullptr;
}

}  // namespace hearth
