"""Words that commands are made of: common ones, and made-up ones so that copying is learned and not the words."""

from pathlib import Path

NOUNS = """apple bread milk coffee tea rice soup salt sugar butter cheese lemon onion potato carrot cake soap towel lamp
table chair window door roof garden fence bicycle car train bus ticket passport wallet key phone camera battery charger
laptop printer paper pencil notebook letter parcel stamp invoice contract report budget meeting lecture exam homework
essay book novel poem song concert guitar piano drum violin film theatre museum gallery park river lake mountain forest
beach island storm snow rain sun moon star planet rocket engine robot sensor cable router server database backup
password doctor dentist pharmacy medicine vitamin gym yoga swimming football tennis chess puzzle game holiday hotel
flight airport luggage tent map compass boat bridge castle tower church market bakery butcher library school kitchen
bathroom bedroom cellar attic ladder hammer nail screw paint brush plant tree rose tomato pumpkin dog cat horse bird
fish rabbit birthday wedding party present candle cookie pizza pasta salad juice water bottle plate spoon fork knife""".split()
ADJECTIVES = """red blue green yellow black white brown purple orange grey old new small big long short quick slow loud
quiet warm cold dry wet clean dirty cheap expensive early late happy sad bright dark heavy light round square sweet sour
fresh empty full broken lost spare second third final weekly yearly secret public northern southern wooden golden
silver upper lower left right soft hard young ancient modern gentle wild""".split()
VERBS = """buy sell bring fetch clean wash paint repair check call visit read write print send cancel book order return
water feed walk move measure count pack unpack open close lock find sort copy scan sign pay renew charge replace test
learn practise cook bake borrow lend""".split()
NAMES = """Anna Ben Clara David Emma Felix Greta Hugo Ida Jonas Karin Leo Mia Noah Olga Paul Quinn Rosa Sam Tina Uwe Vera
Will Xenia Yara Zoe Amir Bela Chen Dina Elif Farid Gina Hana Ivan Julia Kofi Lena Marco Nina Omar Petra Rahul Sofia Tom
Ursula Victor Wanda Yusuf Zara Alice Bob Carol Dave Erin Frank Grace Heidi Mallory Oscar Peggy Sybil Trent Walter Mom
Dad Grandma""".split()
SURNAMES = """Miller Schmidt Rossi Novak Berg Costa Silva Kim Park Lee Wong Sato Weber Klein Haas Lund Dahl Moreau Petit
Brown Green Hall King Wood Stone Fox Bell Frost Marsh""".split()
PLACES = """Berlin Paris London Rome Madrid Lisbon Vienna Prague Warsaw Oslo Stockholm Helsinki Copenhagen Dublin Athens
Istanbul Cairo Nairobi Lagos Accra Tunis Tokyo Osaka Seoul Beijing Shanghai Delhi Mumbai Jakarta Manila Bangkok Hanoi
Sydney Melbourne Auckland Toronto Montreal Chicago Boston Denver Seattle Austin Miami Lima Bogota Santiago Quito Havana
Munich Hamburg Cologne Zurich Geneva Milan Naples Turin Lyon Nice Porto Seville Krakow Riga Vilnius Tallinn Reykjavik""".split()
TWO_PLACES = ["New York", "Los Angeles", "San Francisco", "Cape Town", "Hong Kong", "Buenos Aires", "Rio de Janeiro", "New Delhi",
              "Mexico City", "Kuala Lumpur", "Tel Aviv", "Abu Dhabi", "Saint Petersburg", "Salt Lake City", "the Hague"]
