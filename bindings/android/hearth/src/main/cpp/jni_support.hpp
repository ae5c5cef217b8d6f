// What stands between Java and hearth.h: no C++ exception enters the virtual machine, no function is called while one of
// Java's is pending, and no number from Java is taken for a pointer.
#pragma once

#include <hearth.h>
#include <jni.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hearth_jni {

// Classes and methods that are looked up once, when the library is loaded, with the loader of its own classes: threads
// that hearth starts would not find them.
struct Classes {
    JavaVM* vm = nullptr;
    jclass exception = nullptr, illegal_state = nullptr, out_of_memory = nullptr, event = nullptr;
    jmethodID exception_new = nullptr, event_new = nullptr, on_progress = nullptr, on_log = nullptr;
};
const Classes& classes();
bool find_classes(JNIEnv* env, JavaVM* vm);

// Thrown where a Java exception is pending already: the call returns at once.
struct Pending {};
inline void check_pending(JNIEnv* env) {
    if (env->ExceptionCheck()) throw Pending();
}
[[noreturn]] void throw_status(JNIEnv* env, hearth_status status, std::string_view message);
inline void check(JNIEnv* env, hearth_status status) {
    if (status != HEARTH_OK) throw_status(env, status, hearth_last_error());
}
[[noreturn]] void throw_closed(JNIEnv* env, const char* what);
void throw_no_memory(JNIEnv* env) noexcept;

// Runs the body of a native function; `nothing` is what Java gets where an exception is pending.
template <class Nothing, class Body>
Nothing guard(JNIEnv* env, Nothing nothing, Body&& body) noexcept {
    try {
        return body();
    } catch (const Pending&) {
    } catch (const std::bad_alloc&) {
        throw_no_memory(env);
    } catch (...) {  // std::length_error and the like, of sizes that cannot be
        throw_no_memory(env);
    }
    return nothing;
}
template <class Body>
void guard(JNIEnv* env, Body&& body) noexcept {
    guard(env, 0, [&] {
        body();
        return 0;
    });
}

// The environment of this thread, which it is given for as long as this lives where it has none.
class ThreadEnv {
public:
    ThreadEnv() noexcept;
    ~ThreadEnv();
    ThreadEnv(const ThreadEnv&) = delete;
    ThreadEnv& operator=(const ThreadEnv&) = delete;
    JNIEnv* get() const { return env_; }  // null where the virtual machine has no room for the thread

private:
    JNIEnv* env_ = nullptr;
    bool attached_ = false;
};

// Objects by number. Who uses one keeps it, so that it can be closed in the middle of a call of another thread.
template <class T>
class Table {
public:
    jlong add(std::shared_ptr<T> object) {
        const std::lock_guard lock(mutex_);
        objects_.emplace(next_, std::move(object));
        return next_++;
    }
    std::shared_ptr<T> get(JNIEnv* env, jlong number) {
        {
            const std::lock_guard lock(mutex_);
            if (const auto found = objects_.find(number); found != objects_.end()) return found->second;
        }
        throw_closed(env, T::kName);
    }
    // The object ends here or with its last user. Closing twice does nothing.
    void remove(jlong number) {
        std::shared_ptr<T> last;
        const std::lock_guard lock(mutex_);
        const auto found = objects_.find(number);
        if (found == objects_.end()) return;
        last = std::move(found->second);
        objects_.erase(found);
    }

private:
    std::mutex mutex_;
    std::unordered_map<jlong, std::shared_ptr<T>> objects_;
    jlong next_ = 1;
};

// ---- arrays: null is an empty one ----

std::string bytes_of(JNIEnv* env, jbyteArray array);
std::vector<std::string> texts_of(JNIEnv* env, jobjectArray array);
std::vector<hearth_token> tokens_of(JNIEnv* env, jintArray array);
std::vector<jint> ints_of(JNIEnv* env, jintArray array);
std::vector<double> doubles_of(JNIEnv* env, jdoubleArray array);

jbyteArray to_java(JNIEnv* env, std::string_view bytes);
jintArray to_java(JNIEnv* env, const std::vector<jint>& values);
jlongArray to_java(JNIEnv* env, const std::vector<jlong>& values);
jfloatArray to_java(JNIEnv* env, const std::vector<float>& values);
jdoubleArray to_java(JNIEnv* env, const std::vector<double>& values);
// A string of UTF-8, which need not be sound: what is not becomes U+FFFD.
jstring to_string(JNIEnv* env, std::string_view utf8);

// Calls f(buffer, capacity, &needed) as hearth.h has it, with a buffer that is large enough. It is never null, which some
// functions take for "no result, please".
template <class T, class F>
std::vector<T> filled(JNIEnv* env, F&& f) {
    std::vector<T> out(1);
    for (;;) {
        std::size_t needed = 0;
        const hearth_status status = f(out.data(), out.size(), &needed);
        if (status == HEARTH_OK) {
            out.resize(needed);
            return out;
        }
        if (status != HEARTH_EBUFS || needed <= out.size()) throw_status(env, status, hearth_last_error());
        out.resize(needed);
    }
}

// The native functions of hearth.Native, file by file.
template <class F>
JNINativeMethod method(const char* name, const char* signature, F* function) {
    // The virtual machine reads the names; before Java 10 their type had no const.
    return {const_cast<char*>(name), const_cast<char*>(signature), reinterpret_cast<void*>(function)};
}
const std::vector<JNINativeMethod>& model_methods();
const std::vector<JNINativeMethod>& session_methods();
const std::vector<JNINativeMethod>& generation_methods();

}  // namespace hearth_jni
