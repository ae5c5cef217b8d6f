import CHearth
import Foundation

/// Where the bytes of a model come from, when they are not a file. Called from any thread, only while a model is opened; it
/// must not use the runtime that loads.
public protocol ModelReader: Sendable {
    /// Of the whole file in bytes.
    var size: UInt64 { get }
    /// Fills all of `destination` with what stands from `offset` on.
    func read(offset: UInt64, into destination: UnsafeMutableRawBufferPointer) throws
}

/// A loaded model: weights and tokenizer, immutable.
///
/// Thread class: any. Sessions, generations and adapters that are made from it keep it alive.
public final class Model: @unchecked Sendable {
    /// Of loading or packing, in bytes of weights.
    public struct Progress: Sendable, Hashable {
        public let done: UInt64
        public let total: UInt64
        /// 0 to 1.
        public var fraction: Double { total == 0 ? 1 : Double(done) / Double(total) }
    }

    /// What the model was made with; sessions of models of one runtime take turns on its threads.
    public let runtime: Runtime
    /// Its tokenizer, for text, tokens and chat templates.
    public let tokenizer: Tokenizer
    let pointer: OpaquePointer

    /// Opens a GGUF file (of a split model any part) or a Hugging Face folder. Blocks; ``load(path:runtime:predictors:progress:)`` does
    /// not.
    /// - Parameters:
    ///   - runtime: nil for ``Runtime/shared()``.
    ///   - predictors: with the blocks that predict further tokens (MTP), for ``GenerateOptions/Draft/predictors``;
    ///     `unsupported` where the file has none.
    ///   - progress: called every few milliseconds in the thread that loads; false stops. It must not use the runtime.
    /// - Throws: ``HearthError``: `notFound`, `io`, `badFormat`, `unsupported`; `overBudget` and `outOfMemory` before weights
    ///   are read that would not fit; `cancelled`.
    public convenience init(
        path: String, runtime: Runtime? = nil, predictors: Bool = false,
        progress: (@Sendable (Progress) -> Bool)? = nil
    ) throws {
        try self.init(runtime: runtime, predictors: predictors, reporter: Model.reporter(progress)) { out, runtime, options in
            try withPath(path) { try check(hearth_model_open_path(&out, runtime, $0, &options)) }
        }
    }

    /// Opens a GGUF file that is in memory; the bytes are not kept.
    public convenience init(
        data: Data, runtime: Runtime? = nil, predictors: Bool = false,
        progress: (@Sendable (Progress) -> Bool)? = nil
    ) throws {
        try self.init(runtime: runtime, predictors: predictors, reporter: Model.reporter(progress)) { out, runtime, options in
            try data.withUnsafeBytes {
                try check(hearth_model_open_memory(&out, runtime, $0.baseAddress, $0.count, &options))
            }
        }
    }

    /// Opens a GGUF file through a reader of the host. An error that it throws is thrown from here.
    public convenience init(
        reader: some ModelReader, runtime: Runtime? = nil, predictors: Bool = false,
        progress: (@Sendable (Progress) -> Bool)? = nil
    ) throws {
        let source = Source(reader)
        do {
            try self.init(runtime: runtime, predictors: predictors, reporter: Model.reporter(progress)) { out, runtime, options in
                var c = hearth_reader()
                c.struct_size = MemoryLayout<hearth_reader>.size
                c.size = reader.size
                c.user = Unmanaged.passUnretained(source).toOpaque()
                c.read = { offset, destination, bytes, user in
                    guard let user, let destination else { return 1 }
                    let room = UnsafeMutableRawBufferPointer(start: destination, count: bytes)
                    return Unmanaged<Source>.fromOpaque(user).takeUnretainedValue().read(offset, room)
                }
                try check(hearth_model_open_reader(&out, runtime, &c, &options))
            }
        } catch {
            throw source.failure.withLock { $0 } ?? error
        }
        withExtendedLifetime(source) {}
    }

    /// Opens a model on a thread of its own. Cancelling the task stops it within milliseconds.
    /// - Parameter progress: called every few milliseconds, from the thread that loads; it must not use the runtime.
    /// - Throws: as ``init(path:runtime:predictors:progress:)``; `CancellationError` where the task was cancelled.
    public static func load(
        path: String, runtime: Runtime? = nil, predictors: Bool = false,
        progress: (@Sendable (Progress) -> Void)? = nil
    ) async throws -> Model {
        let reporter = ProgressReporter { done, total in
            progress?(Progress(done: done, total: total))
            return true
        }
        return try await inBackground(cancel: reporter.stop) {
            try Model(runtime: runtime, predictors: predictors, reporter: reporter) { out, runtime, options in
                try withPath(path) { try check(hearth_model_open_path(&out, runtime, $0, &options)) }
            }
        }
    }

