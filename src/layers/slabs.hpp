// Stored tensors in slices, on all workers: each is read or looked at where it is mapped, used, and given back to the
// system before the next, so that a load holds the packed weights and a few slices, not two copies of a tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "hearth/layers/context.hpp"

namespace hearth {

struct Slab {
    const std::byte* bytes;  // [units, unit_bytes]; the last unit of a tensor may be shorter
    std::size_t first, units;
};

// Calls use(slab) for slices of whole units that together are the tensor's bytes, in any order and from any worker.
// Bodies may only write what belongs to their units; they do not throw.
Status for_slabs(LoadContext& context, const TensorInfo& info, std::size_t unit_bytes,
                 const std::function<void(const Slab&)>& use);

// The bytes from `offset` of the tensor, to: [to.size()].
Status copy_stored(LoadContext& context, const TensorInfo& info, std::uint64_t offset, std::span<std::byte> to);

}  // namespace hearth
