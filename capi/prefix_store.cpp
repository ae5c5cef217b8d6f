#include "guard.h"

using namespace hearth;        // NOLINT(google-build-using-namespace)
using namespace hearth::capi;  // NOLINT(google-build-using-namespace)

struct hearth_prefix_store {
    std::shared_ptr<PrefixStore> impl;
    std::shared_ptr<Runtime> runtime;
};

extern "C" {

hearth_status hearth_prefix_store_options_init(hearth_prefix_store_options* options, size_t struct_size) {
    return guard([&] {
        return init_options(options, struct_size, hearth_prefix_store_options{}, "hearth_prefix_store_options");
    });
}

hearth_status hearth_prefix_store_open(hearth_prefix_store** out, hearth_runtime* runtime,
                                       const hearth_prefix_store_options* options) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        HEARTH_NOT_NULL(runtime);
        hearth_prefix_store_options o{};
        HEARTH_TRY(read_options(o, options, "hearth_prefix_store_options"));
        if (o.flags != 0 || o.reserved != 0)
            return {Code::invalid_argument, cat("hearth_prefix_store_options.flags is ", o.flags, " and reserved ",
                                                o.reserved, ", expected 0")};
        PrefixStoreOptions s;
        s.memory_bytes = o.memory_bytes;
        s.folder = o.folder != nullptr ? o.folder : "";
        s.folder_bytes = o.folder_bytes;
        s.log = runtime->impl->log();
        *out = new hearth_prefix_store{PrefixStore::make(runtime->impl->memory(), s), runtime->impl};
        return {};
    });
}

void hearth_prefix_store_free(hearth_prefix_store* store) { delete store; }

hearth_status hearth_prefix_store_get_stats(hearth_prefix_store_stats* stats, hearth_prefix_store* store) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(stats);
        HEARTH_NOT_NULL(store);
        const PrefixStats now = store->impl->stats();
        hearth_prefix_store_stats full{};
        full.lookups = now.lookups;
        full.asked_tokens = now.asked_tokens;
        full.found_tokens = now.found_tokens;
        full.parts = now.parts;
        full.bytes = now.bytes;
        full.evictions = now.evictions;
        full.files = now.files;
        full.file_bytes = now.file_bytes;
        full.files_written = now.files_written;
        full.files_read = now.files_read;
        full.files_evicted = now.files_evicted;
        full.files_refused = now.files_refused;
        return init_options(stats, stats->struct_size, full, "hearth_prefix_store_stats");
    });
}

hearth_status hearth_prefix_store_clear(hearth_prefix_store* store) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(store);
        store->impl->clear();
        return {};
    });
}

hearth_status hearth_session_use_store(hearth_session* session, hearth_prefix_store* store) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(session);
        if (session->impl->busy)
            return {Code::bad_state, "the session is running in a generator until its finish event"};
        if (store != nullptr && store->runtime != session->impl->model()->runtime())
            return {Code::invalid_argument, "the prefix store belongs to another runtime than the session"};
        session->impl->use_store(store != nullptr ? store->impl : nullptr);
        return {};
    });
}

}  // extern "C"
