import Foundation
import XCTest

@testable import Hearth

final class SessionTests: XCTestCase {
    func testTokensAreAppendedCutAndReplaced() async throws {
        let session = try Models.tiny().session(Session.Options(context: 64))
        XCTAssertEqual(session.context, 64)
        XCTAssertEqual(try session.count, 0)
        let empty = await failure { _ = try await session.logits() }
        guard case .wrongState? = empty else { return XCTFail("\(String(describing: empty))") }
        try session.append("The cat")
        let first = try session.tokens
        try session.append([10, 11])
        XCTAssertEqual(try session.tokens, first + [10, 11])
        try session.replace(first.count..<first.count + 1, with: [12, 13])
        XCTAssertEqual(try session.tokens, first + [12, 13, 11])
        try session.truncate(to: first.count)
        XCTAssertEqual(try session.tokens, first)
        for bad in [
            await failure { try session.append([Token](repeating: 5, count: 64)) },
            await failure { try session.append([512]) },
            await failure { try session.truncate(to: 1000) },
            await failure { try session.truncate(to: -1) },
            await failure { try session.replace(0..<100, with: []) },
        ] {
            guard case .outOfRange? = bad else { return XCTFail("\(String(describing: bad))") }
        }
        XCTAssertEqual(try session.tokens, first)
    }

    func testLogitsAreTheSameBitsHoweverTheyAreComputed() async throws {
        let model = try Models.tiny()
        let tokens: [Token] = [1, 20, 30, 40, 50, 60, 70]
        let whole = try model.session()
        try whole.append(tokens)
        let all = try await whole.pendingLogits()
        XCTAssertEqual(all.count, tokens.count)
        XCTAssertEqual(all[0].count, 512)
        let steps = try model.session(Session.Options(chunk: 1))
        for (i, token) in tokens.enumerated() {
            try steps.append([token])
            let logits = try await steps.logits()
            XCTAssertEqual(logits.map(\.bitPattern), all[i].map(\.bitPattern))
        }
        XCTAssertGreaterThan(try steps.memory, 0)
    }

    func testSavedSessionsGoOnToTheBit() async throws {
        let model = try Models.tiny()
        let session = try model.session()
        try session.append("Once upon a time")
        _ = try await session.complete(drawn(1, 8))
        let data = try await session.save()
        let expected = try await session.complete(drawn(2, 16))
        let restored = try model.session()
        try await restored.restore(data)
        let got = try await restored.complete(drawn(2, 16))
        XCTAssertEqual(got.tokens, expected.tokens)

        let path = FileManager.default.temporaryDirectory.appendingPathComponent("session-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await restored.save(to: path)
        let other = try model.session()
        try await other.restore(from: path)
        XCTAssertEqual(try other.tokens, try restored.tokens)

        var damaged = data
        damaged[damaged.count / 2] ^= 1
        let tokens = try other.tokens
        for bad in [damaged, data.prefix(data.count - 1), Data(), Data("nothing".utf8)] {
            let error = await failure { try await other.restore(bad) }
            guard case .badFormat? = error else { return XCTFail("\(String(describing: error))") }
        }
        XCTAssertEqual(try other.tokens, tokens)
        let q8 = try model.session(Session.Options(cache: .q8))
        let kind = await failure { try await q8.restore(data) }
        guard case .wrongState? = kind else { return XCTFail("\(String(describing: kind))") }
    }

    func testForksGoOnAlone() async throws {
        let model = try Models.tiny()
        let session = try model.session()
        try session.append("The cat")
        try await session.evaluate()
        let fork = try session.fork()
        let one = try await fork.complete(drawn(5, 10))
        let two = try await session.complete(drawn(5, 10))
        XCTAssertEqual(one.tokens, two.tokens)
        XCTAssertEqual(two.finish.reusedTokens, one.finish.reusedTokens)
    }

    func testStoresKeepWhatOthersBeginWith() async throws {
        let model = try Models.tiny()
        let store = try PrefixStore(PrefixStore.Options(memoryBytes: 1 << 24))
        let prompt = (0..<100).map { Token(10 + $0) }
        var logits: [[Float]] = []
        for _ in 0..<2 {
            let session = try model.session()
            try session.use(store)
            try session.append(prompt)
            logits.append(try await session.logits())
        }
        XCTAssertEqual(logits[0].count, 512)
        XCTAssertEqual(logits[0], logits[1])
        let statistics = try store.statistics()
        XCTAssertEqual(statistics.lookups, 2)
        XCTAssertGreaterThan(statistics.foundTokens, 0)
        try store.clear()
        XCTAssertEqual(try store.statistics().bytes, 0)
    }

    func testAdaptersChangeASessionAndGoAgain() async throws {
        let model = try Models.tiny()
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("mood-\(UUID()).gguf").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await Adapter.trainControlVector([([1, 20, 30], [1, 40, 50]), ([1, 60], [1, 70])], model: model, to: path)
        let adapter = try Adapter(model: model, path: path)
        XCTAssertEqual(adapter.kind, .control)
        XCTAssertGreaterThan(adapter.parts, 0)
        let session = try model.session()
        try session.append([1, 20, 30])
        let plain = try await session.logits()
        try session.attach(adapter, scale: 4)
        let changed = try await session.logits()
        let attached = try session.adapters
        XCTAssertEqual(attached.map(\.scale), [4])
        XCTAssertEqual(attached.map(\.adapter.path), [adapter.path])
        XCTAssertEqual(plain.count, 512)
        XCTAssertNotEqual(plain, changed)
        try session.detach(adapter)
        XCTAssertTrue(try session.adapters.isEmpty)
        let again = try await session.logits()
        XCTAssertEqual(plain, again)
        let twice = await failure { try session.detach(adapter) }
        guard case .notFound? = twice else { return XCTFail("\(String(describing: twice))") }
        let foreign = await failure { try Model(path: Models.tinyPath()).session().attach(adapter) }
        guard case .invalidArgument? = foreign else { return XCTFail("\(String(describing: foreign))") }
    }

    func testThingsGoInAnyOrder() async throws {
        var model: Model? = try Model(path: Models.tinyPath(), runtime: Runtime(Runtime.Options(threads: 1)))
        var session: Session? = try model?.session()
        let decoder = try model.map { try StreamDecoder($0.tokenizer) }
        weak var gone = model
        model = nil
        try session?.append("The cat")
        var stream = session?.generate(drawn(1, 4))
        let tokenizer = session?.model.tokenizer
        session = nil
        var text = ""
        if let running = stream { for try await event in running { text += event.text } }
        stream = nil
        // The queue that computed may hold it for a moment.
        for _ in 0..<500 where gone != nil { try await Task.sleep(for: .milliseconds(10)) }
        XCTAssertNil(gone, "nothing keeps the model but what needs it")
        XCTAssertEqual(try tokenizer?.encode("The cat").isEmpty, false)
        XCTAssertEqual(try decoder?.push(40).isEmpty, false)
    }
}
