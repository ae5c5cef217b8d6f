// Products with stored weights of every type, against sums in double over the decoded values.
#include "hearth/layers/linear.hpp"

#include "kernels/weights.hpp"
#include "layers/support.hpp"

namespace hearth::test {
namespace {

struct Weight {
    const Codec* codec;
    std::size_t rows, k;
    std::vector<float> values;  // [rows, k]
    std::vector<float> bias;    // [rows] or empty
    const TensorInfo *info, *bias_info = nullptr;
};

Weight make_weight(Tensors& tensors, Draws& draws, const Codec& codec, std::size_t rows, std::size_t k, bool bias,
                   const std::string& name = "w") {
    Weight w{&codec, rows, k, {}, {}, nullptr};
    auto bytes = random_blocks(draws, codec, rows * k, 0.5F);
    w.values = decoded(codec, bytes);
    w.info = tensors.add(name + ".weight", codec.id, {k, rows}, std::move(bytes));
    if (bias) {
        w.bias = draws.many(rows);
        w.bias_info = tensors.add_floats(name + ".bias", w.bias);
    }
    return w;
}

Result<Linear> load(const Tensors& tensors, Executor& executor, const Weight& w,
                    std::shared_ptr<Memory> memory = std::make_shared<Memory>()) {
    LoadContext context{tensors, std::move(memory), executor, Logger{}};
    return Linear::load(context, w.info, w.bias_info);
}

// Inputs of `tokens` rows in every form.
struct Input {
    std::vector<float> f32;
    std::vector<std::byte> q8_32, q8_256;
    LinearInput input;

