import ChatAppModel
import Foundation
import XCTest

@testable import Hearth

/// The weights are random, so calls are forced where they matter.
final class ChatTests: XCTestCase {
    private enum Unit: String, Codable, CaseIterable { case celsius, fahrenheit }
    private struct Place: Codable, Sendable {
        let days: UInt8
        let unit: Unit?
    }
    private struct Answer: Codable, Sendable { let days: Int; let degrees: Int }

    private func weather(_ seen: Locked<[UInt8]>) throws -> Tool {
        try Tool("weather", "Tells the weather.") { (place: Place) in
            seen.withLock { $0.append(place.days) }
            return Answer(days: Int(place.days), degrees: 21)
        }
    }
    private static func options(_ seed: UInt64, _ tokens: Int, _ choice: ChatOptions.ToolChoice = .auto) -> ChatOptions {
        var options = ChatOptions(maxTokens: tokens, toolChoice: choice, template: hermes)
        options.generate.sampling = drawn(seed, 0).sampling
        return options
    }

    func testRepliesBecomeMessages() async throws {
        let chat = try Models.long().chat(system: "Be brief.", options: ChatTests.options(1, 8))
        var text = ""
        for try await event in chat.send("Hello") { text += event.text }
        XCTAssertEqual(chat.messages.map(\.role), ["system", "user", "assistant"])
        XCTAssertEqual(chat.messages[2].content, text)
        let fork = try chat.fork()
        let one = try await chat.reply(to: "And now?")
        let two = try await fork.reply(to: "And now?")
        XCTAssertEqual(one, two)
        XCTAssertEqual(chat.messages, fork.messages)
        // What was computed before is not computed again, and changes nothing.
        let fresh = try Models.long().chat(messages: Array(chat.messages.dropLast()), options: ChatTests.options(1, 8))
        var finish: Finish?
        for try await event in fresh.stream() { if case .turn(_, let end) = event { finish = end } }
        XCTAssertEqual(fresh.messages.last, one)
        XCTAssertNotNil(finish)
        chat.messages.removeLast(2)
        let again = try await chat.reply(to: "And now?")
        XCTAssertEqual(again, one)
    }

    func testTheModelsOwnTemplateWorks() async throws {
        let message = try await Models.long().chat(options: ChatOptions(maxTokens: 5)).reply(to: "Hello")
        XCTAssertEqual(message.role, "assistant")
    }

    func testToolsAreRunAndTheModelGoesOn() async throws {
        let seen = Locked<[UInt8]>([])
        let chat = try Models.long().chat(tools: [weather(seen)], options: ChatTests.options(5, 200, .named("weather")))
        var kinds: [String] = []
        var arguments = ""
        for try await event in chat.send("How is the weather?") {
            switch event {
            case .toolBegin(_, _, let name):
                kinds.append("begin")
                XCTAssertEqual(name, "weather")
            case .toolArguments(_, let part): arguments += part
            case .toolCall(let call):
                kinds.append("call")
                XCTAssertEqual(try JSONValue(parsing: call.arguments), try JSONValue(parsing: arguments))
                XCTAssertEqual(try call.decode(as: Place.self).days, try JSONValue(parsing: arguments)["days"]?.int.map { UInt8($0) })
            case .toolResult(let result):
                kinds.append("result")
                XCTAssertFalse(result.failed)
                XCTAssertEqual(try JSONValue(parsing: result.text)["degrees"]?.int, 21)
            case .turn: kinds.append("turn")
            case .content, .reasoning, .toolWithdrawn: break
            }
        }
        XCTAssertEqual(Array(kinds.prefix(4)), ["begin", "call", "turn", "result"])
        XCTAssertEqual(kinds.last, "turn")
        XCTAssertGreaterThanOrEqual(seen.withLock { $0.count }, 1)
        XCTAssertEqual(Array(chat.messages.map(\.role).prefix(4)), ["user", "assistant", "tool", "assistant"])
        XCTAssertEqual(chat.messages[1].toolCalls.map(\.name), ["weather"])
        let result = try XCTUnwrap(chat.messages.first { $0.role == "tool" })
        XCTAssertEqual(chat.messages[1].toolCalls.first?.id, result.json["tool_call_id"]?.string)
    }

    private struct Lamp: CallableTool {
        struct Broken: Error, CustomStringConvertible { var description: String { "the lamp is broken" } }
        struct Switch: Codable, Sendable { let on: Bool }
        let name = "lamp"
        let description = "Switches the lamp."
        func call(_ arguments: Switch) async throws -> String { throw Broken() }
    }