APPS = """Calendar Camera Mail Maps Music Photos Clock Settings Calculator Browser Notes Files Terminal Contacts Weather
Messages Podcasts Books Health Wallet Translate Recorder Gallery Chess Sketch Radar Signal Firefox Thunderbird Gimp
Blender Inkscape Krita Audacity Steam Spotify Telegram Zoom Slack Discord Excel Word Paint""".split()
LANGUAGES = """German French Spanish Italian Portuguese Dutch Danish Swedish Norwegian Finnish Polish Czech Russian
Ukrainian Greek Turkish Arabic Hebrew Persian Hindi Bengali Tamil Thai Vietnamese Japanese Korean Chinese Latin Welsh
Irish Swahili Zulu Hungarian Romanian Croatian English""".split()
UNITS = [["kilometres", "miles", "metres", "feet", "inches", "centimetres", "yards", "millimetres", "km", "cm", "mm", "meters", "kilometers",
          "centimeters", "millimeters", "nautical miles"],
         ["kilograms", "pounds", "ounces", "grams", "tons", "stones", "kg", "lbs", "g"],
         ["celsius", "fahrenheit", "kelvin"],
         ["litres", "gallons", "pints", "cups", "millilitres", "liters", "ml", "milliliters", "quarts", "teaspoons", "tablespoons"],
         ["seconds", "minutes", "hours", "days", "weeks", "years"],
         ["euros", "dollars", "pounds", "yen", "francs", "kronor"],
         ["bytes", "kilobytes", "megabytes", "gigabytes"],
         ["watts", "horsepower", "kilowatts"], ["joules", "calories"], ["square feet", "square meters", "acres", "hectares"],
         ["knots", "mph", "km/h", "miles per hour", "kilometers per hour", "meters per second"], ["psi", "bar", "pascals"]]
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday today tomorrow tonight".split()
MONTHS = "January February March April May June July August September October November December".split()
LISTS = "shopping grocery packing todo reading wish party holiday work birthday weekend movie hardware garden".split()
STYLES = "jazz rock folk blues techno opera reggae soul punk metal swing disco funk ambient classical country".split()
SMALL = """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty""".split()
NUMBERS = {word: i + 1 for i, word in enumerate(SMALL)} | {
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90, "twenty five": 25, "thirty five": 35,
    "forty five": 45}
HERE = Path(__file__).parent


