// Multi-head latent attention (DeepSeek-V2, 2024, section 2.1) in its absorbed form, for prompts as for single tokens,
// so that the same sums come out whichever way a prompt is cut: what makes keys of the latent is applied to the
// queries, and what makes values of it to the weighted sum of latents. All heads then read one row of the cache,
// [latent | rotated], the first part of which is the value.
#include <algorithm>
#include <cmath>
#include <optional>

#include "models/latent_index.hpp"
#include "models/latent_split.hpp"
#include "models/mixer.hpp"
#include "models/places.hpp"

namespace hearth {

namespace {

// Tokens whose queries are in memory at a time: with 128 heads a query is 74 thousand values long.
constexpr std::size_t kBlockTokens = 64;
// Rows of a head's value matrix that a worker takes at a time.
constexpr std::size_t kValueRows = 64;

struct Tensors final : MixerTensors {
    MatrixInfo q_a, q_b;  // or q_b alone, of the stream
    MatrixInfo kv_a, k_b, v_b;
    MatrixInfo index_q, index_k, index_weights;
    const TensorInfo *index_norm = nullptr, *index_norm_bias = nullptr;
    const TensorInfo *q_norm = nullptr, *kv_norm = nullptr;
    const TensorInfo* joint = nullptr;  // as which the file has k_b and v_b
    TensorInfo joint_keys, joint_values;
    const TensorSource* source = nullptr;

    std::vector<MatrixInfo> matrices() const override {
        return {q_a, q_b, kv_a, k_b, v_b, index_q, index_k, index_weights};
    }
    Result<std::unique_ptr<Mixer>> load(LoadContext& context, const DecoderSpec& spec,
                                        std::size_t layer) const override;
};

struct Widths {
    std::size_t heads, rank, rotated, plain, value, query_rank, index_heads, index_dim;
    explicit Widths(const DecoderSpec& s)
        : heads(s.heads),
          rank(s.latent.rank),
          rotated(s.rope.dims),
          plain(s.latent.plain),
          value(s.latent.value_dim),
          query_rank(s.latent.query_rank),
          index_heads(s.latent.index.heads),
          index_dim(s.latent.index.dim) {}
    std::size_t latent() const { return rank + rotated; }     // what the file makes in one
    std::size_t key() const { return latent() + index_dim; }  // of the cache, and of an absorbed query
    std::size_t block() const { return index_heads != 0 ? LatentIndex::kTokens : kBlockTokens; }
    std::size_t query() const { return plain + rotated; }  // of a head
};

// Rows of all tokens, in MixerPass::columns.
struct Columns {
    std::size_t latent, query, query_forms, index_weights, end;
    Columns(const Widths& w, std::size_t tokens) {
        FloatPlaces p;
        latent = p.take(tokens * w.key());
        query = p.take(tokens * w.query_rank);
        query_forms = p.take_forms(tokens, w.query_rank);
        index_weights = p.take(tokens * w.index_heads);
        end = p.end();
    }
};

// Rows of a block of tokens, in MixerPass::partials.
struct Block {
    std::size_t query, query_forms, absorbed, sums, sums_forms, index_query, attention;
    Block(const Widths& w, std::size_t tokens) {
        FloatPlaces p;
        query = p.take(tokens * w.heads * w.query());
        query_forms = p.take_forms(tokens, w.heads * w.plain);
        absorbed = p.take(tokens * w.heads * w.key());
        sums = p.take(tokens * w.heads * w.rank);
        sums_forms = p.take_forms(tokens, w.heads * w.rank);
        index_query = p.take(tokens * w.index_heads * w.index_dim);
        attention = p.end();
    }
};

class Latent final : public Mixer {
public:
    Latent(const DecoderSpec& spec, std::size_t index) : spec_(spec), w_(spec), layer_(index) {}

