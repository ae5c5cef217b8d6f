#include "guard.h"

using namespace hearth;        // NOLINT(google-build-using-namespace)
using namespace hearth::capi;  // NOLINT(google-build-using-namespace)

namespace {

Result<KvType> kv_type(uint32_t kv) {
    switch (kv) {
        case HEARTH_KV_F16:
            return KvType::f16;
        case HEARTH_KV_F32:
            return KvType::f32;
        case HEARTH_KV_Q8_0:
            return KvType::q8_0;
        default:
            return Status(Code::invalid_argument, cat("hearth_session_options.kv is ", kv,
                                                      ", expected HEARTH_KV_F16, HEARTH_KV_F32 or HEARTH_KV_Q8_0"));
    }
}

}  // namespace

Status hearth::capi::check_idle(const hearth_session* session) {
    HEARTH_NOT_NULL(session);
    if (session->impl->busy) return {Code::bad_state, "the session is running in a generator until its finish event"};
    return {};
}

extern "C" {

hearth_status hearth_session_options_init(hearth_session_options* options, size_t struct_size) {
    return guard([&] {
        hearth_session_options defaults{};
        defaults.kv = HEARTH_KV_F16;
        return init_options(options, struct_size, defaults, "hearth_session_options");
    });
}

hearth_status hearth_session_new(hearth_session** out, hearth_model* model, const hearth_session_options* options) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        HEARTH_NOT_NULL(model);
        hearth_session_options o{};
        o.kv = HEARTH_KV_F16;
        HEARTH_TRY(read_options(o, options, "hearth_session_options"));
        if (o.flags != 0) return {Code::invalid_argument, cat("hearth_session_options.flags is ", o.flags, ", expected 0")};
        HEARTH_ASSIGN(const KvType kv, kv_type(o.kv));
        HEARTH_ASSIGN(auto impl, Session::make(model->impl, {o.context, kv, o.chunk}));
        *out = new hearth_session{std::move(impl)};
        return {};
    });
}

void hearth_session_free(hearth_session* session) {
    if (session == nullptr) return;
    session->impl->abandoned = true;
    delete session;
}

hearth_status hearth_session_append_tokens(hearth_session* session, const hearth_token* tokens, size_t count) {
    return guard([&]() -> Status {
        HEARTH_TRY(check_idle(session));
        if (count != 0) HEARTH_NOT_NULL(tokens);
        return session->impl->sequence().append({tokens, count});
    });
}

hearth_status hearth_session_append_text(hearth_session* session, const char* text, size_t length, uint32_t flags) {
    return guard([&]() -> Status {
        HEARTH_TRY(check_idle(session));
        HEARTH_ASSIGN(const auto input, text_argument(text, length));
        HEARTH_ASSIGN(EncodeOptions options, encode_options(flags));
        options.add_special = options.add_special && session->impl->sequence().length() == 0;
        HEARTH_ASSIGN(const auto ids, session->impl->model()->tokenizer()->encode(input, options));
        return session->impl->sequence().append(ids);
    });
}

size_t hearth_session_length(const hearth_session* session) {
    return session != nullptr ? session->impl->sequence().length() : 0;
}

uint32_t hearth_session_context(const hearth_session* session) {
    return session != nullptr ? static_cast<uint32_t>(session->impl->sequence().context()) : 0;
}

hearth_status hearth_session_tokens(hearth_token* tokens, size_t capacity, size_t* needed, const hearth_session* session) {
    return guard([&]() -> Status {
        if (needed != nullptr) *needed = 0;
        HEARTH_TRY(check_idle(session));
        const auto ids = session->impl->sequence().tokens();
        return copy_out(tokens, capacity, needed, ids.data(), ids.size());
    });
}