    func testErrorsOfToolsAreToldToTheModel() async throws {
        var chosen = ChatTests.options(2, 200, .required)
        chosen.maxRounds = 2
        let chat = try Models.long().chat(tools: [Tool(Lamp())], options: chosen)
        _ = try await chat.reply(to: "Light!")
        let result = try XCTUnwrap(chat.messages.first { $0.role == "tool" })
        XCTAssertEqual(result.content, "error: the lamp is broken")

        // Without running them the reply ends with the call, and the host answers.
        let open = try Models.long().chat(
            tools: [Tool("lamp", "Switches the lamp.", parameters: .object(["on": .boolean]))], options: chosen)
        let message = try await open.reply(to: "Light!")
        let call = try XCTUnwrap(message.toolCalls.first)
        open.messages.append(.tool("done", for: call))
        open.options.toolChoice = .auto
        open.options.generate.maxTokens = 4
        for try await _ in open.stream() {}
        XCTAssertEqual(open.messages.last?.role, "assistant")

        let unknown = await failure { [choice = ChatTests.options(1, 5, .named("no_such_tool"))] in
            _ = try await Models.long().chat(tools: [Tool(Lamp())], options: choice).reply(to: "x")
        }
        guard case .notFound? = unknown else { return XCTFail("\(String(describing: unknown))") }
    }

    func testRepliesAreValuesOfTypes() async throws {
        let chat = try Models.long().chat(options: ChatTests.options(3, 300))
        let answer = try await chat.reply(to: "Weather?", as: Place.self)
        XCTAssertEqual(try JSONValue(parsing: chat.messages[1].content)["days"]?.int, Int(answer.days))
    }

    func testReasoningIsTakenApart() async throws {
        var thinking = ChatTests.options(1, 100)
        thinking.template = hermes.replacingOccurrences(
            of: "<|im_start|>assistant\n{% endif %}", with: "<|im_start|>assistant\n<think>\n{% endif %}")
        thinking.generate.constraint = .regex("[a-d]{5}</think>[e-h]{4}")
        let chat = try Models.long().chat(options: thinking)
        var reasoning = ""
        for try await event in chat.send("x") { if case .reasoning(let part) = event { reasoning += part } }
        XCTAssertEqual(reasoning.trimmingCharacters(in: .whitespacesAndNewlines).count, 5)
        XCTAssertEqual(chat.messages[1].content.trimmingCharacters(in: .whitespacesAndNewlines).count, 4)
        XCTAssertEqual(chat.messages[1].reasoning.trimmingCharacters(in: .whitespacesAndNewlines), reasoning.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    func testAStoppedReplyLeavesWhatItHas() async throws {
        var long = ChatTests.options(4, 4000)
        long.generate.ignoreEnd = true
        let chat = try Models.long().chat(options: long)
        var text = ""
        for try await event in chat.send("Talk") {
            text += event.text
            if text.count > 10 { break }
        }
        XCTAssertEqual(chat.messages.map(\.role), ["user", "assistant"])
        XCTAssertTrue(chat.messages[1].content.hasPrefix(text))
        chat.options.generate.maxTokens = 4
        let next = try await chat.reply(to: "Go on")
        XCTAssertEqual(next.role, "assistant")

        chat.options.generate.maxTokens = 4000
        let stopper = Task.detached {
            while !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(50))
                chat.cancel()
            }
        }
        var reason: Finish.Reason?
        for try await event in chat.send("Talk") { if case .turn(_, let finish) = event { reason = finish.reason } }
        stopper.cancel()
        XCTAssertEqual(reason, .cancelled)
    }

    @available(macOS 14, iOS 17, *)
    func testTheSamplesViewModelTalks() async throws { try await ChatTests.talk() }

    @available(macOS 14, iOS 17, *)
    @MainActor
    private static func talk() async throws {
        let sample = ChatViewModel(options: ChatTests.options(6, 6))
        await sample.open(path: "/no/such/model.gguf")
        guard case .failed(let sentence) = sample.state else { return XCTFail("\(sample.state)") }
        XCTAssertTrue(sentence.contains("/no/such/model.gguf"), sentence)
        try await sample.open(path: Models.path("HEARTH_TEST_LONG_MODEL"))
        XCTAssertEqual(sample.state, .ready)
        XCTAssertFalse(sample.canSend)
        sample.draft = "Hello"
        sample.send()
        XCTAssertEqual(sample.state, .replying)
        await sample.finished()
        XCTAssertEqual(sample.state, .ready)
        XCTAssertEqual(sample.lines.first?.text, "Hello")
        XCTAssertEqual(sample.lines.last?.speaker, .model)
        sample.draft = "Again"
        sample.send()
        sample.stop()
        await sample.finished()
        XCTAssertEqual(sample.state, .ready)
    }
}
