#include "hearth/engine/embed.hpp"

#include <algorithm>
#include <cmath>

#include "hearth/base/cat.hpp"
#include "hearth/base/math.hpp"
#include "hearth/runtime/sequence.hpp"

namespace hearth {

namespace {

constexpr std::size_t kPassTokens = 512, kMostPassTokens = 1 << 16;
constexpr std::uint64_t kCacheBytes = std::uint64_t{64} << 20;  // of a pass of several sequences

using Tokens = std::span<const Token>;

Status check_tokens(const ModelInfo& info, std::span<const Tokens> sequences) {
    for (std::size_t i = 0; i < sequences.size(); ++i) {
        const Tokens tokens = sequences[i];
        if (tokens.empty()) return {Code::invalid_argument, cat("text ", i, " has no tokens")};
        if (tokens.size() > info.context)
            return {Code::out_of_range, cat("text ", i, " has ", tokens.size(), " tokens, the model was trained with ",
                                            info.context, " at most")};
        for (std::size_t t = 0; t < tokens.size(); ++t)
            if (tokens[t] < 0 || static_cast<std::uint32_t>(tokens[t]) >= info.vocab)
                return {Code::out_of_range, cat("token ", tokens[t], " at position ", t, " of text ", i,
                                                " is outside the vocabulary of ", info.vocab, " tokens")};
    }
    return {};
}

// What pooling has seen of a sequence. Sums in double over tokens in their order, however passes cut it.
class Pool {
public:
    Pool(Pooling pooling, std::size_t width) : pooling_(pooling), sum_(pooling == Pooling::mean ? width : 0) {}

