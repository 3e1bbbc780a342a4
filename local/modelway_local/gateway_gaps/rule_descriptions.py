"""Descriptions of security group rules between groups: moto keeps those of address ranges alone."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from modelway_local.gateway_gaps.state import Documents

AUTHORIZE = {"AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"}
DESCRIBE = "DescribeSecurityGroupRules"
MODIFY = "ModifySecurityGroupRules"
RULE = re.compile(r"<securityGroupRuleId>(sgr-[0-9a-f]+)</securityGroupRuleId>")


class RuleDescriptions:
    """Remembers what Authorize said, and adds it to what Describe answers."""

    def __init__(self, home: Path) -> None:
        self._kept = Documents(home, "rule-descriptions")

    def amend(self, form: str, answer: str) -> str:
        """The answer (XML) to an EC2 request (a form), with the descriptions that moto lost."""
        fields = {name: values[0] for name, values in parse_qs(form, keep_blank_values=True).items()}
        action = fields.get("Action", "")
        if action in AUTHORIZE:
            self._note(answer, _description(fields, r"IpPermissions\.\d+\.(User)?(Id)?Group(Pair)?s\.\d+\.Description"))
        elif action == MODIFY and (rule := fields.get("SecurityGroupRule.1.SecurityGroupRuleId")):
            self._kept.put(rule, _description(fields, r"SecurityGroupRule\.1\.SecurityGroupRule\.Description"))
        return RULE.sub(self._described, answer) if action in {DESCRIBE, *AUTHORIZE} else answer

    def _note(self, answer: str, description: str | None) -> None:
        for rule in RULE.findall(answer) if description else ():
            self._kept.put(rule, description)

    def _described(self, rule: re.Match[str]) -> str:
        text = self._kept.get(rule[1])
        return f"{rule[0]}<description>{escape(text)}</description>" if text else rule[0]


def _description(fields: dict[str, str], pattern: str) -> str | None:
    return next((value for name, value in fields.items() if re.fullmatch(pattern, name)), None)
