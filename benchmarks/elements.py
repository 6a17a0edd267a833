"""What the benchmark documents are made of: invented values, and elements with their attributes.

A value is made by a function of ``draw``, the ``random()`` of a seeded generator, and is XML text already:
``&``, ``<`` and quotes in it are escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

Draw = Callable[[], float]
Make = Callable[[Draw], str]

_PRESENT, _BLANK = 0.76, 0.82
"""An optional attribute has a value below the first, is there but blank below the second, else is absent."""


def _pick(values: Sequence[str]) -> Make:
    return lambda draw: values[int(draw() * len(values))]


def _one_of(values: str) -> Make:
    return _pick(values.split(", "))


def _number(low: int, high: int) -> Make:
    return lambda draw: str(low + int(draw() * (high - low + 1)))


def _decimal(high: int, places: int, grouped: bool = False) -> Make:
    """Small amounts are more frequent than large ones."""
    form = f"{{:{',' if grouped else ''}.{places}f}}".format
    return lambda draw: form(draw() * draw() * high)


def _digits(count: int) -> Make:
    return lambda draw: str(int(draw() * 10**count)).zfill(count)


def _joined(form: str, *makes: Make) -> Make:
    return lambda draw: form.format(*[make(draw) for make in makes])


def _days(first: date, count: int, form: str = "%Y-%m-%d") -> Make:
    return _pick([(first + timedelta(number)).strftime(form) for number in range(count)])


yes_no = _one_of("Y, N")
true_false = _one_of("true, false")
flag = _one_of("1, 0")
day = _days(date(2019, 1, 1), 2000)
us_day = _days(date(2019, 1, 1), 2000, "%m/%d/%Y")
birth = _days(date(1945, 1, 1), 20000)
clock = _pick([f"{t // 3600:02}:{t // 60 % 60:02}:{t % 60:02}" for t in range(0, 86400, 37)])
moment = _joined("{}T{}", day, clock)
moment_utc = _joined("{}T{}Z", day, clock)
amount = _decimal(80_000, 2)
grouped = _decimal(250_000, 2, grouped=True)
rate = _decimal(30, 4)
ratio = _decimal(2, 6)
small = _number(0, 99)
months = _number(1, 480)
points = _number(300, 850)
number9 = _digits(9)
phone = _joined("({}) {}-{}", _digits(3), _digits(3), _digits(4))
country = _one_of("US, CA, DE, FR, PL, SE, ES")
region = _one_of("NA, NB, OC, QR, ST, UV, WX, YZ")
code = _one_of("A1, A2, B1, B4, C0, C7, D3, X9, Z2")
user = _joined("{}{}", _one_of("akin, borowy, ceder, dunne, ekman, system, batch"), _number(1, 40))
first = _one_of("Ana, Bjørn, Chloé, Dana, Émile, Fatma, Grażyna, Håkan, Ines, Jürgen, Łukasz, Noor, Zoë")
last = _one_of("Abelson, Brâncuş, Castañeda, D&apos;Arbo, Eriksson, Fjeld, Gómez, Müller, O&#39;Dair, Świątek, Tran")
company = _one_of(
    "Arbor &amp; Sons, Blühende Gärten GmbH, Cobalt Freight, Déjà Brew, Fjord &amp; Fell AS, Lumen Clinic, Ostrów Steel"
)
street = _one_of(
    "Alder Way, Bühlstraße, Calle del Río, Dock &quot;B&quot; Road, Elm Court, Rue de l&apos;Île, Ulica Żabia"
)
city = _one_of("Ashby, Bréville, Córdova, Düren, Eastmere, Göte, Łąka, Norvik, Port Ellery, Saint-Aubin")
vendor = _one_of("Argus, Boreal, Castor, Delphi, Equinox")
maker = _one_of("Aster, Borealis, Cygnus, Dromos, Élan, Fenix, Gale")
model = _one_of("110, 220 S, Coupé, Kombi, Tour &amp; Trail, Vento, X")
word = _one_of(
    "amount, balance, below, checked, contact, declared, employer, exceeds, für, income, limit, manual, near, older, "
    "path, received, retry, rule, score, stale, średnia, threshold, verified, within"
)
phrase = _joined("{} {} {} {}", word, word, word, word)
history = _joined("{0}{1}{1}{0}{1}", _digits(14), _digits(15))
mark = _pick([",", ";", ":", ".", " -", " &lt;", " &amp;"])
remark = _joined("{} {}{} {} {}", phrase, phrase, mark, phrase, phrase)


@dataclass(frozen=True)
class Element:
    """An element with its attributes: how each begins, what makes its value, whether it is always there."""

    name: str
    attributes: tuple[tuple[str, Make, bool], ...]

    @classmethod
    def of(cls, name: str, makes: Mapping[Make, str]) -> Element:
        """``makes`` has the names of the attributes by what makes their values; ``name!`` is always there."""
        pairs = [(each, make) for make, names in makes.items() for each in names.split()]
        return cls(name, tuple((f' {each.rstrip("!")}="', make, each.endswith("!")) for each, make in pairs))

    def __call__(self, draw: Draw, own: str = "", content: str = "") -> str:
        """The element as text; ``own`` are attributes written already, with a blank before each."""
        parts = ["<", self.name, own]
        for begin, make, always in self.attributes:
            present = 0.0 if always else draw()
            if present < _PRESENT:
                parts += begin, make(draw), '"'
            elif present < _BLANK:
                parts += begin, '"'
        parts += (">", content, "</", self.name, ">") if content else ("/>",)
        return "".join(parts)


application = Element.of(
    "application",
    {
        _one_of("WEB, BRANCH, PARTNER, PHONE"): "channel!",
        _one_of("NEW, OPEN, APPROVED, DECLINED, FUNDED, WITHDRAWN"): "status!",
        _one_of("AUTO, BOAT, HOME, OTHER"): "purpose",
        code: "product! program",
        country: "country",
        _one_of("en, de, fr, pl"): "language",
        moment: "created! updated submitted",
        moment_utc: "expires",
        day: "valid_until",
        us_day: "signed_on",
        amount: "requested_amount! approved_amount down_payment trade_in_value trade_in_payoff fees tax",
        grouped: "total_exposure",
        ratio: "loan_to_value debt_to_income payment_to_income",
        months: "term!",
        small: "applicants! duplicates",
        yes_no: "joint business refinance employee",
        true_false: "e_signed paperless",
        user: "owner underwriter funder",
        company: "branch",
        phrase: "campaign",
        remark: "note",
        number9: "external_id batch_id",
    },
)
pricing = Element.of(
    "pricing",
    {
        code: "tier! rate_sheet",
        rate: "apr! buy_rate sell_rate spread base_rate margin floor_rate cap_rate",
        amount: "financed! monthly_payment finance_charge reserve acquisition_fee discount subvention residual",
        day: "rate_date first_due",
        _number(1, 28): "due_day",
        yes_no: "rate_locked subvented balloon",
    },
)
decision = Element.of(
    "decision",
    {
        _one_of("APPROVE, DECLINE, REFER, COUNTER"): "outcome!",
        code: "strategy reason1 reason2 reason3 reason4",
        moment: "decided!",
        user: "decided_by",
        points: "risk_score! fraud_score bankruptcy_score",
        ratio: "loss_rate default_probability",
        amount: "limit counter_amount max_payment",
        months: "max_term",
        true_false: "automatic overridden appealed",
        remark: "comment",
        _number(1, 9): "version",
    },
)
partner = Element.of(
    "partner",
    {
        number9: "id!",
        company: "name! group",
        street: "street",
        city: "city",
        region: "state",
        _digits(5): "zip",
        phone: "phone fax",
        first: "contact_name",
        amount: "flat_fee",
        ratio: "participation",
        day: "since",
        yes_no: "preferred",
    },
)
collateral = Element.of(
    "collateral",
    {
        _one_of("NEW, USED, DEMO"): "condition!",
        maker: "make!",
        model: "model! trim",
        _number(1998, 2025): "year!",
        _joined("ZZ{}{}", code, _digits(13)): "serial",
        _number(0, 250_000): "odometer",
        amount: "price! wholesale retail options tax",
        day: "registered inspected",
        code: "body fuel",
        flag: "certified titled",
    },
)
contact = Element.of(
    "contact",
    {
        first: "first_name! middle_name preferred_name",
        last: "last_name! maiden_name",
        birth: "birth_date!",
        _joined("900-{}-{}", _digits(2), _digits(4)): "tax_no",
        code: "title suffix marital_status",
        country: "citizenship residence",
        _one_of("en, de, fr, pl"): "language",
        phone: "home_phone work_phone mobile_phone",
        _joined("{}@mail.example", user): "email",
        amount: "income! other_income housing_cost assets liabilities",
        small: "dependents",
        points: "credit_score",
        yes_no: "consent! marketing military homeowner",
        moment: "verified consent_at",
        number9: "customer_no licence_no",
    },
)
address = Element.of(
    "address",
    {
        _number(1, 9999): "house_no!",
        street: "street! street2",
        _digits(3): "unit",
        city: "city! county",
        region: "state!",
        _digits(5): "zip!",
        country: "country",
        day: "since until",
        small: "years months",
        _one_of("OWN, RENT, FAMILY, OTHER"): "tenure",
        amount: "monthly_cost",
        yes_no: "mailing verified",
        _decimal(90, 6): "latitude",
    },
)
employment = Element.of(
    "employment",
    {
        company: "employer!",
        phrase: "job_title",
        _one_of("FULL, PART, SELF, RETIRED"): "kind!",
        amount: "salary! bonus commission",
        _one_of("W, M, Y"): "pay_period",
        day: "since! until",
        small: "years months",
        phone: "phone",
        street: "street",
        city: "city",
        region: "state",
        _digits(5): "zip",
        first: "supervisor",
        yes_no: "verified current",
        code: "industry",
    },
)
bureau_summary = Element.of(
    "bureau_summary",
    {
        vendor: "bureau!",
        moment: "pulled!",
        points: "score!",
        small: "trades open_trades inquiries late30 late60 late90 collections public_records bankruptcies",
        _number(0, 900_000): "revolving_balance instalment_balance mortgage_balance past_due credit_limit",
        ratio: "utilisation",
        day: "oldest_trade",
        flag: "frozen fraud_alert",
    },
)
score = Element.of(
    "score", {vendor: "vendor!", code: "card!", points: "value!", small: "percentile", day: "scored", phrase: "reason"}
)
indicator = Element.of("indicator", {true_false: "value!", user: "set_by", moment: "set_at"})
stipulation = Element.of(
    "stipulation",
    {
        code: "code!",
        remark: "text!",
        _one_of("OPEN, MET, WAIVED"): "status!",
        user: "requested_by cleared_by",
        moment: "requested cleared",
        day: "due",
        amount: "amount",
        flag: "mandatory",
    },
)

# The rest stands where no mapping reads.
tradeline = Element.of(
    "tradeline",
    {
        company: "lender!",
        day: "opened! reported! closed",
        _number(0, 90_000): "balance! limit high payment",
        code: "status! kind",
        small: "months late30 late60",
        history: "history!",
    },
)
rule = Element.of(
    "rule", {number9: "id!", code: "group!", _one_of("pass, fail, skip"): "result!", clock: "at!", small: "ms"}
)
fact = Element.of("in", {word: "name!", amount: "value!", code: "source"})
entry = Element.of("entry", {moment: "at!", user: "by!", code: "kind"})

INDICATORS = ("active_duty", "address_mismatch", "fraud_watch", "high_mileage", "thin_file", "vip")
ROLES = {"PRIMARY": 1.0, "SECONDARY": 0.3, "COSIGNER": 0.05}
"""Who applies, and how often there is one."""
