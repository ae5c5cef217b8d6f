#include "guard.h"

using namespace hearth;        // NOLINT(google-build-using-namespace)
using namespace hearth::capi;  // NOLINT(google-build-using-namespace)

namespace {

constexpr uint32_t kGenerateFlags =
    HEARTH_GENERATE_IGNORE_EOS | HEARTH_GENERATE_SPECIAL | HEARTH_GENERATE_LOGITS | HEARTH_GENERATE_PREFILL |
    HEARTH_GENERATE_LOGPROBS;

static_assert(sizeof(TokenLogprob) == sizeof(hearth_logprob) && offsetof(TokenLogprob, token) == offsetof(hearth_logprob, token) &&
              offsetof(TokenLogprob, logprob) == offsetof(hearth_logprob, logprob));

Status fill_event(hearth_event* out, const GenerateEvent& e) {
    hearth_event full{};
    full.kind = static_cast<uint32_t>(e.kind);
    full.reason = static_cast<uint32_t>(e.reason);
    full.session = static_cast<hearth_session*>(e.handle);
    full.tag = e.tag;
    full.token = e.token;
    full.status = static_cast<hearth_status>(e.status.code());
    full.text = e.text.c_str();
    full.text_length = e.text.size();
    full.message = e.status.message().c_str();
    full.logits = e.logits.empty() ? nullptr : e.logits.data();
    full.prompt_tokens = e.prompt_tokens;
    full.prompt_total = e.prompt_total;
    full.generated_tokens = e.generated_tokens;
    full.prompt_seconds = e.prompt_seconds;
    full.generate_seconds = e.generate_seconds;
    full.logprobs = e.logprobs.empty() ? nullptr : reinterpret_cast<const hearth_logprob*>(e.logprobs.data());
    full.logprob_count = static_cast<uint32_t>(e.logprobs.size());
    full.stop = e.stop;
    full.preemptions = e.stats.preemptions;
    full.wait_seconds = e.stats.wait_seconds;
    full.draft_speedup = e.stats.draft_speedup;
    full.passes = e.stats.passes;
    full.reused_tokens = e.stats.reused_tokens;
    full.drafted_tokens = e.stats.drafted_tokens;
    full.accepted_tokens = e.stats.accepted_tokens;
    const size_t size = out->struct_size;
    return init_options(out, size, full, "hearth_event");
}

Status submit(Generator& generator, hearth_session* session, const hearth_sampling* sampling,
              const hearth_generate_options* options) {
    HEARTH_NOT_NULL(session);
    hearth_generate_options o{};
    HEARTH_TRY(read_options(o, options, "hearth_generate_options"));
    if ((o.flags & ~kGenerateFlags) != 0)
        return {Code::invalid_argument, cat("hearth_generate_options.flags is ", o.flags, ", expected HEARTH_GENERATE_… only")};
    HEARTH_ASSIGN(const Sampling settings, sampling_argument(sampling));
    GenerateOptions g;
    g.max_tokens = o.max_tokens;
    g.ignore_eos = (o.flags & HEARTH_GENERATE_IGNORE_EOS) != 0;
    g.special = (o.flags & HEARTH_GENERATE_SPECIAL) != 0;
    g.keep_logits = (o.flags & HEARTH_GENERATE_LOGITS) != 0;
    g.report_prefill = (o.flags & HEARTH_GENERATE_PREFILL) != 0;
    g.logprob = (o.flags & HEARTH_GENERATE_LOGPROBS) != 0;
    g.top_logprobs = o.top_logprobs;
    if (o.top_logprobs != 0 && !g.logprob)
        return {Code::invalid_argument, "hearth_generate_options.top_logprobs is set without HEARTH_GENERATE_LOGPROBS"};
    g.tag = o.tag;
    g.deadline_ms = o.deadline_ms;
    if (o.draft > HEARTH_DRAFT_MTP)
        return {Code::invalid_argument, cat("hearth_generate_options.draft is ", o.draft, ", expected HEARTH_DRAFT_…")};
    if ((o.draft == HEARTH_DRAFT_MODEL) != (o.draft_model != nullptr))
        return {Code::invalid_argument, "hearth_generate_options.draft_model goes with HEARTH_DRAFT_MODEL, and only with it"};
    g.draft = static_cast<Draft>(o.draft);
    g.draft_tokens = o.draft_tokens;
    if (o.draft_model != nullptr) g.draft_model = o.draft_model->impl;
    return generator.submit(session->impl, session, settings, g);
}

}  // namespace

extern "C" {

hearth_status hearth_generate_options_init(hearth_generate_options* options, size_t struct_size) {
    return guard([&] { return init_options(options, struct_size, hearth_generate_options{}, "hearth_generate_options"); });
}

hearth_status hearth_generator_new(hearth_generator** out, hearth_model* model) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        HEARTH_NOT_NULL(model);
        *out = new hearth_generator{Generator(model->impl), {}};
        return {};
    });
}

void hearth_generator_free(hearth_generator* generator) { delete generator; }

hearth_status hearth_generator_submit(hearth_generator* generator, hearth_session* session, const hearth_sampling* sampling,
                                      const hearth_generate_options* options) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(generator);
        return submit(generator->impl, session, sampling, options);
    });
}

hearth_status hearth_generator_step(hearth_generator* generator) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(generator);
        return generator->impl.step();
    });
}

hearth_status hearth_generator_next_event(hearth_event* event, hearth_generator* generator) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(event);
        HEARTH_NOT_NULL(generator);
        hearth_event probe{};
        HEARTH_TRY(read_options(probe, event, "hearth_event"));  // an event is not lost to a struct that cannot take it
        if (!generator->impl.next_event(generator->event)) return {Code::again, "no event yet"};  // asked for after every token: so short that it allocates nothing
        generator->event.session.reset();  // what is left of the event does not keep a freed session's cache
        return fill_event(event, generator->event);
    });
}

hearth_status hearth_generator_cancel(hearth_generator* generator, hearth_session* session) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(generator);
        generator->impl.cancel(session);
        return {};
    });
}

hearth_status hearth_session_generate(uint32_t* finish, hearth_session* session, const hearth_sampling* sampling,
                                      const hearth_generate_options* options,
                                      int32_t (*on_event)(const hearth_event* event, void* user), void* user) {
    return guard([&]() -> Status {
        if (finish != nullptr) *finish = 0;
        HEARTH_NOT_NULL(session);
        HEARTH_NOT_NULL(on_event);
        // The session outlives the call even if the callback frees its handle.
        const std::shared_ptr<Session> impl = session->impl;
        Generator generator(impl->model());
        HEARTH_TRY(submit(generator, session, sampling, options));
        GenerateEvent e;
        while (true) {
            const Status stepped = generator.step();
            if (stepped.code() == Code::again) return {};
            HEARTH_TRY(stepped);
            while (generator.next_event(e)) {
                hearth_event event{};
                event.struct_size = sizeof event;
                HEARTH_TRY(fill_event(&event, e));
                if (e.kind == EventKind::finish && finish != nullptr) *finish = event.reason;
                if (on_event(&event, user) != 0) generator.cancel(nullptr);
                if (e.reason == FinishReason::error) return e.status;
            }
        }
    });
}

}  // extern "C"
