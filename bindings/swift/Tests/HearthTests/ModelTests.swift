import Foundation
import XCTest

@testable import Hearth

final class ModelTests: XCTestCase {
    func testErrorsHaveStatusAndSentence() async throws {
        let missing = await failure { _ = try Model(path: "/no/such/model.gguf") }
        guard case .notFound(let sentence)? = missing else { return XCTFail("\(String(describing: missing))") }
        XCTAssertTrue(sentence.contains("/no/such/model.gguf"), sentence)
        XCTAssertEqual(missing?.status, 13)
        XCTAssertEqual(missing?.name, "HEARTH_ENOTFOUND")
        XCTAssertEqual(missing?.localizedDescription, sentence)

        let broken = await failure { _ = try Model(data: Data("not a model".utf8)) }
        guard case .badFormat? = broken else { return XCTFail("\(String(describing: broken))") }
        let empty = await failure { _ = try Model(data: Data()) }
        XCTAssertNotNil(empty)
        let zero = await failure { _ = try Model(path: "a\0b") }
        guard case .invalidArgument? = zero else { return XCTFail("\(String(describing: zero))") }
        let isa = await failure { _ = try Runtime(Runtime.Options(instructionSet: "abacus")) }
        XCTAssertTrue(isa?.message.contains("abacus") == true, "\(String(describing: isa))")
        let threads = await failure { _ = try Runtime(Runtime.Options(threads: -1)) }
        guard case .invalidArgument? = threads else { return XCTFail("\(String(describing: threads))") }
    }

    func testRuntimesHaveABudgetAndALog() async throws {
        let messages = Locked<[String]>([])
        let runtime = try Runtime(
            Runtime.Options(threads: 2, memoryBudget: 1 << 20) { level, text in messages.withLock { $0.append("\(level) \(text)") } })
        XCTAssertEqual(runtime.threads, 2)
        XCTAssertTrue(Runtime.instructionSets.contains { $0.name == runtime.instructionSet && $0.available })
        XCTAssertFalse(Runtime.libraryVersion.isEmpty)
        let refused = await failure { _ = try Model(path: Models.tinyPath(), runtime: runtime) }
        guard case .overBudget? = refused else { return XCTFail("\(String(describing: refused))") }
        XCTAssertGreaterThan(try runtime.measureStream(bytes: 1 << 20, rounds: 1), 0)
    }

    func testModelsTellWhatTheyAre() async throws {
        let model = try Models.tiny()
        XCTAssertEqual(model.vocabularySize, 512)
        XCTAssertEqual(model.contextLength, 512)
        XCTAssertGreaterThan(model.weightBytes, 1 << 20)
        XCTAssertEqual(try model.inspect()["architecture"]?.string, "llama")
        XCTAssertEqual(try Runtime.shared().inspect(path: Models.tinyPath())["supported"]?.bool, true)
        let data = try Data(contentsOf: URL(fileURLWithPath: Models.tinyPath()))
        XCTAssertEqual(try Runtime.shared().inspect(data: data)["parameters"], try model.inspect()["parameters"])
        XCTAssertEqual(try model.metadata("general.architecture"), "llama")
        XCTAssertNil(try model.metadata("no.such.key"))
        let digest = try await model.digest()
        XCTAssertEqual(digest.count, 16)
        XCTAssertTrue(try model.embeddingInfo().generates)
    }

