// Finds the parts of the page and starts them.

const { element } = tacho.pictures;
const PATIENCE_MS = 500;

function themeButton() {
  const header = document.querySelector("header.session");
  if (!header)
    return;
  const button = element("button", "theme");
  button.type = "button";
  const say = () => { button.textContent = { auto: "◐ auto", light: "☀ light", dark: "☾ dark" }[tacho.colours.theme]; };
  button.setAttribute("aria-label", "Colours: automatic, light or dark");
  button.addEventListener("click", () => {
    tacho.colours.nextTheme();
    say();
  });
  say();
  header.append(button);
}

// All that has the common time axis goes into one frame: the bar stays in sight above it, one line is the cursor of all.
function makeFrame(sections) {
  const frame = element("div", "pictures-frame");
  sections[0].before(frame);
  const last = sections[sections.length - 1];
  while (frame.nextElementSibling && frame.nextElementSibling !== last)
    frame.append(frame.nextElementSibling);
  frame.append(last);
  return frame;
}

function followCursor(frame) {
  const line = element("div", "cursor");
  line.hidden = true;
  line.setAttribute("aria-hidden", "true");
  frame.append(line);
  tacho.span.listen((shown, cursor) => {
    line.hidden = cursor === null || cursor < shown.from || cursor > shown.to;
    if (!line.hidden)
      line.style.transform = "translateX(" + Math.round(tacho.pictures.geometry().x(cursor)) + "px)";
  });
}

function startPictures() {
  const sections = ["charts", "process-lanes", "scope-lanes"].map(id => document.getElementById(id)).filter(Boolean);
  if (!sections.length)
    return;
  const frame = makeFrame(sections);
  const heading = sections[0].querySelector("h2"); // above what stays in sight
  if (heading)
    frame.before(heading);
  const controls = document.querySelector("#charts .controls") || element("div", "controls");
  frame.prepend(tacho.timebar.make(controls));
  followCursor(frame);
  tacho.gestures.start(frame);
  tacho.pictures.start(frame);
  const [charts, processes, scopes] = ["#charts .pictures", "#process-lanes .picture", "#scope-lanes .picture"]
    .map(place => document.querySelector(place));
  if (charts)
    tacho.contents.charts.forEach(chart => tacho.charts.add(charts, chart));
  if (processes && tacho.contents.processes)
    tacho.processLanes.start(processes);
  if (scopes && tacho.contents.threads.length)
    tacho.scopeLanes.start(scopes);
  sections.forEach(tacho.timebar.makePaperAxis);
}

async function startLabels() {
  if (!tacho.contents.labels || !tacho.contents.labels.count)
    return;
  await tacho.labels.read();
  const bar = document.querySelector(".time-axis");
  if (!bar)
    return;
  document.querySelector(".timebar").after(tacho.labels.list());
  tacho.pictures.changed();
}

// Long tables take longer to lay out than all else together: the style leaves them out while the page is `early`.
const root = document.documentElement;
root.classList.add("scripted", "early");

function showAll() {
  root.classList.remove("early");
}

addEventListener("load", () => setTimeout(showAll, PATIENCE_MS)); // whatever happens to the pictures

async function start() {
  tacho.unpack.open();
  tacho.tip.start();
  themeButton();
  if (tacho.contents) {
    tacho.span.start(tacho.contents.to_s);
    startPictures();
    await Promise.race([tacho.pictures.first, new Promise(done => setTimeout(done, PATIENCE_MS))]);
  }
  await new Promise(requestAnimationFrame);
  showAll();
  tacho.tables.start();
  if (!tacho.contents)
    return;
  await startLabels().catch(() => {}); // the pictures do without
  await tacho.pictures.prepareRest();
  root.dataset.ready = "";
}

if (document.readyState === "loading")
  document.addEventListener("DOMContentLoaded", start);
else
  start();
