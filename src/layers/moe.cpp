#include "hearth/layers/moe.hpp"

#include <algorithm>
#include <cstring>

#include "hearth/base/math.hpp"
#include "hearth/layers/low_rank.hpp"
#include "layers/moe_layout.hpp"

namespace hearth {

namespace {

// Products of a stretch stop here between streams of weights and vectors that stay in a core's cache.
constexpr std::size_t kTileTokens = 128, kTileRows = 8 * kLanes;
constexpr std::size_t kTileBytes = kTileTokens * kTileRows * sizeof(float);
constexpr Activation kForms[] = {Activation::f32, Activation::q8_32, Activation::q8_256};

constexpr std::size_t round64(std::size_t n) { return (n + 63) / 64 * 64; }

// What a worker's scratch begins with: a tile of outputs [kTileTokens, kTileRows], and inputs of an expert side by side
// [kTileTokens, k] in each form.
struct Scratch {
    std::size_t gathered[3], room;  // offsets by Activation; where memory for the weights begins

    Scratch(const MoeForms& forms, std::size_t k) : room(kTile + kTileBytes) {
        for (const Activation form : kForms) {
            const auto i = static_cast<std::size_t>(form);
            gathered[i] = room;
            if (forms.gathered[i]) room += round64(kTileTokens * activation_bytes(form, k));
        }
    }
    static constexpr std::size_t kTile = 64;
    // Whose inputs they are, so that a worker that goes on with an expert finds them.
    struct Gathered {
        std::size_t slot, tokens;
    };
    static_assert(sizeof(Gathered) <= kTile);
};

}  // namespace

std::size_t moe_scratch_bytes(const MoeForms& forms, std::size_t k) { return Scratch(forms, k).room; }

std::uint64_t MoeWorkspace::bytes(const MoeSpec& spec, const MoeForms& forms, std::size_t tokens) {
    return spec.experts == 0 ? 0 : MoeLayout(spec, forms, tokens).bytes;
}

Result<MoeWorkspace> MoeWorkspace::make(const std::shared_ptr<Memory>& memory, const MoeSpec& spec,
                                        const MoeForms& forms, std::size_t tokens, std::size_t workers) {
    MoeWorkspace w;
    if (spec.experts == 0) return w;
    w.forms_ = forms;
    w.tokens_ = tokens;
    HEARTH_ASSIGN(w.memory_, Buffer::make(memory, bytes(spec, forms, tokens), "the workspace of experts"));
    w.activated_rows_ = Tally(spec.experts * panels_of(spec.feed_forward) + panels_of(spec.shared_feed_forward));
    w.token_blocks_ = Tally(workers);
    w.output_rows_ = Tally(1);
    return w;
}

// One pass through one layer.
class MoeRun {
public:
    MoeRun(const RunContext& run, const MoeSpec& spec, const MoeWeights& weights, MoeWorkspace& workspace,
           const LinearInput& input)
        : run_(run),
          spec_(spec),
          w_(weights),
          in_(input),
          space_(workspace),
          layout_(spec, workspace.forms_, workspace.tokens_),
          scratch_(workspace.forms_, input.k),
          memory_(workspace.memory_.data()),
          slots_(input.tokens * spec.used) {}

    // Router logits, and the experts of each token.
    void choose(std::span<const std::int32_t> token_ids) {
        const std::size_t stride = 2 * std::size_t{spec_.experts};
        LinearRun router;
        router.add(w_.router, at<float>(layout_.logits), stride);
        router.add(w_.shared_router, at<float>(layout_.slot_weight) + slots_, 1);
        const auto pick = [&](std::size_t t) {
            float *const logits = at<float>(layout_.logits) + t * stride,
                  *const weights = at<float>(layout_.weights) + t * spec_.used;
            auto* const ids = at<std::uint32_t>(layout_.ids) + t * spec_.used;
            if (w_.by_token.empty()) {
                route(spec_, w_.selection_bias, run_.kernels, logits, ids, weights);
            } else {
                std::copy_n(w_.by_token.data() + static_cast<std::size_t>(token_ids[t]) * spec_.used, spec_.used, ids);
                weigh(spec_, run_.kernels, logits, ids, weights);
            }
            if (spec_.shared_feed_forward == 0) return;
            float& weight = at<float>(layout_.slot_weight)[slots_ + t];
            weight =
                !spec_.shared_gated ? 1.0F : static_cast<float>(1 / (1 + det_exp(-static_cast<double>(weight))));
            at<std::uint32_t>(layout_.slot_token)[slots_ + t] = static_cast<std::uint32_t>(t);
        };
        router.run(run_, in_, LinearRun::kNothing, space_.token_blocks_, pick);
    }

