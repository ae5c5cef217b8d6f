// Model files and their packed form.
#include <algorithm>

#include "engine/inspect.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/formats/gguf.hpp"
#include "hearth/formats/gguf_writer.hpp"
#include "hearth/formats/hf_folder.hpp"
#include "hearth/models/packing.hpp"

namespace hearth {

Result<std::unique_ptr<ModelFile>> open_model(const std::string& path) {
    if (HfFolder::is_folder(path)) {
        HEARTH_ASSIGN(auto folder, HfFolder::open_path(path));
        return std::unique_ptr<ModelFile>(std::move(folder));
    }
    HEARTH_ASSIGN(auto file, Gguf::open_path(path, &packed_types()));
    return std::unique_ptr<ModelFile>(std::move(file));
}

Result<std::unique_ptr<ModelFile>> open_model(std::unique_ptr<ByteSource> source) {
    HEARTH_ASSIGN(auto file, Gguf::open(std::move(source), nullptr, &packed_types()));
    return std::unique_ptr<ModelFile>(std::move(file));
}

namespace {

// Only what would load: a file that this build cannot run would be packed for nobody.
Status check_packable(const ModelFile& file) {
    const Understanding model = understand(file);
    if (!model.blueprint.ok()) return model.blueprint.status();
    if (!model.tokenizer.ok()) return model.tokenizer.status();
    if (std::ranges::any_of(file.tensors(), [](const TensorInfo& t) { return t.packed; }))
        return {Code::invalid_argument, "is packed already"};
    if (std::ranges::none_of(file.tensors(), [](const TensorInfo& t) { return bytes_when_packed(t) != 0; }))
        return {Code::unsupported, "has no tensor of a type that is packed"};
    return {};
}

Status set_keys(GgufWriter& writer, const ModelFile& file) {
    HEARTH_TRY(writer.set_all(file));
    HEARTH_ASSIGN(const auto alignment, file.metadata().get_uint("general.alignment"));
    HEARTH_TRY(writer.set("general.alignment", std::max(alignment.value_or(0), kPackAlignment)));
    HEARTH_TRY(writer.set(kPackVersionKey, kPackVersion, GgufType::u32));
    return writer.set(kPackLayoutsKey, pack_layouts(file.tensors()));
}

}  // namespace

Status pack_model(Runtime& runtime, const ModelFile& file, const std::string& path, LoadProgress progress) {
    HEARTH_TRY(check_packable(file).in(file.name()));
    const auto guard = runtime.lock();
    LoadContext context{file, runtime.memory(), runtime.executor(), runtime.log()};
    context.progress = progress.report;
    context.progress_user = progress.user;
    GgufWriter writer;
    HEARTH_TRY(set_keys(writer, file).in(file.name()));
    for (const TensorInfo& t : file.tensors()) {
        context.total_bytes += t.bytes;
        const auto fill = [&context, &t](const TensorInfo&, const GgufWriter::Emit& emit) {
            return write_tensor(context, t, emit);
        };
        const std::span<const std::uint64_t> shape(t.shape.data(), t.dims);
        const std::uint64_t packed = bytes_when_packed(t);
        HEARTH_TRY(packed != 0 ? writer.add_packed_tensor(t.name, t.type, shape, packed, fill)
                               : writer.add_tensor(t.name, t.type, shape, fill));
    }
    HEARTH_ASSIGN(const auto names, writer.write(path));
    runtime.log()(LogLevel::info, cat(file.name(), ": packed into ", names.front()));
    return {};
}

}  // namespace hearth
