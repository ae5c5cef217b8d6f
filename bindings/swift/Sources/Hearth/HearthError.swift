import CHearth
import Foundation

/// What went wrong, with a sentence that names the file, tensor, key or position, what was found and what was expected.
///
/// The cases are the statuses of `hearth.h`. Cancelling a task gives `CancellationError` instead, as elsewhere in Swift.
public enum HearthError: Error, Sendable, Equatable {
    /// An argument is wrong: out of bounds, an unknown key.
    case invalidArgument(String)
    /// Memory was refused.
    case outOfMemory(String)
    /// It would exceed the runtime's memory budget; the sentence has the figures.
    case overBudget(String)
    /// A file or reader did not deliver its bytes.
    case io(String)
    /// A file contradicts its own format.
    case badFormat(String)
    /// A sound file, schema or option of a kind that this version does not know.
    case unsupported(String)
    /// Beyond the context, the vocabulary or another limit.
    case outOfRange(String)
    /// The host asked to stop.
    case cancelled(String)
    /// An instruction set that this CPU or build lacks.
    case instructionSet(String)
    /// The object is busy with something that does not allow this call.
    case wrongState(String)
    /// No such file, key or tool.
    case notFound(String)
    /// Text is not UTF-8.
    case badText(String)
    /// A defect of hearth, or a status of a newer library than this binding knows.
    case internalError(String)

    /// The number of the status, `HEARTH_E…` of `hearth.h`.
    public var status: Int32 {
        switch self {
        case .invalidArgument: HEARTH_EINVAL
        case .outOfMemory: HEARTH_ENOMEM
        case .overBudget: HEARTH_EBUDGET
        case .io: HEARTH_EIO
        case .badFormat: HEARTH_EFORMAT
        case .unsupported: HEARTH_EUNSUPPORTED
        case .outOfRange: HEARTH_ERANGE
        case .cancelled: HEARTH_ECANCELLED
        case .instructionSet: HEARTH_EISA
        case .wrongState: HEARTH_ESTATE
        case .notFound: HEARTH_ENOTFOUND
        case .badText: HEARTH_EUTF8
        case .internalError: HEARTH_EINTERNAL
        }
    }

    /// The name of the status, such as `"HEARTH_EFORMAT"`.
    public var name: String { String(cString: hearth_status_name(status)) }

    /// The sentence.
    public var message: String {
        switch self {
        case .invalidArgument(let text), .outOfMemory(let text), .overBudget(let text), .io(let text), .badFormat(let text),
            .unsupported(let text), .outOfRange(let text), .cancelled(let text), .instructionSet(let text),
            .wrongState(let text), .notFound(let text), .badText(let text), .internalError(let text):
            text
        }
    }

    init(status: hearth_status, message: String) {
        switch status {
        case HEARTH_EINVAL: self = .invalidArgument(message)
        case HEARTH_ENOMEM: self = .outOfMemory(message)
        case HEARTH_EBUDGET: self = .overBudget(message)
        case HEARTH_EIO: self = .io(message)
        case HEARTH_EFORMAT: self = .badFormat(message)
        case HEARTH_EUNSUPPORTED: self = .unsupported(message)
        case HEARTH_ERANGE: self = .outOfRange(message)
        case HEARTH_ECANCELLED: self = .cancelled(message)
        case HEARTH_EISA: self = .instructionSet(message)
        case HEARTH_ESTATE: self = .wrongState(message)
        case HEARTH_ENOTFOUND: self = .notFound(message)
        case HEARTH_EUTF8: self = .badText(message)
        default: self = .internalError("\(String(cString: hearth_status_name(status))): \(message)")
        }
    }
}

extension HearthError: LocalizedError, CustomStringConvertible {
    public var errorDescription: String? { message }
    public var description: String { "\(message) (\(name))" }
}

/// Throws what a call that was made on this thread just now reports.
func check(_ status: hearth_status) throws {
    if status != HEARTH_OK { throw HearthError(status: status, message: String(cString: hearth_last_error())) }
}
