// A model as the runtime sees it: it knows its sizes and turns tokens into logits. Families implement it; nothing above
// this floor knows which family runs.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/metadata.hpp"
#include "hearth/base/tensor.hpp"
#include "hearth/layers/attention.hpp"
#include "hearth/layers/context.hpp"

namespace hearth {

// How the states of a sequence's tokens become one vector: the numbers of GGUF's pooling_type.
enum class Pooling : int {
    none,  // they stay one for each token
    mean,
    cls,   // that of the first token
    last,
    rank,  // one of the others, for the head that scores documents
};

// What a model offers beside logits.
struct EmbeddingInfo {
    bool causal = true;   // else tokens see those behind them: a sequence is one pass, and nothing can be generated
    bool logits = true;
    Pooling pooling = Pooling::none;      // as the file says
    Pooling rank_pooling = Pooling::cls;  // of what the scoring head reads
    std::uint32_t width = 0;   // of a pooled embedding; states are ModelInfo::embedding wide
    std::uint32_t scores = 0;  // outputs of the scoring head; 0: it has none
    bool softmax = false;      // over them
    std::vector<std::string> labels;
    // No layer reads what another keeps: a sequence that one pass takes needs the room of one layer only.
    bool layers_alone = false;
};

struct ModelInfo {
    std::string architecture;
    std::uint64_t context = 0;  // tokens, as the file says
    std::uint64_t long_context = 0;  // sequences that may grow beyond it are computed otherwise; 0: none
    std::uint32_t vocab = 0, embedding = 0, layers = 0, heads = 0, kv_heads = 0, feed_forward = 0;
    std::uint32_t experts = 0, experts_used = 0;  // in a layer, and by a token; 0: none
    std::uint32_t predictors = 0;  // blocks behind the layers that predict further tokens
    bool one_stream = false;  // layers add to one residual stream, behind which directions can be added
    std::uint64_t parameters = 0;
    std::uint64_t weight_bytes = 0;  // in memory after loading
    std::uint64_t decode_bytes = 0;  // of them read for one decoded token
    std::vector<KvShape> kv;         // [layers], then [layers] of rows for several tokens each where there are any; empty
                                     // where a pass keeps nothing
    EmbeddingInfo embeddings;
};

struct AdapterSet;  // layers/low_rank.hpp

// Tokens of one sequence in a forward pass.
struct SequenceBatch {
    KvView kv;                              // pages reach position + tokens.size(), states stand at position
    std::span<const std::int32_t> tokens;   // each within the vocabulary
    std::size_t position = 0;               // of the first token
    std::size_t context = 0;                // that the sequence may grow to (some rope scalings depend on it)
    std::size_t logits_from = 0;            // rows of logits for tokens[logits_from …]
    std::size_t second_text = SIZE_MAX;     // tokens from there on are of another type, where the model has types
    const AdapterSet* adapters = nullptr;   // what changes its products and its stream; for decoders
    // [layers, embedding]: the stream behind each layer at the last token is written there. Where ModelInfo::one_stream.
    float* layer_states = nullptr;
    // [tokens - states_from, embedding]: the states after the final norm of tokens[states_from …] are written there. Where
    // ModelInfo::one_stream.
    float* states = nullptr;
    std::size_t states_from = 0;
    // [tokens, embedding], for predictors alone: of the sequence before each token, the state from which that one followed.
    const float* inputs = nullptr;
};

// How much a forward pass may be asked for; sizes the workspace.
struct RunLimits {
    std::size_t tokens = 0;     // of a pass, over all sequences
    std::size_t positions = 0;  // deepest
    std::size_t workers = 1;
    std::size_t sequences = 1;  // of a pass; asked by models that keep nothing from pass to pass
};

// What may stand behind pooling.
enum class Head : int { projection, scores };

// Memory of a forward pass, reused by the next.
class Workspace {
public:
    virtual ~Workspace() = default;
};

class Model {
public:
    virtual ~Model() = default;
    // Allocates for the limits (Code::over_budget when it must not).
    virtual Result<std::unique_ptr<Workspace>> make_workspace(const RunLimits& limits, std::shared_ptr<Memory> memory) const = 0;
    virtual std::uint64_t workspace_bytes(const RunLimits& limits) const = 0;
    // Runs the batch within the workspace's limits (not where the model has no logits); logits [rows of all sequences in order, vocab].
    virtual Status forward(std::span<const SequenceBatch> batch, Workspace& workspace, const KernelTable& kernels,
                           Executor& executor, float* logits) const = 0;
    // The same pass, but the rows are the states after the final norm: [rows, embedding].
    virtual Status embed(std::span<const SequenceBatch> batch, Workspace& workspace, const KernelTable& kernels,
                         Executor& executor, float* rows) const = 0;
    // Of pooled vectors [count, embedding]: embeddings [count, width], or scores [count, scores] before any softmax.
    virtual void finish(Head head, const float* pooled, std::size_t count, Workspace& workspace,
                        const KernelTable& kernels, Executor& executor, float* out) const = 0;
};

// A model file that was understood but not loaded.
class Blueprint {
public:
    virtual ~Blueprint() = default;
    const ModelInfo& info() const { return info_; }
    virtual std::uint64_t workspace_bytes(const RunLimits& limits) const = 0;
    virtual Result<std::unique_ptr<Model>> load(LoadContext& context) const = 0;
    // Of predictor `index` (multi-token prediction; DeepSeek-V3, 2024, section 2.2): a model that makes, of the states of
    // this one and the tokens that followed them, logits of the tokens after those. It is loaded beside the model `of`,
    // which was loaded from this blueprint, whose embedding and output it shares unless the file has it some of its own.
    virtual Result<std::unique_ptr<Blueprint>> predictor(std::uint32_t index) const;
    virtual Result<std::unique_ptr<Model>> load_beside(const Model& of, LoadContext& context) const;

protected:
    ModelInfo info_;
};

// Whether it is one that describe_model knows.
bool is_architecture(std::string_view name);

// Which part of a file is beyond this build: for inspect's "why".
enum class Trouble : int { architecture, tensor, key };
std::string_view trouble_name(Trouble part);

// Reads metadata and tensor shapes, no weights. On failure *part says what kind of thing was wrong.
// `source` must outlive the blueprint.
Result<std::unique_ptr<Blueprint>> describe_model(const Metadata& metadata, const TensorSource& source, Trouble* part);

}  // namespace hearth
