// Curves, by uPlot: a mean line within its band of least and greatest, or areas that add up to a whole.

const { quantities, levels, colours, pictures } = tacho;
const { element } = pictures;
const TALL = 132;
const LOW = 96;

function lineTitle(line) {
  return line.pid !== null && line.pid !== undefined ? line.name + " " + line.pid : line.name;
}

// Which lines lie as areas on one another, largest last drawn, and which are curves.
function arrange(chart) {
  const areas = chart.lines.filter(line => line.stacked);
  const curves = chart.lines.filter(line => !line.stacked);
  return { areas, curves };
}

// A place in the palette, or the name of a colour. A program has its colour wherever it is drawn.
function paintOf(chart) {
  const { areas, curves } = arrange(chart);
  const paint = new Map();
  for (const line of areas)
    paint.set(line, line.kind === "other" ? "other" : colours.program(line.name));
  let next = 0;
  for (const line of curves) {
    const grey = line.kind === "machine" || line.kind === "other";
    // Over areas the sum has the colour of ink: theirs are the programs'.
    const over = !areas.length || line.kind !== "whole" ? null : line === curves[0] ? "ink" : "faint";
    paint.set(line, over || (grey ? "other" : next++));
  }
  return paint;
}

function dashed(paint, line) {
  return line.kind === "machine" || paint === "faint";
}

function colourOf(paint) {
  return typeof paint === "number" ? colours.series(paint) : colours.named(paint);
}

// Two processes of one program have one colour; every second is lighter, so that they can be told apart.
function shares(areas) {
  const seen = new Map();
  return areas.map(line => {
    const n = seen.get(line.name) || 0;
    seen.set(line.name, n + 1);
    return line.kind === "other" ? 0.4 : n % 2 ? 0.45 : 0.7;
  });
}

async function readLine(line) {
  const unpack = tacho.unpack;
  const parts = await Promise.all(
    [line.mean, line.min, line.max].map(place => place ? unpack.column(place) : null));
  return levels.build(...parts);
}

// The buckets that a picture shows: base buckets [first, last), on the level that fits its pixels.
function bucketsShown(state, g) {
  const { chart } = state;
  const first = Math.max(0, Math.floor(g.from / chart.bucket_s));
  const last = Math.min(chart.count, Math.max(first + 1, Math.ceil(g.to / chart.bucket_s)));
  const any = state.read.get(chart.lines[0]);
  const level = any ? levels.levelFor(any, first, last, g.plot) : 0;
  return { first, last, level };
}

function known(value) {
  return value === value ? value : null;
}

// Steps: each bucket from its start, and the end of the last. Unknown is a gap.
function cut(column, from, to) {
  const out = new Array(to - from + 1);
  for (let i = from; i < to; i++)
    out[i - from] = i < column.length ? known(column[i]) : null;
  out[to - from] = to > from ? out[to - from - 1] : null;
  return out;
}

function stack(columns) {
  const sum = [];
  return columns.map(column => {
    for (let i = 0; i < column.length; i++) {
      if (column[i] !== null)
        sum[i] = (sum[i] || 0) + column[i];
    }
    return Array.from(column, (_, i) => sum[i] === undefined ? null : sum[i]);
  });
}

// uPlot's columns: time, then areas from the tallest to the lowest, then least, greatest and mean of each curve.
function columnsFor(state, shown) {
  const { areas, curves } = state;
  const size = 2 ** shown.level;
  const from = Math.floor(shown.first / size);
  const to = Math.ceil(shown.last / size);
  const x = Array.from({ length: to - from + 1 }, (_, i) => (from + i) * size * state.chart.bucket_s);
  const at = line => state.read.get(line)[shown.level] || { mean: [], min: [], max: [] };
  const out = [x, ...stack(areas.map(line => cut(at(line).mean, from, to))).reverse()];
  for (const line of curves) {
    const level = at(line);
    out.push(cut(level.min, from, to), cut(level.max, from, to), cut(level.mean, from, to));
  }
  return out;
}

// What is greatest and least on the screen, and what there is of it where that is not far away.
function rangeOf(state, shown, areasTop) {
  let low = 0;
  let high = areasTop;
  for (const line of state.curves) {
    const found = state.extents.get(line);
    low = found.min < low ? found.min : low;
    high = found.max > high ? found.max : high;
  }
  const limit = state.chart.limit;
  state.limitShown = Boolean(limit) && limit.value > 0 && high * 3 >= limit.value;
  if (state.limitShown)
    high = Math.max(high, limit.value);
  const ticks = quantities.valueTicks(low, high, state.chart.unit, state.height / 28);
  return { ticks, low: ticks[0], high: Math.max(ticks[ticks.length - 1], high * 1.02) };
}

