// hearth.Native: sessions.
#include "objects.hpp"

namespace hearth_jni {

namespace {

// A session that this thread may work on as long as this lives.
struct Held {
    Held(JNIEnv* env, jlong number) : object(sessions().get(env, number)), lock(object->mutex) {}
    hearth_session* get() const { return object->session; }
    std::shared_ptr<Session> object;
    std::unique_lock<std::mutex> lock;
};

size_t size_of(JNIEnv* env, jint value, const char* name) {
    if (value < 0) throw_status(env, HEARTH_ERANGE, std::string(name) + " is " + std::to_string(value) + ", expected 0 or more");
    return static_cast<size_t>(value);
}

std::string path_of(JNIEnv* env, jbyteArray path) {
    std::string out = bytes_of(env, path);
    if (out.find('\0') != std::string::npos) throw_status(env, HEARTH_EINVAL, "the path has a zero byte");
    return out;
}

jlong session_new(JNIEnv* env, jclass, jlong model, jint context, jint kv) {
    return guard(env, jlong{0}, [&] {
        auto out = std::make_shared<Session>(models().get(env, model));
        hearth_session_options options;
        check(env, hearth_session_options_init(&options, sizeof options));
        options.context = static_cast<uint32_t>(size_of(env, context, "context"));
        options.kv = static_cast<uint32_t>(kv);
        check(env, hearth_session_new(&out->session, out->model->model, &options));
        return sessions().add(std::move(out));
    });
}

void session_close(JNIEnv* env, jclass, jlong session) {
    guard(env, [&] { sessions().remove(session); });
}

jlong session_fork(JNIEnv* env, jclass, jlong session) {
    return guard(env, jlong{0}, [&] {
        const Held held(env, session);
        auto out = std::make_shared<Session>(held.object->model);
        check(env, hearth_session_fork(&out->session, held.get()));
        return sessions().add(std::move(out));
    });
}

void session_append_text(JNIEnv* env, jclass, jlong session, jbyteArray text, jint flags) {
    guard(env, [&] {
        const Held held(env, session);
        const std::string utf8 = bytes_of(env, text);
        check(env, hearth_session_append_text(held.get(), utf8.data(), utf8.size(), static_cast<uint32_t>(flags)));
    });
}

void session_append_tokens(JNIEnv* env, jclass, jlong session, jintArray tokens) {
    guard(env, [&] {
        const Held held(env, session);
        const auto ids = tokens_of(env, tokens);
        check(env, hearth_session_append_tokens(held.get(), ids.data(), ids.size()));
    });
}

void session_replace(JNIEnv* env, jclass, jlong session, jint at, jint removed, jintArray tokens) {
    guard(env, [&] {
        const Held held(env, session);
        const auto ids = tokens_of(env, tokens);
        check(env, hearth_session_replace(held.get(), size_of(env, at, "at"), size_of(env, removed, "removed"), ids.data(),
                                          ids.size()));
    });
}

void session_truncate(JNIEnv* env, jclass, jlong session, jint length) {
    guard(env, [&] {
        const Held held(env, session);
        check(env, hearth_session_truncate(held.get(), size_of(env, length, "length")));
    });
}

jlongArray session_numbers(JNIEnv* env, jclass, jlong session) {
    return guard(env, jlongArray{}, [&] {
        const Held held(env, session);
        return to_java(env, std::vector<jlong>{static_cast<jlong>(hearth_session_length(held.get())),
                                               hearth_session_context(held.get()),
                                               static_cast<jlong>(hearth_session_memory(held.get()))});
    });
}

jintArray session_tokens(JNIEnv* env, jclass, jlong session) {
    return guard(env, jintArray{}, [&] {
        const Held held(env, session);
        return to_java(env, filled<jint>(env, [&](jint* out, size_t capacity, size_t* needed) {
                           return hearth_session_tokens(out, capacity, needed, held.get());
                       }));
    });
}

jfloatArray session_eval(JNIEnv* env, jclass, jlong session) {
    return guard(env, jfloatArray{}, [&] {
        const Held held(env, session);
        return to_java(env, filled<float>(env, [&](float* out, size_t capacity, size_t* needed) {
                           return hearth_session_eval(out, capacity, needed, held.get(), 0);
                       }));
    });
}

jbyteArray session_save(JNIEnv* env, jclass, jlong session) {
    return guard(env, jbyteArray{}, [&] {
        const Held held(env, session);
        const auto bytes = filled<char>(env, [&](char* out, size_t capacity, size_t* needed) {
            return hearth_session_save(out, capacity, needed, held.get());
        });
        return to_java(env, std::string_view(bytes.data(), bytes.size()));
    });
}

void session_restore(JNIEnv* env, jclass, jlong session, jbyteArray bytes) {
    guard(env, [&] {
        const Held held(env, session);
        const std::string blob = bytes_of(env, bytes);
        check(env, hearth_session_restore(held.get(), blob.data(), blob.size()));
    });
}

void session_save_path(JNIEnv* env, jclass, jlong session, jbyteArray path) {
    guard(env, [&] {
        const Held held(env, session);
        check(env, hearth_session_save_path(held.get(), path_of(env, path).c_str()));
    });
}

void session_restore_path(JNIEnv* env, jclass, jlong session, jbyteArray path) {
    guard(env, [&] {
        const Held held(env, session);
        check(env, hearth_session_restore_path(held.get(), path_of(env, path).c_str()));
    });
}

// The one call that does not wait for its turn.
void session_cancel(JNIEnv* env, jclass, jlong session) {
    guard(env, [&] { check(env, hearth_session_cancel(sessions().get(env, session)->session)); });
}

}  // namespace

Table<Session>& sessions() {
    static Table<Session> table;
    return table;
}

const std::vector<JNINativeMethod>& session_methods() {
    static const std::vector<JNINativeMethod> methods{
        method("sessionNew", "(JII)J", session_new),
        method("sessionClose", "(J)V", session_close),
        method("sessionFork", "(J)J", session_fork),
        method("sessionAppendText", "(J[BI)V", session_append_text),
        method("sessionAppendTokens", "(J[I)V", session_append_tokens),
        method("sessionReplace", "(JII[I)V", session_replace),
        method("sessionTruncate", "(JI)V", session_truncate),
        method("sessionNumbers", "(J)[J", session_numbers),
        method("sessionTokens", "(J)[I", session_tokens),
        method("sessionEval", "(J)[F", session_eval),
        method("sessionSave", "(J)[B", session_save),
        method("sessionRestore", "(J[B)V", session_restore),
        method("sessionSavePath", "(J[B)V", session_save_path),
        method("sessionRestorePath", "(J[B)V", session_restore_path),
        method("sessionCancel", "(J)V", session_cancel),
    };
    return methods;
}

}  // namespace hearth_jni
