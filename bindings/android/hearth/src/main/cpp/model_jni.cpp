// hearth.Native: models.
#include "objects.hpp"

namespace hearth_jni {

// Where messages of a runtime go. They may come from any thread, of hearth's own too.
struct Log {
    Log(JNIEnv* env, jobject listener) : target(env->NewGlobalRef(listener)) {}
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;
    ~Log() {
        const ThreadEnv env;
        if (env.get() != nullptr) env.get()->DeleteGlobalRef(target);
    }
    static void write(int32_t level, const char* text, size_t length, void* user) noexcept {
        const ThreadEnv thread;
        JNIEnv* const env = thread.get();
        // A message is not worth an exception: none is made, and where one is under way it is not told.
        if (env == nullptr || env->ExceptionCheck()) return;
        if (env->PushLocalFrame(4) != 0) return env->ExceptionClear();
        try {
            const jbyteArray bytes = to_java(env, std::string_view(text, length));
            env->CallVoidMethod(static_cast<Log*>(user)->target, classes().on_log, jint{level}, bytes);
        } catch (...) {
        }
        env->ExceptionClear();
        env->PopLocalFrame(nullptr);
    }
    jobject target;
};

namespace {

struct ProgressCall {
    JNIEnv* env;
    jobject target;
    // In the thread that opens the model. An exception stays pending and stops the load.
    static int32_t report(uint64_t done, uint64_t total, void* user) noexcept {
        const auto& self = *static_cast<ProgressCall*>(user);
        if (self.env->ExceptionCheck()) return 1;
        const jboolean on = self.env->CallBooleanMethod(self.target, classes().on_progress, static_cast<jlong>(done),
                                                        static_cast<jlong>(total));
        return self.env->ExceptionCheck() || on == JNI_FALSE ? 1 : 0;
    }
};

jstring version(JNIEnv* env, jclass) {
    return guard(env, jstring{}, [&] { return to_string(env, hearth_version()); });
}

jstring status_name(JNIEnv* env, jclass, jint status) {
    return guard(env, jstring{}, [&] { return to_string(env, hearth_status_name(status)); });
}

jlong model_open(JNIEnv* env, jclass, jbyteArray path, jint threads, jlong memory_budget, jbyteArray isa,
                 jobject progress, jobject log) {
    return guard(env, jlong{0}, [&] {
        auto out = std::make_shared<Model>();
        const std::string where = bytes_of(env, path), wanted = bytes_of(env, isa);
        if (threads < 0 || memory_budget < 0)
            throw_status(env, HEARTH_EINVAL, "threads and memoryBudget must not be negative");
        if (where.find('\0') != std::string::npos) throw_status(env, HEARTH_EINVAL, "the path has a zero byte");
        hearth_runtime_options options;
        check(env, hearth_runtime_options_init(&options, sizeof options));
        options.threads = static_cast<uint32_t>(threads);
        options.memory_budget = static_cast<uint64_t>(memory_budget);
        options.isa = wanted.c_str();
        if (log != nullptr) {
            out->log = std::make_shared<Log>(env, log);
            options.log = Log::write;
            options.log_user = out->log.get();
        }
        check(env, hearth_runtime_new(&out->runtime, &options));
        hearth_model_options loading;
        check(env, hearth_model_options_init(&loading, sizeof loading));
        ProgressCall call{env, progress};
        if (progress != nullptr) {
            loading.progress = ProgressCall::report;
            loading.progress_user = &call;
        }
        const hearth_status status = hearth_model_open_path(&out->model, out->runtime, where.c_str(), &loading);
        check_pending(env);  // what the callback threw
        check(env, status);
        check(env, hearth_tokenizer_of_model(&out->tokenizer, out->model));
        return models().add(std::move(out));
    });
}

void model_close(JNIEnv* env, jclass, jlong model) {
    guard(env, [&] { models().remove(model); });
}

jbyteArray model_inspect(JNIEnv* env, jclass, jlong model) {
    return guard(env, jbyteArray{}, [&] {
        const auto m = models().get(env, model);
        hearth_text* text = nullptr;
        check(env, hearth_model_inspect(&text, m->model));
        const std::unique_ptr<hearth_text, void (*)(hearth_text*)> holder(text, hearth_text_free);
        size_t length = 0;
        const char* const data = hearth_text_data(text, &length);
        return to_java(env, std::string_view(data, length));
    });
}

jstring model_isa(JNIEnv* env, jclass, jlong model) {
    return guard(env, jstring{}, [&] { return to_string(env, hearth_runtime_isa(models().get(env, model)->runtime)); });
}

jlongArray model_numbers(JNIEnv* env, jclass, jlong model) {
    return guard(env, jlongArray{}, [&] {
        const auto m = models().get(env, model);
        hearth_embedding_info info{};
        info.struct_size = sizeof info;
        check(env, hearth_model_embedding_info(&info, m->model));
        return to_java(env, std::vector<jlong>{hearth_model_vocab_size(m->model), hearth_model_context_length(m->model),
                                               static_cast<jlong>(hearth_model_weight_bytes(m->model)), info.width,
                                               info.generates, info.pooling});
    });
}

jintArray tokenize(JNIEnv* env, jclass, jlong model, jbyteArray text, jint flags) {
    return guard(env, jintArray{}, [&] {
        const auto m = models().get(env, model);
        const std::string utf8 = bytes_of(env, text);
        return to_java(env, filled<jint>(env, [&](jint* out, size_t capacity, size_t* needed) {
                           return hearth_tokenizer_encode(out, capacity, needed, m->tokenizer, utf8.data(), utf8.size(),
                                                          static_cast<uint32_t>(flags));
                       }));
    });
}

jbyteArray detokenize(JNIEnv* env, jclass, jlong model, jintArray tokens, jboolean special) {
    return guard(env, jbyteArray{}, [&] {
        const auto m = models().get(env, model);
        const auto ids = tokens_of(env, tokens);
        const auto text = filled<char>(env, [&](char* out, size_t capacity, size_t* needed) {
            return hearth_tokenizer_decode(out, capacity, needed, m->tokenizer, ids.data(), ids.size(), special != JNI_FALSE);
        });
        return to_java(env, std::string_view(text.data(), text.size()));
    });
}

jbyteArray chat_render(JNIEnv* env, jclass, jlong model, jbyteArray input) {
    return guard(env, jbyteArray{}, [&] {
        const auto m = models().get(env, model);
        const std::string json = bytes_of(env, input);
        hearth_text* text = nullptr;
        check(env, hearth_chat_render(&text, m->tokenizer, nullptr, 0, json.data(), json.size()));
        const std::unique_ptr<hearth_text, void (*)(hearth_text*)> holder(text, hearth_text_free);
        size_t length = 0;
        const char* const data = hearth_text_data(text, &length);
        return to_java(env, std::string_view(data, length));
    });
}

jintArray chat_tokens(JNIEnv* env, jclass, jlong model, jbyteArray input) {
    return guard(env, jintArray{}, [&] {
        const auto m = models().get(env, model);
        const std::string json = bytes_of(env, input);
        return to_java(env, filled<jint>(env, [&](jint* out, size_t capacity, size_t* needed) {
                           return hearth_chat_tokens(out, capacity, needed, m->tokenizer, nullptr, 0, json.data(),
                                                     json.size(), 0);
                       }));
    });
}

jfloatArray embed(JNIEnv* env, jclass, jlong model, jobjectArray texts, jint pooling, jint flags, jint dimensions) {
    return guard(env, jfloatArray{}, [&] {
        const auto m = models().get(env, model);
        const auto list = texts_of(env, texts);
        std::vector<const char*> data;
        std::vector<size_t> lengths;
        for (const std::string& text : list) {
            data.push_back(text.data());
            lengths.push_back(text.size());
        }
        hearth_embed_options options;
        check(env, hearth_embed_options_init(&options, sizeof options));
        options.pooling = static_cast<uint32_t>(pooling);
        options.flags = static_cast<uint32_t>(flags);
        options.dimensions = static_cast<uint32_t>(dimensions);
        return to_java(env, filled<float>(env, [&](float* out, size_t capacity, size_t* needed) {
                           return hearth_model_embed_texts(out, capacity, needed, m->model, data.data(), lengths.data(),
                                                           list.size(), &options);
                       }));
    });
}

}  // namespace

Table<Model>& models() {
    static Table<Model> table;
    return table;
}

const std::vector<JNINativeMethod>& model_methods() {
    static const std::vector<JNINativeMethod> methods{
        method("version", "()Ljava/lang/String;", version),
        method("statusName", "(I)Ljava/lang/String;", status_name),
        method("modelOpen", "([BIJ[BLhearth/Native$Progress;Lhearth/Native$Log;)J", model_open),
        method("modelClose", "(J)V", model_close),
        method("modelInspect", "(J)[B", model_inspect),
        method("modelIsa", "(J)Ljava/lang/String;", model_isa),
        method("modelNumbers", "(J)[J", model_numbers),
        method("tokenize", "(J[BI)[I", tokenize),
        method("detokenize", "(J[IZ)[B", detokenize),
        method("chatRender", "(J[B)[B", chat_render),
        method("chatTokens", "(J[B)[I", chat_tokens),
        method("embed", "(J[[BIII)[F", embed),
    };
    return methods;
}

}  // namespace hearth_jni
