#include "guard.h"

using namespace hearth;        // NOLINT(google-build-using-namespace)
using namespace hearth::capi;  // NOLINT(google-build-using-namespace)

extern "C" {

hearth_status hearth_sampling_new(hearth_sampling** out) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        *out = new hearth_sampling{};
        return {};
    });
}

void hearth_sampling_free(hearth_sampling* sampling) { delete sampling; }

hearth_status hearth_sampling_set(hearth_sampling* sampling, const char* key, double value) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(sampling);
        HEARTH_NOT_NULL(key);
        return sampling->impl.set(key, value);
    });
}

hearth_status hearth_sampling_get(double* value, const hearth_sampling* sampling, const char* key) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(value);
        *value = 0;
        HEARTH_NOT_NULL(sampling);
        HEARTH_NOT_NULL(key);
        HEARTH_ASSIGN(*value, sampling->impl.get(key));
        return {};
    });
}

hearth_status hearth_sampling_set_list(hearth_sampling* sampling, const char* key, const char* const* texts,
                                       const size_t* lengths, size_t count) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(sampling);
        HEARTH_NOT_NULL(key);
        HEARTH_ASSIGN(auto list, list_argument(texts, lengths, count));
        return sampling->impl.set_list(key, std::move(list));
    });
}

hearth_status hearth_sampling_set_bias(hearth_sampling* sampling, hearth_token token, double bias) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(sampling);
        return sampling->impl.set_bias(token, bias);
    });
}

const char* hearth_sampling_list_key(size_t i, const char** doc) {
    if (i >= Sampling::list_keys().size()) return nullptr;
    if (doc != nullptr) *doc = Sampling::list_keys()[i].doc.data();  // literals, zero-terminated
    return Sampling::list_keys()[i].name.data();
}

const char* hearth_sampling_sampler(size_t i, const char** doc) {
    const auto sampler = Sampling::sampler(i);
    if (!sampler) return nullptr;
    if (doc != nullptr) *doc = sampler->doc.data();
    return sampler->name.data();
}

const char* hearth_sampling_key(size_t i, double* minimum, double* maximum, double* initial, const char** doc) {
    const auto keys = Sampling::keys();
    if (i >= keys.size()) return nullptr;
    if (minimum != nullptr) *minimum = keys[i].minimum;
    if (maximum != nullptr) *maximum = keys[i].maximum;
    if (initial != nullptr) *initial = keys[i].initial;
    if (doc != nullptr) *doc = keys[i].doc.data();  // literals, zero-terminated
    return keys[i].name.data();
}

}  // extern "C"
