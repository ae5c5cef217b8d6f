import Foundation
import XCTest

@testable import Hearth

final class SchemaTests: XCTestCase {
    func testJSONKeepsItsOrderAndItsValues() throws {
        let text = #"{"z":1,"a":[true,false,null,-2.5,"q\"\\\n\u0001é🙂"],"m":{},"big":9223372036854775807,"e":1e3}"#
        let value = try JSONValue(parsing: " \n" + text + "\t")
        XCTAssertEqual(value.text, text.replacingOccurrences(of: "1e3", with: "1000.0"))
        XCTAssertEqual(try JSONValue(parsing: value.text), value)
        XCTAssertEqual(try JSONValue(parsing: #""\uD83D\uDE42 \ud83d \u00e9""#).string, "🙂 \u{FFFD} é")
        XCTAssertEqual(value["a"]?[3]?.double, -2.5)
        XCTAssertEqual(value["z"]?.int, 1)
        XCTAssertNil(value["a"]?[99])
        let deep = String(repeating: "[", count: 100_000)
        for bad in ["", "{", "[1,]", "01", "1.", "-", "nul", "\"", "\"\\x\"", "\"\u{1}\"", "{\"a\" 1}", "1 2", "1e999", deep, "[1 2]"] {
            XCTAssertThrowsError(try JSONValue(parsing: bad), bad.prefix(20).description) {
                guard case HearthError.badFormat = $0 else { return XCTFail("\($0)") }
            }
        }
        let coded = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        XCTAssertEqual(coded["a"], value["a"])
        XCTAssertEqual(try JSONValue(encoding: ["b": 1, "a": 2]).text, #"{"a":2,"b":1}"#)
        var changed = value
        changed["z"] = nil
        changed["new"] = 5
        XCTAssertEqual(changed["z"], nil)
        XCTAssertEqual(changed["new"]?.int, 5)
    }

    private enum Size: String, Codable, CaseIterable { case small, large }
    private enum Level: Int, Codable, CaseIterable { case low = 1, high = 5 }
    private struct Inner: Codable, Sendable {
        let id: UUID
        let share: Double?
    }
    private struct Order: Codable, Sendable {
        enum CodingKeys: String, CodingKey { case name = "customer", sizes, inner, level, note, counts, small }
        let name: String
        let sizes: [Size]
        let inner: Inner
        let level: Level
        let note: String?
        let counts: [String: Int]
        let small: UInt8
    }
    private struct Even: Codable, SchemaDescribing {
        static let schema = JSONSchema.integer(2...2)
        let value: Int
        init(from decoder: any Decoder) throws {
            value = try decoder.singleValueContainer().decode(Int.self)
            if value % 2 != 0 { throw HearthError.invalidArgument("odd") }
        }
    }
    private struct Pair: Codable { let first: Even; let others: [Even] }
    private struct Tree: Codable { let children: [Tree] }
    private enum Letter: String, Codable { case a, b }

    func testSchemasComeFromTypes() throws {
        let schema = try JSONSchema(of: Order.self)
        XCTAssertEqual(
            schema.value["required"], ["customer", "sizes", "inner", "level", "counts", "small"], schema.text)
        let members = schema.value["properties"]
        XCTAssertEqual(members?["customer"], ["type": "string"])
        XCTAssertEqual(members?["sizes"], ["type": "array", "items": ["type": "string", "enum": ["small", "large"]]])
        XCTAssertEqual(members?["level"], ["enum": [1, 5]])
        XCTAssertEqual(members?["counts"], ["type": "object", "additionalProperties": ["type": "integer"]])
        XCTAssertEqual(members?["small"], ["type": "integer", "minimum": 0, "maximum": 255])
        XCTAssertEqual(members?["inner"]?["required"], ["id"])
        XCTAssertEqual(try JSONSchema(of: Pair.self).value["properties"]?["first"]?["minimum"], 2)
        XCTAssertEqual(try JSONSchema(of: [Bool].self), .array(of: .boolean))
        XCTAssertEqual(try JSONSchema(of: Int?.self), .integer().nullable)
        for refused in [{ try JSONSchema(of: Tree.self) }, { try JSONSchema(of: Letter.self) }, { try JSONSchema(of: Data.self) }] {
            XCTAssertThrowsError(try refused()) {
                guard case HearthError.unsupported(let sentence) = $0 else { return XCTFail("\($0)") }
                XCTAssertTrue(sentence.contains("SchemaDescribing"), sentence)
            }
        }
    }

    private struct Person: Codable, Sendable, Equatable {
        let name: String
        let age: Int
        let pets: [String]?
    }
    private struct Short: Codable, Sendable { let size: Size; let level: Level; let ok: Bool }

    func testAnswersAreValuesOfTypes() async throws {
        let model = try Models.long()
        let schema = JSONSchema.object(
            [
                "name": .string(minLength: 1, maxLength: 8), "age": .integer(0...150),
                "pets": .array(of: .oneOf(["cat", "dog"]), count: 0...2),
            ], optional: ["pets"])
        for seed in 0..<4 as Range<UInt64> {
            let person = try await model.generate("A person: ", as: Person.self, schema: schema, drawn(seed, 400))
            XCTAssertTrue((1...8).contains(person.name.unicodeScalars.count), person.name)
            XCTAssertTrue((0...150).contains(person.age))
            XCTAssertTrue((person.pets ?? []).allSatisfy { ["cat", "dog"].contains($0) })
            let short = try await model.generate("An order: ", as: Short.self, drawn(seed, 400))
            XCTAssertTrue(Size.allCases.contains(short.size))
        }
        let cut = await failure { _ = try await model.generate("A person: ", as: Person.self, schema: schema, drawn(1, 3)) }
        guard case .outOfRange(let sentence)? = cut else { return XCTFail("\(String(describing: cut))") }
        XCTAssertTrue(sentence.contains("Person"), sentence)
    }
}
