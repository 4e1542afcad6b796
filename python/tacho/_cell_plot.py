"""A cell as a picture: its CPU, memory, scopes and labels over one axis of time, as HTML and SVG.

Colours tell apart for the colour-blind, and stand out on white as on black; text has the notebook's own."""

import math
from html import escape

from ._cell import SHOWN, TEXT_WIDTH, printable, short
from ._quantity import duration, size_unit

CPU, MEMORY = "#0072B2", "#B34A00"
SCOPES = ("#00795A", "#A64D83", "#8A5A00", "#0072B2", "#B34A00")
WIDTH, LEFT, RIGHT = 780, 142, 764  # the picture; where time begins and ends in it
PANEL, ROW, GAP = 84, 20, 16
ROWS = 6             # scopes that have a row
POINTS = 500         # more cannot be told apart
MARKS = 200          # lines of labels
NAME_WIDTH = 19
FONT = "font-family:system-ui,sans-serif;font-size:12px"


def _ticks(low, high, about):
    """Round numbers from `low` to `high`, some `about` of them, and how many decimals they need."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999) * power
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if step / 10.0 ** -decimals % 1 > 1e-6:
        decimals += 1
    return [i * step for i in range(first, last + 1)], decimals


def _thinned(samples):
    """At most POINTS of them: CPU as it stands at the end of each group, memory at its most."""
    each = -(-len(samples) // POINTS)
    groups = [samples[i:i + each] for i in range(1, len(samples), each)]
    return samples[:1] + [(g[-1][0], g[-1][1], max(rss for _, _, rss in g)) for g in groups]


class _Picture:
    def __init__(self, cell):
        self._cell, self._wall_s = cell, cell.summary["wall_s"]
        self._parts, self._y = [], 14
        self._samples = _thinned(cell.samples)

    def _x(self, at_s):
        return LEFT + (RIGHT - LEFT) * min(max(at_s / self._wall_s, 0.0), 1.0)

    def _put(self, name, text=None, title=None, **attributes):
        """An element; each text is escaped here, and nowhere else."""
        listed = "".join(f' {key.strip("_").replace("_", "-")}="{escape(_number(value))}"'
                         for key, value in attributes.items())
        inner = (f"<title>{escape(title)}</title>" if title else "") + escape(text or "")
        self._parts.append(f"<{name}{listed}>{inner}</{name}>" if inner else f"<{name}{listed}/>")

    def _text(self, text, x, y, title=None, **attributes):
        self._put("text", text, title, x=x, y=y, fill="currentColor", **attributes)

    def _line(self, x1, y1, x2, y2, **attributes):
        self._put("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke="currentColor", **attributes)

    def draw(self):
        top = self._y
        self._panel("CPU", "cores", self._cores(), CPU, 1.0)
        bytes_each, unit = size_unit(max(rss for _, _, rss in self._samples))
        points = [(self._x(t), rss / bytes_each) for t, _, rss in self._samples]
        self._panel("Memory", unit, points, MEMORY, 0.0)
        self._rows()
        self._time_axis()
        self._marks(top, self._y - 22)
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self._y:.0f}" width="{WIDTH}" '
                f'role="img" style="max-width:100%;height:auto;{FONT}">'
                f"<title>{escape(self._cell.headline())}</title>{''.join(self._parts)}</svg>")

    # ---- CPU and memory ----

    def _cores(self):
        """Steps: between two samples a mean is all that is known."""
        points = []
        for (begin, before, _), (end, after, _) in zip(self._samples, self._samples[1:]):
            cores = (after - before) / (end - begin)
            points += [(self._x(begin), cores), (self._x(end), cores)]
        return points

    def _panel(self, title, unit, points, color, least):
        low, high = self._range([value for _, value in points], least)
        bottom = self._y + PANEL
        ticks, decimals = _ticks(low, high, 3)
        self._text(title, 4, self._y + 12, style="font-weight:600")
        self._text(unit, 4, self._y + 28, opacity=0.75)

        def y(value):
            return bottom - PANEL * (value - low) / (high - low)

        for tick in ticks:
            self._line(LEFT, y(tick), RIGHT, y(tick), opacity=0.15)
            self._text(f"{tick:.{decimals}f}", LEFT - 6, y(tick) + 4, text_anchor="end")
        path = " ".join(f"{x:.1f},{y(value):.1f}" for x, value in points)
        if low == 0:
            self._put("polygon", points=f"{points[0][0]:.1f},{bottom} {path} {points[-1][0]:.1f},{bottom}",
                      fill=color, fill_opacity=0.25)
        self._put("polyline", points=path, fill="none", stroke=color, stroke_width=2, stroke_linejoin="round")
        self._line(LEFT, bottom, RIGHT, bottom, opacity=0.6 if low == 0 else 0.15)
        self._y = bottom + GAP

    @staticmethod
    def _range(values, least):
        """From 0, but where the values change little beside what they are: then around them."""
        low, high = min(values), max(values)
        if least or high - low >= 0.25 * high:
            return 0.0, max(high * 1.08, least, 1e-9)
        margin = max(high - low, 0.02 * high) * 0.2
        return max(0.0, low - margin), high + margin

    # ---- what the code said ----

    def _rows(self):
        by_name = {}
        for begin, end, name in self._cell.spans:
            by_name.setdefault(name, []).append((begin, end))
        names = sorted(by_name, key=lambda name: -sum(end - begin for begin, end in by_name[name]))
        if names:
            self._y += 2
        for i, name in enumerate(sorted(names[:ROWS], key=lambda name: by_name[name][0])):
            self._text(short(name, NAME_WIDTH), 4, self._y + 12, title=name)
            for x, width in self._bars(by_name[name]):
                self._put("rect", title=name, x=x, y=self._y, width=width, height=ROW - 5,
                          fill=SCOPES[i % len(SCOPES)])
            self._y += ROW
        self._y += 4 if names else 0
        if len(names) > ROWS:
            self._text(f"and {len(names) - ROWS} more scopes", 4, self._y + 12, opacity=0.75)
            self._y += ROW

    def _bars(self, spans):
        """(x, width): what would touch is one bar, what would not be seen at all is a hair."""
        bars = []
        for begin, end in spans:
            x, until = self._x(begin), max(self._x(end), self._x(begin) + 0.6)
            if bars and x - bars[-1][1] < 0.4:
                bars[-1][1] = max(bars[-1][1], until)
            else:
                bars.append([x, until])
        return [(x, until - x) for x, until in bars]

    def _time_axis(self):
        factor, unit = (1e3, "ms") if self._wall_s < 1 else (1, "s") if self._wall_s < 180 else (1 / 60, "min")
        ticks, decimals = _ticks(0, self._wall_s * factor, 7)
        for tick in ticks:
            x = self._x(tick / factor)
            self._line(x, self._y - 6, x, self._y - 2, opacity=0.6)
            self._text(f"{tick:.{decimals}f}", x, self._y + 11, text_anchor="middle")
        self._line(LEFT, self._y - 6, RIGHT, self._y - 6, opacity=0.6)
        self._text(f"Time, {unit}", 4, self._y + 11, style="font-weight:600")
        self._y += 22

    def _marks(self, top, bottom):
        """Lines with letters, and what the letters stand for."""
        lettered = 0
        free_x = -1.0
        for i, (at_s, text) in enumerate(self._cell.labels[:MARKS]):
            x = self._x(at_s)
            self._put("line", title=f"{duration(at_s)}: {text}", x1=x, y1=top, x2=x, y2=bottom - 6,
                      stroke="currentColor", opacity=0.55, stroke_dasharray="3 3")
            if i >= SHOWN:
                continue
            letter = chr(ord("a") + i)
            if x >= free_x:
                self._text(letter, x, top - 4, text_anchor="middle")
                free_x = x + 9
            self._text(letter, LEFT - 70, self._y + 12, style="font-weight:600")
            self._text(duration(at_s), LEFT - 6, self._y + 12, text_anchor="end")
            self._text(short(text, TEXT_WIDTH), LEFT + 2, self._y + 12, title=text)
            self._y += 17
            lettered += 1
        if len(self._cell.labels) > lettered:
            more = f"and {len(self._cell.labels) - lettered} more labels"
            self._text(more, LEFT + 2, self._y + 12, opacity=0.75)
            self._y += 17
        self._y += 4


def _number(value):
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def svg(cell):
    """The picture of a cell with at least three samples, as one <svg> element."""
    return _Picture(cell).draw()


def _row(tag, *texts):
    """Of the table of scopes; a text is escaped here."""
    columns = "".join(f'<{tag} style="text-align:{"right" if i < 2 else "left"};padding:1px 14px 1px 4px">'
                      f"{escape(printable(text))}</{tag}>" for i, text in enumerate(texts))
    return f"<tr>{columns}</tr>"


def html(cell):
    """Summary and picture, as one <div>."""
    lines = "".join(f"<div>{escape(line)}</div>" for line in [cell.headline(), cell.memory_line()] if line)
    rows = "".join(
        _row("td", duration(scope["total_s"]), str(scope["count"]), scope["category"], scope["name"])
        for scope in cell.summary["scopes"][:SHOWN])
    if rows:
        rows = (f'<table style="font:inherit;border-collapse:collapse;margin:4px 0"><thead>'
                f'{_row("th", "total", "count", "category", "scope")}</thead><tbody>{rows}</tbody></table>')
    more = len(cell.summary["scopes"]) - SHOWN
    remarks = ([f"and {more} more scopes"] if more > 0 else []) + cell.remarks()
    notes = "".join(f'<div style="opacity:0.75">{escape(line)}</div>' for line in remarks)
    return f'<div style="max-width:{WIDTH}px;{FONT};line-height:1.5">{lines}{svg(cell)}{rows}{notes}</div>'


class Shown:
    """What a notebook displays of a cell, made at once: the recording may be closed behind it."""

    def __init__(self, cell, with_plot):
        self._text = cell.text()
        self._html = html(cell) if with_plot and not cell.is_short else None

    def __repr__(self):
        return self._text

    def _repr_pretty_(self, printer, cycle):
        printer.text(self._text)

    def _repr_html_(self):
        return self._html
