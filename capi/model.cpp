#include "guard.h"

using namespace hearth;        // NOLINT(google-build-using-namespace)
using namespace hearth::capi;  // NOLINT(google-build-using-namespace)

namespace {

using OpenFile = Result<std::unique_ptr<ModelFile>>;

OpenFile from_path(const char* path) {
    HEARTH_NOT_NULL(path);
    return hearth::open_model(std::string(path));
}

OpenFile from_fd(int fd) {
    HEARTH_ASSIGN(auto bytes, open_fd(fd));
    return hearth::open_model(std::move(bytes));
}

OpenFile from_memory(const void* data, size_t size) {
    HEARTH_NOT_NULL(data);
    HEARTH_ASSIGN(auto bytes, open_memory({static_cast<const std::byte*>(data), size}));
    return hearth::open_model(std::move(bytes));
}

OpenFile from_reader(const hearth_reader* reader) {
    HEARTH_NOT_NULL(reader);
    hearth_reader r{};
    HEARTH_TRY(read_options(r, reader, "hearth_reader"));
    HEARTH_NOT_NULL(r.read);
    ReaderCallbacks callbacks;
    callbacks.read = r.read;
    callbacks.size = r.size;
    callbacks.user = r.user;
    HEARTH_ASSIGN(auto bytes, open_reader(callbacks));
    return hearth::open_model(std::move(bytes));
}

template <class Open>
hearth_status open_model(hearth_model** out, hearth_runtime* runtime, const hearth_model_options* options, Open open) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        HEARTH_NOT_NULL(runtime);
        hearth_model_options o{};
        HEARTH_TRY(read_options(o, options, "hearth_model_options"));
        if ((o.flags & ~HEARTH_MODEL_MTP) != 0)
            return {Code::invalid_argument, cat("hearth_model_options.flags is ", o.flags, ", expected HEARTH_MODEL_… only")};
        HEARTH_ASSIGN(auto file, open());
        HEARTH_ASSIGN(auto impl, LoadedModel::load(runtime->impl, std::move(file), {o.progress, o.progress_user}, o.flags != 0));
        *out = new hearth_model{std::move(impl)};
        return {};
    });
}

template <class Open>
hearth_status inspect_file(hearth_text** out, hearth_runtime* runtime, Open open) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        HEARTH_NOT_NULL(runtime);
        HEARTH_ASSIGN(auto file, open());
        HEARTH_ASSIGN(auto json, inspect(*file, runtime->impl->executor().workers()));
        *out = new hearth_text{std::move(json)};
        return {};
    });
}

}  // namespace

extern "C" {

hearth_status hearth_model_options_init(hearth_model_options* options, size_t struct_size) {
    return guard([&] { return init_options(options, struct_size, hearth_model_options{}, "hearth_model_options"); });
}

hearth_status hearth_model_open_path(hearth_model** out, hearth_runtime* runtime, const char* path,
                                     const hearth_model_options* options) {
    return open_model(out, runtime, options, [&] { return from_path(path); });
}

hearth_status hearth_model_open_fd(hearth_model** out, hearth_runtime* runtime, int fd, const hearth_model_options* options) {
    return open_model(out, runtime, options, [&] { return from_fd(fd); });
}

hearth_status hearth_model_open_memory(hearth_model** out, hearth_runtime* runtime, const void* data, size_t bytes,
                                       const hearth_model_options* options) {
    return open_model(out, runtime, options, [&] { return from_memory(data, bytes); });
}

hearth_status hearth_model_open_reader(hearth_model** out, hearth_runtime* runtime, const hearth_reader* reader,
                                       const hearth_model_options* options) {
    return open_model(out, runtime, options, [&] { return from_reader(reader); });
}

void hearth_model_free(hearth_model* model) { delete model; }

hearth_status hearth_pack_options_init(hearth_pack_options* options, size_t struct_size) {
    return guard([&] { return init_options(options, struct_size, hearth_pack_options{}, "hearth_pack_options"); });
}

hearth_status hearth_model_pack(hearth_runtime* runtime, const char* path, const char* packed_path,
                                const hearth_pack_options* options) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(runtime);
        HEARTH_NOT_NULL(packed_path);
        hearth_pack_options o{};
        HEARTH_TRY(read_options(o, options, "hearth_pack_options"));
        if (o.flags != 0) return {Code::invalid_argument, cat("hearth_pack_options.flags is ", o.flags, ", expected 0")};
        HEARTH_ASSIGN(const auto file, from_path(path));
        return pack_model(*runtime->impl, *file, packed_path, {o.progress, o.progress_user});
    });
}

hearth_status hearth_inspect_path(hearth_text** out, hearth_runtime* runtime, const char* path) {
    return inspect_file(out, runtime, [&] { return from_path(path); });
}

hearth_status hearth_inspect_fd(hearth_text** out, hearth_runtime* runtime, int fd) {
    return inspect_file(out, runtime, [&] { return from_fd(fd); });
}

hearth_status hearth_inspect_memory(hearth_text** out, hearth_runtime* runtime, const void* data, size_t bytes) {
    return inspect_file(out, runtime, [&] { return from_memory(data, bytes); });
}

hearth_status hearth_inspect_reader(hearth_text** out, hearth_runtime* runtime, const hearth_reader* reader) {
    return inspect_file(out, runtime, [&] { return from_reader(reader); });
}

hearth_status hearth_model_inspect(hearth_text** out, const hearth_model* model) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        HEARTH_NOT_NULL(model);
        *out = new hearth_text{model->impl->inspection()};
        return {};
    });
}

uint32_t hearth_model_vocab_size(const hearth_model* model) { return model != nullptr ? model->impl->info().vocab : 0; }

uint32_t hearth_model_context_length(const hearth_model* model) {
    return model != nullptr ? static_cast<uint32_t>(model->impl->info().context) : 0;
}

hearth_status hearth_model_digest(uint8_t digest[16], hearth_model* model) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(digest);
        HEARTH_NOT_NULL(model);
        const Hash128 d = model->impl->digest();
        std::memcpy(digest, &d.low, 8);
        std::memcpy(digest + 8, &d.high, 8);
        return {};
    });
}

uint64_t hearth_model_weight_bytes(const hearth_model* model) { return model != nullptr ? model->impl->weight_bytes() : 0; }

uint64_t hearth_model_decode_bytes(const hearth_model* model) {
    return model != nullptr ? model->impl->info().decode_bytes : 0;
}

hearth_status hearth_model_metadata(hearth_text** out, const hearth_model* model, const char* key) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        HEARTH_NOT_NULL(model);
        HEARTH_NOT_NULL(key);
        const MetaValue* value = model->impl->metadata().find(key);
        if (value == nullptr) return {Code::not_found, cat("the model has no metadata key '", key, "'")};
        *out = new hearth_text{metadata_text(*value)};
        return {};
    });
}

}  // extern "C"