    Input(Draws& draws, std::size_t tokens, std::size_t k)
        : f32(draws.many(tokens * k)),
          q8_32(tokens * activation_bytes(Activation::q8_32, k) + 64),
          q8_256(tokens * activation_bytes(Activation::q8_256, k) + 64) {
        input = {f32.data(), q8_32.data(), q8_256.data(), tokens, k};
    }
    void quantize(const RunContext& run, ActivationNeeds needs) {
        for (std::size_t t = 0; t < input.tokens; ++t) quantize_token(run, input, needs, t);
    }
    // The values that the product is of.
    std::vector<double> row(Activation a, std::size_t t) const {
        return activation_values(a, static_cast<const std::byte*>(input.data(a)) + t * activation_bytes(a, input.k),
                                 input.k);
    }
};

// y against sums in double; each term may round once in the chain, so the bound is that of the chain.
void check_product(const Weight& w, Activation activation, const Input& in, const std::vector<float>& y,
                   std::size_t stride, std::size_t offset) {
    double worst = 0;
    for (std::size_t t = 0; t < in.input.tokens; ++t) {
        const auto x = in.row(activation, t);
        for (std::size_t r = 0; r < w.rows; ++r) {
            double sum = w.bias.empty() ? 0 : static_cast<double>(w.bias[r]), size = std::fabs(sum);
            for (std::size_t i = 0; i < w.k; ++i) {
                const double term = static_cast<double>(w.values[r * w.k + i]) * x[i];
                sum += term;
                size += std::fabs(term);
            }
            const double error = std::fabs(static_cast<double>(y[t * stride + offset + r]) - sum);
            worst = std::max(worst, error / (size + 1e-30));
        }
    }
    CHECK_MESSAGE(worst < static_cast<double>(w.k + 8) * 0x1p-23, w.codec->name << ": " << worst);
}

constexpr std::size_t kWidths[] = {256, 512};
constexpr std::size_t kRows[] = {1, 15, 16, 17, 70};

}  // namespace

TEST_CASE("linear: every storage type multiplies as its decoded values do, on every instruction set and worker count") {
    for (const Codec& codec : codec_list()) {
        CAPTURE(codec.name);
        Draws draws(codec.id + 1);
        for (const std::size_t k : kWidths) {
            for (const std::size_t rows : kRows) {
                CAPTURE(rows);
                Tensors tensors;
                const Weight w = make_weight(tensors, draws, codec, rows, k, rows % 2 == 1);
                Input in(draws, 3, k);
                std::vector<float> reference;
                for (const std::size_t workers : {1U, 2U, 3U, 5U}) {
                    Workers crew(workers, Linear::scratch_bytes(w.info) + 64);
                    auto linear = load(tensors, *crew.executor, w);
                    REQUIRE(linear.ok());
                    CHECK(linear->rows() == rows);
                    CHECK(linear->k() == k);
                    CHECK(linear->bytes() == Linear::memory_bytes(w.info));
                    ActivationNeeds needs;
                    needs.add(*linear);
                    for (const Isa isa : available_isas()) {
                        const RunContext run = crew.run(kernel_table(isa));
                        in.quantize(run, needs);
                        const std::size_t stride = rows + 5;
                        std::vector<float> y(3 * stride, 7.0F);
                        LinearRun product;
                        product.add(*linear, y.data() + 2, stride);
                        product.run(run, in.input);
                        for (std::size_t t = 0; t < 3; ++t)  // what is beside the rows stays
                            CHECK((y[t * stride] == 7.0F && y[t * stride + 1] == 7.0F &&
                                   y[t * stride + stride - 1] == 7.0F));
                        if (reference.empty()) {
                            reference = y;
                            check_product(w, linear->activation(), in, y, stride, 2);
                        } else {
                            check_same(y, reference);
                        }
                    }
                }
            }
        }
    }
}

TEST_CASE("linear: a row is the decode of the stored blocks, to the bit") {
    for (const Codec& codec : codec_list()) {
        CAPTURE(codec.name);
        Draws draws(codec.id + 50);
        Tensors tensors;
        const Weight w = make_weight(tensors, draws, codec, 35, 512, false);
        const auto executor = executor_of(2);
        auto linear = load(tensors, *executor, w);
        REQUIRE(linear.ok());
        for (const std::size_t r : {0U, 1U, 15U, 16U, 31U, 34U}) {
            std::vector<float> row(512);
            linear->row(r, row.data());
            CHECK(std::memcmp(row.data(), w.values.data() + r * 512, 512 * sizeof(float)) == 0);
        }
    }
}

TEST_CASE("linear: several weights of different types in one phase give what each gives alone") {
    Draws draws(9);
    Tensors tensors;
    const std::size_t k = 512, tokens = 5;
    const char* names[] = {"Q4_K", "IQ4_NL", "IQ2_S", "F16"};
    const std::size_t rows[] = {40, 7, 100, 33};
    std::vector<Weight> weights;
    std::uint64_t scratch = 64;
    for (std::size_t i = 0; i < 4; ++i) {
        weights.push_back(make_weight(tensors, draws, *find_codec(names[i]), rows[i], k, i % 2 == 0, names[i]));
        scratch = std::max(scratch, Linear::scratch_bytes(weights.back().info));
    }
    Input in(draws, tokens, k);
    for (const std::size_t workers : {1U, 4U}) {
        Workers crew(workers, scratch);
        const RunContext run = crew.run(kernel_table(best_isa()));
        std::vector<Linear> linears;
        ActivationNeeds needs;
        for (const Weight& w : weights) {
            auto l = load(tensors, *crew.executor, w);
            REQUIRE(l.ok());
            needs.add(*l);
            linears.push_back(*std::move(l));
        }
        CHECK(needs.q8_32);
        CHECK(needs.q8_256);
        in.quantize(run, needs);
        const std::size_t stride = 40 + 7 + 100 + 33;
        std::vector<float> together(tokens * stride), alone(tokens * stride);
        LinearRun all;
        std::size_t offset = 0;
        all.add(Linear(), together.data(), stride);  // absent weights are passed over
        for (std::size_t i = 0; i < 4; ++i) {
            all.add(linears[i], together.data() + offset, stride);
            LinearRun one;
            one.add(linears[i], alone.data() + offset, stride);
            one.run(run, in.input);
            check_product(weights[i], linears[i].activation(), in, alone, stride, offset);
            offset += rows[i];
        }
        all.run(run, in.input);
        check_same(together, alone);
    }
}

TEST_CASE("linear: whoever completes a block of tokens goes on with it, once for each token") {
    Draws draws(14);
    Tensors tensors;
    const Weight a = make_weight(tensors, draws, *find_codec("Q4_K"), 100, 256, true, "a");
    const Weight b = make_weight(tensors, draws, *find_codec("F16"), 23, 256, false, "b");
    const std::size_t stride = 123;
    for (const std::size_t tokens : {1U, 5U, 255U, 256U, 700U}) {
        CAPTURE(tokens);
        Input in(draws, tokens, 256);
        std::vector<float> reference;
        for (const std::size_t workers : {1U, 2U, 5U}) {
            Workers crew(workers, 64);
            const RunContext run = crew.run(kernel_table(best_isa()));
            auto first = load(tensors, *crew.executor, a), second = load(tensors, *crew.executor, b);
            REQUIRE((first.ok() && second.ok()));
            ActivationNeeds needs;
            needs.add(*first);
            in.quantize(run, needs);
            std::vector<float> y(tokens * stride), complete(tokens * stride);
            std::vector<int> times(tokens);
            Tally blocks(workers);
            for (int round = 1; round <= 2; ++round) {  // counts are ready for the next product
                std::fill(y.begin(), y.end(), 0.0F);
                LinearRun both;
                both.add(*first, y.data(), stride);
                both.add(*second, y.data() + 100, stride);
                const auto negate = [&](const LinearRun::Piece& p, std::size_t) {
                    for (std::size_t t = p.token; t < p.token_end; ++t)
                        for (std::size_t r = p.first; r < p.end; ++r) y[t * stride + p.part * 100 + r] *= -1;
                };
                both.run(run, in.input, negate, blocks, [&](std::size_t t) {
                    ++times[t];
                    std::copy_n(y.data() + t * stride, stride, complete.data() + t * stride);
                });
                CHECK(times == std::vector<int>(tokens, round));
                check_same(complete, y);
            }
            if (reference.empty()) {
                LinearRun both;
                reference.resize(y.size());
                both.add(*first, reference.data(), stride);
                both.add(*second, reference.data() + 100, stride);
                both.run(run, in.input);
                for (float& v : reference) v = -v;
            }
            check_same(y, reference);
        }
    }
}

TEST_CASE("linear: a token's outputs do not depend on the tokens beside it") {
    Draws draws(10);
    for (const char* name : {"F32", "BF16", "Q4_0", "Q5_K", "Q6_K", "Q2_K", "MXFP4"}) {
        CAPTURE(std::string(name));
        Tensors tensors;
        const Weight w = make_weight(tensors, draws, *find_codec(name), 50, 256, true);
        Workers crew(2, Linear::scratch_bytes(w.info) + 64);
        const RunContext run = crew.run(kernel_table(best_isa()));
        auto linear = load(tensors, *crew.executor, w);
        REQUIRE(linear.ok());
        ActivationNeeds needs;
        needs.add(*linear);
        Input in(draws, 33, 256);
        in.quantize(run, needs);
        std::vector<float> batch(33 * 50);
        LinearRun all;
        all.add(*linear, batch.data(), 50);
        all.run(run, in.input);
        for (const std::size_t t : {0U, 1U, 17U, 32U}) {
            Input one(draws, 1, 256);
            std::copy_n(in.f32.begin() + static_cast<std::ptrdiff_t>(t * 256), 256, one.f32.begin());
            one.quantize(run, needs);
            std::vector<float> y(50);
            LinearRun single;
            single.add(*linear, y.data(), 50);
            single.run(run, one.input);
            check_same(y, {batch.begin() + static_cast<std::ptrdiff_t>(t * 50),
                           batch.begin() + static_cast<std::ptrdiff_t>(t * 50 + 50)});
        }
    }
}

TEST_CASE("linear: sources that cannot map give the same weights; failing ones give their sentence and no memory") {
    Draws draws(11);
    for (const char* name : {"Q4_K", "F32", "IQ2_S"}) {
        CAPTURE(std::string(name));
        Tensors tensors;
        const Weight w = make_weight(tensors, draws, *find_codec(name), 100, 256, true);
        for (const std::size_t workers : {1U, 3U}) {
            const auto executor = executor_of(workers);
            const auto memory = std::make_shared<Memory>();
            tensors.mapped = false;
            tensors.fail_from = SIZE_MAX;
            tensors.reads = 0;
            {
                auto linear = load(tensors, *executor, w, memory);
                REQUIRE(linear.ok());
                std::vector<float> row(256);
                for (std::size_t r = 0; r < 100; ++r) {
                    linear->row(r, row.data());
                    CHECK(std::memcmp(row.data(), w.values.data() + r * 256, 1024) == 0);
                }
                CHECK(memory->budget.used() == Linear::memory_bytes(w.info));
            }
            const std::size_t reads = tensors.reads;
            CHECK(reads >= 2);  // weight and bias
            for (std::size_t n = 0; n < reads; ++n) {
                tensors.fail_from = n;
                tensors.reads = 0;
                auto linear = load(tensors, *executor, w, memory);
                CHECK(!linear.ok());
                CHECK(linear.status().code() == Code::io);
                CHECK(linear.status().message().find("no bytes at") != std::string::npos);
                CHECK(memory->budget.used() == 0);
            }
        }
    }
}

TEST_CASE("linear: the memory budget is asked first, and nothing is kept when it refuses") {
    Draws draws(12);
    Tensors tensors;
    const Weight w = make_weight(tensors, draws, *find_codec("Q8_0"), 64, 256, false);
    const auto executor = executor_of(1);
    const auto memory = std::make_shared<Memory>(Allocator{}, Linear::memory_bytes(w.info) - 1);
    auto refused = load(tensors, *executor, w, memory);
    REQUIRE(!refused.ok());
    CHECK(refused.status().code() == Code::over_budget);
    CHECK(refused.status().message().find("w.weight") != std::string::npos);
    CHECK(memory->budget.used() == 0);
}

TEST_CASE("linear: loading reports its bytes and can be cancelled after each tensor") {
    Draws draws(13);
    Tensors tensors;
    const Weight w = make_weight(tensors, draws, *find_codec("Q6_K"), 20, 256, true);
    const auto executor = executor_of(2);
    struct Seen {
        std::vector<std::uint64_t> done;
        std::size_t cancel_at;
    };
    for (const std::size_t cancel_at : {0U, 1U, 2U}) {
        Seen seen{{}, cancel_at};
        LoadContext context{tensors, std::make_shared<Memory>(), *executor, Logger{}};
        context.total_bytes = w.info->bytes + w.bias_info->bytes;
        context.progress_user = &seen;
        context.progress = [](std::uint64_t done, std::uint64_t, void* user) {
            auto& s = *static_cast<Seen*>(user);
            s.done.push_back(done);
            return s.done.size() > s.cancel_at ? 1 : 0;
        };
        auto linear = Linear::load(context, w.info, w.bias_info);
        CHECK(linear.ok() == (cancel_at == 2));
        if (!linear.ok()) CHECK(linear.status().code() == Code::cancelled);
        CHECK(seen.done.front() == w.info->bytes);
        if (cancel_at != 0) CHECK(seen.done.back() == context.total_bytes);
    }
}

TEST_CASE("linear: absent tensors load as nothing") {
    Tensors tensors;
    const auto executor = executor_of(1);
    LoadContext context{tensors, std::make_shared<Memory>(), *executor, Logger{}};
    auto linear = Linear::load(context, nullptr);
    REQUIRE(linear.ok());
    CHECK(linear->empty());
    CHECK(Linear::memory_bytes(nullptr) == 0);
    auto vector = load_vector(context, nullptr);
    REQUIRE(vector.ok());
    CHECK(vector->empty());
}

TEST_CASE("linear: vectors load from every storage type") {
    const auto executor = executor_of(1);
    for (const Codec& codec : codec_list()) {
        CAPTURE(codec.name);
        Draws draws(codec.id + 200);
        Tensors tensors;
        auto bytes = random_blocks(draws, codec, 768, 2.0F);
        const auto values = decoded(codec, bytes);
        const TensorInfo* info = tensors.add("v", codec.id, {768}, std::move(bytes));
        LoadContext context{tensors, std::make_shared<Memory>(), *executor, Logger{}};
        auto vector = load_vector(context, info);
        REQUIRE(vector.ok());
        CHECK(std::memcmp(vector->data(), values.data(), values.size() * sizeof(float)) == 0);
        CHECK(tensors.released == 1);
    }
}

}  // namespace hearth::test
