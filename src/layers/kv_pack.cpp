// Pages of a key-value cache as they are kept outside it.
#include <cstring>

#include "hearth/layers/attention.hpp"

namespace hearth {

namespace {

// Calls each(offset in the page, bytes, lanes) for what the first `tokens` tokens have: lanes 0 for bytes as they are,
// else rows of kLanes elements, each of so many bytes, of which the last tokens % kLanes are there in the last block.
template <class Each>
void each_stretch(const KvLayout& layout, std::size_t group, std::size_t tokens, const Each& each) {
    if (tokens == 0) return;  // a page whose first row, for several tokens, is not complete
    constexpr std::size_t blocks = kSpan / kLanes;
    const std::size_t key_element = layout.type == KvType::f16 ? 2 : 4;  // q8_0: four codes
    for (std::size_t i = 0; i < layout.layers.size(); ++i) {
        const KvLayout::Layer& l = layout.layers[i];
        if (l.group != group) continue;
        for (std::size_t head = 0; head < l.shape.heads; ++head) {
            const std::size_t keys = layout.keys_offset(i, head), values = layout.values_offset(i, head);
            each(keys, l.key_scales / blocks * ((tokens + kLanes - 1) / kLanes), key_element);
            if (l.key_bytes > l.key_scales) each(keys + l.key_scales, tokens * sizeof(float), 0);
            each(values, l.value_scales / kSpan * tokens, 0);
            if (l.value_bytes > l.value_scales) each(values + l.value_scales, tokens * sizeof(float), 0);
        }
    }
}

}  // namespace

std::size_t kv_packed_bytes(const KvLayout& layout, std::size_t group, std::size_t tokens) {
    std::size_t all = 0;
    each_stretch(layout, group, tokens, [&](std::size_t, std::size_t bytes, std::size_t) { all += bytes; });
    return all;
}

void kv_pack(const KvLayout& layout, std::size_t group, const std::byte* page, std::size_t tokens, std::byte* to) {
    const std::size_t there = tokens % kLanes;
    each_stretch(layout, group, tokens, [&](std::size_t offset, std::size_t bytes, std::size_t element) {
        std::memcpy(to, page + offset, bytes);
        to += bytes;
        if (element == 0 || there == 0) return;
        // What stands behind the last token may be of tokens that were taken back.
        const std::size_t row = kLanes * element, block = bytes / ((tokens + kLanes - 1) / kLanes);
        for (std::byte* end = to - block; end < to; end += row)
            std::memset(end + there * element, 0, row - there * element);
    });
}

void kv_unpack(const KvLayout& layout, std::size_t group, const std::byte* from, std::size_t tokens, std::byte* page) {
    each_stretch(layout, group, tokens, [&](std::size_t offset, std::size_t bytes, std::size_t) {
        std::memcpy(page + offset, from, bytes);
        from += bytes;
    });
}

}  // namespace hearth