    func testLoadingReportsProgressAndCanBeStopped() async throws {
        let last = Locked(0.0)
        let model = try await Model.load(path: Models.tinyPath()) { progress in last.withLock { $0 = progress.fraction } }
        XCTAssertEqual(model.vocabularySize, 512)
        XCTAssertEqual(last.withLock { $0 }, 1)

        let stopped = await failure { _ = try Model(path: Models.tinyPath()) { _ in false } }
        guard case .cancelled? = stopped else { return XCTFail("\(String(describing: stopped))") }
        let path = try Models.tinyPath()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await Model.load(path: path)
        }
        do {
            _ = try await task.value
            XCTFail("a cancelled task has loaded a model")
        } catch {
            XCTAssertTrue(error is CancellationError, "\(error)")
        }
    }

    private struct Reader: ModelReader {
        struct Gone: Error {}
        let data: Data
        var breaks = false
        var size: UInt64 { UInt64(data.count) }
        func read(offset: UInt64, into destination: UnsafeMutableRawBufferPointer) throws {
            if breaks, offset > 0 { throw Gone() }
            guard let from = Int(exactly: offset), from + destination.count <= data.count else { throw Gone() }
            data.copyBytes(to: destination, from: from..<from + destination.count)
        }
    }

    func testModelsComeFromMemoryAndReaders() async throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Models.tinyPath()))
        let expected = try await Models.tiny().complete("The cat", drawn(3, 12))
        for model in [try Model(data: data), try Model(reader: Reader(data: data))] {
            let got = try await model.complete("The cat", drawn(3, 12))
            XCTAssertEqual(got.text, expected.text)
            XCTAssertEqual(got.tokens, expected.tokens)
        }
        XCTAssertThrowsError(try Model(reader: Reader(data: data, breaks: true))) { XCTAssertTrue($0 is Reader.Gone, "\($0)") }
    }

    func testPackedModelsRunAsTheirOriginals() async throws {
        let packed = FileManager.default.temporaryDirectory.appendingPathComponent("packed-\(UUID()).gguf").path
        defer { try? FileManager.default.removeItem(atPath: packed) }
        try await Model.pack(path: Models.tinyPath(), to: packed)
        let expected = try await Models.tiny().complete("The cat", drawn(4, 12))
        let got = try await Model(path: packed).complete("The cat", drawn(4, 12))
        XCTAssertEqual(got.tokens, expected.tokens)
    }

    func testTextBecomesTokensAndTextAgain() async throws {
        let tokenizer = try Models.tiny().tokenizer
        XCTAssertEqual(tokenizer.count, 512)
        for text in ["The cat sat. Über 🙂 \0 end", "", "   ", String(repeating: "word ", count: 300)] {
            let tokens = try tokenizer.encode(text, addSpecial: false)
            let decoded = try tokenizer.decode(tokens)  // this vocabulary begins texts with a space
            XCTAssertTrue(decoded == text || decoded == " " + text, decoded)
            let decoder = try StreamDecoder(tokenizer)
            let streamed = try tokens.map(decoder.push).joined() + decoder.flush()
            XCTAssertTrue(streamed == decoded || streamed == " " + decoded, streamed)
        }
        let bos = try XCTUnwrap(tokenizer.special(.beginOfSequence))
        XCTAssertEqual(try tokenizer.encode("x").first, bos)
        XCTAssertNil(tokenizer.find("no such token at all"))
        let end = try XCTUnwrap(tokenizer.special(.endOfSequence))
        XCTAssertTrue(tokenizer.endsGeneration(end))
        XCTAssertEqual(try Tokenizer(path: Models.tinyPath()).encode("The cat"), try tokenizer.encode("The cat"))
        let outside = await failure { _ = try tokenizer.piece(512) }
        guard case .outOfRange? = outside else { return XCTFail("\(String(describing: outside))") }
        XCTAssertNotNil(try tokenizer.chatTemplate())
        XCTAssertNil(try tokenizer.chatTemplate("no_such_template"))
        XCTAssertTrue(Tokenizer.chatDialects.contains("hermes"))
        let input: JSONValue = ["messages": [["role": "user", "content": "Hi <|im_end|>"]]]
        XCTAssertEqual(try tokenizer.renderChat(input, template: "{{ messages[0].content }}"), "Hi <|im_end|>")
        let template = await failure { _ = try tokenizer.renderChat(input, template: "{{ nonsense( }}") }
        guard case .badFormat? = template else { return XCTFail("\(String(describing: template))") }
    }

    func testEmbeddingsHaveTheirShapes() async throws {
        let model = try Models.bert()
        let info = try model.embeddingInfo()
        XCTAssertFalse(info.generates)
        var options = EmbedOptions(pooling: .mean, normalize: true)
        let done = Locked(0)
        options.progress = { now, _ in done.withLock { $0 = now } }
        let sequences: [[Token]] = [[5, 6, 7], [8], [9, 10, 11, 12, 13]]
        let together = try await model.embed(tokens: sequences, options)
        XCTAssertEqual(together.map(\.count), [info.width, info.width, info.width])
        XCTAssertEqual(done.withLock { $0 }, 3)
        for (i, sequence) in sequences.enumerated() {
            let alone = try await model.embed(tokens: [sequence], options)
            XCTAssertEqual(alone, [together[i]])
            XCTAssertEqual(together[i].reduce(0) { $0 + $1 * $1 }, 1, accuracy: 1e-5)
        }
        options.dimensions = 4
        let short = try await model.embed(tokens: sequences, options)
        XCTAssertEqual(short.map(\.count), [4, 4, 4])
        let each = try await model.embedEachToken(sequences)
        XCTAssertEqual(each.map(\.count), [3, 1, 5])
        XCTAssertEqual(each[2][4].count, info.tokenWidth)
        let texts = try await Models.tiny().embed(["a cat", "a dog", "a cat"], EmbedOptions(pooling: .mean))
        XCTAssertEqual(texts[0], texts[2])
        XCTAssertNotEqual(texts[0], texts[1])
        let none = try await model.embed(tokens: [])
        XCTAssertEqual(none, [])
        let empty = await failure { _ = try await model.embed(tokens: [[]]) }
        guard case .invalidArgument? = empty else { return XCTFail("\(String(describing: empty))") }
        let rerank = await failure { _ = try await Models.tiny().rerank("query", documents: ["one", "two"]) }
        guard case .invalidArgument(let sentence)? = rerank else { return XCTFail("\(String(describing: rerank))") }
        XCTAssertTrue(sentence.contains("reranker"), sentence)
        let session = await failure { _ = try model.session() }
        XCTAssertNotNil(session)
    }
}