    Status load(LoadContext& context, const Tensors& t) {
        const auto matrix = [&](const MatrixInfo& m) { return Linear::load(context, m.weight, m.bias, m.scale); };
        HEARTH_ASSIGN(q_a_, matrix(t.q_a));
        HEARTH_ASSIGN(q_norm_, load_vector(context, t.q_norm));
        HEARTH_ASSIGN(q_b_, matrix(t.q_b));
        HEARTH_ASSIGN(kv_a_, matrix(t.kv_a));
        HEARTH_ASSIGN(kv_norm_, load_vector(context, t.kv_norm));
        if (t.joint == nullptr) {
            const std::size_t first = context.matrices.size();
            HEARTH_ASSIGN(k_b_, matrix(t.k_b));
            HEARTH_ASSIGN(v_b_, matrix(t.v_b));
            context.use_matrices(first, LoadContext::Matrix::Use::fixed);
        } else {
            const LatentSplit split(*t.source, *t.joint, t.joint_keys, t.joint_values);
            LoadContext parts{split, context.memory, context.executor, context.log, context.arena};
            parts.numbers_matrices = false;
            HEARTH_ASSIGN(k_b_, Linear::load(parts, &t.joint_keys));
            HEARTH_ASSIGN(v_b_, Linear::load(parts, &t.joint_values));
            HEARTH_TRY(context.advance(*t.joint));
        }
        HEARTH_ASSIGN(index_q_, matrix(t.index_q));
        HEARTH_ASSIGN(index_k_, matrix(t.index_k));
        HEARTH_ASSIGN(index_weights_, matrix(t.index_weights));
        HEARTH_ASSIGN(index_norm_, load_vector(context, t.index_norm));
        HEARTH_ASSIGN(index_norm_bias_, load_vector(context, t.index_norm_bias));
        if (!index_q_.empty())
            index_.emplace(spec_.latent, layer_,
                           KvShape{1, static_cast<std::uint32_t>(w_.key()), spec_.latent.rank, 0, true});
        q_needs_.add(index_q_);
        q_needs_.add(q_b_);
        k_needs_.add(k_b_);
        v_needs_.add(v_b_);
        return {};
    }

    void add_needs(ActivationNeeds& needs) const override {
        needs.add(q_a_);
        needs.add(kv_a_);
        needs.add(index_k_);
        needs.add(index_weights_);
        if (q_a_.empty()) needs.add(q_b_);
    }

    // Down to the latents of all tokens, which go to the cache; then, for some tokens at a time, queries, which are
    // absorbed by who has computed them, attention and values.
    void run(const MixerPass& pass) const override {
        const std::size_t tokens = pass.tokens.size();
        const Columns at(w_, tokens);
        const LinearInput query =
            q_a_.empty() ? pass.in
                         : input_at(pass.columns + at.query, pass.columns + at.query_forms, tokens, w_.query_rank);
        compress(pass, at, query);
        for (std::size_t first = 0; first < tokens; first += w_.block()) {
            const std::size_t count = std::min(w_.block(), tokens - first);
            attend(pass, part_of(query, first, count), first, pass.columns + at.index_weights + first * w_.index_heads);
        }
    }

private:
    void compress(const MixerPass& pass, const Columns& at, const LinearInput& query) const;
    void attend(const MixerPass& pass, const LinearInput& query, std::size_t first, const float* index_weights) const;
    void index_key(const MixerPass& pass, std::size_t token, float* key) const;
    void absorb(const MixerPass& pass, const LinearInput& plain, float* queries, float* absorbed, std::size_t first,
                std::size_t head, std::size_t token, std::size_t token_end, std::size_t worker) const;
    void values(const MixerPass& pass, const LinearInput& sums, std::size_t first) const;

