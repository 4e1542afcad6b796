// Time lines on a canvas: rows of bars that do not overlap within a row, as many as there are. What is narrower
// than a pixel is added up, and the pixel shows what took most of it.

const { pictures, span, colours } = tacho;
const { element } = pictures;
const HIGHEST = 400; // px of a lane; more rows scroll
const PAINTS = 10; // 0 to 7: series; then other, none
const OTHER = 8;
const NONE = 9;
const TEXT_LEAST = 34; // px of a bar with text in it
const SHADES = 4;

// Bars into rows, in order of time within each. rowOf[i] < 0: not shown.
function rowsFrom(rowOf, start, end) {
  const counts = [];
  for (let i = 0; i < rowOf.length; i++) {
    if (rowOf[i] >= 0)
      counts[rowOf[i]] = (counts[rowOf[i]] || 0) + 1;
  }
  const rows = Array.from(counts, count => ({
    start: new Float64Array(count || 0), end: new Float64Array(count || 0), index: new Uint32Array(count || 0), filled: 0,
  }));
  for (let i = 0; i < rowOf.length; i++) {
    if (rowOf[i] < 0)
      continue;
    const row = rows[rowOf[i]];
    row.start[row.filled] = start[i];
    row.end[row.filled] = end[i];
    row.index[row.filled++] = i;
  }
  return rows;
}

