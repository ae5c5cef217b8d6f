// A conversation as a blob: 64 bytes that say what it is of (the last 16 are the digest of its adapters, 0 without any), the
// sequence, and a digest of all before it.
#include <array>

#include "hearth/base/blob.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/engine/engine.hpp"

namespace hearth {

namespace {

constexpr std::array<char, 8> kMagic{'H', 'R', 'T', 'H', 'S', 'E', 'S', 'S'};
// Of the blob's layout, of the cache's and of the arithmetic that filled it: one more when any of them changes.
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kDigestBytes = 16;

std::string_view name(KvType type) { return type == KvType::f16 ? "F16" : type == KvType::f32 ? "F32" : "Q8_0"; }

}  // namespace

Status Session::save(BlobWriter& blob) {
    const auto write = [&](BlobWriter& to, std::uint64_t bytes, const Hash128& model) -> Status {
        HEARTH_TRY(to.bytes(std::as_bytes(std::span(kMagic))));
        HEARTH_TRY(to.value(kVersion));
        HEARTH_TRY(to.value(static_cast<std::uint32_t>(sequence_.cache().layout().type)));
        for (const std::uint64_t n : {model.low, model.high, bytes, std::uint64_t{sequence_.context()}})
            HEARTH_TRY(to.value(n));
        const Hash128 adapters = adapter_digest();
        for (const std::uint64_t n : {adapters.low, adapters.high}) HEARTH_TRY(to.value(n));
        return sequence_.save(to);
    };
    BlobCounter counter;
    HEARTH_TRY(write(counter, 0, {}));
    const std::uint64_t bytes = counter.written() + kDigestBytes;
    if (!blob.keeps()) {
        blob.skip(bytes);
        return {};
    }
    HEARTH_TRY(write(blob, bytes, model_->digest()));
    const Hash128 digest = blob.digest();
    HEARTH_TRY(blob.value(digest.low));
    return blob.value(digest.high);
}

Status Session::restore(const ByteSource& source) {
    BlobReader blob(source);
    const auto read = [&]() -> Result<Sequence> {
        std::array<char, 8> magic{};
        const bool whole = blob.bytes(std::as_writable_bytes(std::span(magic)), "its first bytes").ok();
        if (!whole || magic != kMagic)
            return Status(Code::malformed, "is no saved session: it does not begin with HRTHSESS");
        HEARTH_ASSIGN(const auto version, blob.value<std::uint32_t>("its version"));
        if (version != kVersion)
            return Status(Code::unsupported,
                          cat("is a saved session of version ", version, ", this build reads version ", kVersion));
        HEARTH_ASSIGN(const auto type, blob.value<std::uint32_t>("the type of its cache"));
        const KvType own = sequence_.cache().layout().type;
        if (type > static_cast<std::uint32_t>(KvType::q8_0))
            return Status(Code::malformed, cat("its cache is of type ", type, ", expected 0, 1 or 2"));
        if (type != static_cast<std::uint32_t>(own))
            return Status(Code::bad_state, cat("its cache is in ", name(static_cast<KvType>(type)),
                                               ", the session's is in ", name(own)));
        Hash128 model;
        HEARTH_ASSIGN(model.low, blob.value<std::uint64_t>("the model's digest"));
        HEARTH_ASSIGN(model.high, blob.value<std::uint64_t>("the model's digest"));
        if (!(model == model_->digest()))
            return Status(Code::bad_state,
                          "was saved with another model: the digests of architecture and weights differ");
        HEARTH_ASSIGN(const auto bytes, blob.value<std::uint64_t>("its size"));
        if (bytes != source.size())
            return Status(Code::malformed, cat("has ", source.size(), " bytes, expected ", bytes));
        HEARTH_ASSIGN(const auto context, blob.value<std::uint64_t>("its context"));
        const std::uint64_t border = model_->info().long_context;
        if (border != 0 && (context > border) != (sequence_.context() > border))
            return Status(Code::bad_state,
                          cat("was saved by a session with a context of ", context, " tokens, this one's is ",
                              sequence_.context(), ": beyond ", border, " this model computes otherwise"));
        Hash128 adapters;
        HEARTH_ASSIGN(adapters.low, blob.value<std::uint64_t>("the digest of its adapters"));
        HEARTH_ASSIGN(adapters.high, blob.value<std::uint64_t>("the digest of its adapters"));
        if (!(adapters == adapter_digest()))
            return Status(Code::bad_state, cat("was saved ", adapters == Hash128() ? "without adapters" : "with adapters",
                                               ", the session has ", adapter_digest() == Hash128() ? "none" : "others or other scales",
                                               ": attach the same ones, in the same order, before it is restored"));
        HEARTH_ASSIGN(Sequence sequence, sequence_.restored(blob));
        if (blob.left() != kDigestBytes)
            return Status(Code::malformed, cat("its digest begins at byte ", blob.position(), ", expected ",
                                               source.size() - kDigestBytes));
        const Hash128 digest = blob.digest();
        Hash128 stored;
        HEARTH_ASSIGN(stored.low, blob.value<std::uint64_t>("its digest"));
        HEARTH_ASSIGN(stored.high, blob.value<std::uint64_t>("its digest"));
        if (!(digest == stored)) return Status(Code::malformed, "is damaged: its digest is not that of its bytes");
        return sequence;
    };
    Result<Sequence> sequence = read();
    if (!sequence.ok()) return std::move(sequence).status().in(source.name());
    sequence_ = *std::move(sequence);
    return {};
}

}  // namespace hearth
