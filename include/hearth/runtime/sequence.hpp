// A conversation's state: its tokens, how many of them are in the cache, and the logits after the last.
// Where the cache cannot go back by itself it is given checkpoints: where a prompt ended (tokens that were appended
// together and evaluated) or the sequence was cut, once it goes on from there, and every kCheckpointDistance tokens.
// Thread class: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hearth/layers/low_rank.hpp"
#include "hearth/models/model.hpp"
#include "hearth/runtime/kv_cache.hpp"
#include "hearth/runtime/prefix_store.hpp"

namespace hearth {

class Sequence {
public:
    static constexpr std::size_t kCheckpointDistance = 1024;

    Sequence(KvCache cache, std::uint32_t vocab, std::size_t context)
        : cache_(std::move(cache)), vocab_(vocab), context_(context) {}

    // Refuses ids outside the vocabulary and more than the context holds; then nothing is appended.
    Status append(std::span<const std::int32_t> tokens);
    // Keeps the first `length` tokens; the last logits are gone if anything was cut. Where the cache cannot go back that
    // far alone, it goes back further, and the tokens in between are part of the next passes again: to the same bits.
    Status truncate(std::size_t length);
    // `tokens` in place of `count` tokens from `at` on: what follows is evaluated again where it has changed, and nothing is
    // that stays the same. Refuses as append() does, without change.
    Status replace(std::size_t at, std::size_t count, std::span<const std::int32_t> tokens);
    // Tokens, cache and last logits: what a restored sequence computes is what this one would, to the bit.
    Status save(BlobWriter& blob);
    // The one that was saved, of a sequence like this one: of the same model and type of cache, with this context.
    Result<Sequence> restored(BlobReader& blob) const;

    // What passes compute with from now on (null: the model alone), and all its tokens with it: unless it changes nothing,
    // they are pending again.
    void use(std::shared_ptr<const AdapterSet> adapters);
    const AdapterSet* adapters() const { return adapters_.get(); }

    std::span<const std::int32_t> tokens() const { return tokens_; }
    std::size_t length() const { return tokens_.size(); }
    std::size_t context() const { return context_; }
    std::size_t evaluated() const { return evaluated_; }
    // Tokens that have not been evaluated.
    std::size_t pending() const { return tokens_.size() - evaluated_; }
    // Tokens that passes have to take until the logits after the last one are known: those pending, and before them what
    // the cache has lost. 0 when they are known.
    std::size_t missing() const { return tokens_.size() - start(); }
    std::uint64_t cache_bytes() const { return cache_.bytes(); }
    const KvCache& cache() const { return cache_; }

    // Gives the cache's memory back, for others: passes begin at the first token again, to the same bits.
    void release();

    // The next `count` missing tokens as part of a batch; their pages are made writable. The last `logits` of them get
    // rows of logits. With a `draft` behind them, which only the last of all missing tokens may have, each token of it gets
    // a row as well; it is no part of the sequence.
    Result<SequenceBatch> next_batch(std::size_t count, std::size_t logits, std::span<const std::int32_t> draft = {});
    // After the pass: those tokens are in the cache. `last` [vocab] follows the last of them, or is empty.
    void done(std::size_t count, std::span<const float> last);
    // Then, where a token was appended that is the draft's next one: it is in the cache, and `last` [vocab] follows it.
    void confirm(std::span<const float> last);
    // Where what was computed is kept, and looked for by recall(). Forks have the same.
    void use_store(PrefixUse use);
    const std::shared_ptr<PrefixStore>& store() const { return prefix_.store; }
    // Before a prompt is evaluated, with `rows` >= 1 rows of logits: takes over what the store has of it, and remembers what
    // was computed since the last prompt. The prompt itself is remembered when done() completes it. As next_batch() and
    // done(), under the lock under which pages are written.
    void recall(std::size_t rows);

    // After the last token; empty when not known.
    std::span<const float> logits() const { return logits_; }

private:
    // Fewer tokens than that are computed.
    static constexpr std::size_t kWorth = 32;

    std::size_t start() const;
    void remember(std::span<const float> logits);
    Status check(std::span<const std::int32_t> tokens, std::size_t before) const;

    KvCache cache_;
    std::uint32_t vocab_;
    std::size_t context_;
    std::vector<std::int32_t> tokens_;
    std::size_t evaluated_ = 0;
    std::size_t cached_ = 0;  // tokens in the cache
    std::size_t mark_ = 0;    // where the last prompt or cut ends
    std::vector<float> logits_;
    PrefixUse prefix_;
    std::size_t prompt_ = 0;  // where the prompt ends that is to be remembered; 0: none
    std::size_t kept_ = 0;    // tokens that the store was given
    std::vector<std::int32_t> pass_;  // missing tokens and a draft
    std::shared_ptr<const AdapterSet> adapters_;
};

}  // namespace hearth
