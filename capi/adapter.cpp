#include "guard.h"
#include "hearth/engine/steer.hpp"

using namespace hearth;        // NOLINT(google-build-using-namespace)
using namespace hearth::capi;  // NOLINT(google-build-using-namespace)

extern "C" {

hearth_status hearth_adapter_options_init(hearth_adapter_options* options, size_t struct_size) {
    return guard(
        [&] { return init_options(options, struct_size, hearth_adapter_options{}, "hearth_adapter_options"); });
}

hearth_status hearth_adapter_load(hearth_adapter** out, hearth_model* model, const char* path,
                                  const hearth_adapter_options* options) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        HEARTH_NOT_NULL(model);
        HEARTH_NOT_NULL(path);
        hearth_adapter_options o{};
        HEARTH_TRY(read_options(o, options, "hearth_adapter_options"));
        for (const auto& [name, value] : {std::pair("flags", o.flags), std::pair("reserved", o.reserved)})
            if (value != 0)
                return {Code::invalid_argument, cat("hearth_adapter_options.", name, " is ", value, ", expected 0")};
        AdapterOptions wanted;
        wanted.first_layer = o.first_layer;
        if (o.last_layer != 0) wanted.last_layer = o.last_layer;
        if (wanted.first_layer > wanted.last_layer)
            return {Code::invalid_argument, cat("hearth_adapter_options.first_layer is ", o.first_layer,
                                                ", expected at most last_layer, ", o.last_layer)};
        HEARTH_ASSIGN(auto impl, LoadedAdapter::load(model->impl, path, wanted));
        *out = new hearth_adapter{std::move(impl)};
        return {};
    });
}

void hearth_adapter_free(hearth_adapter* adapter) { delete adapter; }

hearth_status hearth_adapter_describe(hearth_adapter_info* info, const hearth_adapter* adapter) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(info);
        HEARTH_NOT_NULL(adapter);
        hearth_adapter_info out{};
        HEARTH_TRY(read_options(out, info, "hearth_adapter_info"));
        const size_t size = info->struct_size;
        const LoadedAdapter& a = *adapter->impl;
        out.kind = a.kind() == AdapterFile::Kind::low_rank ? HEARTH_ADAPTER_LORA : HEARTH_ADAPTER_CONTROL;
        out.parts = static_cast<uint32_t>(a.content().parts);
        out.rank = static_cast<uint32_t>(a.content().rank);
        out.bytes = a.content().bytes;
        return init_options(info, size, out, "hearth_adapter_info");
    });
}

const char* hearth_adapter_path(const hearth_adapter* adapter) {
    return adapter != nullptr ? adapter->impl->name().c_str() : "";
}

hearth_status hearth_session_attach(hearth_session* session, const hearth_adapter* adapter, double scale) {
    return guard([&]() -> Status {
        HEARTH_TRY(check_idle(session));
        HEARTH_NOT_NULL(adapter);
        return session->impl->attach(adapter->impl, scale);
    });
}

hearth_status hearth_session_detach(hearth_session* session, const hearth_adapter* adapter) {
    return guard([&]() -> Status {
        HEARTH_TRY(check_idle(session));
        HEARTH_NOT_NULL(adapter);
        return session->impl->detach(*adapter->impl);
    });
}

hearth_status hearth_session_detach_all(hearth_session* session) {
    return guard([&]() -> Status {
        HEARTH_TRY(check_idle(session));
        session->impl->detach_all();
        return {};
    });
}

hearth_status hearth_session_adapter(hearth_adapter** out, double* scale, const hearth_session* session, size_t i) {
    return guard([&]() -> Status {
        if (out != nullptr) *out = nullptr;
        if (scale != nullptr) *scale = 0;
        HEARTH_TRY(check_idle(session));
        const auto attached = session->impl->adapters();
        if (i >= attached.size())
            return {Code::not_found, cat("adapter number ", i, " was asked for, the session has ", attached.size())};
        if (out != nullptr) *out = new hearth_adapter{attached[i].adapter};
        if (scale != nullptr) *scale = static_cast<double>(attached[i].scale);
        return {};
    });
}

hearth_status hearth_steer_options_init(hearth_steer_options* options, size_t struct_size) {
    return guard([&] { return init_options(options, struct_size, hearth_steer_options{}, "hearth_steer_options"); });
}

hearth_status hearth_steer_train(hearth_model* model, const hearth_token* const* positive,
                                 const size_t* positive_lengths, const hearth_token* const* negative,
                                 const size_t* negative_lengths, size_t count, const char* path,
                                 const hearth_steer_options* options) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(model);
        HEARTH_NOT_NULL(path);
        hearth_steer_options o{};
        HEARTH_TRY(read_options(o, options, "hearth_steer_options"));
        if (o.flags != 0)
            return {Code::invalid_argument, cat("hearth_steer_options.flags is ", o.flags, ", expected 0")};
        if (o.method > HEARTH_STEER_PCA)
            return {Code::invalid_argument, cat("hearth_steer_options.method is ", o.method,
                                                ", expected HEARTH_STEER_MEAN or HEARTH_STEER_PCA")};
        if (count != 0) {
            HEARTH_NOT_NULL(positive);
            HEARTH_NOT_NULL(positive_lengths);
            HEARTH_NOT_NULL(negative);
            HEARTH_NOT_NULL(negative_lengths);
        }
        std::vector<SteerPair> pairs(count);
        for (size_t i = 0; i < count; ++i) {
            if (positive_lengths[i] != 0) HEARTH_NOT_NULL(positive[i]);
            if (negative_lengths[i] != 0) HEARTH_NOT_NULL(negative[i]);
            pairs[i] = {{positive[i], positive[i] + positive_lengths[i]},
                        {negative[i], negative[i] + negative_lengths[i]}};
        }
        return train_control_vector(model->impl, pairs,
                                    o.method == HEARTH_STEER_PCA ? SteerMethod::component : SteerMethod::mean, path,
                                    {o.progress, o.progress_user});
    });
}

}  // extern "C"
