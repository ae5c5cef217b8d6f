#include "layers/slabs.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

namespace hearth {

namespace {

// Large enough that handing out and giving back do not show, small against any tensor worth the trouble.
constexpr std::size_t kSlabBytes = std::size_t{1} << 20;
constexpr std::size_t kSlabsPerWorker = 4;

std::size_t units_per_slab(std::uint64_t units, std::size_t unit_bytes, std::size_t workers) {
    const std::uint64_t by_size = kSlabBytes / unit_bytes, by_share = units / (workers * kSlabsPerWorker);
    return static_cast<std::size_t>(std::max<std::uint64_t>(std::min(by_size, by_share), 1));
}

// Runs body(slab, worker) -> Status for each of `slabs` and gives the first failure of a worker.
template <class Body>
Status run_slabs(LoadContext& context, std::uint64_t slabs, Body body) {
    std::vector<Status> failures(context.executor.workers());
    parallel_for(context.executor, static_cast<std::size_t>(slabs), [&](std::size_t slab, std::size_t worker) {
        Status& failure = failures[worker];
        if (!failure.ok()) return;
        try {
            failure = body(slab, worker);
        } catch (const std::bad_alloc&) {                            // bodies do not throw
            failure = Status(Code::out_of_memory, "out of memory");  // short enough to need none
        }
    });
    for (Status& s : failures) HEARTH_TRY(std::move(s));
    return {};
}

}  // namespace

Status for_slabs(LoadContext& context, const TensorInfo& info, std::size_t unit_bytes,
                 const std::function<void(const Slab&)>& use) {
    const std::uint64_t units = (info.bytes + unit_bytes - 1) / unit_bytes;
    const std::size_t workers = context.executor.workers(), per_slab = units_per_slab(units, unit_bytes, workers);
    const std::span<const std::byte> view = context.source.view(info);
    std::vector<std::vector<std::byte>> rooms(view.empty() ? workers : 0);
    return run_slabs(context, (units + per_slab - 1) / per_slab, [&](std::size_t index, std::size_t worker) -> Status {
        const std::size_t first = index * per_slab;
        const std::uint64_t begin = std::uint64_t{first} * unit_bytes;
        const auto bytes =
            static_cast<std::size_t>(std::min<std::uint64_t>(std::uint64_t{per_slab} * unit_bytes, info.bytes - begin));
        Slab slab{nullptr, first, (bytes + unit_bytes - 1) / unit_bytes};
        if (view.empty()) {
            std::vector<std::byte>& room = rooms[worker];
            room.resize(per_slab * unit_bytes);
            HEARTH_TRY(context.source.read(info, begin, {room.data(), bytes}));
            slab.bytes = room.data();
            use(slab);
        } else {
            slab.bytes = view.data() + begin;
            use(slab);
            context.source.release(info, begin, bytes);
        }
        return {};
    });
}

Status copy_stored(LoadContext& context, const TensorInfo& info, std::uint64_t offset, std::span<std::byte> to) {
    const std::span<const std::byte> view = context.source.view(info);
    return run_slabs(context, (to.size() + kSlabBytes - 1) / kSlabBytes, [&](std::size_t index, std::size_t) -> Status {
        const std::size_t begin = index * kSlabBytes;
        const std::span<std::byte> part = to.subspan(begin, std::min(kSlabBytes, to.size() - begin));
        if (view.empty()) return context.source.read(info, offset + begin, part);
        std::memcpy(part.data(), view.data() + offset + begin, part.size());
        context.source.release(info, offset + begin, part.size());
        return {};
    });
}

}  // namespace hearth