    // A counting sort: slots of an expert in the order of their tokens. Then a job for each expert that has any.
    void group() {
        const auto* ids = at<std::uint32_t>(layout_.ids);
        const auto* weights = at<float>(layout_.weights);
        auto* next = at<std::uint32_t>(layout_.next);  // [experts + 1]
        std::fill_n(next, spec_.experts + 1, 0U);
        for (std::size_t i = 0; i < slots_; ++i) ++next[ids[i] + 1];
        for (std::size_t e = 0; e < spec_.experts; ++e) {
            const std::uint32_t count = next[e + 1];
            next[e + 1] += next[e];
            if (count == 0) continue;
            MoeJob job{};
            const bool fused = !w_.gate_up.empty();
            job.gate = fused ? &w_.gate_up : &w_.gate;
            job.up = fused ? &w_.gate_up : w_.up.empty() ? nullptr : &w_.up;
            job.gate_matrix = fused ? 2 * e : e;
            job.up_matrix = fused ? 2 * e + 1 : e;
            job.down = &w_.down;
            job.matrix = e;
            job.width = spec_.feed_forward;
            job.limit = w_.limit;
            job.slot = next[e];
            job.tokens = count;
            job.value = std::size_t{job.slot} * spec_.feed_forward;
            add_job(job);
        }
        for (std::size_t i = 0; i < slots_; ++i) {
            const std::uint32_t slot = next[ids[i]]++;
            at<std::uint32_t>(layout_.slot_token)[slot] = static_cast<std::uint32_t>(i / spec_.used);
            at<float>(layout_.slot_weight)[slot] = weights[i];
        }
        if (spec_.shared_feed_forward == 0) return;
        MoeJob job{};
        job.gate = &w_.shared_gate;
        job.up = &w_.shared_up;
        job.down = &w_.shared_down;
        job.width = spec_.shared_feed_forward;
        job.limit = w_.shared_limit;
        job.slot = static_cast<std::uint32_t>(slots_);
        job.tokens = static_cast<std::uint32_t>(in_.tokens);
        job.value = slots_ * spec_.feed_forward;
        add_job(job);
    }

    // Activated values, quantised for `down` by whoever completes a block of them.
    void gate_up() {
        if (run_.changes != nullptr) lower_inputs();
        for (Buffer& scratch : run_.scratch) scratch.as<Scratch::Gathered>()->tokens = 0;
        const std::span<RowWork> work(at<RowWork>(layout_.work), job_count_);
        const std::size_t chunks = place_chunks(work, run_.executor.workers());
        parallel_ranges(run_.executor, chunks, [&](std::size_t chunk, std::size_t chunk_end, std::size_t worker) {
            each_stretch(work, chunk, chunk_end, [&](std::size_t i, std::size_t first, std::size_t end) {
                const MoeJob& job = jobs()[i];
                gate_up_rows(job, first, end, worker);
                quantize_rows(job, i, first, end);
            });
        });
    }