// The first bar of a row that ends after a moment.
function firstAfter(row, seconds) {
  let low = 0;
  let high = row.end.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (row.end[middle] <= seconds)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

function palette() {
  const out = [];
  for (let paint = 0; paint < PAINTS; paint++) {
    const colour = paint < 8 ? colours.series(paint) : colours.named(paint === OTHER ? "other" : "none");
    out.push({ colour, ink: colours.inkOn(colour) });
  }
  return out;
}

// Collects what is narrower than a pixel and paints it, equal neighbours at once.
function thinPainter(ctx, y, high, paints) {
  const weights = new Float64Array(PAINTS);
  let pixel = -1;
  let covered = 0;
  let run = { paint: -1, shade: 0, from: 0, to: 0 };

  function paintRun() {
    if (run.paint < 0)
      return;
    ctx.globalAlpha = 0.4 + 0.6 * run.shade / SHADES;
    ctx.fillStyle = paints[run.paint].colour;
    ctx.fillRect(run.from, y, run.to - run.from, high);
    ctx.globalAlpha = 1;
    run = { paint: -1, shade: 0, from: 0, to: 0 };
  }

  function endPixel() {
    if (pixel < 0)
      return;
    let most = 0;
    for (let paint = 1; paint < PAINTS; paint++)
      most = weights[paint] > weights[most] ? paint : most;
    const shade = Math.min(SHADES, Math.ceil(covered * SHADES));
    if (run.paint !== most || run.shade !== shade || run.to !== pixel) {
      paintRun();
      run = { paint: most, shade, from: pixel, to: pixel };
    }
    run.to = pixel + 1;
    weights.fill(0);
    covered = 0;
    pixel = -1;
  }

  return {
    add(x, width, paint) {
      const at = Math.floor(x);
      if (at !== pixel) {
        endPixel();
        pixel = at;
      }
      weights[paint] += width;
      covered += width;
    },
    flush() {
      endPixel();
      paintRun();
    },
  };
}

function drawText(ctx, text, x, y, width) {
  const most = Math.floor((width - 6) / 5.5);
  if (most < 3 || !text)
    return;
  ctx.fillText(text.length > most ? text.slice(0, most - 1) + "…" : text, x + 3, y, width - 4);
}

// One row. Wide bars are painted as they come; their text comes last, since a font is slow to set up.
function drawRow(lane, ctx, row, y, g, paints) {
  const high = lane.rowHeight - 1;
  const scale = g.plot / (g.to - g.from);
  const right = g.gutter + g.plot;
  const thin = thinPainter(ctx, y, high, paints);
  const texts = [];
  const marks = [];
  const { start, end, index } = row;
  for (let i = firstAfter(row, g.from); i < start.length && start[i] < g.to; i++) {
    const x0 = Math.max(g.gutter, g.gutter + (start[i] - g.from) * scale);
    const x1 = Math.min(right, g.gutter + (end[i] - g.from) * scale);
    const paint = lane.paint[index[i]];
    if (lane.marked && lane.marked[index[i]])
      marks.push(x0, x1);
    if (x1 - x0 < 1.5) {
      thin.add(x0, Math.max(x1 - x0, 0.02), paint);
      continue;
    }
    thin.flush();
    ctx.fillStyle = paints[paint].colour;
    ctx.fillRect(x0, y, Math.max(1, x1 - x0 - 0.75), high);
    if (x1 - x0 >= TEXT_LEAST)
      texts.push(i);
  }
  thin.flush();
  drawMarks(ctx, marks, y, high);
  ctx.textAlign = "left";
  for (const i of texts) {
    const x0 = Math.max(g.gutter, g.x(start[i]));
    ctx.fillStyle = paints[lane.paint[index[i]]].ink;
    drawText(ctx, lane.text(index[i]), x0, y + high / 2 + 0.5, Math.min(right, g.x(end[i])) - x0);
  }
}

// What failed is outlined, and seen even where it is narrower than a pixel.
function drawMarks(ctx, marks, y, high) {
  if (!marks.length)
    return;
  ctx.strokeStyle = ctx.fillStyle = colours.named("bad");
  ctx.lineWidth = 2;
  for (let i = 0; i < marks.length; i += 2) {
    const width = marks[i + 1] - marks[i];
    if (width < 5)
      ctx.fillRect(Math.floor(marks[i]), y, Math.max(2, width), high);
    else
      ctx.strokeRect(marks[i] + 1, y + 1, width - 2.75, high - 2);
  }
}

function visibleRows(lane) {
  const first = Math.floor(lane.scroller.scrollTop / lane.rowHeight);
  const last = Math.min(lane.rows.length, Math.ceil((lane.scroller.scrollTop + lane.high) / lane.rowHeight));
  return [first, last];
}

function outline(lane, ctx, g) {
  if (lane.selected === null)
    return;
  const { row, i } = lane.selected;
  const x0 = Math.max(g.gutter, g.x(lane.rows[row].start[i]));
  const x1 = Math.min(g.gutter + g.plot, g.x(lane.rows[row].end[i]));
  if (x1 < x0)
    return;
  ctx.strokeStyle = colours.named("ink");
  ctx.lineWidth = 2;
  ctx.strokeRect(x0 - 1, row * lane.rowHeight - lane.scroller.scrollTop, Math.max(3, x1 - x0 + 1), lane.rowHeight - 1);
}

function drawLane(lane, g) {
  const ctx = pictures.canvasFor(lane.canvas, g.width, lane.high);
  tacho.labels.drawLines(ctx, g.gutter, 0, g.plot, lane.high, 1);
  const paints = palette();
  const [first, last] = visibleRows(lane);
  for (let r = first; r < last; r++)
    drawRow(lane, ctx, lane.rows[r], r * lane.rowHeight - lane.scroller.scrollTop, g, paints);
  outline(lane, ctx, g);
}

// The bar at a place of the lane, or the nearest within some pixels.
function barAt(lane, x, y) {
  const g = pictures.geometry();
  const r = Math.floor((y + lane.scroller.scrollTop) / lane.rowHeight);
  const row = lane.rows[r];
  if (!row || x < g.gutter)
    return null;
  const reach = 3 * (g.to - g.from) / g.plot;
  const at = g.time(x);
  let i = firstAfter(row, at);
  if (i > 0 && at - row.end[i - 1] < reach && !(row.start[i] <= at))
    i = !(row.start[i] - at < at - row.end[i - 1]) ? i - 1 : i;
  return i < row.start.length && row.start[i] - at < reach ? { row: r, i } : null;
}

function hover(lane, event) {
  const box = lane.canvas.getBoundingClientRect();
  const bar = event.buttons ? null : barAt(lane, event.clientX - box.left, event.clientY - box.top);
  if (!bar) {
    tacho.tip.hide();
    return;
  }
  const { title, rows } = lane.describe(lane.rows[bar.row].index[bar.i]);
  tacho.tip.show(event.clientX, event.clientY, title, rows);
}

// Selects a bar from the keyboard: it comes into sight, its words are shown and said.
function select(lane, row, i) {
  lane.selected = { row, i };
  const bars = lane.rows[row];
  const top = row * lane.rowHeight;
  if (top < lane.scroller.scrollTop || top + lane.rowHeight > lane.scroller.scrollTop + lane.high)
    lane.scroller.scrollTop = Math.max(0, top - lane.high / 2);
  const { from, to } = span.shown;
  if (bars.end[i] < from || bars.start[i] > to)
    span.pan((bars.start[i] + bars.end[i]) / 2 - (from + to) / 2);
  span.point(bars.start[i]);
  const { title, rows } = lane.describe(bars.index[i]);
  tacho.tip.say(title + ". " + rows.map(pair => pair.join(" ")).join(", "));
  requestAnimationFrame(() => {
    const g = pictures.geometry();
    drawLane(lane, g);
    const box = lane.canvas.getBoundingClientRect();
    tacho.tip.show(box.left + Math.max(g.gutter, g.x(bars.start[i])), box.top + top - lane.scroller.scrollTop + 8, title, rows);
  });
}

// In a row the bar at about a moment.
function nearest(row, seconds) {
  const i = firstAfter(row, seconds);
  return Math.min(i, row.start.length - 1);
}

function moved(lane, key) {
  if (lane.selected === null)
    return { row: visibleRows(lane)[0], i: nearest(lane.rows[visibleRows(lane)[0]], span.shown.from) };
  const { row, i } = lane.selected;
  const middle = (lane.rows[row].start[i] + lane.rows[row].end[i]) / 2;
  if (key === "ArrowUp" || key === "ArrowDown") {
    const to = Math.min(lane.rows.length - 1, Math.max(0, row + (key === "ArrowUp" ? -1 : 1)));
    return to === row ? lane.selected : { row: to, i: nearest(lane.rows[to], middle) };
  }
  const to = Math.min(lane.rows[row].start.length - 1, Math.max(0, i + (key === "ArrowLeft" ? -1 : 1)));
  return { row, i: to };
}

function keyDown(lane, event) {
  const across = event.shiftKey && (event.key === "ArrowLeft" || event.key === "ArrowRight");
  const along = event.key === "ArrowUp" || event.key === "ArrowDown";
  if (event.key === "Escape" && lane.selected !== null) {
    lane.selected = null;
    tacho.tip.hide();
    drawLane(lane, pictures.geometry());
  }
  if (event.key === "Enter" && lane.selected !== null) {
    const { row, i } = lane.selected;
    const length = Math.max(lane.rows[row].end[i] - lane.rows[row].start[i], 1e-6);
    span.set(lane.rows[row].start[i] - length * 0.1, lane.rows[row].end[i] + length * 0.1);
    event.preventDefault();
  }
  if (!(across || along) || !lane.rows.length)
    return;
  event.preventDefault();
  const { row, i } = moved(lane, event.key);
  select(lane, row, i);
}

// spec: {label, rowHeight, prepare() -> promise of {rows, paint, marked, text(i), describe(i)}}
function add(place, spec) {
  const scroller = element("div", "scroller surface");
  scroller.tabIndex = 0;
  scroller.setAttribute("role", "group");
  scroller.setAttribute("aria-label", spec.label +
    ": arrows up and down and shift with left and right select a bar, enter shows it alone");
  const spacer = element("div", "spacer");
  const lane = { ...spec, scroller, canvas: element("canvas"), selected: null, high: 60, rows: [] };
  spacer.append(lane.canvas);
  scroller.append(spacer);
  scroller.style.height = "60px";
  place.append(scroller);
  scroller.addEventListener("scroll", () => drawLane(lane, pictures.geometry()));
  scroller.addEventListener("pointermove", event => hover(lane, event));
  scroller.addEventListener("pointerleave", () => tacho.tip.hide());
  scroller.addEventListener("blur", () => tacho.tip.hide());
  scroller.addEventListener("keydown", event => keyDown(lane, event));
  pictures.add({
    element: scroller,
    prepare: async () => {
      Object.assign(lane, await spec.prepare());
      const all = lane.rows.length * lane.rowHeight;
      lane.high = Math.max(lane.rowHeight, Math.min(HIGHEST, all));
      scroller.style.height = lane.high + "px";
      spacer.style.height = all + "px";
    },
    draw: g => drawLane(lane, g),
  });
  return lane;
}

// What colours mean: [[paint, words], ...].
function legend(entries) {
  const list = element("ul", "legend");
  for (const [paint, words] of entries) {
    const item = element("li");
    const mark = paint === "failed" ? "failed" : paint < 8 ? paint : paint === OTHER ? "other" : "none";
    item.append(tacho.charts.swatch(mark), element("span", "", words));
    list.append(item);
  }
  return list;
}

tacho.lanes = { add, legend, rowsFrom, OTHER, NONE };
