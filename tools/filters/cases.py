"""Patterns and data with AWS's answers, each for one rule; the tests and the comparison with event-ruler use them."""

from dataclasses import dataclass
from typing import Final, Literal

Answer = Literal["true", "false", "rejected"]


@dataclass(frozen=True)
class Case:
    """A pattern for a record's data, and the data, as texts: the order of keys counts, and so do repeated ones."""

    rule: str
    pattern: str
    data: str
    answer: Answer


CASES: Final = [
    # Literal values.
    Case("a string equals itself", '{"lang": ["en"]}', '{"lang": "en"}', "true"),
    Case("case counts", '{"lang": ["en"]}', '{"lang": "EN"}', "false"),
    Case("one of the list is enough", '{"lang": ["de", "en"]}', '{"lang": "en"}', "true"),
    Case("all members are required", '{"a": [1], "b": [2]}', '{"a": 1, "b": 3}', "false"),
    Case("a number is not a string", '{"id": [1801]}', '{"id": "1801"}', "false"),
    Case("a string is not a number", '{"id": ["1801"]}', '{"id": 1801}', "false"),
    Case("numbers are compared by value", '{"n": [300]}', '{"n": 300.0}', "true"),
    Case("exponents are numbers too", '{"n": [3.018e2]}', '{"n": 301.8}', "true"),
    Case("minus zero is zero", '{"n": [0]}', '{"n": -0.0}', "true"),
    Case(
        "long numbers equal their text",
        '{"id": [1830000000000000123]}',
        '{"id": 1830000000000000123}',
        "true",
    ),
    Case(
        "long numbers equal no other", '{"id": [1830000000000000123]}', '{"id": 1830000000000000124}', "false"
    ),
    Case("true is true", '{"live": [true]}', '{"live": true}', "true"),
    Case("true is not 1", '{"live": [1]}', '{"live": true}', "false"),
    Case("true is not a string", '{"live": [true]}', '{"live": "true"}', "false"),
    Case("null is null", '{"reply": [null]}', '{"reply": null}', "true"),
    Case("a missing member is not null", '{"reply": [null]}', "{}", "false"),
    Case("an empty string is a string", '{"text": [""]}', '{"text": ""}', "true"),
    Case("an address has one value, not one text", '{"ip": ["::1"]}', '{"ip": "0:0:0:0:0:0:0:1"}', "true"),
    Case("another address is another value", '{"ip": ["10.0.0.1"]}', '{"ip": "10.0.0.2"}', "false"),
    # Paths.
    Case(
        "a dot in a key of the pattern is a path",
        '{"user.name": ["dora"]}',
        '{"user": {"name": "dora"}}',
        "true",
    ),
    Case(
        "a dot in a key of the data is one too",
        '{"user": {"name": ["dora"]}}',
        '{"user.name": "dora"}',
        "true",
    ),
    Case("a repeated key counts with each value", '{"a": [1]}', '{"a": 1, "a": 2}', "true"),
    Case("a repeated path keeps the last list", '{"a": [1], "a": [2]}', '{"a": 1}', "false"),
    Case("an object is not a value", '{"user": ["dora"]}', '{"user": {"name": "dora"}}', "false"),
    # Arrays.
    Case("one element is enough", '{"tags": ["news"]}', '{"tags": ["ad", "news"]}', "true"),
    Case("nested arrays are flat", '{"tags": ["news"]}', '{"tags": [["ad"], ["news"]]}', "true"),
    Case(
        "members must match within one element",
        '{"refs": {"kind": ["quote"], "id": ["77"]}}',
        '{"refs": [{"kind": "quote", "id": "5"}, {"kind": "reply", "id": "77"}]}',
        "false",
    ),
    Case(
        "members that match within one element do",
        '{"refs": {"kind": ["quote"], "id": ["5"]}}',
        '{"refs": [{"kind": "reply", "id": "77"}, {"kind": "quote", "id": "5"}]}',
        "true",
    ),
    Case(
        "a member is absent within one element",
        '{"refs": {"a": [1], "b": [{"exists": false}]}}',
        '{"refs": [{"a": 1}, {"b": 2}]}',
        "true",
    ),
    Case(
        "a member that sorts first is absent within all elements",
        '{"refs": {"b": [2], "a": [{"exists": false}]}}',
        '{"refs": [{"a": 1}, {"b": 2}]}',
        "false",
    ),
    Case(
        "a value lies beside the objects of its array",
        '{"a": [5], "a.b": [1]}',
        '{"a": [{"b": 1}, 5]}',
        "true",
    ),
    # prefix and suffix.
    Case("a prefix", '{"text": [{"prefix": "Sale"}]}', '{"text": "Sale now"}', "true"),
    Case("another prefix", '{"text": [{"prefix": "Sale"}]}', '{"text": "No Sale"}', "false"),
    Case("numbers have no prefix", '{"id": [{"prefix": "1"}]}', '{"id": 18}', "false"),
    Case("a prefix may be empty", '{"text": [{"prefix": ""}]}', '{"text": "a"}', "true"),
    Case(
        "a prefix of any case",
        '{"text": [{"prefix": {"equals-ignore-case": "sALE"}}]}',
        '{"text": "Sale!"}',
        "true",
    ),
    Case(
        "no prefix of any case",
        '{"text": [{"prefix": {"equals-ignore-case": "sale"}}]}',
        '{"text": "A sale"}',
        "false",
    ),
    Case("a suffix", '{"file": [{"suffix": ".png"}]}', '{"file": "a.png"}', "true"),
    Case("another suffix", '{"file": [{"suffix": ".png"}]}', '{"file": "a.png.gz"}', "false"),
    Case(
        "a suffix of any case",
        '{"file": [{"suffix": {"equals-ignore-case": ".PNG"}}]}',
        '{"file": "a.pNg"}',
        "true",
    ),
    Case(
        "no suffix of any case",
        '{"file": [{"suffix": {"equals-ignore-case": ".png"}}]}',
        '{"file": "a.gif"}',
        "false",
    ),
    Case("a suffix has whole characters", '{"text": [{"suffix": "雨"}]}', '{"text": "大雨"}', "true"),
    Case("prefix takes a string", '{"text": [{"prefix": 1}]}', "{}", "rejected"),
    Case("suffix takes no other operator", '{"text": [{"suffix": {"prefix": "a"}}]}', "{}", "rejected"),
    # equals-ignore-case.
    Case("any case", '{"lang": [{"equals-ignore-case": "É"}]}', '{"lang": "é"}', "true"),
    Case("the whole text", '{"lang": [{"equals-ignore-case": "en"}]}', '{"lang": "en-GB"}', "false"),
    Case("the upper case of ß is SS", '{"a": [{"equals-ignore-case": "ß"}]}', '{"a": "SS"}', "true"),
    Case("but ss is not", '{"a": [{"equals-ignore-case": "ß"}]}', '{"a": "ss"}', "false"),
    Case(
        "characters beyond U+FFFF never match",
        '{"a": [{"equals-ignore-case": "😀"}]}',
        '{"a": "😀"}',
        "false",
    ),
    Case("they match question marks instead", '{"a": [{"equals-ignore-case": "😀"}]}', '{"a": "??"}', "true"),
    # anything-but.
    Case("anything but a string", '{"kind": [{"anything-but": "ad"}]}', '{"kind": "post"}', "true"),
    Case("not that string", '{"kind": [{"anything-but": "ad"}]}', '{"kind": "ad"}', "false"),
    Case("the member must be there", '{"kind": [{"anything-but": "ad"}]}', '{"lang": "en"}', "false"),
    Case("null is something else", '{"kind": [{"anything-but": "ad"}]}', '{"kind": null}', "true"),
    Case(
        "one element that differs is enough", '{"a": [{"anything-but": "ad"}]}', '{"a": ["ad", "b"]}', "true"
    ),
    Case("an empty array has no element", '{"a": [{"anything-but": "ad"}]}', '{"a": []}', "false"),
    Case("anything but some strings", '{"a": [{"anything-but": ["b", "c"]}]}', '{"a": "c"}', "false"),
    Case("anything but a number", '{"a": [{"anything-but": 5}]}', '{"a": 5.0}', "false"),
    Case("anything but some numbers", '{"a": [{"anything-but": [5, 6]}]}', '{"a": "5"}', "true"),
    Case("anything but a prefix", '{"a": [{"anything-but": {"prefix": "b"}}]}', '{"a": "bc"}', "false"),
    Case("anything but prefixes", '{"a": [{"anything-but": {"prefix": ["b", "c"]}}]}', '{"a": "ab"}', "true"),
    Case("anything but a suffix", '{"a": [{"anything-but": {"suffix": "b"}}]}', '{"a": "ab"}', "false"),
    Case("anything but suffixes", '{"a": [{"anything-but": {"suffix": ["b"]}}]}', '{"a": 1}', "true"),
    Case(
        "anything but any case",
        '{"a": [{"anything-but": {"equals-ignore-case": "B"}}]}',
        '{"a": "b"}',
        "false",
    ),
    Case(
        "anything but some in any case",
        '{"a": [{"anything-but": {"equals-ignore-case": ["B", "C"]}}]}',
        '{"a": "bc"}',
        "true",
    ),
    Case(
        "anything but a wildcard", '{"a": [{"anything-but": {"wildcard": "b*d"}}]}', '{"a": "bcd"}', "false"
    ),
    Case(
        "anything but other wildcards",
        '{"a": [{"anything-but": {"wildcard": ["c*"]}}]}',
        '{"a": "bcd"}',
        "true",
    ),
    Case("strings and numbers do not mix", '{"a": [{"anything-but": ["b", 1]}]}', "{}", "rejected"),
    Case("anything-but excludes something", '{"a": [{"anything-but": []}]}', "{}", "rejected"),
    Case("anything-but takes no true", '{"a": [{"anything-but": true}]}', "{}", "rejected"),
    Case("not every prefix is excluded", '{"a": [{"anything-but": {"prefix": ""}}]}', "{}", "rejected"),
    Case(
        "anything-but takes no numeric", '{"a": [{"anything-but": {"numeric": ["=", 1]}}]}', "{}", "rejected"
    ),
    # numeric.
    Case("equal", '{"n": [{"numeric": ["=", 5]}]}', '{"n": 5.0}', "true"),
    Case("not equal", '{"n": [{"numeric": ["=", 5]}]}', '{"n": 6}', "false"),
    Case("above", '{"n": [{"numeric": [">", -1]}]}', '{"n": 0}', "true"),
    Case("not above", '{"n": [{"numeric": [">", 0]}]}', '{"n": 0}', "false"),
    Case("at least", '{"n": [{"numeric": [">=", 0.5]}]}', '{"n": 5e-1}', "true"),
    Case("below", '{"n": [{"numeric": ["<", 0]}]}', '{"n": -1E-7}', "true"),
    Case("not below", '{"n": [{"numeric": ["<", 0]}]}', '{"n": 0}', "false"),
    Case("at most", '{"n": [{"numeric": ["<=", 0]}]}', '{"n": 0}', "true"),
    Case("a range", '{"n": [{"numeric": [">", 0, "<=", 5]}]}', '{"n": 5.0}', "true"),
    Case("outside a range", '{"n": [{"numeric": [">", 0, "<=", 5]}]}', '{"n": 5.01}', "false"),
    Case("a string is not compared", '{"n": [{"numeric": [">=", 100]}]}', '{"n": "250"}', "false"),
    Case(
        "long numbers are not compared",
        '{"n": [{"numeric": [">", 0]}]}',
        '{"n": 1830000000000000123}',
        "false",
    ),
    Case("long bounds", '{"n": [{"numeric": ["=", 1830000000000000123]}]}', "{}", "rejected"),
    Case("the upper bound first", '{"n": [{"numeric": ["<=", 5, ">", 0]}]}', "{}", "rejected"),
    Case("equal bounds", '{"n": [{"numeric": [">=", 7, "<=", 7]}]}', "{}", "rejected"),
    Case(
        "no number is above the highest",
        '{"n": [{"numeric": [">", 1.7976931348623157e308]}]}',
        "{}",
        "rejected",
    ),
    Case("no operator", '{"n": [{"numeric": [5]}]}', "{}", "rejected"),
    Case("no list", '{"n": [{"numeric": 5}]}', "{}", "rejected"),
    # exists.
    Case("null exists", '{"a": [{"exists": true}]}', '{"a": null}', "true"),
    Case("an object does not", '{"user": [{"exists": true}]}', '{"user": {"name": "dora"}}', "false"),
    Case("an empty array does not", '{"tags": [{"exists": true}]}', '{"tags": []}', "false"),
    Case("so an object is absent", '{"user": [{"exists": false}]}', '{"user": {"name": "dora"}}', "true"),
    Case("a missing parent is absent", '{"reply": {"id": [{"exists": false}]}}', '{"lang": "en"}', "true"),
    Case("a member is not absent", '{"a": [{"exists": false}]}', '{"a": 1}', "false"),
    Case("absent or a value", '{"a": [{"exists": false}, 1]}', '{"a": 1}', "true"),
    Case("exists takes no 1", '{"a": [{"exists": 1}]}', "{}", "rejected"),
    # wildcard.
    Case("* is any text", '{"text": [{"wildcard": "sale*now"}]}', '{"text": "sale is now"}', "true"),
    Case("* is no text too", '{"text": [{"wildcard": "sale*now"}]}', '{"text": "salenow"}', "true"),
    Case("parts do not overlap", '{"text": [{"wildcard": "ab*ba"}]}', '{"text": "aba"}', "false"),
    Case("parts keep their order", '{"text": [{"wildcard": "*a*b*"}]}', '{"text": "ba"}', "false"),
    Case("an escaped * is itself", '{"text": [{"wildcard": "5\\\\*"}]}', '{"text": "55"}', "false"),
    Case("no two * beside each other", '{"text": [{"wildcard": "a**"}]}', "{}", "rejected"),
    Case("a backslash escapes * and itself only", '{"text": [{"wildcard": "a\\\\b"}]}', "{}", "rejected"),
    # cidr.
    Case("an address within", '{"ip": [{"cidr": "10.0.0.0/24"}]}', '{"ip": "10.0.0.33"}', "true"),
    Case("an address outside", '{"ip": [{"cidr": "10.0.0.0/24"}]}', '{"ip": "10.0.1.33"}', "false"),
    Case("an IPv6 address within", '{"ip": [{"cidr": "2001:db8::/32"}]}', '{"ip": "2001:DB8:0::1"}', "true"),
    Case(
        "IPv6 digits within an IPv4 range",
        '{"ip": [{"cidr": "32.0.0.0/8"}]}',
        '{"ip": "2001:db8::1"}',
        "true",
    ),
    Case("no address", '{"ip": [{"cidr": "10.0.0.0/24"}]}', '{"ip": "localhost"}', "false"),
    Case("a range has two addresses", '{"ip": [{"cidr": "10.0.0.1/32"}]}', "{}", "rejected"),
    Case("no bits", '{"ip": [{"cidr": "10.0.0.1"}]}', "{}", "rejected"),
    # exactly.
    Case("exactly a string", '{"ip": [{"exactly": "::1"}]}', '{"ip": "::1"}', "true"),
    Case("exactly its text", '{"ip": [{"exactly": "::1"}]}', '{"ip": "0:0:0:0:0:0:0:1"}', "false"),
    # $or.
    Case("a branch and the rest", '{"$or": [{"a": [1]}, {"b": [2]}], "c": [3]}', '{"b": 2, "c": 3}', "true"),
    Case("no branch", '{"$or": [{"a": [1]}, {"b": [2]}], "c": [3]}', '{"b": 1, "c": 3}', "false"),
    Case("a branch without the rest", '{"$or": [{"a": [1]}, {"b": [2]}], "c": [3]}', '{"b": 2}', "false"),
    Case("a path beside and then inside", '{"a": [9], "$or": [{"a": [1]}, {"b": [2]}]}', '{"a": 1}', "true"),
    Case("a path inside and then beside", '{"$or": [{"a": [1]}, {"b": [2]}], "a": [9]}', '{"a": 1}', "false"),
    Case("one branch", '{"$or": [{"lang": ["de"]}]}', "{}", "rejected"),
    Case("an empty branch", '{"$or": [{"lang": ["de"]}, {}]}', "{}", "rejected"),
    Case("a reserved name in a branch", '{"$or": [{"a": [1]}, {"prefix": {"b": [2]}}]}', "{}", "rejected"),
    # Form.
    Case("an empty list", '{"kind": []}', '{"kind": []}', "rejected"),
    Case("an empty object", '{"kind": {}}', "{}", "rejected"),
    Case("a value without a list", '{"kind": "post"}', '{"kind": "post"}', "rejected"),
    Case("a list in a list", '{"kind": [["post"]]}', "{}", "rejected"),
    Case("an unknown operator", '{"kind": [{"regex": "post"}]}', "{}", "rejected"),
    Case("two operators in one object", '{"a": [{"prefix": "b", "suffix": "c"}]}', "{}", "rejected"),
    Case("no operator in an object", '{"a": [{}]}', "{}", "rejected"),
]
