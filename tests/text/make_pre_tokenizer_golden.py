"""Writes tests/golden/text/pre_tokenizers.json: how the Hugging Face `tokenizers` package, whose regex engine is
Oniguruma, splits random Unicode text by the patterns that the models' own tokenizer.json files contain.

    python make_pre_tokenizer_golden.py [--seed N] [--texts N] OUTPUT      (pip install tokenizers)

The patterns stand here as those files spell them; src/text/pre_tokenizers.inc may spell the same differently.
"""

import argparse
import json
import random
import unicodedata

from tokenizers import Regex
from tokenizers.pre_tokenizers import Sequence, Split

CI = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
LEAD = r"[^\r\n\p{L}\p{N}]?"
UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
PUNCTUATED = r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+"


def cased(end):
    return LEAD + UPPER + "*" + LOWER + "+" + end + "|" + LEAD + UPPER + "+" + LOWER + "*" + end


CJK_DEEPSEEK3 = "[一-龥\u3040-ゟ゠-ヿ]+"
CJK_DEEPSEEK = "[一-龥ࠀ-一가-\ud7ff]+"
# Cased letters of Unicode 11 without those of scripts that the model's authors left out.
LETTERS = (
    r"A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝ\x{1f5f}-\x{1f7d}ᾀ-ᾴᾶ-ᾼ\x{1fbe}ῂ-ῄῆ-ῌ\x{1fd0}-\x{1fd3}\x{1fd6}-\x{1fdb}ῠ-Ῥῲ-ῴῶ-ῼ"
    r"ℂℇℊ-ℓℕℙ-ℝℤ\x{2126}ℨ\x{212a}-\x{212d}ℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"
)
BLOOM = r" ?[^(\s|.,!?…。，、।۔،)]+"
HAN_LESS_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]"
HAN_LESS_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]"

