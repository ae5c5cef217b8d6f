import Foundation
import XCTest

@testable import Hearth

/// The models of the tests, which run.sh names.
enum Models {
    static func path(_ variable: String) throws -> String {
        guard let path = ProcessInfo.processInfo.environment[variable], !path.isEmpty else {
            throw HearthError.notFound("the environment variable \(variable) does not name a model; see bindings/swift/Tests/run.sh")
        }
        return path
    }

    /// Random weights, 512 tokens, a chat template, a context of 512.
    static func tinyPath() throws -> String { try path("HEARTH_TEST_MODEL") }
    static func tiny() throws -> Model { try cached.get() }
    private static let cached = Result { try Model(path: tinyPath()) }

    /// The same with a context of 8192.
    static func long() throws -> Model { try cachedLong.get() }
    private static let cachedLong = Result { try Model(path: path("HEARTH_TEST_LONG_MODEL")) }

    /// An encoder.
    static func bert() throws -> Model { try Model(path: path("HEARTH_TEST_BERT")) }

    /// A model with blocks that predict further tokens, which a bare clone does not have.
    static func predicting() throws -> Model {
        guard let path = try? path("HEARTH_TEST_PREDICTING") else { throw XCTSkip("glm4moe.gguf is not there") }
        return try Model(path: path, predictors: true)
    }

    /// stories260K, which a bare clone does not have.
    static func stories() throws -> Model {
        guard let path = try? path("HEARTH_TEST_STORIES") else { throw XCTSkip("stories260K is not there") }
        return try Model(path: path)
    }
}

/// The error that `body` must throw.
func failure(
    file: StaticString = #filePath, line: UInt = #line, _ body: () async throws -> Void
) async -> HearthError? {
    do {
        try await body()
        XCTFail("expected an error", file: file, line: line)
    } catch let error as HearthError {
        return error
    } catch {
        XCTFail("expected a HearthError, not \(error)", file: file, line: line)
    }
    return nil
}

/// Hermes' way of writing calls.
let hermes = """
    {%- if tools %}<|im_start|>system
    Tools: {% for tool in tools %}{{ tool | tojson }}
    {% endfor %}For each call return <tool_call>
    {"name": <function-name>, "arguments": <args-json-object>}
    </tool_call><|im_end|>
    {% endif %}{%- for m in messages %}<|im_start|>{{ m.role }}
    {%- if m.role == "tool" %}<tool_response>{{ m.content }}</tool_response>{% else %}{{ m.content }}{% endif %}
    {%- for call in m.tool_calls or [] %}<tool_call>
    {"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
    </tool_call>{% endfor %}<|im_end|>
    {% endfor %}{%- if add_generation_prompt %}<|im_start|>assistant
    {% endif %}
    """

func drawn(_ seed: UInt64, _ tokens: Int) -> GenerateOptions {
    GenerateOptions(maxTokens: tokens, sampling: Sampling(temperature: 1, topK: 0, topP: 1, minP: 0, seed: seed))
}
