// A cache of one sequence for tests below the runtime floor: the pages of positions [first, tokens), and
// states.
#pragma once

#include <vector>

#include <doctest/doctest.h>

#include "hearth/layers/attention.hpp"

namespace hearth::test {

class Pages {
public:
    Pages(const KvLayout& layout, std::size_t tokens, const std::shared_ptr<Memory>& memory, std::size_t first = 0)
        : layout_(layout), stride_((tokens + kSpan - 1) / kSpan), first_(first) {
        for (const KvLayout::Group& g : layout.groups)
            for (std::size_t p = 0; p < stride_; ++p)
                pointers_.push_back((g.every == 1 && p < first / kSpan) || p * g.span() >= tokens ? nullptr : add(memory, g.page_bytes));
        std::byte* const block = add(memory, layout.state_bytes);
        for (const KvLayout::Layer& l : layout.layers)
            states_.push_back(l.shape.state_floats == 0 ? nullptr : reinterpret_cast<float*>(block + l.state));
    }
    KvView view() const { return {&layout_, pointers_.data(), states_.data(), first_, stride_}; }

private:
    std::byte* add(const std::shared_ptr<Memory>& memory, std::size_t bytes) {
        auto b = Buffer::make(memory, bytes, "a page of a test");
        REQUIRE(b.ok());
        buffers_.push_back(*std::move(b));
        return buffers_.back().data();
    }
    const KvLayout& layout_;
    std::size_t stride_, first_;
    std::vector<Buffer> buffers_;
    std::vector<std::byte*> pointers_;
    std::vector<float*> states_;
};

}  // namespace hearth::test
