// The list of packed formats, from panels.inc.
#include "hearth/codecs/codec_id.hpp"
#include "hearth/kernels/panels.hpp"
#include "kernels/panels/layout.hpp"

namespace hearth {

namespace panel {
#define HEARTH_PANEL(codec, name, values, bytes, activation)                               \
    void pack_##name(const std::byte*, std::size_t, std::size_t, std::size_t, std::byte*); \
    void unpack_##name(const std::byte*, std::size_t, std::size_t, float*);
#include "kernels/panels/panels.inc"
#undef HEARTH_PANEL

namespace {
constexpr PanelFormat kFormats[] = {
#define HEARTH_PANEL(codec, name, values, bytes, activation) \
    {codec_id::codec, values, bytes, Activation::activation, &KernelTable::gemm_##name, pack_##name, unpack_##name},
#include "kernels/panels/panels.inc"
#undef HEARTH_PANEL
};
}  // namespace
}  // namespace panel

std::span<const PanelFormat> panel_formats() { return panel::kFormats; }

const PanelFormat* find_panel_format(std::uint32_t codec) {
    for (const PanelFormat& f : panel::kFormats)
        if (f.codec == codec) return &f;
    return nullptr;
}

}  // namespace hearth
