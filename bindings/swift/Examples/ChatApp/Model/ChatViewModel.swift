import Foundation
import Hearth
#if canImport(Darwin)
import Observation
#endif

/// What the chat's view shows, and what it can do. It needs no user interface, so the package's tests run it.
@available(iOS 17, macOS 14, *)
@MainActor
#if canImport(Darwin)  // the tests on Linux watch it themselves
@Observable
#endif
public final class ChatViewModel {
    public enum State: Equatable {
        case empty
        case loading(Double)
        case ready
        case replying
        case failed(String)
    }

    public struct Line: Identifiable, Equatable {
        public enum Speaker: Equatable { case user, model, tool }

        public let id: Int
        public let speaker: Speaker
        public var text: String
        public var reasoning = ""
    }

    public private(set) var state = State.empty
    public private(set) var lines: [Line] = []
    public var draft = ""

    private var chat: Chat?
    private var work: Task<Void, Never>?
    private let tools: [Tool]
    private let options: ChatOptions

    public init(tools: [Tool] = [], options: ChatOptions = ChatOptions(maxTokens: 512)) {
        self.tools = tools
        self.options = options
    }

    public var canSend: Bool { state == .ready && !draft.trimmingCharacters(in: .whitespacesAndNewlines).isEmpty }

    /// Loads a model and begins a conversation with it.
    public func open(path: String) async {
        stop()
        await work?.value
        chat = nil
        lines = []
        state = .loading(0)
        do {
            let (progress, report) = AsyncStream.makeStream(of: Double.self, bufferingPolicy: .bufferingNewest(1))
            let watching = Task { for await fraction in progress { state = .loading(fraction) } }
            defer { watching.cancel() }
            let model = try await Model.load(path: path) { report.yield($0.fraction) }
            report.finish()
            await watching.value
            chat = try model.chat(tools: tools, options: options)
            state = .ready
        } catch {
            state = .failed(HearthText.sentence(error))
        }
    }

    /// Sends the draft; the reply grows in the last lines.
    public func send() {
        guard canSend, let chat else { return }
        let text = draft
        draft = ""
        add(.user, text)
        state = .replying
        work = Task {
            do {
                for try await event in chat.send(text) { show(event) }
                state = .ready
            } catch is CancellationError {
                state = .ready
            } catch {
                state = .failed(HearthText.sentence(error))
            }
        }
    }

    /// Stops the reply; what there is of it stays.
    public func stop() { work?.cancel() }

    /// Until the reply has ended.
    public func finished() async { await work?.value }

    private func add(_ speaker: Line.Speaker, _ text: String) {
        lines.append(Line(id: lines.count, speaker: speaker, text: text))
    }

    private func show(_ event: ChatEvent) {
        switch event {
        case .content(let text):
            lastOfModel { $0.text += text }
        case .reasoning(let text):
            lastOfModel { $0.reasoning += text }
        case .toolCall(let call):
            add(.tool, "\(call.name) \(call.arguments)")
        case .toolResult(let result):
            add(.tool, result.text)
        case .toolBegin, .toolArguments, .toolWithdrawn, .turn:
            break
        }
    }

    private func lastOfModel(_ change: (inout Line) -> Void) {
        if lines.last?.speaker != .model { add(.model, "") }
        change(&lines[lines.count - 1])
    }
}

enum HearthText {
    static func sentence(_ error: any Error) -> String { (error as? HearthError)?.message ?? error.localizedDescription }
}
