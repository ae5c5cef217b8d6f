// What hearth.h writes and lends as Eigen sees it: maps of memory that is there already, nothing is copied. Needs Eigen 3.3
// or later; no other header of hearth does.
//
// A map is good for as long as the memory below it: the host's own buffer, or what an event lends until the generator's
// next call. Rows of matrices are contiguous. A map has no elements where the numbers do not belong together: null, no
// model, or floats that are no whole number of rows.
//
// The five most probable next tokens:
// @code
//     std::vector<float> buffer(hearth_model_vocab_size(model));
//     if (hearth_session_eval(buffer.data(), buffer.size(), nullptr, session, 0) != HEARTH_OK) return hearth_last_error();
//     const auto logits = hearth::logits(buffer, model);  // [1, vocab]
//     Eigen::VectorXf p = (logits.row(0).array() - logits.maxCoeff()).exp();
//     p /= p.sum();
//     for (int i = 0; i < 5; ++i) {
//         Eigen::Index token = 0;
//         std::cout << p.maxCoeff(&token) << " " << token << "\n";
//         p[token] = 0;
//     }
// @endcode
// How alike texts are:
// @code
//     const char* const texts[] = {"a cat", "a kitten", "an invoice"};
//     const std::size_t lengths[] = {5, 8, 10};
//     hearth_embed_options options;
//     hearth_embed_options_init(&options, sizeof options);
//     options.flags = HEARTH_EMBED_NORMALIZE;
//     std::size_t needed = 0;
//     hearth_model_embed_texts(nullptr, 0, &needed, model, texts, lengths, 3, &options);
//     std::vector<float> buffer(needed);
//     if (hearth_model_embed_texts(buffer.data(), needed, &needed, model, texts, lengths, 3, &options) != HEARTH_OK)
//         return hearth_last_error();
//     const auto vectors = hearth::embeddings(buffer, model, options);  // [3, width]
//     std::cout << vectors * vectors.transpose() << "\n";
// @endcode
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hearth.h"

namespace hearth {

using RowMatrixXf = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
// [n]
using VectorView = Eigen::Map<const Eigen::VectorXf>;
// [rows, columns], a row after the other.
using MatrixView = Eigen::Map<const RowMatrixXf>;

// [floats.size() / columns, columns]
inline MatrixView matrix_view(std::span<const float> floats, std::size_t columns) {
    if (floats.data() == nullptr || columns == 0 || floats.size() % columns != 0) return {nullptr, 0, 0};
    return {floats.data(), static_cast<Eigen::Index>(floats.size() / columns), static_cast<Eigen::Index>(columns)};
}

// What hearth_session_eval wrote: [1, vocab], or with HEARTH_EVAL_ALL [tokens, vocab].
inline MatrixView logits(std::span<const float> floats, const hearth_model* model) {
    return matrix_view(floats, hearth_model_vocab_size(model));
}

// The logits that an event's token was chosen from: [vocab]; no elements without HEARTH_GENERATE_LOGITS. Lent until the
// generator's next call.
inline VectorView logits(const hearth_event& event, const hearth_model* model) {
    const std::uint32_t size = event.logits == nullptr ? 0 : hearth_model_vocab_size(model);
    return {size == 0 ? nullptr : event.logits, static_cast<Eigen::Index>(size)};
}

// What hearth_model_embed and hearth_model_embed_texts wrote with these options: [texts, width], or with HEARTH_POOLING_NONE
// [tokens of all texts, width].
inline MatrixView embeddings(std::span<const float> floats, const hearth_model* model, const hearth_embed_options& options) {
    hearth_embedding_info info{};
    info.struct_size = sizeof info;
    if (hearth_model_embedding_info(&info, model) != HEARTH_OK) return {nullptr, 0, 0};
    const std::uint32_t pooling = options.pooling == HEARTH_POOLING_DEFAULT ? info.pooling : options.pooling;
    const std::uint32_t all = pooling == HEARTH_POOLING_NONE   ? info.token_width
                              : pooling == HEARTH_POOLING_RANK ? info.scores
                                                               : info.width;
    if (options.dimensions > all) return {nullptr, 0, 0};  // refused
    return matrix_view(floats, options.dimensions != 0 ? options.dimensions : all);
}

// The same with the defaults of hearth_embed_options_init.
inline MatrixView embeddings(std::span<const float> floats, const hearth_model* model) {
    return embeddings(floats, model, hearth_embed_options{});
}

}  // namespace hearth
