// The engine behind the C interface: runtimes, loaded models, sessions. capi/*.cpp adds nothing but the C clothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "hearth/base/file.hpp"
#include "hearth/base/hash.hpp"
#include "hearth/base/log.hpp"
#include "hearth/base/memory.hpp"
#include "hearth/base/parallel.hpp"
#include "hearth/base/turnstile.hpp"
#include "hearth/formats/model_file.hpp"
#include "hearth/kernels/kernels.hpp"
#include "hearth/models/adapter.hpp"
#include "hearth/models/model.hpp"
#include "hearth/runtime/sequence.hpp"
#include "hearth/text/constraint.hpp"
#include "hearth/text/tokenizer.hpp"

namespace hearth {

struct RuntimeOptions {
    std::size_t threads = 0;
    std::uint64_t memory_budget = 0;
    std::string isa;  // "": the environment's HEARTH_ISA, else the best
    Allocator allocator;
    Logger log;
    HostRunner runner;
    std::uint64_t (*available)() = available_memory;  // asked where there is no budget
};

// Threads, memory, kernels. Shareable; forward passes of all its models run one at a time.
class Runtime {
public:
    static Result<std::shared_ptr<Runtime>> make(const RuntimeOptions& options);

    const std::shared_ptr<Memory>& memory() const { return memory_; }
    const KernelTable& kernels() const { return kernel_table(isa_); }
    Isa isa() const { return isa_; }
    const Logger& log() const { return log_; }
    Executor& executor() { return *executor_; }
    // Held by whoever uses the executor; in the order of asking. Given up where `stop` says so while others hold it.
    Turnstile::Turn lock(const Stop* stop = nullptr) { return turnstile_.enter(stop); }
    // Median bytes per second of reading `bytes` of memory with all workers.
    Result<double> measure_stream(std::uint64_t bytes, std::uint32_t rounds);

private:
    std::shared_ptr<Memory> memory_;
    std::unique_ptr<Executor> executor_;
    Isa isa_ = Isa::scalar;
    Logger log_;
    Turnstile turnstile_;
};

struct LoadProgress {
    int (*report)(std::uint64_t done, std::uint64_t total, void* user) = nullptr;
    void* user = nullptr;
};

class HeadDrafter;  // engine/draft.hpp

// A file in memory, ready to run. Shareable.
class LoadedModel {
public:
    static Result<std::shared_ptr<LoadedModel>> load(std::shared_ptr<Runtime> runtime, std::unique_ptr<ModelFile> file,
                                                     LoadProgress progress, bool heads = false);

    // The blocks that predict further tokens, each as a model of its own; none unless they were asked for.
    std::span<const std::shared_ptr<LoadedModel>> heads() const { return heads_; }
    const std::shared_ptr<Runtime>& runtime() const { return runtime_; }
    const ModelInfo& info() const { return info_; }
    const Metadata& metadata() const { return metadata_; }
    const std::shared_ptr<const Tokenizer>& tokenizer() const { return tokenizer_; }
    const std::string& inspection() const { return inspection_; }  // JSON
    // For constrained output: the first call makes them, and takes their bytes of the budget. Any thread.
    Result<std::shared_ptr<const TokenBytes>> token_bytes();
    std::uint64_t weight_bytes() const { return info_.weight_bytes; }
    // Of the architecture, its numbers and every weight as it stands in memory: equal for models that compute the same
    // with the same panels. The first call reads all weights and takes the runtime's lock.
    Hash128 digest();
    std::span<const ModelMatrix> matrices() const { return matrix_list_; }

    // Whether another model's tokens are spelled like this one's, as far as both have them. Asked once for each pair.
    Status check_same_tokens(const LoadedModel& other);

    const Model& model() const { return *model_; }
    // Bytes that a pass within the limits takes beside what earlier passes hold already.
    std::uint64_t pass_bytes(const RunLimits& limits) const;
    // States instead of logits, as Model::embed and Model::finish; the runtime's lock must be held.
    Status embed(std::span<const SequenceBatch> batch, float* rows);
    void finish(Head head, const float* pooled, std::size_t count, float* out);
    // One pass; the runtime's lock must be held. Grows the workspace where needed. logits: rows of all sequences.
    // Code::cancelled where `stop` (may be null) said so before it ended: then nothing of the pass is done.
    Status forward(std::span<const SequenceBatch> batch, float* logits, const Stop* stop = nullptr);
    // Bytes that a conversation of `context` tokens takes beside the weights and what earlier passes hold already: the
    // cache (but not its checkpoints, which take what is left), the workspace of passes of up to `chunk` tokens, the logits
    // of one token.
    std::uint64_t session_bytes(const KvLayout& layout, std::size_t context, std::size_t chunk) const;
    // The memory that earlier passes left for later ones; false where there was none. The runtime's lock must be held.
    bool give_back();
    // Room for `rows` rows of logits, reused from pass to pass; the runtime's lock must be held.
    Result<float*> logits_room(std::size_t rows);

private:
    Status make_room(std::span<const SequenceBatch> batch);
    void drop_workspace();
    static Status load_heads(LoadedModel& m, std::span<const std::unique_ptr<Blueprint>> heads, LoadContext& context);
    std::shared_ptr<Runtime> runtime_;
    std::unique_ptr<ModelFile> file_;  // of a packed model, whose weights are used in its mapping; else null
    Metadata metadata_;
    std::shared_ptr<const Tokenizer> tokenizer_;
    std::string inspection_;
    ModelInfo info_;
    std::unique_ptr<Model> model_;
    std::vector<std::shared_ptr<LoadedModel>> heads_;
    std::unique_ptr<Workspace> workspace_;
    RunLimits limits_;
    std::atomic<std::uint64_t> held_{0};  // bytes of workspace_ and logits_, which sessions are planned with
    Buffer logits_;
    Hash128 described_;                                // of all but the matrices
    std::vector<std::span<const std::byte>> matrices_;  // as they stand in memory
    std::mutex token_bytes_mutex_;
    std::shared_ptr<const TokenBytes> token_bytes_;
    std::vector<ModelMatrix> matrix_list_;
    std::once_flag digested_;
    Hash128 digest_;
    std::mutex alike_mutex_;
    std::vector<std::weak_ptr<const Tokenizer>> alike_;  // that were found to spell tokens alike
};

struct SessionOptions {
    std::size_t context = 0;  // 0: the model's
    KvType kv = KvType::f16;
    std::size_t chunk = 0;    // 0: 512
};

class LoadedAdapter;  // engine/adapter.hpp

// With a session: how strongly.
struct AttachedAdapter {
    std::shared_ptr<const LoadedAdapter> adapter;
    float scale;
};

// A conversation with a model. One thread at a time.
class Session {
public:
    static Result<std::shared_ptr<Session>> make(std::shared_ptr<LoadedModel> model, const SessionOptions& options);
    Result<std::shared_ptr<Session>> fork() const;

