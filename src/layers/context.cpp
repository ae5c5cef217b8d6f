#include "hearth/layers/context.hpp"

#include "hearth/base/cat.hpp"

namespace hearth {

Status LoadContext::advance(const TensorInfo& info) {
    source.release(info);
    done_bytes += info.bytes;
    return report();
}

Status LoadContext::finish() {
    if (done_bytes == total_bytes) return {};
    done_bytes = total_bytes;
    return report();
}

Status LoadContext::report() {
    if (progress != nullptr && progress(done_bytes, total_bytes, progress_user) != 0)
        return {Code::cancelled, cat("loading was cancelled by the host after ", done_bytes, " of ", total_bytes, " bytes")};
    return {};
}

}  // namespace hearth
