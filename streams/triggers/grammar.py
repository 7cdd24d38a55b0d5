r"""Grammar of triggers: the FQL of Segment's destinations.

A text stands between double quotes and ends at the next double quote: there are no
escapes. A bare word is a text too. In words and paths a backslash takes the next
character literally: `properties.with\ space`, `say\ \"hi\"`.
"""

from functools import cache

from lark import Lark

GRAMMAR = r"""
?start: either
?either: every (_OR every)*
?every: unary (_AND unary)*
?unary: negation | group | comparison | text_test | flag
negation: _NOT unary
group: "(" either ")"

comparison: operand OPERATOR value
text_test: TEXT_TEST "(" subject "," value ")"
flag: FLAG "(" field ")"

?operand: field | lowered | call
call: CALL "(" field ")"
?subject: TOP -> field | NESTED -> field | lowered
lowered: LOWERCASE "(" field ")" -> call
field: TYPE | TOP | NESTED
?value: STRING | NUMBER | BOOLEAN | NULL | WORD

_AND: /and(?![a-z0-9_\-\\.])/i
_OR: /or(?![a-z0-9_\-\\.])/i
_NOT: /!(?!=)|not(?![a-z0-9_\-\\.])/i
OPERATOR: /=(?!=)|!=|<=|>=|<|>/

TEXT_TEST: /contains|match/
FLAG: /is_true|is_false/
CALL: /length|typeof/
LOWERCASE: "lowercase"

TYPE: /type(?![A-Za-z0-9_\-\\.])/
TOP: /(event|name|userId)(?![A-Za-z0-9_\-\\.])/
NESTED: /(properties|traits|context|integrations)(?![A-Za-z0-9_\-\\])
    (\.([A-Za-z_]|\\[\s\S])([A-Za-z0-9_\-]|\\[\s\S])*)*/x

STRING: /"[^"]*"/
NUMBER: /[+\-]?[0-9]+(\.[0-9]+)?(?![A-Za-z0-9_\-\\.])/
BOOLEAN: /(true|false)(?![A-Za-z0-9_\-\\.])/
NULL: /null(?![A-Za-z0-9_\-\\.])/
WORD: /(?!(and|or|not|true|false|null|type|event|name|userId
    |properties|traits|context|integrations)(?![A-Za-z0-9_\-\\]))([A-Za-z_]|\\[\s\S])([A-Za-z0-9_\-]|\\[\s\S])*(?![A-Za-z0-9_\-\\.(])/ix

%ignore /[ \t\r\n]+/
"""

TERMINAL_DESCRIPTIONS = {
    "TYPE": "type",
    "TOP": "event, name, userId",
    "NESTED": "properties.x, traits.x, context.x, integrations.x",
    "TEXT_TEST": "contains(), match()",
    "LOWERCASE": "lowercase()",
    "CALL": "length(), typeof()",
    "FLAG": "is_true(), is_false()",
    "OPERATOR": "=, !=, <, <=, > or >=",
    "WORD": "a word",
    "STRING": "a text between double quotes",
    "NUMBER": "a number",
    "BOOLEAN": "true, false",
    "NULL": "null",
    "LPAR": "(",
    "COMMA": "a comma",
    "RPAR": ")",
    "_NOT": "!",
    "_AND": "and",
    "_OR": "or",
    "$END": "the end",
}
"""Description of each terminal for error texts, in the order of listing."""


@cache
def get_parser() -> Lark:
    """Return the parser, built once, at the first trigger."""
    return Lark(GRAMMAR, parser="lalr", lexer="contextual")
