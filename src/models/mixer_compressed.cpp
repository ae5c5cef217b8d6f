// Attention over vectors that are key and value for all heads (DeepSeek-V4): those of the tokens in a window, and rows
// that stand for several tokens each. A row is made when its last token comes, of what its tokens have given, which
// stands in the layer's state until then; it is cached behind the layers of the model, as a layer of its own.
#include <algorithm>
#include <optional>

#include "models/compressed_keys.hpp"
#include "models/mixer.hpp"
#include "models/places.hpp"
#include "models/row_compressor.hpp"

namespace hearth {

namespace {

// Tokens whose queries are in memory at a time, where they all read the cache itself.
constexpr std::size_t kBlockTokens = 64;
// Rows of a group's output matrix that a worker takes at a time.
constexpr std::size_t kOutputRows = 64;

struct CompressorTensors {
    MatrixInfo values, scores;
    const TensorInfo *offsets = nullptr, *norm = nullptr;
};

struct Tensors final : MixerTensors {
    MatrixInfo q_a, q_b, kv, index_q, index_weights, narrow;
    const TensorInfo *q_norm = nullptr, *kv_norm = nullptr, *sinks = nullptr;
    CompressorTensors keys, index_keys;

    std::vector<MatrixInfo> matrices() const override {
        return {q_a,    q_b,         kv,          index_q,           index_weights,
                narrow, keys.values, keys.scores, index_keys.values, index_keys.scores};
    }
    Result<std::unique_ptr<Mixer>> load(LoadContext& context, const DecoderSpec& spec,
                                        std::size_t layer) const override;
};

struct Widths {
    std::size_t heads, key, rotated, query_rank, groups, rank, ratio, index_heads, index_dim, given;
    bool indexed;
    Widths(const DecoderSpec& s, const LayerSpec& l)
        : heads(s.heads),
          key(l.key_dim),
          rotated(s.rope_of(l).dims),
          query_rank(s.compressed.query_rank),
          groups(s.compressed.output_groups),
          rank(s.compressed.output_rank),
          ratio(l.ratio),
          index_heads(l.indexed ? s.compressed.index.heads : 0),
          index_dim(l.indexed ? s.compressed.index.dim : 0),
          given(ratio == 0 ? 0 : RowCompressor(row(), ratio, l.indexed).given()),
          indexed(l.indexed) {}
    std::size_t row() const { return key + index_dim; }  // of the cache, for several tokens
    std::size_t block() const { return ratio != 0 ? CompressedKeys::kTokens : kBlockTokens; }
    std::size_t grouped() const { return heads * key / groups; }
    std::size_t pending() const { return indexed ? 2 * ratio : ratio; }  // tokens whose gifts stay in the state
};

// Rows of all tokens, in MixerPass::columns.
struct Columns {
    std::size_t key, query, query_forms, given, index_weights, back, end;
    Columns(const Widths& w, std::size_t tokens) {
        FloatPlaces p;
        key = p.take(tokens * w.key);
        query = p.take(tokens * w.query_rank);
        query_forms = p.take_forms(tokens, w.query_rank);
        given = p.take(tokens * w.given);
        index_weights = p.take(tokens * w.index_heads);
        back = p.take(tokens * w.rotated / 2);  // sines that turn back
        end = p.end();
    }
};

// Rows of a block of tokens, in MixerPass::partials.
struct Block {
    std::size_t query, index_query, sums, sums_forms, keys, attention;
    Block(const DecoderSpec& spec, const LayerSpec& layer, const Widths& w, std::size_t tokens, std::size_t positions) {
        FloatPlaces p;
        query = p.take(tokens * w.heads * w.key);
        index_query = p.take(tokens * w.index_heads * w.index_dim);
        sums = p.take(tokens * w.heads * w.key);
        sums_forms = p.take_forms(tokens, w.heads * w.key);
        keys = p.take(w.ratio != 0 ? CompressedKeys::floats(spec, layer, positions) : 0);
        attention = p.end();
    }
};

class Compressed final : public Mixer {
public:
    Compressed(const DecoderSpec& spec, std::size_t index)
        : spec_(spec),
          layer_(spec.layers[index]),
          index_(index),
          w_(spec, layer_),
          rows_(w_.key, w_.ratio, w_.indexed),
          index_rows_(w_.index_dim, w_.ratio, w_.indexed) {
        if (w_.ratio != 0) keys_.emplace(spec, index);
    }

