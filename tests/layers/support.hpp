// Tensors in memory for tests of what loads them: random rows of every storage type, and sources that map, do not map,
// or fail.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "hearth/base/cat.hpp"
#include "hearth/base/parallel.hpp"
#include "hearth/base/tensor.hpp"
#include "hearth/codecs/codec.hpp"
#include "hearth/codecs/codec_id.hpp"
#include "hearth/layers/context.hpp"
#include "support/thin.hpp"

namespace hearth::test {

// Uniform in [-1, 1), the same on every platform.
class Draws {
public:
    explicit Draws(std::uint64_t seed) : state_(seed) {}
    std::uint64_t bits() {  // SplitMix64 (Steele, Lea and Flood, 2014)
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    std::size_t below(std::size_t n) { return static_cast<std::size_t>(bits() % n); }
    float one() { return static_cast<float>(static_cast<std::int64_t>(bits() >> 40) - (1 << 23)) * 0x1p-23F; }
    std::vector<float> many(std::size_t n, float scale = 1, float mean = 0) {
        std::vector<float> v(n);
        for (float& x : v) x = mean + scale * one();
        return v;
    }

private:
    std::uint64_t state_;
};

// One block whose values lie within `limit` and are not all tiny. Types without an encoder get random bytes until they
// do, which the exponents of their scales make likely.
inline void random_block(Draws& draws, const Codec& codec, float limit, std::byte* block) {
    std::vector<float> values(codec.block_values);
    if (codec.encode != nullptr) {
        for (float& v : values) v = limit * draws.one();
        return codec.encode(values.data(), 1, block);
    }
    if (codec.id >= codec_id::I8 && codec.id <= codec_id::I64) {  // -2 to 2, in little-endian bytes
        const std::int64_t n = static_cast<std::int64_t>(draws.below(5)) - 2;
        std::memcpy(block, &n, codec.block_bytes);
        return;
    }
    if (codec.id == codec_id::F64) {
        const double x = static_cast<double>(limit * draws.one());
        std::memcpy(block, &x, sizeof x);
        return;
    }
    for (int attempt = 0; attempt < 1000000; ++attempt) {
        for (std::uint32_t i = 0; i < codec.block_bytes; ++i) block[i] = static_cast<std::byte>(draws.bits());
        // NVFP4 begins with four scales that must all be small.
        if (attempt % 2 != 0)
            for (std::uint32_t i = 0; i < 4; ++i) block[i] &= std::byte{0x0f};
        codec.decode(block, 1, values.data());
        float most = 0;
        bool finite = true;
        for (float v : values) {
            finite = finite && std::isfinite(v);
            most = std::max(most, std::fabs(v));
        }
        if (finite && most <= limit && most > limit / 64) return;
    }
    FAIL("no random block of " << codec.name);
}

inline std::vector<std::byte> random_blocks(Draws& draws, const Codec& codec, std::size_t values, float limit) {
    // Blocks take time to draw, in some types many attempts: large tensors are made of a stock of them.
    const std::size_t stock_size = codec.block_values == 1 ? 0 : codec.encode != nullptr ? 24 : 6;
    std::vector<std::byte> bytes(codec.row_bytes(values)), stock(codec.block_bytes * stock_size);
    for (std::size_t at = 0; at < stock.size(); at += codec.block_bytes)
        random_block(draws, codec, limit, stock.data() + at);
    for (std::size_t at = 0; at < bytes.size(); at += codec.block_bytes) {
        if (stock_size == 0)
            random_block(draws, codec, limit, bytes.data() + at);
        else
            std::memcpy(bytes.data() + at, stock.data() + draws.below(stock_size) * codec.block_bytes,
                        codec.block_bytes);
    }
    return bytes;
}

inline std::vector<float> decoded(const Codec& codec, const std::vector<std::byte>& bytes) {
    std::vector<float> values(bytes.size() / codec.block_bytes * codec.block_values);
    codec.decode(bytes.data(), bytes.size() / codec.block_bytes, values.data());
    return values;
}

class Tensors final : public TensorSource {
public:
    bool mapped = true;          // has views
    bool maps_itself = false;
    // Reads of this number and later fail; counted over all threads.
    std::size_t fail_from = SIZE_MAX;
    mutable std::atomic<std::size_t> reads{0};
    mutable std::atomic<std::size_t> released{0};

