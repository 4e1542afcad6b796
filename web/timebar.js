// What stays in sight above the pictures: buttons, the time axis, and the lane of labels.

const { quantities, pictures, span, colours } = tacho;
const { element } = pictures;
const AXIS = 20; // px
const ROW = 15;
const ROWS = 2;
const REACH = 5; // px around a label's line in which it is meant

let canvas;
let range;
let drawn = []; // labels of which the text is shown: {from, to, row, i}

// At most one tick for each 90 px.
function ticks(g) {
  return quantities.timeTicks(g.from, g.to, g.plot / 90);
}

function drawAxis(ctx, g, top) {
  const { ticks: moments, step } = ticks(g);
  ctx.fillStyle = colours.named("faint");
  ctx.textAlign = "center";
  let before = -Infinity;
  for (const moment of moments) {
    const text = quantities.time(moment, step);
    const half = ctx.measureText(text).width / 2;
    const x = Math.min(g.x(moment), g.width - half - 1);
    if (x - half < before + 6)
      continue;
    ctx.fillText(text, x, top + AXIS / 2);
    before = x + half;
  }
}

function shortened(ctx, text, width) {
  if (ctx.measureText(text).width <= width)
    return text;
  let n = Math.min(text.length, Math.floor(width / 3));
  while (n > 0 && ctx.measureText(text.slice(0, n) + "…").width > width)
    n--;
  return n ? text.slice(0, n) + "…" : "";
}

const LONGEST = 170; // px of one label's text

// Texts that do not lie on each other; of those left out there is a count, where it fits.
function placeLabels(ctx, g) {
  const all = tacho.labels.all;
  const [first, last] = tacho.labels.shown();
  const ends = new Array(ROWS).fill(-Infinity);
  const placed = [];
  let hidden = 0;
  for (let i = first; i < last; i++) {
    const x = g.x(all.at[i]);
    const row = ends.findIndex(end => end + 8 <= x);
    const room = g.width - 4 - x;
    if (row < 0 || room < 24) {
      hidden++;
      continue;
    }
    const text = shortened(ctx, all.text[i].slice(0, 200), Math.min(LONGEST, room - 4));
    ends[row] = x + 4 + ctx.measureText(text).width;
    placed.push({ x, row, text, i });
  }
  return { placed, hidden, x: Math.max(...ends) };
}

function drawLabels(ctx, g) {
  const { placed, hidden } = placeLabels(ctx, g);
  ctx.textAlign = "left";
  ctx.fillStyle = colours.named("label");
  for (const { x, row, text } of placed) {
    ctx.fillRect(Math.round(x), row * ROW, 1, (ROWS - row) * ROW);
    ctx.fillText(text, x + 4, row * ROW + ROW / 2);
  }
  tacho.labels.drawLines(ctx, g.gutter, ROWS * ROW - 4, g.plot, 4, 1);
  ctx.textAlign = "left";
  ctx.fillStyle = colours.named("faint");
  ctx.fillText("labels", 2, ROW / 2);
  if (hidden)
    ctx.fillText("+" + hidden.toLocaleString("en"), 2, ROW * 1.5);
  drawn = placed;
}

function draw(g) {
  const labelled = tacho.labels.all && tacho.labels.all.at.length > 0;
  const top = labelled ? ROWS * ROW : 0;
  const ctx = pictures.canvasFor(canvas, g.width, top + AXIS);
  if (labelled)
    drawLabels(ctx, g);
  drawAxis(ctx, g, top);
}

// The labels under the pointer: those whose text is there, else those whose line is near.
function labelsAt(x, y) {
  const all = tacho.labels.all;
  if (!all)
    return [];
  const g = pictures.geometry();
  const [first, last] = tacho.labels.shown();
  const near = [];
  for (let i = first; i < last; i++) {
    if (Math.abs(g.x(all.at[i]) - x) <= REACH)
      near.push(i);
  }
  const row = Math.floor(y / ROW);
  const named = drawn.filter(one => one.row === row && x >= one.x && x <= one.x + LONGEST).pop();
  return near.length || !named ? near : [named.i];
}

function hover(event) {
  const box = canvas.getBoundingClientRect();
  const found = labelsAt(event.clientX - box.left, event.clientY - box.top);
  if (!found.length) {
    tacho.tip.hide();
    return;
  }
  const all = tacho.labels.all;
  const rows = found.slice(0, 8).map(i => [quantities.time(all.at[i], span.total_s / 10000), all.text[i]]);
  if (found.length > 8)
    rows.push(["", "and " + (found.length - 8) + " more"]);
  tacho.tip.show(event.clientX, event.clientY, found.length === 1 ? "Label" : found.length + " labels", rows);
}

function button(text, title, act) {
  const made = element("button", "", text);
  made.type = "button";
  made.title = title;
  made.setAttribute("aria-label", title);
  made.addEventListener("click", act);
  return made;
}

function sayRange(shown, cursor) {
  const length = shown.to - shown.from;
  const step = length / 500;
  const whole = length >= span.total_s;
  range.textContent = quantities.time(shown.from, step) + " – " + quantities.time(shown.to, step) +
    (whole ? "" : " (" + quantities.duration(length) + ")") +
    (cursor === null ? "" : " · at " + quantities.time(cursor, step));
  document.documentElement.classList.toggle("zoomed", !whole);
}

// The buttons go into `controls`, what stays in sight is made around it.
function make(controls) {
  const group = element("div", "buttons");
  const seconds = share => share * (span.shown.to - span.shown.from);
  group.append(
    button("⟲ All", "Show the whole time (0, or double click)", () => span.reset()),
    button("−", "Zoom out (-)", () => span.zoom(2)),
    button("+", "Zoom in (+)", () => span.zoom(0.5)),
    button("◂", "Earlier (arrow left)", () => span.pan(seconds(-0.25))),
    button("▸", "Later (arrow right)", () => span.pan(seconds(0.25))));
  range = element("output", "range");
  const help = element("span", "help", "drag: zoom · shift+drag: pan · ctrl+wheel: zoom · keys: + − 0 ← →");
  controls.append(group, range, help);
  const bar = element("div", "timebar");
  const picture = element("div", "picture surface time-axis");
  picture.tabIndex = 0;
  picture.setAttribute("role", "group");
  picture.setAttribute("aria-label", "Time axis: plus and minus zoom, arrows pan, shift and arrows move the cursor, 0 shows all");
  canvas = element("canvas");
  picture.append(canvas);
  picture.addEventListener("pointermove", hover);
  picture.addEventListener("pointerleave", () => tacho.tip.hide());
  bar.append(controls, picture);
  pictures.add({ element: picture, always: true, prepare: async () => {}, draw });
  span.listen(sayRange);
  sayRange(span.shown, span.cursor);
  return bar;
}

// On paper nothing stays in sight: each section ends with an axis of its own.
function makePaperAxis(section) {
  const axis = element("div", "paper-axis");
  const own = element("canvas");
  axis.setAttribute("aria-hidden", "true");
  axis.append(own);
  section.append(axis);
  pictures.add({ element: axis, prepare: async () => {}, draw: g => drawAxis(pictures.canvasFor(own, g.width, AXIS), g, 0) });
}

tacho.axis = { ticks };
tacho.timebar = { make, makePaperAxis };