function greatest(column) {
  return column ? column.reduce((most, value) => value > most ? value : most, 0) : 0;
}

function seriesFor(state) {
  const steps = uPlot.paths.stepped({ align: 1 });
  const { areas, curves, paint } = state;
  const light = shares(areas);
  const plain = { points: { show: false }, paths: steps, spanGaps: false };
  const series = areas.map((line, i) => ({
    ...plain,
    stroke: () => colours.named("ground"),
    width: 0.75,
    fill: () => colours.mixed(colourOf(paint.get(line)), light[i]),
  })).reverse();
  for (const line of curves) {
    const colour = () => colourOf(paint.get(line));
    const alone = curves.length === 1 && !areas.length;
    series.push({ ...plain, stroke: "transparent", width: 0 }, { ...plain, stroke: "transparent", width: 0 }, {
      ...plain, stroke: colour, width: line.kind === "machine" ? 1 : 1.4,
      dash: dashed(paint.get(line), line) ? [4, 3] : undefined,
      fill: alone ? () => colours.faded(colour(), 0.16) : undefined,
    });
  }
  return [{}, ...series];
}

function bandsFor(state) {
  return state.curves.map((line, i) => {
    const least = 1 + state.areas.length + 3 * i;
    return {
      // Areas already fill what is below the mean.
      series: [least + 1, state.areas.length ? least + 2 : least],
      fill: () => colours.faded(colourOf(state.paint.get(line)), state.areas.length ? 0.22 : 0.3),
    };
  });
}

// Under the curves: where labels are; above them: what there is of it.
function drawLabels(u) {
  tacho.labels.drawLines(u.ctx, u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height, uPlot.pxRatio);
}