    // rows [count, width], those that a pass gave for the sequence's next tokens.
    void add(const float* rows, std::size_t count, std::size_t width) {
        if (pooling_ == Pooling::mean)
            for (std::size_t t = 0; t < count; ++t)
                for (std::size_t c = 0; c < width; ++c) sum_[c] += static_cast<double>(rows[t * width + c]);
        if (pooling_ == Pooling::cls && seen_ == 0) kept_.assign(rows, rows + width);
        if (pooling_ == Pooling::last && count != 0) kept_.assign(rows + (count - 1) * width, rows + count * width);
        seen_ += count;
    }
    void write(float* out) const {
        if (pooling_ != Pooling::mean) {
            std::ranges::copy(kept_, out);
            return;
        }
        for (std::size_t c = 0; c < sum_.size(); ++c) out[c] = static_cast<float>(sum_[c] / static_cast<double>(seen_));
    }

private:
    Pooling pooling_;
    std::size_t seen_ = 0;
    std::vector<double> sum_;
    std::vector<float> kept_;
};

void normalize(float* x, std::size_t n) {
    double squares = 0;
    for (std::size_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    if (squares == 0) return;
    const double length = std::sqrt(squares);
    for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(static_cast<double>(x[i]) / length);
}

void softmax(float* x, std::size_t n) {
    const float top = *std::max_element(x, x + n);
    std::vector<double> e(n);
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += e[i] = det_exp(static_cast<double>(x[i]) - static_cast<double>(top));
    for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(e[i] / sum);
}

// Sequences of a pass, or one that takes several.
struct Group {
    std::size_t first, end, tokens;
    bool whole;  // in one pass
};

class Run {
public:
    Run(LoadedModel& model, std::span<const Tokens> sequences, const EmbedOptions& options, const EmbedShape& shape)
        : model_(model),
          info_(model.info()),
          sequences_(sequences),
          options_(options),
          shape_(shape),
          states_(shape.pooling == Pooling::rank ? info_.embeddings.rank_pooling : shape.pooling),
          pass_tokens_(std::clamp<std::size_t>(options.pass_tokens, 1, kMostPassTokens)) {
        if (options.pass_tokens == 0) pass_tokens_ = kPassTokens;
        KvLayout layout = KvLayout::make(KvType::f32, info_.kv);
        layout_ = std::make_shared<const KvLayout>(layout);
        if (info_.embeddings.layers_alone) layout.overlay_layers();
        whole_layout_ = std::make_shared<const KvLayout>(std::move(layout));
    }

    Status operator()(float* out) {
        plan();
        HEARTH_TRY(check_memory());
        HEARTH_ASSIGN(rows_, Buffer::make(model_.runtime()->memory(), most_rows_ * info_.embedding * sizeof(float),
                                          "the states of a pass"));
        for (const Group& group : groups_) {
            HEARTH_TRY(group.whole ? run_group(group, out) : run_long(group, out));
            const LoadProgress& p = options_.progress;
            if (p.report != nullptr && p.report(group.end, sequences_.size(), p.user) != 0)
                return {Code::cancelled, "the host stopped the embeddings"};
        }
        return {};
    }

private:
    std::size_t rows_of(std::size_t tokens) const { return states_ == Pooling::last ? 1 : tokens; }

    void plan() {
        RunLimits& l = limits_;
        l.workers = model_.runtime()->executor().workers();
        for (std::size_t at = 0; at < sequences_.size();) {
            Group g{at, at, 0, true};
            std::size_t rows = 0, deepest = 0;
            std::uint64_t cache = 0;
            for (; g.end < sequences_.size(); ++g.end) {
                const std::size_t n = sequences_[g.end].size();
                const std::uint64_t more = KvCache::bytes_for(*whole_layout_, n, n);
                if (g.end != at && (g.tokens + n > pass_tokens_ || cache + more > kCacheBytes)) break;
                g.tokens += n;
                rows += rows_of(n);
                cache += more;
                deepest = std::max(deepest, n);
            }
            if (g.tokens > pass_tokens_ && info_.embeddings.causal) {  // one long sequence, which may be cut
                g.whole = false;
                g.tokens = pass_tokens_;
                rows = std::min(rows, pass_tokens_);
                cache = KvCache::bytes_for(*layout_, deepest, pass_tokens_);
            }
            l.tokens = std::max(l.tokens, g.tokens);
            l.positions = std::max(l.positions, deepest);
            l.sequences = std::max(l.sequences, g.end - g.first);
            most_rows_ = std::max(most_rows_, rows);
            most_cache_ = std::max(most_cache_, cache);
            groups_.push_back(g);
            at = g.end;
        }
    }

    Status check_memory() const {
        const std::uint64_t rows = most_rows_ * info_.embedding * sizeof(float);
        return model_.runtime()->memory()->check(model_.pass_bytes(limits_) + most_cache_ + rows,
                                                 cat("embedding passes of ", limits_.tokens, " tokens"));
    }

    Sequence cache_for(const std::shared_ptr<const KvLayout>& layout) const {
        return {KvCache(layout, model_.runtime()->memory()), info_.vocab, static_cast<std::size_t>(info_.context)};
    }

    Status run_group(const Group& g, float* out) {
        std::vector<Sequence> caches;
        std::vector<SequenceBatch> batch;
        if (!info_.kv.empty()) caches.reserve(g.end - g.first);
        for (std::size_t i = g.first; i < g.end; ++i) {
            const std::size_t n = sequences_[i].size();
            if (info_.kv.empty()) {
                const std::size_t second = options_.second_texts.empty() ? SIZE_MAX : options_.second_texts[i];
                batch.push_back({{}, sequences_[i], 0, n, n - rows_of(n), second});
                continue;
            }
            Sequence& s = caches.emplace_back(cache_for(whole_layout_));
            HEARTH_TRY(s.append(sequences_[i]));
            HEARTH_ASSIGN(const SequenceBatch part, s.next_batch(n, rows_of(n)));
            batch.push_back(part);
        }
        const auto guard = model_.runtime()->lock();
        HEARTH_TRY(model_.embed(batch, rows_.as<float>()));
        std::vector<float> pooled;
        const float* row = rows_.as<float>();
        for (std::size_t i = g.first; i < g.end; ++i) {
            const std::size_t n = rows_of(sequences_[i].size());
            if (states_ != Pooling::none) {
                Pool pool(states_, info_.embedding);
                pool.add(row, n, info_.embedding);
                pooled.resize(pooled.size() + info_.embedding);
                pool.write(&pooled[pooled.size() - info_.embedding]);
            }
            row += n * info_.embedding;
        }
        if (states_ == Pooling::none)
            write_tokens(rows_.as<float>(), g.tokens, out + offset(g.first));
        else
            write_pooled(pooled, out + g.first * shape_.width);
        return {};
    }

    // A causal sequence in several passes.
    Status run_long(const Group& g, float* out) {
        const Tokens tokens = sequences_[g.first];
        Sequence s = cache_for(layout_);
        HEARTH_TRY(s.append(tokens));
        Pool pool(states_, info_.embedding);
        float* to = out + offset(g.first);
        for (std::size_t done = 0; done < tokens.size();) {
            const std::size_t n = std::min(pass_tokens_, tokens.size() - done);
            const std::size_t rows = states_ == Pooling::last ? (done + n == tokens.size() ? 1 : 0) : n;
            HEARTH_ASSIGN(const SequenceBatch batch, s.next_batch(n, rows));
            const auto guard = model_.runtime()->lock();
            HEARTH_TRY(model_.embed({&batch, 1}, rows_.as<float>()));
            s.done(n, {});
            done += n;
            pool.add(rows_.as<float>(), rows, info_.embedding);
            if (states_ == Pooling::none) {
                write_tokens(rows_.as<float>(), n, to);
                to += n * shape_.width;
            } else if (done == tokens.size()) {
                std::vector<float> pooled(info_.embedding);
                pool.write(pooled.data());
                write_pooled(pooled, to);
            }
        }
        return {};
    }

    // Floats before those of a sequence.
    std::size_t offset(std::size_t sequence) const { return shape_.floats(sequences_.first(sequence)); }

    void write_tokens(const float* rows, std::size_t count, float* out) const {
        for (std::size_t i = 0; i < count; ++i) write_vector(rows + i * info_.embedding, out + i * shape_.width);
    }

    void write_pooled(const std::vector<float>& pooled, float* out) const {
        const std::size_t count = pooled.size() / info_.embedding;
        const bool rank = shape_.pooling == Pooling::rank;
        const std::size_t width = rank ? info_.embeddings.scores : info_.embeddings.width;
        std::vector<float> finished(count * width);
        model_.finish(rank ? Head::scores : Head::projection, pooled.data(), count, finished.data());
        for (std::size_t i = 0; i < count; ++i) {
            if (rank && info_.embeddings.softmax) softmax(&finished[i * width], width);
            write_vector(&finished[i * width], out + i * shape_.width);
        }
    }

    void write_vector(const float* from, float* to) const {
        std::copy_n(from, shape_.width, to);
        if (options_.normalize) normalize(to, shape_.width);
    }

    LoadedModel& model_;
    const ModelInfo& info_;
    std::span<const Tokens> sequences_;
    const EmbedOptions& options_;
    EmbedShape shape_;
    Pooling states_;  // how they are pooled, before any head
    std::size_t pass_tokens_;
    std::shared_ptr<const KvLayout> layout_, whole_layout_;  // of a sequence that takes several passes, and of one pass
    std::vector<Group> groups_;
    RunLimits limits_;
    std::size_t most_rows_ = 0;
    std::uint64_t most_cache_ = 0;
    Buffer rows_;  // [most_rows_, embedding]
};

}  // namespace

std::size_t EmbedShape::floats(std::span<const Tokens> sequences) const {
    if (pooling != Pooling::none) return sequences.size() * width;
    std::size_t tokens = 0;
    for (const Tokens s : sequences) tokens += s.size();
    return tokens * width;
}

Result<EmbedShape> embed_shape(const ModelInfo& info, const EmbedOptions& options) {
    const EmbeddingInfo& e = info.embeddings;
    const Pooling pooling = options.pooling.value_or(e.pooling);
    EmbedShape shape{pooling, pooling == Pooling::none ? info.embedding : e.width};
    if (pooling == Pooling::rank) {
        if (e.scores == 0)
            return Status(Code::invalid_argument, cat("the model has no scoring head (", info.architecture,
                                                      " without cls tensors): it is no reranker"));
        if (options.normalize || options.dimensions != 0)
            return Status(Code::invalid_argument, "scores have neither a length to normalise nor dimensions to drop");
        shape.width = e.scores;
    }
    if (options.dimensions > shape.width)
        return Status(Code::invalid_argument,
                      cat("dimensions is ", options.dimensions, ", the embeddings have ", shape.width));
    if (options.dimensions != 0) shape.width = options.dimensions;
    return shape;
}

Status embed(LoadedModel& model, std::span<const Tokens> sequences, const EmbedOptions& options, float* out) {
    HEARTH_ASSIGN(const EmbedShape shape, embed_shape(model.info(), options));
    HEARTH_TRY(check_tokens(model.info(), sequences));
    if (sequences.empty()) return {};
    return Run(model, sequences, options, shape)(out);
}

namespace {

Result<bool> flag(const LoadedModel& model, const char* key, bool fallback) {
    HEARTH_ASSIGN(const auto value, model.metadata().get_bool(key));
    return value.value_or(fallback);
}

// Every {query} and {document} of a template replaced; what they bring is not looked at again.
std::string fill_in(std::string_view text, std::string_view query, std::string_view document) {
    const std::pair<std::string_view, std::string_view> values[] = {{"{query}", query}, {"{document}", document}};
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const auto* const value =
            std::ranges::find_if(values, [&](const auto& v) { return text.substr(at).starts_with(v.first); });
        if (value == std::end(values)) {
            out += text[at++];
        } else {
            out += value->second;
            at += value->first.size();
        }
    }
    return out;
}

}  // namespace

Result<RerankTokens> rerank_tokens(const LoadedModel& model, std::string_view query, std::string_view document) {
    const Tokenizer& t = *model.tokenizer();
    HEARTH_ASSIGN(const auto form, model.metadata().get_string("tokenizer.chat_template.rerank"));
    if (form) {
        HEARTH_ASSIGN(auto filled, t.encode(fill_in(*form, query, document), {false, true}));
        return RerankTokens{std::move(filled)};
    }
    // Both stand as a text of its own would; between them perhaps a separator more, or what a tokenizer.json says.
    HEARTH_ASSIGN(const auto around, t.encode("", {true, false}));
    HEARTH_ASSIGN(const auto before, model.metadata().get_uints("tokenizer.hearth.prefix_ids"));
    HEARTH_ASSIGN(const auto between, model.metadata().get_uints("tokenizer.hearth.between_ids"));
    const std::size_t told = before ? before->size() : t.adds_bos() ? 1 : 0;
    const auto middle = around.begin() + static_cast<std::ptrdiff_t>(std::min(told, around.size()));
    HEARTH_ASSIGN(const bool separator, flag(model, "tokenizer.ggml.add_sep_token", false));
    HEARTH_ASSIGN(const auto first, t.encode(query, {false, false}));
    HEARTH_ASSIGN(const auto second, t.encode(document, {false, false}));
    HEARTH_ASSIGN(const bool typed, flag(model, "tokenizer.hearth.second_type", false));
    RerankTokens all;
    std::vector<Token>& out = all.tokens;
    out.assign(around.begin(), middle);
    out.insert(out.end(), first.begin(), first.end());
    if (between) {
        for (const std::uint64_t id : *between) out.push_back(static_cast<Token>(id));
    } else {
        out.insert(out.end(), middle, around.end());
        if (const auto token = t.special(SpecialToken::separator); separator && t.adds_eos() && token)
            out.push_back(*token);
    }
    if (typed) all.second_text = out.size();
    out.insert(out.end(), second.begin(), second.end());
    out.insert(out.end(), middle, around.end());
    return all;
}

}  // namespace hearth
