import CHearth

/// How embeddings are made.
public struct EmbedOptions: Sendable {
    public enum Pooling: UInt32, Sendable {
        /// As the model file says.
        case `default` = 0
        /// Of all tokens, special ones included.
        case mean = 2
        /// That of the first token.
        case first = 3
        /// That of the last token.
        case last = 4
        /// The outputs of a reranker's scoring head.
        case scores = 5
    }

    public var pooling = Pooling.default
    /// Vectors of Euclidean length 1.
    public var normalize = false
    /// Add the model's special tokens.
    public var addSpecial = true
    /// `"[MASK]"` in a text becomes that token.
    public var parseSpecial = false
    /// Texts longer than the context lose their last tokens, instead of being refused.
    public var truncate = false
    /// That are kept of each vector, before it is normalised (models trained so: MRL); 0: all.
    public var dimensions = 0
    /// Called between passes with done and all texts, on the thread that computes.
    public var progress: (@Sendable (_ done: Int, _ total: Int) -> Void)?

    public init(pooling: Pooling = .default, normalize: Bool = false, dimensions: Int = 0) {
        self.pooling = pooling
        self.normalize = normalize
        self.dimensions = dimensions
    }

    func withC<T>(
        pooling: UInt32, _ reporter: ProgressReporter, _ body: (UnsafePointer<hearth_embed_options>) throws -> T
    ) throws -> T {
        var c = hearth_embed_options()
        try check(hearth_embed_options_init(&c, MemoryLayout<hearth_embed_options>.size))
        c.pooling = pooling
        c.flags =
            (normalize ? HEARTH_EMBED_NORMALIZE : 0) | (addSpecial ? 0 : HEARTH_EMBED_NO_SPECIAL)
            | (parseSpecial ? HEARTH_EMBED_PARSE_SPECIAL : 0) | (truncate ? HEARTH_EMBED_TRUNCATE : 0)
        c.dimensions = try bounded(dimensions, "EmbedOptions.dimensions")
        c.progress = ProgressReporter.callback
        c.progress_user = reporter.user
        return try withExtendedLifetime(reporter) { try body(&c) }
    }

    var reporter: ProgressReporter {
        let progress = progress
        return ProgressReporter { done, total in
            progress?(Int(clamping: done), Int(clamping: total))
            return true
        }
    }
}

/// What embeddings of a model are.
public struct EmbeddingInfo: Sendable, Hashable {
    /// Of a pooled vector.
    public let width: Int
    /// Of a token's vector.
    public let tokenWidth: Int
    /// Outputs of the scoring head; 0: this is no reranker.
    public let scores: Int
    /// False: the model makes embeddings and no text; sessions are refused.
    public let generates: Bool
    /// Tokens of a text, at most.
    public let context: Int
}

extension Model {
    public func embeddingInfo() throws -> EmbeddingInfo {
        var info = hearth_embedding_info()
        info.struct_size = MemoryLayout<hearth_embedding_info>.size
        try check(hearth_model_embedding_info(&info, pointer))
        return EmbeddingInfo(
            width: Int(info.width), tokenWidth: Int(info.token_width), scores: Int(info.scores),
            generates: info.generates != 0, context: Int(info.context))
    }

    /// A vector for each text, [texts][width], in their order. Each is the same bits whatever is embedded with it. Many
    /// texts share a pass; cancelling the task stops between passes.
    /// - Throws: ``HearthError``, before any work: `outOfRange` for texts beyond the context, `invalidArgument` for those
    ///   without tokens, `overBudget` and `outOfMemory` where the passes would not fit.
    public func embed(_ texts: [String], _ options: EmbedOptions = EmbedOptions()) async throws -> [[Float]] {
        let reporter = options.reporter
        return try await inBackground(cancel: reporter.stop) { [self] in
            try options.withC(pooling: options.pooling.rawValue, reporter) { c in
                rows(try flat(texts, c), try width(texts.count, options))
            }
        }
    }

    /// A vector for each token sequence, [sequences][width].
    public func embed(tokens: [[Token]], _ options: EmbedOptions = EmbedOptions()) async throws -> [[Float]] {
        let reporter = options.reporter
        return try await inBackground(cancel: reporter.stop) { [self] in
            try options.withC(pooling: options.pooling.rawValue, reporter) { c in
                rows(try flat(tokens, c), try width(tokens.count, options))
            }
        }
    }

    /// A vector for each token of each sequence, [sequences][tokens][token width]; pooling does not matter.
    public func embedEachToken(_ sequences: [[Token]], _ options: EmbedOptions = EmbedOptions()) async throws -> [[[Float]]] {
        let reporter = options.reporter
        return try await inBackground(cancel: reporter.stop) { [self] in
            try options.withC(pooling: HEARTH_POOLING_NONE, reporter) { c in
                let all = try flat(sequences, c)
                let tokens = sequences.reduce(0) { $0 + $1.count }
                guard tokens > 0 else { return sequences.map { _ in [] } }
                var vectors = rows(all, all.count / tokens)[...]
                return sequences.map { sequence in
                    defer { vectors = vectors.dropFirst(sequence.count) }
                    return Array(vectors.prefix(sequence.count))
                }
            }
        }
    }

    /// How well each document answers the query, [documents]: the logit of BERT-like rerankers, the probability of "yes" of
    /// Qwen 3's.
    /// - Parameter truncate: documents that are too long lose their last tokens, instead of being refused.
    /// - Throws: ``HearthError/invalidArgument(_:)`` for a model that is no reranker.
    public func rerank(_ query: String, documents: [String], truncate: Bool = false) async throws -> [Float] {
        var options = EmbedOptions()
        options.truncate = truncate
        let reporter = options.reporter
        return try await inBackground(cancel: reporter.stop) { [self, options] in
            try options.withC(pooling: HEARTH_POOLING_DEFAULT, reporter) { c in
                try query.withBytes { asked, askedLength in
                    try withTexts(documents) { texts, lengths, count in
                        try elements(Float(0)) {
                            hearth_model_rerank($0, $1, $2, pointer, asked, askedLength, texts, lengths, count, c)
                        }
                    }
                }
            }
        }
    }

    /// The name of output `index` of the scoring head; nil where the file has none.
    public func scoreLabel(_ index: Int) throws -> String? {
        var out: OpaquePointer?
        do {
            try check(hearth_model_score_label(&out, pointer, bounded(index, "the number of the output")))
        } catch HearthError.notFound {
            return nil
        }
        return takeText(out)
    }

    private func flat(_ texts: [String], _ options: UnsafePointer<hearth_embed_options>) throws -> [Float] {
        try withTexts(texts) { bytes, lengths, count in
            try elements(Float(0)) { hearth_model_embed_texts($0, $1, $2, pointer, bytes, lengths, count, options) }
        }
    }

    private func flat(_ sequences: [[Token]], _ options: UnsafePointer<hearth_embed_options>) throws -> [Float] {
        try withSequences(sequences) { tokens, lengths in
            try elements(Float(0)) { hearth_model_embed($0, $1, $2, pointer, tokens, lengths, sequences.count, options) }
        }
    }

    private func width(_ count: Int, _ options: EmbedOptions) throws -> Int {
        let info = try embeddingInfo()
        let full = options.pooling == .scores ? info.scores : info.width
        return options.dimensions > 0 ? min(options.dimensions, full) : full
    }
}
