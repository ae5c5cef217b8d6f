// The objects that hearth.Native's numbers stand for.
#pragma once

#include <memory>
#include <mutex>

#include "jni_support.hpp"

namespace hearth_jni {

struct Log;

// A model with a runtime of its own.
struct Model {
    static constexpr const char* kName = "the model";
    Model() = default;
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;
    ~Model() {
        hearth_tokenizer_free(tokenizer);
        hearth_model_free(model);
        hearth_runtime_free(runtime);
    }
    std::shared_ptr<Log> log;  // outlives the runtime
    hearth_runtime* runtime = nullptr;
    hearth_model* model = nullptr;
    hearth_tokenizer* tokenizer = nullptr;
};

// One thread at a time works on a session: who calls takes `mutex`. A generation has it for one pass at a time, between
// which other calls are answered by hearth with HEARTH_ESTATE.
struct Session {
    static constexpr const char* kName = "the session";
    explicit Session(std::shared_ptr<Model> m) : model(std::move(m)) {}
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() { hearth_session_free(session); }
    std::shared_ptr<Model> model;
    hearth_session* session = nullptr;
    std::mutex mutex;
};

struct Generation {
    static constexpr const char* kName = "the generation";
    explicit Generation(std::shared_ptr<Session> s) : session(std::move(s)) {}
    Generation(const Generation&) = delete;
    Generation& operator=(const Generation&) = delete;
    ~Generation() {
        const std::lock_guard lock(session->mutex);
        hearth_generator_free(generator);
    }
    std::shared_ptr<Session> session;
    hearth_generator* generator = nullptr;
};

// Library-wide, as Java's numbers are.
Table<Model>& models();
Table<Session>& sessions();
Table<Generation>& generations();

}  // namespace hearth_jni
