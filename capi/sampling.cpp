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
