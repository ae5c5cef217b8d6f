#include "hearth/layers/moe.hpp"

#include <algorithm>
#include <cstring>

#include "hearth/base/math.hpp"
#include "layers/moe_layout.hpp"

namespace hearth {

namespace {

// Products of a chunk stop here between streams of weights and vectors that stay in a core's cache.
constexpr std::size_t kTileTokens = 64, kTilePanels = 8, kTileRows = kTilePanels * kLanes;
constexpr std::size_t kTileBytes = kTileTokens * kTileRows * sizeof(float);
// Tokens of a chunk in phases that only move or round: one token with a few experts needs no other worker.
constexpr std::size_t kBlock = 16;

}  // namespace

std::size_t moe_scratch_bytes() { return kTileBytes; }

std::uint64_t MoeWorkspace::bytes(const MoeSpec& spec, const MoeForms& forms, std::size_t k, std::size_t tokens) {
    return spec.experts == 0 ? 0 : MoeLayout(spec, forms, k, tokens).bytes;
}

Result<MoeWorkspace> MoeWorkspace::make(const std::shared_ptr<Memory>& memory, const MoeSpec& spec,
                                        const MoeForms& forms, std::size_t k, std::size_t tokens) {
    MoeWorkspace w;
    if (spec.experts == 0) return w;
    w.forms_ = forms;
    w.k_ = k;
    w.tokens_ = tokens;
    HEARTH_ASSIGN(w.memory_, Buffer::make(memory, bytes(spec, forms, k, tokens), "the workspace of experts"));
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
          forms_(workspace.forms_),
          layout_(spec, workspace.forms_, workspace.k_, workspace.tokens_),
          memory_(workspace.memory_.data()),
          slots_(input.tokens * spec.used) {}

    void choose() {
        const std::size_t stride = 2 * std::size_t{spec_.experts};
        LinearRun router;
        router.add(w_.router, at<float>(layout_.logits), stride);
        router.add(w_.shared_router, at<float>(layout_.slot_weight) + slots_, 1);
        router.run(run_, in_);
        blocks(in_.tokens, [&](std::size_t t) {
            route(spec_, w_.selection_bias, run_.kernels, at<float>(layout_.logits) + t * stride,
                  at<std::uint32_t>(layout_.ids) + t * spec_.used, at<float>(layout_.weights) + t * spec_.used);
            if (spec_.shared_feed_forward == 0) return;
            float& weight = at<float>(layout_.slot_weight)[slots_ + t];
            weight =
                !spec_.shared_gated ? 1.0F : static_cast<float>(1 / (1 + det_exp(-static_cast<double>(weight))));
            at<std::uint32_t>(layout_.slot_token)[slots_ + t] = static_cast<std::uint32_t>(t);
        });
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
            job.up = fused ? &w_.gate_up : &w_.up;
            job.gate_matrix = fused ? 2 * e : e;
            job.up_matrix = fused ? 2 * e + 1 : e;
            job.down = &w_.down;
            job.matrix = e;
            job.width = spec_.feed_forward;
            job.slot = next[e];
            job.tokens = count;
            job.value = std::size_t{job.slot} * spec_.feed_forward;
            any_gathered_ |= count > 1;
            jobs()[job_count_++] = job;
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
        job.slot = static_cast<std::uint32_t>(slots_);
        job.tokens = static_cast<std::uint32_t>(in_.tokens);
        job.value = slots_ * spec_.feed_forward;
        jobs()[job_count_++] = job;
    }

    // Inputs of experts with several tokens, side by side.
    void gather() {
        if (!any_gathered_) return;
        blocks(slots_, [&](std::size_t slot) {
            const std::size_t token = at<std::uint32_t>(layout_.slot_token)[slot];
            for (const Activation form : {Activation::f32, Activation::q8_32, Activation::q8_256}) {
                if (!forms_.gathered[static_cast<std::size_t>(form)]) continue;
                const std::size_t bytes = activation_bytes(form, in_.k);
                std::memcpy(gathered(form) + slot * bytes,
                            static_cast<const std::byte*>(in_.data(form)) + token * bytes, bytes);
            }
        });
    }

    void gate_up() {
        std::size_t panels = 0, chunks = 0;
        for (const MoeJob& job : job_list()) panels += panels_of(job.width);
        const std::size_t chunk_panels = chunk_of(panels);
        for (MoeJob& job : job_list()) {
            job.first_chunk = chunks;
            chunks += (panels_of(job.width) + chunk_panels - 1) / chunk_panels;
        }
        parallel_for(run_.executor, chunks, [&](std::size_t chunk, std::size_t worker) {
            const auto jobs = job_list();
            const MoeJob& job = *(std::upper_bound(jobs.begin(), jobs.end(), chunk,
                                                   [](std::size_t c, const MoeJob& j) { return c < j.first_chunk; }) -
                                  1);
            const std::size_t first = (chunk - job.first_chunk) * chunk_panels * kLanes;
            gate_up_rows(job, first, std::min<std::size_t>(job.width, first + chunk_panels * kLanes), worker);
        });
    }

    void quantize() {
        if (!forms_.activated.q8_32 && !forms_.activated.q8_256) return;
        const std::size_t shared = spec_.shared_feed_forward == 0 ? 0 : in_.tokens;
        blocks(slots_ + shared, [&](std::size_t slot) {
            const bool routed = slot < slots_;
            const Linear& down = routed ? w_.down : w_.shared_down;
            const std::size_t width = routed ? spec_.feed_forward : spec_.shared_feed_forward;
            const std::size_t value = routed ? slot * width : slots_ * spec_.feed_forward + (slot - slots_) * width;
            const float* x = at<float>(layout_.activated) + value;
            if (down.activation() == Activation::q8_32)
                run_.kernels.quantize_q8_32(x, width, activated(Activation::q8_32, value));
            if (down.activation() == Activation::q8_256)
                run_.kernels.quantize_q8_256(x, width, activated(Activation::q8_256, value));
        });
    }

    // Rows of the output over all experts, so that each output has one owner who adds in the stated order.
    void down(const MoeOutput& out) {
        const std::size_t rows = in_.k, chunk_rows = chunk_of(panels_of(rows)) * kLanes;
        parallel_for(run_.executor, (rows + chunk_rows - 1) / chunk_rows, [&](std::size_t chunk, std::size_t worker) {
            const std::size_t first = chunk * chunk_rows, end = std::min(rows, first + chunk_rows);
            for (std::size_t t = 0; t < in_.tokens; ++t) std::fill_n(out.y + t * rows + first, end - first, 0.0F);
            for (const MoeJob& job : job_list()) add_down_rows(job, first, end, worker, out.y);
            if (out.stream == nullptr) return;
            for (std::size_t at = first; at < in_.tokens * rows; at += rows)
                run_.kernels.add_scaled(out.y + at, out.scale, end - first, out.stream + at);
        });
    }

private:
    // A chunk of a few panels keeps streams of weights long; many for each worker keep the last one from waiting.
    std::size_t chunk_of(std::size_t panels) const {
        return std::clamp<std::size_t>(panels / (run_.executor.workers() * 16), 1, kTilePanels);
    }
    template <class T>
    T* at(std::size_t offset) const {
        return reinterpret_cast<T*>(memory_ + offset);
    }
    MoeJob* jobs() const { return at<MoeJob>(layout_.jobs); }
    std::span<MoeJob> job_list() const { return {jobs(), job_count_}; }
    std::byte* gathered(Activation form) const { return memory_ + layout_.gathered[static_cast<std::size_t>(form)]; }
    // Where the form of the activated values from number `value` begins.
    std::byte* activated(Activation form, std::size_t value) const {
        if (form == Activation::f32) return memory_ + layout_.activated + value * sizeof(float);
        return memory_ + (form == Activation::q8_32 ? layout_.q8_32 : layout_.q8_256) + activation_bytes(form, value);
    }
    template <class F>
    void blocks(std::size_t count, F f) const {
        parallel_for(run_.executor, (count + kBlock - 1) / kBlock, [&](std::size_t block, std::size_t) {
            for (std::size_t i = block * kBlock; i < std::min(count, (block + 1) * kBlock); ++i) f(i);
        });
    }

    const std::byte* input_of(const MoeJob& job, const Linear& w) const {
        const Activation form = w.activation();
        const std::size_t bytes = activation_bytes(form, in_.k);
        const bool apart = job.slot < slots_ && job.tokens > 1;
        if (apart) return gathered(form) + job.slot * bytes;
        return static_cast<const std::byte*>(in_.data(form)) + at<std::uint32_t>(layout_.slot_token)[job.slot] * bytes;
    }

    void gate_up_rows(const MoeJob& job, std::size_t first, std::size_t end, std::size_t worker) const {
        auto* up = reinterpret_cast<float*>(run_.worker_scratch(worker));  // [kTileTokens, end - first]
        std::byte* room = run_.worker_scratch(worker) + kTileBytes;
        const std::size_t rows = end - first;
        const std::byte *gate_in = input_of(job, *job.gate), *up_in = input_of(job, *job.up);
        for (std::size_t t = 0; t < job.tokens; t += kTileTokens) {
            const std::size_t tokens = std::min<std::size_t>(kTileTokens, job.tokens - t);
            float* y = at<float>(layout_.activated) + job.value + t * job.width + first;
            job.gate->multiply(run_.kernels,
                               {job.gate_matrix, first, end,
                                gate_in + t * activation_bytes(job.gate->activation(), in_.k), tokens, y, job.width},
                               room);
            job.up->multiply(run_.kernels,
                             {job.up_matrix, first, end, up_in + t * activation_bytes(job.up->activation(), in_.k),
                              tokens, up, rows},
                             room);
            for (std::size_t i = 0; i < tokens; ++i)
                apply_glu(spec_.glu, run_.kernels, y + i * job.width, up + i * rows, rows, y + i * job.width);
        }
    }

    void add_down_rows(const MoeJob& job, std::size_t first, std::size_t end, std::size_t worker, float* y) const {
        auto* tile = reinterpret_cast<float*>(run_.worker_scratch(worker));  // [kTileTokens, end - first]
        std::byte* room = run_.worker_scratch(worker) + kTileBytes;
        const std::size_t rows = end - first;
        const auto* token = at<std::uint32_t>(layout_.slot_token) + job.slot;
        const auto* weight = at<float>(layout_.slot_weight) + job.slot;
        for (std::size_t t = 0; t < job.tokens; t += kTileTokens) {
            const std::size_t tokens = std::min<std::size_t>(kTileTokens, job.tokens - t);
            job.down->multiply(run_.kernels,
                               {job.matrix, first, end, activated(job.down->activation(), job.value + t * job.width),
                                tokens, tile, rows},
                               room);
            for (std::size_t i = 0; i < tokens; ++i)
                run_.kernels.add_scaled(tile + i * rows, weight[t + i], rows, y + token[t + i] * in_.k + first);
        }
    }

    const RunContext& run_;
    const MoeSpec& spec_;
    const MoeWeights& w_;
    const LinearInput& in_;
    const MoeForms& forms_;
    const MoeLayout layout_;
    std::byte* memory_;
    std::size_t slots_;  // of routed experts: tokens * used
    std::size_t job_count_ = 0;
    bool any_gathered_ = false;
};

void moe_feed_forward(const RunContext& run, const MoeSpec& spec, const MoeWeights& weights, MoeWorkspace& workspace,
                      const LinearInput& input, const MoeOutput& output) {
    MoeRun moe(run, spec, weights, workspace, input);
    moe.choose();
    moe.group();
    moe.gather();
    moe.gate_up();
    moe.quantize();
    moe.down(output);
}

}  // namespace hearth