    // Rows of the output over all experts, so that each output has one owner who adds in the stated order.
    void down(const MoeOutput& out, const ChunkBody& then) {
        if (run_.changes != nullptr) lower_activated();
        // A chunk of a few panels keeps the streams of each expert's weights long; many for each worker keep the last one
        // from waiting.
        const std::size_t panels = std::clamp<std::size_t>(panels_of(in_.k) / (run_.executor.workers() * 16), 1, 8);
        RowWork work{in_.k, jobs()[0].down->panel_bytes(), panels * kLanes};
        const std::size_t chunks = place_chunks({&work, 1}, run_.executor.workers());
        parallel_ranges(run_.executor, chunks, [&](std::size_t chunk, std::size_t chunk_end, std::size_t worker) {
            each_stretch({&work, 1}, chunk, chunk_end, [&](std::size_t, std::size_t first, std::size_t end) {
                for (std::size_t row = first; row < end; row += kTileRows)
                    down_rows(row, std::min(end, row + kTileRows), worker, out);
                if (space_.output_rows_.add(0, end - first, in_.k)) then(0, in_.tokens, worker);
            });
        });
    }

private:
    template <class T>
    T* at(std::size_t offset) const {
        return reinterpret_cast<T*>(memory_ + offset);
    }
    MoeJob* jobs() const { return at<MoeJob>(layout_.jobs); }
    std::span<MoeJob> job_list() const { return {jobs(), job_count_}; }
    void add_job(const MoeJob& job) {
        at<RowWork>(layout_.work)[job_count_] = {job.width, job.gate->panel_bytes()};
        jobs()[job_count_++] = job;
    }
    // Where the form of the activated values from number `value` begins.
    std::byte* activated(Activation form, std::size_t value) const {
        if (form == Activation::f32) return memory_ + layout_.activated + value * sizeof(float);
        return memory_ + (form == Activation::q8_32 ? layout_.q8_32 : layout_.q8_256) + activation_bytes(form, value);
    }
    // Inputs of tokens [t, t + tokens) of the job in the form that w wants, one after the other.
    const std::byte* input_of(const MoeJob& job, const Linear& w, std::size_t t, std::size_t tokens,
                              std::size_t worker) const {
        const Activation form = w.activation();
        const std::size_t bytes = activation_bytes(form, in_.k);
        const auto* const all = static_cast<const std::byte*>(in_.data(form));
        const bool apart = job.slot < slots_ && tokens > 1;
        if (!apart) return all + at<std::uint32_t>(layout_.slot_token)[job.slot + t] * bytes;
        gather(job.slot + t, tokens, worker);
        return run_.worker_scratch(worker) + scratch_.gathered[static_cast<std::size_t>(form)];
    }
    void gather(std::size_t slot, std::size_t tokens, std::size_t worker) const {
        std::byte* const scratch = run_.worker_scratch(worker);
        auto& held = *reinterpret_cast<Scratch::Gathered*>(scratch);
        if (held.slot == slot && held.tokens == tokens) return;
        held = {slot, tokens};
        for (const Activation form : kForms) {
            if (!space_.forms_.gathered[static_cast<std::size_t>(form)]) continue;
            const std::size_t bytes = activation_bytes(form, in_.k);
            for (std::size_t i = 0; i < tokens; ++i)
                std::memcpy(scratch + scratch_.gathered[static_cast<std::size_t>(form)] + i * bytes,
                            static_cast<const std::byte*>(in_.data(form)) +
                                at<std::uint32_t>(layout_.slot_token)[slot + i] * bytes,
                            bytes);
        }
    }
    float* tile(std::size_t worker) const {
        return reinterpret_cast<float*>(run_.worker_scratch(worker) + Scratch::kTile);
    }
    std::byte* room(std::size_t worker) const { return run_.worker_scratch(worker) + scratch_.room; }

