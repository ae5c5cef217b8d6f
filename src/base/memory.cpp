#include "hearth/base/memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "hearth/base/cat.hpp"

namespace hearth {

namespace {
constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

// A mapping that begins on a huge page, *mapped bytes long; null when the system refuses.
void* map_huge(std::size_t bytes, std::size_t& mapped) {
    mapped = round_up(bytes, kHugePage);
    void* const wide = mmap(nullptr, mapped + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (wide == MAP_FAILED) {
        mapped = 0;
        return nullptr;
    }
    // Not every kernel aligns large mappings, and a huge page that begins outside is none.
    auto* const begin = static_cast<std::byte*>(wide);
    const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(wide) % kHugePage) % kHugePage;
    if (before != 0) munmap(begin, before);
    munmap(begin + before + mapped, kHugePage - before);
#ifdef MADV_HUGEPAGE
    madvise(begin + before, mapped, MADV_HUGEPAGE);
#endif
    return begin + before;
}

Status refusal(std::uint64_t bytes, std::string_view what, std::uint64_t used, std::uint64_t limit) {
    return {Code::over_budget, cat(what, " needs ", bytes, " bytes; the memory budget is ", limit, " bytes, of which ", used,
                                   " are in use")};
}
}  // namespace

Status Budget::take(std::uint64_t bytes, std::string_view what) {
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    do {
        if (limit_ != 0 && (bytes > limit_ || used > limit_ - bytes)) return refusal(bytes, what, used, limit_);
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return {};
}

Status Budget::check(std::uint64_t bytes, std::string_view what) const {
    const std::uint64_t now = used();
    if (limit_ != 0 && (bytes > limit_ || now > limit_ - bytes)) return refusal(bytes, what, now, limit_);
    return {};
}

std::uint64_t Memory::left() const {
    if (budget.limit() == 0 && allocator.allocate != nullptr) return UINT64_MAX;
    std::uint64_t bytes = budget.limit() != 0 ? budget.limit() - std::min(budget.limit(), budget.used()) : available();
    const std::lock_guard lock(mutex_);
    for (const SpareMemory* holder : holders_) bytes += std::min(holder->spare(), UINT64_MAX - bytes);
    return bytes;
}

Status Memory::check(std::uint64_t bytes, std::string_view what) const {
    const std::uint64_t now = left();
    if (bytes <= now) return {};
    if (budget.limit() != 0) return budget.check(bytes, what);
    return {Code::out_of_memory, cat(what, " needs ", bytes, " bytes; this process may take ", now, " of the machine's memory")};
}

Status Memory::take(std::uint64_t bytes, std::string_view what) {
    Status s = budget.take(bytes, what);
    while (!s.ok() && give_up(bytes)) s = budget.take(bytes, what);
    return s;
}

void Memory::add(SpareMemory* holder) {
    const std::lock_guard lock(mutex_);
    holders_.push_back(holder);
}

void Memory::remove(SpareMemory* holder) {
    const std::lock_guard lock(mutex_);
    std::erase(holders_, holder);
}

bool Memory::give_up(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    std::uint64_t given = 0;
    for (SpareMemory* holder : holders_)
        if (given < bytes) given += holder->give_up(bytes - given);
    return given != 0;
}

Result<Buffer> Buffer::make(std::shared_ptr<Memory> memory, std::size_t bytes, std::string_view what, Content content) {
    Result<Buffer> b = attempt(memory, bytes, what, content);
    while (!b.ok() && memory->give_up(bytes)) b = attempt(memory, bytes, what, content);
    return b;
}

Result<Buffer> Buffer::attempt(const std::shared_ptr<Memory>& memory, std::size_t bytes, std::string_view what,
                               Content content) {
    Buffer b;
    if (bytes == 0) return b;
    if (bytes > SIZE_MAX / 2) return Status(Code::out_of_memory, cat(what, " needs ", bytes, " bytes, more than can be addressed"));
    HEARTH_TRY(memory->budget.take(bytes, what));
    const std::size_t rounded = round_up(bytes, kAlignment);
    void* block = nullptr;
    std::size_t mapped = 0;
    const Allocator& host = memory->allocator;
    if (host.allocate != nullptr) {
        block = host.allocate(rounded, kAlignment, host.user);
        if (block != nullptr && content == Content::zero) std::memset(block, 0, rounded);
    } else if (rounded >= kHugePage) {
        // Straight from the system, already zero; huge pages spare the TLB when weights stream through once per token.
        block = map_huge(rounded, mapped);
    } else {
        block = std::aligned_alloc(kAlignment, rounded);
        if (block != nullptr && content == Content::zero) std::memset(block, 0, rounded);
    }
    if (block == nullptr) {
        memory->budget.give(bytes);
        return Status(Code::out_of_memory, cat(what, " needs ", bytes, " bytes, which the system did not give"));
    }
    b.memory_ = memory;
    b.data_ = static_cast<std::byte*>(block);
    b.size_ = bytes;
    b.mapped_ = mapped;
    return b;
}

Buffer::~Buffer() {
    if (data_ == nullptr) return;
    const Allocator& host = memory_->allocator;
    if (mapped_ != 0)
        munmap(data_, mapped_);
    else if (host.allocate != nullptr)
        host.release(data_, round_up(size_, kAlignment), host.user);
    else
        std::free(data_);
    memory_->budget.give(size_);
}

}  // namespace hearth