    private init(
        runtime: Runtime?, predictors: Bool, reporter: ProgressReporter,
        open: (inout OpaquePointer?, OpaquePointer, inout hearth_model_options) throws -> Void
    ) throws {
        let runtime = try runtime ?? Runtime.shared()
        var options = hearth_model_options()
        try check(hearth_model_options_init(&options, MemoryLayout<hearth_model_options>.size))
        options.flags = predictors ? HEARTH_MODEL_MTP : 0
        options.progress = ProgressReporter.callback
        options.progress_user = reporter.user
        var out: OpaquePointer?
        try withExtendedLifetime(reporter) {
            // A task that is cancelled already loads nothing: progress is only asked once there is work.
            if !reporter.tell(0, 0) { throw HearthError.cancelled("loading was cancelled before it began") }
            try open(&out, runtime.pointer, &options)
        }
        let model = try made(out, "model")
        do {
            tokenizer = try Tokenizer(model: model, runtime: runtime)
        } catch {
            hearth_model_free(model)
            throw error
        }
        self.runtime = runtime
        pointer = model
    }

    deinit { hearth_model_free(pointer) }

    private static func reporter(_ progress: (@Sendable (Progress) -> Bool)?) -> ProgressReporter {
        ProgressReporter { done, total in
            total == 0 ? true : progress?(Progress(done: done, total: total)) ?? true
        }
    }

    // ---- what it is ----

    public var vocabularySize: Int { Int(hearth_model_vocab_size(pointer)) }
    /// In tokens, as trained or as the file says.
    public var contextLength: Int { Int(hearth_model_context_length(pointer)) }
    /// Bytes of weights held in memory.
    public var weightBytes: UInt64 { hearth_model_weight_bytes(pointer) }
    /// Bytes of weights that are read for one decoded token.
    public var decodeBytes: UInt64 { hearth_model_decode_bytes(pointer) }

    /// What `hearth_model_inspect` tells: architecture, parameters, quantization, memory…
    public func inspect() throws -> JSONValue {
        var out: OpaquePointer?
        try check(hearth_model_inspect(&out, pointer))
        return try JSONValue(parsing: takeText(out))
    }

    /// The value of a metadata key: strings as they are, others as JSON; nil where the file has none.
    public func metadata(_ key: String) throws -> String? {
        var out: OpaquePointer?
        do {
            try withPath(key) { try check(hearth_model_metadata(&out, pointer, $0)) }
        } catch HearthError.notFound {
            return nil
        }
        return takeText(out)
    }

    /// 16 bytes that tell models apart that compute differently. The first call reads all weights.
    public func digest() async throws -> Data {
        try await inBackground(cancel: {}) { [self] in
            var bytes = [UInt8](repeating: 0, count: 16)
            try check(hearth_model_digest(&bytes, pointer))
            return Data(bytes)
        }
    }

    /// A conversation of tokens, empty. See ``Session``.
    /// - Throws: ``HearthError/overBudget(_:)`` or ``HearthError/outOfMemory(_:)`` where its cache would not fit; the sentence
    ///   has the context that would.
    public func session(_ options: Session.Options = Session.Options()) throws -> Session {
        try Session(model: self, options)
    }

    /// Writes a model as the kernels read it, so that later loads only map it. Runs as the original does, to the bit.
    public static func pack(
        path: String, to packedPath: String, runtime: Runtime? = nil, progress: (@Sendable (Progress) -> Void)? = nil
    ) async throws {
        let runtime = try runtime ?? Runtime.shared()
        let reporter = ProgressReporter { done, total in
            progress?(Progress(done: done, total: total))
            return true
        }
        try await inBackground(cancel: reporter.stop) {
            var options = hearth_pack_options()
            try check(hearth_pack_options_init(&options, MemoryLayout<hearth_pack_options>.size))
            options.progress = ProgressReporter.callback
            options.progress_user = reporter.user
            try withExtendedLifetime(reporter) {
                try withPath(path) { from in
                    try withPath(packedPath) { try check(hearth_model_pack(runtime.pointer, from, $0, &options)) }
                }
            }
        }
    }
}

/// A reader of the host as C calls it, and the error that it threw.
private final class Source: @unchecked Sendable {
    let reader: any ModelReader
    let failure = Locked<(any Error)?>(nil)

    init(_ reader: any ModelReader) { self.reader = reader }

    func read(_ offset: UInt64, _ room: UnsafeMutableRawBufferPointer) -> Int32 {
        do {
            try reader.read(offset: offset, into: room)
            return 0
        } catch {
            failure.withLock { $0 = $0 ?? error }
            return 1
        }
    }
}
