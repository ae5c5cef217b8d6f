import Foundation
import XCTest

@testable import Hearth

final class GenerationTests: XCTestCase {
    func testTheSameSeedGivesTheSameBitsTwice() async throws {
        let model = try Models.tiny()
        var options = drawn(7, 24)
        options.logits = true
        options.topLogprobs = 3
        let one = try await model.complete("Once upon a time", options)
        let two = try await model.complete("Once upon a time", options)
        XCTAssertEqual(one.tokens, two.tokens)
        XCTAssertEqual(one.tokens.count, 24)
        XCTAssertEqual(one.finish.reason, .length)
        XCTAssertEqual(one.finish.generatedTokens, 24)
        let token = try XCTUnwrap(one.tokens.first)
        XCTAssertEqual(token.logits?.count, 512)
        XCTAssertEqual(token.top.count, 3)
        XCTAssertLessThanOrEqual(token.logprob ?? 1, token.top[0].logprob)
        let other = try await model.complete("Once upon a time", drawn(8, 24))
        XCTAssertNotEqual(one.text, other.text)
        options.draft = .lookup
        let guessed = try await model.complete("Once upon a time", options)
        XCTAssertEqual(guessed.tokens.map(\.id), one.tokens.map(\.id))
    }

    func testStoriesAreToldToTheCharacter() async throws {
        let completion = try await Models.stories().complete("Once upon a time", GenerateOptions(maxTokens: 30))
        XCTAssertTrue(
            completion.text.hasPrefix(", there was a little girl named Lily. She loved to play outside in the park."), completion.text)
    }

    func testBlocksOfTheModelsOwnGuess() async throws {
        let none = await failure { _ = try Model(path: Models.tinyPath(), predictors: true) }
        guard case .unsupported? = none else { return XCTFail("\(String(describing: none))") }
        var options = drawn(2, 24)
        options.draft = .predictors
        let without = await failure { [options] in _ = try await Models.tiny().complete("x", options) }
        guard case .invalidArgument? = without else { return XCTFail("\(String(describing: without))") }

        let model = try Models.predicting()
        func run(_ options: GenerateOptions) async throws -> Completion {
            let session = try model.session()
            try session.append([3, 1, 4, 1, 5, 9, 2, 6])
            return try await session.complete(options)
        }
        options.ignoreEnd = true
        let guessed = try await run(options)
        options.draft = .none
        let plain = try await run(options)
        XCTAssertEqual(guessed.tokens.map(\.id), plain.tokens.map(\.id))
        XCTAssertGreaterThan(guessed.finish.draftedTokens, 0)
        XCTAssertEqual(plain.finish.draftedTokens, 0)
    }

    func testEventsComeInOrderAndTheStreamMayBeGivenUp() async throws {
        let session = try Models.tiny().session()
        try session.append("The cat sat on the mat")
        var options = drawn(1, 12)
        options.prefill = true
        var kinds: [String] = []
        for try await event in session.generate(options) {
            switch event {
            case .prefill(let done, let total):
                kinds.append("prefill")
                XCTAssertLessThanOrEqual(done, total)
            case .token: kinds.append("token")
            case .finish(let finish):
                kinds.append("finish")
                XCTAssertGreaterThan(finish.promptTokens, 0)
            }
        }
        XCTAssertEqual(kinds.first, "prefill")
        XCTAssertEqual(kinds.last, "finish")
        XCTAssertEqual(kinds.filter { $0 == "token" }.count, 12)

        // A loop that is left gives the session back, with the tokens that it has.
        let before = try session.count
        for try await _ in session.generate(drawn(2, 100)) { break }
        XCTAssertGreaterThan(try session.count, before)
        try session.truncate(to: before)

        // One that was never begun holds nothing.
        _ = session.generate(drawn(2, 100))
        try session.append([5])
    }

