#!/usr/bin/env python3
"""Writes tests/golden/text/ugm_*.json: unigram vocabularies trained on invented text by SentencePiece, with texts and
their ids (without EOS).   pip install sentencepiece tokenizers protobuf

Among segmentations of equal score SentencePiece chooses by rounding; there the ids are those of Hugging Face's
`tokenizers`, which sums in double precision. Everywhere else both must agree.

usage: make_ugm_golden.py OUTPUT_FOLDER
"""
import base64
import fractions
import json
import pathlib
import random
import re
import struct
import sys
import tempfile
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, models

import random_text

USER_DEFINED = ['<sep>', '<a b>', 'xyzzy', '～']


def write_rules(rng, path):
    """A part of NFKC and some rules with white space, deletions and several characters, small enough for a clone."""
    rules = {'\u200b': '', '\u0007': '', '\t': ' ', '\n': ' ', '\r\n': ' ', '\u3000': ' ', '\u00a0': ' ', '...': '…',
             '\u2028': '  ', 'ab\u0301': ' x ', '\u00bd': ' 1/2', 'ss\u0308': 's \u00df', '\ufdfa': 'صلى الله عليه وسلم'}
    for c in rng.sample(range(0xc0, 0x2000), 250) + list(range(0xff01, 0xff5f)) + rng.sample(range(0x2100, 0x3400), 60):
        composed, decomposed = (unicodedata.normalize(form, chr(c)) for form in ('NFKC', 'NFKD'))
        if composed != chr(c):
            rules[chr(c)] = composed
        elif decomposed != chr(c):
            rules[decomposed] = chr(c)
    spell = lambda s: ' '.join(f'{ord(c):X}' for c in s)
    path.write_text(''.join(f'{spell(k)}\t{spell(v)}\n' for k, v in sorted(rules.items())))


def single(x):
    """The shortest decimal that reads back as the same single-precision number."""
    return next(y for y in (float(f'{x:.{n}g}') for n in range(1, 10)) if struct.pack('f', y) == struct.pack('f', x))


def make(rng, folder, rules, byte_fallback, prefix, remove, user_defined):
    lexicon = random_text.words(rng, 800)
    training = dict(normalization_rule_name='identity')
    if rules:
        write_rules(rng, folder / 'rules.tsv')
        training = dict(normalization_rule_tsv=str(folder / 'rules.tsv'))
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(random_text.sentence(rng, lexicon).replace('\0', '') for _ in range(3000)),
        model_prefix=str(folder / 'm'), model_type='unigram', vocab_size=1000 if byte_fallback else 800,
        byte_fallback=byte_fallback, add_dummy_prefix=prefix, remove_extra_whitespaces=remove, minloglevel=2,
        user_defined_symbols=user_defined, character_coverage=0.98, hard_vocab_limit=False, **training)
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString((folder / 'm.model').read_bytes())
    engine = sentencepiece.SentencePieceProcessor(model_file=str(folder / 'm.model'))
    pieces = [p.piece for p in model.pieces]
    scores = [p.score for p in model.pieces]
    unknown = engine.unk_id()
    # The other package would find the names of control tokens in text: there they get names that no text has.
    named = [f'\U0010fffd{i}' if engine.is_control(i) else p for i, p in enumerate(pieces)]
    second = Tokenizer(models.Unigram([(p, 0.0 if p in user_defined else s) for p, s in zip(named, scores)],
                                      unk_id=unknown, byte_fallback=byte_fallback))
    total = lambda ids: sum(fractions.Fraction(scores[i]) for i in ids)

    def encode(part):
        first = engine.encode(part)
        if part in ('<0x41>', '<unk>'):  # nor may these be renamed
            return first
        normal = engine.normalize(part)
        other = second.encode(normal, add_special_tokens=False).ids if normal else []
        assert first == other or total(first) == total(other), part
        return other

    def encode_all(text):  # user-defined tokens cut the raw text
        splitter = '|'.join(map(re.escape, user_defined)) or '(?!)'
        parts = re.split(f'({splitter})', text)
        return [i for p in parts if p for i in ([engine.piece_to_id(p)] if p in user_defined else encode(p))]

    texts = [(random_text.wild if i % 3 else random_text.sentence)(rng, lexicon) for i in range(90)]
    for i in range(0, len(texts), 4) if user_defined else []:
        at = rng.randint(0, len(texts[i]))
        texts[i] = texts[i][:at] + rng.choice(user_defined + ['＜ｓｅｐ＞', 'ｘｙｚｚｙ']) + texts[i][at:]
    texts += ['', ' ', '   ', '\u2581', '\u2581 a', 'a \u2581', '\u0007', 'a\u0007 ', 'aaaaaaa', '-' * 40, 'ab\u0301ab\u0301',
              '\u2028\u2028 x\u2028', '\u00bd \u00bd\u00bd', '....', 'ｆｕｌｌ　ｗｉｄｔｈ', '<0x41>', '<unk>', '<s></s>']
    cases = []
    for text in texts:
        ids = encode_all(text)
        case = {'text': text, 'ids': ids}
        if unknown not in ids and not text.lstrip().startswith('\u2581'):  # SentencePiece takes that letter for a space
            case['decoded'] = engine.decode(ids)
        cases.append(case)
    metadata = {
        'tokenizer.ggml.model': 't5',
        'tokenizer.ggml.tokens': pieces,
        'tokenizer.ggml.scores': [single(s) for s in scores],
        'tokenizer.ggml.token_type': [p.type for p in model.pieces],
        'tokenizer.ggml.unknown_token_id': unknown,
        'tokenizer.ggml.eos_token_id': engine.eos_id(),
        'tokenizer.ggml.add_space_prefix': prefix,
        'tokenizer.ggml.remove_extra_whitespaces': remove,
    }
    charsmap = base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()
    return {'metadata': metadata, 'charsmap': charsmap, 'cases': cases}


def main():
    folder = pathlib.Path(sys.argv[1])
    variants = [('plain', True, False, True, True, []), ('bytes', True, True, False, True, USER_DEFINED),
                ('raw', False, False, False, False, USER_DEFINED), ('spaces', True, True, True, False, [])]
    for seed, (name, *options) in enumerate(variants):
        with tempfile.TemporaryDirectory() as scratch:
            golden = make(random.Random(200 + seed), pathlib.Path(scratch), *options)
        (folder / f'ugm_{name}.json').write_text(json.dumps(golden, separators=(',', ':'), ensure_ascii=False) + '\n',
                                                 encoding='utf-8')


if __name__ == '__main__':
    main()
