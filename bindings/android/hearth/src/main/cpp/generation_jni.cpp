// hearth.Native: generations, and what happens when the library is loaded.
#include "objects.hpp"

namespace hearth_jni {

namespace {

using Sampling = std::unique_ptr<hearth_sampling, void (*)(hearth_sampling*)>;

Sampling sampling_of(JNIEnv* env, jobjectArray keys, jdoubleArray values, jobjectArray stop, jint constraint_kind,
                     jbyteArray constraint) {
    hearth_sampling* made = nullptr;
    check(env, hearth_sampling_new(&made));
    Sampling out(made, hearth_sampling_free);
    const auto names = texts_of(env, keys);
    const auto numbers = doubles_of(env, values);
    if (names.size() != numbers.size()) throw_status(env, HEARTH_EINVAL, "there are not as many keys as values");
    for (size_t i = 0; i < names.size(); ++i) check(env, hearth_sampling_set(out.get(), names[i].c_str(), numbers[i]));
    const auto texts = texts_of(env, stop);
    std::vector<const char*> data;
    std::vector<size_t> lengths;
    for (const std::string& text : texts) {
        data.push_back(text.data());
        lengths.push_back(text.size());
    }
    if (!texts.empty()) check(env, hearth_sampling_set_list(out.get(), "stop", data.data(), lengths.data(), data.size()));
    const std::string text = bytes_of(env, constraint);
    switch (constraint_kind) {
        case 0: break;
        case 1: check(env, hearth_sampling_set_schema(out.get(), text.data(), text.size())); break;
        case 2: check(env, hearth_sampling_set_regex(out.get(), text.data(), text.size())); break;
        case 3: check(env, hearth_sampling_set_gbnf(out.get(), text.data(), text.size())); break;
        default: throw_status(env, HEARTH_EINVAL, "there is no such kind of constraint");
    }
    return out;
}

jlong generation_new(JNIEnv* env, jclass, jlong session, jobjectArray keys, jdoubleArray values, jobjectArray stop,
                     jint constraint_kind, jbyteArray constraint, jintArray numbers) {
    return guard(env, jlong{0}, [&] {
        auto out = std::make_shared<Generation>(sessions().get(env, session));
        const auto sampling = sampling_of(env, keys, values, stop, constraint_kind, constraint);
        const auto n = ints_of(env, numbers);
        if (n.size() != 4) throw_status(env, HEARTH_EINVAL, "numbers are four");
        for (const jint number : n)
            if (number < 0) throw_status(env, HEARTH_EINVAL, "maxTokens, flags, topLogprobs and deadline must not be negative");
        hearth_generate_options options;
        check(env, hearth_generate_options_init(&options, sizeof options));
        options.max_tokens = static_cast<uint32_t>(n[0]);
        options.flags = static_cast<uint32_t>(n[1]);
        options.top_logprobs = static_cast<uint32_t>(n[2]);
        options.deadline_ms = static_cast<uint32_t>(n[3]);
        check(env, hearth_generator_new(&out->generator, out->session->model->model));
        {
            const std::lock_guard lock(out->session->mutex);
            check(env, hearth_generator_submit(out->generator, out->session->session, sampling.get(), &options));
        }
        return generations().add(std::move(out));
    });
}

jboolean generation_step(JNIEnv* env, jclass, jlong generation) {
    return guard(env, jboolean{JNI_FALSE}, [&] {
        const auto g = generations().get(env, generation);
        const std::lock_guard lock(g->session->mutex);
        const hearth_status status = hearth_generator_step(g->generator);
        if (status == HEARTH_EAGAIN) return jboolean{JNI_FALSE};
        check(env, status);
        return jboolean{JNI_TRUE};
    });
}

jobject generation_next(JNIEnv* env, jclass, jlong generation) {
    return guard(env, jobject{}, [&]() -> jobject {
        const auto g = generations().get(env, generation);
        const std::lock_guard lock(g->session->mutex);
        hearth_event e{};
        e.struct_size = sizeof e;
        const hearth_status status = hearth_generator_next_event(&e, g->generator);
        if (status == HEARTH_EAGAIN) return nullptr;
        check(env, status);
        const jbyteArray text = to_java(env, std::string_view(e.text, e.text_length));
        const jbyteArray message = to_java(env, std::string_view(e.message));
        const jintArray counts =
            to_java(env, std::vector<jint>{static_cast<jint>(e.prompt_tokens), static_cast<jint>(e.prompt_total),
                                           static_cast<jint>(e.generated_tokens), static_cast<jint>(e.reused_tokens)});
        const jdoubleArray seconds = to_java(env, std::vector<double>{e.prompt_seconds, e.generate_seconds});
        jintArray ids = nullptr;
        jfloatArray logprobs = nullptr;
        if (e.logprobs != nullptr) {
            std::vector<jint> tokens;
            std::vector<float> values;
            for (uint32_t i = 0; i < e.logprob_count; ++i) {
                tokens.push_back(e.logprobs[i].token);
                values.push_back(e.logprobs[i].logprob);
            }
            ids = to_java(env, tokens);
            logprobs = to_java(env, values);
        }
        return env->NewObject(classes().event, classes().event_new, static_cast<jint>(e.kind), static_cast<jint>(e.reason),
                              jint{e.token}, jint{e.status}, jint{e.stop}, text, message, counts, seconds, ids, logprobs);
    });
}

void generation_close(JNIEnv* env, jclass, jlong generation) {
    guard(env, [&] { generations().remove(generation); });
}

}  // namespace

Table<Generation>& generations() {
    static Table<Generation> table;
    return table;
}

const std::vector<JNINativeMethod>& generation_methods() {
    static const std::vector<JNINativeMethod> methods{
        method("generationNew", "(J[[B[D[[BI[B[I)J", generation_new),
        method("generationStep", "(J)Z", generation_step),
        method("generationNext", "(J)Lhearth/NativeEvent;", generation_next),
        method("generationClose", "(J)V", generation_close),
    };
    return methods;
}

}  // namespace hearth_jni

// Fails, so that System.loadLibrary throws, where the classes are not those that this library was made for.
extern "C" JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* vm, void*) {
    using namespace hearth_jni;  // NOLINT(google-build-using-namespace)
    void* found = nullptr;
    if (vm->GetEnv(&found, JNI_VERSION_1_6) != JNI_OK) return JNI_ERR;
    auto* const env = static_cast<JNIEnv*>(found);
    try {
        if (!find_classes(env, vm)) return JNI_ERR;
        const jclass native = env->FindClass("hearth/Native");
        if (native == nullptr) return JNI_ERR;
        for (const auto* methods : {&model_methods(), &session_methods(), &generation_methods()})
            if (env->RegisterNatives(native, methods->data(), static_cast<jint>(methods->size())) != JNI_OK) return JNI_ERR;
    } catch (...) {
        return JNI_ERR;
    }
    return JNI_VERSION_1_6;
}
