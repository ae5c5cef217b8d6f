import CHearth
import Dispatch
import Foundation

/// State that threads share.
final class Locked<State>: @unchecked Sendable {
    private let lock = NSLock()
    private var state: State

    init(_ state: State) { self.state = state }

    func withLock<T>(_ body: (inout State) throws -> T) rethrows -> T {
        lock.lock()
        defer { lock.unlock() }
        return try body(&state)
    }
}

/// Elements by the way of `hearth.h`: asks for the size first, then for the elements.
func elements<T>(
    _ zero: T, _ call: (UnsafeMutablePointer<T>?, Int, UnsafeMutablePointer<Int>) -> hearth_status
) throws -> [T] {
    var needed = 0
    let asked = call(nil, 0, &needed)
    if asked == HEARTH_OK { return [] }
    if asked != HEARTH_EBUFS { try check(asked) }
    var found = [T](repeating: zero, count: needed)
    let capacity = needed
    try found.withUnsafeMutableBufferPointer { try check(call($0.baseAddress, capacity, &needed)) }
    return found
}

/// A text that hearth made, freed here.
func takeText(_ text: OpaquePointer?) -> String {
    defer { hearth_text_free(text) }
    var length = 0
    let bytes = hearth_text_data(text, &length)
    return string(bytes, length)
}

func string(_ bytes: UnsafePointer<CChar>?, _ length: Int) -> String {
    guard let bytes, length > 0 else { return "" }
    return bytes.withMemoryRebound(to: UInt8.self, capacity: length) {
        String(decoding: UnsafeBufferPointer(start: $0, count: length), as: UTF8.self)
    }
}

extension String {
    /// The UTF-8 bytes, which may have zeros among them, and their number.
    func withBytes<T>(_ body: (UnsafePointer<CChar>?, Int) throws -> T) rethrows -> T {
        var text = self
        return try text.withUTF8 { bytes in
            try bytes.withMemoryRebound(to: CChar.self) { try body($0.baseAddress, $0.count) }
        }
    }
}

extension Optional where Wrapped == String {
    /// Null and 0 for nil.
    func withBytes<T>(_ body: (UnsafePointer<CChar>?, Int) throws -> T) rethrows -> T {
        switch self {
        case .some(let text): try text.withBytes(body)
        case .none: try body(nil, 0)
        }
    }

    func withZeroTerminated<T>(_ body: (UnsafePointer<CChar>?) throws -> T) throws -> T {
        switch self {
        case .some(let text): try withPath(text, body)
        case .none: try body(nil)
        }
    }
}

/// Pointers to the bytes of texts, and their lengths.
func withTexts<T>(
    _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int>?, Int) throws -> T
) rethrows -> T {
    var bytes = ContiguousArray<CChar>()
    var lengths: [Int] = []
    for text in texts {
        let start = bytes.count
        bytes.append(contentsOf: text.utf8.lazy.map { CChar(bitPattern: $0) })
        lengths.append(bytes.count - start)
    }
    bytes.append(0)  // so that there is an address, for empty texts too
    return try bytes.withUnsafeBufferPointer { all in
        var start = 0
        var pointers: [UnsafePointer<CChar>?] = []
        for length in lengths {
            pointers.append(all.baseAddress.map { $0 + start })
            start += length
        }
        return try pointers.withUnsafeBufferPointer { places in
            try lengths.withUnsafeBufferPointer { try body(places.baseAddress, $0.baseAddress, texts.count) }
        }
    }
}

/// Pointers to token sequences, and their lengths.
func withSequences<T>(
    _ sequences: [[Token]], _ body: (UnsafePointer<UnsafePointer<Token>?>?, UnsafePointer<Int>?) throws -> T
) rethrows -> T {
    let tokens: [Token] = Array(sequences.joined()) + [0]  // so that there is an address
    let lengths = sequences.map(\.count)
    return try tokens.withUnsafeBufferPointer { all in
        var start = 0
        let pointers: [UnsafePointer<Token>?] = lengths.map { length in
            defer { start += length }
            return all.baseAddress.map { $0 + start }
        }
        return try pointers.withUnsafeBufferPointer { places in
            try lengths.withUnsafeBufferPointer { try body(places.baseAddress, $0.baseAddress) }
        }
    }
}

/// Paths and names end at a zero for C; one within would name another file.
func withPath<T>(_ path: String, _ body: (UnsafePointer<CChar>) throws -> T) throws -> T {
    if path.utf8.contains(0) { throw HearthError.invalidArgument("\(path.debugDescription) has a zero byte, which no path and no name may have") }
    return try path.withCString(body)
}

/// A number that C takes in 32 bits.
func bounded(_ value: Int, _ what: String) throws -> UInt32 {
    guard let small = UInt32(exactly: value) else {
        throw HearthError.invalidArgument("\(what) is \(value), expected 0 to \(UInt32.max)")
    }
    return small
}

/// Runs work that takes long on a thread of its own queue, never on those of Swift's concurrency. `cancel` is called when
/// the task is cancelled, from any thread, perhaps before the work begins; the work's end is waited for.
func inBackground<T: Sendable>(
    cancel: @escaping @Sendable () -> Void, _ work: @escaping @Sendable () throws -> T
) async throws -> T {
    do {
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                DispatchQueue.global(qos: .userInitiated).async { continuation.resume(with: Result(catching: work)) }
            }
        } onCancel: {
            cancel()
        }
    } catch HearthError.cancelled(let message) {
        if Task.isCancelled { throw CancellationError() }
        throw HearthError.cancelled(message)
    }
}

/// Progress as C reports it, for the duration of one call.
final class ProgressReporter: @unchecked Sendable {
    private let stopped = Locked(false)
    private let report: (@Sendable (UInt64, UInt64) -> Bool)?

    init(_ report: (@Sendable (UInt64, UInt64) -> Bool)?) { self.report = report }

    func stop() { stopped.withLock { $0 = true } }

    /// Whether to go on.
    func tell(_ done: UInt64, _ total: UInt64) -> Bool {
        let go = report?(done, total) ?? true
        return go && !stopped.withLock { $0 }
    }

    /// For `progress` and `progress_user`; the reporter must outlive the call.
    static let callback: @convention(c) (UInt64, UInt64, UnsafeMutableRawPointer?) -> Int32 = { done, total, user in
        guard let user else { return 0 }
        return Unmanaged<ProgressReporter>.fromOpaque(user).takeUnretainedValue().tell(done, total) ? 0 : 1
    }
    var user: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }
}
