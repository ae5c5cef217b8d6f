"""Invented multi-lingual text for make_*_golden.py: words of many scripts, punctuation and awkward characters."""

SCRIPTS = [  # letters, weight
    ('abcdefghijklmnopqrstuvwxyz', 12), ('ABCDEFGHIJKLMNOPQRSTUVWXYZ', 2), ('àáâäãåçèéêëìíîïñòóôöõùúûüýÿžšđłøæœß', 3),
    ('абвгдежзийклмнопрстуфхцчшщъыьэюя', 4), ('АБВГДЕЖЗИЙЁЇ', 1), ('αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώ', 2),
    ('אבגדהוזחטיכלמנסעפצקרשת', 2), ('ابتثجحخدذرزسشصضطظعغفقكلمنهوي', 2),
    ('कखगघचछजझटठडढतथदधनपफबभमयरलवशषसहािीुूेैोौं्', 2), ('กขคงจฉชซญดตถทธนบปผฝพฟภมยรลวสหอะาิีึืุู่้', 2),
    ('あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほアイウエオカキガギグパピｱｲｳ', 2),
    ('我想在工作中国人民日本語漢字天地玄黃宇宙洪荒', 2), ('가나다라마바사아자차카타파하각난닫한국', 2),
]
PUNCTUATION = '.,;:!?-()[]{}\'"/\\@#$%^&*+=<>|~`_…–—“”‘’«»¿¡。、！？「」・'
ODD = ('\u00a0\u2003\u3000\t\n\r\u200b\u200d\ufeff\u0301\u0308\u0323\u00ad\ufb01\u2460\u00bd\u2122\u3392\uff21\uff11'
       '\uff5e\u0130\u0131\u1e9e\u212b\u2126\ufdfa\u0345\u2581\u0085\u000b\u0007\u0000\ufffd\U0001f999\U0001f600'
       '\U0001f3fd\u2028\ue000\U00020000\U0002f800\U0001d400')
RANGES = [(0x80, 0x17ff), (0x300, 0x36f), (0x1e00, 0x33ff), (0xf900, 0xffff), (0x10000, 0x2ffff)]


def words(rng, count):
    weights = [weight for _, weight in SCRIPTS]
    letters = lambda: rng.choices(SCRIPTS, weights)[0][0]
    word = lambda s: ''.join(rng.choice(s) for _ in range(min(10, 1 + int(rng.expovariate(0.3)))))
    return [word(letters()) for _ in range(count)]


def frequent(rng, lexicon):
    return lexicon[min(len(lexicon) - 1, int(rng.paretovariate(0.6)))]


def sentence(rng, lexicon):
    out = ''
    for _ in range(rng.randint(1, 15)):
        kind = rng.random()
        if kind < 0.8:
            out += frequent(rng, lexicon)
        elif kind < 0.9:
            out += str(rng.randint(0, 10 ** rng.randint(1, 6)))
        else:
            out += rng.choice(PUNCTUATION) * rng.choice([1, 1, 1, 3])
        out += rng.choice([' ', ' ', ' ', ' ', '', '  ', ',', '. '])
    return out


def character(rng):
    kind = rng.random()
    if kind < 0.3:
        return chr(rng.randint(32, 126))
    if kind < 0.5:
        return rng.choice(ODD)
    if kind < 0.6:
        return rng.choice(PUNCTUATION)
    if kind < 0.75:
        return rng.choice(rng.choice(SCRIPTS)[0])
    while True:
        c = rng.randint(*rng.choice(RANGES))
        if not 0xd800 <= c < 0xe000:
            return chr(c)


def wild(rng, lexicon):
    out = ''
    for _ in range(rng.randint(0, 20)):
        kind = rng.random()
        if kind < 0.3:
            out += frequent(rng, lexicon)
        elif kind < 0.5:
            out += character(rng) * rng.choice([1, 1, 2, 5])
        elif kind < 0.55:
            out += ' ' * rng.randint(1, 4)
        else:
            out += character(rng)
    return out