    const DecoderSpec& spec_;
    const Widths w_;
    std::size_t layer_;
    Linear q_a_, q_b_, kv_a_, k_b_, v_b_;
    Linear index_q_, index_k_, index_weights_;
    std::vector<float> q_norm_, kv_norm_, index_norm_, index_norm_bias_;
    std::optional<LatentIndex> index_;
    ActivationNeeds q_needs_, k_needs_, v_needs_;
};

Result<std::unique_ptr<Mixer>> Tensors::load(LoadContext& context, const DecoderSpec& spec, std::size_t layer) const {
    auto mixer = std::make_unique<Latent>(spec, layer);
    HEARTH_TRY(mixer->load(context, *this));
    return std::unique_ptr<Mixer>(std::move(mixer));
}

void Latent::compress(const MixerPass& pass, const Columns& at, const LinearInput& query) const {
    const KernelTable& k = pass.run.kernels;
    const std::size_t half = w_.rotated / 2;
    float *const latents = pass.columns + at.latent, *const queries = pass.columns + at.query;
    LinearRun product;
    product.add(q_a_, queries, w_.query_rank);
    product.add(kv_a_, latents, w_.key());
    product.add(index_k_, latents + w_.latent(), w_.key());
    product.add(index_weights_, pass.columns + at.index_weights, w_.index_heads);
    const auto finish = [&](std::size_t t) {
        float* const latent = latents + t * w_.key();
        const float* const cos = pass.angles.of(t, Rotation::main);
        k.rms_norm(latent, kv_norm_.data(), spec_.norm_eps, w_.rank, latent);
        k.rope_adjacent(latent + w_.rank, cos, cos + half, half);
        if (index_) index_key(pass, t, latent + w_.latent());
        kv_store_key(*pass.tokens[t].kv, layer_, 0, pass.tokens[t].position, latent, k);
        if (q_a_.empty()) return;
        float* const q = queries + t * w_.query_rank;
        k.rms_norm(q, q_norm_.data(), spec_.norm_eps, w_.query_rank, q);
        quantize_token(pass.run, query, q_needs_, t);
    };
    product.run(pass.run, pass.in, LinearRun::kNothing, pass.token_blocks, finish);
}

// Layer norm, and a rotation of the first channels by halves, whose pairs turn by the angles of the main one.
void Latent::index_key(const MixerPass& pass, std::size_t token, float* key) const {
    constexpr double kEps = 1e-6;
    const auto n = static_cast<double>(w_.index_dim);
    double sum = 0, squares = 0;
    for (std::size_t c = 0; c < w_.index_dim; ++c) sum += static_cast<double>(key[c]);
    const double mean = sum / n;
    for (std::size_t c = 0; c < w_.index_dim; ++c) {
        const double x = static_cast<double>(key[c]) - mean;
        squares += x * x;
    }
    const double factor = 1 / std::sqrt(squares / n + kEps);
    for (std::size_t c = 0; c < w_.index_dim; ++c)
        key[c] =
            static_cast<float>((static_cast<double>(key[c]) - mean) * factor * static_cast<double>(index_norm_[c]) +
                               static_cast<double>(index_norm_bias_[c]));
    const float* const cos = pass.angles.of(token, Rotation::main);
    pass.run.kernels.rope_halves(key, cos, cos + w_.rotated / 2, w_.rotated / 2);
}

// Tokens from `first` on, of whose queries `query` is the input. index_weights: [tokens, index_heads].
void Latent::attend(const MixerPass& pass, const LinearInput& query, std::size_t first,
                    const float* index_weights) const {
    const std::size_t count = query.tokens;
    const Block at(w_, count);
    float* const memory = pass.partials;
    float *const queries = memory + at.query, *const absorbed = memory + at.absorbed;
    const LinearInput plain = input_at(queries, memory + at.query_forms, count, w_.heads * w_.plain);
    const LinearInput sums = input_at(memory + at.sums, memory + at.sums_forms, count, w_.heads * w_.rank);

    LinearRun product;
    product.add(q_b_, queries, w_.heads * w_.query(), w_.query());
    float* const index_queries = memory + at.index_query;
    product.add(index_q_, index_queries, w_.index_heads * w_.index_dim, w_.index_dim);
    product.run(pass.run, query, [&](const LinearRun::Piece& p, std::size_t worker) {
        if (p.part == 1) {
            for (std::size_t t = p.token; t < p.token_end; ++t) {
                const float* const cos = pass.angles.of(first + t, Rotation::main);
                for (std::size_t row = p.first; row < p.end; row += w_.index_dim)
                    pass.run.kernels.rope_halves(index_queries + t * w_.index_heads * w_.index_dim + row, cos,
                                                 cos + w_.rotated / 2, w_.rotated / 2);
            }
            return;
        }
        for (std::size_t head = p.first / w_.query(); head * w_.query() < p.end; ++head)
            absorb(pass, plain, queries, absorbed, first, head, p.token, p.token_end, worker);
    });
    const AttentionSpec spec{spec_.heads, spec_.attention_scale};
    auto complete = [&](std::size_t begin, std::size_t end, std::size_t) {
        for (std::size_t t = begin; t < end; ++t) quantize_token(pass.run, sums, v_needs_, t);
    };
    std::span<const BatchToken> tokens = pass.tokens.subspan(first, count);
    std::array<KvView, LatentIndex::kTokens> views;
    std::array<BatchToken, LatentIndex::kTokens> seen;
    float* partials = memory + at.attention;
    if (index_) {
        index_->run(pass.run, tokens, index_queries, index_weights, w_.index_heads, partials, views, seen);
        std::size_t deepest = 0;
        for (const BatchToken& token : tokens) deepest = std::max(deepest, token.position + 1);
        partials += LatentIndex::floats(spec_.latent, w_.key(), deepest);
        tokens = std::span(seen).first(count);
    }
    attention(pass.run, spec, layer_, tokens, absorbed, w_.heads * w_.key(), memory + at.sums, partials, complete);
    values(pass, sums, first);
}

// The queries [plain | rotated] of one head for tokens [token, token_end) of the block that begins with token `first`:
// the second part rotated, the first brought to where latents are. `plain` has room for its other forms.
void Latent::absorb(const MixerPass& pass, const LinearInput& plain, float* queries, float* absorbed, std::size_t first,
                    std::size_t head, std::size_t token, std::size_t token_end, std::size_t worker) const {
    const KernelTable& k = pass.run.kernels;
    const std::size_t half = w_.rotated / 2, q_stride = w_.heads * w_.query(), stride = w_.heads * w_.key();
    float *const q = queries + head * w_.query(), *const to = absorbed + head * w_.key();
    const auto form_at = [&](std::byte* rows, Activation a, std::size_t t) {
        return rows + t * activation_bytes(a, plain.k) + activation_bytes(a, head * w_.plain);
    };
    for (std::size_t t = token; t < token_end; ++t) {
        float* const x = q + t * q_stride;
        const float* const cos = pass.angles.of(first + t, Rotation::main);
        k.rope_adjacent(x + w_.plain, cos, cos + half, half);
        if (spec_.query_temperature.beta != 0)
            k.scale(x, query_temperature(spec_, pass.tokens[first + t].position), w_.query());
        std::copy_n(x + w_.plain, w_.rotated, to + t * stride + w_.rank);
        std::fill_n(to + t * stride + w_.latent(), w_.index_dim, 0.0F);
        if (k_needs_.q8_32) k.quantize_q8_32(x, w_.plain, form_at(plain.q8_32, Activation::q8_32, t));
        if (k_needs_.q8_256) k.quantize_q8_256(x, w_.plain, form_at(plain.q8_256, Activation::q8_256, t));
    }
    const Activation form = k_b_.activation();
    const bool floats = form == Activation::f32;
    const void* const x = floats ? static_cast<const void*>(q + token * q_stride)
                                 : form_at(form == Activation::q8_32 ? plain.q8_32 : plain.q8_256, form, token);
    const std::size_t x_stride = floats ? q_stride * sizeof(float) : activation_bytes(form, plain.k);
    k_b_.multiply(k, {head, 0, w_.rank, x, token_end - token, to + token * stride, stride, x_stride},
                  pass.run.worker_scratch(worker));
}

// mixed = values of the weighted sums of latents, for tokens from `first` on.
void Latent::values(const MixerPass& pass, const LinearInput& sums, std::size_t first) const {
    const std::size_t parts = (w_.value + kValueRows - 1) / kValueRows, width = w_.heads * w_.value;
    const Activation form = v_b_.activation();
    float* const mixed = pass.mixed + first * width;
    parallel_for(pass.run.executor, w_.heads * parts, [&](std::size_t i, std::size_t worker) {
        const std::size_t head = i / parts, row = i % parts * kValueRows, end = std::min(w_.value, row + kValueRows);
        const auto* const x = static_cast<const std::byte*>(sums.data(form)) + activation_bytes(form, head * w_.rank);
        v_b_.multiply(
            pass.run.kernels,
            {head, row, end, x, sums.tokens, mixed + head * w_.value + row, width, activation_bytes(form, sums.k)},
            pass.run.worker_scratch(worker));
        for (std::size_t t = 0; t < sums.tokens; ++t)
            if (pass.tally.add(t, end - row, width)) pass.quantize(first + t);
    });
}

}  // namespace

Result<std::unique_ptr<MixerTensors>> find_latent(TensorFinder& tensors, const DecoderSpec& spec, std::size_t index) {
    auto out = std::make_unique<Tensors>();
    const Widths w(spec);
    const std::string b = layer_prefix(spec, index);
    const std::uint64_t d = spec.embedding, queries = w.heads * w.query();
    if (w.query_rank != 0) {
        HEARTH_ASSIGN(out->q_a, tensors.matrix(b + "attn_q_a", {d, w.query_rank}));
        HEARTH_ASSIGN(out->q_norm, tensors.need(b + "attn_q_a_norm.weight", {w.query_rank}));
        HEARTH_ASSIGN(out->q_b, tensors.matrix(b + "attn_q_b", {w.query_rank, queries}));
    } else {
        HEARTH_ASSIGN(out->q_b, tensors.matrix(b + "attn_q", {d, queries}));
    }
    HEARTH_ASSIGN(out->kv_a, tensors.matrix(b + "attn_kv_a_mqa", {d, w.latent()}));
    HEARTH_ASSIGN(out->kv_norm, tensors.need(b + "attn_kv_a_norm.weight", {w.rank}));
    if (w.index_heads != 0) {
        HEARTH_ASSIGN(out->index_q,
                      tensors.matrix(b + "indexer.attn_q_b", {w.query_rank, w.index_heads * w.index_dim}));
        HEARTH_ASSIGN(out->index_k, tensors.matrix(b + "indexer.attn_k", {d, w.index_dim}));
        HEARTH_ASSIGN(out->index_weights, tensors.matrix(b + "indexer.proj", {d, w.index_heads}));
        HEARTH_ASSIGN(out->index_norm, tensors.need(b + "indexer.k_norm.weight", {w.index_dim}));
        HEARTH_ASSIGN(out->index_norm_bias, tensors.need(b + "indexer.k_norm.bias", {w.index_dim}));
    }
    if (spec.latent.joint) {
        HEARTH_ASSIGN(out->joint, tensors.need(b + "attn_kv_b.weight", {w.rank, w.heads * (w.plain + w.value)}));
        if (out->joint->packed)
            return Status(Code::unsupported,
                          cat("tensor '", out->joint->name, "' is packed, which it cannot be used as"));
        out->joint_keys = LatentSplit::keys(*out->joint, spec.latent, spec.heads);
        out->joint_values = LatentSplit::values(*out->joint, spec.latent, spec.heads);
        out->k_b.weight = &out->joint_keys;
        out->v_b.weight = &out->joint_values;
        out->source = &tensors.source();
    } else {
        HEARTH_ASSIGN(out->k_b, tensors.matrix(b + "attn_k_b", {w.plain, w.rank, w.heads}));
        HEARTH_ASSIGN(out->v_b, tensors.matrix(b + "attn_v_b", {w.rank, w.value, w.heads}));
    }
    HEARTH_ASSIGN(out->output, tensors.matrix(b + "attn_output", {w.heads * w.value, d}));
    return std::unique_ptr<MixerTensors>(std::move(out));
}

MixerSizes latent_sizes(const DecoderSpec& spec, const LayerSpec& layer, const RunLimits& limits) {
    const Widths w(spec);
    const std::size_t block = std::min(w.block(), limits.tokens);
    MixerSizes z;
    z.columns = Columns(w, 1).end;
    z.mixed = w.heads * w.value;
    z.partials =
        Block(w, block).attention + attention_partials(limits.workers, block, w.heads, w.rank, limits.positions);
    z.tallies = block;
    z.scratch = attention_scratch(layer.key_dim);
    if (w.index_heads != 0) {
        z.partials += LatentIndex::floats(spec.latent, layer.key_dim, limits.positions);
        z.scratch = std::max(z.scratch, LatentIndex::scratch(spec.latent));
    }
    z.kv = {1, layer.key_dim, layer.value_dim, 0, true};
    return z;
}

}  // namespace hearth