    Status load(LoadContext& context, const Tensors& t) {
        const auto matrix = [&](const MatrixInfo& m) { return Linear::load(context, m.weight, m.bias, m.scale); };
        HEARTH_ASSIGN(q_a_, matrix(t.q_a));
        HEARTH_ASSIGN(q_norm_, load_vector(context, t.q_norm));
        HEARTH_ASSIGN(q_b_, matrix(t.q_b));
        HEARTH_ASSIGN(kv_, matrix(t.kv));
        HEARTH_ASSIGN(kv_norm_, load_vector(context, t.kv_norm));
        HEARTH_ASSIGN(sinks_, load_vector(context, t.sinks));
        const std::size_t narrow = context.matrices.size();
        HEARTH_ASSIGN(narrow_, matrix(t.narrow));
        context.use_matrices(narrow, LoadContext::Matrix::Use::fixed);
        HEARTH_ASSIGN(values_, matrix(t.keys.values));
        HEARTH_ASSIGN(scores_, matrix(t.keys.scores));
        HEARTH_TRY(rows_.load(context, t.keys.offsets, t.keys.norm));
        HEARTH_ASSIGN(index_values_, matrix(t.index_keys.values));
        HEARTH_ASSIGN(index_scores_, matrix(t.index_keys.scores));
        HEARTH_TRY(index_rows_.load(context, t.index_keys.offsets, t.index_keys.norm));
        HEARTH_ASSIGN(index_q_, matrix(t.index_q));
        HEARTH_ASSIGN(index_weights_, matrix(t.index_weights));
        frequencies_ = rope_frequencies(spec_.rope_of(layer_));
        q_needs_.add(q_b_);
        q_needs_.add(index_q_);
        narrow_needs_.add(narrow_);
        return {};
    }

    void add_needs(ActivationNeeds& needs) const override {
        for (const Linear* w : {&q_a_, &kv_, &values_, &scores_, &index_values_, &index_scores_, &index_weights_})
            needs.add(*w);
    }

    // What all tokens give to the cache and to rows; the rows that they complete; then, for some tokens at a time,
    // queries, attention and the output of each group of heads.
    void run(const MixerPass& pass) const override {
        const std::size_t tokens = pass.tokens.size();
        const Columns at(w_, tokens);
        const LinearInput query =
            input_at(pass.columns + at.query, pass.columns + at.query_forms, tokens, w_.query_rank);
        give(pass, at, query);
        if (w_.ratio != 0) make_rows(pass, pass.columns + at.given);
        for (std::size_t first = 0; first < tokens; first += w_.block())
            attend(pass, at, part_of(query, first, std::min(w_.block(), tokens - first)), first);
    }

private:
    const float* cos_of(const MixerPass& pass, std::size_t token) const {
        return pass.angles.of(token, layer_.rotation);
    }
    // The last channels of x [n].
    void rotate(const MixerPass& pass, const float* cos, const float* sin, std::size_t n, float* x) const {
        pass.run.kernels.rope_adjacent(x + n - w_.rotated, cos, sin, w_.rotated / 2);
    }
    void give(const MixerPass& pass, const Columns& at, const LinearInput& query) const;
    void make_rows(const MixerPass& pass, const float* given) const;
    void make_row(const MixerPass& pass, const float* given, std::size_t token, float* room) const;
    void attend(const MixerPass& pass, const Columns& at, const LinearInput& query, std::size_t first) const;
    void narrow(const MixerPass& pass, const LinearInput& sums, std::size_t first) const;