    // What adapters make of inputs: each slot has a place of its own.
    using Changed = std::array<const Linear*, 2>;
    static std::span<const Linear* const> inputs_changed(const MoeJob& job, Changed& room) {
        room = {job.gate, job.up};
        return {room.data(), job.up == nullptr || job.up == job.gate ? 1U : 2U};
    }
    template <class F>
    void each_changed_slot(bool down, F&& f) const {
        const auto touched = [&](const MoeJob& job) {
            Changed room{job.down, nullptr};
            return run_.changes->touches(down ? std::span<const Linear* const>(room.data(), 1) : inputs_changed(job, room));
        };
        if (!std::ranges::any_of(job_list(), touched)) return;
        parallel_for(run_.executor, job_count_, [&](std::size_t i, std::size_t) {
            const MoeJob& job = jobs()[i];
            for (std::size_t s = 0; s < job.tokens; ++s)
                f(job, s, at<std::uint32_t>(layout_.slot_token)[job.slot + s]);
        });
    }
    void lower_inputs() const {
        each_changed_slot(false, [&](const MoeJob& job, std::size_t s, std::size_t token) {
            Changed room{};
            const auto list = inputs_changed(job, room);
            run_.changes->lower_one(run_.kernels, list, job.gate_matrix, in_.f32 + token * in_.k, token, job.slot + s);
        });
    }
    void lower_activated() const {
        each_changed_slot(true, [&](const MoeJob& job, std::size_t s, std::size_t token) {
            run_.changes->lower_one(run_.kernels, {&job.down, 1}, job.matrix,
                                    at<float>(layout_.activated) + job.value + s * job.width, token, job.slot + s);
        });
    }
    // Rows [first, end) of one of the job's products, for its slots from number `first_slot` on: y [slots, y_stride].
    void add_changes(const MoeJob& job, const Linear& w, std::size_t matrix, std::size_t first_slot, std::size_t slots,
                     std::size_t first, std::size_t end, float* y, std::size_t y_stride) const {
        if (run_.changes == nullptr) return;
        Changed room{};
        const auto list = &w == job.down ? std::span<const Linear* const>(&job.down, 1) : inputs_changed(job, room);
        for (std::size_t i = 0; i < slots; ++i) {
            const std::size_t slot = job.slot + first_slot + i;
            run_.changes->add_one(run_.kernels, list, w, at<std::uint32_t>(layout_.slot_token)[slot], slot,
                                  {matrix, first, end, y + i * y_stride, y_stride});
        }
    }

    bool weighs_input(const MoeJob& job) const { return spec_.weigh_inputs && job.slot < slots_; }

    void gate_up_rows(const MoeJob& job, std::size_t first, std::size_t end, std::size_t worker) const {
        float* const up = tile(worker);  // [tokens, rows]
        for (std::size_t t = 0; t < job.tokens; t += kTileTokens) {
            const std::size_t tokens = std::min<std::size_t>(kTileTokens, job.tokens - t);
            const std::byte* const gate_in = input_of(job, *job.gate, t, tokens, worker);
            const std::byte* const up_in = job.up != nullptr ? input_of(job, *job.up, t, tokens, worker) : nullptr;
            for (std::size_t row = first; row < end; row += kTileRows) {
                const std::size_t stop = std::min(end, row + kTileRows), rows = stop - row;
                float* const y = at<float>(layout_.activated) + job.value + t * job.width + row;
                job.gate->multiply(run_.kernels, {job.gate_matrix, row, stop, gate_in, tokens, y, job.width},
                                   room(worker));
                add_changes(job, *job.gate, job.gate_matrix, t, tokens, row, stop, y, job.width);
                if (job.up != nullptr) {
                    job.up->multiply(run_.kernels, {job.up_matrix, row, stop, up_in, tokens, up, rows}, room(worker));
                    add_changes(job, *job.up, job.up_matrix, t, tokens, row, stop, up, rows);
                }
                for (std::size_t i = 0; i < tokens; ++i) {
                    if (job.up == nullptr) {
                        apply_glu(spec_.glu, run_.kernels, y + i * job.width, nullptr, rows, y + i * job.width);
                        continue;
                    }
                    if (weighs_input(job)) {  // the product of a weighed input
                        const float weight = at<float>(layout_.slot_weight)[job.slot + t + i];
                        run_.kernels.scale(y + i * job.width, weight, rows);
                        run_.kernels.scale(up + i * rows, weight, rows);
                    }
                    apply_glu(spec_.glu, run_.kernels, y + i * job.width, up + i * rows, rows, y + i * job.width, job.limit);
                }
            }
        }
    }

