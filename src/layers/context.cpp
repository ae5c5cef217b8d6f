#include "hearth/layers/context.hpp"

#include "hearth/base/cat.hpp"

namespace hearth {

bool LoadContext::in_place(const TensorInfo& info) const {
    if (!source_stays || !info.packed || !source.maps()) return false;
    const auto view = source.view(info);
    return !view.empty() && reinterpret_cast<std::uintptr_t>(view.data()) % Arena::kAlignment == 0;
}

Status LoadContext::advance(const TensorInfo& info) {
    if (!in_place(info)) source.release(info);
    return add_done(info.bytes);
}

Status LoadContext::add_done(std::uint64_t bytes) {
    done_bytes += bytes;
    return report();
}

Status LoadContext::finish() {
    if (done_bytes == total_bytes) return {};
    done_bytes = total_bytes;
    return report();
}

Status LoadContext::report() {
    return progress != nullptr && progress(done_bytes, total_bytes, progress_user) != 0 ? cancelled() : Status();
}

Status LoadContext::cancelled() const {
    return {Code::cancelled, cat("loading was cancelled by the host after ", done_bytes, " of ", total_bytes, " bytes")};
}

}  // namespace hearth
