"""Where sites and users are: coordinates that are missing, mixed up, or too far apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from models.data import Item, Region, Route, Site, names_in
from models.service import distance_km
from planner.checks.capacity import Bounds
from planner.checks.subject import Complaint, Subject
from planner.workbook.book import HEADER_ROW, Book, is_read
from planner.workbook.findings import Finding

FAR_KM = {"country": 1500.0, "bloc": 3000.0}
"""Beyond this from all others of its country or bloc, a place is looked at once more."""
NEAR_KM = {kind: far / 3 for kind, far in FAR_KM.items()}
"""Within this of one of them with its coordinates swapped, they are most likely swapped."""
LIGHT_KM_PER_MS = 299.792458
"""In a vacuum, one way."""
MOST_SAID = 20
"""Places that are said to be swapped; of more the planner need not be told."""
MOST_LOOKED_AT = 200
"""Places of a country or bloc that one is compared with."""


class Place(NamedTuple):
    """Where a row says that it is."""

    row: Site | Region
    latitude: float
    longitude: float

    @property
    def swapped(self) -> Place:
        """Return the place with its coordinates swapped; far from all if that is no place."""
        is_place = abs(self.longitude) <= 90
        return Place(self.row, *((self.longitude, self.latitude) if is_place else (-90.0, 0.0)))

    @property
    def name(self) -> str:
        """Return what the place is called."""
        return self.row.site if isinstance(self.row, Site) else self.row.region

    def km(self, other: Place) -> float:
        """Return the distance to another place."""
        return distance_km(self.latitude, self.longitude, other.latitude, other.longitude)


class Doubt(NamedTuple):
    """A place that lies far from its nearest kin, and near one with its coordinates swapped."""

    place: Place
    kin: Place
    far_km: float
    near_km: float
    of: str


def _coordinates(place: Site | Region, _: Book) -> Iterator[Complaint]:
    if not is_read(place, "latitude", "longitude"):
        return
    if (place.latitude is None) != (place.longitude is None):
        blank = "latitude" if place.latitude is None else "longitude"
        yield Complaint(
            blank,
            f"{blank} is empty, so the place is unknown",
            "fill in both coordinates or neither",
            "warning",
        )
    elif place.latitude == place.longitude == 0:
        yield Complaint(
            "latitude",
            "0, 0 lies in the sea south of Ghana",
            "write where the place is; clear both coordinates if that is not known",
            "warning",
        )


def _places(book: Book) -> dict[tuple[str, str], list[Place]]:
    """Return the places of each country and bloc, as far as both coordinates are known."""
    found: dict[tuple[str, str], list[Place]] = defaultdict(list)
    rows: list[Site | Region] = [*book.rows(Site), *book.rows(Region)]
    for row in rows:
        if not is_read(row, "latitude", "longitude", "country"):
            continue
        if row.latitude is None or row.longitude is None:
            continue
        of = {"country": names_in(row.country) if isinstance(row, Site) else {row.country}}
        if isinstance(row, Site) and is_read(row, "bloc"):
            of["bloc"] = names_in(row.bloc)
        for kind, names in of.items():
            if len(names) == 1 and "" not in names:
                found[kind, *names].append(Place(row, row.latitude, row.longitude))
    return found


def _swapped(book: Book) -> Iterator[Finding]:
    """Yield places whose latitude and longitude seem to be swapped, or whole sheets of them."""
    places = _places(book)
    if _is_sheet_swapped(places):
        (_, of), kin = next(entry for entry in places.items() if _both_sheets(entry[1]))
        doubt = _doubt("country", of, kin[-1], kin)
        letter = book.tables[Site].letters["latitude"]
        apart = f", {doubt.far_km:,.0f} km in {of}" if doubt is not None else ""
        yield Finding(
            book.title(Site),
            f"{letter}{HEADER_ROW}",
            "latitude and longitude seem to be swapped, here or in"
            f" {book.title(Region)}: in every country that both name, their places lie far from"
            f" each other{apart}, and near with the two swapped",
            "swap the two headers of the one sheet where they are wrong",
            level="warning",
        )
        return
    said: set[int] = set()
    while len(said) < MOST_SAID and (doubts := _doubts(places, said)):
        worst = max(doubts, key=lambda found: _weight(found.place, doubts, places))
        said.add(id(worst.place.row))
        yield _seems_swapped(book, worst)
        for kin in places.values():  # as if it were mended, so that no other is blamed for it
            kin[:] = [p.swapped if p.row is worst.place.row else p for p in kin]


def _seems_swapped(book: Book, found: Doubt) -> Finding:
    name = found.place.name
    return book.finding(
        found.place.row,
        "latitude",
        f"{name!r} lies {found.far_km:,.0f} km from the nearest other place in {found.of}, but"
        f" {found.near_km:,.0f} km from {found.kin.name!r} with latitude and longitude swapped",
        f"swap the two, or those of {found.kin.name!r} ({book.place(found.kin.row, 'latitude')}) if"
        " they are wrong there",
        "warning",
    )


def _both_sheets(kin: Iterable[Place]) -> bool:
    return {type(place.row) for place in kin} == {Site, Region}


def _is_sheet_swapped(places: dict[tuple[str, str], list[Place]]) -> bool:
    """Return whether in two countries or more, and in all, sites lie far from the regions."""
    shared = [kin for (kind, _), kin in places.items() if kind == "country" and _both_sheets(kin)]
    if len(shared) < 2:
        return False
    for kin in shared:
        sites = [p for p in kin if isinstance(p.row, Site)][:MOST_LOOKED_AT]
        regions = [p for p in kin if isinstance(p.row, Region)][:MOST_LOOKED_AT]
        apart = min(site.km(region) for site in sites for region in regions)
        turned = min(site.swapped.km(region) for site in sites for region in regions)
        if apart <= FAR_KM["country"] or turned >= NEAR_KM["country"]:
            return False
    return True


def _doubts(places: dict[tuple[str, str], list[Place]], said: set[int]) -> list[Doubt]:
    found = (
        _doubt(kind, name, place, kin)
        for (kind, name), kin in places.items()
        for place in kin
        if id(place.row) not in said
    )
    return [doubt for doubt in found if doubt is not None]


def _doubt(kind: str, name: str, place: Place, kin: list[Place]) -> Doubt | None:
    """Return why the place seems to be swapped; None if it lies near another of its kin."""
    others: list[Place] = []
    far = float("inf")
    for other in kin:
        if other.row is not place.row:
            far = min(far, place.km(other))
            if far <= FAR_KM[kind] or len(others) == MOST_LOOKED_AT:
                break
            others.append(other)
    if far <= FAR_KM[kind] or not others:
        return None
    nearest = min(others, key=place.swapped.km)
    near = place.swapped.km(nearest)
    return Doubt(place, nearest, far, near, name) if near < NEAR_KM[kind] else None


def _weight(
    place: Place, doubts: list[Doubt], places: dict[tuple[str, str], list[Place]]
) -> tuple[int, int]:
    """Return in how many groups the place is in doubt, less those in which it is not."""
    against = sum(found.place.row is place.row for found in doubts)
    groups = sum(len(kin) > 1 and any(p.row is place.row for p in kin) for kin in places.values())
    others = sum(len(kin) for kin in places.values() if any(p.row is place.row for p in kin))
    return 2 * against - groups, others


def _faster_than_light(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield routes that light could not take, even in a vacuum and from the edge of a region."""
    network = bounds.network
    rows: dict[int, Route] = {row.row: row for row in book.rows(Route)}
    for link in network.links:
        ends = [_located(bounds, item) for item in (link.origin, link.target)]
        one, other = ends
        if one is None or other is None or link.row not in rows:
            continue
        extent = sum(FAR_KM["country"] for end in (one, other) if isinstance(end.row, Region))
        km = one.km(other)
        light_ms = 2 * (km - extent) / LIGHT_KM_PER_MS
        if link.latency_ms >= light_ms:
            continue
        turned = min(one.swapped.km(other), one.km(other.swapped))
        way_out = "correct the latency, or the coordinates of the two"
        if turned < km / 3:
            way_out += f": with those of one swapped they are {turned:,.0f} km apart"
        yield book.finding(
            rows[link.row],
            "latency_ms",
            f"latency_ms {link.latency_ms:g} is faster than light over the {km:,.0f} km between"
            f" {one.name!r} and {other.name!r}",
            way_out,
            "warning",
        )


def _located(bounds: Bounds, item: Item) -> Place | None:
    sites, regions = bounds.network.sites, bounds.network.regions
    row = sites.get(item.name) if item.kind == "site" else regions.get(item.name)
    if item.kind == "upstream" or row is None or row.latitude is None or row.longitude is None:
        return None
    return Place(row, row.latitude, row.longitude)


SUBJECT = Subject(
    rows=((Site, _coordinates), (Region, _coordinates)),
    sheets=(_swapped,),
    network=(_faster_than_light,),
)
