// When what is drawn: all pictures have one width and one time axis, and only those near the window cost anything.

const NEAR = "400px";
const RIGHT = 10; // px between the end of time and the edge
const AT_ONCE = 3; // pictures that are drawn without asking whether they are near

let frame = null; // the element in which all pictures stand
let width = 0;
let printing = false;
let tellFirst;
const first = new Promise(done => { tellFirst = done; }); // kept when a picture was drawn
const pictures = new Map();
const observer = "IntersectionObserver" in window
  ? new IntersectionObserver(seen, { rootMargin: NEAR }) : null;

function seen(entries) {
  for (const entry of entries) {
    const picture = pictures.get(entry.target);
    picture.near = entry.isIntersecting;
    if (picture.near)
      show(picture);
  }
}

// A picture that cannot be drawn says so in its place, and the others go on.
function fail(picture, error) {
  picture.broken = true;
  const line = document.createElement("p");
  line.className = "problem";
  line.textContent = "This cannot be shown: " + error.message;
  picture.element.replaceChildren(line);
}

function draw(picture) {
  if (picture.broken || !picture.prepared || !width)
    return;
  picture.stale = false;
  try {
    picture.draw(geometry());
    if (!picture.always)
      tellFirst();
  } catch (error) {
    fail(picture, error);
  }
}

function prepare(picture) {
  if (!picture.preparing) {
    picture.preparing = picture.prepare().then(
      () => { picture.prepared = true; },
      error => fail(picture, error));
  }
  return picture.preparing;
}

async function show(picture) {
  await prepare(picture);
  if (picture.stale && picture.near)
    draw(picture);
}

function changed() {
  for (const picture of pictures.values()) {
    picture.stale = true;
    if (picture.near || picture.always)
      draw(picture);
  }
}

function resized(px) {
  if (px === width || px <= 0 || printing)
    return;
  width = px;
  changed();
}

// What every picture needs to know: where time is on the screen. In CSS pixels from the frame's left edge.
function geometry() {
  const gutter = width < 560 ? 62 : 68;
  const { from, to } = tacho.span.shown;
  const plot = Math.max(40, width - gutter - RIGHT);
  return {
    width, gutter, plot, from, to, right: RIGHT,
    x: seconds => gutter + (seconds - from) / (to - from) * plot,
    time: x => from + (x - gutter) / plot * (to - from),
  };
}

// picture: {element, prepare() -> promise, draw(geometry), cursor(seconds)}; cursor may be missing.
function add(picture) {
  pictures.set(picture.element, picture);
  Object.assign(picture, { near: !observer || pictures.size <= AT_ONCE, stale: true, prepared: false });
  if (picture.near)
    show(picture);
  if (observer)
    observer.observe(picture.element);
}

// One after another while nothing else is to do, so that a page is whole when it is printed.
async function prepareRest() {
  for (const picture of pictures.values()) {
    if (!picture.prepared)
      await new Promise(done => (window.requestIdleCallback || setTimeout)(done, { timeout: 2000 }));
    await prepare(picture);
  }
}

function drawAll() {
  for (const picture of pictures.values())
    draw(picture);
}

let shownBefore = null;

function start(element) {
  frame = element;
  new ResizeObserver(entries => resized(Math.floor(entries[0].contentRect.width))).observe(frame);
  tacho.colours.listen(changed);
  tacho.span.listen((shown, cursor) => {
    if (shown !== shownBefore)
      changed();
    shownBefore = shown;
    for (const picture of pictures.values()) {
      if (picture.cursor && picture.prepared && !picture.broken && picture.near)
        picture.cursor(cursor, geometry());
    }
  });
  resized(Math.floor(frame.clientWidth));
}

const PAPER_PX = 718; // the width of A4 between its margins

function paper(on) {
  if (!frame)
    return;
  printing = on;
  width = on ? PAPER_PX : Math.floor(frame.clientWidth);
  tacho.colours.onPaper(on);
  drawAll();
}

addEventListener("beforeprint", () => paper(true));
addEventListener("afterprint", () => paper(false));

// Makes a canvas sharp and blank, `wide` x `high` CSS pixels, and returns what draws on it.
function canvasFor(canvas, wide, high) {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(high * ratio);
    canvas.style.width = wide + "px";
    canvas.style.height = high + "px";
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, wide, high);
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  return context;
}

// Elements with a class and a text: all text of a recording goes this way, never as markup.
function element(name, className, text) {
  const made = document.createElement(name);
  if (className)
    made.className = className;
  if (text !== undefined)
    made.textContent = text;
  return made;
}

tacho.pictures = { first, add, start, changed, geometry, canvasFor, element, prepareRest };