def lists(path):
    """(key, values) of lines `key: value; value; …`; others begin with # or are empty."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            key, rest = line.split(": ", 1)
            yield key, [value.strip() for value in rest.split(";") if value.strip()]


LEXICON = (HERE / "lexicon.txt").read_text(encoding="utf-8").split()
NAMES += (HERE / "names.txt").read_text(encoding="utf-8").split()
TEXTS = {}  # kind: what people really note, send, search for, …
for path in sorted(HERE.glob("texts*.txt")):
    for kind, texts in lists(path):
        TEXTS.setdefault(kind, []).extend(texts)
SMALL_WORDS = "the a an my your our to of in on at for and with is are was will has have it he she we they from by until not after again back soon too".split()
SOURCES = [LEXICON, LEXICON, NOUNS, NAMES, PLACES, ADJECTIVES + VERBS + SURNAMES]
ONSETS = "b c d f g h j k l m n p r s t v w z bl br ch cl cr dr fl fr gl gr kl kr pl pr sh sk sl sn sp st tr th qu".split()
VOWELS = "a e i o u a e i o u ai ea ee io oa ou y".split()
CODAS = ["", "", "", "", "n", "r", "l", "s", "t", "m", "k", "x", "nd", "rt", "st", "ng", "p", "b"]


def blend(rng):
    """The begin of a word and the end of another: every token that words consist of comes behind every other."""
    a, b = (rng.choice(rng.choice(SOURCES)).lower() for _ in range(2))
    return a[:rng.randint(1, len(a))] + b[rng.randint(0, len(b) - 1):]


def made_up(rng, most=3):
    if rng.random() < 0.4:
        return blend(rng)
    return "".join(rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(rng.randint(1, most)))


def word(rng):
    roll = rng.random()
    if roll < 0.3:
        return rng.choice(NOUNS)
    if roll < 0.45:
        return rng.choice(ADJECTIVES)
    if roll < 0.54:
        return rng.choice(VERBS)
    if roll < 0.64:
        return rng.choice(NAMES)
    if roll < 0.85:
        return rng.choice(LEXICON)
    return made_up(rng)


def of(rng, kind, otherwise):
    """A text of this kind as somebody would say it, sometimes with another word in it; or what `otherwise` makes up."""
    if rng.random() < 0.5:
        return otherwise()
    text = rng.choice(TEXTS[kind])
    if rng.random() < 0.4:
        words = text.split(" ")
        at = rng.randrange(len(words))
        if words[at].isalpha() and words[at].islower() and words[at] not in ("the", "a", "an"):
            words[at] = rng.choice(LEXICON) if rng.random() < 0.6 else made_up(rng)
            text = " ".join(words)
    return text


def some(rng, least, most):
    """Words one after the other, as sentences have them, though without sense."""
    return " ".join(rng.choice(SMALL_WORDS) if rng.random() < 0.3 else rng.choice(LEXICON) if rng.random() < 0.75 else word(rng)
                    for _ in range(rng.randint(least, most)))


def name(rng):
    first = rng.choice(NAMES) if rng.random() < 0.5 else made_up(rng, 2).capitalize()
    if rng.random() < 0.06:
        return rng.choice(["Mr", "Mrs", "Dr", "uncle", "aunt", "Uncle", "Aunt", "my", "Professor"]) + " " + first
    if rng.random() < 0.2:
        return first + " " + (rng.choice(SURNAMES) if rng.random() < 0.5 else made_up(rng, 2).capitalize())
    return first


def place(rng):
    roll = rng.random()
    return rng.choice(PLACES) if roll < 0.45 else rng.choice(TWO_PLACES) if roll < 0.6 else made_up(rng).capitalize()


def title(rng, most=3):
    words = [word(rng) for _ in range(rng.randint(1, most))]
    return " ".join(w.capitalize() for w in words) if rng.random() < 0.6 else " ".join(words)


SENTENCES = ["{v} the {n}", "{v} {n} and {n}", "{v} {d} {n}", "{n}, {n} and {n}", "the {n} is {a}", "the {a} {n} is in the {n}",
             "{p} likes {a} {n}", "call {p} about the {n}", "{p} owes me {d} euros", "the code of the {n} is {d}{d}",
             "{v} the {a} {n} before {D}", "ask {p} for the {n}", "{n} at {d}:{m}", "I left the {n} with {p}",
             "my {n} needs a {a} {n}", "we meet {p} at the {n}", "{w} {w}", "{w} {w} {w}", "{w} {w} {w} {w} {w}", "{w}",
             "{v} a {n} for {p}", "{p} and {p} {v} the {n} on {D}", "room {d} on floor {d}", "{w} {d} {w}",
             "the {n} opens at {d} and closes at {d}", "I will be {d} minutes late", "do not forget the {n}",
             "happy birthday {p}", "see you at the {n}", "can you {v} the {n}?", "where is the {a} {n}?", "{u} {u}", "{u} {u} {u}"]


def sentence(rng):
    if rng.random() < 0.35:
        return some(rng, 2, 7)
    text = rng.choice(SENTENCES)
    out, i = [], 0
    while i < len(text):
        if text[i] != "{":
            out.append(text[i])
            i += 1
            continue
        kind = text[i + 1]
        out.append({"v": lambda: rng.choice(VERBS), "a": lambda: rng.choice(ADJECTIVES),
                    "n": lambda: rng.choice(NOUNS) if rng.random() < 0.75 else made_up(rng),
                    "p": lambda: name(rng), "d": lambda: str(rng.randint(1, 99)), "m": lambda: f"{rng.randint(0, 59):02d}",
                    "D": lambda: rng.choice(DAYS), "w": lambda: word(rng), "u": lambda: made_up(rng)}[kind]())
        i += 3
    return "".join(out)
