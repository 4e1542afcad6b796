// Pointers and keys on pictures -> the span. One set of listeners on the frame serves all pictures in it.

const LEAST_DRAG = 4; // px; less is a click
const WHEEL = 1.0015; // a notch of 100 zooms by a seventh

let frame;
let selection;
let drag = null;
const touches = new Map();

function xOf(event) {
  return event.clientX - frame.getBoundingClientRect().left;
}

function onSurface(event) {
  return event.target.closest && event.target.closest(".surface");
}

function inPlot(x) {
  const g = tacho.pictures.geometry();
  return Math.min(Math.max(x, g.gutter), g.gutter + g.plot);
}

function showSelection() {
  const a = inPlot(Math.min(drag.from, drag.at));
  const b = inPlot(Math.max(drag.from, drag.at));
  selection.hidden = false;
  selection.style.left = a + "px";
  selection.style.width = b - a + "px";
}

function pointerDown(event) {
  const surface = onSurface(event);
  if (!surface || (event.button !== 0 && event.button !== 1))
    return;
  if (event.pointerType === "touch") {
    touches.set(event.pointerId, xOf(event));
    drag = null;
    return;
  }
  const x = xOf(event);
  drag = { from: x, at: x, pans: event.shiftKey || event.button === 1, shown: tacho.span.shown };
  surface.setPointerCapture(event.pointerId);
  if (event.button === 1)
    event.preventDefault();
}

// Of a drag, the time under the pointer stays under it.
function pan(x) {
  const g = tacho.pictures.geometry();
  const seconds = (drag.from - x) / g.plot * (drag.shown.to - drag.shown.from);
  tacho.span.set(drag.shown.from + seconds, drag.shown.to + seconds);
}

// One finger pans (across; up and down scrolls the page), two zoom.
function touchMove(event) {
  const before = touches.get(event.pointerId);
  const x = xOf(event);
  const g = tacho.pictures.geometry();
  if (touches.size === 1)
    tacho.span.pan((before - x) / g.plot * (g.to - g.from));
  const others = [...touches].filter(([id]) => id !== event.pointerId);
  if (others.length === 1) {
    const other = others[0][1];
    const apart = Math.max(10, Math.abs(x - other));
    tacho.span.zoom(Math.max(10, Math.abs(before - other)) / apart, g.time((x + other) / 2));
  }
  touches.set(event.pointerId, x);
}

function pointerMove(event) {
  if (touches.has(event.pointerId))
    return touchMove(event);
  if (!drag && !onSurface(event)) {
    tacho.span.point(null);
    return;
  }
  const x = xOf(event);
  const g = tacho.pictures.geometry();
  tacho.span.point(x < g.gutter - 6 ? null : g.time(inPlot(x)));
  if (!drag)
    return;
  drag.at = x;
  if (drag.pans)
    pan(x);
  else if (Math.abs(drag.at - drag.from) >= LEAST_DRAG)
    showSelection();
}

function pointerUp(event) {
  touches.delete(event.pointerId);
  if (!drag)
    return;
  const { from, at, pans } = drag;
  drag = null;
  selection.hidden = true;
  if (event.type === "pointercancel" || pans || Math.abs(at - from) < LEAST_DRAG)
    return;
  const g = tacho.pictures.geometry();
  tacho.span.set(g.time(inPlot(Math.min(from, at))), g.time(inPlot(Math.max(from, at))));
}

function wheel(event) {
  if (!onSurface(event))
    return;
  const g = tacho.pictures.geometry();
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    tacho.span.zoom(WHEEL ** event.deltaY, g.time(inPlot(xOf(event))));
  } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    event.preventDefault();
    tacho.span.pan((event.deltaX || event.deltaY) / g.plot * (g.to - g.from));
  }
}

// Moves the cursor by a share of what is shown, and says where it is.
function step(share) {
  const { from, to } = tacho.span.shown;
  const at = tacho.span.cursor === null ? from : tacho.span.cursor;
  const next = Math.min(Math.max(0, at + share * (to - from)), tacho.span.total_s);
  tacho.span.visit(next);
  tacho.tip.say(tacho.quantities.time(next, (to - from) / 500) + ". " + tacho.charts.wordsAt(next));
}

function escape() {
  if (drag) {
    drag = null;
    selection.hidden = true;
  }
  tacho.span.point(null);
}

const length = () => tacho.span.shown.to - tacho.span.shown.from;

const KEYS = {
  "+": () => tacho.span.zoom(1 / 1.5),
  "=": () => tacho.span.zoom(1 / 1.5),
  "-": () => tacho.span.zoom(1.5),
  "0": () => tacho.span.reset(),
  "ArrowLeft": () => tacho.span.pan(-0.1 * length()),
  "ArrowRight": () => tacho.span.pan(0.1 * length()),
  "Shift+ArrowLeft": () => step(-0.01),
  "Shift+ArrowRight": () => step(0.01),
  "Home": () => tacho.span.set(0, length()),
  "End": () => tacho.span.set(tacho.span.total_s - length(), tacho.span.total_s),
  "Escape": escape,
};

function keyDown(event) {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey)
    return;
  if (/^(INPUT|SELECT|TEXTAREA|SUMMARY)$/.test(event.target.tagName))
    return;
  const act = KEYS[(event.shiftKey && event.key.startsWith("Arrow") ? "Shift+" : "") + event.key];
  if (!act)
    return;
  event.preventDefault();
  act();
}

function start(element) {
  frame = element;
  selection = tacho.pictures.element("div", "selection");
  selection.hidden = true;
  frame.append(selection);
  frame.addEventListener("pointerdown", pointerDown);
  frame.addEventListener("pointermove", pointerMove);
  frame.addEventListener("pointerup", pointerUp);
  frame.addEventListener("pointercancel", pointerUp);
  frame.addEventListener("pointerleave", () => drag || tacho.span.point(null));
  frame.addEventListener("wheel", wheel, { passive: false });
  frame.addEventListener("dblclick", event => onSurface(event) && tacho.span.reset());
  frame.addEventListener("keydown", keyDown);
}

tacho.gestures = { start };