hearth_status hearth_session_eval(float* logits, size_t capacity, size_t* needed, hearth_session* session, uint32_t flags) {
    return guard([&]() -> Status {
        if (needed != nullptr) *needed = 0;
        HEARTH_TRY(check_idle(session));
        if ((flags & ~HEARTH_EVAL_ALL) != 0) return {Code::invalid_argument, cat("flags is ", flags, ", expected 0 or HEARTH_EVAL_ALL")};
        const bool all = (flags & HEARTH_EVAL_ALL) != 0;
        const size_t count = session->impl->rows(all) * session->impl->model()->info().vocab;
        if (needed != nullptr) *needed = count;
        if (logits != nullptr && capacity < count)
            return {Code::buffer_too_small, cat("the buffer holds ", capacity, " floats, needed are ", count)};
        Stop stop;
        session->impl->runs(&stop);
        struct Over {
            Session& session;
            ~Over() { session.runs(nullptr); }
        } const over{*session->impl};
        return session->impl->evaluate(all, logits, &stop);
    });
}

hearth_status hearth_session_cancel(hearth_session* session) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(session);
        session->impl->cancel();
        return {};
    });
}

hearth_status hearth_session_truncate(hearth_session* session, size_t length) {
    return guard([&]() -> Status {
        HEARTH_TRY(check_idle(session));
        return session->impl->sequence().truncate(length);
    });
}

hearth_status hearth_session_replace(hearth_session* session, size_t at, size_t removed, const hearth_token* tokens,
                                     size_t count) {
    return guard([&]() -> Status {
        HEARTH_TRY(check_idle(session));
        if (count != 0) HEARTH_NOT_NULL(tokens);
        return session->impl->sequence().replace(at, removed, {tokens, count});
    });
}

hearth_status hearth_session_save(void* bytes, size_t capacity, size_t* needed, hearth_session* session) {
    return guard([&]() -> Status {
        if (needed != nullptr) *needed = 0;
        HEARTH_TRY(check_idle(session));
        BlobCounter counter;
        HEARTH_TRY(session->impl->save(counter));
        const auto all = static_cast<size_t>(counter.written());
        if (needed != nullptr) *needed = all;
        if (capacity < all) return {Code::buffer_too_small, cat("the buffer holds ", capacity, " bytes, needed are ", all)};
        HEARTH_NOT_NULL(bytes);
        BlobMemory blob({static_cast<std::byte*>(bytes), all});
        return session->impl->save(blob);
    });
}

hearth_status hearth_session_save_path(hearth_session* session, const char* path) {
    return guard([&]() -> Status {
        HEARTH_TRY(check_idle(session));
        HEARTH_NOT_NULL(path);
        HEARTH_ASSIGN(const auto file, FileWriter::create(path));
        BlobFile blob(*file);
        HEARTH_TRY(session->impl->save(blob));
        return file->commit();
    });
}

hearth_status hearth_session_restore(hearth_session* session, const void* bytes, size_t count) {
    return guard([&]() -> Status {
        HEARTH_TRY(check_idle(session));
        if (count != 0) HEARTH_NOT_NULL(bytes);
        HEARTH_ASSIGN(const auto source, open_memory({static_cast<const std::byte*>(bytes), count}));
        return session->impl->restore(*source);
    });
}

hearth_status hearth_session_restore_path(hearth_session* session, const char* path) {
    return guard([&]() -> Status {
        HEARTH_TRY(check_idle(session));
        HEARTH_NOT_NULL(path);
        HEARTH_ASSIGN(const auto source, open_path(path, FileAccess::read));
        return session->impl->restore(*source);
    });
}

hearth_status hearth_session_fork(hearth_session** out, const hearth_session* session) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        HEARTH_TRY(check_idle(session));
        HEARTH_ASSIGN(auto impl, session->impl->fork());
        *out = new hearth_session{std::move(impl)};
        return {};
    });
}

uint64_t hearth_session_memory(const hearth_session* session) {
    return session != nullptr ? session->impl->cache_bytes() : 0;
}

}  // extern "C"
