#include "jni_support.hpp"

#include <algorithm>
#include <limits>

namespace hearth_jni {

namespace {

// Filled by JNI_OnLoad, before any other function here can be called, and constant from then on.
Classes g_classes;

jclass global_class(JNIEnv* env, const char* name) {
    const jclass local = env->FindClass(name);
    if (local == nullptr) return nullptr;
    const auto global = static_cast<jclass>(env->NewGlobalRef(local));
    env->DeleteLocalRef(local);
    return global;
}

jsize length_for_java(JNIEnv* env, std::size_t size) {
    if (size <= static_cast<std::size_t>(std::numeric_limits<jsize>::max())) return static_cast<jsize>(size);
    throw_status(env, HEARTH_ERANGE, "the result is longer than an array of Java can be");
}

// UTF-16 of UTF-8, U+FFFD for each byte that begins no character.
std::u16string utf16(std::string_view s) {
    std::u16string out;
    out.reserve(s.size());
    for (std::size_t i = 0; i < s.size();) {
        const auto byte = [&](std::size_t k) { return i + k < s.size() ? static_cast<unsigned char>(s[i + k]) : 0u; };
        const unsigned lead = byte(0);
        const std::size_t more = lead < 0x80 ? 0 : lead >= 0xc2 && lead < 0xe0 ? 1 : (lead & 0xf0) == 0xe0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : 9;
        std::uint32_t c = more == 0 ? lead : lead & (0x3fu >> more);
        bool sound = more != 9;
        for (std::size_t k = 1; sound && k <= more; ++k) {
            sound = (byte(k) & 0xc0) == 0x80;
            c = c << 6 | (byte(k) & 0x3f);
        }
        constexpr std::uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
        sound = sound && c >= kLeast[more] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
        if (!sound) {
            out += u'\ufffd';
            ++i;
            continue;
        }
        if (c >= 0x10000) {
            out += static_cast<char16_t>(0xd800 + ((c - 0x10000) >> 10));
            out += static_cast<char16_t>(0xdc00 + ((c - 0x10000) & 0x3ff));
        } else {
            out += static_cast<char16_t>(c);
        }
        i += more + 1;
    }
    return out;
}

}  // namespace

const Classes& classes() { return g_classes; }

bool find_classes(JNIEnv* env, JavaVM* vm) {
    Classes c;
    c.vm = vm;
    c.exception = global_class(env, "hearth/HearthException");
    c.illegal_state = c.exception != nullptr ? global_class(env, "java/lang/IllegalStateException") : nullptr;
    c.out_of_memory = c.illegal_state != nullptr ? global_class(env, "java/lang/OutOfMemoryError") : nullptr;
    c.event = c.out_of_memory != nullptr ? global_class(env, "hearth/NativeEvent") : nullptr;
    const jclass progress = c.event != nullptr ? env->FindClass("hearth/Native$Progress") : nullptr;
    const jclass log = progress != nullptr ? env->FindClass("hearth/Native$Log") : nullptr;
    if (log == nullptr) return false;
    c.exception_new = env->GetMethodID(c.exception, "<init>", "(ILjava/lang/String;Ljava/lang/String;)V");
    if (c.exception_new == nullptr) return false;
    c.event_new = env->GetMethodID(c.event, "<init>", "(IIIII[B[B[I[D[I[F)V");
    if (c.event_new == nullptr) return false;
    c.on_progress = env->GetMethodID(progress, "onProgress", "(JJ)Z");
    if (c.on_progress == nullptr) return false;
    c.on_log = env->GetMethodID(log, "onLog", "(I[B)V");
    if (c.on_log == nullptr) return false;
    g_classes = c;
    return true;
}

void throw_status(JNIEnv* env, hearth_status status, std::string_view message) {
    if (!env->ExceptionCheck()) {
        const jstring text = to_string(env, message);
        const jstring name = to_string(env, hearth_status_name(status));
        const jobject made = env->NewObject(classes().exception, classes().exception_new, jint{status}, name, text);
        if (made != nullptr) env->Throw(static_cast<jthrowable>(made));
    }
    throw Pending();
}

void throw_closed(JNIEnv* env, const char* what) {
    if (!env->ExceptionCheck()) env->ThrowNew(classes().illegal_state, (std::string(what) + " is closed").c_str());
    throw Pending();
}

void throw_no_memory(JNIEnv* env) noexcept {
    if (!env->ExceptionCheck()) env->ThrowNew(classes().out_of_memory, "there is no memory for what was asked of hearth");
}

ThreadEnv::ThreadEnv() noexcept {
    JavaVM* const vm = classes().vm;
    void* env = nullptr;
    const jint found = vm->GetEnv(&env, JNI_VERSION_1_6);
    if (found == JNI_OK) {
        env_ = static_cast<JNIEnv*>(env);
    } else if (found == JNI_EDETACHED) {
#ifdef __ANDROID__
        attached_ = vm->AttachCurrentThreadAsDaemon(&env_, nullptr) == JNI_OK;
#else
        attached_ = vm->AttachCurrentThreadAsDaemon(reinterpret_cast<void**>(&env_), nullptr) == JNI_OK;
#endif
        if (!attached_) env_ = nullptr;
    }
}

ThreadEnv::~ThreadEnv() {
    if (attached_) classes().vm->DetachCurrentThread();
}

std::string bytes_of(JNIEnv* env, jbyteArray array) {
    std::string out;
    if (array == nullptr) return out;
    out.resize(static_cast<std::size_t>(env->GetArrayLength(array)));
    env->GetByteArrayRegion(array, 0, static_cast<jsize>(out.size()), reinterpret_cast<jbyte*>(out.data()));
    check_pending(env);
    return out;
}

std::vector<std::string> texts_of(JNIEnv* env, jobjectArray array) {
    std::vector<std::string> out;
    const jsize count = array != nullptr ? env->GetArrayLength(array) : 0;
    out.reserve(static_cast<std::size_t>(count));
    for (jsize i = 0; i < count; ++i) {
        const auto element = static_cast<jbyteArray>(env->GetObjectArrayElement(array, i));
        check_pending(env);
        out.push_back(bytes_of(env, element));
        env->DeleteLocalRef(element);  // there may be more of them than local references
    }
    return out;
}

std::vector<jint> ints_of(JNIEnv* env, jintArray array) {
    std::vector<jint> out;
    if (array == nullptr) return out;
    out.resize(static_cast<std::size_t>(env->GetArrayLength(array)));
    env->GetIntArrayRegion(array, 0, static_cast<jsize>(out.size()), out.data());
    check_pending(env);
    return out;
}

std::vector<hearth_token> tokens_of(JNIEnv* env, jintArray array) {
    static_assert(sizeof(jint) == sizeof(hearth_token));
    const std::vector<jint> values = ints_of(env, array);
    return {values.begin(), values.end()};
}

std::vector<double> doubles_of(JNIEnv* env, jdoubleArray array) {
    std::vector<double> out;
    if (array == nullptr) return out;
    out.resize(static_cast<std::size_t>(env->GetArrayLength(array)));
    env->GetDoubleArrayRegion(array, 0, static_cast<jsize>(out.size()), out.data());
    check_pending(env);
    return out;
}

jbyteArray to_java(JNIEnv* env, std::string_view bytes) {
    const jsize size = length_for_java(env, bytes.size());
    const jbyteArray out = env->NewByteArray(size);
    check_pending(env);
    env->SetByteArrayRegion(out, 0, size, reinterpret_cast<const jbyte*>(bytes.data()));
    return out;
}

jintArray to_java(JNIEnv* env, const std::vector<jint>& values) {
    const jsize size = length_for_java(env, values.size());
    const jintArray out = env->NewIntArray(size);
    check_pending(env);
    env->SetIntArrayRegion(out, 0, size, values.data());
    return out;
}

jlongArray to_java(JNIEnv* env, const std::vector<jlong>& values) {
    const jsize size = length_for_java(env, values.size());
    const jlongArray out = env->NewLongArray(size);
    check_pending(env);
    env->SetLongArrayRegion(out, 0, size, values.data());
    return out;
}

jfloatArray to_java(JNIEnv* env, const std::vector<float>& values) {
    const jsize size = length_for_java(env, values.size());
    const jfloatArray out = env->NewFloatArray(size);
    check_pending(env);
    env->SetFloatArrayRegion(out, 0, size, values.data());
    return out;
}

jdoubleArray to_java(JNIEnv* env, const std::vector<double>& values) {
    const jsize size = length_for_java(env, values.size());
    const jdoubleArray out = env->NewDoubleArray(size);
    check_pending(env);
    env->SetDoubleArrayRegion(out, 0, size, values.data());
    return out;
}

jstring to_string(JNIEnv* env, std::string_view utf8) {
    const std::u16string text = utf16(utf8);
    const jsize size = length_for_java(env, text.size());
    return env->NewString(reinterpret_cast<const jchar*>(text.data()), size);
}

}  // namespace hearth_jni
