"""make_hf_splits_golden.py: writes tests/golden/text/hf_splits.json, the pieces into which the `tokenizers` package splits texts by the
regular expressions of tokenizer.json files: those of known models, and every construct that Oniguruma and PCRE2 read differently.

Needs tokenizers from PyPI."""

import json
from pathlib import Path

from tokenizers import Regex, pre_tokenizers

TEXTS = [
    "Hello world, it's 12345 o'clock!  two\u00a0spaces\n\nlines\r\n\ttabs \n end  ",
    "naïve café cafe\u0301 Ångström ẞß ÀÉ ǅ Σίσυφος русский",
    "漢字かなカナ・々〆ー한국어 العربية ١٢٣ हिन्दी ไทย",
    "x²+y³=¼½¾ ¹ Ⅷ ⅻ ⓐ ª º µ _under_score ‿ ⁀ 1_000",
    "CamelCaseHTTPServer snake_case kebab-case UPPER lower",
    "🙂👩‍👩‍👧 \u180e\u200b\u2028\u2029 a\u0085b \v\f tail",
    "$3.99 ^_^ a+b<c=d>e|f~g`h [x]{y}(z) #1 &c @me \\ / - –—…",
    "aaaa abab ABAB xxxxxx 1234567 foo foo_bar foobar barfoo",
]
MODELS = [
    # cl100k, o200k, Qwen 2, DeepSeek V3, Kimi K2, BLOOM, GPT-NeoX with word boundaries
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r" ?[^(\s|[.,!?…。,、।۔،])]+",
    r"\w+|[^\w\s]+",
    r"\b\w+\b|\B\W",
    r"[^\W\d_]+|\d+|_+",
]
CONSTRUCTS = [
    r"\w", r"\W+", r"[\w-]+", r"[^\w]+", r"[\W\d]+", r"[^\W]+", r"[\p{Word}]+", r"\bfoo\b", r"foo\B", r"\d+", r"\D+", r"[\D]+", r"\s", r"\S+", r"[\S]+", r"[^\S\n]+",
    r"\h+", r"\H+", r"[\H ]+", r"\v", r"\N+", r"\O{2}", r"\R", r"\u0061+", r"[\u0041-\u005a]+", r"\x{6f22}", r"\x61b", r"[\x{3040}-\x{30ff}]+",
    r"[[:alpha:]]+", r"[[:alnum:]_]+", r"[[:digit:]]+", r"[[:punct:]]+", r"[[:^punct:]]+", r"[[:upper:]]+[[:lower:]]*", r"[[:space:]]+", r"[^[:space:]]+",
    r"[[:word:]]+", r"[[:xdigit:]]+", r"[[:cntrl:]]", r"[[:blank:]]+", r"[[:ascii:]]+", r"\p{Punct}+", r"\p{Word}+", r"\p{Alnum}+", r"\p{Letter}+",
    r"\p{^L}+", r"\P{L}+", r"\P{^L}+", r"[\P{L}\n]+", r"\p{Han}+", r"\p{Hiragana}+|\p{Katakana}+", r"\p{Latin}+",
    r"\p{Uppercase_Letter}+", r"\p{LC}+", r"\p{Lu}", r"\p{sc}", r"\p{Emoji}", r"\p{Any}{3}", r"\p{Cyrillic}+|\p{Greek}+|\p{Arabic}+|\p{Thai}+",
    r"[\p{L}&&[^\p{Lu}]]+", r"[a-z&&[^aeiou]&&[^xyz]]+", r"[^a-z&&[a-m]]+", r"[[a-f][x-z]]+", r"[[^a-f]&&[a-z]]+", r"[\w&&[^\d_]]+", r"[^\w&&[^\d]]+", r"[a&&]b?",
    r"[]a]+", r"[a\]\-]+", r"[-a]+", r"[a-]+", r"[&a]+", r"[\b]", r"[^\n]+", r"[\[\]{}()]",
    r"a{,2}b", r"a{2}?b", r"x{1,3}?", r"x{2,3}+", r"(?:ab){2}+", r"x{2}{3}", r"a++", r"x*+\w", r"a{1,2}{2}", r"a{", r"a{x}", r"\{y\}", r"é{2}+|é",
    r"(?i)foo", r"(?i:AB)+", r"a(?i)b|x", r"(a(?i)b|c)d?", r"(?m).+", r"(?m:o.w)", r"(?-i)a", r"(?i-m)b+", r"(?#nothing)a+", r"(?>a+)b?", r"(?<=a)b", r"(?<!\w)a+",
    r"(?<=\W)\w", r"(?<![a-z&&[^a]])b", r"(ab)(ab)?", r"^.", r".$", r"^\w+|\w+$", r"\A.", r"\w+\z", r" ?\p{L}+$", r"a|b&&c", r"\Qa", r"\e|\a|\f",
    r"\#|\-|\ ", r"#", r".", r"foo(?=_)", r"foo(?!_)", r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))",
]


def main():
    # Of each piece the number of characters, as a character from '0' on.
    assert max(map(len, TEXTS)) <= ord("~") - ord("0")
    cases = []
    for pattern in MODELS + CONSTRUCTS:
        splitter = pre_tokenizers.Split(Regex(pattern), "isolated")
        cases.append({"pattern": pattern, "pieces": ["".join(chr(48 + len(piece)) for piece, _ in splitter.pre_tokenize_str(text)) for text in TEXTS]})
    out = Path(__file__).resolve().parents[1] / "golden" / "text" / "hf_splits.json"
    lines = ",\n".join(json.dumps(c, ensure_ascii=True, separators=(",", ":")) for c in cases)
    out.write_text(f'{{"texts": {json.dumps(TEXTS)}, "cases": [\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{len(cases)} patterns, {len(TEXTS)} texts, {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
