"""Whether nested JSON data is of the form that its reader relies on: said once, where a foreign file is read."""

from __future__ import annotations

NUMBER = (int, float)
NOTHING = type(None)


def misfit(data, pattern, place: str = "") -> str:
    """Where data departs from a pattern, in words; empty where it does not.

    Parameters
    ----------
    data
        As `json.loads` returns it.
    pattern : type, tuple of types, list or dict
        A list of one pattern stands for a list of any length but 0; a dictionary names keys, with ``?`` at the end
        those that may be missing, and ``*`` stands for all that are not named.  Other keys do not matter.
    place : str
        Where the data stands, for the message.
    """
    if isinstance(pattern, dict):
        return _misfit_of_table(data, pattern, place)
    if isinstance(pattern, list):
        if not (isinstance(data, list) and data):
            return f"{place or 'it'} is no list, or an empty one"
        found = (misfit(value, pattern[0], f"{place}[{index}]") for index, value in enumerate(data))
        return next(filter(None, found), "")
    # true and false are whole numbers to Python
    good = isinstance(data, pattern) and not (isinstance(data, bool) and pattern is not bool)
    return "" if good else f"{place or 'it'} is {type(data).__name__}"


def _misfit_of_table(data, pattern: dict, place: str) -> str:
    if not isinstance(data, dict):
        return f"{place or 'it'} is no table of keys and values"
    for name, inner in pattern.items():
        key = name.removesuffix("?")
        if name == "*":
            found = (misfit(value, inner, f"{place}.{key}") for key, value in data.items() if key not in pattern)
            wrong = next(filter(None, found), "")
        elif key in data:
            wrong = misfit(data[key], inner, f"{place}.{key}".lstrip("."))
        else:
            wrong = "" if name.endswith("?") else f"{place or 'it'} has no {key}"
        if wrong:
            return wrong
    return ""
