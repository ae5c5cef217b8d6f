import CHearth

/// What a generation does and reports.
public struct GenerateOptions: Sendable {
    /// Guessing of next tokens, several of which one pass then tries. Tokens stay the same, the time may not.
    public enum Draft: Sendable {
        case none
        /// What followed in the session where its last tokens stood before.
        case lookup
        /// A smaller model of the same runtime.
        case model(Model)
        /// The model's own blocks for further tokens (MTP), with which it was opened: `predictors: true`.
        case predictors
    }

    /// 0: until the model ends or the context is full.
    public var maxTokens: Int
    public var sampling: Sampling
    public var constraint: Constraint?
    /// Go on behind end-of-generation tokens. Not together with a constraint.
    public var ignoreEnd = false
    /// Write control tokens out in text.
    public var special = false
    /// Token events carry the logits that the token was chosen from.
    public var logits = false
    /// Report the progress of the prompt, ``GenerationEvent/prefill(done:total:)``.
    public var prefill = false
    /// How many of the most probable tokens token events carry with their probabilities; nil: no probabilities at all.
    public var topLogprobs: Int?
    /// After so long the generation ends wherever it is; nil: never.
    public var deadline: Duration?
    public var draft = Draft.none
    /// Guessed for one pass at most, up to 16; 0: 8.
    public var draftTokens = 0

    public init(maxTokens: Int = 0, sampling: Sampling = .greedy, constraint: Constraint? = nil) {
        self.maxTokens = maxTokens
        self.sampling = sampling
        self.constraint = constraint
    }

    /// The options as C takes them.
    func withC<T>(tag: UnsafeMutableRawPointer?, _ body: (UnsafePointer<hearth_generate_options>) throws -> T) throws -> T {
        var c = hearth_generate_options()
        try check(hearth_generate_options_init(&c, MemoryLayout<hearth_generate_options>.size))
        c.max_tokens = try bounded(maxTokens, "GenerateOptions.maxTokens")
        c.flags =
            (ignoreEnd ? HEARTH_GENERATE_IGNORE_EOS : 0) | (special ? HEARTH_GENERATE_SPECIAL : 0)
            | (logits ? HEARTH_GENERATE_LOGITS : 0) | (prefill ? HEARTH_GENERATE_PREFILL : 0)
            | (topLogprobs != nil ? HEARTH_GENERATE_LOGPROBS : 0)
        c.tag = tag
        c.top_logprobs = try bounded(topLogprobs ?? 0, "GenerateOptions.topLogprobs")
        if let deadline {
            let (seconds, parts) = deadline.components
            let (scaled, over) = seconds.multipliedReportingOverflow(by: 1000)
            guard !over, let whole = Int(exactly: scaled) else {
                throw HearthError.invalidArgument("GenerateOptions.deadline is \(deadline), expected 49 days at most")
            }
            // At least a millisecond: 0 is no deadline.
            c.deadline_ms = max(1, try bounded(whole + Int(parts / 1_000_000_000_000_000), "GenerateOptions.deadline in ms"))
        }
        c.draft_tokens = try bounded(draftTokens, "GenerateOptions.draftTokens")
        switch draft {
        case .none: c.draft = HEARTH_DRAFT_NONE
        case .lookup: c.draft = HEARTH_DRAFT_LOOKUP
        case .model(let model):
            c.draft = HEARTH_DRAFT_MODEL
            c.draft_model = model.pointer
        case .predictors: c.draft = HEARTH_DRAFT_MTP
        }
        return try body(&c)
    }
}

/// A token with the natural logarithm of its probability under the model's own distribution, before any sampler.
public struct TokenLogprob: Sendable, Hashable {
    public let token: Token
    public let logprob: Float
}

/// A token that was generated.
public struct GeneratedToken: Sendable, Hashable {
    public let id: Token
    /// The text that became whole with it; empty within a character.
    public let text: String
    /// With ``GenerateOptions/topLogprobs``.
    public let logprob: Float?
    /// The most probable tokens, best first; with ``GenerateOptions/topLogprobs``.
    public let top: [TokenLogprob]
    /// [vocabulary]; with ``GenerateOptions/logits``.
    public let logits: [Float]?
}

/// How a generation ended. Times are in seconds.
public struct Finish: Sendable, Hashable {
    public enum Reason: Sendable, Hashable {
        /// The model ended its turn, a stop text is complete, or the constrained text is whole.
        case stop
        /// ``GenerateOptions/maxTokens``.
        case length
        /// The session is full.
        case context
        case cancelled
        /// ``GenerateOptions/deadline``.
        case deadline
    }

