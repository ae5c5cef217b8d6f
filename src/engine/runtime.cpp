#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "hearth/base/cat.hpp"
#include "hearth/base/cpu.hpp"
#include "hearth/engine/engine.hpp"

namespace hearth {

Result<std::shared_ptr<Runtime>> Runtime::make(const RuntimeOptions& options) {
    auto runtime = std::make_shared<Runtime>();
    if (options.isa.empty() || options.isa == "auto") {
        // The one environment variable that hearth reads: support asks users to set it where kernels are in doubt.
        const char* forced = std::getenv("HEARTH_ISA");
        auto isa = isa_by_name(forced != nullptr ? forced : "");
        if (!isa.ok()) return std::move(isa).status().in("environment variable HEARTH_ISA");
        runtime->isa_ = *isa;
    } else {
        HEARTH_ASSIGN(runtime->isa_, isa_by_name(options.isa));
    }
    if ((options.allocator.allocate == nullptr) != (options.allocator.release == nullptr))
        return Status(Code::invalid_argument, "allocate and release must both be given or both be null");
    runtime->memory_ = std::make_shared<Memory>(options.allocator, options.memory_budget);
    runtime->memory_->available = options.available;
    runtime->log_ = options.log;
    HEARTH_ASSIGN(runtime->executor_, make_executor(options.threads, options.runner));
    runtime->log_(LogLevel::info, cat("instruction set ", isa_info(runtime->isa_).name, ", ", runtime->executor_->workers(), " threads"));
    return runtime;
}

Result<double> Runtime::measure_stream(std::uint64_t bytes, std::uint32_t rounds) {
    constexpr std::size_t kChunk = std::size_t{1} << 20;
    if (bytes < kChunk || rounds == 0)
        return Status(Code::invalid_argument, cat("bytes is ", bytes, " and rounds is ", rounds, ", expected at least ", kChunk, " and 1"));
    HEARTH_ASSIGN(Buffer buffer, Buffer::make(memory_, bytes / kChunk * kChunk, "the stream measurement"));
    const auto guard = lock();
    const std::size_t chunks = buffer.size() / kChunk;
    constexpr std::size_t kWords = kChunk / sizeof(std::uint32_t);
    auto* words = buffer.as<std::uint32_t>();
    // Written first: untouched pages would all be the one zero page.
    parallel_for(*executor_, chunks, [&](std::size_t c, std::size_t) {
        std::fill_n(words + c * kWords, kWords, static_cast<std::uint32_t>(c + 1));
    });
    std::vector<std::uint32_t> sums(chunks);
    std::vector<double> rates;
    for (std::uint32_t r = 0; r < rounds; ++r) {
        const auto start = std::chrono::steady_clock::now();
        parallel_for(*executor_, chunks, [&](std::size_t c, std::size_t) {
            sums[c] += kernels().sum_words(words + c * kWords, kWords, gains_by_fetching());
        });
        const std::chrono::duration<double> t = std::chrono::steady_clock::now() - start;
        rates.push_back(static_cast<double>(buffer.size()) / t.count());
    }
    // The sums are known, and checking them keeps the reads.
    for (std::size_t c = 0; c < chunks; ++c)
        if (sums[c] != static_cast<std::uint32_t>((c + 1) * kWords * rounds)) return Status(Code::internal, "the stream measurement read other bytes than it wrote");
    std::nth_element(rates.begin(), rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2), rates.end());
    return rates[rates.size() / 2];
}

}  // namespace hearth