    const TensorInfo* add(std::string name, std::uint32_t type, std::vector<std::uint64_t> shape,
                          std::vector<std::byte> bytes) {
        TensorInfo info;
        info.name = std::move(name);
        info.type = type;
        info.dims = static_cast<std::uint32_t>(shape.size());
        for (std::size_t i = 0; i < shape.size(); ++i) info.shape[i] = shape[i];
        info.bytes = bytes.size();
        REQUIRE(find_codec(type)->row_bytes(info.elements()) == info.bytes);
        infos_.push_back(info);
        bytes_.push_back(std::move(bytes));
        return &infos_.back();
    }
    // A tensor whose bytes are panels of the type.
    const TensorInfo* add_packed(std::string name, std::uint32_t type, std::vector<std::uint64_t> shape,
                                 std::vector<std::byte> bytes) {
        TensorInfo info;
        info.name = std::move(name);
        info.type = type;
        info.packed = true;
        info.dims = static_cast<std::uint32_t>(shape.size());
        for (std::size_t i = 0; i < shape.size(); ++i) info.shape[i] = shape[i];
        info.bytes = bytes.size();
        infos_.push_back(info);
        // Aligned as a packed file's tensors are.
        const std::size_t size = bytes.size();
        bytes.resize(size + 64);
        void* place = bytes.data();
        std::size_t room = bytes.size();
        std::align(64, size, place, room);
        std::memmove(place, bytes.data(), size);
        bytes_.push_back(std::move(bytes));
        return &infos_.back();
    }
    const TensorInfo* add_floats(std::string name, const std::vector<float>& values) {
        std::vector<std::byte> bytes(values.size() * sizeof(float));
        std::memcpy(bytes.data(), values.data(), bytes.size());
        return add(std::move(name), codec_id::F32, {values.size()}, std::move(bytes));
    }

    std::span<const TensorInfo> tensors() const override { return infos_; }
    const TensorInfo* find(std::string_view name) const override {
        for (const TensorInfo& t : infos_)
            if (t.name == name) return &t;
        return nullptr;
    }
    std::span<const std::byte> view(const TensorInfo& info) const override {
        return mapped ? of(info) : std::span<const std::byte>();
    }
    bool maps() const override { return maps_itself; }
    Status read(const TensorInfo& info, std::uint64_t offset, std::span<std::byte> dst) const override {
        if (reads.fetch_add(1) >= fail_from) return {Code::io, cat("tensor '", info.name, "': no bytes at ", offset)};
        const auto bytes = of(info);
        if (offset + dst.size() > bytes.size())
            return {Code::io, cat("tensor '", info.name, "' was read beyond its end")};
        std::memcpy(dst.data(), bytes.data() + offset, dst.size());
        return {};
    }
    using TensorSource::release;
    void release(const TensorInfo& info, std::uint64_t offset, std::uint64_t bytes) const override {
        CHECK((offset <= info.bytes && bytes <= info.bytes - offset));
        if (offset == 0 && bytes == info.bytes) released.fetch_add(1);
    }

    Tensors() { infos_.reserve(4096); }  // infos stay where they are

private:
    std::span<const std::byte> of(const TensorInfo& info) const {
        const auto& bytes = bytes_[static_cast<std::size_t>(&info - infos_.data())];
        if (!info.packed) return bytes;
        const std::size_t past = reinterpret_cast<std::uintptr_t>(bytes.data()) % 64;
        return std::span(bytes).subspan(past == 0 ? 0 : 64 - past, info.bytes);
    }
    std::vector<TensorInfo> infos_;
    std::deque<std::vector<std::byte>> bytes_;
};

inline std::unique_ptr<Executor> executor_of(std::size_t workers) {
    auto e = make_executor(workers, {}, workers);
    REQUIRE(e.ok());
    return *std::move(e);
}

// Workers with scratch for a test's products.
struct Workers {
    std::unique_ptr<Executor> executor;
    std::vector<Buffer> scratch;

    Workers(std::size_t count, std::size_t scratch_bytes,
            const std::shared_ptr<Memory>& memory = std::make_shared<Memory>())
        : executor(executor_of(count)) {
        for (std::size_t i = 0; i < count; ++i) {
            auto b = Buffer::make(memory, scratch_bytes, "scratch");
            REQUIRE(b.ok());
            scratch.push_back(*std::move(b));
        }
    }
    RunContext run(const KernelTable& kernels) { return {kernels, *executor, scratch}; }
};

// What others are compared with. Where every access is watched, or emulated, the scalar kernels, which are called with
// the same arguments as the others and have tests of their own there, would take up to nine tenths of all time; the
// plain build compares with them.
inline Isa reference_isa() { return kThin ? best_isa() : Isa::scalar; }

inline std::vector<Isa> available_isas() {
    std::vector<Isa> list;
    for (const IsaInfo& info : isa_list())
        if (info.available && (info.isa != Isa::scalar || reference_isa() == Isa::scalar)) list.push_back(info.isa);
    return list;
}

}  // namespace hearth::test
