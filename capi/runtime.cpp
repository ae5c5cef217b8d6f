#include "guard.h"

using namespace hearth;        // NOLINT(google-build-using-namespace)
using namespace hearth::capi;  // NOLINT(google-build-using-namespace)

extern "C" {

size_t hearth_isa_count(void) { return isa_list().size(); }

const char* hearth_isa_name(size_t i, bool* available) {
    const auto list = isa_list();
    if (available != nullptr) *available = i < list.size() && list[i].available;
    return i < list.size() ? list[i].name.data() : nullptr;  // literals, zero-terminated
}

hearth_status hearth_runtime_options_init(hearth_runtime_options* options, size_t struct_size) {
    return guard([&] { return init_options(options, struct_size, hearth_runtime_options{}, "hearth_runtime_options"); });
}

hearth_status hearth_runtime_new(hearth_runtime** out, const hearth_runtime_options* options) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        hearth_runtime_options o{};
        HEARTH_TRY(read_options(o, options, "hearth_runtime_options"));
        if (o.flags != 0) return {Code::invalid_argument, cat("hearth_runtime_options.flags is ", o.flags, ", expected 0")};
        RuntimeOptions r;
        r.threads = o.threads;
        r.memory_budget = o.memory_budget;
        r.isa = o.isa != nullptr ? o.isa : "";
        r.allocator = {o.allocate, o.release, o.memory_user};
        r.log = {o.log, o.log_user};
        r.runner = {o.run, o.run_user};
        HEARTH_ASSIGN(auto impl, Runtime::make(r));
        *out = new hearth_runtime{std::move(impl)};
        return {};
    });
}

void hearth_runtime_free(hearth_runtime* runtime) { delete runtime; }

const char* hearth_runtime_isa(const hearth_runtime* runtime) {
    return runtime != nullptr ? isa_info(runtime->impl->isa()).name.data() : "";
}

uint32_t hearth_runtime_threads(const hearth_runtime* runtime) {
    return runtime != nullptr ? static_cast<uint32_t>(runtime->impl->executor().workers()) : 0;
}

uint64_t hearth_runtime_memory(const hearth_runtime* runtime) {
    return runtime != nullptr ? runtime->impl->memory()->budget.used() : 0;
}

hearth_status hearth_runtime_measure_stream(double* bytes_per_second, hearth_runtime* runtime, uint64_t bytes, uint32_t rounds) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(bytes_per_second);
        *bytes_per_second = 0;
        HEARTH_NOT_NULL(runtime);
        HEARTH_ASSIGN(*bytes_per_second, runtime->impl->measure_stream(bytes, rounds));
        return {};
    });
}

}  // extern "C"
