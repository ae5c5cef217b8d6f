import CHearth

/// Changes of a model that sessions compute with: low-rank changes of its matrices (LoRA), or a control vector.
///
/// Thread class: any. It keeps its model.
public final class Adapter: @unchecked Sendable {
    public enum Kind: Sendable, Hashable { case lora, control }

    public let model: Model
    public let kind: Kind
    /// Matrices that it changes, or layers that it adds to.
    public let parts: Int
    /// The largest; 0 for a control vector.
    public let rank: Int
    /// Held in memory.
    public let bytes: UInt64
    public let path: String
    let pointer: OpaquePointer

    /// Loads a GGUF file of the kinds `lora` or `controlvector`, or a folder of PEFT's.
    /// - Parameter layers: of a control vector, those of which the directions are used; nil: all.
    /// - Throws: ``HearthError/wrongState(_:)`` for an adapter of another model; `unsupported`, `badFormat` with the tensor.
    public convenience init(model: Model, path: String, layers: ClosedRange<Int>? = nil) throws {
        var options = hearth_adapter_options()
        try check(hearth_adapter_options_init(&options, MemoryLayout<hearth_adapter_options>.size))
        options.first_layer = try bounded(layers?.lowerBound ?? 0, "the first layer")
        options.last_layer = try bounded(layers?.upperBound ?? 0, "the last layer")
        var out: OpaquePointer?
        try withPath(path) { try check(hearth_adapter_load(&out, model.pointer, $0, &options)) }
        try self.init(model, owning: made(out, "adapter"))
    }

    fileprivate init(_ model: Model, owning adapter: OpaquePointer) throws {
        var info = hearth_adapter_info()
        info.struct_size = MemoryLayout<hearth_adapter_info>.size
        let status = hearth_adapter_describe(&info, adapter)
        if status != HEARTH_OK {
            let error = HearthError(status: status, message: String(cString: hearth_last_error()))
            hearth_adapter_free(adapter)
            throw error
        }
        self.model = model
        pointer = adapter
        path = hearth_adapter_path(adapter).map { String(cString: $0) } ?? ""
        kind = info.kind == HEARTH_ADAPTER_CONTROL ? .control : .lora
        parts = Int(info.parts)
        rank = Int(info.rank)
        bytes = info.bytes
    }

    deinit { hearth_adapter_free(pointer) }
}

extension Session {
    /// From now on the session computes with the adapter, `scale` times; one that is attached already gets the new scale.
    /// Its tokens stay and are computed again.
    /// - Throws: ``HearthError/invalidArgument(_:)`` for an adapter of another model.
    public func attach(_ adapter: Adapter, scale: Double = 1) throws {
        try handle.exclusive { try check(hearth_session_attach($0, adapter.pointer, scale)) }
    }

    /// - Throws: ``HearthError/notFound(_:)`` where it is not attached.
    public func detach(_ adapter: Adapter) throws {
        try handle.exclusive { try check(hearth_session_detach($0, adapter.pointer)) }
    }

    public func detachAll() throws { try handle.exclusive { try check(hearth_session_detach_all($0)) } }

    /// What is attached, in its order.
    public var adapters: [(adapter: Adapter, scale: Double)] {
        get throws {
            try handle.exclusive { session in
                var found: [(adapter: Adapter, scale: Double)] = []
                while true {
                    var out: OpaquePointer?
                    var scale = 0.0
                    let status = hearth_session_adapter(&out, &scale, session, found.count)
                    if status == HEARTH_ENOTFOUND { return found }
                    try check(status)
                    found.append((try Adapter(model, owning: made(out, "adapter")), scale))
                }
            }
        }
    }

    /// From now on its prompts are looked for and kept in a store; nil: nowhere. Forks do as it does.
    public func use(_ store: PrefixStore?) throws {
        try handle.exclusive { try check(hearth_session_use_store($0, store?.pointer)) }
    }
}