    func testASessionIsOneCallersAtATime() async throws {
        let session = try Models.tiny().session()
        try session.append("The cat")
        var stream = session.generate(drawn(1, 50)).makeAsyncIterator()
        _ = try await stream.next()
        for busy in [
            await failure { try session.append([5]) }, await failure { _ = try session.count },
            await failure { _ = try await session.complete(drawn(1, 1)) }, await failure { _ = try await session.logits() },
        ] {
            guard case .wrongState? = busy else { return XCTFail("\(String(describing: busy))") }
        }
        while try await stream.next() != nil {}
        try session.append([5])
    }

    func testCancellingTheTaskStopsTheGeneration() async throws {
        let model = try Models.long()
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            let session = try model.session()
            try session.append("Once upon a time")
            var options = drawn(3, 0)
            options.ignoreEnd = true
            var count = 0
            do {
                for try await event in session.generate(options) {
                    if case .token = event { count += 1 }
                    if count == 5 { start.yield() }
                }
            } catch is CancellationError {}
            // The session is free, and keeps what it has.
            return (count, try session.count, Task.isCancelled)
        }
        for await _ in started { break }
        let clock = ContinuousClock.now
        task.cancel()
        let (count, held, cancelled) = try await task.value
        XCTAssertTrue(cancelled)
        XCTAssertGreaterThanOrEqual(count, 5)
        XCTAssertLessThan(count, 8000)
        XCTAssertGreaterThanOrEqual(held, count)
        XCTAssertLessThan(ContinuousClock.now - clock, .seconds(20))
    }

    func testCancellingStopsALongPromptWithinItsPass() async throws {
        let model = try Models.long()
        let prompt = (0..<8000).map { Token(10 + $0 % 400) }
        func session() throws -> Session {
            let session = try model.session()
            try session.append(prompt)
            return session
        }
        let task = Task {
            let session = try session()
            return try await session.logits()
        }
        try await Task.sleep(for: .milliseconds(20))
        task.cancel()
        do {
            _ = try await task.value
            XCTFail("8000 tokens in 20 ms")
        } catch {
            XCTAssertTrue(error is CancellationError, "\(error)")
        }

        // From elsewhere: the generation says so itself.
        let running = try session()
        let cancellation = running.cancellation
        let stopper = Task.detached {
            while !Task.isCancelled {
                cancellation.cancel()
                try? await Task.sleep(for: .milliseconds(5))
            }
        }
        let completion = try await running.complete(drawn(1, 50))
        stopper.cancel()
        XCTAssertEqual(completion.finish.reason, .cancelled)
        XCTAssertEqual(try running.count, prompt.count)
    }

    func testDeadlinesEndGenerations() async throws {
        var options = drawn(1, 0)
        options.ignoreEnd = true
        options.deadline = .milliseconds(30)
        let completion = try await Models.long().complete("The cat", options)
        XCTAssertEqual(completion.finish.reason, .deadline)
        options.deadline = .seconds(Int64.max)
        let far = await failure { _ = try await Models.long().complete("The cat", options) }
        guard case .invalidArgument? = far else { return XCTFail("\(String(describing: far))") }
    }

    func testSessionsShareTheirPasses() async throws {
        let model = try Models.tiny()
        let prompts = ["The cat", "Once upon a time there was", "A dog"]
        let sessions = try prompts.map { prompt in
            let session = try model.session()
            try session.append(prompt)
            return session
        }
        var texts = ["", "", ""]
        var finished = 0
        for try await part in model.generate(sessions, drawn(11, 20)) {
            texts[part.index] += part.event.text
            if case .finish = part.event { finished += 1 }
        }
        XCTAssertEqual(finished, 3)
        for (i, prompt) in prompts.enumerated() {
            let alone = try await model.complete(prompt, drawn(11, 20))
            XCTAssertEqual(texts[i], alone.text)
        }
        let foreign = try Models.long()
        let other = await failure {
            let other = try foreign.session()
            try other.append([5])
            for try await _ in model.generate([sessions[0], other]) {}
        }
        guard case .invalidArgument? = other else { return XCTFail("\(String(describing: other))") }
        let twice = await failure { for try await _ in model.generate([sessions[0], sessions[0]]) {} }
        guard case .wrongState? = twice else { return XCTFail("\(String(describing: twice))") }
        XCTAssertGreaterThan(try sessions[0].count, 0)
    }

    func testSessionsRunOnTasksOfTheirOwn() async throws {
        let model = try Models.tiny()
        let expected = try await model.complete("The cat", drawn(5, 16)).text
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<4 { group.addTask { try await model.complete("The cat", drawn(5, 16)).text } }
            for try await text in group { XCTAssertEqual(text, expected) }
        }
    }

    func testSamplingIsTypedAndKeyed() async throws {
        let names = Sampling.keys.map(\.name)
        XCTAssertTrue(["temperature", "top_k", "top_p", "min_p", "seed", "repetition_penalty"].allSatisfy(names.contains))
        XCTAssertTrue(["stop", "ban", "order"].allSatisfy(Sampling.listKeys.contains))
        XCTAssertTrue(Sampling.samplers.contains("top_k"))
        var sampling = Sampling(temperature: 0.5, topK: 3, seed: 9)
        XCTAssertEqual(sampling["top_k"], 3)
        sampling["seed"] = -1
        XCTAssertNil(sampling.seed)
        let model = try Models.tiny()
        for (key, value) in [("no_such_key", 1), ("top_p", 7), ("temperature", Double.nan), ("seed", -1)] {
            var sampling = Sampling()
            sampling[key] = value
            let error = await failure { [sampling] in _ = try await model.complete("x", GenerateOptions(maxTokens: 1, sampling: sampling)) }
            guard case .invalidArgument(let sentence)? = error else { return XCTFail("\(key): \(String(describing: error))") }
            XCTAssertTrue(sentence.contains(key), sentence)
        }

        let plain = try await model.complete("The cat", GenerateOptions(maxTokens: 6))
        sampling = .greedy
        sampling.bias[plain.tokens[0].id] = -.infinity
        let biased = try await model.complete("The cat", GenerateOptions(maxTokens: 6, sampling: sampling))
        XCTAssertNotEqual(biased.tokens[0].id, plain.tokens[0].id)
        sampling = .greedy
        sampling.stop = [String(plain.text.dropFirst(2).prefix(2))]
        let stopped = try await model.complete("The cat", GenerateOptions(maxTokens: 60, sampling: sampling))
        XCTAssertEqual(stopped.finish.reason, .stop)
        XCTAssertEqual(stopped.finish.stop, 0)
        XCTAssertTrue(plain.text.hasPrefix(stopped.text), stopped.text)
    }

    func testConstrainedTextsAreWhatTheyMustBe() async throws {
        let model = try Models.long()
        func text(_ constraint: Constraint, _ seed: UInt64) async throws -> String {
            var options = drawn(seed, 300)
            options.constraint = constraint
            let completion = try await model.complete("x", options)
            XCTAssertEqual(completion.finish.reason, .stop)
            return completion.text
        }
        for seed in 0..<4 as Range<UInt64> {
            let chosen = try await text(.choices(["red", "green", "blue"]), seed)
            XCTAssertTrue(["red", "green", "blue"].contains(chosen), chosen)
            let matched = try await text(.regex("[a-f]{3}-[0-9]{2}"), seed)
            XCTAssertEqual(matched.count, 6, matched)
            let grammar = try await text(.grammar("root ::= \"yes\" | \"no\" [!?]"), seed)
            XCTAssertTrue(["yes", "no!", "no?"].contains(grammar), grammar)
        }
        for bad in [
            Constraint.schema(try JSONSchema(parsing: #"{"type": "object", "unevaluatedItems": 3, "$ref": 4}"#)), .regex("(a"),
            .grammar("root ::= nothing"),
        ] {
            let error = await failure {
                var options = drawn(1, 3)
                options.constraint = bad
                _ = try await model.complete("x", options)
            }
            XCTAssertEqual(error?.message.isEmpty, false)
        }
    }
}