    // Rows [first, end) of all tokens of job i have been activated.
    void quantize_rows(const MoeJob& job, std::size_t i, std::size_t first, std::size_t end) const {
        const Activation form = job.down->activation();
        if (form == Activation::f32) return;
        const std::size_t block = form == Activation::q8_32 ? 32 : 256, count = i * panels_of(spec_.feed_forward);
        for (std::size_t b = first / block; b * block < end; ++b) {
            const std::size_t from = b * block, to = std::min(from + block, job.width);
            if (!space_.activated_rows_.add(count + b, std::min(end, to) - std::max(first, from), to - from)) continue;
            for (std::size_t t = 0; t < job.tokens; ++t) {
                const std::size_t value = job.value + t * job.width + from;
                const float* const x = at<float>(layout_.activated) + value;
                if (form == Activation::q8_32)
                    run_.kernels.quantize_q8_32(x, to - from, activated(form, value));
                else
                    run_.kernels.quantize_q8_256(x, to - from, activated(form, value));
            }
        }
    }

    // Outputs [first, end) of every token, at most kTileRows.
    void down_rows(std::size_t first, std::size_t end, std::size_t worker, const MoeOutput& out) const {
        const std::size_t width = in_.k;
        for (std::size_t t = 0; t < in_.tokens; ++t) std::fill_n(out.y + t * width + first, end - first, 0.0F);
        for (const MoeJob& job : job_list()) add_down_rows(job, first, end, worker, out.y);
        if (out.stream == nullptr) return;
        for (std::size_t at = first; at < in_.tokens * width; at += width)
            run_.kernels.add_scaled(out.y + at, out.scale, end - first, out.stream + at);
    }

    void add_down_rows(const MoeJob& job, std::size_t first, std::size_t end, std::size_t worker, float* y) const {
        float* const part = tile(worker);  // [tokens, rows]
        const std::size_t rows = end - first;
        const auto* token = at<std::uint32_t>(layout_.slot_token) + job.slot;
        const auto* weight = at<float>(layout_.slot_weight) + job.slot;
        for (std::size_t t = 0; t < job.tokens; t += kTileTokens) {
            const std::size_t tokens = std::min<std::size_t>(kTileTokens, job.tokens - t);
            job.down->multiply(run_.kernels,
                               {job.matrix, first, end, activated(job.down->activation(), job.value + t * job.width),
                                tokens, part, rows},
                               room(worker));
            add_changes(job, *job.down, job.matrix, t, tokens, first, end, part, rows);
            for (std::size_t i = 0; i < tokens; ++i)
                run_.kernels.add_scaled(part + i * rows, weighs_input(job) ? 1.0F : weight[t + i], rows,
                                        y + token[t + i] * in_.k + first);
        }
    }

    const RunContext& run_;
    const MoeSpec& spec_;
    const MoeWeights& w_;
    const LinearInput& in_;
    MoeWorkspace& space_;
    const MoeLayout layout_;
    const Scratch scratch_;
    std::byte* memory_;
    std::size_t slots_;  // of routed experts: tokens * used
    std::size_t job_count_ = 0;
};

void moe_choose(const RunContext& run, const MoeSpec& spec, const MoeWeights& weights, MoeWorkspace& workspace,
                const LinearInput& input, std::span<const std::int32_t> token_ids) {
    MoeRun(run, spec, weights, workspace, input).choose(token_ids);
}

void moe_apply(const RunContext& run, const MoeSpec& spec, const MoeWeights& weights, MoeWorkspace& workspace,
               const LinearInput& input, const MoeOutput& output, ChunkBody then) {
    MoeRun moe(run, spec, weights, workspace, input);
    moe.group();
    moe.gate_up();
    moe.down(output, then);
}

void moe_feed_forward(const RunContext& run, const MoeSpec& spec, const MoeWeights& weights, MoeWorkspace& workspace,
                      const LinearInput& input, const MoeOutput& output, ChunkBody then,
                      std::span<const std::int32_t> token_ids) {
    moe_choose(run, spec, weights, workspace, input, token_ids);
    moe_apply(run, spec, weights, workspace, input, output, then);
}

}  // namespace hearth
