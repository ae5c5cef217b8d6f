import CHearth
import Dispatch
import Foundation

/// One conversation: its tokens and its cache.
///
/// Thread class: object, one thread at a time; so it is not `Sendable`. Should two threads use it all the same, or should
/// something be asked while a generation runs on it, the later call throws ``HearthError/wrongState(_:)`` and nothing
/// else happens. Only ``cancellation`` may be used from any thread.
///
/// The methods that compute are `async`: they run on a thread of their own and stop within milliseconds when their task
/// is cancelled.
public final class Session {
    /// How keys and values are stored.
    public enum Cache: UInt32, Sendable {
        case f16 = 1
        case f32 = 2
        /// int8 with a scale for each head's row: half of F16's memory.
        case q8 = 3
    }

    public struct Options: Sendable {
        /// Tokens that it can hold; 0: the model's context length, or as much of it as memory holds.
        public var context = 0
        public var cache = Cache.f16
        /// Prompt tokens of a step; 0: 512. Never changes a result.
        public var chunk = 0

        public init(context: Int = 0, cache: Cache = .f16, chunk: Int = 0) {
            self.context = context
            self.cache = cache
            self.chunk = chunk
        }
    }

    public let model: Model
    let handle: SessionHandle

    init(model: Model, _ options: Options) throws {
        var c = hearth_session_options()
        try check(hearth_session_options_init(&c, MemoryLayout<hearth_session_options>.size))
        c.context = try bounded(options.context, "Session.Options.context")
        c.kv = options.cache.rawValue
        c.chunk = try bounded(options.chunk, "Session.Options.chunk")
        var out: OpaquePointer?
        try check(hearth_session_new(&out, model.pointer, &c))
        self.model = model
        handle = SessionHandle(try made(out, "session"), model)
    }

    init(_ handle: SessionHandle) {
        model = handle.model
        self.handle = handle
    }

    // ---- its tokens ----

    /// Tokens that it can hold.
    public var context: Int { handle.context }
    /// Tokens that it holds, pending ones included.
    public var count: Int { get throws { try handle.exclusive { hearth_session_length($0) } } }
    public var tokens: [Token] {
        get throws { try handle.exclusive { p in try elements(Token(0)) { hearth_session_tokens($0, $1, $2, p) } } }
    }
    /// The text of its tokens, control tokens written out.
    public var text: String { get throws { try model.tokenizer.decode(tokens, special: true) } }
    /// Bytes of its cache and checkpoints; what it shares with forks counts for each.
    public var memory: UInt64 { get throws { try handle.exclusive { hearth_session_memory($0) } } }

    /// Appends tokens, which are evaluated with the next evaluation or generation.
    /// - Throws: ``HearthError/outOfRange(_:)`` beyond the context or outside the vocabulary: then nothing is appended.
    public func append(_ tokens: [Token]) throws {
        try handle.exclusive { try check(hearth_session_append_tokens($0, tokens, tokens.count)) }
    }

    /// Appends text. Special tokens (BOS) are added only when the session is empty.
    public func append(_ text: String, addSpecial: Bool = true, parseSpecial: Bool = false) throws {
        let flags = tokenizeFlags(addSpecial: addSpecial, parseSpecial: parseSpecial)
        try handle.exclusive { p in
            try text.withBytes { try check(hearth_session_append_text(p, $0, $1, flags)) }
        }
    }

    /// Keeps the first `count` tokens.
    public func truncate(to count: Int) throws {
        guard count >= 0 else { throw HearthError.outOfRange("a session cannot be truncated to \(count) tokens") }
        try handle.exclusive { try check(hearth_session_truncate($0, count)) }
    }

    /// Other tokens in place of those in `range`; what stays the same up to the first difference is not evaluated again.
    public func replace(_ range: Range<Int>, with tokens: [Token]) throws {
        guard range.lowerBound >= 0 else { throw HearthError.outOfRange("tokens count from 0, not from \(range.lowerBound)") }
        try handle.exclusive {
            try check(hearth_session_replace($0, range.lowerBound, range.count, tokens, tokens.count))
        }
    }

    /// Other tokens altogether; the past that both have is kept.
    public func replaceAll(with tokens: [Token]) throws {
        try handle.exclusive { try check(hearth_session_replace($0, 0, hearth_session_length($0), tokens, tokens.count)) }
    }

    /// A second conversation with the same past; memory is shared until the two differ.
    public func fork() throws -> Session {
        var out: OpaquePointer?
        try handle.exclusive { try check(hearth_session_fork(&out, $0)) }
        return Session(SessionHandle(try made(out, "session"), model))
    }

    // ---- evaluating ----

    /// Evaluates what is pending.
    public func evaluate(isolation: isolated (any Actor)? = #isolation) async throws {
        try await handle.inBackground { try check(hearth_session_eval(nil, 0, nil, $0, 0)) }
    }

    /// Evaluates what is pending; the logits of the last token, [vocabulary]. With nothing pending they are there already.
    /// - Throws: ``HearthError/wrongState(_:)`` for an empty session.
    public func logits(isolation: isolated (any Actor)? = #isolation) async throws -> [Float] {
        try await handle.inBackground { p in try evaluated(p, 0) }
    }

