// The Python classes of the module that others of its classes take.
#pragma once

#include <deque>
#include <mutex>

#include "support.hpp"

namespace hearth_py {

// Messages of a runtime wait here, at most a thousand: they come from any thread, at times when Python must not be called.
struct Messages {
    std::mutex mutex;
    std::deque<std::pair<std::int32_t, std::string>> waiting;
};

struct Runtime {
    std::shared_ptr<Messages> messages;
    Handle<hearth_runtime, hearth_runtime_free> handle;
};

struct Model {
    Handle<hearth_model, hearth_model_free> handle;
    std::shared_ptr<hearth_model> get() const { return handle.get("model"); }
};

struct Tokenizer {
    Handle<hearth_tokenizer, hearth_tokenizer_free> handle;
    std::shared_ptr<hearth_tokenizer> get() const { return handle.get("tokenizer"); }
};

// What generations and threads share of a session.
struct SessionState {
    SessionState(hearth_session* made) : session(made), generation(fork_generation()) {}
    SessionState(const SessionState&) = delete;
    SessionState& operator=(const SessionState&) = delete;
    ~SessionState() {
        if (generation == fork_generation()) hearth_session_free(session);
    }
    hearth_session* session;
    unsigned generation;
    std::atomic<bool> busy{false};
};

struct Session {
    std::shared_ptr<SessionState> state;
    std::shared_ptr<SessionState> get() const {
        if (state == nullptr) refuse("this session is closed");
        if (state->generation != fork_generation()) {
            refuse("this session was made before a fork; make it in the process that uses it");
        }
        return state;
    }
};

struct Sampling {
    Handle<hearth_sampling, hearth_sampling_free> handle;
    std::shared_ptr<hearth_sampling> get() const { return handle.get("sampling"); }
};

}  // namespace hearth_py