    const DecoderSpec& spec_;
    const LayerSpec& layer_;
    std::size_t index_;
    const Widths w_;
    Linear q_a_, q_b_, kv_, values_, scores_, index_values_, index_scores_, index_q_, index_weights_;
    Linear narrow_;  // {heads * key / groups, groups * rank}: rows of a group follow those of the one before
    std::vector<float> q_norm_, kv_norm_, sinks_;
    RowCompressor rows_, index_rows_;
    std::optional<CompressedKeys> keys_;
    std::vector<double> frequencies_;
    ActivationNeeds q_needs_, narrow_needs_;
};

Result<std::unique_ptr<Mixer>> Tensors::load(LoadContext& context, const DecoderSpec& spec, std::size_t layer) const {
    auto mixer = std::make_unique<Compressed>(spec, layer);
    HEARTH_TRY(mixer->load(context, *this));
    return std::unique_ptr<Mixer>(std::move(mixer));
}

void Compressed::give(const MixerPass& pass, const Columns& at, const LinearInput& query) const {
    const KernelTable& k = pass.run.kernels;
    float *const keys = pass.columns + at.key, *const queries = pass.columns + at.query,
                 *const given = pass.columns + at.given, *const backs = pass.columns + at.back;
    LinearRun product;
    product.add(q_a_, queries, w_.query_rank);
    product.add(kv_, keys, w_.key);
    product.add(values_, given, w_.given);
    product.add(scores_, given + rows_.scores(), w_.given);
    product.add(index_values_, given + rows_.given(), w_.given);
    product.add(index_scores_, given + rows_.given() + index_rows_.scores(), w_.given);
    product.add(index_weights_, pass.columns + at.index_weights, w_.index_heads);
    const auto finish = [&](std::size_t t) {
        const std::size_t half = w_.rotated / 2;
        const float *const cos = cos_of(pass, t), *const sin = cos + half;
        float *const key = keys + t * w_.key, *const q = queries + t * w_.query_rank, *const back = backs + t * half;
        k.rms_norm(key, kv_norm_.data(), spec_.norm_eps, w_.key, key);
        rotate(pass, cos, sin, w_.key, key);
        kv_store_key(*pass.tokens[t].kv, index_, 0, pass.tokens[t].position, key, k);
        k.rms_norm(q, q_norm_.data(), spec_.norm_eps, w_.query_rank, q);
        quantize_token(pass.run, query, q_needs_, t);
        for (std::size_t i = 0; i < half; ++i) back[i] = -sin[i];
    };
    product.run(pass.run, pass.in, LinearRun::kNothing, pass.token_blocks, finish);
}

// Rows that tokens of the pass complete; then what tokens have given goes to the state, each in the place of the one
// `pending` tokens before.
void Compressed::make_rows(const MixerPass& pass, const float* given) const {
    const auto completes = [&](const BatchToken& t) { return (t.position + 1) % w_.ratio == 0; };
    if (std::ranges::any_of(pass.tokens, completes))
        parallel_for(pass.run.executor, pass.tokens.size(), [&](std::size_t t, std::size_t worker) {
            if (completes(pass.tokens[t]))
                make_row(pass, given, t, reinterpret_cast<float*>(pass.run.worker_scratch(worker)));
        });
    parallel_for(pass.run.executor, pass.tokens.size(), [&](std::size_t t, std::size_t) {
        const BatchToken& token = pass.tokens[t];
        if (token.position + w_.pending() >= token.end)
            std::copy_n(given + t * w_.given, w_.given,
                        token.kv->states[index_] + token.position % w_.pending() * w_.given);
    });
}

// room: a row and a token's angles.
void Compressed::make_row(const MixerPass& pass, const float* given, std::size_t token, float* room) const {
    const KvView& kv = *pass.tokens[token].kv;
    const std::size_t position = pass.tokens[token].position, row = position / w_.ratio, half = w_.rotated / 2;
    const std::size_t count = w_.indexed && row != 0 ? 2 * w_.ratio : w_.ratio;
    // Tokens of the pass that are in columns stand there in their order, behind those of other sequences.
    std::array<const float*, RowCompressor::kMostTokens> tokens;
    bool in_pass = true;
    for (std::size_t back = 0; back < count; ++back) {
        in_pass = in_pass && back <= token && pass.tokens[token - back].kv == &kv;
        tokens[count - 1 - back] = in_pass ? given + (token - back) * w_.given
                                           : kv.states[index_] + (position - back) % w_.pending() * w_.given;
    }
    float *const cos = room + w_.row(), *const sin = cos + half;
    rope_angles(frequencies_, spec_.rope_of(layer_).magnitude, row * w_.ratio, cos, sin);
    const std::span seen(tokens.data(), count);
    rows_.run(pass.run.kernels, seen, 0, spec_.norm_eps, room);
    rotate(pass, cos, sin, w_.key, room);
    if (w_.indexed) {
        index_rows_.run(pass.run.kernels, seen, rows_.given(), spec_.norm_eps, room + w_.key);
        rotate(pass, cos, sin, w_.index_dim, room + w_.key);
    }
    kv_store_key(kv, spec_.layers.size() + index_, 0, row, room, pass.run.kernels);
}

// Tokens from `first` on, of whose queries `query` is the input.
void Compressed::attend(const MixerPass& pass, const Columns& at, const LinearInput& query, std::size_t first) const {
    const KernelTable& k = pass.run.kernels;
    const std::size_t count = query.tokens, half = w_.rotated / 2, width = w_.heads * w_.key,
                      index_width = w_.index_heads * w_.index_dim;
    std::span<const BatchToken> tokens = pass.tokens.subspan(first, count);
    std::size_t deepest = 0;
    for (const BatchToken& token : tokens) deepest = std::max(deepest, token.position + 1);
    const Block places(spec_, layer_, w_, count, deepest);
    float* const memory = pass.partials;
    float *const queries = memory + places.query, *const index_queries = memory + places.index_query;
    const LinearInput sums = input_at(memory + places.sums, memory + places.sums_forms, count, width);

    LinearRun product;
    product.add(q_b_, queries, width, w_.key);
    product.add(index_q_, index_queries, index_width, w_.index_dim);
    product.run(pass.run, query, [&](const LinearRun::Piece& p, std::size_t) {
        const bool index = p.part == 1;
        const std::size_t head = index ? w_.index_dim : w_.key;
        for (std::size_t t = p.token; t < p.token_end; ++t) {
            const float* const cos = cos_of(pass, first + t);
            for (std::size_t row = p.first; row < p.end; row += head) {
                float* const x = (index ? index_queries + t * index_width : queries + t * width) + row;
                if (!index) k.rms_norm(x, nullptr, spec_.norm_eps, head, x);
                rotate(pass, cos, cos + half, head, x);
            }
        }
    });

    AttentionSpec spec{spec_.heads, spec_.attention_scale};
    spec.sinks = sinks_.data();
    const auto complete = [&](std::size_t begin, std::size_t end, std::size_t) {
        for (std::size_t t = begin; t < end; ++t) {
            const float *const cos = cos_of(pass, first + t), *const back = pass.columns + at.back + (first + t) * half;
            for (std::size_t h = 0; h < w_.heads; ++h)
                rotate(pass, cos, back, w_.key, memory + places.sums + t * width + h * w_.key);
            quantize_token(pass.run, sums, narrow_needs_, t);
        }
    };
    std::array<KvView, CompressedKeys::kTokens> views;
    std::array<BatchToken, CompressedKeys::kTokens> seen;
    std::size_t layer = index_;
    if (keys_) {
        keys_->run(pass.run, tokens, index_queries, pass.columns + at.index_weights + first * w_.index_heads,
                   memory + places.keys, views, seen);
        tokens = std::span(seen).first(count);
        layer = 0;
    } else {
        spec.window = layer_.window;
    }
    attention(pass.run, spec, layer, tokens, queries, width, memory + places.sums, memory + places.attention, complete);
    narrow(pass, sums, first);
}

// mixed = what each group of heads makes of its outputs, for tokens from `first` on.
void Compressed::narrow(const MixerPass& pass, const LinearInput& sums, std::size_t first) const {
    const std::size_t parts = (w_.rank + kOutputRows - 1) / kOutputRows, width = w_.groups * w_.rank;
    const Activation form = narrow_.activation();
    float* const mixed = pass.mixed + first * width;
    parallel_for(pass.run.executor, w_.groups * parts, [&](std::size_t i, std::size_t worker) {
        const std::size_t group = i / parts, begin = i % parts * kOutputRows,
                          end = std::min(w_.rank, begin + kOutputRows), row = group * w_.rank;
        const auto* const x =
            static_cast<const std::byte*>(sums.data(form)) + activation_bytes(form, group * w_.grouped());
        narrow_.multiply(
            pass.run.kernels,
            {0, row + begin, row + end, x, sums.tokens, mixed + row + begin, width, activation_bytes(form, sums.k)},
            pass.run.worker_scratch(worker));
        for (std::size_t t = 0; t < sums.tokens; ++t)
            if (pass.tally.add(t, end - begin, width)) pass.quantize(first + t);
    });
}

Result<CompressorTensors> find_compressor(TensorFinder& tensors, const std::string& name, std::uint64_t embedding,
                                          std::uint64_t width, const LayerSpec& layer) {
    CompressorTensors out;
    const std::uint64_t given = layer.indexed ? 2 * width : width;
    HEARTH_ASSIGN(out.values, tensors.matrix(name + "_kv", {embedding, given}));
    HEARTH_ASSIGN(out.scores, tensors.matrix(name + "_gate", {embedding, given}));
    HEARTH_ASSIGN(out.offsets, tensors.need(name + "_ape.weight", {given, layer.ratio}));
    HEARTH_ASSIGN(out.norm, tensors.need(name + "_norm.weight", {width}));
    return out;
}

}  // namespace

Result<std::unique_ptr<MixerTensors>> find_compressed(TensorFinder& tensors, const DecoderSpec& spec,
                                                      std::size_t index) {
    auto out = std::make_unique<Tensors>();
    const LayerSpec& layer = spec.layers[index];
    const Widths w(spec, layer);
    const std::string b = layer_prefix(spec, index);
    const std::uint64_t d = spec.embedding;
    HEARTH_ASSIGN(out->q_a, tensors.matrix(b + "attn_q_a", {d, w.query_rank}));
    HEARTH_ASSIGN(out->q_norm, tensors.need(b + "attn_q_a_norm.weight", {w.query_rank}));
    HEARTH_ASSIGN(out->q_b, tensors.matrix(b + "attn_q_b", {w.query_rank, w.heads * w.key}));
    HEARTH_ASSIGN(out->kv, tensors.matrix(b + "attn_kv", {d, w.key}));
    HEARTH_ASSIGN(out->kv_norm, tensors.need(b + "attn_kv_a_norm.weight", {w.key}));
    HEARTH_ASSIGN(out->sinks, tensors.need(b + "attn_sinks.weight", {w.heads}));
    if (w.ratio != 0) {
        HEARTH_ASSIGN(out->keys, find_compressor(tensors, b + "attn_compressor", d, w.key, layer));
    }
    if (w.indexed) {
        HEARTH_ASSIGN(out->index_keys, find_compressor(tensors, b + "indexer_compressor", d, w.index_dim, layer));
        HEARTH_ASSIGN(out->index_q,
                      tensors.matrix(b + "indexer.attn_q_b", {w.query_rank, w.index_heads * w.index_dim}));
        HEARTH_ASSIGN(out->index_weights, tensors.matrix(b + "indexer.proj", {d, w.index_heads}));
    }
    HEARTH_ASSIGN(out->narrow, tensors.matrix(b + "attn_output_a", {w.grouped(), w.groups * w.rank}));
    HEARTH_ASSIGN(out->output, tensors.matrix(b + "attn_output_b", {w.groups * w.rank, d}));
    return std::unique_ptr<MixerTensors>(std::move(out));
}

MixerSizes compressed_sizes(const DecoderSpec& spec, const LayerSpec& layer, const RunLimits& limits) {
    const Widths w(spec, layer);
    const std::size_t block = std::min(w.block(), limits.tokens);
    MixerSizes z;
    z.columns = Columns(w, 1).end;
    z.mixed = w.groups * w.rank;
    const std::size_t keys = w.ratio != 0 ? CompressedKeys::most(spec, layer, limits.positions)
                                          : std::min(limits.positions, layer.window + 2 * kSpan);
    z.partials = Block(spec, layer, w, block, limits.positions).attention +
                 attention_partials(limits.workers, block, w.heads, w.key, keys);
    z.tallies = block;
    z.scratch = attention_scratch(layer.key_dim);
    z.kv = {1, layer.key_dim, layer.value_dim, 0, true};
    if (w.ratio == 0) return z;
    z.scratch = std::max({z.scratch, CompressedKeys::scratch(spec, layer), (w.row() + w.rotated) * sizeof(float)});
    z.kv.state_floats = w.pending() * w.given;
    z.rows = {1, static_cast<std::uint32_t>(w.row()), layer.value_dim, 0, true, {}, w.ratio};
    return z;
}

}  // namespace hearth