    public let reason: Reason
    /// The last text, which waited for what might have followed.
    public let text: String
    /// The token with which the model ended its turn. It is not in the session.
    public let token: Token?
    /// Number of the stop text that ended it.
    public let stop: Int?
    /// Tokens of the prompt that were evaluated for it.
    public let promptTokens: Int
    /// Tokens of the session that needed no evaluation.
    public let reusedTokens: Int
    public let generatedTokens: Int
    public let promptSeconds: Double
    public let generateSeconds: Double
    /// From its start to its first pass.
    public let waitSeconds: Double
    /// Forward passes that it took part in.
    public let passes: Int
    /// Times that its cache was given to other sessions.
    public let preemptions: Int
    /// Tokens that were guessed, and of them those that came true.
    public let draftedTokens: Int
    public let acceptedTokens: Int
    /// Of decoding, estimated; 1 without guesses.
    public let draftSpeedup: Double

    /// Of decoding.
    public var tokensPerSecond: Double { generateSeconds > 0 ? Double(generatedTokens) / generateSeconds : 0 }
}

/// What a generation reports, as it happens.
public enum GenerationEvent: Sendable, Hashable {
    /// With ``GenerateOptions/prefill``: tokens of the prompt that are evaluated, of all that need it.
    case prefill(done: Int, total: Int)
    case token(GeneratedToken)
    /// The last event.
    case finish(Finish)

    /// The part of the text that it brings; may be empty.
    public var text: String {
        switch self {
        case .prefill: ""
        case .token(let token): token.text
        case .finish(let finish): finish.text
        }
    }
}

/// A whole generation.
public struct Completion: Sendable, Hashable {
    public let text: String
    public let tokens: [GeneratedToken]
    public let finish: Finish
}

/// An event of one of several sessions.
public struct BatchEvent: Sendable, Hashable {
    /// Of the session, in the order in which they were given.
    public let index: Int
    public let event: GenerationEvent
}

extension Session {
    /// Continues the session's text.
    ///
    /// ```swift
    /// for try await event in session.generate(GenerateOptions(maxTokens: 64)) {
    ///     print(event.text, terminator: "")
    /// }
    /// ```
    /// It begins when the first event is asked for, computes only while one is, on a thread of its own, and has the
    /// session to itself until its last event, or until the stream is given up. Cancelling the task stops it within the
    /// pass: the loop throws `CancellationError` or just ends, and the session keeps the tokens that it has.
    /// - Throws: (the stream) ``HearthError``: `wrongState` for an empty session or one that is in use, what sampling and
    ///   constraint refuse, what a pass fails with.
    public func generate(_ options: GenerateOptions = GenerateOptions()) -> AsyncThrowingStream<GenerationEvent, any Error> {
        let run = GenerationRun(model, [(handle, options)])
        return AsyncThrowingStream(unfolding: { try await run.next()?.event })
    }

    /// Continues the session's text to the end.
    public func complete(
        _ options: GenerateOptions = GenerateOptions(), isolation: isolated (any Actor)? = #isolation
    ) async throws -> Completion {
        try await GenerationRun(model, [(handle, options)]).complete()
    }
}

extension Model {
    /// Continues several sessions in the same passes; each gets what it would get alone. All have the same options.
    public func generate(
        _ sessions: [Session], _ options: GenerateOptions = GenerateOptions()
    ) -> AsyncThrowingStream<BatchEvent, any Error> {
        let run = GenerationRun(self, sessions.map { ($0.handle, options) })
        return AsyncThrowingStream(unfolding: { try await run.next() })
    }

    /// Continues a text, in a session of its own, to the end.
    public func complete(_ prompt: String, _ options: GenerateOptions = GenerateOptions()) async throws -> Completion {
        let session = try session()
        try session.append(prompt)
        return try await GenerationRun(self, [(session.handle, options)]).complete()
    }
}

extension GenerationRun {
    func complete() async throws -> Completion {
        var text = ""
        var tokens: [GeneratedToken] = []
        while let event = try await next()?.event {
            text += event.text
            switch event {
            case .prefill: break
            case .token(let token): tokens.append(token)
            case .finish(let finish): return Completion(text: text, tokens: tokens, finish: finish)
            }
        }
        throw HearthError.internalError("a generation ended without saying how")
    }
}