function drawLimit(state, u) {
  if (!state.limitShown)
    return;
  const { ctx, bbox } = u;
  const y = Math.round(u.valToPos(state.chart.limit.value, "y", true));
  const ratio = uPlot.pxRatio;
  ctx.save();
  ctx.strokeStyle = colours.named("limit");
  ctx.lineWidth = ratio;
  ctx.setLineDash([6 * ratio, 3 * ratio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

function axesFor(state) {
  const ink = () => colours.named("faint");
  const grid = { stroke: () => colours.named("grid"), width: 1 };
  return [
    {
      size: 0, gap: 0, grid, ticks: { show: false }, values: () => [],
      splits: () => tacho.axis.ticks(pictures.geometry()).ticks,
    },
    {
      size: () => pictures.geometry().gutter, gap: 5, stroke: ink, grid, ticks: { show: false },
      font: "11px system-ui, sans-serif",
      splits: () => state.range.ticks,
      values: (u, ticks) => ticks.map(tick => quantities.tick(tick, state.chart.unit)),
    },
  ];
}

function makePlot(state, g, columns) {
  return new uPlot({
    width: g.width,
    height: state.height,
    pxAlign: 1,
    padding: [6, g.right, 4, 0],
    cursor: { show: false },
    legend: { show: false },
    scales: {
      x: { time: false, range: () => { const { from, to } = tacho.span.shown; return [from, to]; } },
      y: { range: () => [state.range.low, state.range.high] },
    },
    axes: axesFor(state),
    series: seriesFor(state),
    bands: bandsFor(state),
    hooks: { drawAxes: [drawLabels], draw: [u => drawLimit(state, u)] },
  }, columns, state.plot);
}

// Says what a reader without the picture should know.
function describe(state) {
  const parts = state.chart.lines.map(line => {
    const found = state.extents.get(line);
    return found.at < 0 ? lineTitle(line) + ": unknown" : lineTitle(line) + ": mean " +
      quantities.quantity(found.mean, state.chart.unit) + ", peak " + quantities.quantity(found.max, state.chart.unit);
  });
  state.plot.setAttribute("aria-label", state.chart.title + ". " + parts.join("; "));
}

// Mean and peak of what is shown, and when the peak was.
function captionAtRest(state, g) {
  const { chart } = state;
  for (const [line, words] of state.words) {
    const found = state.extents.get(line);
    const mean = quantities.quantity(found.mean, chart.unit);
    if (found.at < 0) {
      words.textContent = "unknown";
    } else if (line.stacked) {
      words.textContent = mean;
    } else {
      const when = quantities.time(found.at * chart.bucket_s, (g.to - g.from) / 500);
      words.textContent = "mean " + mean + " · peak " + quantities.quantity(found.max, chart.unit) + " at " + when;
    }
  }
}

// The caption keeps its height while the cursor moves, so that nothing below it jumps.
function keepHeight(state) {
  if (state.keptFor === state.u.width)
    return;
  state.keptFor = state.u.width;
  state.caption.style.minHeight = "";
  state.caption.style.minHeight = state.caption.offsetHeight + "px";
}

function captionAtCursor(state, seconds) {
  const { chart, shown } = state;
  keepHeight(state);
  const place = Math.floor(Math.floor(seconds / chart.bucket_s) / 2 ** shown.level);
  for (const [line, words] of state.words) {
    const level = state.read.get(line)[shown.level] || { mean: [], max: [] };
    const mean = level.mean[place];
    const max = level.max[place];
    const more = !line.stacked && max > mean * 1.02 ? ", up to " + quantities.quantity(max, chart.unit) : "";
    words.textContent = Number.isFinite(mean) ? quantities.quantity(mean, chart.unit) + more : "unknown";
  }
}

const drawn = [];

// For those who hear the page: the first line of each chart at a moment.
function wordsAt(seconds) {
  return drawn.map(state => {
    const [line] = state.chart.lines;
    const value = state.read.get(line)[0].mean[Math.floor(seconds / state.chart.bucket_s)];
    return state.chart.title + " " + quantities.quantity(value, state.chart.unit);
  }).join(", ");
}

function showCaption(state, cursor, g) {
  if (cursor === null || cursor < g.from || cursor > g.to)
    captionAtRest(state, g);
  else
    captionAtCursor(state, cursor);
}

function drawChart(state, g) {
  state.shown = bucketsShown(state, g);
  for (const line of state.chart.lines)
    state.extents.set(line, levels.extent(state.read.get(line), state.shown.first, state.shown.last));
  const columns = columnsFor(state, state.shown);
  state.range = rangeOf(state, state.shown, greatest(state.areas.length ? columns[1] : null));
  if (!state.u) {
    state.plot.replaceChildren();
    state.u = makePlot(state, g, columns);
    drawn.push(state);
    performance.mark("chart");
  } else {
    if (state.u.width !== g.width)
      state.u.setSize({ width: g.width, height: state.height });
    state.u.setData(columns);
  }
  describe(state);
  showCaption(state, tacho.span.cursor, g);
}

function swatch(paint, dashed) {
  const mark = element("span", dashed ? "swatch dashed" : "swatch");
  mark.classList.add(typeof paint === "number" ? (paint < 0 ? "paint-other" : "paint-" + paint) : "paint-" + paint);
  mark.setAttribute("aria-hidden", "true");
  return mark;
}

function caption(state) {
  const { chart, paint } = state;
  const line = element("figcaption");
  line.append(element("h3", "", chart.title || "(no name)"));
  if (chart.limit && chart.limit.value > 0)
    line.append(element("span", "of", "of " + quantities.amount(chart.limit.value, chart.unit) + " " + chart.limit.name));
  const entries = element("ul", "entries");
  const light = shares(state.areas);
  for (const each of [...state.curves, ...state.areas]) {
    const entry = element("li");
    const words = element("span", "value", " ");
    const name = lineTitle(each);
    const mark = swatch(paint.get(each), dashed(paint.get(each), each));
    mark.style.opacity = each.stacked ? light[state.areas.indexOf(each)] : 1;
    if (chart.lines.length > 1 || name !== chart.title)
      entry.append(mark, element("span", "name", name));
    entry.append(words);
    entry.title = name;
    state.words.set(each, words);
    entries.append(entry);
  }
  line.append(entries);
  return line;
}

function addChart(place, chart) {
  const state = {
    chart, ...arrange(chart), paint: paintOf(chart), read: new Map(), extents: new Map(), words: new Map(),
    height: chart.key === "cpu" || chart.key === "memory" || chart.lines.some(line => line.stacked) ? TALL : LOW, u: null,
  };
  const figure = element("figure", "chart");
  state.plot = element("div", "plot surface");
  state.plot.setAttribute("role", "img");
  state.plot.setAttribute("aria-label", chart.title);
  state.plot.tabIndex = -1;
  state.plot.style.height = state.height + "px";
  state.caption = caption(state);
  figure.append(state.caption, state.plot);
  place.append(figure);
  pictures.add({
    element: state.plot,
    prepare: async () => {
      const read = await Promise.all(chart.lines.map(readLine));
      chart.lines.forEach((line, i) => state.read.set(line, read[i]));
    },
    draw: g => drawChart(state, g),
    cursor: (seconds, g) => state.u && showCaption(state, seconds, g),
  });
}

tacho.charts = { add: addChart, swatch, wordsAt };