/// What sessions have computed, for others that begin with the same tokens, to the same bits.
///
/// Thread class: any.
public final class PrefixStore: @unchecked Sendable {
    public struct Options: Sendable {
        /// At most; 0: a quarter of what is left at this moment.
        public var memoryBytes: UInt64 = 0
        /// Where it is kept as files too, for other processes and later. As private as the conversations.
        public var folder: String?
        /// Of its files at most; 0: 4 GiB.
        public var folderBytes: UInt64 = 0

        public init(memoryBytes: UInt64 = 0, folder: String? = nil, folderBytes: UInt64 = 0) {
            self.memoryBytes = memoryBytes
            self.folder = folder
            self.folderBytes = folderBytes
        }
    }

    /// Counts since it was opened.
    public struct Statistics: Sendable, Hashable {
        /// Prompts that were looked for.
        public let lookups: UInt64
        /// Of them, tokens that their sessions had not; and of those, tokens that were taken over.
        public let askedTokens: UInt64
        public let foundTokens: UInt64
        /// Held in memory.
        public let bytes: UInt64
        public let evictions: UInt64
        public let files: UInt64
        public let fileBytes: UInt64
    }

    let pointer: OpaquePointer
    private let runtime: Runtime

    /// - Parameter runtime: that of the models; nil for ``Runtime/shared()``.
    public init(runtime: Runtime? = nil, _ options: Options = Options()) throws {
        let runtime = try runtime ?? Runtime.shared()
        var c = hearth_prefix_store_options()
        try check(hearth_prefix_store_options_init(&c, MemoryLayout<hearth_prefix_store_options>.size))
        c.memory_bytes = options.memoryBytes
        c.folder_bytes = options.folderBytes
        var out: OpaquePointer?
        try options.folder.withZeroTerminated {
            c.folder = $0
            try check(hearth_prefix_store_open(&out, runtime.pointer, &c))
        }
        pointer = try made(out, "prefix store")
        self.runtime = runtime
    }

    deinit { hearth_prefix_store_free(pointer) }

    public func statistics() throws -> Statistics {
        var stats = hearth_prefix_store_stats()
        stats.struct_size = MemoryLayout<hearth_prefix_store_stats>.size
        try check(hearth_prefix_store_get_stats(&stats, pointer))
        return Statistics(
            lookups: stats.lookups, askedTokens: stats.asked_tokens, foundTokens: stats.found_tokens, bytes: stats.bytes,
            evictions: stats.evictions, files: stats.files, fileBytes: stats.file_bytes)
    }

    /// Forgets everything, and removes its folder's files.
    public func clear() throws { try check(hearth_prefix_store_clear(pointer)) }
}

extension Adapter {
    /// How a direction is made of what contrasting prompts differ by.
    public enum Direction: UInt32, Sendable {
        /// The mean of the differences.
        case mean = 0
        /// Their first principal component.
        case principal = 1
    }

    /// Makes a control vector from pairs of prompts that contrast, as a GGUF file: what the first of each has over the
    /// second at its last token. The same file on every machine.
    /// - Throws: ``HearthError/invalidArgument(_:)`` for empty prompts and pairs that do not differ.
    public static func trainControlVector(
        _ pairs: [(positive: [Token], negative: [Token])], model: Model, to path: String, direction: Direction = .mean
    ) async throws {
        let reporter = ProgressReporter(nil)
        let positive = pairs.map(\.positive)
        let negative = pairs.map(\.negative)
        try await inBackground(cancel: reporter.stop) {
            var options = hearth_steer_options()
            try check(hearth_steer_options_init(&options, MemoryLayout<hearth_steer_options>.size))
            options.method = direction.rawValue
            options.progress = ProgressReporter.callback
            options.progress_user = reporter.user
            try withExtendedLifetime(reporter) {
                try withSequences(positive) { up, upLengths in
                    try withSequences(negative) { down, downLengths in
                        try withPath(path) {
                            try check(
                                hearth_steer_train(
                                    model.pointer, up, upLengths, down, downLengths, positive.count, $0, &options))
                        }
                    }
                }
            }
        }
    }
}