# One tokenizer.ggml.pre of each kind.
PATTERNS = {
    "gpt-2": [GPT2],
    "llama-bpe": [CI + "|" + LEAD + r"\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES],
    "qwen2": [CI + "|" + LEAD + r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES],
    "qwen35": [CI + "|" + LEAD + r"[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + SPACES],
    "tekken": [cased("") + r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES],
    "gpt-4o": [cased(CI + "?") + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES],
    "deepseek-v3": [r"\p{N}{1,3}", CJK_DEEPSEEK3, PUNCTUATED + r"[\r\n]*|" + SPACES],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CJK_DEEPSEEK, r"\p{N}"],
    "deepseek-llm": [r"[\r\n]", r"\s?[" + LETTERS + "]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", CJK_DEEPSEEK, r"\p{N}+"],
    "starcoder": [r"\p{N}", GPT2],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, r"[0-9][0-9][0-9]"],
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", r"[0-9][0-9][0-9]"],
    "bloom": [BLOOM],
    "viking": [BLOOM, r"\p{N}"],
    "gemma4": [r"[^\n]+|[\n]+"],
    "whitespace": [r"\S+"],
    "youtu": [
        "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥\u3040-ゟ゠-ヿ]+",
        cased(CI + "?") + r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES,
    ],
    "bailingmoe": [
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
    ],
    "seed-coder": [CI + "|" + LEAD + r"\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}" + "\r\n" + "]+|" + SPACES],
    "laguna": [r"[^\n]+|[\n]+", CI + "|" + LEAD + r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES],
    "minicpm5": [r"\p{N}{1,3}", CI + "|" + LEAD + r"\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES],
    "jais-2": [
        CI
        + "|"
        + LEAD
        + r"\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
        + "".join(r"\s{%d}(?!\S)|" % n for n in (512, 256, 128, 64, 32, 16, 8, 4))
        + r"\s{1,2}(?!\S)|\s{1}"
    ],
    "kimi-k2": [
        r"[\p{Han}]+|"
        + LEAD + HAN_LESS_UPPER + "*" + HAN_LESS_LOWER + "+" + CI + "?|"
        + LEAD + HAN_LESS_UPPER + "+" + HAN_LESS_LOWER + "*" + CI + "?|"
        + r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES
    ],
    "exaone-moe": [
        CI + "|" + LEAD + r"(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"
    ],
    "spark2_5": [r"\p{N}{1,3}", CJK_DEEPSEEK3, PUNCTUATED + r"|[\r\n]|\s+(?!\S)|\s+", r"\p{N}"],
    "ufakzeka": [LEAD + r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES],
    "tiny_aya": [r"\d{1,3}(?=(?:\d{3})*\b)", cased(CI + "?") + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES],
    "superbpe": [r"\p{N}+", r"(?=(\d{3})+(?!\d))"],
    "chameleon": [
        "<sentinel:[0-9]+>",
        "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
        r"([\t\n]|    |  )",
        r"\p{N}",
        r"[\p{P}!-/:-@\[-`{-~]",
        GPT2,
    ],
}

FRAGMENTS = (
    "'s 'S 'T 'Ll 'LL 'rE 've 'D 'm 'ſ 'K 's's don't I'M we'Re 1234567 12 3.14159 0x1F ½ Ⅷ ٣٤٥ 七 ßẞ ǅ ʰ "
    "http://a.b/c?d=e#f // /* */ -> => :: ``` $x $$ € ` ^ ~| <sentinel:12> IMGIMGABCZ ... …。，، ！？ 、「」 camelCase HTMLParser "
    "SNAKE_CASE ÀÉÎ ñandú Ωmega кириллица עברית العربية हिन्दी ไทย ភាសា 中文字符 漢字かな カタカナ 한국어 ㄱㄴ ㄅㄆ 々〆 👍🏽 👩‍👩‍👧‍👦 🇩🇪 e\u0301 a\u0300\u0301 ﬁ ﬆ"
).split(" ")
BLANKS = [
    " ", " ", " ", " ", "  ", "   ", "    ", "\t", "\n", "\n\n", "\r\n", "\r", " \n", "\n ", " \r\n\t ", "\xa0", "\x85",
    "\u2028", "\u2029", "\u200b", "\u200d", "\u202f", "\u3000", "\u1680", "\u180e", "\ufeff", "\x0b", "\x0c", "\x1c"
]
RANGES = [
    (0x21, 0x7E), (0x61, 0x7A), (0x41, 0x5A), (0x30, 0x39), (0x80, 0x24F), (0x250, 0x36F), (0x370, 0x52F), (0x530, 0x6FF),
    (0x900, 0xDFF), (0xE00, 0x109F), (0x10A0, 0x13FF), (0x16A0, 0x1CFF), (0x1D00, 0x1FFF), (0x2000, 0x2BFF),
    (0x2C00, 0x2FFF), (0x3000, 0x31FF), (0x4E00, 0x9FFF), (0xA000, 0xABFF), (0xAC00, 0xD7FF), (0xE000, 0xE0FF),
    (0xF900, 0xFFEF), (0x10000, 0x107FF), (0x10800, 0x11FFF), (0x1D400, 0x1D7FF), (0x1E800, 0x1EFFF), (0x1F000, 0x1FAFF),
    (0x20000, 0x200FF), (0xE0020, 0xE007F),
]


def assigned(c):
    """Characters of Unicode 14 and earlier: regex engines differ in later ones."""
    return unicodedata.category(chr(c)) not in ("Cn", "Cs")


def random_text(rng, length):
    out = []
    while sum(map(len, out)) < length:
        kind = rng.random()
        if kind < 0.3:
            out.append(rng.choice(FRAGMENTS))
        elif kind < 0.4:
            out.append("".join(rng.choice("0123456789٣½一_a") for _ in range(rng.randint(1, 9))))
        elif kind < 0.7:
            out.append(rng.choice(BLANKS))
        else:
            first, last = rng.choice(RANGES)
            for _ in range(rng.randint(1, 4)):
                c = rng.randint(first, last)
                if assigned(c):
                    out.append(chr(c))
    return "".join(out)


def split_lengths(patterns, text):
    """Bytes of each word."""
    pre = Sequence([Split(Regex(p), "isolated") for p in patterns])
    return [len(word.encode()) for word, _ in pre.pre_tokenize_str(text)]


def main():
    args = argparse.ArgumentParser()
    args.add_argument("output")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--texts", type=int, default=60)
    args.add_argument("--length", type=int, default=50)
    args = args.parse_args()
    rng = random.Random(args.seed)
    texts = [random_text(rng, rng.randint(1, 2 * args.length)) for _ in range(args.texts)]
    words = {name: [split_lengths(patterns, t) for t in texts] for name, patterns in PATTERNS.items()}
    with open(args.output, "w", encoding="utf-8", newline="\n") as f:
        f.write('{"source": "Hugging Face tokenizers %s",\n' % __import__("tokenizers").__version__)
        f.write('"texts": ' + json.dumps(texts) + ',\n"word_bytes": {\n')
        f.write(",\n".join(json.dumps(n) + ": " + json.dumps(w, separators=(",", ":")) for n, w in words.items()))
        f.write("\n}}\n")


if __name__ == "__main__":
    main()
