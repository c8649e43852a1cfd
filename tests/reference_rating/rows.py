"""Rate cards and matrices: every row is looked at, every time."""

import csv
import io

PREFIXES = ("origin", "destination")


def read(text):
    """Return the rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(text)))


def in_force(row, day):
    """Return whether a row is in force on a day, such as 2026-10-05."""
    start, end = row.get("valid_from"), row.get("valid_to")
    return (not start or start <= day) and (not end or day < end)


def of_card(rows, number, day, bands):
    """Return by band the row of the longest prefix that has the number on that day in all of these
    bands, or None. A card without bands is asked for the band None."""
    for length in range(len(number), 0, -1):
        found = {}
        for band in bands:
            for row in rows:
                has_band = row.get("band") == band or not row.get("band")
                if row["prefix"] == number[:length] and has_band and in_force(row, day):
                    found[band] = row
        if len(found) == len(set(bands)):
            return found
    return None


def of_cards(cards, choose, number, day):
    """Return the card, and its rows by band, that prices a number. ``cards``: rows and bands each."""
    matches = []
    for rows, bands in cards:
        found = of_card(rows, number, day, bands)
        if found is not None:
            matches.append((rows, bands, found))
    if not matches:
        return None
    if choose == "longest":
        return max(matches, key=lambda match: _length(match[2]))
    return matches[0]


def _length(found):
    return max(len(row["prefix"]) for row in found.values())


def of_matrix(rows, dimensions, values, day, band):
    """Return the most specific row that matches: first dimension first, and a row for the band before
    one for all bands."""
    best, best_weight = None, None
    for row in rows:
        if not in_force(row, day) or (row.get("band") and row["band"] != band):
            continue
        weight = []
        for name in dimensions:
            cell, value = row[name], values.get(name) or ""
            matches = value.startswith(cell) if name in PREFIXES else value == cell
            if cell and not (value and matches):
                break
            weight.append(len(cell) if name in PREFIXES else int(bool(cell)))
        else:
            weight.append(int(bool(row.get("band"))))
            if best is None or weight > best_weight:
                best, best_weight = row, weight
    return best
