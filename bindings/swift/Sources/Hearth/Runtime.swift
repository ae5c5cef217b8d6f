import CHearth
import Foundation

/// How much a message of the log matters.
public enum LogLevel: Int32, Sendable, Comparable {
    case error = 0
    case warning = 1
    case info = 2
    case debug = 3

    public static func < (a: LogLevel, b: LogLevel) -> Bool { a.rawValue < b.rawValue }
}

/// What a host decides once: threads, memory, instruction set, log. Any number of them may live in a process.
///
/// Thread class: any.
public final class Runtime: Sendable {
    public struct Options: Sendable {
        /// 0: as many as this process may use cores.
        public var threads = 0
        /// Bytes for weights, caches and scratch together; 0: no limit.
        public var memoryBudget: UInt64 = 0
        /// `"scalar"`, `"avx2"`, `"neon"`…; nil: the environment variable HEARTH_ISA, else the best that this CPU runs.
        public var instructionSet: String?
        /// Called from any thread; it must not use the runtime.
        public var log: (@Sendable (LogLevel, String) -> Void)?

        public init(
            threads: Int = 0, memoryBudget: UInt64 = 0, instructionSet: String? = nil,
            log: (@Sendable (LogLevel, String) -> Void)? = nil
        ) {
            self.threads = threads
            self.memoryBudget = memoryBudget
            self.instructionSet = instructionSet
            self.log = log
        }
    }

    /// An instruction set that the library knows.
    public struct InstructionSet: Sendable, Hashable {
        public let name: String
        /// Whether it can run here.
        public let available: Bool
    }

    private final class Handle: @unchecked Sendable {
        let pointer: OpaquePointer
        init(_ pointer: OpaquePointer) { self.pointer = pointer }
        deinit { hearth_runtime_free(pointer) }
    }
    private final class Log: Sendable {
        let write: @Sendable (LogLevel, String) -> Void
        init(_ write: @escaping @Sendable (LogLevel, String) -> Void) { self.write = write }
    }

    // In this order: the handle goes before what it may call.
    private let handle: Handle
    private let log: Log?
    var pointer: OpaquePointer { handle.pointer }

    /// - Throws: ``HearthError/instructionSet(_:)`` for one that cannot run here.
    public init(_ options: Options = Options()) throws {
        var c = hearth_runtime_options()
        try check(hearth_runtime_options_init(&c, MemoryLayout<hearth_runtime_options>.size))
        c.threads = try bounded(options.threads, "Runtime.Options.threads")
        c.memory_budget = options.memoryBudget
        let log = options.log.map(Log.init)
        if let log {
            c.log_user = Unmanaged.passUnretained(log).toOpaque()
            c.log = { level, text, length, user in
                guard let user else { return }
                let level = LogLevel(rawValue: level) ?? .debug
                Unmanaged<Log>.fromOpaque(user).takeUnretainedValue().write(level, string(text, length))
            }
        }
        var out: OpaquePointer?
        try options.instructionSet.withZeroTerminated {
            c.isa = $0
            try check(hearth_runtime_new(&out, &c))
        }
        handle = Handle(try made(out, "runtime"))
        self.log = log
    }

    /// The one that models without a runtime of their own share, with default options. Made when it is first asked for.
    public static func shared() throws -> Runtime { try common.get() }
    private static let common = Result { try Runtime() }

    /// The name of the instruction set in use.
    public var instructionSet: String { String(cString: hearth_runtime_isa(pointer)) }
    public var threads: Int { Int(hearth_runtime_threads(pointer)) }
    /// Bytes that its objects hold now: weights, caches, scratch.
    public var memory: UInt64 { hearth_runtime_memory(pointer) }

    /// Reads `bytes` of memory with all threads, `rounds` times; the median in bytes per second: the bound of decoding.
    public func measureStream(bytes: UInt64, rounds: Int = 5) throws -> Double {
        var speed = 0.0
        try check(hearth_runtime_measure_stream(&speed, pointer, bytes, bounded(rounds, "rounds")))
        return speed
    }

    /// Tells about a model file without loading its weights: an object with the members that `hearth_inspect_path` has.
    public func inspect(path: String) throws -> JSONValue {
        var out: OpaquePointer?
        try withPath(path) { try check(hearth_inspect_path(&out, pointer, $0)) }
        return try JSONValue(parsing: takeText(out))
    }

    /// The same of a GGUF file in memory.
    public func inspect(data: Data) throws -> JSONValue {
        var out: OpaquePointer?
        try data.withUnsafeBytes { try check(hearth_inspect_memory(&out, pointer, $0.baseAddress, $0.count)) }
        return try JSONValue(parsing: takeText(out))
    }

    /// `"0.1.0"`.
    public static var libraryVersion: String { String(cString: hearth_version()) }

    /// Those that the library knows, built in or not.
    public static var instructionSets: [InstructionSet] {
        (0..<hearth_isa_count()).compactMap { i in
            var available = false
            guard let name = hearth_isa_name(i, &available) else { return nil }
            return InstructionSet(name: String(cString: name), available: available)
        }
    }
}

/// A handle that a call which succeeded has given.
func made(_ pointer: OpaquePointer?, _ what: String) throws -> OpaquePointer {
    guard let pointer else { throw HearthError.internalError("hearth reported success and gave no \(what)") }
    return pointer
}