    /// Evaluates what is pending; the logits of every token that this evaluated, [pending][vocabulary].
    public func pendingLogits(isolation: isolated (any Actor)? = #isolation) async throws -> [[Float]] {
        let width = model.vocabularySize
        return try await handle.inBackground { p in
            rows(try evaluated(p, HEARTH_EVAL_ALL), width)
        }
    }

    /// Stops what runs on the session. `Sendable`, unlike the session itself.
    public var cancellation: Cancellation { Cancellation(handle: handle) }

    /// Stops what runs on a session now, if anything does. Thread class: any.
    public struct Cancellation: Sendable {
        let handle: SessionHandle

        /// An evaluation throws ``HearthError/cancelled(_:)``, a generation ends with ``Finish/Reason/cancelled``.
        public func cancel() { _ = hearth_session_cancel(handle.pointer) }
    }

    // ---- saving ----

    /// The conversation as bytes: tokens, cache and newest checkpoint. Restored, it goes on to the bit as if it had never
    /// stopped. The first save or restore of a model reads all its weights once.
    public func save(isolation: isolated (any Actor)? = #isolation) async throws -> Data {
        try await handle.inBackground { p in
            var needed = 0
            let asked = hearth_session_save(nil, 0, &needed, p)
            if asked != HEARTH_EBUFS { try check(asked) }
            var data = Data(count: needed)
            let capacity = needed
            try data.withUnsafeMutableBytes { try check(hearth_session_save($0.baseAddress, capacity, &needed, p)) }
            return data
        }
    }

    /// What was saved in place of what the session holds. The bytes may come from anywhere; on any failure the session is
    /// as it was.
    /// - Throws: ``HearthError/badFormat(_:)`` for bytes that are no saved session or damaged;
    ///   ``HearthError/wrongState(_:)`` for one of another model, type of cache or adapters;
    ///   ``HearthError/outOfRange(_:)`` for one that is longer than the context.
    public func restore(_ data: Data, isolation: isolated (any Actor)? = #isolation) async throws {
        try await handle.inBackground { p in
            try data.withUnsafeBytes { try check(hearth_session_restore(p, $0.baseAddress, $0.count)) }
        }
    }

    /// As ``save(isolation:)``, as a file, which appears whole or not at all.
    public func save(to path: String, isolation: isolated (any Actor)? = #isolation) async throws {
        try await handle.inBackground { p in try withPath(path) { try check(hearth_session_save_path(p, $0)) } }
    }

    public func restore(from path: String, isolation: isolated (any Actor)? = #isolation) async throws {
        try await handle.inBackground { p in try withPath(path) { try check(hearth_session_restore_path(p, $0)) } }
    }
}

/// The C session, which one call at a time may use. Generations hold it while they run.
final class SessionHandle: @unchecked Sendable {
    let pointer: OpaquePointer
    let model: Model
    let context: Int
    private let busy = Locked(false)

    init(_ pointer: OpaquePointer, _ model: Model) {
        self.pointer = pointer
        self.model = model
        context = Int(hearth_session_context(pointer))
    }

    deinit { hearth_session_free(pointer) }

    /// Takes the session, or says that it is taken.
    func begin() throws {
        try busy.withLock {
            if $0 { throw HearthError.wrongState("the session is in use: by a generation that has not ended, or another thread") }
            $0 = true
        }
    }

    func end() { busy.withLock { $0 = false } }

    func exclusive<T>(_ body: (OpaquePointer) throws -> T) throws -> T {
        try begin()
        defer { end() }
        return try body(pointer)
    }

    func inBackground<T: Sendable>(_ body: @escaping @Sendable (OpaquePointer) throws -> T) async throws -> T {
        let call = Locked((stopped: false, ended: false))
        return try await Hearth.inBackground {
            call.withLock { $0.stopped = true }
            self.insist(call)
        } _: {
            try self.exclusive {
                defer { call.withLock { $0.ended = true } }
                if call.withLock({ $0.stopped }) { throw HearthError.cancelled("cancelled before it began") }
                return try body($0)
            }
        }
    }

    /// Cancels until the call has ended: one that was just about to begin would not notice the first time.
    private func insist(_ call: Locked<(stopped: Bool, ended: Bool)>) {
        let ended = call.withLock {
            if !$0.ended { _ = hearth_session_cancel(pointer) }
            return $0.ended
        }
        if ended { return }
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(5)) { self.insist(call) }
    }
}

/// Logits of an evaluation. Without a place for them it would run and give none, so even the question for their number has
/// one.
private func evaluated(_ session: OpaquePointer, _ flags: UInt32) throws -> [Float] {
    var nothing = Float(0)
    return try elements(Float(0)) { out, capacity, needed in
        withUnsafeMutablePointer(to: &nothing) { hearth_session_eval(out ?? $0, capacity, needed, session, flags) }
    }
}

/// [count * width] as [count][width].
func rows(_ flat: [Float], _ width: Int) -> [[Float]] {
    width == 0 ? [] : stride(from: 0, to: flat.count, by: width).map { Array(flat[$0..<min($0 + width, flat.count)]) }
}