    const std::shared_ptr<LoadedModel>& model() const { return model_; }
    Sequence& sequence() { return sequence_; }
    const Sequence& sequence() const { return sequence_; }
    std::size_t chunk() const { return chunk_; }

    // Evaluates what is pending. With `all`, one row of logits for each evaluated token, else for the last alone;
    // `out` (may be null) has room for rows(all) * vocab floats. Code::cancelled where `stop` (may be null) says so: what
    // whole passes did stays.
    Status evaluate(bool all, float* out, const Stop* stop = nullptr);
    // For who holds the runtime's lock.
    Status evaluate_locked(bool all, float* out, const Stop* stop);
    std::size_t rows(bool all) const;
    // Where its prompts are looked for and kept; null: nowhere. As LoadedModel::digest().
    void use_store(std::shared_ptr<PrefixStore> store);

    // Stops what runs on it now, if anything does: evaluate() of the C interface, or a generation. Any thread.
    void cancel();
    // What cancel() is for; null at the end.
    void runs_in(class Generator* generator, void* handle);
    void runs(Stop* stop);

    // The conversation as a blob, and back: bit-identical to never having stopped. A blob of another model, another type
    // of cache or another version is refused, and so is a damaged one; then the session is as it was.
    Status save(BlobWriter& blob);
    Status restore(const ByteSource& source);

    // These tokens in place of all it has, and the stream behind each layer at the last of them: out [layers, embedding].
    // Where ModelInfo::one_stream.
    Status layer_states(std::span<const Token> tokens, float* out);

    // Adapters that it computes with, in the order in which they were attached; one that is attached already gets another
    // scale. Where they change, tokens stay and all of them are pending again.
    Status attach(std::shared_ptr<const LoadedAdapter> adapter, double scale);
    Status detach(const LoadedAdapter& adapter);
    void detach_all();
    std::span<const AttachedAdapter> adapters() const { return attached_; }
    // Of their contents, order and scales, those of scale 0 aside; zero without any. Tells apart what would be computed.
    Hash128 adapter_digest() const;

    // What guesses by the model's heads; made by the first call, which is refused where the model was loaded without heads or
    // their cache has no room.
    Result<std::shared_ptr<HeadDrafter>> head_drafter();
    // Of its sequence's cache and what its heads have.
    std::uint64_t cache_bytes() const;

    // Set while a generator runs it.
    std::atomic<bool> busy{false};
    // Its handle is gone: whoever runs it stops without a word.
    std::atomic<bool> abandoned{false};

    Session(std::shared_ptr<LoadedModel> model, Sequence sequence, std::size_t chunk)
        : model_(std::move(model)), sequence_(std::move(sequence)), chunk_(chunk) {}

private:
    void compute_with(std::vector<AttachedAdapter> attached);
    std::shared_ptr<LoadedModel> model_;
    Sequence sequence_;
    std::size_t chunk_;
    std::mutex cancel_mutex_;
    Generator* generator_ = nullptr;
    void* handle_ = nullptr;
    Stop* stop_ = nullptr;
    std::vector<AttachedAdapter> attached_;
    std::shared_ptr<HeadDrafter> head_drafter_;
};

// Model files of every kind that hearth reads; of a split model any part.
Result<std::unique_ptr<ModelFile>> open_model(const std::string& path);
Result<std::unique_ptr<ModelFile>> open_model(std::unique_ptr<ByteSource> source);
Result<std::unique_ptr<Tokenizer>> make_tokenizer(const ModelFile& file, const Stop* stop = nullptr);
// Writes the packed form of a model file as one file, which appears whole or not at all.
Status pack_model(Runtime& runtime, const ModelFile& file, const std::string& path, LoadProgress progress);

// hearth.h's description of an opened file as JSON; never loads weights.
Result<std::string> inspect(const ModelFile& file, std::size_t workers);
// A metadata value as text: strings as they are, others as JSON.
std::string metadata_text(const MetaValue& value);

}  // namespace hearth
