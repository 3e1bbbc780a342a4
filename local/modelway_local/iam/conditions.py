"""The Condition block of a policy statement.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

# Lower-case key to its values; a key with none counts as absent.
Context = Mapping[str, tuple[str, ...]]
Test = Callable[[str, str], bool]
VARIABLE = re.compile(r"\$\{([^}]*)\}")
# What `${*}`, `${?}` and `${$}` stand for: the character itself, which no pattern takes for its own sign.
LITERAL = {"*": "\ue000", "?": "\ue001", "$": "$"}
WITH_DEFAULT = re.compile(r"\s*([^,]+?)\s*,\s*'([^']*)'\s*")


class UnknownOperator(ValueError):
    """Raised for a condition operator that IAM does not have."""


def listed(value: Any) -> list[Any]:
    """A policy's element as a list: AWS takes one value without its list."""
    return value if isinstance(value, list) else [value]


def substitute(text: str, context: Context) -> str | None:
    """A policy's text with its variables filled in; None when one has no single value, so that nothing matches.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    if "${" not in text:
        return text
    values = {name: _value(name, context) for name in VARIABLE.findall(text)}
    if any(value is None for value in values.values()):
        return None
    return VARIABLE.sub(lambda found: values[found[1]] or "", text)


def _value(name: str, context: Context) -> str | None:
    if name in LITERAL:
        return LITERAL[name]
    default = WITH_DEFAULT.fullmatch(name)
    known = context.get((default[1] if default else name).strip().lower(), ())
    if len(known) == 1:
        return _literal(known[0])
    return default[2] if default and not known else None


def _literal(value: str) -> str:
    """A value's own * and ? are no wildcards."""
    return value.replace("*", LITERAL["*"]).replace("?", LITERAL["?"])


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    signs = {"*": ".*", "?": ".", LITERAL["*"]: r"\*", LITERAL["?"]: r"\?"}
    return re.compile("".join(signs.get(sign) or re.escape(sign) for sign in glob), re.DOTALL)


def matches(glob: str, value: str) -> bool:
    """Whether a text with * and ? fits the whole value."""
    return _pattern(glob).fullmatch(value) is not None


def matches_arn(glob: str, value: str) -> bool:
    """The same for ARNs: each of the first five parts fits on its own, so that no * reaches past a colon of theirs."""
    if glob == "*":
        return True
    wanted, given = glob.split(":", 5), value.split(":", 5)
    return len(wanted) == len(given) and all(map(matches, wanted, given))


def plain(text: str) -> str:
    """A substituted text in which * and ? mean themselves."""
    return text.replace(LITERAL["*"], "*").replace(LITERAL["?"], "?")


def _number(test: Callable[[float, float], bool]) -> Test:
    def compare(wanted: str, given: str) -> bool:
        try:
            return test(float(given), float(plain(wanted)))
        except ValueError:
            return False

    return compare


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _date(test: Callable[[float, float], bool]) -> Test:
    def compare(wanted: str, given: str) -> bool:
        try:
            return test(_seconds(given), _seconds(plain(wanted)))
        except ValueError:
            return False

    return compare


def _address(wanted: str, given: str) -> bool:
    try:
        return ipaddress.ip_address(given) in ipaddress.ip_network(plain(wanted), strict=False)
    except ValueError:
        return False


_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "equals": lambda given, wanted: given == wanted,
    "lessthan": lambda given, wanted: given < wanted,
    "lessthanequals": lambda given, wanted: given <= wanted,
    "greaterthan": lambda given, wanted: given > wanted,
    "greaterthanequals": lambda given, wanted: given >= wanted,
}
_POSITIVE: dict[str, Test] = {
    "stringequals": lambda wanted, given: plain(wanted) == given,
    "stringequalsignorecase": lambda wanted, given: plain(wanted).lower() == given.lower(),
    "stringlike": matches,
    "arnequals": matches_arn,
    "arnlike": matches_arn,
    "bool": lambda wanted, given: wanted.lower() == given.lower(),
    "binaryequals": lambda wanted, given: wanted == given,
    "ipaddress": _address,
    **{f"numeric{name}": _number(order) for name, order in _ORDERS.items()},
    **{f"date{name}": _date(order) for name, order in _ORDERS.items()},
}
# Operator to the one that it is the contrary of.
_NEGATIVE = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
    "notipaddress": "ipaddress",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
}


def holds(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Whether every operator and every key of a Condition block is met. Raises UnknownOperator."""
    return all(
        _key_holds(operator, key, [str(one) for one in listed(wanted)], context)
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _key_holds(operator: str, key: str, wanted: list[str], context: Context) -> bool:
    quantifier, _, name = operator.lower().rpartition(":")
    given = context.get(key.lower(), ())
    if name == "null":
        return _text(wanted[0]) == _text(not given)
    optional = name.endswith("ifexists")
    name = name.removesuffix("ifexists")
    if name not in _POSITIVE and name not in _NEGATIVE:
        raise UnknownOperator(operator)
    if not given:
        # A key that is not there equals nothing; each of no values does.
        return optional or quantifier == "forallvalues" or (quantifier != "foranyvalue" and name in _NEGATIVE)
    filled = [text for one in wanted if (text := substitute(one, context)) is not None]
    positive = _POSITIVE[_NEGATIVE.get(name, name)]
    met = [any(positive(one, value) for one in filled) != (name in _NEGATIVE) for value in given]
    if quantifier == "forallvalues":
        return all(met)
    if quantifier == "foranyvalue" or name not in _NEGATIVE:
        return any(met)
    return all(met)


def _text(value: object) -> str:
    return str(value).lower()
